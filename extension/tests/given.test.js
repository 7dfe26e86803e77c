import assert from 'node:assert/strict';
import test from 'node:test';

import { readGiven, withGiven } from '../plan/given.js';

/** @import { CapturePlan } from '../types' */

const HEX = '00112233445566778899aabbccddeeff';
const URL_OF_HEX = 'data:application/octet-stream;base64,ABEiM0RVZneImaq7zN3u/w==';

const nothing = { headers: '', key: '', iv: '' };

test('nothing typed is nothing given', () => {
  assert.deepEqual(readGiven({ headers: ' \n', key: ' ', iv: '' }), { headers: [] });
});

test('headers come a line each, with colons in their values', () => {
  const { headers } = readGiven({ ...nothing, headers: 'Referer: https://a.example/\r\n\nX-Token:  b:c \n' });
  assert.deepEqual(headers, [
    { name: 'Referer', value: 'https://a.example/' },
    { name: 'X-Token', value: 'b:c' },
  ]);
});

test('what is no header, or not for a person to give, is named by its line and not by its value', () => {
  for (const line of ['secret', ': secret', 'Cookie: secret', 'Host: secret', 'two words: secret']) {
    assert.throws(
      () => readGiven({ ...nothing, headers: `A: b\n${line}` }),
      (/** @type {any} */ error) => error.code === 'bad-header-given' && error.message === 'line 2',
      line,
    );
  }
});

test('keys and IVs are digits, however they are written', () => {
  const spaced = `0x${HEX.toUpperCase().replace(/(..)/g, '$1 ')}`;
  assert.deepEqual(readGiven({ ...nothing, key: spaced, iv: '0x7' }), {
    headers: [],
    given: { hex: HEX, iv: '7'.padStart(32, '0') },
  });
  assert.deepEqual(readGiven({ ...nothing, key: HEX + HEX }).given, { hex: HEX + HEX, iv: null });
  for (const wrong of [{ key: HEX.slice(1) }, { key: `${HEX}g` }, { iv: `${HEX}0` }, { iv: 'x' }]) {
    assert.throws(
      () => readGiven({ ...nothing, ...wrong }),
      (/** @type {any} */ error) => error.code === 'bad-key-given' && !error.message.includes(HEX.slice(1)),
    );
  }
});

/** @param {any} [key] @param {any} [mapKey] @returns {CapturePlan} */
const plan = (key, mapKey) =>
  /** @type {any} */ ({
    live: false,
    tracks: [
      {
        segments: [
          { sequence: 26, url: 'https://a.example/26.ts', key, map: { url: 'https://a.example/i.mp4', key: mapKey } },
          { sequence: 27, url: 'https://a.example/27.ts' },
        ],
      },
    ],
  });

test('the given key stands in the place of the playlist’s, and clear segments stay clear', () => {
  const named = { method: 'SAMPLE-AES', url: 'https://a.example/key', iv: '1'.padStart(32, '0') };
  const { tracks } = withGiven(plan(named, named), { hex: HEX, iv: null });
  const [first, second] = tracks[0]?.segments ?? [];
  assert.deepEqual(first?.key, { ...named, url: URL_OF_HEX });
  assert.deepEqual(first?.map?.key, { ...named, url: URL_OF_HEX });
  assert.equal(second?.key, undefined);
  const iv = '2'.padStart(32, '0');
  const alone = withGiven(plan(named), { hex: null, iv });
  assert.deepEqual(alone.tracks[0]?.segments[0]?.key, { ...named, iv });
});

test('where no key is named, segments are encrypted as a whole, with their numbers as IVs', () => {
  const [first, second] = withGiven(plan(), { hex: HEX, iv: null }).tracks[0]?.segments ?? [];
  assert.deepEqual(first?.key, { method: 'AES-128', url: URL_OF_HEX, iv: '1a'.padStart(32, '0') });
  assert.deepEqual(second?.key, { method: 'AES-128', url: URL_OF_HEX, iv: '1b'.padStart(32, '0') });
  assert.equal(first?.map?.key, undefined);
  assert.deepEqual(withGiven(plan(), { hex: null, iv: HEX }), plan());
});

test('a live stream goes by its own keys', () => {
  const live = { ...plan(), live: true };
  assert.throws(() => withGiven(live, { hex: HEX, iv: null }), { code: 'unsupported' });
});
