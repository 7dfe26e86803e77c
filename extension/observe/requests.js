// What webRequest saw: joins a request's own headers with its answer, and remembers for a while which addresses
// each tab really asked for. In memory only: after a restart of the worker the next request fills it again.

import { cleanUrl } from './reports.js';

/** @import { Header, SeenRequest } from '../types' */

/** Requests under way that are remembered. */
const MAX_OPEN = 2_000;

/** How long the browser's word of a request is waited for, in milliseconds. */
const WORD_GRACE = 1_500;

/** The browser's name for "no tab": where shared and service workers ask from, and this extension too. */
export const NO_TAB = -1;

/** Answered requests that are remembered per tab. */
const MAX_SEEN = 400;

export class Requests {
  /** Headers of requests under way, and what was asked for first, by request id. @type {Map<string, {headers: Header[], asked: string}>} */
  #open = new Map();
  /** Answered requests, by tab and address. @type {Map<number, Map<string, SeenRequest>>} */
  #seen = new Map();

  /** Questions that wait for an answer. @type {Set<() => void>} */
  #waiting = new Set();

  /** @param {chrome.webRequest.OnSendHeadersDetails} details */
  sent(details) {
    if (!isOfPage(details)) return;
    const headers = (details.requestHeaders ?? []).flatMap(({ name, value }) =>
      value === undefined ? [] : [{ name, value }],
    );
    // A request that is sent elsewhere goes on under the same id.
    const asked = this.#open.get(details.requestId)?.asked ?? details.url;
    this.#open.set(details.requestId, { headers, asked });
    dropOldest(this.#open, MAX_OPEN);
  }

  /** @param {string} requestId */
  over(requestId) {
    this.#open.delete(requestId);
  }

  /**
   * The whole of a request whose answer begins to arrive; null when it is no page's or worker's, or no success.
   * @param {chrome.webRequest.OnResponseStartedDetails} details
   * @returns {SeenRequest | null}
   */
  answered(details) {
    const url = cleanUrl(details.url);
    if (!isOfPage(details) || !url || details.statusCode < 200 || details.statusCode > 299) return null;
    const type = details.responseHeaders?.find(({ name }) => name.toLowerCase() === 'content-type')?.value;
    const mainFrame = details.type === 'main_frame';
    const open = this.#open.get(details.requestId);
    const seen = {
      id: details.requestId,
      tab: details.tabId,
      url,
      asked: open && open.asked !== details.url ? (cleanUrl(open.asked) ?? url) : url,
      method: details.method,
      status: details.statusCode,
      contentType: type ?? null,
      headers: open?.headers ?? [],
      frame: mainFrame ? url : frameOf(details),
      mainFrame,
      ofMainFrame: details.frameId === 0,
      time: details.timeStamp,
    };
    const ofTab = this.#seen.get(seen.tab) ?? new Map();
    ofTab.delete(url);
    ofTab.set(url, seen);
    dropOldest(ofTab, MAX_SEEN);
    this.#seen.set(seen.tab, ofTab);
    for (const wake of this.#waiting) wake();
    return seen;
  }

  /**
   * Did this tab, or a worker of no tab, really ask for that address? What a page says of an answer may be here before
   * the browser's own word of it.
   * @param {number} tab @param {string} url
   * @param {string | null} [id] that very request, not one before it
   * @returns {Promise<SeenRequest | null>}
   */
  async find(tab, url, id = null) {
    const find = () => {
      const seen = this.#seen.get(tab)?.get(url) ?? this.#seen.get(NO_TAB)?.get(url) ?? null;
      return id === null || seen?.id === id ? seen : null;
    };
    const found = find();
    if (found) return found;
    /** @type {() => void} */
    let wake = () => {};
    await new Promise((resolve) => {
      wake = () => find() && resolve(undefined);
      this.#waiting.add(wake);
      setTimeout(resolve, WORD_GRACE);
    });
    this.#waiting.delete(wake);
    return find();
  }

  /** What shared and service workers of an origin have asked for. @param {string} origin @returns {SeenRequest[]} */
  ofWorkers(origin) {
    const all = [...(this.#seen.get(NO_TAB)?.values() ?? [])];
    return all.filter(({ frame }) => frame !== null && new URL(frame).origin === origin);
  }

  /**
   * What the pages of a tab have asked for, and got, since a time, oldest first; workers of these origins too.
   * @param {number} tab @param {number} since @param {string[]} origins
   */
  asked(tab, since, origins) {
    const ofTab = [...(this.#seen.get(tab)?.values() ?? [])];
    return [...ofTab, ...origins.flatMap((origin) => this.ofWorkers(origin))]
      .filter(({ method, mainFrame, time }) => method === 'GET' && !mainFrame && time >= since)
      .sort((a, b) => a.time - b.time)
      .map(({ asked }) => asked);
  }

  /** @param {number} tab */
  forget(tab) {
    this.#seen.delete(tab);
  }
}

/**
 * The frame that asked: its address in Firefox, its origin in Chromium.
 * @param {{initiator?: string, documentUrl?: string}} details
 */
const frameOf = ({ documentUrl, initiator }) =>
  documentUrl ?? (initiator === 'null' ? null : initiator) ?? null;

/**
 * Of a tab, or of a worker that belongs to a web site and to no tab. What a page of an extension asks for, such as this one's
 * preview, is nothing that a site has; that a link of it opens a site is.
 * @param {{tabId: number, type?: string, initiator?: string, documentUrl?: string}} details
 */
export function isOfPage(details) {
  const frame = frameOf(details);
  if (details.tabId < 0) return frame?.startsWith('http') ?? false;
  return details.type === 'main_frame' || !/^[a-z]+-extension:/.test(frame ?? '');
}

/** @template K, V @param {Map<K, V>} map @param {number} limit */
function dropOldest(map, limit) {
  for (const key of map.keys()) {
    if (map.size <= limit) return;
    map.delete(key);
  }
}
