// Captures that begin by themselves, where a rule of the user says so: each stream of a page once, when what is known of
// the page has come to rest.

import { streams } from '../detect/group.js';
import { withoutQuery } from '../report/history.js';
import { preferred } from './site_rules.js';

/** @import { SiteRule } from '../types' */
/** @import { Capture } from '../generated/protocol' */
/** @import { Store } from '../state/store.js' */

/** How long nothing new has to be heard of a page, in milliseconds: its first playlist may be one of several. */
const REST = 1_500;

export class AutoCapture {
  #store;
  #ruleOf;
  #history;
  #start;
  #rest;
  /** @type {Map<number, ReturnType<typeof setTimeout>>} */ #waiting = new Map();

  /**
   * @param {object} parts
   * @param {Pick<Store, 'tab' | 'changeTab' | 'jobs'>} parts.store
   * @param {(tab: number) => Promise<SiteRule | null>} parts.ruleOf
   * @param {() => Promise<Capture[]>} parts.history of the host
   * @param {(tab: number, stream: string, quality: string) => Promise<unknown>} parts.start
   * @param {number} [parts.rest]
   */
  constructor({ store, ruleOf, history, start, rest = REST }) {
    this.#store = store;
    this.#ruleOf = ruleOf;
    this.#history = history;
    this.#start = start;
    this.#rest = rest;
  }

  /** More is known of a tab. @param {number} tab */
  changed(tab) {
    clearTimeout(this.#waiting.get(tab));
    const look = () => {
      this.#waiting.delete(tab);
      void this.#look(tab);
    };
    this.#waiting.set(tab, setTimeout(look, this.#rest));
  }

  /** @param {number} tab */
  async #look(tab) {
    const fresh = () => {
      const { playlists, begun } = this.#store.tab(tab);
      return streams(playlists).filter(({ id, drm }) => drm === null && !begun.includes(id));
    };
    if (fresh().length === 0) return;
    const rule = await this.#ruleOf(tab);
    if (rule?.capture !== 'auto') return;
    // A host that does not answer is told by the capture that fails.
    const captures = await this.#history().catch(() => /** @type {Capture[]} */ ([]));
    for (const { id, url, live, qualities } of fresh()) {
      // Before it is started: the next look may come meanwhile.
      this.#store.changeTab(tab, (state) => ({ ...state, begun: [...state.begun, id] }));
      if (this.#isHad(url, live === true, captures)) continue;
      await this.#start(tab, id, preferred(qualities, rule.quality)).catch(() => {});
    }
  }

  /** A page that is opened once more is not captured once more. @param {string} url @param {boolean} live @param {Capture[]} captures */
  #isHad(url, live, captures) {
    const place = withoutQuery(url);
    const isIt = (/** @type {{source: string | null}} */ { source }) =>
      source !== null && withoutQuery(source) === place;
    const isDone = (/** @type {string | null} */ end) => end === 'complete' && !live;
    return (
      this.#store.jobs.some((job) => isIt(job) && (job.state !== 'finished' || isDone(job.verdict))) ||
      captures.some((capture) => isIt(capture) && (capture.state === 'running' || isDone(capture.state)))
    );
  }
}
