// Keys of pages are tried on real ciphertext, by the WebCrypto that browsers have too; the network is played.
import assert from 'node:assert/strict';
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { test } from 'node:test';

import { readKeys } from '../observe/reports.js';
import { decrypts, withProvenKeys } from '../plan/keys.js';
import { isMedia } from '../plan/media.js';

/** @import { CapturePlan, KeyCandidate } from '../types' */

const IV = '00000000000000000000000000000007';
const ROOT = 'https://cdn.example/film/';

/** A transport stream that says nothing. @param {number} packets @param {number} [length] */
function transportStream(packets, length = 188) {
  const bytes = randomBytes(packets * length);
  for (let at = 0; at < bytes.length; at += length) bytes[at] = 0x47;
  return bytes;
}

/** @param {Buffer} key @param {Buffer} clear */
function encrypt(key, clear) {
  const cipher = createCipheriv(`aes-${key.length * 8}-cbc`, key, Buffer.from(IV, 'hex'));
  return Buffer.concat([cipher.update(clear), cipher.final()]);
}

/** What the network answers, and what it was asked for. @type {Map<string, Buffer>} */
const served = new Map();
/** @type {string[]} */
const asked = [];
globalThis.fetch = async (url, options) => {
  const address = String(url);
  const [, from, to] = /bytes=(\d+)-(\d+)/.exec(/** @type {any} */ (options?.headers)?.Range ?? '') ?? [];
  asked.push(from === undefined ? address.slice(ROOT.length) : `${address.slice(ROOT.length)} ${from}-${to}`);
  const body = served.get(address);
  if (!body) return new Response('gone', { status: 404 });
  return from === undefined
    ? new Response(Uint8Array.from(body))
    : new Response(Uint8Array.from(body.subarray(Number(from), Number(to) + 1)), { status: 206 });
};

/** @param {string} key the name of one @param {string} segment @param {object} [more] */
const segmentOf = (key, segment, more = {}) => ({
  sequence: 7,
  url: ROOT + segment,
  durationSeconds: 1,
  ...(key === '' ? {} : { key: { method: 'AES-128', url: ROOT + key, iv: IV } }),
  ...more,
});

/** @param {object[]} segments @param {object} [more] @returns {CapturePlan} */
const planOf = (segments, more = {}) =>
  /** @type {any} */ ({ source: `${ROOT}index.m3u8`, title: null, live: false, tracks: [{ segments }], ...more });

/** @param {Buffer} key @param {Partial<KeyCandidate>} [more] @returns {KeyCandidate} */
const candidate = (key, more = {}) => ({ hex: key.toString('hex'), used: true, urls: [], ...more });

/** @param {CapturePlan} plan @param {KeyCandidate[]} candidates */
async function prove(plan, candidates) {
  asked.length = 0;
  const before = structuredClone(plan);
  const result = await withProvenKeys(plan, async () => candidates, async (_, task) => task());
  assert.deepEqual(plan, before, 'the plan itself stays as it is');
  const keys = result.plan.tracks.flatMap(({ segments }) => segments.map(({ key }) => key?.url.replace(ROOT, '')));
  return { proven: result.proven, keys, asked: [...asked], plan: result.plan };
}

/** @param {Buffer} key */
const inPlan = (key) => `data:application/octet-stream;base64,${key.toString('base64')}`;

test('the key that decrypts the first segment is put in the place of the one that does not', async () => {
  const key = randomBytes(16);
  served.set(`${ROOT}key`, Buffer.from(key.map((byte) => byte ^ 0x5a)));
  served.set(`${ROOT}1.ts`, encrypt(key, transportStream(200)));
  const wrong = Array.from({ length: 20 }, () => candidate(randomBytes(16)));
  const plan = planOf([segmentOf('key', '1.ts'), segmentOf('key', '2.ts'), segmentOf('', 'clear.ts')]);
  const found = await prove(plan, [...wrong, candidate(randomBytes(32)), candidate(key)]);
  assert.deepEqual(found.keys, [inPlan(key), inPlan(key), undefined]);
  assert.deepEqual([found.proven, found.asked], [1, ['1.ts', 'key']]);
  assert.equal(found.plan.tracks[0]?.segments[0]?.key?.iv, IV);
  // None of them fits: the plan stays.
  const none = await prove(plan, wrong);
  assert.deepEqual([none.proven, none.plan], [0, plan]);
});

