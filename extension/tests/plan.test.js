import assert from 'node:assert/strict';
import { test } from 'node:test';

import { captureRequest } from '../plan/capture.js';
import { cookieHeader, cookiesFor, hostsOf } from '../plan/cookies.js';
import { fetchHeaders, repeatedHeaders } from '../plan/headers.js';
import { OwnRequests, requestRule } from '../plan/own_requests.js';
import { blankPlaylist } from '../state/tabs.js';

/** @import { CapturePlan, Header, Playlist } from '../types' */

const header = (/** @type {string} */ name, /** @type {string} */ value) => ({ name, value });
const names = (/** @type {Header[]} */ headers) => headers.map(({ name }) => name);

test("the page's own headers are repeated, those of the connection are not", () => {
  const sent = [
    header('User-Agent', 'UA'),
    header('Referer', 'https://page/'),
    header('Authorization', 'Bearer x'),
    header('X-Token', '1'),
    ...[
      'Cookie',
      'Host',
      'Range',
      'Content-Length',
      'Connection',
      'Proxy-Authorization',
      'Accept-Encoding',
      'Sec-Fetch-Mode',
      'If-None-Match',
    ].map((name) => header(name, 'x')),
    // Bad input 84.
    header('X-Split', 'a\r\nHost: b'),
    header('Bad Name', 'x'),
  ];
  const kept = repeatedHeaders(sent, { userAgent: 'other', page: null });
  assert.deepEqual(names(kept), ['User-Agent', 'Referer', 'Authorization', 'X-Token']);
  assert.deepEqual(names(fetchHeaders(kept)), ['Referer', 'Authorization', 'X-Token']);
});

test("a request that came from the cache gets the browser's name and the page's origin", () => {
  assert.deepEqual(repeatedHeaders([], { userAgent: 'UA', page: 'https://page.example/a/b?secret' }), [
    header('User-Agent', 'UA'),
    header('Referer', 'https://page.example/'),
  ]);
});

/** @param {Partial<chrome.cookies.Cookie>} cookie @returns {chrome.cookies.Cookie} */
const cookie = (cookie) => ({
  name: 'n',
  value: 'v',
  domain: 'example.com',
  hostOnly: false,
  path: '/',
  secure: true,
  httpOnly: true,
  sameSite: 'no_restriction',
  session: true,
  storeId: '0',
  ...cookie,
});

test("cookies are those of the plan's hosts, with the page's partition first", async () => {
  const jar = [
    cookie({ name: 'parent', domain: '.example.com' }),
    cookie({ name: 'other', domain: 'shop.example.com', hostOnly: true }),
    cookie({ name: 'own', domain: 'cdn.example.com', hostOnly: true, expirationDate: 5 }),
    cookie({
      name: 'foreign',
      domain: 'cdn.example.com',
      partitionKey: { topLevelSite: 'https://else.org' },
    }),
    cookie({
      name: 'own',
      value: 'partitioned',
      domain: 'cdn.example.com',
      hostOnly: true,
      partitionKey: { topLevelSite: 'https://page.org' },
    }),
  ];
  /** @type {string[]} */
  const asked = [];
  const found = await cookiesFor(
    new Set(['cdn.example.com', '127.0.0.1']),
    'https://www.page.org/watch',
    async (domain) => {
      asked.push(domain);
      return domain === 'example.com' ? jar : [];
    },
  );
  assert.deepEqual(asked, ['example.com', '127.0.0.1']);
  assert.deepEqual(
    found.map(({ name, value, domain, hostOnly }) => [name, value, domain, hostOnly]),
    [
      ['parent', 'v', 'example.com', false],
      ['own', 'partitioned', 'cdn.example.com', true],
    ],
  );
});

test('the hosts of a plan are those of playlists, segments, keys and maps', () => {
  const key = { method: 'AES-128', url: 'https://keys/k', iv: '' };
  const plan = /** @type {any} */ ({
    source: 'https://a/m.m3u8',
    tracks: [
      {
        playlist: 'https://b/v.m3u8',
        segments: [
          {
            url: 'https://c:8080/1.ts',
            key,
            map: { url: 'https://d/init', key: { ...key, url: 'data:;base64,AA' } },
          },
        ],
      },
    ],
  });
  assert.deepEqual([...hostsOf(/** @type {CapturePlan} */ (plan))].sort(), ['a', 'b', 'c', 'd', 'keys']);
});

