// Who sent a message, and is what the page hook reports in order? Pure.

/** @import { KeyCandidate, Report, TracedCall } from '../types' */

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
 * @param {unknown} message @param {string | null} frame from {@link frameOf}
 * @returns {Report | null}
 */
export function readReport(message, frame) {
  if (!isObject(message) || message.type !== 'report' || !isObject(message.report)) return null;
  const { url, status, contentType, text } = message.report;
  if (typeof url !== 'string' || url.length > MAX_URL || typeof text !== 'string' || text.length > MAX_TEXT)
    return null;
  const address = cleanUrl(url);
  if ((address === null && url !== '') || !text.slice(0, 1024).trimStart().startsWith('#EXTM3U')) return null;
  return {
    url: address,
    status: Number.isInteger(status) ? /** @type {number} */ (status) : null,
    contentType: typeof contentType === 'string' ? contentType.slice(0, 256) : null,
    text,
    frame,
    time: typeof message.time === 'number' ? message.time : Date.now(),
  };
}

/**
 * What a page had asked for before this extension was there, by the relay's word: at most a few web addresses.
 * @param {unknown} message
 * @returns {string[]}
 */
export function readEarlier(message) {
  if (!isObject(message) || message.type !== 'earlier' || !Array.isArray(message.urls)) return [];
  const urls = message.urls.filter((url) => typeof url === 'string' && url.length <= MAX_URL);
  return [...new Set(urls.flatMap((url) => cleanUrl(url) ?? []))].slice(0, MAX_EARLIER);
}

/**
 * When a page started a shared worker, by the relay's word; null for any other message.
 * @param {unknown} message
 */
export const readSharedWorker = (message) =>
  isObject(message) && message.type === 'shared-worker' && typeof message.time === 'number'
    ? message.time
    : null;

/** Does a frame ask whether its tab is traced? @param {unknown} message */
export const asksWhetherTraced = (message) => isObject(message) && message.type === 'is-traced';

/** Longest stack that is taken, in characters. */
const MAX_STACK = 32 * 1024;

/**
 * What a traced page's hook saw asked for, by the relay's word; null for any other message.
 * @param {unknown} message @returns {TracedCall | null}
 */
export function readCall(message) {
  if (!isObject(message) || message.type !== 'called' || !isObject(message.call)) return null;
  const { url, method, worker, stack } = message.call;
  if (typeof url !== 'string' || url.length > MAX_URL || !/^(https?|blob):/.test(url)) return null;
  if (typeof method !== 'string' || typeof worker !== 'string' || typeof stack !== 'string') return null;
  return {
    url: url.replace(/#.*$/s, ''),
    method: method.slice(0, 20),
    worker: worker.slice(0, MAX_URL),
    stack: stack.slice(0, MAX_STACK),
  };
}

/** Most keys of one tab that are tried. */
const MAX_KEYS = 128;

/**
 * What the frames of a tab have for keys, by their relays' word: those first that a cipher got, the latest of them first.
 * @param {unknown[]} answers one a frame @returns {KeyCandidate[]}
 */
export function readKeys(answers) {
  /** @type {Map<string, KeyCandidate>} */
  const keys = new Map();
  for (const one of answers.flatMap((answer) => (Array.isArray(answer) ? answer.toReversed() : []))) {
    if (!isObject(one) || typeof one.hex !== 'string' || !/^([\da-f]{32}){1,2}$/.test(one.hex)) continue;
    const { urls } = one;
    const known = keys.get(one.hex);
    keys.set(one.hex, {
      hex: one.hex,
      used: one.used === true || known?.used === true,
      urls: [
        ...(known?.urls ?? []),
        ...(Array.isArray(urls) ? urls.filter((url) => typeof url === 'string' && cleanUrl(url) !== null) : []),
      ],
    });
  }
  return [...keys.values()].sort((a, b) => Number(b.used) - Number(a.used)).slice(0, MAX_KEYS);
}

/** Most requests of a page that was there before this extension that are looked at. */
const MAX_EARLIER = 32;

/**
 * The address of the frame that a message came from: its own, else its origin, else that of its tab.
 * @param {{url?: string, origin?: string, tab?: {url?: string}}} sender
 */
export const frameOf = (sender) =>
  cleanUrl(sender.url ?? '') ?? cleanUrl(sender.origin ?? '') ?? cleanUrl(sender.tab?.url ?? '');

/**
 * May a report of one frame be about a request of the other? Where one of them is not known, yes.
 * @param {string | null} reporting @param {string | null} asking
 */
export function sameOrigin(reporting, asking) {
  const [one, other] = [cleanUrl(reporting ?? ''), cleanUrl(asking ?? '')];
  return one === null || other === null || new URL(one).origin === new URL(other).origin;
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

/** Most reports of one tab that wait. */
const MAX_WAITING = 64;

/** Most text in them, in characters: two of the longest playlists. */
const MAX_WAITING_TEXT = 2 * MAX_TEXT;

/**
 * The reports of one tab that wait their turn. A flood pushes out the oldest, so that a hostile page costs itself its
 * reports and nobody else anything.
 */
export class ReportQueue {
  /** @type {Report[]} */ #waiting = [];
  #text = 0;
  #work;
  #busy = false;
  /** How many were dropped. */
  dropped = 0;

  /** @param {(report: Report) => Promise<void>} work */
  constructor(work) {
    this.#work = work;
  }

  /** Settles when every report so far was worked on. @type {Promise<void>} */
  idle = Promise.resolve();

  /** @param {Report} report */
  push(report) {
    this.#waiting.push(report);
    this.#text += report.text.length;
    while (this.#waiting.length > MAX_WAITING || this.#text > MAX_WAITING_TEXT) {
      this.#next();
      this.dropped += 1;
    }
    if (!this.#busy) this.idle = this.#run();
  }

  #next() {
    const report = this.#waiting.shift();
    this.#text -= report?.text.length ?? 0;
    return report;
  }

  async #run() {
    this.#busy = true;
    for (let report = this.#next(); report !== undefined; report = this.#next()) {
      try {
        await this.#work(report);
      } catch (error) {
        console.warn('weir: a report was dropped', error);
      }
    }
    this.#busy = false;
  }
}

/** @param {unknown} value @returns {value is Record<string, unknown>} */
const isObject = (value) => typeof value === 'object' && value !== null;
