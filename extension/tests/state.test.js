import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Store } from '../state/store.js';
import { emptyTab, navigated, withPlaylist } from '../state/tabs.js';
import * as jobs from '../report/jobs.js';

/** A storage area, as slow as it likes. @param {Record<string, any>} saved */
function area(saved = {}) {
  return {
    saved,
    writes: 0,
    async read() {
      return structuredClone(saved);
    },
    /** @param {Record<string, unknown>} values */
    async write(values) {
      this.writes += 1;
      await new Promise((resolve) => setImmediate(resolve));
      Object.assign(saved, structuredClone(values));
    },
    /** @param {string[]} keys */
    async remove(keys) {
      for (const key of keys) delete saved[key];
    },
  };
}

/** @param {ReturnType<typeof area>} storage */
async function open(storage) {
  const bound = {
    read: () => storage.read(),
    write: (/** @type {any} */ v) => storage.write(v),
    remove: (/** @type {any} */ k) => storage.remove(k),
  };
  const store = new Store(bound, () => {});
  await store.ready;
  await store.written();
  storage.writes = 0;
  return store;
}

const start = (/** @type {string} */ job) => ({
  job,
  tab: 1,
  stream: 'https://a/m.m3u8 ',
  source: 'https://a/m.m3u8',
  quality: null,
  title: 'T',
  startedAt: 1,
  plannedAt: 1,
});

test('what one worker knew, the next one knows', async () => {
  const storage = area();
  const first = await open(storage);
  first.changeTab(1, (tab) =>
    withPlaylist(tab, { url: 'https://a/m.m3u8', seenAt: 5, headers: [{ name: 'Referer', value: 'x' }] }),
  );
  const click = { id: '1', url: 'https://a/b.m3u', page: null };
  first.changeClicks(() => [click]);
  first.keepText(1, 'https://a/m.m3u8', '#EXTM3U');
  first.changeJobs((list) => jobs.prepared(list, start('j')));
  await first.written();
  const second = await open(storage);
  assert.deepEqual([first.isNew, second.isNew], [true, false]);
  assert.deepEqual(second.tab(1), first.tab(1));
  assert.equal(second.text(1, 'https://a/m.m3u8'), '#EXTM3U');
  assert.deepEqual([second.jobs, second.clicks], [first.jobs, [click]]);
});

test('the files of a batch are known for as long as it is listed and not whole', async () => {
  const storage = area();
  const first = await open(storage);
  const files = { tab: 1, page: 'https://a/', title: 'T', items: [{ url: 'https://a/1.png', name: null }], headers: [] };
  for (const job of ['a', 'b', 'c']) {
    first.changeJobs((list) => jobs.prepared(list, { ...start(job), kind: 'files' }));
    first.keepFiles(job, files);
  }
  const end = { verdict: /** @type {const} */ ('complete'), output: '/a', bytes: 1, durationSeconds: 0, tracks: [], warnings: [], segments: { total: 1, fetched: 1, retried: 0 }, gaps: [], error: null };
  first.changeJobs((list) => jobs.finished(list, { ...end, job: 'a' }));
  first.changeJobs((list) => list.filter(({ job }) => job !== 'b'));
  await first.written();
  const second = await open(storage);
  assert.deepEqual(['a', 'b', 'c'].map((job) => second.files(job)), [null, null, files]);
  const items = Array.from({ length: 10_000 }, (_, index) => ({ url: `https://a/${'x'.repeat(150)}${index}`, name: null }));
  second.keepFiles('c', { ...files, items });
  assert.deepEqual(second.files('c'), files, 'too many are not kept');
});

test('many changes are few writes, and the last one wins', async () => {
  const storage = area();
  const store = await open(storage);
  for (let seenAt = 1; seenAt <= 100; seenAt += 1) {
    store.changeTab(1, (tab) =>
      withPlaylist(tab, { url: `https://a/${seenAt % 10}`, seenAt, signature: String(seenAt) }),
    );
  }
  await store.written();
  assert.equal(storage.writes, 1);
  assert.deepEqual(storage.saved['tab:1'], store.tab(1));
});

