// Who sent a message, and is what the page hook reports in order? Pure.

/** @import { Report } from '../types' */

/** Longest playlist text that is taken, in characters (core: MAX_PLAYLIST_BYTES). */
const MAX_TEXT = 16 * 1024 * 1024;

/** Longest URL, in characters (core: the same rule). */
const MAX_URL = 32 * 1024;

/**
 * Who sent a message: a page of this extension, a content script of it in a tab, or nobody that is listened to.
 * @param {{id?: string, url?: string, tab?: {id?: number}}} sender
 * @param {{id: string, base: string}} self this extension's id, and the address of its root
 * @returns {'page' | 'content' | null}
 */
export function senderKind(sender, self) {
  if (sender.id !== self.id) return null;
  if (sender.url?.startsWith(self.base)) return 'page';
  return sender.tab?.id !== undefined && sender.tab.id >= 0 ? 'content' : null;
}

/**
 * The report in a content script's message, null when it is none.
 * @param {unknown} message
 * @returns {Report | null}
 */
export function readReport(message) {
  if (!isObject(message) || message.type !== 'report' || !isObject(message.report)) return null;
  const { url, status, contentType, text } = message.report;
  if (typeof url !== 'string' || url.length > MAX_URL || typeof text !== 'string' || text.length > MAX_TEXT) return null;
  const address = cleanUrl(url);
  if (!address || !text.slice(0, 1024).trimStart().startsWith('#EXTM3U')) return null;
  return {
    url: address,
    status: Number.isInteger(status) ? /** @type {number} */ (status) : null,
    contentType: typeof contentType === 'string' ? contentType.slice(0, 256) : null,
    text,
  };
}

/**
 * A web address without its fragment, null when it is none.
 * @param {string} text
 */
export function cleanUrl(text) {
  let url;
  try {
    url = new URL(text);
  } catch {
    return null;
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return null;
  url.hash = '';
  return url.href;
}

/**
 * Work of one tab that waits its turn. A flood pushes out the oldest, so that a hostile page costs itself its reports
 * and nobody else anything.
 * @template T
 */
export class BoundedQueue {
  /** @type {T[]} */ #waiting = [];
  #limit;
  #work;
  #busy = false;
  /** How many were dropped. */
  dropped = 0;

  /** @param {number} limit @param {(item: T) => Promise<void>} work */
  constructor(limit, work) {
    this.#limit = limit;
    this.#work = work;
  }

  /** @param {T} item */
  push(item) {
    this.#waiting.push(item);
    if (this.#waiting.length > this.#limit) {
      this.#waiting.shift();
      this.dropped += 1;
    }
    if (!this.#busy) void this.#run();
  }

  async #run() {
    this.#busy = true;
    for (let item = this.#waiting.shift(); item !== undefined; item = this.#waiting.shift()) {
      try {
        await this.#work(item);
      } catch (error) {
        console.warn('weir: a report was dropped', error);
      }
    }
    this.#busy = false;
  }
}

/** @param {unknown} value @returns {value is Record<string, unknown>} */
const isObject = (value) => typeof value === 'object' && value !== null;
