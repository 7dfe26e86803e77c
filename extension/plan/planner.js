// A stream's first-level playlist and a chosen quality -> the plan that the host gets, and what it asks with: with the
// addresses at which the page reads what its playlists name (url_rules.js, list_rules.js), and with the keys that the page
// made (keys.js), or that a person gave (given.js).

import { readKeys } from '../observe/reports.js';
import * as platform from '../platform.js';
import * as jobs from '../report/jobs.js';
import { cookiesOf, headersOf } from './as_page.js';
import { captureRequest } from './capture.js';
import { hostsOf } from './cookies.js';
import { withGiven } from './given.js';
import { withProvenKeys } from './keys.js';
import { listRule, movedList } from './list_rules.js';
import { prove, wordOf } from './prove.js';
import { by, follow, notesOf, proposals } from './url_rules.js';

/** @import { CapturePlan, Header, Manner, Note, Playlist } from '../types' */
/** @import { RequestContext } from '../generated/protocol' */
/** @import { Engine } from '../detect/engine.js' */
/** @import { Asked } from '../observe/asked.js' */
/** @import { Store } from '../state/store.js' */
/** @import { AsPage } from './as_page.js' */
/** @import { Proposal } from './url_rules.js' */

/**
 * What is planned.
 * @typedef {object} Wish
 * @property {string} job that it is for
 * @property {number} tab
 * @property {Playlist} source the stream's first-level playlist
 * @property {string} quality `best`, or the address of a variant
 * @property {string} title
 * @property {Manner} manner
 * @property {(url: string) => string | undefined} textOf what need not be asked for: playlists as the page got them
 */

export class Planner {
  #store;
  #engine;
  #asked;
  #asPage;

  /** @param {{store: Store, engine: Engine, asked: Asked, asPage: AsPage}} parts */
  constructor({ store, engine, asked, asPage }) {
    this.#store = store;
    this.#engine = engine;
    this.#asked = asked;
    this.#asPage = asPage;
  }

  /** @param {Wish} wish @returns {Promise<{plan: CapturePlan, context: RequestContext}>} */
  async plan(wish) {
    const { tab, quality, title, manner } = wish;
    const headers = headersOf(wish.source);
    const { source, text, moved } = await this.#listAsAsked(wish, headers);
    const textOf = (/** @type {string} */ url) => (url === source.url ? text : wish.textOf(url));
    const request = captureRequest(source, this.#store.tab(tab).playlists, moved(quality), title, textOf, manner);
    const named = await this.#asPage.run(tab, request.urls, headers, () => this.#engine.plan(request.plan));
    const there = await this.#asAsked(wish, named, headers);
    const { given } = wish.source;
    const plan = given ? withGiven(there, given) : await this.#withPageKeys(wish, there, headers);
    return { plan, context: await contextOf(tab, plan, headers) };
  }

  /**
   * The first-level playlist with the addresses at which the page reads what it names, where they are others and those do
   * not answer; and what becomes of an address in it.
   * @param {Wish} wish @param {Header[]} headers
   */
  async #listAsAsked({ job, tab, source, textOf }, headers) {
    const text = textOf(source.url);
    const found = text === undefined ? null : listRule(source, this.#store.tab(tab).playlists);
    const ask = this.#asking(tab, headers);
    if (text === undefined || found === null || !(await prove({ own: found.own, inferred: null }, ask)))
      return { source, text, moved: (/** @type {string} */ url) => url };
    this.#note(job, notesOf([found]));
    const moved = (/** @type {string} */ url) => by(found.rule, url) ?? url;
    return { ...movedList(source, text, found.rule), moved };
  }

  /**
   * A plan with the addresses that the page asks for, where they are others than its playlists name and those do not
   * answer.
   * @param {Wish} wish @param {CapturePlan} plan @param {Header[]} headers
   */
  async #asAsked({ job, tab }, plan, headers) {
    const asked = this.#asked.of(tab);
    const read = this.#store
      .tab(tab)
      .playlists.filter(({ ofPage }) => ofPage)
      .map(({ url }) => ({ url, text: this.#store.text(tab, url) }));
    const ask = this.#asking(tab, headers);
    /** @type {Proposal[]} */
    const proven = [];
    for (const one of proposals(plan, read, asked)) if (await prove(one, ask)) proven.push(one);
    this.#note(job, notesOf(proven));
    return follow(plan, proven, asked);
  }

  /** Whether an address answers as it does to the page. @param {number} tab @param {Header[]} headers */
  #asking(tab, headers) {
    return (/** @type {string} */ url) => this.#asPage.run(tab, [url], headers, () => wordOf(url));
  }

  /**
   * A plan with the keys that the page made, where those that its playlist names do not fit.
   * @param {Wish} wish @param {CapturePlan} named @param {Header[]} headers
   */
  async #withPageKeys({ job, tab }, named, headers) {
    const candidates = async () => readKeys(await platform.askFrames(tab, { type: 'keys' }));
    const { plan, proven } = await withProvenKeys(named, candidates, (urls, task) =>
      this.#asPage.run(tab, urls, headers, task),
    );
    if (proven > 0) this.#note(job, [{ code: 'key-of-page', values: [] }]);
    return plan;
  }

  /** @param {string} job @param {Note[]} notes */
  #note(job, notes) {
    this.#store.changeJobs((list) => jobs.noted(list, job, notes));
  }
}

/**
 * What a plan is asked for with.
 * @param {number} tab @param {CapturePlan} plan @param {Header[]} headers @returns {Promise<RequestContext>}
 */
async function contextOf(tab, plan, headers) {
  const [{ url }, cookies] = await Promise.all([platform.describeTab(tab), cookiesOf(tab, hostsOf(plan))]);
  return { headers, cookies, page: URL.canParse(url) ? url : null };
}
