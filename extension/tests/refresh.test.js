// Other links for a capture whose own have expired.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { captureRequest } from '../plan/capture.js';
import { sameQuality, search, sources } from '../plan/refresh.js';
import * as jobs from '../report/jobs.js';
import { blankPlaylist } from '../state/tabs.js';

/** @import { Playlist, Quality } from '../types' */

/** @param {string} url @param {number} readAt @returns {Playlist} */
const playlist = (url, readAt = 0) => ({ ...blankPlaylist(url), readAt });

test('the same playlist under another token is found, the latest first, and another is not', () => {
  const all = [
    playlist('https://a.example/film/master.m3u8?token=1', 5),
    playlist('https://a.example/other/master.m3u8?token=1', 9),
    playlist('https://a.example/film/master.m3u8?token=2', 7),
    playlist('https://b.example/1764130000/film/master.m3u8', 6),
    playlist('https://a.example/film/master.m3u8?id=2', 1),
  ];
  const found = sources(all, 'https://a.example/film/master.m3u8?token=1').map(({ readAt }) => readAt);
  assert.deepEqual(found, [7, 6, 5]);
});

const variant = (/** @type {string} */ url, /** @type {number} */ height) => ({
  url,
  height,
  width: height * 2,
  bandwidth: height * 1000,
  frameRate: null,
  codecs: [],
});

/** @param {any[]} variants @returns {any} */
const multivariant = (variants) => ({ kind: 'multivariant', variants, renditions: [], warnings: [] });

test('the quality that was chosen is chosen again', () => {
  /** @type {(url: string, height: number) => Quality} */
  const chosen = (url, height) => {
    const { width, bandwidth, frameRate } = variant(url, height);
    return { value: `${height}`, url, height, width, bandwidth, frameRate };
  };
  const low = 'https://a.example/low/index.m3u8';
  const high = 'https://a.example/high/index.m3u8';
  const inFolder = (/** @type {string} */ token, /** @type {string} */ of) =>
    `https://a.example/${token}/${of}/index.m3u8`;
  const [one, two] = ['0123456789abcdef', 'fedcba9876543210'];
  for (const [before, now] of [
    [low, low],
    [`${low}?token=1`, `${low}?token=2`],
    [inFolder(one, 'low'), inFolder(two, 'low')],
  ]) {
    const summary = multivariant([variant(high, 1080), variant(String(now), 360)]);
    assert.equal(sameQuality(chosen(String(before), 360), summary), now);
  }
  assert.equal(sameQuality(chosen(low, 360), multivariant([variant(high, 1080)])), null);
  assert.equal(sameQuality({ ...chosen(low, 360), value: 'best' }, multivariant([variant(high, 1080)])), 'best');
  assert.equal(sameQuality(null, multivariant([variant(high, 1080)])), 'best');
});

test('what was read before is asked for again, what was read since is not', () => {
  const source = {
    ...playlist('https://a.example/m.m3u8'),
    summary: multivariant([variant('https://a.example/high.m3u8', 1080)]),
  };
  /** @type {any} */
  const media = { kind: 'media', live: false };
  const all = [
    { ...playlist('https://a.example/high.m3u8?token=2'), summary: media },
    { ...playlist('https://a.example/high.m3u8?token=1'), summary: media },
  ];
  const textOf = (/** @type {string} */ url) => (url.endsWith('2') ? 'fresh' : undefined);
  const { plan } = captureRequest(source, all, 'best', 'T', textOf, { audio: null, subtitles: null });
  assert.deepEqual(plan.known, [{ url: 'https://a.example/high.m3u8', text: 'fresh' }]);
  assert.equal('text' in plan.source, false);
});

const soon = { patience: 60, interval: 5 };

test('a search goes on to what the page asks for meanwhile, and offers nothing twice', async () => {
  const known = [playlist('https://a.example/m?token=1', 1)];
  /** @type {string[]} */ const offered = [];
  const failure = await search(
    async () => ({ playlists: known }),
    async (_, { url }) => {
      offered.push(url);
      if (known.length === 1) setTimeout(() => known.unshift(playlist('https://a.example/m?token=2', 2)), 15);
      return url.endsWith('2') ? null : 'unreadable';
    },
    // It ends when one is taken, however busy the machine is.
    { patience: 10_000, interval: 5 },
  );
  assert.equal(failure, null);
  assert.deepEqual(offered, ['https://a.example/m?token=1', 'https://a.example/m?token=2']);
});

test('a search ends: with the tab, with the capture, with time', async () => {
  const nothing = async () => assert.fail('nothing is to be offered');
  assert.equal(await search(async () => 'tab-gone', nothing, soon), 'tab-gone');
  assert.equal(await search(async () => null, nothing, soon), null);
  assert.equal(await search(async () => ({ playlists: [] }), nothing, soon), 'tab-gone');
  const other = async () => /** @type {const} */ ('other-stream');
  const one = async () => ({ playlists: [playlist('https://a.example/m')] });
  assert.equal(await search(one, other, soon), 'other-stream');
});

test('a capture says that its link is renewed, and why it was not', () => {
  const start = { job: 'j', tab: 1, stream: 's', source: 'https://a/m.m3u8', quality: null, title: 'T', startedAt: 1, plannedAt: 1 };
  let list = jobs.refreshing(jobs.prepared([], start), 'j');
  assert.equal(list[0]?.isRefreshing, true);
  assert.deepEqual(
    [jobs.refreshed(list, 'j', 9)[0]?.isRefreshing, jobs.refreshed(list, 'j', 9)[0]?.plannedAt],
    [false, 9],
  );
  const expired = { code: /** @type {const} */ ('link-expired'), message: 'segment 7: the link has expired' };
  /** @type {any} */
  const end = { job: 'j', verdict: 'failed', output: null, bytes: 0, tracks: [], warnings: [], gaps: [], error: expired };
  const told = (/** @type {any} */ reason) =>
    jobs.finished(jobs.notRefreshed(list, 'j', reason), end)[0]?.failure;
  assert.deepEqual(told('tab-gone'), { ...expired, code: 'tab-gone' });
  assert.equal(told('other-stream')?.code, 'other-stream');
  assert.equal(told('unreadable')?.code, 'link-expired');
  list = jobs.finished(list, end);
  assert.deepEqual([list[0]?.isRefreshing, list[0]?.failure?.code], [false, 'link-expired']);
});
