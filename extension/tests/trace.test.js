// Traces, in a browser that is played: stacks, chains, and that nothing stays paused. The browser tests trace real pages.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { location } from '../detect/group.js';
import { chains, segmentKey } from '../trace/chain.js';
import { Recorder } from '../trace/recorder.js';
import { Session, refusal } from '../trace/session.js';
import { hookStack, protocolStack } from '../trace/stack.js';
import { Traces } from '../trace/traces.js';
import { chainsText, shownUrl } from '../ui/trace_text.js';

/** @import { Trace, TracedReading, TracedRequest } from '../types' */

const OWN = 'chrome-extension://weir/';
const PAGE = 'https://page.example/watch';

/** As `Debugger.paused` has them. @param {string} functionName @param {number} lineNumber @param {string} [scriptId] */
const call = (functionName, lineNumber, scriptId = '1') => ({
  functionName,
  url: '',
  location: { scriptId, lineNumber, columnNumber: 4 },
});

/** As `Network.requestWillBeSent` has them. @param {string} functionName @param {string} url @param {number} lineNumber */
const told = (functionName, url, lineNumber) => ({ functionName, url, lineNumber, columnNumber: 0 });

test('a stack of the protocol has addresses, lines from 1, its causes, and nothing of the extension', () => {
  const parent = {
    description: 'await',
    callFrames: [told('start', 'https://a.example/app.js', 9)],
    parent: { description: 'setTimeout', callFrames: [told('', PAGE, 0)] },
  };
  const calls = [call('', 3, '7'), call('apply', 3, '7'), call('load', 11)];
  const address = (/** @type {string} */ id) => (id === '7' ? `${OWN}observe/hook.js` : 'https://a.example/lib.js');
  assert.deepEqual(protocolStack(calls, parent, address, OWN), [
    { cause: null, frames: [{ name: 'load', url: 'https://a.example/lib.js', line: 12, column: 5 }] },
    { cause: 'await', frames: [{ name: 'start', url: 'https://a.example/app.js', line: 10, column: 1 }] },
    { cause: 'setTimeout', frames: [{ name: '', url: PAGE, line: 1, column: 1 }] },
  ]);
});

test('the hook in the first line of a worker made of a blob is no part of its stack', () => {
  const blob = 'blob:https://page.example/1';
  const names = (/** @type {any[]} */ calls) =>
    protocolStack(calls, undefined, () => '', OWN).flatMap(({ frames }) => frames.map(({ name }) => name));
  assert.deepEqual(names([told('', blob, 0), told('apply', blob, 0), told('load', blob, 0)]), ['load']);
  assert.deepEqual(names([told('', blob, 5), told('apply', blob, 6)]), ['', 'apply']);
  assert.deepEqual(names([told('', PAGE, 0), told('apply', PAGE, 0)]), ['', 'apply']);
});

test('a stack without end is cut', () => {
  /** @type {any} */
  let parent;
  for (let depth = 0; depth < 1_000; depth += 1)
    parent = { description: 'await', callFrames: [told('again', PAGE, depth)], parent };
  const stack = protocolStack([told('a'.repeat(5_000), PAGE, 0)], parent, () => '', OWN);
  assert.equal(stack.flatMap(({ frames }) => frames).length, 64);
  assert.equal(stack[0]?.frames[0]?.name.length, 200);
});

test("Firefox's stack is read behind the hook's own two functions", () => {
  const text = [
    'wrapMethod/proxy<@moz-extension://5f/observe/hook.js:1:1',
    'apply@moz-extension://5f/observe/hook.js:2:2',
    'ask@https://page.example/player.js:12:13',
    'requestText/<@https://page.example/player.js?v=1:7:10',
    'async*startPlayer@https://page.example/player.js line 3 > eval:46:24',
    'promise callback*@https://page.example/a@b.js:1:1',
    '',
  ].join('\n');
  const frame = (/** @type {string} */ name, /** @type {string} */ url, /** @type {number[]} */ ...[line, column]) => ({
    name,
    url,
    line,
    column,
  });
  assert.deepEqual(hookStack(text, 'moz-extension://5f/'), [
    {
      cause: null,
      frames: [
        frame('ask', 'https://page.example/player.js', 12, 13),
        frame('requestText/<', 'https://page.example/player.js?v=1', 7, 10),
      ],
    },
    { cause: 'async', frames: [frame('startPlayer', 'https://page.example/player.js line 3 > eval', 46, 24)] },
    { cause: 'promise callback', frames: [frame('', 'https://page.example/a@b.js', 1, 1)] },
  ]);
  assert.deepEqual(hookStack('', OWN), []);
});

