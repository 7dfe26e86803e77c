// Rules for addresses: what is learnt from what a page asked for, what is not, and when one is followed.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Requests } from '../observe/requests.js';
import { prove } from '../plan/prove.js';
import { follow, notesOf, proposals } from '../plan/url_rules.js';

/** @import { CapturePlan } from '../types' */

const LIST = 'https://a.example/v/high/index.m3u8';

/**
 * A plan of tracks, each with its segments, by their addresses.
 * @param {Record<string, any[]>} tracks by the addresses of their playlists: addresses, or parts of segments
 * @returns {CapturePlan}
 */
const planOf = (tracks, live = false) =>
  /** @type {any} */ ({
    source: 'https://a.example/v/master.m3u8',
    live,
    tracks: Object.entries(tracks).map(([playlist, segments]) => ({
      playlist,
      segments: segments.map((one) => (typeof one === 'string' ? { url: one } : one)),
    })),
  });

const read = (/** @type {string[]} */ ...urls) => urls.map((url) => ({ url, text: undefined }));
const numbered = (/** @type {string} */ before, /** @type {string} */ after = '', count = 4) =>
  Array.from({ length: count }, (_, index) => `${before}${index}.ts${after}`);

/** Where the segments are asked for when all that is proposed is true. @param {CapturePlan} plan @param {any[]} lists @param {string[]} asked */
function followed(plan, lists, asked) {
  const all = proposals(plan, lists, asked);
  return follow(plan, all, asked).tracks.map(({ segments }) => segments.map(({ url }) => url));
}

/** What the page asked for of these segments: the first three. @param {string[]} segments */
const seen = (segments) => segments.slice(0, 3);

/** What this process has worked since: others may share the machine. @param {NodeJS.CpuUsage} before */
const millisecondsSince = (before) => process.cpuUsage(before).user / 1_000;

const LEARNT = {
  'another host': [numbered('https://a.example/v/high/'), numbered('https://b.example/v/high/')],
  'another host and port': [numbered('https://a.example/v/high/'), numbered('https://a.example:8443/v/high/')],
  'folders put in': [numbered('https://a.example/v/high/'), numbered('https://a.example/cdn/7/v/high/')],
  'folders taken out': [numbered('https://a.example/v/high/'), numbered('https://a.example/')],
  'other folders': [numbered('https://a.example/v/high/'), numbered('https://b.example/x/high/')],
  'a query added': [numbered('https://a.example/v/high/'), numbered('https://a.example/v/high/', '?token=t&e=1')],
  'a query added to one': [
    numbered('https://a.example/v/high/', '?v=1'),
    numbered('https://a.example/v/high/', '?v=1&token=t'),
  ],
  'another query': [numbered('https://a.example/v/high/', '?v=1'), numbered('https://b.example/v/high/', '?w=2')],
  'a query taken off': [numbered('https://a.example/v/high/', '?v=1'), numbered('https://b.example/v/high/')],
  'names that only a query tells apart': [
    [1, 2, 3, 4].map((id) => `https://a.example/get?id=${id}`),
    [1, 2, 3, 4].map((id) => `https://b.example/cdn/get?id=${id}&token=t`),
  ],
  'http to https': [numbered('http://a.example/v/high/'), numbered('https://a.example/v/high/')],
};

for (const [name, [named = [], wanted = []]] of Object.entries(LEARNT)) {
  test(`a rule is learnt: ${name}`, () => {
    const plan = planOf({ [LIST]: named });
    assert.deepEqual(followed(plan, read(LIST), seen(wanted)), [wanted]);
    const [proposal] = proposals(plan, read(LIST), seen(wanted));
    assert.deepEqual([proposal?.own, proposal?.inferred], [named[0], wanted[3]]);
  });
}

const NAMED = numbered('https://a.example/v/high/');
const NOT_LEARNT = {
  'the page asked for what is named': [...seen(NAMED), ...numbered('https://b.example/v/high/')],
  'so it did, with fresh values': numbered('https://a.example/v/high/'),
  'it asked for nothing': [],
  'it asked for other things': numbered('https://b.example/v/high/x'),
  'one pair of four': ['https://b.example/v/high/0.ts'],
  'two places': ['https://b.example/v/high/0.ts', 'https://c.example/v/high/1.ts', 'https://b.example/v/high/2.ts'],
  'two places for each': [...numbered('https://b.example/v/high/'), ...numbered('https://c.example/v/high/')],
  'a query of its own for each': [0, 1, 2].map((index) => `https://a.example/v/high/${index}.ts?token=${index}`),
  'https to http': numbered('http://b.example/v/high/'),
  'into a private network': numbered('https://192.168.0.1/v/high/'),
  'to this machine': numbered('https://[::1]/v/high/'),
};

