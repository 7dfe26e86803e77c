// Which of the page's request headers the host repeats, and which the extension's own fetch needs. Pure.

/** @import { Header } from '../types' */

/** Headers that belong to one connection, one request or the browser itself (and that the host refuses). */
const NOT_REPEATED = new RegExp(
  `^(${[
    // The host has its own: cookies per URL, ranges, encodings, bodies, connections.
    'cookie2?|host|range|if-.*|content-.*|accept-encoding|connection|keep-alive|proxy-.*|te|trailer',
    'transfer-encoding|upgrade.*|http2-settings|expect|date|via',
    // What the browser says of this one request or of itself.
    'dnt|priority|cache-control|pragma|sec-.*|access-control-.*|x-client-data|origin-agent-cluster',
  ].join('|')})$`,
  'i',
);

/** Field names as RFC 9110 has them. */
const FIELD_NAME = /^[!#$%&'*+.^_`|~0-9a-z-]+$/i;

/** Most headers that are kept. */
const MAX_HEADERS = 64;

/**
 * The headers that make the host's requests look like the page's: user agent, referer, origin, authorisation and
 * custom ones.
 * @param {Header[]} sent as webRequest saw them
 * @param {{userAgent: string, page: string | null}} fallback for a request that was answered from the cache
 * @returns {Header[]}
 */
export function repeatedHeaders(sent, fallback) {
  const kept = sent.filter(mayBeRepeated).slice(0, MAX_HEADERS);
  const has = (/** @type {string} */ wanted) => kept.some(({ name }) => name.toLowerCase() === wanted);
  if (!has('user-agent')) kept.push({ name: 'User-Agent', value: fallback.userAgent });
  if (sent.length === 0 && fallback.page && !has('referer')) {
    kept.push({ name: 'Referer', value: `${new URL(fallback.page).origin}/` });
  }
  return kept;
}

/** A header that the host sends. @param {Header} header */
export const mayBeRepeated = ({ name, value }) => isClean(name, value) && !NOT_REPEATED.test(name);

/**
 * Headers that the extension's own fetch of a playlist must set, because a worker's fetch would not: all but those that
 * the browser sends by itself.
 * @param {Header[]} headers from {@link repeatedHeaders}
 */
export const fetchHeaders = (headers) =>
  headers.filter(({ name }) => !/^(user-agent|accept|accept-language)$/i.test(name));

/** A header that is one line and no more. @param {string} name @param {string} value */
const isClean = (name, value) => FIELD_NAME.test(name) && !/[\r\n\0]/.test(value);
