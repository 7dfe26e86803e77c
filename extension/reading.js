// What is seen of playlists - requests, bodies that pass by, what pages report, what a person typed - is read into the tabs
// that it belongs to. What was only seen is asked for as its page asked.

import { bounded, isStream, placeOf, signature, streams } from './detect/group.js';
import { overhear } from './observe/bodies.js';
import { cleanUrl, sameOrigin } from './observe/reports.js';
import { NO_TAB } from './observe/requests.js';
import { headersOf } from './plan/as_page.js';
import { failureOf } from './report/failure.js';
import { blankPlaylist, withPlaylist, withSharedWorker } from './state/tabs.js';

/** @import { Playlist, Report, SeenRequest } from './types' */
/** @import { Engine } from './detect/engine.js' */
/** @import { Passing } from './observe/bodies.js' */
/** @import { Requests } from './observe/requests.js' */
/** @import { AsPage } from './plan/as_page.js' */
/** @import { Store } from './state/store.js' */

/** How long the page's own reading of a playlist is waited for before it is fetched once more, in milliseconds. */
const HOOK_GRACE = 700;

export class Reading {
  #store;
  #engine;
  #requests;
  #asPage;
  #heard;

  /**
   * @param {object} parts
   * @param {Store} parts.store
   * @param {Engine} parts.engine
   * @param {Requests} parts.requests
   * @param {AsPage} parts.asPage
   * @param {(tab: number, url: string, text: string) => void} parts.heard hears of each playlist that has an address
   */
  constructor({ store, engine, requests, asPage, heard }) {
    this.#store = store;
    this.#engine = engine;
    this.#requests = requests;
    this.#asPage = asPage;
    this.#heard = heard;
  }

  /** A request of a page or a worker was answered. @param {SeenRequest} seen */
  async observe(seen) {
    const { url, status, contentType, method } = seen;
    if (method === 'HEAD') return;
    const candidate = await this.#engine.observe({ url, status, ...(contentType === null ? {} : { contentType }) });
    if (!candidate) return;
    await this.#store.ready;
    for (const tab of this.tabsOf(seen)) {
      this.#store.changeTab(tab, (state) => withPlaylist(state, sighting(seen)));
      // What the page read by script comes with the hook's report, and nothing is asked twice. A request with a body
      // cannot be made again.
      if (method === 'GET') setTimeout(() => void this.#readUnread(tab, url), HOOK_GRACE);
    }
  }

  /**
   * A body that may be a playlist's passes by: the browser's own word, whoever asked for it.
   * @param {chrome.webRequest.OnHeadersReceivedDetails} details @param {Passing} body
   */
  async overhear(details, body) {
    const text = await overhear(body);
    const url = cleanUrl(details.url);
    if (text === null || url === null) return;
    await this.#store.ready;
    // A body may be here before the word that its answer has begun.
    const seen = await this.#requests.find(details.tabId, url, details.requestId);
    if (!seen) return;
    for (const tab of this.tabsOf(seen)) {
      this.#store.changeTab(tab, (state) => withPlaylist(state, sighting(seen)));
      await this.read(tab, url, text);
    }
  }

  /** The tabs that a request belongs to. @param {SeenRequest} seen */
  tabsOf({ tab, frame }) {
    if (tab !== NO_TAB) return [tab];
    if (frame === null) return [];
    const { origin } = new URL(frame);
    return this.#store.tabs.filter((one) =>
      this.#store.tab(one).sharedWorkers.some((worker) => worker.origin === origin),
    );
  }