for (const [name, asked] of Object.entries(NOT_LEARNT)) {
  test(`no rule is learnt: ${name}`, () => {
    assert.deepEqual(proposals(planOf({ [LIST]: NAMED }), read(LIST), asked), []);
  });
}

test('a token that differs from the one of another reading is no other address', () => {
  const plan = planOf({ [LIST]: numbered('https://a.example/v/high/', '?token=mine') });
  assert.deepEqual(proposals(plan, read(LIST), numbered('https://a.example/v/high/', '?token=its')), []);
});

test('of a query that was renewed the last one counts', () => {
  const asked = [
    'https://b.example/v/high/0.ts?t=old',
    'https://b.example/v/high/1.ts?t=new',
    'https://b.example/v/high/2.ts?t=new',
  ];
  const [urls] = followed(planOf({ [LIST]: NAMED }), read(LIST), asked);
  assert.deepEqual(urls, numbered('https://b.example/v/high/', '?t=new'));
});

test('a playlist that the page has not read tells nothing, and neither does a live one', () => {
  const asked = numbered('https://b.example/v/high/');
  assert.deepEqual(proposals(planOf({ [LIST]: NAMED }), read('https://a.example/v/low/index.m3u8'), asked), []);
  assert.deepEqual(proposals(planOf({ [LIST]: NAMED }, true), read(LIST), asked), []);
});

test('what was asked for of another quality is not taken for this one, and tells where it is', () => {
  const low = { url: 'https://a.example/v/low/index.m3u8', text: '#EXTM3U\n#EXTINF:4,\n0.ts\n#EXTINF:4,\r\n1.ts\n2.ts' };
  const asked = seen(numbered('https://b.example/x/low/'));
  const wanted = numbered('https://b.example/x/high/');
  // Though the page has read both.
  for (const lists of [[low], [low, ...read(LIST)]])
    assert.deepEqual(followed(planOf({ [LIST]: NAMED }), lists, asked), [wanted]);
  // Asked for where it is named: this one is not astray.
  const own = seen(numbered('https://a.example/v/low/'));
  assert.deepEqual(proposals(planOf({ [LIST]: NAMED }), [low, ...read(LIST)], own), []);
});

test('sound and pictures have rules of their own, and a track that was not asked for has none of two', () => {
  const [sound, third] = ['https://a.example/v/sound/index.m3u8', 'https://a.example/v/third/index.m3u8'];
  const tracks = {
    [LIST]: NAMED,
    [sound]: numbered('https://a.example/v/sound/'),
    [third]: numbered('https://a.example/v/third/'),
  };
  const asked = [...seen(numbered('https://b.example/v/high/')), ...seen(numbered('https://c.example/v/sound/'))];
  assert.deepEqual(followed(planOf(tracks), read(LIST, sound, third), asked), [
    numbered('https://b.example/v/high/'),
    numbered('https://c.example/v/sound/'),
    numbered('https://a.example/v/third/'),
  ]);
});

test('a map goes with its segments, a key where it was seen', () => {
  const key = (/** @type {string} */ name) => ({ method: 'AES-128', url: `https://a.example/v/high/${name}` });
  const segments = NAMED.map((url) => ({ url, key: key('k.bin'), map: { url: 'https://a.example/v/high/init.mp4', key: null } }));
  const plan = planOf({ [LIST]: segments });
  const asked = seen(numbered('https://b.example/v/high/'));
  const places = (/** @type {string[]} */ asked) => {
    const [segment] = follow(plan, proposals(plan, read(LIST), asked), asked).tracks[0]?.segments ?? [];
    return [segment?.map?.url, segment?.key?.url].map((url) => url && new URL(url).host + new URL(url).search);
  };
  assert.deepEqual(places(asked), ['b.example', 'a.example']);
  assert.deepEqual(places([...asked, 'https://b.example/v/high/k.bin']), ['b.example', 'b.example']);
  assert.deepEqual(places([...asked, 'https://c.example/keys/k.bin?u=1']), ['b.example', 'c.example?u=1']);
  assert.deepEqual(places([...asked, 'https://a.example/v/high/init.mp4']), ['a.example', 'a.example']);
  const [, apart] = proposals(plan, read(LIST), [...asked, 'https://c.example/keys/k.bin?u=1']);
  assert.deepEqual([apart?.parts, apart?.own, apart?.inferred], [['keys'], segments[0]?.key.url, null]);
});

