import assert from 'node:assert/strict';
import { test } from 'node:test';

import { isStream, signature, streams } from '../detect/group.js';
import { blankPlaylist } from '../state/tabs.js';

/** @import { MediaSummary, Playlist, VariantSummary } from '../types' */

let now = 0;

/** @param {string} url @param {Partial<MediaSummary>} [summary] @param {string} [first] @returns {Playlist} */
function media(url, summary = {}, first = `${url}-0.ts`) {
  const whole = {
    kind: 'media',
    live: false,
    encrypted: null,
    drm: null,
    durationSeconds: 10,
    segments: 5,
    targetDuration: 2,
    warnings: [],
  };
  return playlist(url, /** @type {MediaSummary} */ ({ ...whole, ...summary }), first);
}

/** @param {string} url @param {[string, number | null, number][]} variants @param {string[]} [renditions] @returns {Playlist} */
function multivariant(url, variants, renditions = []) {
  return playlist(url, {
    kind: 'multivariant',
    drm: null,
    warnings: [],
    variants: variants.map(([url, height, bandwidth]) => variant(url, height, bandwidth)),
    renditions: renditions.map((url) => ({
      type: 'AUDIO',
      groupId: 'a',
      name: null,
      language: 'en',
      default: true,
      url,
    })),
  });
}

/** @param {string} url @param {number | null} height @param {number} bandwidth @returns {VariantSummary} */
const variant = (url, height, bandwidth) => ({
  url,
  height,
  bandwidth,
  width: height === null ? null : (height * 16) / 9,
  frameRate: null,
  codecs: height === null ? ['mp4a.40.2'] : [],
  audio: null,
});

/** @param {string} url @param {any} summary @param {string} [first] @returns {Playlist} */
const playlist = (url, summary, first = '') => ({
  ...blankPlaylist(url),
  summary,
  signature: first,
  seenAt: ++now,
});

const urls = (/** @type {Playlist[]} */ ...playlists) => streams(playlists).map((stream) => stream.url);

test('a multivariant playlist, its variants and its renditions are one stream', () => {
  const found = streams([
    media('https://a/720.m3u8', { encrypted: 'AES-128', durationSeconds: 61 }),
    multivariant(
      'https://a/master.m3u8',
      [
        ['https://a/360.m3u8', 360, 5e5],
        ['https://a/720.m3u8', 720, 2e6],
      ],
      ['https://b/audio.m3u8'],
    ),
    media('https://b/audio.m3u8'),
  ]);
  assert.equal(found.length, 1);
  const [stream] = found;
  assert.equal(stream?.url, 'https://a/master.m3u8');
  assert.deepEqual([stream?.live, stream?.encrypted, stream?.durationSeconds], [false, 'AES-128', 61]);
  assert.deepEqual(
    stream?.qualities.map(({ value, url, height }) => [value === 'best', url, height]),
    [
      [true, 'https://a/720.m3u8', 720],
      [false, 'https://a/720.m3u8', 720],
      [false, 'https://a/360.m3u8', 360],
    ],
  );
  assert.equal(stream?.unread, null);
});

test('before a media playlist was read, its properties are unknown and the best variant is to be read', () => {
  const [stream] = streams([
    multivariant('https://a/m.m3u8', [
      ['https://a/1.m3u8', 360, 1],
      ['https://a/2.m3u8', 720, 2],
    ]),
  ]);
  assert.deepEqual([stream?.live, stream?.encrypted, stream?.unread], [null, null, 'https://a/2.m3u8']);
});

test('a media playlist that nothing names is a stream of its own', () => {
  assert.deepEqual(urls(media('https://a/1.m3u8'), media('https://a/2.m3u8')), [
    'https://a/1.m3u8',
    'https://a/2.m3u8',
  ]);
});

test('a player that adds its token to the address of a variant has the same variant', () => {
  assert.deepEqual(
    urls(
      multivariant('https://a/m.m3u8', [['https://a/1.m3u8', 360, 1]]),
      media('https://a/1.m3u8?token=x&expires=99'),
    ),
    ['https://a/m.m3u8'],
  );
});