/** @param {string} url @param {TracedReading | null} [reading] @returns {TracedRequest} */
const request = (url, reading = null) => ({
  id: url,
  url,
  method: 'GET',
  place: { kind: 'page', url: PAGE },
  stack: [{ cause: null, frames: [{ name: 'load', url: 'https://page.example/app.js', line: 1, column: 1 }] }],
  reading,
});

/** @param {string[]} urls @returns {TracedReading} */
const multivariant = (...urls) => ({ kind: 'multivariant', children: new Set(urls.map(location)) });

/** @param {string[]} urls @returns {TracedReading} */
const media = (...urls) => ({ kind: 'media', segments: new Set(urls.map(segmentKey)) });

/** @param {TracedRequest[]} requests */
const found = (requests) => chains(PAGE, requests).map((chain) => chain.map(({ role, url }) => `${role} ${url}`));

test('a chain goes from the page over both playlists to the first segment that was asked for', () => {
  const [first, level, other] = ['https://m.example/a.m3u8', 'https://m.example/v1', 'https://m.example/v2'];
  const requests = [
    request('https://m.example/1.ts'),
    request(first, multivariant(level, other)),
    request(`${other}?token=1`, media('https://m.example/9.ts')),
    // The page has added a token; what comes before its playlist is none of its segments.
    request(`${level}?token=2`, media('https://m.example/1.ts', 'https://m.example/2.ts?a=1')),
    request(`${level}?token=3`, media('https://m.example/1.ts')),
    request('https://m.example/key'),
    request('https://m.example/2.ts?a=2'),
    request('https://m.example/1.ts'),
  ];
  assert.deepEqual(found(requests), [
    [
      `page ${PAGE}`,
      'script https://page.example/app.js',
      `first ${first}`,
      `second ${level}?token=2`,
      'segment https://m.example/2.ts?a=2',
    ],
  ]);
});

test('a playlist of one level, a frame, a worker, and what no script has asked for', () => {
  const lone = request('https://m.example/live', media('https://m.example/1.ts'));
  const segment = request('https://m.example/1.ts');
  const inWorker = { ...lone, stack: [], place: { kind: /** @type {const} */ ('worker'), url: 'https://w.example/w.js' } };
  assert.deepEqual(found([inWorker, segment]), [
    [
      `page ${PAGE}`,
      'worker https://w.example/w.js',
      'only https://m.example/live',
      'segment https://m.example/1.ts',
    ],
  ]);
  const inFrame = { ...lone, place: { kind: /** @type {const} */ ('frame'), url: 'https://f.example/' } };
  assert.deepEqual(found([inFrame])[0]?.slice(0, 2), [`page ${PAGE}`, 'frame https://f.example/']);
  assert.deepEqual(found([segment]), []);
});

test('of several streams those that are whole come first, and there are at most eight', () => {
  const alone = Array.from({ length: 20 }, (_, n) => request(`https://m.example/${n}.m3u8`, media(`https://s.example/${n}.ts`)));
  const all = found([...alone, request('https://s.example/19.ts')]);
  assert.equal(all.length, 8);
  assert.equal(all[0]?.at(-1), 'segment https://s.example/19.ts');
});

/** A recorder whose playlists are JSON: what it tells, last one last. */
function recorder() {
  /** @type {{requests: number, roles: string[][], isWhole: boolean}[]} */
  const said = [];
  const read = async (/** @type {string} */ text) =>
    text.startsWith('v') ? multivariant(text.slice(2)) : text.startsWith('m') ? media(text.slice(2)) : null;
  const made = new Recorder(PAGE, read, ({ requests, chains, isWhole }) =>
    said.push({ requests, roles: chains.map((chain) => chain.map(({ role }) => role)), isWhole }),
  );
  const settled = async () => {
    for (let turn = 0; turn < 50; turn += 1) await null;
    return said.at(-1);
  };
  return { made, settled };
}

