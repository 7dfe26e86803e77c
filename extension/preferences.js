// What pages ask about what the user prefers: the host's settings, the rules for sites, both at once from a file.

import * as frames from './native/frames.js';
import { blankRule, readRules, ruleFor } from './plan/site_rules.js';
import * as platform from './platform.js';

/** @import { SiteRule } from './types' */
/** @import { SettingsChange } from './generated/protocol' */
/** @import { Host } from './native/host.js' */
/** @import { Rules } from './state/rules.js' */

/** What an example of a file name is about. */
const EXAMPLE = {
  title: 'Weirs, season 2 episode 7',
  page: 'https://video.example/watch/7',
  resolution: /** @type {[number, number]} */ ([1280, 720]),
};

/** The commands of `types.d.ts` that are carried out here. */
export class Preferences {
  #host;
  #rules;

  /** @param {Pick<Host, 'request'>} host @param {Rules} rules */
  constructor(host, rules) {
    this.#host = host;
    this.#rules = rules;
  }

  /** By the names of the commands. @returns {Record<string, (command: any) => unknown>} */
  get commands() {
    return {
      settings: ({ change }) => this.#settings(change ?? null),
      'example-name': ({ template }) => this.#exampleName(String(template)),
      rules: async ({ rules }) => {
        await this.#rules.ready;
        if (rules !== undefined) await this.#rules.change(await this.#checked(rules));
        return this.#rules.all;
      },
      'take-over': ({ settings, rules }) => this.#takeOver(settings, rules),
    };
  }

  /** The rule for what a tab shows. @param {number} tab @returns {Promise<SiteRule | null>} */
  async ruleOf(tab) {
    await this.#rules.ready;
    return ruleFor(this.#rules.all, (await platform.describeTab(tab)).url);
  }

  /** @param {SettingsChange | null} change */
  async #settings(change) {
    const event = await this.#host.request(frames.settings(change));
    return event.type === 'settings' ? event.settings : null;
  }

  /** What a file is called. @param {string} template @param {string | null} [folder] */
  async #exampleName(template, folder = null) {
    const { title, page, resolution } = EXAMPLE;
    const event = await this.#host.request(frames.exampleName(template, title, page, resolution, folder));
    return event.type === 'exampleName' ? event.name : '';
  }

  /** Rules as they may be kept. Templates and folders are the host's to judge. @param {unknown} value */
  async #checked(value) {
    const rules = readRules(value);
    const nameOf = (/** @type {SiteRule} */ { nameTemplate, folder }) => JSON.stringify([nameTemplate, folder ?? null]);
    const known = new Set([blankRule(''), ...this.#rules.all].map(nameOf));
    for (const rule of rules)
      if (!known.has(nameOf(rule))) await this.#exampleName(rule.nameTemplate ?? '{title}', rule.folder);
    return rules;
  }

  /**
   * All or nothing: the host is asked before the rules are changed, and changes nothing where it finds a fault.
   * @param {SettingsChange | null} settings @param {unknown} value
   */
  async #takeOver(settings, value) {
    await this.#rules.ready;
    const rules = await this.#checked(value);
    const now = await this.#settings(settings);
    await this.#rules.change(rules);
    return { settings: now, rules };
  }
}