test('a rule is proven by an address of the plan that is refused, and one of its own that answers', async () => {
  const [proposal] = proposals(planOf({ [LIST]: NAMED }), read(LIST), seen(numbered('https://b.example/v/high/')));
  assert.ok(proposal);
  const cases = [
    ['refused', 'there', true],
    ['refused', 'refused', false],
    ['refused', 'unknown', false],
    ['there', 'there', false],
    ['unknown', 'there', false],
  ];
  for (const [own, inferred, wanted] of cases) {
    const ask = async (/** @type {string} */ url) => /** @type {any} */ (url === proposal.own ? own : inferred);
    assert.equal(await prove(proposal, ask), wanted, `${own} ${inferred}`);
  }
  /** @type {string[]} */ const asked = [];
  await prove(proposal, async (url) => {
    asked.push(url);
    return 'there';
  });
  assert.deepEqual(asked, [proposal.own], 'nothing more is asked for when it answers');
});

test('a note names hosts, and nothing that may be secret', () => {
  const asked = numbered('https://b.example/secret-folder/high/', '?token=secret');
  const notes = notesOf(proposals(planOf({ [LIST]: NAMED }), read(LIST), seen(asked)));
  assert.deepEqual(notes, [{ code: 'other-host', values: ['a.example', 'b.example'] }]);
  const same = numbered('https://a.example/v/high/', '?token=secret');
  const other = notesOf(proposals(planOf({ [LIST]: NAMED }), read(LIST), seen(same)));
  assert.deepEqual(other, [{ code: 'other-place', values: ['a.example'] }]);
});

test('10,000 segments and 400 requests take less than a second, however alike their names', () => {
  const shapes = [
    (/** @type {number} */ index) => ({ named: `https://a.example/v/${index}.ts`, asked: `https://b.example/v/${index}.ts?t=1` }),
    (/** @type {number} */ index) => ({ named: `https://a.example/${index}/s.ts`, asked: `https://b.example/x/${index}/s.ts` }),
    (/** @type {number} */ index) => ({ named: `https://a.example/s?id=${index}`, asked: `https://b.example/s?id=${index}&t=1` }),
  ];
  for (const shape of shapes) {
    const all = Array.from({ length: 10_000 }, (_, index) => shape(index));
    const plan = planOf({ [LIST]: all.map(({ named }) => named) });
    const asked = all.slice(100, 500).map(({ asked }) => asked);
    const before = process.cpuUsage();
    const [urls] = followed(plan, read(LIST), asked);
    const took = millisecondsSince(before);
    assert.deepEqual(urls, all.map(({ asked }) => asked));
    assert.ok(took < 1_000, `${took.toFixed(0)} ms`);
  }
});

test('what a tab asked for since its page was loaded is known, oldest first, 100,000 requests in less than a second', () => {
  const requests = new Requests();
  /** @param {number} tab @param {string} url @param {number} timeStamp @param {object} [more] */
  const answered = (tab, url, timeStamp, more = {}) =>
    requests.answered(
      /** @type {any} */ ({ requestId: url, tabId: tab, url, method: 'GET', statusCode: 206, type: 'xmlhttprequest', frameId: 0, timeStamp, ...more }),
    );
  answered(1, 'https://a.example/before.ts', 4);
  answered(1, 'https://a.example/2.ts', 7);
  answered(-1, 'https://a.example/worker.ts', 6, { initiator: 'https://page.example' });
  answered(-1, 'https://a.example/other-worker.ts', 6, { initiator: 'https://other.example' });
  answered(1, 'https://a.example/1.ts', 5);
  answered(1, 'https://a.example/gone.ts', 8, { statusCode: 404 });
  answered(1, 'https://a.example/sent', 8, { method: 'POST' });
  answered(2, 'https://a.example/other.ts', 8);
  const edge = 'https://edge.example/3.ts';
  for (const url of ['https://a.example/3.ts', edge]) requests.sent(/** @type {any} */ ({ requestId: edge, tabId: 1, url }));
  answered(1, edge, 9);
  assert.deepEqual(requests.asked(1, 5, ['https://page.example']), [
    'https://a.example/1.ts',
    'https://a.example/worker.ts',
    'https://a.example/2.ts',
    'https://a.example/3.ts',
  ]);
  const before = process.cpuUsage();
  for (let index = 0; index < 100_000; index += 1) answered(3, `https://a.example/${index}.ts?token=${index}`, index);
  const took = millisecondsSince(before);
  assert.equal(requests.asked(3, 0, []).length, 400);
  assert.ok(took < 1_000, `${took.toFixed(0)} ms`);
});
