// The traces of all tabs: which run, how they are begun, and every way in which they end.
//
// In Chromium a tab is traced under its debugger, elsewhere by the page hook. A trace lasts no longer than the page
// that shows it is open, and no longer than its worker: `resume` ends what a worker that was killed has left behind.

import { Recorder } from './recorder.js';
import { Session, refusal } from './session.js';
import { hookStack } from './stack.js';

/** @import { Place, SeenRequest, Trace, TraceEnd, TracedCall, TracedReading } from '../types' */
/** @import { Debugging } from './session.js' */

/** How long a trace waits for a first segment, in milliseconds. */
const TIME_LIMIT = 60_000;

/**
 * What traces need of the browser and of the rest of the extension.
 * @typedef {object} Surroundings
 * @property {string} own the address that the extension's own files begin with
 * @property {Debugging | null} debugging null in a browser without `chrome.debugger`
 * @property {(on: boolean) => Promise<void>} watchPages tells the page hooks of pages that are loaded from now on
 * @property {(on: boolean) => Promise<void>} wakeMe has a worker that was killed started again
 * @property {(tab: number) => Promise<void>} reload
 * @property {(tab: number) => Promise<string | null>} addressOf what a tab shows: empty where that is hidden, null for no tab
 * @property {(text: string, url: string) => Promise<TracedReading | null>} read
 * @property {(tab: number) => Trace | null} load
 * @property {() => number[]} tabs those of which a trace is kept
 * @property {(tab: number, trace: Trace | null) => void} save
 */

/** @typedef {{recorder: Recorder, session: Session | null, timer: ReturnType<typeof setTimeout>, isReloaded: boolean}} Running */

export class Traces {
  #by;
  /** @type {Map<number, Running>} */ #running = new Map();
  #calls = 0;

  /** @param {Surroundings} surroundings */
  constructor(surroundings) {
    this.#by = surroundings;
  }

