// The history: the host's journal and what is known here, as one list.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { streams } from '../detect/group.js';
import { History } from '../history.js';
import { Failed } from '../report/failure.js';
import { elsewhere, isAbout, rows } from '../report/history.js';
import * as jobs from '../report/jobs.js';
import { blankPlaylist } from '../state/tabs.js';

/** @import { Job, Playlist } from '../types' */
/** @import { Capture, Event, Request } from '../generated/protocol' */

const golden = new URL('../../tests/fixtures/frames/event-history.json', import.meta.url);

/** One that was interrupted on a command line, and one that a browser has finished. @type {Capture[]} */
const captures = JSON.parse(readFileSync(golden, 'utf8')).captures;
const [typed, clicked] = /** @type {[Capture, Capture]} */ (captures);

/** @param {Partial<Job>} change @returns {Job} */
const job = (change) => ({ ...jobs.blank('job-9'), startedAt: 5_000, ...change });

test('a capture is shown with its state, its site, and what can be done with it', () => {
  const [first, second] = rows(captures, []);
  assert.deepEqual(
    [first?.job.failure?.code, first?.job.segments.fetched, first?.site, first?.can],
    ['paused', 150, 'cdn.example', ['reveal', 'resume', 'again', 'forget']],
  );
  assert.deepEqual(
    [second?.job.verdict, second?.job.durationSeconds, second?.site, second?.page, second?.can],
    ['complete', 12.012, 'video.example', 'https://video.example/watch/7', ['reveal', 'open', 'forget']],
  );
  assert.equal(second?.at, 1796079725000);
});

test('a page whose address is not whole is no link', () => {
  const [row] = rows([{ ...clicked, page: 'https://video.example/watch?...' }], []);
  assert.deepEqual([row?.site, row?.page], ['video.example', null]);
});

test('what is under way is not in the history, here or in another process', () => {
  const running = { ...typed, state: /** @type {const} */ ('running') };
  assert.deepEqual(rows([running], []), []);
  assert.deepEqual(elsewhere([running], []).map(({ state, bytes }) => [state, bytes]), [['running', 157286400]]);
  const here = job({ job: 'job-1', state: 'running' });
  assert.deepEqual(rows([{ ...clicked, state: 'interrupted' }], [here]), []);
  assert.deepEqual(elsewhere([running], [job({ capture: 17, state: 'running' })]), [], 'it is this browser’s');
});

test('what is known here adds why it stopped, and where it came from; and comes once', () => {
  const failure = { code: /** @type {const} */ ('network'), message: 'gone' };
  const known = job({ job: 'job-1', state: 'finished', verdict: 'failed', failure, tab: 4, stream: 's' });
  const all = rows([{ ...clicked, state: 'interrupted', finished: null, can: ['reveal'] }], [known]);
  assert.equal(all.length, 1);
  assert.deepEqual([all[0]?.job.failure, all[0]?.job.tab], [failure, 4]);
  assert.deepEqual(all[0]?.can, ['reveal', 'again', 'forget']);
});

test('what failed before the host knew of it is there, the newest first', () => {
  const failure = { code: /** @type {const} */ ('host-missing'), message: '' };
  const early = job({ state: 'finished', verdict: 'failed', failure, source: 'https://a.example/x.m3u8', tab: 1 });
  const late = { ...early, job: 'job-10', startedAt: Date.UTC(2040, 0) };
  const all = rows(captures, [early, late]);
  assert.deepEqual(
    all.map(({ job, capture }) => [job.job, capture]),
    [['job-10', null], ['capture-17', 17], ['capture-16', 16], ['job-9', null]],
  );
  assert.deepEqual([all[0]?.site, all[0]?.can], ['a.example', ['again', 'forget']]);
});

test('a search is for all its words, in title, site and file, whatever their case', () => {
  const [, lecture] = rows(captures, []);
  assert.ok(lecture);
  for (const sought of ['LECTURE', '水力学', 'video.example', 'lecture video.EXAMPLE', 'Videos'])
    assert.ok(isAbout(lecture, sought), sought);
  for (const sought of ['mill', 'lecture mill']) assert.ok(!isAbout(lecture, sought), sought);
});

/**
 * The commands over a host that answers like this, and a store with these jobs and playlists in tab 3.
 * @param {(request: Request) => Partial<Event> | undefined} answer @param {Job[]} list @param {Playlist[]} [playlists]
 */
function commands(answer, list, playlists = []) {
  /** @type {Request[]} */ const asked = [];
  /** @type {unknown[][]} */ const started = [];
  const store = {
    jobs: list,
    /** @param {(jobs: Job[]) => Job[]} change */
    changeJobs: (change) => {
      store.jobs = change(store.jobs);
    },
    tabs: [3],
    tab: () => ({ committedAt: 0, playlists, sharedWorkers: [], begun: [] }),
  };
  const host = {
    /** @param {(id: number) => Request} unnumbered */
    request: async (unnumbered) => {
      const request = unnumbered(1);
      asked.push(request);
      const history = request.type === 'history' ? { type: 'history', captures } : { type: 'done' };
      return /** @type {Event} */ (answer(request) ?? history);
    },
  };
  const all = new History(host, store, {
    stream: async (/** @type {any[]} */ ...values) => started.push(values),
    files: (/** @type {string} */ job) => job === 'known' && started.push([job]) > 0,
  }).commands;
  const run = (/** @type {any} */ command) => all[command.type]?.(command);
  return { run, asked, started, store };
}