test('where the address has the right key nothing is changed, in every form of a key', async () => {
  const key = randomBytes(16);
  served.set(`${ROOT}1.ts`, encrypt(key, transportStream(200)));
  const line = Buffer.concat([key, Buffer.from('\r\n')]);
  for (const answer of [key, line, Buffer.from(key.toString('hex')), Buffer.from(key.toString('base64'))]) {
    served.set(`${ROOT}key`, answer);
    const found = await prove(planOf([segmentOf('key', '1.ts')]), [candidate(randomBytes(16)), candidate(key)]);
    assert.deepEqual([found.proven, found.keys], [0, ['key']], `${answer}`);
  }
});

test('an ordinary page costs no request: what it gives to its cipher is what the address answers', async () => {
  const key = randomBytes(16);
  const plan = planOf([segmentOf('key?token=2', '1.ts')]);
  const own = { urls: [`${ROOT}key?until=1&signature=2`] };
  for (const candidates of [
    [],
    [candidate(randomBytes(32))],
    [candidate(key, { ...own, used: false })],
    [candidate(key, own), candidate(randomBytes(16), { used: false })],
  ])
    assert.deepEqual((await prove(plan, candidates)).asked, []);
  // Nor do keys that the page has not come to yet.
  const changing = planOf([segmentOf('key?token=2', '1.ts'), segmentOf('key2', '2.ts')]);
  for (const used of [true, false])
    assert.deepEqual((await prove(changing, [candidate(key, { ...own, used })])).asked, []);
  // Neither do clear streams, other methods, live streams, and what a public playlist has no business with.
  const all = [candidate(randomBytes(16))];
  const sample = { key: { method: 'SAMPLE-AES', url: `${ROOT}key`, iv: IV } };
  for (const other of [
    planOf([segmentOf('', '1.ts')]),
    planOf([segmentOf('key', '1.ts', sample)]),
    planOf([segmentOf('key', '1.ts')], { live: true }),
    planOf([segmentOf('key', '1.ts', { gap: true })]),
    planOf([segmentOf('key', '1.ts', { url: 'https://192.168.0.1/1.ts' })]),
    planOf([segmentOf('key', '1.ts', { key: { method: 'AES-128', url: 'https://[::1]/key', iv: IV } })]),
    planOf([segmentOf('key', '1.ts', { url: 'http://cdn.example/1.ts' })]),
  ])
    assert.deepEqual((await prove(other, all)).asked, []);
  assert.deepEqual((await prove(plan, all)).asked.length, 2, 'and this one does');
});

test('each key is proven by its own first segment, and only some are', async () => {
  const keys = Array.from({ length: 3 }, () => randomBytes(16));
  const segments = keys.flatMap((key, number) => {
    served.set(`${ROOT}key${number}`, randomBytes(16));
    served.set(`${ROOT}${number}.ts`, encrypt(key, transportStream(200)));
    return [segmentOf(`key${number}`, `${number}.ts`), segmentOf(`key${number}`, 'never.ts')];
  });
  const [first = Buffer.of(), , third = Buffer.of()] = keys;
  const found = await prove(planOf(segments), [candidate(third), candidate(first)]);
  assert.deepEqual(found.keys, [inPlan(first), inPlan(first), 'key1', 'key1', inPlan(third), inPlan(third)]);
  assert.deepEqual(found.asked, ['0.ts', 'key0', '1.ts', 'key1', '2.ts', 'key2']);
  // However many there are.
  const many = Array.from({ length: 100 }, (_, number) => segmentOf(`many${number}`, `${number}.ts`));
  assert.ok((await prove(planOf(many), [candidate(first)])).asked.length <= 32);
});

test('a key whose address answers once, a part of a resource, AES-256, and a segment that is gone', async () => {
  const [key, long] = [randomBytes(16), randomBytes(32)];
  const encrypted = encrypt(key, transportStream(200));
  served.set(`${ROOT}all.ts`, Buffer.concat([randomBytes(1000), encrypted]));
  const range = { offset: 1000, length: encrypted.length };
  const part = await prove(planOf([segmentOf('once', 'all.ts', { range })]), [candidate(key, { urls: [`${ROOT}else`] })]);
  assert.deepEqual([part.keys, part.asked], [[inPlan(key)], ['all.ts 1000-17383', 'once']]);

  served.set(`${ROOT}long.ts`, encrypt(long, transportStream(200)));
  const aes256 = { key: { method: 'AES-256', url: `${ROOT}key`, iv: IV } };
  const found = await prove(planOf([segmentOf('', 'long.ts', aes256)]), [candidate(key), candidate(long)]);
  assert.deepEqual(found.keys, [inPlan(long)]);

  const gone = await prove(planOf([segmentOf('key', 'gone.ts')]), [candidate(key)]);
  assert.deepEqual([gone.proven, gone.keys], [0, ['key']]);
});

