// The page hook and the relay, run as a page runs them: Node's own fetch, Response and Blob, with what Node lacks of a
// browser (XMLHttpRequest, a document) played. The browser tests run them in a real page.
import assert from 'node:assert/strict';
import { resolveObjectURL } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { after, test } from 'node:test';
import { runInThisContext } from 'node:vm';
import { Worker as Thread } from 'node:worker_threads';

const PLAYLIST = '#EXTM3U\n#EXTINF:1,\na.ts\n';
const BODIES = /** @type {Record<string, Buffer | string>} */ ({
  '/list.m3u8': PLAYLIST,
  '/disguised.txt': `\ufeff\n ${PLAYLIST}`,
  '/utf16.txt': Buffer.from(`\ufeff${PLAYLIST}`, 'utf16le'),
  '/page.html': '<!doctype html>#EXTM3U',
  '/segment.ts': Buffer.alloc(188, 0x47),
  '/empty.m3u8': '',
});

const server = createServer((request, response) => {
  response.setHeader('content-type', 'text/plain');
  response.end(BODIES[new URL(request.url ?? '', 'http://a').pathname] ?? '');
}).listen(0, '127.0.0.1');
await new Promise((resolve) => server.once('listening', resolve));
after(() => void (server.close(), server.closeAllConnections()));
const base = `http://127.0.0.1:${/** @type {import('node:net').AddressInfo} */ (server.address()).port}`;

/** Answers at once with what the test gives it. */
class XMLHttpRequest extends EventTarget {
  static answer = { url: '', body: /** @type {unknown} */ (''), type: '' };
  get responseURL() {
    return XMLHttpRequest.answer.url;
  }
  get status() {
    return 200;
  }
  get responseType() {
    return XMLHttpRequest.answer.type;
  }
  get responseText() {
    return XMLHttpRequest.answer.body;
  }
  get response() {
    return XMLHttpRequest.answer.body;
  }
  getResponseHeader() {
    return 'text/plain';
  }
  send() {
    this.dispatchEvent(new Event('load'));
  }
}

class FocusEvent extends Event {
  /** @param {string} type @param {{relatedTarget: unknown, cancelable: boolean}} options */
  constructor(type, { relatedTarget, cancelable }) {
    super(type, { cancelable });
    this.relatedTarget = relatedTarget;
  }
}

/** Keeps what it is given; a blob's address is gone once it was made. */
class Worker {
  /** @param {string} address @param {object} [options] */
  constructor(address, options) {
    this.script = /** @type {any} */ (address.startsWith('blob:') ? resolveObjectURL(address) : address);
    this.options = options;
  }
  /** @param {unknown} _ */
  postMessage(_) {}
}
const workerText = String(Worker);

/** What the background got. @type {any[]} */
const messages = [];
const names = ['text', 'arrayBuffer', 'blob'];
const natives = Object.fromEntries(
  names.map((name) => [name, String(Reflect.get(Response.prototype, name))]),
);

/** One that does not keep Node from ending. */
class Channel extends BroadcastChannel {
  /** @param {string} name */
  constructor(name) {
    super(name);
    /** @type {any} */ (this).unref();
  }
}

/** What hears the background. @type {(message: any, sender: any, respond: (answer: any) => void) => void} */
let onMessage = () => {};
/** What the background says to a frame that asks. */
let isTraced = false;
/** @param {any} message */
const sendMessage = async (message) => (message.type === 'is-traced' ? isTraced : void messages.push(message));

Object.assign(globalThis, {
  BroadcastChannel: Channel,
  Node: class {
    get baseURI() {
      return `${base}/folder/page.html`;
    }
  },
  XMLHttpRequest,
  Worker,
  FocusEvent,
  document: new EventTarget(),
  chrome: { runtime: { sendMessage, onMessage: { addListener: (/** @type {any} */ ear) => void (onMessage = ear) } } },
});
for (const name of ['relay', 'hook']) {
  runInThisContext(readFileSync(new URL(`../observe/${name}.js`, import.meta.url), 'utf8'));
}

/**
 * The reports since the last look, once the hook's own reading is over. Node's fetch decodes with the TextDecoder that
 * is wrapped, a browser's does not: what was read from an address is left out as made.
 * @param {{all: boolean}} [which]
 */