test('reloads with a fresh token or time stamp are the same stream, at its latest address', () => {
  assert.deepEqual(
    urls(
      media('https://a/live.m3u8?_=1&id=7', { live: true }, 'seg-1.ts'),
      media('https://a/live.m3u8?_=2&id=7', { live: true }, 'seg-2.ts'),
      media('https://a/live.m3u8?id=7&_HLS_msn=12&_HLS_part=0', { live: true }, 'seg-3.ts'),
    ),
    ['https://a/live.m3u8?id=7&_HLS_msn=12&_HLS_part=0'],
  );
  assert.deepEqual(
    urls(media('https://a/v.m3u8?token=1', {}, 's0.ts'), media('https://a/v.m3u8?token=2', {}, 's0.ts')),
    ['https://a/v.m3u8?token=2'],
  );
});

test('two videos of one path are two streams', () => {
  assert.equal(
    urls(media('https://a/v.m3u8?id=1', {}, 's'), media('https://a/v.m3u8?id=2', {}, 's')).length,
    2,
  );
  assert.equal(
    urls(media('https://a/v.m3u8?token=1', {}, 'x/0.ts'), media('https://a/v.m3u8?token=2', {}, 'y/0.ts'))
      .length,
    2,
  );
});

test('DRM of a child protects the stream; a playlist that was not read is not shown', () => {
  const [stream] = streams([
    multivariant('https://a/m.m3u8', [['https://a/1.m3u8', 360, 1]]),
    media('https://a/1.m3u8', { drm: 'Widevine', encrypted: 'SAMPLE-AES' }),
  ]);
  assert.equal(stream?.drm, 'Widevine');
  assert.deepEqual(urls(playlist('https://a/x.m3u8', null)), []);
});

test('the same quality from two servers is one choice; sound alone is told', () => {
  const [twice] = streams([
    multivariant('https://a/m.m3u8', [
      ['https://a/1.m3u8', 720, 9],
      ['https://b/1.m3u8', 720, 9],
    ]),
  ]);
  assert.equal(twice?.qualities.length, 2);
  const [sound] = streams([multivariant('https://a/s.m3u8', [['https://a/1.m3u8', null, 9]])]);
  assert.equal(sound?.audioOnly, true);
});

test('the signature is the first resource that is named', () => {
  const base = 'https://a/b/x.m3u8';
  assert.equal(signature('#EXTM3U\r\n#EXTINF:1,\r\n seg.ts?t=1 \r\nnext.ts', base), 'https://a/b/seg.ts');
  assert.equal(signature('#EXTM3U\r#EXTINF:1,\r//c/old.ts', base), 'https://c/old.ts');
  assert.equal(signature('#EXTM3U\n#EXTINF:1,\nhttps://', base), 'https://');
});

test('what a page made of a playlist that it asked for is no other stream', () => {
  const made = (/** @type {string} */ first, /** @type {object} */ summary = {}) => ({
    ...media('https://page/watch', summary),
    url: `https://page/watch#${first}`,
    signature: first,
    made: true,
  });
  const original = { ...media('https://cdn/x.m3u8'), signature: 'https://cdn/1.ts' };
  assert.deepEqual(urls(original, made('https://cdn/1.ts')), [original.url]);
  assert.equal(urls(original, made('https://cdn/ad/1.ts')).length, 2);
  assert.equal(urls(made('https://cdn/1.ts'), made('https://cdn/2.ts')).length, 2, 'two of one page');
  const live = { ...media('https://cdn/x.m3u8', { live: true }), signature: 'https://cdn/live/7.ts' };
  assert.deepEqual(urls(live, made('https://cdn/live/9.ts', { live: true })), [live.url], 'a later window');
});

test('subtitles and pictures for a seek bar are no streams', () => {
  assert.equal(isStream('#EXTM3U\n#EXTINF:1,\n1.vtt', 'https://a/1.vtt'), false);
  assert.equal(isStream('#EXTM3U\n#EXT-X-I-FRAMES-ONLY\n#EXTINF:1,\n1.ts', 'https://a/1.ts'), false);
  assert.equal(isStream('#EXTM3U\n#EXTINF:1,\n1.srt', 'https://a/1.srt'), true, 'a disguise');
  const subtitles = { ...media('https://a/s.m3u8'), shown: false };
  assert.deepEqual(urls(subtitles), []);
  assert.deepEqual(urls(multivariant('https://a/m.m3u8', [])), [], 'nothing to choose and nothing to play');
});
