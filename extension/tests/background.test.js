// The whole extension but its pages, with the module that ships, in a browser that is played: who may tell it what.
// `cargo xtask build` makes the module. The worker is one for all tests, as it is in a browser; each has a tab of its own.
import assert from 'node:assert/strict';
import { createCipheriv, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

const ID = 'weir';
const ROOT = `chrome-extension://${ID}/`;
const PLAYLIST = '#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\na.ts\n#EXT-X-ENDLIST\n';
const HELLO = { type: 'hello', protocol: 1, hostVersion: '9.9', platform: 'linux', maxFrameBytes: 1, maxJobs: 1 };

/** An event of the browser, which the test lets happen. */
function happening() {
  /** @type {((...values: any[]) => any)[]} */ const ears = [];
  return {
    addListener: (/** @type {any} */ ear) => void ears.push(ear),
    happen: (/** @type {any[]} */ ...values) => ears.map((ear) => ear(...values)),
  };
}

/** What the worker has asked of the network: the addresses. @type {string[]} */
const asked = [];
/** What the network answers. @type {Map<string, string | Uint8Array<ArrayBuffer>>} */
const served = new Map();
/** What the worker has stored. @type {object[]} */
const written = [];
/** The rules on the disk. @type {any} */
let kept = null;
/** The pages that it has opened. @type {string[]} */
const opened = [];
/** What the worker has told the native host. @type {any[]} */
const told = [];
const [onMessage, onConnect, onSendHeaders, onResponseStarted, onMenu] = [1, 2, 3, 4, 5].map(happening);
const module = await readFile(new URL('../generated/weir_wasm_bg.wasm', import.meta.url));

/** What the content script of a frame answers. @type {(...message: any[]) => Promise<unknown>} */
let answerOfFrame = async () => [];

/** A native host that answers everything with `done`. */
function connectNative() {
  const [onMessage, onDisconnect] = [happening(), happening()];
  const answer = (/** @type {any} */ { type, id, template }) => {
    if (type === 'hello') return { ...HELLO, re: id };
    if (type === 'jobs') return { type, re: id, jobs: [] };
    if (type === 'history') return { type, re: id, captures: [] };
    if (type === 'settings') return { type, re: id, settings: { nameTemplate: '{title}' } };
    if (type === 'exampleName' && template.includes('{titel}'))
      return { type: 'error', re: id, error: { code: 'bad-settings', message: 'no field "titel"' } };
    return type === 'exampleName' ? { type, re: id, name: 'a.mp4' } : { type: 'done', re: id };
  };
  const postMessage = (/** @type {any} */ frame) => {
    told.push(frame);
    setImmediate(() => onMessage.happen(answer(frame)));
  };
  return { postMessage, disconnect() {}, onMessage, onDisconnect };
}

const nothing = async () => {};
Object.assign(globalThis, {
  addEventListener: () => {},
  navigator: { userAgent: 'UA' },
  fetch: async (/** @type {string | Request} */ request) => {
    const url = typeof request === 'string' ? request : request.url;
    if (url.startsWith(ROOT)) return new Response(module, { headers: { 'content-type': 'application/wasm' } });
    asked.push(url);
    const text = served.get(url);
    const response = new Response(text ?? 'gone', { status: text === undefined ? 404 : 200 });
    Object.defineProperty(response, 'url', { value: url });
    return response;
  },
  chrome: {
    runtime: {
      id: ID,
      onMessage,
      onConnect,
      connectNative,
      onInstalled: happening(),
      getManifest: () => ({ version: '0.1.0', content_scripts: [] }),
      getURL: (/** @type {string} */ path) => ROOT + path,
    },
    webRequest: {
      onSendHeaders,
      onResponseStarted,
      onCompleted: happening(),
      onErrorOccurred: happening(),
    },
    webNavigation: { onCommitted: happening(), getAllFrames: async () => [{ frameId: 0 }, { frameId: 7 }] },
    tabs: {
      onRemoved: happening(),
      onUpdated: happening(),
      query: async () => [],
      create: async (/** @type {{url: string}} */ { url }) => void opened.push(url),
      sendMessage: (/** @type {any[]} */ ...message) => answerOfFrame(...message),
      get: async () => ({ title: 'A title', url: 'https://page.example/' }),
    },
    storage: {
      session: {
        get: async () => ({}),
        set: async (/** @type {object} */ values) => void written.push(structuredClone(values)),
        remove: nothing,
      },
      local: {
        get: async (/** @type {string} */ key) => (kept === null ? {} : { [key]: kept }),
        set: async (/** @type {{rules: any}} */ { rules }) => void (kept = rules),
      },
    },
    declarativeNetRequest: { updateSessionRules: nothing, getSessionRules: async () => [] },
    cookies: { getAll: async () => [], getAllCookieStores: async () => [] },
    action: { setBadgeText: nothing, setBadgeBackgroundColor: nothing, setTitle: nothing },
    i18n: { getMessage: (/** @type {string} */ key) => key },
    contextMenus: { onClicked: onMenu, create: () => {} },
    notifications: { onClicked: happening(), create: nothing, clear: nothing },
  },
});
await import('../background.js');
const { seenOf } = await import('../ui/stream_card.js');

/** A content script of a page. @param {number} tab @param {string} [origin] */
const script = (tab, origin = 'https://page.example') => ({ id: ID, url: `${origin}/`, origin, tab: { id: tab } });
const popup = { id: ID, url: `${ROOT}ui/popup.html` };

/** Says something to the worker; its answer, undefined when it leaves the message alone. @param {any} sender @param {any} message */
const say = (sender, message) =>
  new Promise((resolve) => {
    const [later] = onMessage?.happen(message, sender, resolve) ?? [];
    if (later !== true) resolve(undefined);
  });

/** @param {string} url @param {string} text */
const report = (url, text) => ({ type: 'report', time: 1, report: { url, status: 200, contentType: null, text } });

/** What the popup shows for a tab. @param {number} tab @returns {Promise<any>} */
const viewed = (tab) =>
  new Promise((resolve) => {
    const port = { name: `view:${tab}`, sender: popup, postMessage: resolve, onDisconnect: happening() };
    onConnect?.happen(port);
  });

/** The streams that the popup shows for a tab. @param {number} tab @returns {Promise<{id: string, url: string}[]>} */
const shown = async (tab) => (await viewed(tab)).streams;

/** Their addresses. @param {number} tab */
const listed = async (tab) => (await shown(tab)).map(({ url }) => url);

/** Until `condition` holds. @param {() => boolean | Promise<boolean>} condition */
async function until(condition) {
  const deadline = Date.now() + 20_000;
  while (!(await condition())) {
    assert.ok(Date.now() < deadline, 'it does not come to that');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

test('what no tab and no page of this extension says is not heard (bad inputs 79, 80)', async () => {
  const url = (/** @type {string} */ name) => `https://page.example/${name}.m3u8`;
  const { tab, ...tabless } = script(1);
  const [withoutTab, foreign] = [
    { ...tabless, tab: { id: -1 } },
    { ...tabless, tab, id: 'other' },
  ];
  await say(tabless, report(url('tabless'), PLAYLIST));
  await say(withoutTab, report(url('without-tab'), PLAYLIST));
  await say(foreign, report(url('foreign'), PLAYLIST));
  const capture = { type: 'capture', tab: 1, stream: url('own'), quality: 'best' };
  for (const sender of [tabless, foreign, { ...popup, id: 'other' }, { id: ID, url: 'chrome-extension://weir.evil/' }])
    assert.equal(await say(sender, capture), undefined);
  // Reports of a tab are read in order: what was taken of those before is here with this one.
  await say(script(1), report(url('own'), PLAYLIST));
  await until(async () => (await listed(1)).includes(url('own')));
  assert.deepEqual(await listed(1), [url('own')]);
  assert.deepEqual(await listed(-1), []);
});

test('what a page says of an address elsewhere is asked for, and only the answer counts (bad input 81)', async () => {
  const [honest, invented] = ['https://cdn.example/81.m3u8', 'https://cdn.example/invented.m3u8'];
  served.set(honest, PLAYLIST.replace('a.ts', 'true.ts'));
  await say(script(2), report(honest, PLAYLIST.replace('a.ts', 'https://evil.example/a.ts')));
  await say(script(2), report(invented, PLAYLIST));
  await until(() => asked.includes(invented));
  await until(async () => (await listed(2)).length > 0);
  assert.deepEqual(await listed(2), [honest]);
  assert.equal(asked.filter((url) => url === honest).length, 1);

  const [stream] = await shown(2);
  const capture = { type: 'capture', tab: 2, stream: stream?.id, quality: 'best' };
  assert.equal((await say(popup, capture)).ok, true);
  await until(() => told.some(({ type }) => type === 'start'));
  const [start] = told.filter(({ type }) => type === 'start');
  assert.equal(start.plan.tracks[0].segments[0].url, 'https://cdn.example/true.ts');
});

test('no page starts, ends or changes anything (bad input 83)', async () => {
  const url = 'https://page.example/83.m3u8';
  await say(script(3), report(url, PLAYLIST));
  await until(async () => (await listed(3)).length === 1);
  const before = told.length;
  for (const message of [
    { type: 'capture', tab: 3, stream: url, quality: 'best' },
    { type: 'download', tab: 3, items: [{ url: 'https://page.example/a.jpg', name: null }] },
    { type: 'cancel', job: 'a' },
    { type: 'settings', change: { outputFolder: '/etc' } },
    { type: 'start', id: 1, job: 'a', plan: {} },
    { type: 'trace', tab: 3 },
    { type: 'stop-trace', tab: 3 },
  ])
    assert.equal(await say(script(3), message), undefined, message.type);
  // Of the extension's own pages, what is no command is refused.
  const answer = await say(popup, { type: 'fetch', stream: url });
  assert.equal(answer.failure.code, 'unknown-command');
  assert.equal(told.length, before);
});

test('10,000 reports of one tab cost it its oldest, and no other tab anything (bad input 87)', async () => {
  // Texts that the page made: of these the browser's word is not waited for.
  const made = (/** @type {number} */ number) => report('', PLAYLIST.replace('a.ts', `${number}.ts`));
  const names = async () => (await listed(4)).map((url) => url.match(/\d+(?=\.ts)/)?.[0]);
  for (let number = 0; number < 10_000; number += 1) void say(script(4), made(number));
  await say(script(5), report('https://page.example/87.m3u8', PLAYLIST));
  await until(async () => (await listed(5)).length === 1);
  await until(async () => (await names()).includes('9999'));
  const kept = await names();
  assert.ok(!kept.includes('5000') && kept.length <= 65, `${kept.length} streams`);
});

test('a stream is captured whose address got another token since it was shown', async () => {
  const at = (/** @type {number} */ token) => `https://page.example/88.m3u8?token=${token}`;
  await say(script(6), report(at(1), PLAYLIST));
  await until(async () => (await listed(6)).includes(at(1)));
  const [stream] = await shown(6);
  await say(script(6), report(at(2), PLAYLIST));
  await until(async () => (await listed(6)).includes(at(2)));
  assert.deepEqual(await shown(6), [{ ...stream, url: at(2) }], 'the same one');
  const answer = await say(popup, { type: 'capture', tab: 6, stream: stream?.id, quality: 'best' });
  assert.equal(answer.ok, true, answer.failure?.message);
  await until(() => told.some(({ type, plan }) => type === 'start' && plan.source === at(2)));
});

test('so is the quality that was chosen, and the popup sees the same stream', async () => {
  const at = (/** @type {string} */ name, /** @type {number} */ token) => `https://page.example/89/${name}.m3u8?token=${token}`;
  const text = (/** @type {number} */ token) =>
    `#EXTM3U\n${['720', '360'].map((lines) => `#EXT-X-STREAM-INF:BANDWIDTH=${lines}000,RESOLUTION=${lines}x${lines}\n${at(lines, token)}\n`).join('')}`;
  for (const lines of ['720', '360']) for (const token of [1, 2]) served.set(at(lines, token), PLAYLIST);
  await say(script(7), report(at('all', 1), text(1)));
  const first = async () => /** @type {any} */ ((await shown(7))[0]);
  await until(async () => (await first())?.live === false);
  const before = await first();
  await say(script(7), report(at('all', 2), text(2)));
  await until(async () => (await listed(7)).includes(at('all', 2)));
  const after = await first();
  const seen = (/** @type {any} */ stream) => seenOf({ stream, title: 'T', busy: false, wanted: 'best' });
  assert.deepEqual(seen(after), seen(before));
  const low = before.qualities.find((/** @type {any} */ { value, height }) => value !== 'best' && height === 360);
  const capture = { type: 'capture', tab: 7, stream: before.id, quality: low.value };
  assert.equal((await say(popup, capture)).ok, true);
  await until(() => told.some(({ type, plan }) => type === 'start' && plan.source === at('all', 2)));
  const { plan } = told.find(({ type, plan }) => type === 'start' && plan.source === at('all', 2));
  assert.equal(plan.tracks[0].playlist, at('360', 2));

  const gone = await say(popup, { ...capture, quality: 'another' });
  assert.equal(gone.failure?.code, 'stream-gone');
});

const LONG = `#EXTM3U\n#EXT-X-TARGETDURATION:4\n${[0, 1, 2, 3].map((one) => `#EXTINF:4,\n${one}.ts\n`).join('')}#EXT-X-ENDLIST\n`;

/** The browser's word of an answer that a page got. @param {number} tab @param {string} url */
const got = (tab, url) =>
  onResponseStarted?.happen({
    requestId: url,
    tabId: tab,
    url,
    method: 'GET',
    statusCode: 200,
    type: 'xmlhttprequest',
    frameId: 0,
    initiator: 'https://page.example',
    timeStamp: Date.now(),
  });

/**
 * A page has read a playlist and asked for parts; it is captured. What the host is told to fetch, what was asked for, and
 * what a person is told.
 * @param {number} tab @param {string} list @param {string[]} parts
 */
async function captureAs(tab, list, parts) {
  await say(script(tab), report(list, LONG));
  await until(async () => (await listed(tab)).includes(list));
  for (const url of parts) got(tab, url);
  const [stream] = await shown(tab);
  const before = asked.length;
  const { value: id } = await say(popup, { type: 'capture', tab, stream: stream?.id, quality: 'best' });
  const start = () => told.find(({ type, job }) => type === 'start' && job === id);
  await until(() => start() !== undefined);
  const { jobs } = /** @type {any} */ (await viewed(tab));
  return {
    segments: start().plan.tracks[0].segments.map((/** @type {{url: string}} */ { url }) => url),
    asked: asked.slice(before),
    notes: jobs.find((/** @type {{job: string}} */ { job }) => job === id).notes,
  };
}

const four = (/** @type {string} */ before, after = '') => [0, 1, 2, 3].map((one) => `${before}${one}.ts${after}`);

test('a page that asks for segments elsewhere is followed, when they are nowhere else', async () => {
  const [list, wanted] = ['https://page.example/90/list.m3u8', four('https://cdn.example/x/90/', '?token=secret')];
  served.set(String(wanted[2]), 'bytes');
  const { segments, asked, notes } = await captureAs(8, list, wanted.slice(0, 2));
  assert.deepEqual(segments, wanted);
  assert.deepEqual(asked, ['https://page.example/90/0.ts', wanted[2]]);
  assert.deepEqual(notes, [{ code: 'other-host', values: ['page.example', 'cdn.example'] }]);
});

test('it is not when the segments are where the playlist says, or not where the rule says', async () => {
  const named = four('https://page.example/91/');
  served.set(String(named[0]), 'bytes');
  const elsewhere = four('https://cdn.example/91/');
  const there = await captureAs(9, 'https://page.example/91/list.m3u8', elsewhere.slice(0, 2));
  assert.deepEqual([there.segments, there.asked, there.notes], [named, [named[0]], []]);

  const other = four('https://cdn.example/92/');
  const nowhere = await captureAs(10, 'https://page.example/92/list.m3u8', other.slice(0, 2));
  const own = four('https://page.example/92/');
  assert.deepEqual([nowhere.segments, nowhere.asked, nowhere.notes], [own, [own[0], other[2]], []]);
});

test('a page that asks for what its playlist names costs no request', async () => {
  const named = four('https://page.example/93/');
  for (const parts of [named.slice(0, 2), []]) {
    const { segments, asked, notes } = await captureAs(11, 'https://page.example/93/list.m3u8', parts);
    assert.deepEqual([segments, asked, notes], [named, [], []]);
  }
});

test('a key that the page made is asked for in its frames, proven, and told to the host alone', async () => {
  const [key, iv] = [randomBytes(16), Buffer.alloc(16)];
  const clear = randomBytes(188 * 50);
  for (let at = 0; at < clear.length; at += 188) clear[at] = 0x47;
  const cipher = createCipheriv('aes-128-cbc', key, iv);
  const at = (/** @type {string} */ name) => `https://page.example/94/${name}`;
  served.set(at('a.ts'), Uint8Array.from(Buffer.concat([cipher.update(clear), cipher.final()])));
  served.set(at('key'), Uint8Array.from(key, (byte) => byte ^ 1));
  const line = `#EXT-X-KEY:METHOD=AES-128,URI="key",IV=0x${iv.toString('hex')}\n`;
  await say(script(12), report(at('index.m3u8'), PLAYLIST.replace('#EXTINF', `${line}#EXTINF`)));
  await until(async () => (await listed(12)).length === 1);
  /** @type {any[]} */ const messages = [];
  const hex = key.toString('hex');
  answerOfFrame = async (tab, message, { frameId }) => {
    messages.push([tab, message, frameId]);
    if (frameId === 0) throw new Error('a frame without a content script');
    return [{ hex, used: true, urls: [] }];
  };
  const [stream] = await shown(12);
  const before = told.length;
  const capture = { type: 'capture', tab: 12, stream: stream?.id, quality: 'best' };
  assert.equal((await say(popup, capture)).ok, true);
  await until(() => told.slice(before).some(({ type }) => type === 'start'));
  const { plan } = told.slice(before).find(({ type }) => type === 'start');
  const made = `data:application/octet-stream;base64,${key.toString('base64')}`;
  assert.equal(plan.tracks[0].segments[0].key.url, made);
  assert.deepEqual(messages, [
    [12, { type: 'keys' }, 0],
    [12, { type: 'keys' }, 7],
  ]);
  assert.ok(!JSON.stringify(written).includes(hex) && !JSON.stringify(written).includes(made), 'not stored');
});

const RULE = { site: 'page.example', capture: 'click', quality: '720p', audio: null, subtitles: null, nameTemplate: null, folder: null };

test('rules are checked, kept, and asked for; a template is the host\'s to judge', async () => {
  assert.deepEqual(await say(popup, { type: 'rules' }), { ok: true, value: [] });
  const wrong = { ...RULE, capture: 'always' };
  const { failure } = /** @type {any} */ (await say(popup, { type: 'rules', rules: [RULE, wrong] }));
  assert.deepEqual(failure, { code: 'bad-settings', message: 'rules[1].capture: expected click, auto or never' });
  const misnamed = { ...RULE, nameTemplate: '{titel}' };
  for (const command of [
    { type: 'rules', rules: [misnamed] },
    { type: 'take-over', settings: { concurrency: 3 }, rules: [misnamed] },
  ]) {
    const answer = /** @type {any} */ (await say(popup, command));
    assert.deepEqual(answer.failure, { code: 'bad-settings', message: 'no field "titel"' }, command.type);
  }
  assert.equal(kept, null);
  assert.ok(!told.some(({ type, change }) => type === 'settings' && change !== null), 'nothing is half taken over');
  const answer = await say(popup, { type: 'take-over', settings: { concurrency: 3 }, rules: [RULE] });
  assert.deepEqual(answer, { ok: true, value: { settings: { nameTemplate: '{title}' }, rules: [RULE] } });
  assert.deepEqual(told.find(({ type }) => type === 'settings')?.change, { concurrency: 3 });
  assert.deepEqual(kept, [RULE]);
  assert.deepEqual((await viewed(70)).rule, RULE);
  assert.deepEqual(await say(popup, { type: 'rules', rules: [] }), { ok: true, value: [] });
});

test('a rule names the file and captures by itself, once; another hides all', async () => {
  const url = 'https://media.example/auto/list.m3u8';
  const rule = { ...RULE, capture: 'auto', nameTemplate: '{date} {title}' };
  await say(popup, { type: 'rules', rules: [rule] });
  await say(script(71), report('https://page.example/auto.m3u8', PLAYLIST));
  const starts = () => told.filter(({ type, plan }) => type === 'start' && plan.source.includes('/auto.m3u8'));
  await until(() => starts().length > 0);
  assert.deepEqual(starts()[0].options, { container: 'mp4', concurrency: null, nameTemplate: '{date} {title}', folder: null });
  assert.ok(!asked.includes(url));
  // The page reads it again.
  await say(script(71), report('https://page.example/auto.m3u8?token=2', PLAYLIST));
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  assert.equal(starts().length, 1, JSON.stringify(starts().map(({ job, plan }) => [job, plan.source])));
  await say(popup, { type: 'rules', rules: [{ ...rule, capture: 'never' }] });
  assert.deepEqual(await listed(71), []);
  await say(popup, { type: 'rules', rules: [] });
  assert.equal((await listed(71)).length, 1);
});

test('what is clicked in a menu is stored, told once to its page, and in no address', async () => {
  const link = 'https://page.example/95/list.m3u?token=secret';
  served.set(link, '#EXTM3U\n#EXTINF:1,One\none.mp3\n');
  onMenu?.happen({ menuItemId: 'capture', linkUrl: link, pageUrl: 'https://page.example/' }, { id: 72 });
  await until(() => opened.length > 0);
  const [, id] = /dashboard\.html#clicked=([\w-]+)$/.exec(String(opened.pop())) ?? [];
  assert.ok(id !== undefined);
  await until(() => written.some((/** @type {any} */ { clicks }) => clicks?.[0]?.url === link && clicks[0].id === id));
  const clicked = () => /** @type {any} */ (say(popup, { type: 'clicked', id }));
  const entries = [{ url: 'https://page.example/95/one.mp3', title: 'One' }];
  assert.deepEqual(await clicked(), { ok: true, value: { kind: 'list', title: 'list', page: 'https://page.example/', entries, left: 0 } });
  assert.deepEqual(await clicked(), { ok: true, value: null });
  await until(() => /** @type {any} */ (written.at(-1)).clicks?.length === 0);

  // What a player put together itself: its tab's streams are shown.
  onMenu?.happen({ menuItemId: 'capture', srcUrl: 'blob:https://page.example/1', mediaType: 'video' }, { id: 72 });
  await until(() => opened.length > 0);
  assert.equal(opened.pop(), `${ROOT}ui/popup.html?tab=72`);
});
