// The requests of one trace, and what their answers hold. In memory: a trace ends with its worker.

import { location } from '../detect/group.js';
import { chains, isWhole } from './chain.js';

/** @import { ChainStep, TracedReading, TracedRequest } from '../types' */

/** Most requests that are remembered; the oldest that are no playlists go first. */
const MAX_REQUESTS = 1_000;

export class Recorder {
  #page;
  #read;
  #changed;
  /** @type {Map<string, TracedRequest>} */ #requests = new Map();
  /** Those that were read, by where they are: one that is read again is no second one. @type {Map<string, TracedRequest>} */
  #playlists = new Map();
  /** Bodies are read in the order of their answers. @type {Promise<void>} */ #reading = Promise.resolve();
  #count = 0;

  /**
   * @param {string} page
   * @param {(text: string, url: string) => Promise<TracedReading | null>} read null for what is no playlist
   * @param {(found: {requests: number, chains: ChainStep[][], isWhole: boolean}) => void} changed
   */
  constructor(page, read, changed) {
    this.#page = page;
    this.#read = read;
    this.#changed = changed;
  }

  /** The page begins anew. */
  reset() {
    this.#requests.clear();
    this.#playlists.clear();
    this.#count = 0;
  }

  /**
   * By the browser's word, which says nothing of who asked; a script's call of the same address says more, and may come
   * before or after.
   * @param {TracedRequest} request
   */
  seen(request) {
    if (!this.#withUrl(request.url, () => true)) this.asked(request);
  }

  /** By the hook's word. @param {TracedRequest} request */
  called(request) {
    const seen = this.#withUrl(request.url, ({ stack }) => stack.length === 0);
    if (seen) {
      const told = { ...request, id: seen.id, reading: seen.reading };
      this.#requests.set(seen.id, told);
      if (told.reading) this.#playlists.set(location(told.url), told);
      void this.#then(async () => {});
    } else this.asked(request);
  }

  /** @param {string} url @param {(request: TracedRequest) => boolean} condition */
  #withUrl(url, condition) {
    return [...this.#requests.values()].find((one) => one.url === url && condition(one));
  }

  /** Of a request that is redirected the first is kept: it is what the script asked for. @param {TracedRequest} request */
  asked(request) {
    if (this.#requests.has(request.id)) return;
    this.#requests.set(request.id, request);
    this.#count += 1;
    for (const [id, { reading }] of this.#requests) {
      if (this.#requests.size <= MAX_REQUESTS) break;
      if (reading === null) this.#requests.delete(id);
    }
    void this.#then(async () => {});
  }

  /**
   * An answer is there: `text` is on its way, null where it cannot be had.
   * @param {string} id @param {string} base where it came from @param {Promise<string | null>} text
   */
  answered(id, base, text) {
    void this.#then(async () => {
      const [request, body] = [this.#requests.get(id), await text];
      if (!request || request.reading || body === null) return;
      const reading = await this.#read(body, base);
      if (reading) this.#keep(request, reading);
    });
  }

  /** @param {TracedRequest} request @param {TracedReading} reading */
  #keep(request, reading) {
    const place = location(request.url);
    const first = this.#playlists.get(place);
    if (!first) {
      const read = { ...request, reading };
      this.#playlists.set(place, read);
      this.#requests.set(request.id, read);
      return;
    }
    this.#requests.delete(request.id);
    // A live playlist names more each time.
    if (first.reading?.kind === 'media' && reading.kind === 'media')
      for (const segment of reading.segments) first.reading.segments.add(segment);
  }

  /** What a page has read of an address, by other word. @param {string} url @param {string} text */
  heard(url, text) {
    const place = location(url);
    for (const [id, one] of this.#requests) {
      if (one.reading === null && URL.canParse(one.url) && location(one.url) === place) {
        this.answered(id, url, Promise.resolve(text));
      }
    }
  }

  /** @param {() => Promise<void>} task */
  #then(task) {
    const work = async () => {
      await task().catch(() => {});
      const found = chains(this.#page, [...this.#requests.values()]);
      this.#changed({ requests: this.#count, chains: found, isWhole: found.some(isWhole) });
    };
    return (this.#reading = this.#reading.then(work));
  }
}