test('a closed tab and a navigation leave nothing behind', async () => {
  const storage = area();
  const store = await open(storage);
  for (const tab of [1, 2]) {
    store.changeTab(tab, (state) => withPlaylist(state, { url: 'https://a/x?y:z', seenAt: 5 }));
    store.keepText(tab, 'https://a/x?y:z', '#EXTM3U');
  }
  store.removeTab(1);
  store.changeTab(2, (state) => navigated(state, 'https://b/', 10));
  await store.written();
  assert.deepEqual(Object.keys(storage.saved), ['started', 'tab:2']);
  assert.deepEqual(storage.saved['tab:2'].playlists, []);
});

test('texts keep to their share of the storage, the oldest go', async () => {
  const storage = area();
  const store = await open(storage);
  const text = 'x'.repeat(500_000);
  for (let index = 0; index < 10; index += 1) store.keepText(1, `https://a/${index}`, text + index);
  store.keepText(1, 'https://a/huge', 'x'.repeat(600_000));
  await store.written();
  const texts = Object.keys(storage.saved).filter((key) => key.startsWith('text:'));
  const kept = texts.map((key) => key.at(-1));
  assert.deepEqual(kept.sort(), ['4', '5', '6', '7', '8', '9']);
});

test('a value that is too large keeps no other from being written', async () => {
  const storage = area();
  const write = storage.write;
  storage.write = async (values) => {
    if ('tab:1' in values) throw new Error('quota');
    await write.call(storage, values);
  };
  const warn = console.warn;
  console.warn = () => {};
  const store = await open(storage);
  store.changeTab(1, (tab) => withPlaylist(tab, { url: 'https://a/', seenAt: 1 }));
  store.changeTab(2, (tab) => withPlaylist(tab, { url: 'https://a/', seenAt: 1 }));
  await store.written();
  console.warn = warn;
  assert.deepEqual(Object.keys(storage.saved), ['started', 'tab:2']);
});

test('a storage that refuses does not stop the extension', async () => {
  const storage = area();
  storage.write = async () => {
    throw new Error('quota');
  };
  const warn = console.warn;
  console.warn = () => {};
  const store = await open(storage);
  store.changeJobs((list) => jobs.prepared(list, start('j')));
  await store.written();
  console.warn = warn;
  assert.equal(store.jobs.length, 1);
});

test("a navigation forgets the last page's streams, but not a playlist that is the page", () => {
  let tab = emptyTab();
  tab = withPlaylist(tab, { url: 'https://a/old.m3u8', seenAt: 5 });
  tab = withPlaylist(tab, { url: 'https://a/page.m3u8', seenAt: 9 });
  tab = navigated(tab, 'https://a/page.m3u8', 10);
  assert.deepEqual(
    tab.playlists.map(({ url }) => url),
    ['https://a/page.m3u8'],
  );
  assert.equal(
    withPlaylist(tab, { url: 'https://a/late.m3u8', seenAt: 8 }),
    tab,
    'a late word of the old page',
  );
});

test('a request from the cache does not take away the headers of the one before', () => {
  const headers = [{ name: 'Referer', value: 'x' }];
  let tab = withPlaylist(emptyTab(), { url: 'https://a/m', seenAt: 1, headers });
  tab = withPlaylist(tab, { url: 'https://a/m', seenAt: 2, headers: [] });
  assert.deepEqual(tab.playlists[0]?.headers, headers);
  assert.equal(tab.playlists.length, 1);
});

const segments = { total: 10, fetched: 4, retried: 0 };
const progress = (/** @type {string} */ job) => ({
  job,
  state: /** @type {const} */ ('running'),
  segments,
  bytes: 9,
  bytesPerSecond: 3,
  etaSeconds: 2,
  recordedSeconds: null,
});
const end = (/** @type {string} */ job) => ({
  job,
  verdict: /** @type {const} */ ('complete'),
  output: '/v/T.mp4',
  bytes: 20,
  durationSeconds: 8,
  tracks: [],
  warnings: [],
  segments,
  gaps: [],
  error: null,
});