test('the Cookie header has what belongs to the address, the longest path first', () => {
  const cookie = (/** @type {string} */ name, /** @type {object} */ more) =>
    /** @type {any} */ ({ name, value: '1', domain: 'cdn.a', hostOnly: true, path: '/', secure: false, ...more });
  const cookies = [
    cookie('root', {}),
    cookie('deep', { path: '/hls' }),
    cookie('other', { path: '/hlsx' }),
    cookie('parent', { domain: 'a', hostOnly: false }),
    cookie('stranger', { domain: 'b' }),
    cookie('secure', { secure: true }),
  ];
  const clear = cookieHeader(['http://cdn.a/hls/x.m3u8'], cookies);
  assert.equal(clear, 'deep=1; root=1; parent=1');
  assert.equal(cookieHeader(['https://cdn.a/'], cookies), 'root=1; parent=1; secure=1');
  assert.equal(cookieHeader(['https://c/'], cookies), null);
});

/** @param {string} url @param {any} summary @returns {Playlist} */
const playlist = (url, summary) => ({ ...blankPlaylist(url), summary });

test('what the page has read is not asked again, unless it is live', () => {
  const source = playlist('https://a/m.m3u8?s=1', {
    kind: 'multivariant',
    variants: [{ url: 'https://a/vod.m3u8' }, { url: 'https://b/live.m3u8' }],
    renditions: [{ url: null }],
  });
  const all = [
    source,
    playlist('https://a/vod.m3u8?token=1', { kind: 'media', live: false }),
    playlist('https://b/live.m3u8', { kind: 'media', live: true }),
  ];
  const { plan, urls } = captureRequest(source, all, 'https://a/vod.m3u8', 'T', (url) => `text of ${url}`, {
    audio: null,
    subtitles: null,
  });
  assert.deepEqual(plan.source, { url: source.url, text: `text of ${source.url}` });
  assert.deepEqual(plan.known, [{ url: 'https://a/vod.m3u8', text: 'text of https://a/vod.m3u8?token=1' }]);
  assert.deepEqual(plan.selection?.quality, { variant: 'https://a/vod.m3u8' });
  assert.deepEqual(urls, [source.url, 'https://a/vod.m3u8', 'https://b/live.m3u8']);
});

test("the rule is for this extension's own requests alone", () => {
  const rule = requestRule(4, 'a', [header('Referer', 'https://page/'), header('X-Token', '1')], 'weir');
  assert.deepEqual(rule.condition, {
    requestDomains: ['a'],
    initiatorDomains: ['weir'],
    tabIds: [-1],
    resourceTypes: ['xmlhttprequest', 'other'],
  });
  assert.deepEqual(rule.action.requestHeaders, [
    { header: 'referer', operation: 'set', value: 'https://page/' },
    { header: 'x-token', operation: 'set', value: '1' },
    { header: 'origin', operation: 'remove' },
  ]);
});

/** @param {...string} names @returns {Map<string, Header[]>} */
const hosts = (...names) => new Map(names.map((name) => [name, []]));

test('requests to one host take turns, each under its own rule, and no rule stays', async () => {
  /** @type {Map<number, any>} */
  const active = new Map([[9, 'left by a worker that died']]);
  const own = new OwnRequests(
    {
      list: async () => [...active.keys()].map((id) => ({ id })),
      change: async (add, remove) => {
        for (const id of remove) active.delete(id);
        for (const rule of add) active.set(rule.id, rule.condition.requestDomains?.[0]);
      },
    },
    'weir',
  );
  /** @type {string[]} */
  const order = [];
  const task = (/** @type {string} */ name) => async () => {
    order.push(`${name} under ${[...active.values()].filter((host) => host !== 'c').join(' and ')}`);
    await new Promise((resolve) => setImmediate(resolve));
    if (name === 'second') throw new Error('refused');
  };
  const runs = [
    own.as(hosts('a', 'b'), task('first')),
    own.as(hosts('b'), task('second')),
    own.as(hosts('c'), task('third')),
  ];
  const ends = await Promise.allSettled(runs);
  assert.deepEqual(
    ends.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  );
  assert.deepEqual(order, ['first under a and b', 'third under a and b', 'second under b']);
  assert.equal(active.size, 0);
});

test('a rule that the browser refuses does not keep the playlist from being asked for', async () => {
  const own = new OwnRequests(
    {
      list: async () => [],
      change: async (add) => {
        if (add.length > 0) throw new Error('not a domain');
      },
    },
    'weir',
  );
  const warn = console.warn;
  console.warn = () => {};
  assert.equal(await own.as(hosts('[::1]'), async () => 'asked'), 'asked');
  console.warn = warn;
});
