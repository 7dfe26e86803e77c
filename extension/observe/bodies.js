// Bodies of playlists as the browser hands them out, on their way to the page (Firefox): what no page can change, and what
// need not be asked for again. The page gets each piece as it comes.

import { isOfPage } from './requests.js';

/** Longest playlist that is taken, in bytes (core: MAX_PLAYLIST_BYTES). */
const MAX_BYTES = 16 * 1024 * 1024;

/** How far a playlist may be from the beginning of its body, in bytes: marks and empty lines. */
const MAX_LEAD = 1024;

/**
 * A body that passes by (Firefox's StreamFilter).
 * @typedef {object} Passing
 * @property {((event: {data: ArrayBuffer}) => void) | null} ondata
 * @property {(() => void) | null} onstop
 * @property {(() => void) | null} onerror
 * @property {(data: ArrayBuffer) => void} write
 * @property {() => void} close
 * @property {() => void} disconnect the rest passes by itself
 */

/**
 * Is it worth looking at the body of an answer? Most are none that could be a playlist.
 * @param {chrome.webRequest.OnHeadersReceivedDetails} details
 */
export function mayBePlaylist(details) {
  if (!isOfPage(details) || details.statusCode < 200 || details.statusCode > 299) return false;
  const type = details.responseHeaders?.find(({ name }) => name.toLowerCase() === 'content-type')?.value;
  return /m3u/i.test(details.url) || /mpegurl/i.test(type ?? '');
}

/**
 * The text of a body that passes by; null when it is no playlist.
 * @param {Passing} body
 * @returns {Promise<string | null>}
 */
export function overhear(body) {
  /** @type {Uint8Array[]} */
  const pieces = [];
  let length = 0;
  let begins = false;
  return new Promise((resolve) => {
    body.ondata = ({ data }) => {
      body.write(data);
      pieces.push(new Uint8Array(data.slice(0)));
      length += data.byteLength;
      if (length < MAX_LEAD) return;
      begins ||= beginsAsPlaylist(pieces);
      if (begins && length <= MAX_BYTES) return;
      body.disconnect();
      resolve(null);
    };
    body.onstop = () => {
      body.close();
      resolve(beginsAsPlaylist(pieces) ? textOf(pieces) : null);
    };
    body.onerror = () => resolve(null);
  });
}

/** @param {Uint8Array[]} pieces */
function textOf(pieces) {
  const decoder = new TextDecoder();
  return pieces.map((piece) => decoder.decode(piece, { stream: true })).join('') + decoder.decode();
}

/** @param {Uint8Array[]} pieces */
const beginsAsPlaylist = (pieces) => textOf(pieces).trimStart().startsWith('#EXTM3U');