async function reports({ all } = { all: false }) {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  const heard = messages.splice(0).map(({ report }) => report);
  const read = new Set(heard.filter(({ url }) => url !== '').map(({ text }) => text));
  return heard
    .filter(({ url, text }) => all || url !== '' || !read.has(text))
    .map(({ url, text }) => [url === '' ? 'made' : url.slice(base.length), text]);
}

let unique = 0;

/** An address that the relay has not seen. @param {string} path */
const fresh = (path) => `${path}?${(unique += 1)}`;

test('a playlist that the page reads is reported, whatever it is called and however it is read', async () => {
  for (const path of ['/list.m3u8', '/disguised.txt']) {
    for (const read of ['text', 'arrayBuffer', 'blob']) {
      const address = fresh(path);
      const response = await fetch(base + address);
      const body = await /** @type {any} */ (response)[read]();
      const text = typeof body === 'string' ? body : await new Response(body).text();
      assert.equal(text, BODIES[path]?.toString().replace('\ufeff', ''), 'the page gets its body');
      const [[url, seen] = []] = await reports();
      assert.deepEqual([url, seen.trim()], [address, PLAYLIST.trim()], `${path} ${read}`);
    }
  }
  const address = fresh('/utf16.txt');
  await (await fetch(base + address)).arrayBuffer();
  assert.deepEqual(await reports(), [[address, PLAYLIST]]);
});

test('a streamed body is cloned only when it looks like a playlist by its address', async () => {
  const address = fresh('/list.m3u8');
  const response = await fetch(base + address);
  const chunks = [];
  for await (const chunk of /** @type {any} */ (response.body)) chunks.push(chunk);
  assert.equal(Buffer.concat(chunks).toString(), PLAYLIST);
  assert.deepEqual(await reports(), [[address, PLAYLIST]]);
});

test('nothing else is reported', async () => {
  for (const path of ['/page.html', '/segment.ts', '/empty.m3u8']) {
    await (await fetch(base + fresh(path))).arrayBuffer();
    await (await fetch(base + fresh(path))).text();
  }
  await new Response('other').text();
  assert.deepEqual(await reports(), []);
});

let made = 0;

/** A playlist that the relay has not seen. */
const freshPlaylist = () => `#EXTM3U\n#EXTINF:1,\nhttps://a/${(made += 1)}.ts\n`;

test('a playlist inside JSON is found: plain, in base64, as a data: address', async () => {
  const base64 = (/** @type {string} */ text) => Buffer.from(text).toString('base64');
  const packings = [
    (/** @type {string} */ text) => text,
    base64,
    (/** @type {string} */ text) => `data:application/vnd.apple.mpegurl;base64,${base64(text)}`,
    (/** @type {string} */ text) => `data:application/x-mpegurl,${encodeURIComponent(text)}`,
  ];
  for (const pack of packings) {
    for (const read of ['text', 'json']) {
      const text = freshPlaylist();
      const answer = { data: [{ title: 'I0VYVE0z is no playlist' }, { sources: { hls: pack(text) } }] };
      BODIES['/api'] = JSON.stringify(answer);
      const response = await fetch(base + fresh('/api'));
      const body = await /** @type {any} */ (response)[read]();
      assert.deepEqual(read === 'json' ? body : JSON.parse(body), answer);
      assert.deepEqual(await reports(), [['made', text]], `${pack} ${read}`);
    }
  }
  XMLHttpRequest.answer = { url: `${base}/api`, body: { list: freshPlaylist() }, type: 'json' };
  new XMLHttpRequest().send();
  assert.equal((await reports()).length, 1);
  // Broken JSON, and JSON in which nothing is a playlist.
  for (const body of ['{"a":"#EXTM3U', '{"a":"say #EXTM3U","b":"I0VYVE0z???"}', '"#EXTM3"']) {
    BODIES['/api'] = body;
    assert.equal(await (await fetch(base + fresh('/api'))).text(), body);
  }
  assert.deepEqual(await reports(), []);
});

test('text that the page decodes, at once or in pieces, and blobs with an address', async () => {
  const [whole, pieces, blob, nowhere] = [freshPlaylist(), freshPlaylist(), freshPlaylist(), freshPlaylist()];
  const encoder = new TextEncoder();
  assert.equal(new TextDecoder().decode(encoder.encode(whole)), whole);
  assert.deepEqual(await reports(), [['made', whole]]);

  const decoder = new TextDecoder();
  const bytes = encoder.encode(pieces);
  const [one, two] = [bytes.subarray(0, 12), bytes.subarray(12)];
  assert.equal(decoder.decode(one, { stream: true }) + decoder.decode(two, { stream: true }), pieces);
  await new Promise((resolve) => setTimeout(resolve, 400));
  assert.deepEqual(await reports(), [['made', pieces]]);

  URL.revokeObjectURL(URL.createObjectURL(new Blob([blob])));
  assert.deepEqual(await reports(), [['made', blob]]);
  await new Response(nowhere).text();
  assert.deepEqual(await reports(), [['made', nowhere]]);
});