test('a job goes from prepared to finished, and a late progress does not wake it', () => {
  let list = jobs.prepared([], start('j'));
  assert.equal(list[0]?.state, 'preparing');
  list = jobs.progressed(list, progress('j'));
  assert.deepEqual([list[0]?.state, list[0]?.bytes, jobs.busy(list)], ['running', 9, true]);
  // What it came to is not known before it is told.
  list = jobs.progressed(list, { ...progress('j'), state: 'finished' });
  assert.deepEqual([list[0]?.state, list[0]?.verdict, jobs.busy(list)], ['finishing', null, true]);
  list = jobs.progressed(jobs.finished(list, end('j')), progress('j'));
  assert.deepEqual(
    [list[0]?.state, list[0]?.verdict, list[0]?.output, jobs.busy(list)],
    ['finished', 'complete', '/v/T.mp4', false],
  );
  assert.deepEqual(jobs.cleared(list), []);
});

test('a finished job keeps what a person wants to know of it', () => {
  const told = {
    ...end('j'),
    gaps: [{ track: 0, sequence: 2, startSeconds: 4, durationSeconds: 2 }],
    warnings: ['the subtitles are left out: they cannot go the way of this codec'],
    tracks: [
      { kind: /** @type {const} */ ('video'), codec: 'avc1', samples: 1, language: null },
      { kind: /** @type {const} */ ('subtitle'), codec: 'tx3g', samples: 1, language: 'de' },
    ],
  };
  const [job] = jobs.finished(jobs.prepared([], start('j')), told);
  assert.deepEqual(
    [job?.parts, job?.missing, job?.notes, job?.subtitles],
    [1, [{ from: 4, to: 6 }], [{ code: 'no-subtitles', values: [] }], ['de']],
  );
});

test('a recording tells how much there is, and a host that does not know of recordings tells none', () => {
  const told = (/** @type {any} */ event) =>
    jobs.progressed(jobs.prepared([], start('j')), event)[0]?.recordedSeconds;
  assert.equal(told({ ...progress('j'), recordedSeconds: 83.5 }), 83.5);
  const { recordedSeconds: _, ...older } = progress('j');
  assert.equal(told(older), null);
});

test('what a host was handed and does not know is handed over once more', () => {
  let list = ['gone', 'running'].reduce(
    (all, job) => jobs.progressed(jobs.prepared(all, start(job)), progress(job)),
    jobs.prepared([], start('plan')),
  );
  list = jobs.failed(jobs.prepared(list, start('failed')), 'failed', { code: 'drm', message: '' });
  const host = [{ job: 'running', title: 'T', progress: progress('running'), finished: null }];
  assert.deepEqual(
    jobs.unknownTo(host, list).map(({ job }) => job),
    ['gone'],
  );
  const again = jobs.preparedAgain(jobs.refreshing(list, 'gone'), 'gone', 7).find(({ job }) => job === 'gone');
  assert.deepEqual([again?.state, again?.isRefreshing, again?.plannedAt], ['preparing', false, 7]);
});

test('after a restart the host decides: known jobs go on, unknown ones are lost, new ones are shown', () => {
  let list = ['gone', 'ended', 'running'].reduce(
    (all, job) => jobs.progressed(jobs.prepared(all, start(job)), progress(job)),
    jobs.prepared([], start('plan')),
  );
  list = jobs.reconciled(
    list,
    [
      { job: 'running', title: 'T', progress: { ...progress('running'), bytes: 99 }, finished: null },
      { job: 'ended', title: 'T', progress: progress('ended'), finished: end('ended') },
      { job: 'other', title: 'another window', progress: progress('other'), finished: null },
    ],
    { code: 'host-gone', message: 'lost' },
  );
  const told = Object.fromEntries(
    list.map((job) => [job.job, job.failure?.code ?? job.verdict ?? `${job.state} ${job.bytes}`]),
  );
  assert.deepEqual(told, {
    running: 'running 99',
    ended: 'complete',
    gone: 'host-gone',
    plan: 'preparing 0',
    other: 'running 9',
  });
});
