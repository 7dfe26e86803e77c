// What comes from elsewhere than a tab's player: an address or the text of a playlist that was typed, pasted or dropped, a
// link that was clicked in its menu. Streams go where those of tabs are, under a number of their own; files of a list, and a
// file of media, go back to the page, which has them chosen.

import { headersOf } from './plan/as_page.js';
import { nameOf } from './plan/address_name.js';
import { readGiven } from './plan/given.js';
import { cleanUrl } from './observe/reports.js';
import { Failed } from './report/failure.js';
import { blankPlaylist, TYPED, withPlaylist } from './state/tabs.js';

/** @import { Found } from './types' */
/** @import { Engine } from './detect/engine.js' */
/** @import { AsPage } from './plan/as_page.js' */
/** @import { Store } from './state/store.js' */

/** What a person gives along. @typedef {ReturnType<typeof readGiven>} Given */

/** Names of files that are media by themselves, and no playlists. */
const MEDIA = /\.(mp4|m4v|m4a|mp3|webm|mkv|mka|mov|avi|flv|wmv|ogg|oga|ogv|opus|wav|flac|aac|jpe?g|png|gif|webp|pdf|zip)$/i;

/** Most files that are chosen among (core: MAX_BATCH_FILES). */
const MAX_ENTRIES = 10_000;

/** Most clicks in menus whose pages have not asked for them yet. */
const MAX_CLICKS = 20;

/** Longest text that is read as a playlist, in characters (core: MAX_PLAYLIST_BYTES). */
const MAX_TEXT = 16 * 1024 * 1024;

export class Typed {
  #store;
  #engine;
  #asPage;
  #read;
  #readMade;

  /**
   * @param {object} parts
   * @param {Pick<Store, 'ready' | 'changeTab' | 'clicks' | 'changeClicks'>} parts.store
   * @param {Pick<Engine, 'inspect' | 'fetchPlaylist'>} parts.engine
   * @param {Pick<AsPage, 'run'>} parts.asPage
   * @param {(tab: number, url: string, text: string) => Promise<void>} parts.read
   * @param {(tab: number, text: string, frame: string | null, time: number, given: Given) => Promise<void>} parts.readMade
   */
  constructor({ store, engine, asPage, read, readMade }) {
    this.#store = store;
    this.#engine = engine;
    this.#asPage = asPage;
    this.#read = read;
    this.#readMade = readMade;
  }

  /** By the names of the commands. @returns {Record<string, (command: any) => unknown>} */
  get commands() {
    return {
      'look-up': ({ address, text, base, given }) =>
        text === null
          ? this.#address(String(address), null, readGiven(given))
          : this.#text(String(text), base === null ? null : String(base), readGiven(given)),
      clicked: ({ id }) => this.#clicked(String(id)),
    };
  }

  /**
   * A link or a file of media was clicked in its menu. Its address may hold a token: the page that is to look at it gets a
   * number for it.
   * @param {string} url @param {string | null} page that has it @returns {Promise<string>} the number
   */
  async click(url, page) {
    const id = crypto.randomUUID();
    await this.#store.ready;
    this.#store.changeClicks((clicks) => [...clicks, { id, url, page }].slice(-MAX_CLICKS));
    return id;
  }

  /** What was clicked is looked at; what there is, or why there is nothing, is told once. @param {string} id */
  async #clicked(id) {
    const click = this.#store.clicks.find((one) => one.id === id);
    if (!click) return null;
    const found = this.#address(click.url, click.page, { headers: [] });
    // Not before: a worker that is ended meanwhile has told nobody.
    await found.catch(() => {});
    this.#store.changeClicks((clicks) => clicks.filter((one) => one.id !== id));
    return found;
  }

  /**
   * @param {string} typed @param {string | null} page
   * @param {Given} given with it @returns {Promise<Found>}
   */
  async #address(typed, page, given) {
    const address = cleanUrl(typed.trim());
    if (address === null) throw new Failed('bad-url', 'no address of http or https');
    if (MEDIA.test(new URL(address).pathname))
      return { kind: 'list', title: nameOf(address), page: page ?? address, entries: [{ url: address, title: null }], left: 0 };
    const playlist = { ...blankPlaylist(address), ...given, ofPage: true, frame: page, seenAt: Date.now() };
    const { url, text } = await this.#asPage.run(TYPED, [address], headersOf(playlist), () =>
      this.#engine.fetchPlaylist(address),
    );
    const summary = await this.#engine.inspect(text, url);
    if (summary.kind === 'list') return listOf(summary.entries, nameOf(address), page ?? url);
    await this.#store.ready;
    this.#store.changeTab(TYPED, (state) => withPlaylist(state, { ...playlist, url }));
    await this.#read(TYPED, url, text);
    return { kind: 'stream' };
  }

  /**
   * @param {string} text @param {string | null} typed what its references count from
   * @param {Given} given with it @returns {Promise<Found>}
   */
  async #text(text, typed, given) {
    if (text.length > MAX_TEXT) throw new Failed('bad-playlist', `over ${MAX_TEXT} characters`);
    const base = typed === null || typed.trim() === '' ? ownBase(text) : cleanUrl(typed.trim());
    if (base === null) {
      if (typed?.trim()) throw new Failed('bad-url', 'no address of http or https');
      throw new Failed('base-needed', 'its addresses are relative');
    }
    const summary = await this.#engine.inspect(text, base);
    if (summary.kind === 'list') return listOf(summary.entries, nameOf(base), base);
    await this.#store.ready;
    await this.#readMade(TYPED, text, base, Date.now(), given);
    return { kind: 'stream' };
  }
}

/** The first address of a text that names all its resources whole; null where it does not. @param {string} text */
function ownBase(text) {
  const named = text.split(/\r\n?|\n/).map((line) => line.trim()).filter((line) => line !== '' && !line.startsWith('#'));
  // Nothing counts from an address in a text that has none: that it is no playlist is told by who reads it.
  if (named.length === 0) return 'https://typed.invalid/';
  return named.every((line) => /^https?:\/\//i.test(line)) ? cleanUrl(named[0] ?? '') : null;
}

/** @param {{url: string, title: string | null}[]} all @param {string} title @param {string} page @returns {Found} */
function listOf(all, title, page) {
  const entries = all.filter(({ url }) => cleanUrl(url) !== null);
  const kept = entries.slice(0, MAX_ENTRIES);
  return { kind: 'list', title, page, entries: kept, left: all.length - kept.length };
}