test('what was read from an address is not reported again as made', async () => {
  const text = freshPlaylist();
  BODIES['/once.m3u8'] = text;
  const address = fresh('/once.m3u8');
  const bytes = await (await fetch(base + address)).arrayBuffer();
  new TextDecoder().decode(bytes);
  URL.createObjectURL(new Blob([bytes]));
  assert.deepEqual(await reports({ all: true }), [[address, text]]);
});

test('a worker that is made of a blob runs the hook, then its own script, on its own lines', async () => {
  const Page = globalThis;
  const text = freshPlaylist();
  const script = `new TextDecoder().decode(new TextEncoder().encode(${JSON.stringify(text)}));\nthrow new Error(JSON.stringify(posted))`;
  const address = URL.createObjectURL(new Blob([script], { type: 'text/javascript' }));
  const worker = /** @type {any} */ (new Page.Worker(address, { name: 'own' }));
  assert.deepEqual([worker.script.type, worker.options], ['text/javascript', { name: 'own' }]);
  const code = await worker.script.text();
  assert.ok(code.endsWith(script) && !code.slice(0, -script.length).includes('\n'));
  const surroundings = `class BroadcastChannel { postMessage(report) { posted.push(report) } }
    Object.assign(globalThis, { posted: [], BroadcastChannel, XMLHttpRequest: class { send() {} } });`;
  // What somebody has frozen before is left as it is, and all else is read.
  for (const before of ['', 'Object.freeze(Response.prototype);']) {
    const thread = new Thread(`${surroundings.replaceAll('\n', ' ')} ${before} ${code}`, { eval: true });
    const error = await new Promise((resolve) => thread.once('error', resolve));
    assert.deepEqual(JSON.parse(error.message), [{ url: '', status: null, contentType: null, text }], before);
    assert.match(error.stack, /\[worker eval\]:2:/);
  }

  assert.equal(/** @type {any} */ (new Page.Worker(`${base}/worker.js`)).script, `${base}/worker.js`, 'of any other it keeps the address');
  assert.equal(Worker.prototype.constructor, Page.Worker);
  assert.ok(worker instanceof Page.Worker && String(Page.Worker) === workerText);
});

test('XMLHttpRequest: every kind of answer, and a request that is used twice is heard once each', async () => {
  const bytes = new TextEncoder().encode(PLAYLIST);
  /** @type {[string, unknown][]} */
  const kinds = [
    ['', PLAYLIST],
    ['text', PLAYLIST],
    ['arraybuffer', bytes.buffer],
    ['blob', new Blob([bytes])],
  ];
  const request = new XMLHttpRequest();
  for (const [type, body] of kinds) {
    const address = fresh('/xhr');
    XMLHttpRequest.answer = { url: base + address, body, type };
    request.send();
    assert.deepEqual(await reports(), [[address, PLAYLIST]], type);
  }
  for (const [type, body] of [
    ['document', PLAYLIST],
    ['', 'other'],
    ['arraybuffer', null],
  ]) {
    XMLHttpRequest.answer = { url: base + fresh('/xhr'), body, type: String(type) };
    request.send();
  }
  assert.deepEqual(await reports(), []);
});

test('the same address again and again is reported once in a while', async () => {
  const address = fresh('/list.m3u8');
  for (let reload = 0; reload < 5; reload += 1) await (await fetch(base + address)).text();
  assert.equal((await reports()).length, 1);
});

test('the page cannot tell: the same text, names and errors', async () => {
  for (const name of names) {
    const wrapped = Reflect.get(Response.prototype, name);
    assert.equal(String(wrapped), natives[name]);
    assert.equal(Function.prototype.toString.call(wrapped), natives[name]);
    assert.deepEqual([wrapped.name, wrapped.length, 'prototype' in wrapped], [name, 0, false]);
  }
  assert.throws(() => Function.prototype.toString.call({}), {
    name: 'TypeError',
    message: /requires that 'this' be a Function/,
  });
  assert.match(String(Function.prototype.toString), /native code/);
  await assert.rejects(Response.prototype.text.call(/** @type {any} */ (5)), TypeError);

  const response = await fetch(base + fresh('/list.m3u8'));
  await response.text();
  await assert.rejects(response.text(), TypeError);
  await reports();
});

