// The one owner of the rules for sites: the extension's only storage on the disk.

/** @import { SiteRule } from '../types' */

const KEY = 'rules';

export class Rules {
  #area;
  #changed;
  /** @type {SiteRule[]} */ #all = [];

  /** Settles when they are here. @type {Promise<void>} */
  ready;

  /**
   * @param {{read: (key: string) => Promise<unknown>, write: (values: Record<string, unknown>) => Promise<void>}} area
   * @param {() => void} changed
   */
  constructor(area, changed) {
    this.#area = area;
    this.#changed = changed;
    this.ready = this.#load();
  }

  /** In the order in which they were added. */
  get all() {
    return this.#all;
  }

  /** @param {SiteRule[]} rules that were checked */
  async change(rules) {
    await this.#area.write({ [KEY]: rules });
    this.#all = rules;
    this.#changed();
  }

  async #load() {
    const saved = await this.#area.read(KEY);
    if (Array.isArray(saved)) this.#all = saved;
  }
}