  /**
   * A page has started a shared worker, which may have asked for something already.
   * @param {number} tab @param {string} origin @param {number} since
   */
  async share(tab, origin, since) {
    await this.#store.ready;
    this.#store.changeTab(tab, (state) => withSharedWorker(state, origin, since));
    for (const seen of this.#requests.ofWorkers(origin)) void this.observe(seen);
  }

  /** A page asked for this before the extension was there. @param {number} tab @param {string} url @param {string | null} frame */
  async recall(tab, url, frame) {
    const candidate = await this.#engine.observe({ url });
    if (!candidate) return;
    await this.#store.ready;
    this.#store.changeTab(tab, (state) => withPlaylist(state, { url, ofPage: true, frame, seenAt: Date.now() }));
    await this.#readUnread(tab, url);
  }

  /**
   * A report is a hint. Its text counts when webRequest saw the frame's own origin get an answer from that address, and
   * when the address is on that origin, where a service worker answers as it likes; else the extension asks for itself.
   * @param {number} tab @param {Report} report
   */
  async verify(tab, report) {
    await this.#store.ready;
    const { url, text, frame, time } = report;
    if (url === null) {
      await this.readMade(tab, text, frame, time);
      return;
    }
    const seen = await this.#requests.find(tab, url);
    const known = this.#store.tab(tab).playlists.find((one) => one.url === url);
    if (seen && sameOrigin(frame, seen.frame)) {
      this.#store.changeTab(tab, (state) => withPlaylist(state, sighting(seen)));
      await this.read(tab, url, text);
    } else if (frame !== null && sameOrigin(frame, url)) {
      this.#store.changeTab(tab, (state) => withPlaylist(state, { url, ofPage: true, frame, seenAt: time }));
      await this.read(tab, url, text);
    } else if (!known?.summary) {
      await this.#fetchAndRead(tab, known ?? { ...blankPlaylist(url), frame, seenAt: time });
    }
  }

  /** What is still unknown of a tab's streams is found out. @param {number} tab */
  async readAll(tab) {
    await this.#store.ready;
    const { playlists } = this.#store.tab(tab);
    const unread = streams(playlists).flatMap((stream) => {
      const parent = playlists.find((one) => one.url === stream.url);
      if (!parent || !stream.unread) return [];
      const { headers, frame } = parent;
      return [{ ...blankPlaylist(stream.unread), headers, frame, seenAt: Date.now() }];
    });
    const failed = playlists.filter((one) => !one.summary);
    await Promise.all([...unread, ...failed].map((playlist) => this.#fetchAndRead(tab, playlist)));
  }

  /** Reads a playlist's text into the tab's state. @param {number} tab @param {string} url @param {string} text */
  async read(tab, url, text) {
    const summary = await this.#engine.inspect(text, url);
    if (summary.kind === 'list') return;
    const first = signature(text, url);
    const news = {
      url,
      summary: bounded(summary),
      signature: first,
      shown: isStream(text, first),
      failure: null,
      seenAt: Date.now(),
      readAt: Date.now(),
    };
    this.#store.changeTab(tab, (state) => withPlaylist(state, news));
    this.#store.keepText(tab, url, text);
    this.#heard(tab, url, text);
  }

  /**
   * Reads a playlist that a page made: decrypted it, took it out of an answer, or put it together. It counts from the
   * page, and is known by what it names.
   * @param {number} tab @param {string} text @param {string | null} frame @param {number} time
   * @param {Partial<Playlist>} [more] that is known of it
   */
  async readMade(tab, text, frame, time, more = {}) {
    if (frame === null) return;
    const summary = await this.#engine.inspect(text, frame);
    if (summary.kind === 'list') return;
    const first = signature(text, frame);
    const place = summary.kind === 'media' && summary.live ? placeOf(first) : first;
    const news = {
      ...more,
      url: `${frame}#${encodeURIComponent(place)}`,
      made: true,
      ofPage: true,
      summary: bounded(summary),
      signature: first,
      shown: isStream(text, first),
      frame,
      failure: null,
      seenAt: time,
      readAt: time,
    };
    this.#store.changeTab(tab, (state) => withPlaylist(state, news));
    this.#store.keepText(tab, news.url, text, true);
  }

  /** @param {number} tab @param {string} url */
  async #readUnread(tab, url) {
    const playlist = this.#store.tab(tab).playlists.find((one) => one.url === url);
    if (playlist && !playlist.summary) await this.#fetchAndRead(tab, playlist);
  }

  /** Asks for a playlist as the page did, and reads it. @param {number} tab @param {Playlist} playlist */
  async #fetchAndRead(tab, playlist) {
    try {
      const { url, text } = await this.#asPage.run(tab, [playlist.url], headersOf(playlist), () =>
        this.#engine.fetchPlaylist(playlist.url),
      );
      if (url !== playlist.url) {
        this.#store.changeTab(tab, (state) => withPlaylist(state, { ...playlist, url }));
      }
      await this.read(tab, url, text);
    } catch (error) {
      const news = { url: playlist.url, seenAt: playlist.seenAt, failure: failureOf(error) };
      const known = this.#store.tab(tab).playlists.some((one) => one.url === playlist.url);
      if (known) this.#store.changeTab(tab, (state) => withPlaylist(state, news));
    }
  }
}

/** @param {SeenRequest} seen */
const sighting = ({ url, headers, frame, time }) => ({ url, ofPage: true, headers, frame, seenAt: time });
