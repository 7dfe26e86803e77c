// Traced requests -> the chain page, script, first-level playlist, second-level playlist, first segment. Pure.

import { location } from '../detect/group.js';

/** @import { ChainStep, TracedRequest } from '../types' */

/** Most chains of one trace. */
const MAX_CHAINS = 8;

/**
 * The address of a segment as segments are compared: a query may be another one in each reload of the playlist.
 * @param {string} url
 */
export const segmentKey = (url) => url.replace(/[?#].*$/s, '');

/**
 * The chains in `requests`, those with a segment first.
 * @param {string} page the address of the traced page
 * @param {TracedRequest[]} requests in the order in which they were made
 * @returns {ChainStep[][]}
 */
export function chains(page, requests) {
  const playlists = distinct(requests.filter(({ reading }) => reading !== null));
  const media = playlists.filter(({ reading }) => reading?.kind === 'media');
  const named = new Set();
  const grouped = playlists.flatMap((first) => {
    if (first.reading?.kind !== 'multivariant') return [];
    const { children } = first.reading;
    const own = media.filter((one) => children.has(location(one.url)));
    for (const one of own) named.add(one);
    const second = own.find((one) => segmentOf(one, requests) !== null) ?? own[0] ?? null;
    return [linked(page, first, second, second && segmentOf(second, requests))];
  });
  const lone = media
    .filter((one) => !named.has(one))
    .map((one) => linked(page, one, null, segmentOf(one, requests)));
  // What a multivariant playlist names is found by it: a media playlist that came first is no chain of its own.
  const all = [...grouped, ...lone];
  return [...all.filter(isWhole), ...all.filter((one) => !isWhole(one))].slice(0, MAX_CHAINS);
}

/** Does a chain end where it should? @param {ChainStep[]} chain */
export const isWhole = (chain) => chain.at(-1)?.role === 'segment';

/** A playlist that is read again is no second one. @param {TracedRequest[]} playlists */
function distinct(playlists) {
  const first = new Map();
  for (const one of playlists) {
    const key = location(one.url);
    if (!first.has(key)) first.set(key, one);
  }
  return [...first.values()];
}

/**
 * The first segment that was asked for of a media playlist.
 * @param {TracedRequest} media @param {TracedRequest[]} requests @returns {TracedRequest | null}
 */
function segmentOf(media, requests) {
  if (media.reading?.kind !== 'media') return null;
  const { segments } = media.reading;
  const later = requests.slice(requests.indexOf(media) + 1);
  return later.find(({ url, reading }) => reading === null && segments.has(segmentKey(url))) ?? null;
}

/**
 * @param {string} page @param {TracedRequest} first @param {TracedRequest | null} second
 * @param {TracedRequest | null} segment @returns {ChainStep[]}
 */
function linked(page, first, second, segment) {
  const { kind, url } = first.place;
  const script = first.stack[0]?.frames[0]?.url;
  return [
    alone('page', page),
    ...(kind === 'page' ? [] : [alone(kind, url)]),
    ...(script === undefined || script === '' ? [] : [alone('script', script)]),
    asked(first.reading?.kind === 'multivariant' ? 'first' : 'only', first),
    ...(second ? [asked('second', second)] : []),
    ...(segment ? [asked('segment', segment)] : []),
  ];
}

/** @param {ChainStep['role']} role @param {string} url @returns {ChainStep} */
const alone = (role, url) => ({ role, url, method: '', stack: [] });

/** @param {ChainStep['role']} role @param {TracedRequest} request @returns {ChainStep} */
const asked = (role, { url, method, stack }) => ({ role, url, method, stack });