test('a capture of the command line is the host’s to go on with, and its job is here before its events are', async () => {
  const old = job({ job: 'old', capture: 17, state: 'finished', verdict: 'failed' });
  /** @type {string[]} */ let listed = [];
  const { run, asked, store } = commands((request) => {
    if (request.type === 'resume') listed = store.jobs.map(({ job }) => job);
    return undefined;
  }, [old]);
  await run({ type: 'again', job: null, capture: 17 });
  const request = asked.at(-1);
  assert.ok(request?.type === 'resume');
  assert.equal(request.capture, 17);
  assert.deepEqual(listed, [request.job], 'and the one that it goes on with is not');
  assert.deepEqual([store.jobs[0]?.state, store.jobs[0]?.title, store.jobs[0]?.capture], ['queued', 'mill', 17]);
});

test('what the host refuses to go on with leaves no job', async () => {
  const { run, store } = commands((request) => {
    if (request.type === 'repair') throw new Failed('usage', 'nothing to repair');
    return undefined;
  }, []);
  await assert.rejects(async () => run({ type: 'repair', capture: 16 }), { code: 'usage' });
  assert.deepEqual(store.jobs, []);
});

const playlist = {
  ...blankPlaylist('https://video.example/lecture/master.m3u8?token=new'),
  summary: /** @type {any} */ ({
    kind: 'media', live: false, encryption: [], drm: [], durationSeconds: 1, segments: 1, warnings: [],
  }),
  shown: true,
  ofPage: true,
};

test('a capture of a browser goes on from an open page that plays the stream, whatever its token', async () => {
  const { run, started, store } = commands(() => undefined, [], [playlist]);
  await run({ type: 'again', job: null, capture: 16 });
  assert.equal(started.length, 1);
  assert.deepEqual([started[0]?.[0], started[0]?.[2]], [3, 'best']);
  assert.deepEqual(store.jobs, []);
});

test('it goes on in the quality that was chosen, which the host tells when nobody here knows any more', async () => {
  const variant = (/** @type {number} */ height) => ({
    url: `https://video.example/lecture/${height}.m3u8?token=new`,
    height, width: null, bandwidth: height * 1000, frameRate: null, codecs: [], audio: null,
  });
  const variants = [2160, 1080, 720].map(variant);
  const summary = /** @type {any} */ ({ kind: 'multivariant', drm: null, warnings: [], variants, renditions: [] });
  const { run, started } = commands(() => undefined, [], [{ ...playlist, summary }]);
  await run({ type: 'again', job: null, capture: 16 });
  const [stream] = streams([{ ...playlist, summary }]);
  const chosen = stream?.qualities.find(({ value }) => value === started[0]?.[2]);
  assert.equal(chosen?.height, 1080);
});

test('without such a page it says what to do', async () => {
  const { run, started } = commands(() => undefined, []);
  await assert.rejects(async () => run({ type: 'again', job: null, capture: 16 }), { code: 'page-needed' });
  await assert.rejects(async () => run({ type: 'again', job: null, capture: 99 }), { code: 'unknown-job' });
  assert.deepEqual(started, []);
});

test('files go on where they are known, and else are to be chosen again', async () => {
  const files = job({ job: 'known', kind: 'files', state: 'finished', verdict: 'failed', tab: 3 });
  const { run, started } = commands(() => undefined, [files, { ...files, job: 'lost' }], [playlist]);
  await run({ type: 'again', job: 'known', capture: null });
  assert.deepEqual(started, [['known']]);
  await assert.rejects(async () => run({ type: 'again', job: 'lost', capture: null }), { code: 'files-needed' });
  const [first] = rows(captures.map((capture) => ({ ...capture, kind: 'files' })), []);
  assert.equal(first?.job.kind, 'files');
});

test('a record that is deleted is gone here too, but not one that the host keeps', async () => {
  const list = [job({ capture: 16, state: 'finished' }), job({ job: 'job-1', state: 'finished' }), job({ job: 'running', capture: 16, state: 'running' })];
  const { run, asked, store } = commands(() => undefined, list);
  await run({ type: 'forget', job: null, capture: 16 });
  assert.deepEqual(asked.at(-1), { type: 'forget', id: 1, capture: 16 });
  assert.deepEqual(store.jobs.map(({ job }) => job), ['running']);
  const refusing = commands((request) => {
    if (request.type === 'forget') throw new Failed('already-running', '');
    return undefined;
  }, list);
  await assert.rejects(async () => refusing.run({ type: 'forget', job: null, capture: 16 }));
  assert.equal(refusing.store.jobs.length, 3);
});

test('a paused capture is replaced by the one that goes on with it', () => {
  const failure = { code: /** @type {const} */ ('paused'), message: '' };
  const paused = job({ state: 'finished', verdict: 'failed', failure, tab: 1, stream: 's' });
  const start = { job: 'next', tab: 1, stream: 's', quality: null, title: '', startedAt: 6_000, plannedAt: 6_000 };
  assert.deepEqual(jobs.prepared([paused], start).map(({ job }) => job), ['next']);
  assert.equal(jobs.prepared([paused], { ...start, stream: 't' }).length, 2);
});
