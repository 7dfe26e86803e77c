// The one owner of what outlives the worker: a copy in memory, read once from the session's storage, and every change
// written back in order. The session's storage is memory too: nothing here reaches the disk.

import { emptyTab } from './tabs.js';

/** @import { Click, Job, TabState, Trace, WantedFiles } from '../types' */

/**
 * @typedef {object} Area
 * @property {() => Promise<Record<string, any>>} read
 * @property {(values: Record<string, unknown>) => Promise<void>} write
 * @property {(keys: string[]) => Promise<void>} remove
 */

/** Longest text of a playlist that is kept, in characters: the session's storage holds 10 MB. */
const MAX_TEXT = 512 * 1024;

/** The same for one that can be had nowhere else. */
const MAX_ONLY_TEXT = 2 * 1024 * 1024;

/** All texts together, in characters; the oldest go first. */
const MAX_TEXTS = 3 * 1024 * 1024;

/** Longest list of files that is kept for a batch to go on, in characters. */
const MAX_FILES = 1024 * 1024;

/** Its presence tells a worker that it is not the first. */
const STARTED = 'started';

export class Store {
  #area;
  #changed;
  /** @type {Map<number, TabState>} */ #tabs = new Map();
  /** @type {Job[]} */ #jobs = [];
  /** @type {Click[]} */ #clicks = [];
  /** @type {Map<number, Trace>} */ #traces = new Map();
  /** The files of batches that may go on. @type {Map<string, WantedFiles>} */ #files = new Map();
  /** What tabs have asked for last. @type {Map<number, string[]>} */ #asked = new Map();
  /** Playlists as the page got them, by tab and address. @type {Map<string, string>} */ #texts = new Map();
  #textSize = 0;
  /** Keys that are to be written. @type {Set<string>} */ #dirty = new Set();
  /** @type {Promise<void> | null} */ #writing = null;

  /** True when no worker was there before this one: the extension has just come, or the browser has just started. */
  isNew = false;

  /** Settles when the state of the last worker is here. @type {Promise<void>} */
  ready;

  /** @param {Area} area @param {(change: {tab: number | null}) => void} changed told of every change */
  constructor(area, changed) {
    this.#area = area;
    this.#changed = changed;
    this.ready = this.#load();
  }

  /** @param {number} tab */
  tab(tab) {
    return this.#tabs.get(tab) ?? emptyTab();
  }

