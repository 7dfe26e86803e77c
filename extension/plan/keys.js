// Pages that change a stream's key before they play it: what they have for keys is tried on the first segment of each
// key, and put into the plan when it decrypts that to media and what the playlist names does not. What a page says
// is a hint: only the bytes of the stream decide.

import { isMedia } from './media.js';
import { mayLead } from './reach.js';

/** @import { CapturePlan, KeyCandidate } from '../types' */
/** @import { ByteRange, MediaSequence, SegmentKey } from '../generated/protocol' */

/** The methods that encrypt whole segments with AES-CBC, and the bytes of their keys. @type {Map<string, number>} */
const KEY_BYTES = new Map([
  ['AES-128', 16],
  ['AES-256', 32],
]);

/** How much of a segment is decrypted, in bytes. */
const PREFIX = 16 * 1024;

/** Longest answer that is read as a key, in bytes. */
const MAX_KEY_ANSWER = 256;

/** Most keys of one plan that are proven. */
const MAX_KEYS = 16;

/** How long all of it may take, in milliseconds: the host waits 30 s for other links. */
const DEADLINE = 15_000;

/** AES-CBC works in blocks of so many bytes. */
const BLOCK = 16;

/** What a key is tried on. @typedef {{url: string, range: ByteRange | undefined, key: SegmentKey}} Piece */

/** Asks as the page does. @typedef {<T>(urls: string[], task: () => Promise<T>) => Promise<T>} AsPage */

/**
 * The plan, with the page's keys where they are proven. Nothing is asked for unless a page has something that may be
 * another key than those that the playlist names.
 * @param {CapturePlan} plan
 * @param {() => Promise<KeyCandidate[]>} candidates of the page, the likeliest first
 * @param {AsPage} asPage
 * @returns {Promise<{plan: CapturePlan, proven: number}>} and how many keys were put into it
 */
export async function withProvenKeys(plan, candidates, asPage) {
  const unchanged = { plan, proven: 0 };
  const pieces = firstPieces(plan).filter((piece) => mayBeAsked(plan, piece));
  if (pieces.length === 0) return unchanged;
  const all = await candidates();
  const named = new Set(pieces.map(({ key }) => place(key.url)));
  const doubtful = pieces.filter(({ key }) => isDoubtful(key, named, all)).slice(0, MAX_KEYS);
  if (doubtful.length === 0) return unchanged;
  const urls = doubtful.flatMap(({ url, key }) => [url, key.url]).filter(isWeb);
  /** @type {Map<string, string>} */
  const found = new Map();
  await asPage(urls, async () => {
    const signal = AbortSignal.timeout(DEADLINE);
    for (const piece of doubtful) {
      const hex = await proven(piece, all, signal).catch(() => null);
      if (hex !== null) found.set(piece.key.url, dataUrl(hex));
    }
  });
  return found.size === 0 ? unchanged : { plan: withKeys(plan, found), proven: found.size };
}

/**
 * Of each key the first piece that it decrypts: a segment, else an initialization section. Of a live stream none: the
 * host reads its playlist again, which names the key that does not fit.
 * @param {CapturePlan} plan @returns {Piece[]}
 */
function firstPieces({ live, tracks }) {
  if (live) return [];
  const segments = tracks.flatMap((track) => track.segments.filter(({ gap }) => !gap));
  /** @type {Map<string, Piece>} */
  const pieces = new Map();
  for (const { url, range, key } of [...segments, ...segments.flatMap(({ map }) => map ?? [])]) {
    if (key && KEY_BYTES.has(key.method) && !pieces.has(key.url)) pieces.set(key.url, { url, range, key });
  }
  return [...pieces.values()];
}

/** @param {CapturePlan} plan @param {Piece} piece */
function mayBeAsked({ source }, { url, key }) {
  return [url, key.url].every((address) => !isWeb(address) || !isWeb(source) || mayLead(source, address));
}

