// A first-level playlist whose second-level ones the page reads elsewhere.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { listRule, movedList } from '../plan/list_rules.js';
import { blankPlaylist } from '../state/tabs.js';

/** @import { Playlist } from '../types' */

const MASTER = 'https://a.example/v/master.m3u8';
const VARIANTS = ['https://a.example/v/high/index.m3u8', 'https://a.example/v/low/index.m3u8'];
const SOUND = 'https://a.example/v/sound/index.m3u8';

/** @param {string} url @param {string[]} variants @param {string[]} renditions @returns {Playlist} */
const master = (url, variants, renditions = []) => ({
  ...blankPlaylist(url),
  ofPage: true,
  summary: /** @type {any} */ ({
    kind: 'multivariant',
    variants: variants.map((url) => ({ url })),
    renditions: [...renditions.map((url) => ({ url })), { url: null }],
  }),
});

/** @param {string} url @returns {Playlist} */
const media = (url, ofPage = true) => ({
  ...blankPlaylist(url),
  ofPage,
  summary: /** @type {any} */ ({ kind: 'media', live: false }),
});

const source = master(MASTER, VARIANTS, [SOUND]);

test('one second-level playlist that is read elsewhere tells where the others are', () => {
  const found = listRule(source, [source, media('https://b.example/x/low/index.m3u8?token=t')]);
  assert.deepEqual(found, {
    rule: { from: 'https://a.example/v/', to: 'https://b.example/x/', query: { form: 'add', text: 'token=t' } },
    own: VARIANTS[1],
  });
  const text = `#EXTM3U\r\n#EXT-X-MEDIA:TYPE=AUDIO,URI="sound/index.m3u8",NAME="a"\n#EXT-X-STREAM-INF:BANDWIDTH=1\nhigh/index.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=2\n/v/low/index.m3u8#f\nhttps://c.example/index.m3u8\n`;
  const moved = movedList(source, text, found?.rule ?? assert.fail());
  assert.deepEqual(moved.text.split('\n'), [
    '#EXTM3U',
    '#EXT-X-MEDIA:TYPE=AUDIO,URI="https://b.example/x/sound/index.m3u8?token=t",NAME="a"',
    '#EXT-X-STREAM-INF:BANDWIDTH=1',
    'https://b.example/x/high/index.m3u8?token=t',
    '#EXT-X-STREAM-INF:BANDWIDTH=2',
    'https://b.example/x/low/index.m3u8?token=t',
    'https://c.example/index.m3u8',
    '',
  ]);
  const { summary } = moved.source;
  assert.ok(summary?.kind === 'multivariant');
  assert.deepEqual(
    [...summary.variants, ...summary.renditions].map(({ url }) => url && new URL(url).host),
    ['b.example', 'b.example', 'b.example', null],
  );
});

const NO_RULE = {
  'nothing of it is read': [],
  'it is read where it is said to be': [media(String(VARIANTS[0])), media('https://b.example/x/low/index.m3u8')],
  'with a token of its own': [media(`${VARIANTS[0]}?token=t`)],
  'like each of them': [media('https://b.example/index.m3u8')],
  'elsewhere in two places': [media('https://b.example/low/index.m3u8'), media('https://c.example/low/index.m3u8')],
  'in different places': [media('https://b.example/low/index.m3u8'), media('https://c.example/high/index.m3u8')],
  'another playlist names that': [
    media('https://b.example/x/low/index.m3u8'),
    master('https://b.example/x/master.m3u8', ['https://b.example/x/low/index.m3u8']),
  ],
  'the page has not read it': [media('https://b.example/x/low/index.m3u8', false)],
};

for (const [name, others] of Object.entries(NO_RULE)) {
  test(`no second-level playlist is taken for another: ${name}`, () => {
    assert.equal(listRule(source, [source, ...others]), null);
  });
}