test('a page that breaks the built-in objects breaks nothing here', async () => {
  // Those that Node's own fetch, which is JavaScript itself, does without.
  const saved = [
    String.prototype.trimStart,
    JSON.stringify,
    EventTarget.prototype.dispatchEvent,
    Reflect.apply,
  ];
  const address = fresh('/list.m3u8');
  const response = await fetch(base + address);
  String.prototype.trimStart = () => 'other';
  JSON.stringify = () => '"stolen"';
  EventTarget.prototype.dispatchEvent = () => true;
  Reflect.apply = () => assert.fail("the page's own");
  const text = await response.text();
  [String.prototype.trimStart, JSON.stringify, EventTarget.prototype.dispatchEvent, Reflect.apply] =
    /** @type {any} */ (saved);
  assert.equal(text, PLAYLIST);
  assert.deepEqual(await reports(), [[address, PLAYLIST]]);
});

test('who asks is told only of a tab that is traced, and the page cannot tell', async () => {
  const trace = /** @type {{weirTrace: () => void}} */ (/** @type {unknown} */ (globalThis)).weirTrace;
  const fetchText = String(fetch);
  const sendText = String(XMLHttpRequest.prototype.send);
  const ask = async () => {
    const address = fresh('/segment.ts');
    const answer = await fetch(base + address, { method: 'PUT' });
    await answer.arrayBuffer();
    await new Promise((resolve) => setImmediate(resolve));
    const calls = messages.splice(0).filter(({ type }) => type === 'called');
    return calls.map(({ call }) => [call.method, call.url === base + address, /at ask /.test(call.stack), call.worker]);
  };
  assert.deepEqual(await ask(), []);
  // A frame hooks at once and asks: what it sees until the answer goes nowhere when that is no.
  trace();
  assert.deepEqual(await ask(), []);
  assert.deepEqual(await ask(), []);
  isTraced = true;
  trace();
  assert.deepEqual(await ask(), [['PUT', true, true, '']]);
  // A page's own object is not asked for its text a second time.
  let asked = 0;
  await fetch(/** @type {any} */ ({ toString: () => ((asked += 1), `${base}/segment.ts`) }));
  assert.equal(asked, 1);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(messages.splice(0), []);
  assert.equal(String(fetch), fetchText);
  assert.equal(String(XMLHttpRequest.prototype.send), sendText);
  assert.equal(fetch.name, 'fetch');
  await assert.rejects(fetch('http://'), TypeError);
});

/** What may be keys, as the relay tells the background. @returns {Promise<any[]>} */
async function heldKeys() {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  return new Promise((resolve) => onMessage({ type: 'keys' }, {}, resolve));
}

/** Bytes that nobody has seen. @param {number} [length] */
const freshKey = (length = 16) => crypto.getRandomValues(new Uint8Array(length));
/** @param {Uint8Array} bytes */
const hexOf = (bytes) => Buffer.from(bytes).toString('hex');

test('a key that a page gives to a cipher, has unwrapped or derived is held, and never sent by itself', async () => {
  messages.length = 0;
  const { subtle } = crypto;
  const cbc = { name: 'AES-CBC', iv: new Uint8Array(16) };
  const [raw, jwk, wrapped, long, derived] = [freshKey(), freshKey(), freshKey(), freshKey(32), freshKey()];
  await subtle.importKey('raw', raw, 'AES-CBC', false, ['decrypt']);
  await subtle.importKey('raw', long.buffer, cbc, false, ['decrypt']);
  const k = Buffer.from(jwk).toString('base64url');
  const wrapping = await subtle.importKey('jwk', { kty: 'oct', k }, cbc, false, ['encrypt', 'unwrapKey']);
  const sealed = await subtle.encrypt(cbc, wrapping, wrapped);
  const unwrapped = await subtle.unwrapKey('raw', sealed, wrapping, cbc, cbc, false, ['decrypt']);
  assert.equal(unwrapped.extractable, false, 'the page gets what it asked for');
  const password = await subtle.importKey('raw', derived, 'PBKDF2', false, ['deriveKey', 'deriveBits']);
  const pbkdf2 = { name: 'PBKDF2', salt: new Uint8Array(8), iterations: 1, hash: 'SHA-256' };
  const made = await subtle.deriveKey(pbkdf2, password, { name: 'AES-CBC', length: 128 }, false, ['decrypt']);
  assert.equal(made.extractable, false);
  const bits = new Uint8Array(await subtle.deriveBits(pbkdf2, password, 128));
  await new Promise((resolve) => setTimeout(resolve, 50));
  const used = (await heldKeys()).filter((one) => one.used).map(({ hex }) => hex);
  assert.deepEqual(used.toSorted(), [raw, long, jwk, wrapped, bits].map(hexOf).toSorted());
  assert.deepEqual(messages, [], 'nobody has asked');
});