  /** The numbers of the tabs of which something is known. */
  get tabs() {
    return [...this.#tabs.keys()];
  }

  /** @param {number} tab @param {(state: TabState) => TabState} change */
  changeTab(tab, change) {
    const before = this.tab(tab);
    const after = change(before);
    if (after === before) return;
    this.#tabs.set(tab, after);
    const kept = new Set(after.playlists.map((playlist) => playlist.url));
    this.#dropTexts((owner, url) => owner === tab && !kept.has(url));
    this.#save(`tab:${tab}`);
    this.#changed({ tab });
  }

  /** @param {number} tab */
  removeTab(tab) {
    this.#tabs.delete(tab);
    this.#dropTexts((owner) => owner === tab);
    this.#save(`tab:${tab}`);
    this.keepAsked(tab, []);
  }

  get jobs() {
    return this.#jobs;
  }

  /** @param {(jobs: Job[]) => Job[]} change */
  changeJobs(change) {
    const after = change(this.#jobs);
    if (after === this.#jobs) return;
    this.#jobs = after;
    this.#save('jobs');
    for (const job of this.#files.keys())
      if (!after.some((one) => one.job === job && one.verdict !== 'complete')) this.keepFiles(job, null);
    this.#changed({ tab: null });
  }

  /** The files of a batch that is not whole, as far as they were kept. @param {string} job */
  files(job) {
    return this.#files.get(job) ?? null;
  }

  /** Keeps them for as long as the batch is listed. @param {string} job @param {WantedFiles | null} files null to forget them */
  keepFiles(job, files) {
    if (files !== null && JSON.stringify(files).length > MAX_FILES) return;
    if (files === null) this.#files.delete(job);
    else this.#files.set(job, files);
    this.#save(`files:${job}`);
  }

  /** What was clicked in menus, and no page has been told of. */
  get clicks() {
    return this.#clicks;
  }

  /** @param {(clicks: Click[]) => Click[]} change */
  changeClicks(change) {
    this.#clicks = change(this.#clicks);
    this.#save('clicks');
  }

  /** What the last trace of a tab has found. @param {number} tab @returns {Trace | null} */
  trace(tab) {
    return this.#traces.get(tab) ?? null;
  }

  /** The numbers of the tabs of which a trace is kept. */
  get traced() {
    return [...this.#traces.keys()];
  }

  /** @param {number} tab @param {Trace | null} trace null to forget it */
  changeTrace(tab, trace) {
    if (trace) this.#traces.set(tab, trace);
    else this.#traces.delete(tab);
    this.#save(`trace:${tab}`);
  }

  /** What a tab has asked for last, as far as it was kept. @param {number} tab @returns {string[]} */
  asked(tab) {
    return this.#asked.get(tab) ?? [];
  }

  /** @param {number} tab @param {string[]} urls none to forget them */
  keepAsked(tab, urls) {
    if (urls.length === 0 && !this.#asked.delete(tab)) return;
    if (urls.length > 0) this.#asked.set(tab, urls);
    this.#save(`asked:${tab}`);
  }

  /** The text of a playlist as the page got it. @param {number} tab @param {string} url */
  text(tab, url) {
    return this.#texts.get(`text:${tab}:${url}`);
  }

  /** @param {number} tab @param {string} url @param {string} text @param {boolean} [only] there is no other way to it */
  keepText(tab, url, text, only = false) {
    const key = `text:${tab}:${url}`;
    if (text.length > (only ? MAX_ONLY_TEXT : MAX_TEXT) || this.#texts.get(key) === text) return;
    this.#forgetText(key);
    this.#texts.set(key, text);
    this.#textSize += text.length;
    this.#save(key);
    for (const oldest of this.#texts.keys()) {
      if (this.#textSize <= MAX_TEXTS) break;
      this.#forgetText(oldest);
    }
  }

  /** Settles when everything so far is written: for tests. */
  async written() {
    while (this.#writing) await this.#writing;
  }

  async #load() {
    const saved = await this.#area.read();
    this.isNew = !(STARTED in saved);
    if (this.isNew) this.#save(STARTED);
    for (const [key, value] of Object.entries(saved)) {
      if (key === 'jobs') this.#jobs = [...value, ...this.#jobs];
      else if (key === 'clicks') this.#clicks = [...value, ...this.#clicks];
      else if (key.startsWith('files:')) this.#files.set(key.slice(6), value);
      else if (key.startsWith('trace:')) this.#traces.set(Number(key.slice(6)), value);
      else if (key.startsWith('asked:')) this.#asked.set(Number(key.slice(6)), value);
      else if (key.startsWith('tab:')) this.#tabs.set(Number(key.slice(4)), value);
      else if (key.startsWith('text:')) {
        this.#texts.set(key, value);
        this.#textSize += value.length;
      }
    }
  }

  /** @param {(tab: number, url: string) => boolean} condition */
  #dropTexts(condition) {
    for (const key of this.#texts.keys()) {
      const [, tab = '', ...url] = key.split(':');
      if (condition(Number(tab), url.join(':'))) this.#forgetText(key);
    }
  }

  /** @param {string} key */
  #forgetText(key) {
    const text = this.#texts.get(key);
    if (text === undefined) return;
    this.#textSize -= text.length;
    this.#texts.delete(key);
    this.#save(key);
  }

  /** @param {string} key */
  #save(key) {
    this.#dirty.add(key);
    this.#writing ??= this.#flush().finally(() => (this.#writing = null));
  }

  async #flush() {
    // Whatever changes in this turn is written together.
    await null;
    while (this.#dirty.size > 0) {
      const keys = [...this.#dirty];
      this.#dirty.clear();
      /** @type {Record<string, unknown>} */
      const values = {};
      for (const key of keys) {
        const value = this.#value(key);
        if (value !== undefined) values[key] = value;
      }
      await this.#write(values);
      await this.#area.remove(keys.filter((key) => !(key in values))).catch(refused);
    }
  }

  /**
   * All at once; when that is refused (one value may be too large), one by one.
   * @param {Record<string, unknown>} values
   */
  async #write(values) {
    if (Object.keys(values).length === 0) return;
    try {
      await this.#area.write(values);
    } catch {
      for (const [key, value] of Object.entries(values))
        await this.#area.write({ [key]: value }).catch(refused);
    }
  }

  /** @param {string} key */
  #value(key) {
    if (key === 'jobs') return this.#jobs;
    if (key === 'clicks') return this.#clicks;
    if (key === STARTED) return true;
    if (key.startsWith('files:')) return this.#files.get(key.slice(6));
    if (key.startsWith('asked:')) return this.#asked.get(Number(key.slice(6)));
    if (key.startsWith('trace:')) return this.#traces.get(Number(key.slice(6)));
    return key.startsWith('tab:') ? this.#tabs.get(Number(key.slice(4))) : this.#texts.get(key);
  }
}

/** @param {unknown} error */
const refused = (error) => console.warn('weir: the session storage refused a write', error);
