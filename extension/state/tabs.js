// What is known of one tab, and how it changes. Pure.

/** @import { Playlist, TabState } from '../types' */

/** Most playlists that one tab keeps; a page that asks for more loses the oldest. */
const MAX_PLAYLISTS = 200;

/** Most origins of frames with shared workers that one tab keeps. */
const MAX_SHARED_WORKERS = 20;

/** The number of what was typed in, where the streams of a page have their tab's: no browser has such a tab. */
export const TYPED = -2;

/** A tab of which nothing is known. @returns {TabState} */
export const emptyTab = () => ({ committedAt: 0, playlists: [], sharedWorkers: [], begun: [] });

/**
 * A playlist of which nothing is known.
 * @param {string} url @returns {Playlist}
 */
export const blankPlaylist = (url) => ({
  url,
  made: false,
  ofPage: false,
  shown: true,
  summary: null,
  signature: '',
  headers: [],
  frame: null,
  seenAt: 0,
  readAt: 0,
  failure: null,
});

/**
 * A playlist was seen, or more is known of one.
 * @param {TabState} tab @param {Partial<Playlist> & {url: string, seenAt: number}} news
 * @returns {TabState}
 */
export function withPlaylist(tab, news) {
  if (news.seenAt < tab.committedAt) return tab;
  const known = tab.playlists.find((playlist) => playlist.url === news.url);
  if (known) {
    const merged = { ...known, ...news, seenAt: known.seenAt };
    // A request whose headers were not seen (it came from the cache) does not undo one whose were.
    if (news.headers?.length === 0) merged.headers = known.headers;
    return { ...tab, playlists: tab.playlists.map((playlist) => (playlist === known ? merged : playlist)) };
  }
  const fresh = { ...blankPlaylist(news.url), ...news };
  return { ...tab, playlists: [...tab.playlists, fresh].slice(-MAX_PLAYLISTS) };
}

/**
 * A frame has started a shared worker.
 * @param {TabState} tab @param {string} origin @param {number} since
 * @returns {TabState}
 */
export const withSharedWorker = (tab, origin, since) =>
  tab.sharedWorkers.some((one) => one.origin === origin) || since < tab.committedAt
    ? tab
    : { ...tab, sharedWorkers: [...tab.sharedWorkers, { origin, since }].slice(-MAX_SHARED_WORKERS) };

/**
 * The tab shows another page: what belongs to the last one goes. A playlist that is itself the page stays.
 * @param {TabState} tab @param {string} url @param {number} time
 * @returns {TabState}
 */
export const navigated = (tab, url, time) => ({
  committedAt: time,
  playlists: tab.playlists
    .filter((playlist) => playlist.seenAt >= time || playlist.url === url)
    .map((playlist) => ({ ...playlist, seenAt: Math.max(playlist.seenAt, time) })),
  sharedWorkers: tab.sharedWorkers.filter(({ since }) => since >= time),
  begun: [],
});