/** An address without its query, which may be another each time: what is asked for here may be good once. @param {string} url */
const place = (url) => url.replace(/[?#].*$/s, '');

/** @param {string} url */
const isWeb = (url) => /^https?:/.test(url);

/**
 * Has the page something that may be another key than those that the playlist names? Not when it gives a cipher what the
 * address of one of them answers: then it changes none.
 * @param {SegmentKey} key @param {Set<string>} named where the playlist's keys are @param {KeyCandidate[]} candidates
 */
function isDoubtful(key, named, candidates) {
  const isNamed = (/** @type {KeyCandidate} */ { urls }) =>
    urls.some((url) => named.has(place(url)));
  const fitting = candidates.filter((one) => fits(one, key));
  return fitting.some((one) => !isNamed(one)) && !fitting.some((one) => one.used && isNamed(one));
}

/** @param {KeyCandidate} candidate @param {SegmentKey} key */
const fits = ({ hex }, { method }) => hex.length === (KEY_BYTES.get(method) ?? 0) * 2;

/**
 * The candidate that decrypts a piece; null when there is none, and when the key's own address has the right one.
 * @param {Piece} piece @param {KeyCandidate[]} candidates @param {AbortSignal} signal
 */
async function proven(piece, candidates, signal) {
  const { key } = piece;
  const beginning = await ask(piece.url, PREFIX, piece.range, signal);
  const iv = fromHex(key.iv);
  const own = await ask(key.url, MAX_KEY_ANSWER, undefined, signal).catch(() => null);
  for (const one of own ? keyForms(own, KEY_BYTES.get(key.method) ?? 0) : []) {
    if (await decrypts(one, iv, beginning)) return null;
  }
  for (const candidate of candidates) {
    if (fits(candidate, key) && (await decrypts(fromHex(candidate.hex), iv, beginning))) return candidate.hex;
  }
  return null;
}

/**
 * The beginning of a resource.
 * @param {string} url @param {number} length @param {ByteRange | undefined} range @param {AbortSignal} signal
 */
async function ask(url, length, range, signal) {
  const offset = Number(range?.offset ?? 0);
  const end = range ? Math.min(offset + Number(range.length), offset + length) : length;
  // Like the page's own requests, but for the cache: a key is not to be on the disk.
  const response = await fetch(url, {
    ...(isWeb(url) ? { credentials: 'include', cache: 'no-store' } : {}),
    headers: range ? { Range: `bytes=${offset}-${end - 1}` } : {},
    signal,
  });
  if (!response.ok || !response.body) throw new Error(`status ${response.status}`);
  const skip = range && response.status !== 206 ? offset : 0;
  if (skip > length) throw new Error('the server sends all of it');
  return beginningOf(response.body, end - offset + skip).then((bytes) => bytes.slice(skip));
}

/** @param {ReadableStream<Uint8Array>} body @param {number} length */
async function beginningOf(body, length) {
  const bytes = new Uint8Array(length);
  let at = 0;
  const reader = body.getReader();
  while (at < length) {
    const { value, done } = await reader.read();
    if (done) break;
    const piece = value.subarray(0, length - at);
    bytes.set(piece, at);
    at += piece.length;
  }
  void reader.cancel().catch(() => {});
  return bytes.subarray(0, at);
}

/**
 * A key server's answer in the forms that the host knows, but for JSON.
 * @param {Uint8Array} answer @param {number} length
 */
function keyForms(answer, length) {
  const text = String.fromCharCode(...answer).trim();
  const forms = [answer];
  if (/^\r?\n$/.test(String.fromCharCode(...answer.subarray(length)))) forms.push(answer.slice(0, length));
  if (/^(0x)?([\da-f]{2})+$/i.test(text)) forms.push(fromHex(text.replace(/^0x/i, '')));
  try {
    forms.push(Uint8Array.from(atob(text), (character) => character.charCodeAt(0)));
  } catch {
    // It is no base64.
  }
  return forms.filter((form) => form.length === length);
}

/**
 * @param {Uint8Array} bytes of a key @param {Uint8Array} iv @param {Uint8Array} encrypted the beginning of a segment
 */
export async function decrypts(bytes, iv, encrypted) {
  const whole = encrypted.slice(0, encrypted.length - (encrypted.length % BLOCK));
  if (whole.length === 0) return false;
  const algorithm = { name: 'AES-CBC' };
  const key = await crypto.subtle.importKey('raw', bytes.slice(), algorithm, false, ['encrypt', 'decrypt']);
  // WebCrypto wants the padding, which is at the end of the segment: nothing, encrypted after the last block that is here,
  // is that padding.
  const end = await crypto.subtle.encrypt({ ...algorithm, iv: whole.slice(-BLOCK) }, key, new Uint8Array());
  const padded = new Uint8Array(whole.length + BLOCK);
  padded.set(whole);
  padded.set(new Uint8Array(end), whole.length);
  return isMedia(new Uint8Array(await crypto.subtle.decrypt({ ...algorithm, iv: iv.slice() }, key, padded)));
}

/** @param {CapturePlan} plan @param {Map<string, string>} found @returns {CapturePlan} */
const withKeys = (plan, found) =>
  changeKeys(plan, (key) => key && { ...key, url: found.get(key.url) ?? key.url });

/**
 * @param {CapturePlan} plan
 * @param {(key: SegmentKey | undefined, sequence: MediaSequence | null) => SegmentKey | undefined} change of a segment with
 * its sequence number, of an initialization section without; undefined leaves it as it is
 * @returns {CapturePlan}
 */
export function changeKeys(plan, change) {
  /** @template {{key?: SegmentKey}} T @param {T} resource @param {MediaSequence | null} sequence */
  const changed = (resource, sequence) => {
    const key = change(resource.key, sequence);
    return key ? { ...resource, key } : resource;
  };
  const tracks = plan.tracks.map((track) => ({
    ...track,
    segments: track.segments.map((one) => {
      const segment = changed(one, one.sequence);
      return segment.map ? { ...segment, map: changed(segment.map, null) } : segment;
    }),
  }));
  return { ...plan, tracks };
}

/** @param {string} hex */
export const dataUrl = (hex) => `data:application/octet-stream;base64,${btoa(String.fromCharCode(...fromHex(hex)))}`;

/** @param {string} hex */
const fromHex = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (digits) => Number.parseInt(digits, 16));
