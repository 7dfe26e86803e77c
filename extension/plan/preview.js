// The beginning of a stream, for a page of the extension to play: the plan of a capture, cut to a few segments and written
// as a playlist. So a preview asks for what a capture would ask for, and for so much only. Pure.

import { Failed } from '../report/failure.js';
import { mayLead } from './reach.js';

/** @import { CapturePlan } from '../types' */
/** @import { ByteRange, PlannedSegment, PlannedTrack, SegmentKey } from '../generated/protocol' */

/** How much is played: so many seconds of media, in at most so many segments. */
const MAX_SECONDS = 20;
const MAX_SEGMENTS = 12;

/** How long a segment is taken to be that does not say it, in seconds. */
const USUAL_SECONDS = 6;

/** Encryption that the player takes off: of whole segments, and (of transport streams only) of samples. */
const WHOLE = new Set(['AES-128', 'AES-256', 'AES-256-CTR']);

/**
 * @typedef {object} Preview
 * @property {string} playlist its text, with whole addresses
 * @property {string[]} urls all that it has the player ask for on the web
 * @property {boolean} live it is the end of what a live stream lists
 */

/** @param {CapturePlan} plan @returns {Preview} */
export function previewOf({ source, live, tracks }) {
  const segments = cut(tracks[0], live);
  if (segments.length === 0) throw new Failed('nothing-to-capture', 'no segment is listed');
  if (!segments.every(isPlayable)) throw new Failed('unplayable', `the player does not decrypt ${methods(segments)}`);
  const urls = new Set(segments.flatMap(addressesOf).filter(isWeb));
  if (isWeb(source) && ![...urls].every((url) => mayLead(source, url)))
    throw new Failed('private-address', 'its playlist leads into another network');
  return { playlist: written(segments), urls: [...urls], live };
}

/**
 * The first seconds; of a live stream the last ones: what was listed first is the next to go.
 * @param {PlannedTrack | undefined} track the main one @param {boolean} live
 */
function cut(track, live) {
  const there = (track?.segments ?? []).filter(({ gap }) => !gap);
  const inTurn = live ? there.slice(-MAX_SEGMENTS).reverse() : there.slice(0, MAX_SEGMENTS);
  /** @type {PlannedSegment[]} */
  const chosen = [];
  let seconds = 0;
  for (const segment of inTurn) {
    if (seconds >= MAX_SECONDS) break;
    seconds += secondsOf(segment);
    chosen.push(segment);
  }
  return live ? chosen.reverse() : chosen;
}

/** @param {PlannedSegment} segment */
const secondsOf = ({ durationSeconds }) => durationSeconds ?? USUAL_SECONDS;

/** @param {PlannedSegment} segment */
const keysOf = ({ key, map }) => [key, map?.key].flatMap((one) => one ?? []);

/** @param {PlannedSegment} segment */
const isPlayable = (segment) =>
  keysOf(segment).every(({ method }) => WHOLE.has(method) || (method === 'SAMPLE-AES' && !segment.map));

/** @param {PlannedSegment[]} segments */
const methods = (segments) => [...new Set(segments.flatMap(keysOf).map(({ method }) => method))].join(', ');

/** @param {PlannedSegment} segment */
const addressesOf = (segment) => [
  segment.url,
  ...(segment.map ? [segment.map.url] : []),
  ...keysOf(segment).map(({ url }) => url),
];

/** @param {string} url */
const isWeb = (url) => /^https?:/.test(url);

/** @param {PlannedSegment[]} segments */
function written(segments) {
  const longest = Math.max(...segments.map(secondsOf));
  const lines = ['#EXTM3U', '#EXT-X-VERSION:7', `#EXT-X-TARGETDURATION:${Math.ceil(longest)}`, '#EXT-X-PLAYLIST-TYPE:VOD'];
  let [key, map] = [keyLine(), ''];
  /** Says what is in force from here on, where that is something else. @param {SegmentKey} [wanted] */
  const encrypted = (wanted) => {
    if (keyLine(wanted) !== key) lines.push((key = keyLine(wanted)));
  };
  for (const [index, segment] of segments.entries()) {
    if (index > 0 && segment.discontinuity) lines.push('#EXT-X-DISCONTINUITY');
    const mapLine = segment.map ? `#EXT-X-MAP:URI="${segment.map.url}"${inQuotes(segment.map.range)}` : '';
    if (mapLine !== map) {
      // An initialization section has the key that is in force where it is named.
      encrypted(segment.map?.key);
      if (mapLine !== '') lines.push(mapLine);
      map = mapLine;
    }
    encrypted(segment.key);
    if (segment.range) lines.push(`#EXT-X-BYTERANGE:${rangeOf(segment.range)}`);
    lines.push(`#EXTINF:${secondsOf(segment)},`, segment.url);
  }
  return [...lines, '#EXT-X-ENDLIST', ''].join('\n');
}

/** @param {SegmentKey} [key] */
const keyLine = (key) =>
  key ? `#EXT-X-KEY:METHOD=${key.method},URI="${key.url}",IV=0x${key.iv}` : '#EXT-X-KEY:METHOD=NONE';

/** @param {ByteRange} range */
const rangeOf = ({ length, offset }) => `${length}@${offset}`;

/** @param {ByteRange} [range] */
const inQuotes = (range) => (range ? `,BYTERANGE="${rangeOf(range)}"` : '');

/**
 * Names a quality of a stream in the address of a page, which the browser remembers: what names them may hold a token.
 * @param {string} stream @param {string} quality
 */
export async function markOf(stream, quality) {
  const bytes = new TextEncoder().encode(JSON.stringify([stream, quality]));
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return Array.from(digest.subarray(0, 16), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
