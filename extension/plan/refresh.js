// A capture whose links have expired -> what it can be planned anew from. Pure. The host decides whether that is the same
// capture.

import { location } from '../detect/group.js';

/** @import { MediaSummary, MultivariantSummary, Playlist, Quality, VariantSummary } from '../types' */
/** @import { RefreshFailure } from '../generated/protocol' */

/** Most playlists that are tried for one capture. */
const MAX_SOURCES = 3;

/** A folder that may be a token: long, or digits of a time or a digest. The host knows them by the same rule. */
const TOKEN = /^(.{16,}|[\da-f]{8,})$/i;

/**
 * The playlists that may be a capture's first-level one, asked for again: under the same address, or under one that only
 * tokens tell from it. Those that the page has read last come first.
 * @param {Playlist[]} playlists of the tab @param {string} url that the capture was planned from
 */
export const sources = (playlists, url) =>
  playlists
    .filter((one) => one.url === url || location(one.url) === location(url) || place(one.url) === place(url))
    .sort((a, b) => lastKnown(b) - lastKnown(a))
    .slice(0, MAX_SOURCES);

/** How long other links are looked for, in milliseconds: the page may ask anew. The host waits for 30 s. */
const PATIENCE = 25_000;

/** Between two looks at what the page has asked for meanwhile, in milliseconds. */
const INTERVAL = 500;

/**
 * Offers what a capture may be planned anew from, one after the other, and what the page asks for meanwhile, until one is
 * taken. Null when one was, or when nobody waits any more.
 * @template {{playlists: Playlist[]}} T
 * @param {() => Promise<T | RefreshFailure | null>} look what there is now
 * @param {(capture: T, source: Playlist) => Promise<RefreshFailure | null>} offer null when it is taken
 * @param {{patience: number, interval: number}} [time]
 * @returns {Promise<RefreshFailure | null>}
 */
export async function search(look, offer, { patience, interval } = { patience: PATIENCE, interval: INTERVAL }) {
  const end = Date.now() + patience;
  /** What was offered, as it was then. @type {Set<string>} */
  const offered = new Set();
  /** @type {RefreshFailure} */
  let failure = 'tab-gone';
  for (;;) {
    const now = await look();
    if (now === null || typeof now === 'string') return now;
    for (const source of now.playlists) {
      const state = `${lastKnown(source)} ${source.url}`;
      if (offered.has(state)) continue;
      offered.add(state);
      const outcome = await offer(now, source);
      if (outcome === null) return null;
      failure = outcome;
    }
    if (Date.now() >= end) return failure;
    await new Promise((resolve) => setTimeout(resolve, interval));
  }
}

/** When the page was last seen to have it. @param {Playlist} playlist */
const lastKnown = ({ seenAt, readAt }) => Math.max(seenAt, readAt);

/**
 * The quality of a playlist that is the one that was chosen of an earlier reading; null when it has none.
 * @param {Quality | null} chosen @param {MultivariantSummary | MediaSummary} summary
 * @returns {string | null} as the engine is asked for it
 */
export function sameQuality(chosen, summary) {
  if (!chosen || chosen.value === 'best' || summary.kind === 'media') return 'best';
  const { variants } = summary;
  const found =
    variants.find(({ url }) => url === chosen.url) ??
    variants.find(({ url }) => location(url) === location(chosen.url)) ??
    variants.find((variant) => place(variant.url) === place(chosen.url) && looksLike(variant, chosen));
  return found?.url ?? null;
}

/** @param {VariantSummary} variant @param {Quality} chosen */
const looksLike = (variant, chosen) =>
  variant.height === chosen.height &&
  variant.width === chosen.width &&
  variant.frameRate === chosen.frameRate &&
  variant.bandwidth === chosen.bandwidth;

/** The path without the folders that may be tokens. @param {string} address */
function place(address) {
  const [name = '', ...folders] = new URL(address).pathname.split('/').reverse();
  return [...folders.filter((folder) => !TOKEN.test(folder)).reverse(), name].join('/');
}
