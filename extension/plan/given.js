// Headers, a key and an IV that a person gives with an address or a text: what was typed is read, and put into a plan. Pure.

import { Failed } from '../report/failure.js';
import { mayBeRepeated } from './headers.js';
import { changeKeys, dataUrl } from './keys.js';

/** @import { CapturePlan, GivenKey, GivenWords, Header } from '../types' */

/** Digits of an IV, and of the sequence number that is one where none is named. */
const IV_DIGITS = 32;

/**
 * What goes along with a playlist. The messages say nothing of the values: they may be secrets with a slip in them.
 * @param {GivenWords} words @returns {{headers: Header[], given?: GivenKey}}
 */
export function readGiven({ headers, key, iv }) {
  const given = { hex: digitsOf(key), iv: digitsOf(iv)?.padStart(IV_DIGITS, '0') ?? null };
  if (given.hex !== null && !/^([\da-f]{32}){1,2}$/.test(given.hex)) throw new Failed('bad-key-given', 'the key');
  if (given.iv !== null && !/^[\da-f]{32}$/.test(given.iv)) throw new Failed('bad-key-given', 'the IV');
  const all = { headers: headersIn(headers) };
  return given.hex === null && given.iv === null ? all : { ...all, given };
}

/** @param {string} text a header a line @returns {Header[]} */
function headersIn(text) {
  const lines = text.split(/\r\n?|\n/).map((line) => line.trim()).filter((line) => line !== '');
  return lines.map((line, index) => {
    const colon = line.indexOf(':');
    const header = { name: line.slice(0, Math.max(colon, 0)).trim(), value: line.slice(colon + 1).trim() };
    if (!mayBeRepeated(header)) throw new Failed('bad-header-given', `line ${index + 1}`);
    return header;
  });
}

/** As it may be written elsewhere: with spaces, or with 0x before it. Null for nothing. @param {string} typed */
function digitsOf(typed) {
  const digits = typed.replace(/\s+/g, '').replace(/^0x/i, '').toLowerCase();
  return digits === '' ? null : digits;
}

/**
 * The plan with the given key and IV in the places of the playlist's. A stream whose playlist names no key is taken to be
 * encrypted as a whole.
 * @param {CapturePlan} plan @param {GivenKey} given @returns {CapturePlan}
 */
export function withGiven(plan, { hex, iv }) {
  // The host reads the playlist of a live stream again, and goes by what it names.
  if (plan.live) throw new Failed('unsupported', 'a key of your own for a live stream: weir get --key takes one');
  const isNamed = plan.tracks.some(({ segments }) => segments.some(({ key, map }) => key || map?.key));
  const url = hex === null ? null : dataUrl(hex);
  return changeKeys(plan, (key, sequence) => {
    if (key) return { ...key, url: url ?? key.url, iv: iv ?? key.iv };
    if (isNamed || hex === null || url === null || sequence === null) return undefined;
    const method = hex.length === IV_DIGITS ? 'AES-128' : 'AES-256';
    return { method, url, iv: iv ?? BigInt(sequence).toString(16).padStart(IV_DIGITS, '0') };
  });
}
