// Makes the extension's own requests look like the page's: session rules of declarativeNetRequest set the page's Referer,
// Origin, cookies and custom headers on requests that come from its worker, or from one tab of its own, for as long as they
// take.

/** @import { Header } from '../types' */

/** The browser's name for "no tab": where this extension's worker asks from. */
const NO_TAB = -1;

/**
 * @typedef {object} Rules
 * @property {(add: chrome.declarativeNetRequest.Rule[], remove: number[]) => Promise<void>} change
 * @property {() => Promise<{id: number}[]>} list
 */

export class OwnRequests {
  #rules;
  #host;
  #lastRule = 0;
  /**
   * The last task for each host: tasks for one host take turns, since their headers may differ.
   * @type {Map<string, Promise<unknown>>}
   */
  #turns = new Map();
  /** @type {Promise<void>} */ #clean;

  /** @param {Rules} rules @param {string} host the host name of this extension's own addresses */
  constructor(rules, host) {
    this.#rules = rules;
    this.#host = host;
    // A worker that died in the middle may have left some.
    this.#clean = rules.list().then((left) =>
      left.length > 0
        ? rules.change(
            [],
            left.map((rule) => rule.id),
          )
        : undefined,
    );
  }

  /**
   * Runs `task` while requests to each host carry its headers.
   * @template T
   * @param {Map<string, Header[]>} headers by host @param {() => Promise<T>} task
   * @returns {Promise<T>}
   */
  async as(headers, task) {
    const names = [...headers.keys()];
    const before = names.map((host) => this.#turns.get(host));
    const turn = Promise.allSettled(before).then(() => this.#run(headers, task));
    for (const host of names) this.#turns.set(host, turn);
    try {
      return await turn;
    } finally {
      for (const host of names) if (this.#turns.get(host) === turn) this.#turns.delete(host);
    }
  }

  /** @template T @param {Map<string, Header[]>} headers @param {() => Promise<T>} task */
  async #run(headers, task) {
    const letGo = await this.hold(headers, NO_TAB);
    try {
      return await task();
    } finally {
      await letGo();
    }
  }

  /**
   * Requests to each host carry its headers until they are let go: those of one of the extension's own tabs, which take no
   * turns with the worker's.
   * @param {Map<string, Header[]>} headers by host @param {number} tab
   * @returns {Promise<() => Promise<void>>} lets go
   */
  async hold(headers, tab) {
    await this.#clean;
    const rules = [...headers].map(([host, ofHost]) =>
      requestRule(++this.#lastRule, host, ofHost, this.#host, tab),
    );
    try {
      await this.#rules.change(rules, []);
    } catch (error) {
      // A host or header that the browser's rules do not take, such as an IPv6 address: many servers answer all the
      // same.
      console.warn("weir: a stream is asked for without the page's headers", error);
    }
    return () =>
      this.#rules.change(
        [],
        rules.map((rule) => rule.id),
      );
  }
}

/**
 * @param {number} id @param {string} host @param {Header[]} headers @param {string} extension @param {number} [tab] that asks
 * @returns {chrome.declarativeNetRequest.Rule}
 */
export function requestRule(id, host, headers, extension, tab = NO_TAB) {
  /** @type {any[]} */
  const set = headers.map(({ name, value }) => ({ header: name.toLowerCase(), operation: 'set', value }));
  // The page's request had none: then the worker's own must not show either.
  for (const header of ['origin', 'referer']) {
    if (!set.some((change) => change.header === header)) set.push({ header, operation: 'remove' });
  }
  return {
    id,
    action: { type: /** @type {any} */ ('modifyHeaders'), requestHeaders: set },
    condition: {
      requestDomains: [host],
      initiatorDomains: [extension],
      tabIds: [tab],
      resourceTypes: /** @type {any} */ (['xmlhttprequest', 'other']),
    },
  };
}
