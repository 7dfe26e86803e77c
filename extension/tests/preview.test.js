import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OwnRequests } from '../plan/own_requests.js';
import { markOf, previewOf } from '../plan/preview.js';
import { isOfPage } from '../observe/requests.js';
import { Previews } from '../previews.js';
import { blankPlaylist, emptyTab } from '../state/tabs.js';

/** @import { PlannedSegment } from '../generated/protocol' */

const HOST = 'https://cdn.example';
const SOURCE = `${HOST}/master.m3u8`;

/** @param {number} number @param {Partial<PlannedSegment>} [more] @returns {PlannedSegment} */
const segment = (number, more = {}) => ({
  sequence: number,
  url: `${HOST}/${number}.ts`,
  durationSeconds: 6,
  ...more,
});

/** @param {PlannedSegment[]} segments @param {object} [more] @returns {any} */
const plan = (segments, more = {}) => ({ source: SOURCE, title: null, live: false, tracks: [{ segments }], ...more });

/** @param {number} count */
const row = (count) => Array.from({ length: count }, (_, index) => segment(index));

/** The numbers of the segments that a playlist lists. @param {string} text */
const listed = (text) => [...text.matchAll(/^https.*\/(\d+)\.ts$/gm)].map(([, number]) => Number(number));

/** @param {string} method @param {string} [url] @returns {any} */
const key = (method, url = `${HOST}/key`) => ({ method, url, iv: '0'.repeat(31) + '7' });

test('the first seconds are played, of a live stream the last, and no segment that is not there', () => {
  assert.deepEqual(listed(previewOf(plan(row(100))).playlist), [0, 1, 2, 3]);
  assert.deepEqual(listed(previewOf(plan(row(100), { live: true })).playlist), [96, 97, 98, 99]);
  const short = Array.from({ length: 100 }, (_, index) => segment(index, { durationSeconds: 0.5 }));
  assert.equal(listed(previewOf(plan(short)).playlist).length, 12);
  const gap = [segment(0, { gap: true }), segment(1)];
  assert.deepEqual(listed(previewOf(plan(gap)).playlist), [1]);
  assert.throws(() => previewOf(plan([segment(0, { gap: true })])), { code: 'nothing-to-capture' });
});

test('a playlist says what is in force: ranges, maps, keys, and that there are none', () => {
  const map = (/** @type {any} */ own = undefined) => ({ url: `${HOST}/init`, range: { offset: 0, length: 9 }, key: own });
  const { playlist, urls } = previewOf(
    plan([
      segment(0, { map: map(), key: key('AES-128'), range: { offset: '10', length: 5 } }),
      segment(1, { map: map(), key: key('AES-128'), discontinuity: true, durationSeconds: undefined }),
      segment(2, { durationSeconds: 2.5 }),
    ]),
  );
  assert.deepEqual(playlist.split('\n'), [
    '#EXTM3U',
    '#EXT-X-VERSION:7',
    '#EXT-X-TARGETDURATION:6',
    '#EXT-X-PLAYLIST-TYPE:VOD',
    '#EXT-X-MAP:URI="https://cdn.example/init",BYTERANGE="9@0"',
    '#EXT-X-KEY:METHOD=AES-128,URI="https://cdn.example/key",IV=0x00000000000000000000000000000007',
    '#EXT-X-BYTERANGE:5@10',
    '#EXTINF:6,',
    'https://cdn.example/0.ts',
    '#EXT-X-DISCONTINUITY',
    '#EXTINF:6,',
    'https://cdn.example/1.ts',
    '#EXT-X-KEY:METHOD=NONE',
    '#EXTINF:2.5,',
    'https://cdn.example/2.ts',
    '#EXT-X-ENDLIST',
    '',
  ]);
  assert.deepEqual(urls, [`${HOST}/0.ts`, `${HOST}/init`, `${HOST}/key`, `${HOST}/1.ts`, `${HOST}/2.ts`]);
  const own = key('AES-128', 'data:application/octet-stream;base64,AAAA');
  assert.deepEqual(previewOf(plan([segment(0, { key: own })])).urls, [`${HOST}/0.ts`], 'a key of the page is at hand');
});