test('answers are read in their order, however long they take, and a segment may come before its playlist is read', async () => {
  const { made, settled } = recorder();
  /** @type {(text: string) => void} */
  let arrive = () => {};
  const slow = new Promise((/** @type {(text: string) => void} */ resolve) => (arrive = resolve));
  made.asked(request('https://m.example/a'));
  made.answered('https://m.example/a', 'https://m.example/a', slow);
  made.asked(request('https://m.example/b'));
  made.answered('https://m.example/b', 'https://m.example/b', Promise.resolve('m https://m.example/1.ts'));
  made.asked(request('https://m.example/1.ts'));
  // Were it read now, the first level would be missing from a chain that is whole.
  assert.equal((await settled())?.isWhole, false);
  arrive('v https://m.example/b');
  assert.deepEqual(await settled(), {
    requests: 3,
    roles: [['page', 'script', 'first', 'second', 'segment']],
    isWhole: true,
  });
});

test('the word of the browser and that of the hook are one request, in either order', async () => {
  for (const order of [
    ['seen', 'called'],
    ['called', 'seen'],
  ]) {
    const { made, settled } = recorder();
    const url = 'https://m.example/a.m3u8';
    for (const word of order) {
      if (word === 'seen') made.seen({ ...request(url), id: 's', stack: [] });
      else made.called({ ...request(url), id: 'c' });
    }
    made.heard(`${url}?token=2`, 'm https://m.example/1.ts');
    const last = await settled();
    assert.equal(last?.requests, 1, `${order}`);
    assert.deepEqual(last?.roles, [['page', 'script', 'only']], `${order}`);
  }
});

/** A debugger that notes what it is told; `answer` may keep an answer back. */
function debug(answer = async (/** @type {string} */ _) => /** @type {any} */ ({})) {
  /** @type {string[]} */ const log = [];
  const debugging = {
    attach: async (/** @type {number} */ tab) => void log.push(`attach ${tab}`),
    detach: async (/** @type {number} */ tab) => void log.push(`detach ${tab}`),
    send: async (/** @type {number} */ _, /** @type {string} */ session, /** @type {string} */ method) => {
      log.push(`${session} ${method}`.trim());
      if (method === 'Page.getFrameTree') return { frameTree: { frame: { id: 'main' } } };
      return answer(method);
    },
  };
  /** @type {TracedRequest[]} */ const asked = [];
  /** @type {string[]} */ const overs = [];
  const ears = {
    reloaded: () => void asked.splice(0),
    asked: (/** @type {TracedRequest} */ one) => void asked.push(one),
    answered: () => {},
    over: (/** @type {string} */ end) => void overs.push(end),
  };
  return { log, asked, overs, debugging, session: new Session(1, debugging, ears, OWN) };
}

const DOCUMENT = { requestId: 'd', type: 'Document', frameId: 'main', loaderId: 'new', request: { url: PAGE }, documentURL: PAGE };

/** @param {string} url */
const sent = (url, more = {}) => ({
  ...{ requestId: url, type: 'Fetch', frameId: 'main', loaderId: 'new', documentURL: PAGE },
  ...{ request: { url, method: 'GET' }, initiator: { stack: { callFrames: [told('cut', PAGE, 0)] } } },
  ...more,
});

test('a paused page goes on at once, and the stack of its pause is that of the request', async () => {
  const { session, log, asked } = debug();
  await session.start();
  log.splice(0);
  session.event('', 'Debugger.scriptParsed', { scriptId: '1', url: 'https://page.example/app.js' });
  session.event('', 'Network.requestWillBeSent', DOCUMENT);
  const url = 'https://m.example/a.m3u8';
  session.event('', 'Debugger.paused', { reason: 'XHR', data: { url: `${url}#f` }, callFrames: [call('whole', 1)] });
  assert.deepEqual(log, ['Debugger.resume']);
  session.event('', 'Network.requestWillBeSent', sent(url));
  session.event('', 'Network.requestWillBeSent', sent('https://m.example/1.ts'));
  // Of the page that was there before the reload, and pictures.
  session.event('', 'Network.requestWillBeSent', sent('https://m.example/old', { loaderId: 'old' }));
  session.event('', 'Network.requestWillBeSent', sent('https://m.example/a.png', { type: 'Image' }));
  assert.deepEqual(
    asked.map((one) => [one.url, one.stack[0]?.frames[0]?.name, one.place.kind]),
    [
      [url, 'whole', 'page'],
      ['https://m.example/1.ts', 'cut', 'page'],
    ],
  );
  // A pause for another reason, such as a `debugger` of the page, is none of ours and goes on as well.
  session.event('', 'Debugger.paused', { reason: 'other', callFrames: [] });
  assert.equal(log.filter((line) => line === 'Debugger.resume').length, 2);
});