  /** The user wants to know who asks for what in a tab. @param {number} tab */
  async start(tab) {
    const address = await this.#by.addressOf(tab);
    if (this.#running.has(tab)) return;
    const page = address ?? '';
    /** @type {Trace} */
    const blank = { page, state: 'running', end: null, message: '', requests: 0, chains: [] };
    this.#by.save(tab, blank);
    if (!/^https?:/.test(page)) {
      this.#ended(tab, address === null ? 'tab-gone' : 'restricted', 'only pages of the web can be traced');
      return;
    }
    const recorder = new Recorder(withoutFragment(page), this.#by.read, (found) => this.#found(tab, found));
    const session = this.#by.debugging && this.#sessionOf(tab, this.#by.debugging, recorder);
    const timer = setTimeout(() => void this.stop(tab, 'time'), TIME_LIMIT);
    const running = { recorder, session, timer, isReloaded: false };
    this.#running.set(tab, running);
    try {
      if (session) {
        await this.#by.wakeMe(true);
        await session.start();
      } else await this.#by.watchPages(true);
      if (this.#running.get(tab) === running) await this.#by.reload(tab);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      await this.stop(tab, refusal(message), message);
    }
  }

  /** @param {number} tab @param {TraceEnd} [end] @param {string} [message] */
  async stop(tab, end = 'stopped', message = '') {
    const running = this.#running.get(tab);
    if (!running) return;
    this.#running.delete(tab);
    clearTimeout(running.timer);
    this.#ended(tab, end, message);
    await running.session?.end();
    await this.#tidy();
  }

  /** A worker has started: what the last one traced is over, and nothing may stand still for it. */
  async resume() {
    const stale = this.#by.tabs().filter((tab) => this.#by.load(tab)?.state === 'running');
    const left = stale.filter((tab) => !this.#running.has(tab));
    for (const tab of left) {
      await this.#by.debugging?.detach(tab).catch(() => {});
      // The user may have begun another one meanwhile.
      if (!this.#running.has(tab)) this.#ended(tab, 'interrupted', '');
    }
    if (left.length > 0) await this.#tidy();
  }

  /** The alarm has rung; one of an earlier day's worker rings for nothing. */
  async woken() {
    await this.#tidy();
  }

  /** What there is for the sake of traces goes with the last of them. */
  async #tidy() {
    if (this.#running.size > 0) return;
    if (this.#by.debugging) await this.#by.wakeMe(false);
    else await this.#by.watchPages(false);
  }

  /** Is a tab traced by its page hook? @param {number} tab */
  isWatched(tab) {
    return this.#running.get(tab)?.session === null;
  }

  /** The page hook has seen a call. @param {number} tab @param {TracedCall} call @param {string | null} frame */
  called(tab, call, frame) {
    const running = this.#running.get(tab);
    if (!running || running.session || frame === null) return;
    const { url, method, worker } = call;
    const place = worker === '' ? this.#placeOf(tab, frame) : { kind: /** @type {const} */ ('worker'), url: worker };
    const stack = hookStack(call.stack, this.#by.own);
    running.recorder.called({ id: this.#newId(), url, method, place, stack, reading: null });
  }

  /** The browser has seen a request, of a worker that has no hook maybe. @param {SeenRequest} seen */
  seen({ tab, url, method, frame, mainFrame, ofMainFrame }) {
    const running = this.#running.get(tab);
    // What the page asks for before it is reloaded is the end of a story.
    if (!running?.isReloaded || running.session || frame === null || mainFrame) return;
    const told = this.#placeOf(tab, frame);
    // Firefox tells a worker by its script, as if that were the page.
    const place = ofMainFrame && told.kind === 'frame' ? { ...told, kind: /** @type {const} */ ('worker') } : told;
    running.recorder.seen({ id: this.#newId(), url, method, place, stack: [], reading: null });
  }

  /** @param {number} tab @param {string} frame @returns {Place} */
  #placeOf(tab, frame) {
    const page = this.#by.load(tab)?.page ?? '';
    return { kind: withoutFragment(page) === withoutFragment(frame) ? 'page' : 'frame', url: frame };
  }

  #newId() {
    this.#calls += 1;
    return String(this.#calls);
  }

  /** A playlist of a tab was read, by whatever way. @param {number} tab @param {string} url @param {string} text */
  heard(tab, url, text) {
    const running = this.#running.get(tab);
    if (running && !running.session) running.recorder.heard(url, text);
  }

  /** The debugger has something to say. @param {number} tab @param {string} session @param {string} method @param {unknown} params */
  event(tab, session, method, params) {
    const running = this.#running.get(tab);
    if (running) running.session?.event(session, method, params);
    // Of a worker that was killed: its session is gone, and would hold the page for ever.
    else void this.#by.debugging?.detach(tab).catch(() => {});
  }

  /** The debugger has let go. @param {number} tab @param {string} reason */
  detached(tab, reason) {
    void this.stop(tab, reason === 'canceled_by_user' ? 'bar-closed' : 'tab-gone', reason);
  }

  /** A tab's main frame shows another page, or the same again. @param {number} tab @param {string} url */
  navigated(tab, url) {
    const running = this.#running.get(tab);
    if (!running) return;
    running.isReloaded = true;
    const page = this.#by.load(tab)?.page ?? '';
    if (withoutFragment(url) !== withoutFragment(page)) void this.stop(tab, 'navigated');
  }

  /** @param {number} tab @param {{requests: number, chains: Trace['chains'], isWhole: boolean}} found */
  #found(tab, { requests, chains, isWhole }) {
    const trace = this.#by.load(tab);
    if (!trace || !this.#running.has(tab)) return;
    this.#by.save(tab, { ...trace, requests, chains });
    if (isWhole) void this.stop(tab, 'found');
  }

  /** @param {number} tab @param {TraceEnd} end @param {string} message */
  #ended(tab, end, message) {
    const trace = this.#by.load(tab);
    if (trace) this.#by.save(tab, { ...trace, state: 'ended', end, message });
  }

  /** @param {number} tab @param {Debugging} debugging @param {Recorder} recorder */
  #sessionOf(tab, debugging, recorder) {
    const ears = {
      reloaded: () => recorder.reset(),
      asked: recorder.asked.bind(recorder),
      answered: recorder.answered.bind(recorder),
      over: (/** @type {TraceEnd} */ end, /** @type {string} */ message) => void this.stop(tab, end, message),
    };
    return new Session(tab, debugging, ears, this.#by.own);
  }
}

/** @param {string} url */
const withoutFragment = (url) => url.replace(/#.*$/s, '');