test('a beginning is decrypted without its padding, whatever its length', async () => {
  const [key, other] = [randomBytes(16), randomBytes(16)];
  const iv = Buffer.from(IV, 'hex');
  for (const packets of [4, 90]) {
    const encrypted = encrypt(key, transportStream(packets));
    for (const cut of [0, 1, 15, 16]) {
      const beginning = encrypted.subarray(0, encrypted.length - cut);
      assert.equal(await decrypts(key, iv, beginning), true, `${packets} ${cut}`);
      assert.equal(await decrypts(other, iv, beginning), false);
    }
  }
  assert.equal(await decrypts(key, iv, Buffer.alloc(15)), false);
  // Its first byte is right by chance, and no other.
  let chance = Buffer.of();
  const encrypted = encrypt(key, transportStream(90));
  for (let tries = 0; chance.length === 0; tries += 1) {
    const one = randomBytes(16);
    const decipher = createDecipher(one, iv);
    if (decipher(encrypted)[0] === 0x47) chance = one;
    assert.ok(tries < 10_000);
  }
  assert.equal(await decrypts(chance, iv, encrypted), false);
});

/** @param {Buffer} key @param {Buffer} iv @returns {(encrypted: Buffer) => Buffer} */
function createDecipher(key, iv) {
  return (encrypted) => {
    // Of one block CBC is the block cipher and the IV: encrypting zeros would do as well.
    const decipher = createDecipheriv('aes-128-cbc', key, iv).setAutoPadding(false);
    return Buffer.concat([decipher.update(encrypted.subarray(0, 16)), decipher.final()]);
  };
}

test('what media begins with', () => {
  const box = (/** @type {string} */ type, size = 16) => {
    const bytes = randomBytes(64);
    bytes.writeUInt32BE(size, 0);
    bytes.write(type, 4, 'latin1');
    return bytes;
  };
  const frame = () => Buffer.concat([Buffer.from([0xff, 0xf1, 0x50, 0x80, 0x04, 0x1f, 0xfc]), Buffer.alloc(25)]);
  const picture = Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), randomBytes(62)]);
  const timestamp = Buffer.concat([Buffer.from('ID3\x04\0\0\0\0\0\x3f', 'latin1'), randomBytes(63)]);
  for (const media of [
    ...[188, 192, 204].map((length) => transportStream(20, length)),
    transportStream(3),
    Buffer.concat([picture, transportStream(20)]),
    ...['ftyp', 'styp', 'moof', 'sidx', 'emsg', 'prft'].map((type) => box(type)),
    timestamp,
    Buffer.concat([frame(), frame(), frame()]),
    Buffer.from('WEBVTT\n\n'),
    Buffer.from('\ufeffWEBVTT\n'),
  ])
    assert.ok(isMedia(media), media.toString('latin1').slice(0, 20));
  const oneSync = randomBytes(2000).map((byte) => (byte === 0x47 ? 0 : byte));
  oneSync[0] = 0x47;
  const twoSyncs = Uint8Array.from(oneSync);
  twoSyncs[188] = 0x47;
  for (const other of [
    Buffer.alloc(0),
    Buffer.from('G'),
    Buffer.from('<!doctype html><title>Log in</title>'),
    oneSync,
    twoSyncs,
    transportStream(2),
    box('moof', 4),
    box('mooe'),
    Buffer.concat([frame(), frame(), randomBytes(7).fill(0)]),
    Buffer.from('ID3\x09\0\0\0\0\0\x3f', 'latin1'),
    Buffer.from('WEBVTTX'),
  ])
    assert.ok(!isMedia(other), Buffer.from(other).toString('latin1').slice(0, 20));
  for (let tries = 0; tries < 2_000; tries += 1) assert.ok(!isMedia(randomBytes(16 * 1024).fill(0x48, 0, 4)));
});

test('what frames say of keys: those that a cipher got first, the latest of them first, bounded', () => {
  const [a, b, c] = ['a', 'b', 'c'].map((digit) => digit.repeat(32));
  const frames = [
    [{ hex: a, used: false, urls: ['https://x/key', 5, 'file:///x'] }, { hex: b, used: true, urls: [] }],
    undefined,
    'junk',
    [null, { hex: 'zz', used: true, urls: [] }, { hex: `${a}\n`, used: true, urls: [] }, { hex: c, used: true, urls: 'no' }],
    [{ hex: a, used: true, urls: [] }],
  ];
  const urls = { [String(a)]: ['https://x/key'] };
  assert.deepEqual(
    readKeys(frames),
    [b, a, c].map((hex) => ({ hex, used: true, urls: urls[String(hex)] ?? [] })),
  );
  const many = Array.from({ length: 1_000 }, () => ({ hex: randomBytes(16).toString('hex'), used: false, urls: [] }));
  assert.equal(readKeys([many]).length, 128);
});