test('what does not go on within two seconds is let go with the whole tab', async (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const never = new Promise(() => {});
  for (const silent of ['Debugger.resume', 'Runtime.runIfWaitingForDebugger']) {
    const { session, log, overs } = debug((method) => (method === silent ? never : Promise.resolve({})));
    await session.start();
    if (silent === 'Debugger.resume') session.event('', 'Debugger.paused', { reason: 'XHR', callFrames: [] });
    else session.event('', 'Target.attachedToTarget', { sessionId: 'c', targetInfo: { type: 'worker', url: PAGE } });
    for (let turn = 0; turn < 20; turn += 1) await null;
    context.mock.timers.tick(1_999);
    assert.deepEqual([overs, log.includes('detach 1')], [[], false], silent);
    context.mock.timers.tick(1);
    assert.deepEqual([overs, log.includes('detach 1')], [['stuck'], true], silent);
    // And it says no more to a tab that is let go.
    log.splice(0);
    session.event('', 'Debugger.paused', { reason: 'XHR', callFrames: [] });
    assert.deepEqual(log, []);
  }
});

test('what has gone on in time, or has gone, is not waited for', async (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const gone = async () => Promise.reject(new Error('Detached while handling command.'));
  const { session, log, overs } = debug((method) => (/resume|runIf/.test(method) ? gone() : Promise.resolve({})));
  await session.start();
  session.event('', 'Debugger.paused', { reason: 'XHR', callFrames: [] });
  session.event('', 'Target.attachedToTarget', { sessionId: 'c', targetInfo: { type: 'iframe', url: '' } });
  for (let turn = 0; turn < 20; turn += 1) await null;
  context.mock.timers.tick(60_000);
  assert.deepEqual(overs, []);
  // A frame has the breakpoint, and its own children are taken in too.
  assert.ok(log.includes('c DOMDebugger.setXHRBreakpoint') && log.includes('c Target.setAutoAttach'), `${log}`);
});

test('what the browser says of a refusal has words', () => {
  for (const [message, end] of [
    ['Another debugger is already attached to the tab with id: 1.', 'other-debugger'],
    ['Cannot access a chrome:// URL', 'restricted'],
    ['The extensions gallery cannot be scripted.', 'restricted'],
    ['Cannot attach to this target.', 'restricted'],
    ['No tab with given id 999.', 'tab-gone'],
    ['who knows', 'failed'],
  ])
    assert.equal(refusal(String(message)), end, message);
});

/** @param {Partial<ConstructorParameters<typeof Traces>[0]>} [other] */
function surroundings(other = {}) {
  /** @type {Map<number, Trace>} */ const saved = new Map();
  /** @type {string[]} */ const did = [];
  const traces = new Traces({
    own: OWN,
    debugging: null,
    watchPages: async (on) => void did.push(`watch ${on}`),
    wakeMe: async (on) => void did.push(`wake ${on}`),
    reload: async (tab) => void did.push(`reload ${tab}`),
    addressOf: async () => `${PAGE}#top`,
    read: async () => null,
    load: (tab) => saved.get(tab) ?? null,
    tabs: () => [...saved.keys()],
    save: (tab, trace) => void (trace ? saved.set(tab, trace) : saved.delete(tab)),
    ...other,
  });
  return { traces, saved, did };
}

test('what a worker that was killed has left attached is let go by the next', async () => {
  const { debugging, log } = debug();
  const { traces, saved, did } = surroundings({ debugging });
  const left = { page: PAGE, end: null, message: '', requests: 3, chains: [] };
  saved.set(7, { ...left, state: 'running' });
  saved.set(8, { ...left, state: 'ended', end: 'found' });
  await traces.resume();
  assert.deepEqual(log, ['detach 7']);
  assert.deepEqual([saved.get(7)?.end, saved.get(8)?.end], ['interrupted', 'found']);
  assert.deepEqual(did, ['wake false']);
  // The debugger may speak before the storage is read.
  traces.event(9, '', 'Debugger.paused', { reason: 'XHR', callFrames: [] });
  assert.deepEqual(log, ['detach 7', 'detach 9']);
});