test('what the player cannot decrypt, and what leads into another network, is refused before anything is asked for', () => {
  const map = { url: `${HOST}/init` };
  for (const [method, isTold] of /** @type {[string, boolean][]} */ ([
    ['SAMPLE-AES-CTR', true],
    ['AES-256-GCM', true],
    ['AES-256-CTR', false],
  ])) {
    const wanted = () => previewOf(plan([segment(0, { key: key(method) })]));
    if (isTold) assert.throws(wanted, { code: 'unplayable', message: `the player does not decrypt ${method}` });
    else wanted();
  }
  previewOf(plan([segment(0, { key: key('SAMPLE-AES') })]));
  assert.throws(() => previewOf(plan([segment(0, { key: key('SAMPLE-AES'), map })])), { code: 'unplayable' });
  const router = segment(0, { url: 'https://192.168.0.1/0.ts' });
  assert.throws(() => previewOf(plan([router])), { code: 'private-address' });
});

test('what is played is asked for as the page does, by that page alone, until it is closed', async () => {
  /** @type {Map<number, any>} */
  const active = new Map();
  const own = new OwnRequests(
    {
      list: async () => [],
      change: async (add, remove) => {
        for (const id of remove) active.delete(id);
        for (const rule of add) active.set(rule.id, rule);
      },
    },
    'weir',
  );
  const summary = /** @type {any} */ ({ kind: 'media', live: false, encrypted: null, drm: null, warnings: [] });
  const playlist = { ...blankPlaylist(SOURCE), summary, signature: 'x' };
  /** @type {any} */
  const store = { ready: Promise.resolve(), tab: () => ({ ...emptyTab(), playlists: [playlist] }) };
  const headers = [{ name: 'Referer', value: 'https://page.example/' }];
  const previews = new Previews({
    store,
    captures: { plan: async () => ({ plan: plan(row(2)), title: 'A film', context: /** @type {any} */ ({ headers }) }) },
    asPage: {
      hold: async (_, urls, ofPage, page) =>
        own.hold(new Map(urls.map((url) => [new URL(url).hostname, ofPage])), page),
    },
  });
  /** @param {object} message */
  async function play(message) {
    /** @type {any} */ let close;
    const answer = await new Promise((resolve) => {
      previews.add(/** @type {any} */ ({
        name: 'preview',
        sender: { tab: { id: 42 } },
        onDisconnect: { addListener: (/** @type {any} */ ear) => (close = ear) },
        onMessage: { addListener: (/** @type {any} */ ear) => void ear(message) },
        postMessage: resolve,
      }));
    });
    return { answer, close };
  }
  const gone = await play({ tab: 7, mark: 'ff' });
  assert.equal(gone.answer.failure.code, 'stream-gone');
  assert.equal(active.size, 0);
  const { answer, close } = await play({ tab: 7, mark: await markOf(`${SOURCE} x`, 'best') });
  assert.deepEqual([answer.ok, answer.title, answer.live], [true, 'A film', false]);
  const [rule] = [...active.values()];
  assert.deepEqual(rule.condition.tabIds, [42]);
  assert.deepEqual(rule.condition.initiatorDomains, ['weir']);
  assert.deepEqual(rule.condition.requestDomains, ['cdn.example']);
  assert.deepEqual(rule.action.requestHeaders, [
    { header: 'referer', operation: 'set', value: 'https://page.example/' },
    { header: 'origin', operation: 'remove' },
  ]);
  close();
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(active.size, 0);
});

test("a page of the extension is no page with streams, and a link of it opens one", () => {
  const asks = (/** @type {any} */ details) => isOfPage({ tabId: 3, ...details });
  assert.equal(asks({ type: 'xmlhttprequest', initiator: 'chrome-extension://abc' }), false);
  assert.equal(asks({ type: 'xmlhttprequest', documentUrl: 'moz-extension://abc/ui/dashboard.html' }), false);
  assert.equal(asks({ type: 'main_frame', initiator: 'chrome-extension://abc' }), true);
  assert.equal(asks({ type: 'xmlhttprequest', initiator: 'https://page.example' }), true);
});
