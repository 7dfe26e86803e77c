// What the pages of a tab have asked for, in order: where a stream is read elsewhere than its playlists say, that tells the
// rule. The browser's word is kept in memory (requests.js); of tabs that have a playlist the last addresses outlive the
// worker too.

/** @import { Requests } from './requests.js' */
/** @import { Store } from '../state/store.js' */

/** Most addresses of a tab that outlive the worker, and the longest of them. */
const MAX_KEPT = 60;
const MAX_LENGTH = 2_048;

/** How long a tab's addresses gather before they are kept, in milliseconds. */
const GATHERING = 1_000;

export class Asked {
  #requests;
  #store;
  /** Tabs whose addresses gather. @type {Set<number>} */
  #gathering = new Set();

  /** @param {Requests} requests @param {Store} store */
  constructor(requests, store) {
    this.#requests = requests;
    this.#store = store;
  }

  /** What a tab's page, and the shared workers that it uses, have asked for since it was opened. @param {number} tab */
  of(tab) {
    const { committedAt, sharedWorkers } = this.#store.tab(tab);
    const origins = sharedWorkers.map(({ origin }) => origin);
    const now = this.#requests.asked(tab, committedAt, origins);
    const before = this.#store.asked(tab);
    return [...before.filter((url) => !now.includes(url)), ...now];
  }

  /** A tab has asked for something. @param {number} tab */
  note(tab) {
    if (this.#store.tab(tab).playlists.length === 0 || this.#gathering.has(tab)) return;
    this.#gathering.add(tab);
    setTimeout(() => {
      this.#gathering.delete(tab);
      // It may be gone, or show another page.
      if (this.#store.tab(tab).playlists.length === 0) return;
      const short = this.of(tab).filter((url) => url.length <= MAX_LENGTH);
      this.#store.keepAsked(tab, short.slice(-MAX_KEPT));
    }, GATHERING);
  }
}