test('a trace attaches, reloads, and ends after a minute; a second start changes nothing', async (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const { debugging, log } = debug();
  const { traces, saved, did } = surroundings({ debugging });
  await traces.start(1);
  await traces.start(1);
  assert.deepEqual([did, log[0]], [['wake true', 'reload 1'], 'attach 1']);
  context.mock.timers.tick(60_000);
  for (let turn = 0; turn < 20; turn += 1) await null;
  assert.equal(saved.get(1)?.end, 'time');
  assert.deepEqual([did.at(-1), log.at(-1)], ['wake false', 'detach 1']);
});

test('a tab that cannot be traced says why, and nothing is left on', async () => {
  const refuse = async () => Promise.reject(new Error('Another debugger is already attached to the tab with id: 1.'));
  const attached = surroundings({ debugging: { ...debug().debugging, attach: refuse } });
  await attached.traces.start(1);
  assert.equal(attached.saved.get(1)?.end, 'other-debugger');
  assert.deepEqual(attached.did, ['wake true', 'wake false']);
  for (const [address, end] of /** @type {[string | null, string][]} */ ([
    [null, 'tab-gone'],
    ['', 'restricted'],
    ['about:config', 'restricted'],
  ])) {
    const { traces, saved, did } = surroundings({ addressOf: async () => address });
    await traces.start(1);
    assert.deepEqual([saved.get(1)?.end, did], [end, []]);
  }
});

test('whoever takes the debugger off ends the trace, and it says who', async () => {
  for (const [reason, end] of [
    ['canceled_by_user', 'bar-closed'],
    ['target_closed', 'tab-gone'],
  ]) {
    const { traces, saved, did } = surroundings({ debugging: debug().debugging });
    await traces.start(1);
    traces.detached(1, String(reason));
    for (let turn = 0; turn < 20; turn += 1) await null;
    assert.deepEqual([saved.get(1)?.state, saved.get(1)?.end, did.at(-1)], ['ended', end, 'wake false']);
  }
});

test('where the hook tells, only a tab that is traced is heard, and what it asks for after its reload', async () => {
  const { traces, saved } = surroundings();
  const call = { url: 'https://m.example/a.m3u8', method: 'GET', worker: '', stack: '' };
  const seen = { id: '7', tab: 1, url: 'https://m.example/b', asked: 'https://m.example/b', method: 'GET', frame: PAGE, mainFrame: false, ofMainFrame: true, time: 1 };
  const request = { ...seen, status: 200, contentType: null, headers: [] };
  await traces.start(1);
  traces.called(2, call, PAGE);
  traces.seen(request);
  traces.navigated(1, PAGE);
  traces.seen({ ...request, url: 'https://m.example/c' });
  traces.called(1, call, PAGE);
  for (let turn = 0; turn < 20; turn += 1) await null;
  assert.deepEqual([traces.isWatched(1), traces.isWatched(2), saved.get(1)?.requests], [true, false, 2]);
  traces.navigated(1, 'https://elsewhere.example/');
  assert.deepEqual([traces.isWatched(1), saved.get(1)?.end], [false, 'navigated']);
});

test('a trace is copied as text, without what may be a token', () => {
  const frames = [{ name: 'load', url: 'https://a.example/app.js?v=1', line: 3, column: 7 }];
  const stack = [
    { cause: null, frames },
    { cause: 'await', frames: [{ name: '', url: PAGE, line: 1, column: 2 }] },
  ];
  const chain = [
    { role: /** @type {const} */ ('page'), url: `${PAGE}?user=me#x`, method: '', stack: [] },
    { role: /** @type {const} */ ('only'), url: 'https://m.example/a.m3u8?token=1', method: 'POST', stack },
  ];
  const text = chainsText([chain, chain.slice(0, 1)], ({ role }) => role, 'nameless');
  const expected = `page: ${PAGE}?...
only: POST https://m.example/a.m3u8?...
    load  https://a.example/app.js?...:3:7
    -- await --
    nameless  ${PAGE}:1:2

page: ${PAGE}?...
`;
  assert.equal(text, expected);
  assert.equal(shownUrl(`data:text/javascript,${'a'.repeat(100)}`).length, 43);
});