test('keys of other ciphers are not looked at', async () => {
  const key = freshKey();
  await crypto.subtle.importKey('raw', key, 'AES-GCM', false, ['decrypt']);
  await crypto.subtle.importKey('raw', key, 'HKDF', false, ['deriveKey']);
  await assert.rejects(crypto.subtle.importKey('raw', freshKey(15), 'AES-CBC', false, ['decrypt']));
  let asked = 0;
  const sly = /** @type {any} */ ({ get name() { return (asked += 1), 'AES-CBC'; } });
  await crypto.subtle.importKey('raw', freshKey(), sly, false, ['decrypt']);
  assert.ok(!(await heldKeys()).some(({ hex }) => hex === hexOf(key)));
  // Node itself may ask more than once.
  const before = asked;
  asked = 0;
  await crypto.subtle.importKey('raw', freshKey(64).slice(0, 32), sly, false, ['decrypt']);
  assert.equal(asked, before, 'the hook does not');
});

test('what has the length of a key is held: bodies with their address, text that is unpacked, messages of workers', async () => {
  const [body, packed, posted, heard, decrypted] = [freshKey(), freshKey(32), freshKey(), freshKey(), freshKey()];
  BODIES['/key'] = Buffer.from(body);
  BODIES['/other'] = Buffer.from(freshKey(17));
  const address = fresh('/key');
  await (await fetch(base + address)).arrayBuffer();
  await (await fetch(base + fresh('/other'))).arrayBuffer();
  const binary = Buffer.from(packed).toString('latin1');
  assert.equal(atob(btoa(binary)), binary);
  const worker = new globalThis.Worker('x');
  assert.equal(worker.postMessage({ cmd: 'demux', decryptdata: { key: posted } }), undefined);
  assert.deepEqual(new MessageEvent('message', { data: [1, heard.buffer] }).data, [1, heard.buffer]);
  const { subtle } = crypto;
  const algorithm = { name: 'AES-GCM', iv: new Uint8Array(12) };
  const key = await subtle.importKey('raw', freshKey(), 'AES-GCM', false, ['encrypt', 'decrypt']);
  const clear = await subtle.decrypt(algorithm, key, await subtle.encrypt(algorithm, key, decrypted));
  assert.deepEqual(new Uint8Array(clear), decrypted);
  const held = new Map((await heldKeys()).map(({ hex, used, urls }) => [hex, [used, ...urls]]));
  assert.deepEqual(held.get(hexOf(body)), [false, base + address]);
  for (const one of [packed, posted, heard, decrypted]) assert.deepEqual(held.get(hexOf(one)), [false]);
});

test('a page that makes up keys without end costs itself its oldest', async () => {
  const used = freshKey();
  await crypto.subtle.importKey('raw', used, 'AES-CBC', false, ['decrypt']);
  for (let made = 0; made < 2_000; made += 1) atob(btoa(Buffer.from(freshKey()).toString('latin1')));
  const held = await heldKeys();
  assert.ok(held.length <= 128, `${held.length}`);
  assert.ok(held.some(({ hex }) => hex === hexOf(used)));
});

test('a page cannot tell that its keys are looked at: the same text and errors', async () => {
  for (const [owner, name] of /** @type {[any, string][]} */ ([
    [SubtleCrypto.prototype, 'importKey'],
    [SubtleCrypto.prototype, 'decrypt'],
    [globalThis, 'atob'],
  ])) {
    assert.ok(!/considerKey|apply\(/.test(String(owner[name])), name);
    assert.equal(owner[name].name, name);
  }
  assert.throws(() => atob('!'), { name: 'InvalidCharacterError' });
  await assert.rejects(SubtleCrypto.prototype.decrypt.call(/** @type {any} */ ({}), 'AES-CBC', /** @type {any} */ ({}), new Uint8Array(16)), TypeError);
});
