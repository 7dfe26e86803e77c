// A first-level playlist whose second-level ones the page reads elsewhere than it says -> the rule in that, and the playlist
// with the addresses that the page reads. Pure.

import { location } from '../detect/group.js';
import { addressesOf } from './capture.js';
import { by, ruleOfOne } from './url_rules.js';

/** @import { Playlist } from '../types' */
/** @import { UrlRule } from './url_rules.js' */

/**
 * The rule by which the page reads what a first-level playlist names; null when it reads that where it is said to be, or
 * nothing of it. One that it reads is enough, when it is like one of them alone: most pages read no more.
 * @param {Playlist} source @param {Playlist[]} playlists all of the tab's
 * @returns {{rule: UrlRule, own: string} | null} with an address that the page did not ask for
 */
export function listRule(source, playlists) {
  if (source.summary?.kind !== 'multivariant') return null;
  const read = playlists.filter(({ ofPage, made, summary }) => ofPage && !made && summary?.kind === 'media');
  const places = new Set(read.map(({ url }) => location(url)));
  const named = addressesOf(source).filter((url) => url !== source.url);
  if (named.some((url) => places.has(location(url)))) return null;
  // What another playlist names is that one's.
  const parents = playlists.filter((one) => one.summary?.kind === 'multivariant' && one !== source);
  const others = new Set(parents.flatMap(addressesOf).map(location));
  const free = read.map(({ url }) => url).filter((url) => !others.has(location(url)));
  return ruleOfOne(named, free);
}

/**
 * The playlist by a rule: what it names, and its text.
 * @param {Playlist} source @param {string} text @param {UrlRule} rule
 * @returns {{source: Playlist, text: string}}
 */
export function movedList(source, text, rule) {
  const { summary } = source;
  if (summary?.kind !== 'multivariant') return { source, text };
  const moved = (/** @type {string} */ url) => by(rule, url) ?? url;
  const reference = (/** @type {string} */ one) => {
    const url = URL.canParse(one, source.url) ? new URL(one, source.url).href.replace(/#.*/, '') : '';
    return by(rule, url) ?? one;
  };
  const line = (/** @type {string} */ one) => {
    if (/^\s*#EXT-X-MEDIA:/.test(one))
      return one.replace(/\bURI="([^"]*)"/, (_, uri) => `URI="${reference(uri)}"`);
    return one.trim() === '' || one.trim().startsWith('#') ? one : reference(one.trim());
  };
  const variants = summary.variants.map((one) => ({ ...one, url: moved(one.url) }));
  const renditions = summary.renditions.map((one) => (one.url ? { ...one, url: moved(one.url) } : one));
  return {
    source: { ...source, summary: { ...summary, variants, renditions } },
    text: text.split(/\r\n?|\n/).map(line).join('\n'),
  };
}
