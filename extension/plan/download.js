// Files of a page that are saved as they are, from the click to the host: what may be asked for, and with what.

import * as platform from '../platform.js';
import { Failed, failureOf } from '../report/failure.js';
import * as jobs from '../report/jobs.js';
import { cookiesOf } from './as_page.js';
import { filesCommand } from './commands.js';
import { repeatedHeaders } from './headers.js';
import { mayLead } from './reach.js';

/** @import { Failure, Header, Job, WantedFiles } from '../types' */
/** @import { DownloadItem, RequestContext } from '../generated/protocol' */
/** @import { Store } from '../state/store.js' */

/** Most files of one batch (core: MAX_BATCH_FILES). */
const MAX_ITEMS = 10_000;

/** Longest address, and longest `data:` address, in characters (core: the same rule for the first). */
const MAX_URL = 32 * 1024;
const MAX_DATA = 1024 * 1024;

/** Longest title and longest name that is handed over, in characters: the host makes file names of them. */
const MAX_NAME = 200;

export class Downloads {
  #store;
  #connect;
  #send;

  /**
   * @param {object} parts
   * @param {Store} parts.store
   * @param {() => Promise<unknown>} parts.connect
   * @param {(job: string, title: string, items: DownloadItem[], context: RequestContext) => Promise<unknown>} parts.send
   *   settles when the host has taken it
   */
  constructor({ store, connect, send }) {
    this.#store = store;
    this.#connect = connect;
    this.#send = send;
  }

  /**
   * The user has clicked Save.
   * @param {number} tab whose page has the files @param {unknown} wanted
   * @param {{title: string, url: string} | null} [named] what names them, where that is no tab's page
   * @param {Header[]} [headers] that a person gave along
   * @returns {Promise<string>} the batch; what becomes of it is told in its state
   */
  async start(tab, wanted, named = null, headers = []) {
    return this.#begin(await this.#wanted(tab, wanted, named, headers));
  }

  /**
   * The same files as a command for aria2.
   * @param {number} tab @param {unknown} wanted @param {{title: string, url: string} | null} [named] @param {Header[]} [given]
   */
  async command(tab, wanted, named = null, given = []) {
    const files = await this.#wanted(tab, wanted, named, given);
    const urls = ofTheWeb(files);
    if (urls.length === 0) throw new Failed('no-files', 'the page holds them itself: there is nothing to ask for');
    const { headers, cookies } = await asking(files);
    return filesCommand(urls, headers, cookies);
  }

  /**
   * @param {number} tab @param {unknown} wanted @param {{title: string, url: string} | null} named @param {Header[]} headers
   * @returns {Promise<WantedFiles>}
   */
  async #wanted(tab, wanted, named, headers) {
    const { title, url: page } = named ?? (await platform.describeTab(tab));
    if (!/^https?:/.test(page)) throw new Failed('page-gone', 'the tab shows no page of the web any more');
    const items = permitted(wanted, page);
    if (items.length === 0) throw new Failed('no-files', 'none of them may be asked for');
    return { tab, page, title, items, headers };
  }

  /**
   * A batch that has stopped is asked for once more; the host knows it again, and which files it has.
   * @param {string} job @returns {boolean} false where nobody knows its files any more
   */
  again(job) {
    const files = this.#store.files(job);
    if (files === null) return false;
    this.#store.changeJobs((list) => jobs.without(list, (one) => one.job === job));
    this.#begin(files);
    return true;
  }

  /**
   * The host does not know a batch that was under way: the worker that had handed it over was ended, and that host with it.
   * @param {Job} job @param {Failure} lost what is told where its files are not known any more
   */
  async goOn({ job }, lost) {
    const files = this.#store.files(job);
    if (files === null) {
      this.#store.changeJobs((list) => jobs.failed(list, job, lost));
      return;
    }
    this.#store.changeJobs((list) => jobs.preparedAgain(list, job, Date.now()));
    await this.#handOver(job, files);
  }

  /** @param {WantedFiles} files */
  #begin(files) {
    const { tab, title, items } = files;
    const job = crypto.randomUUID();
    const total = { total: items.length, fetched: 0, retried: 0 };
    this.#store.changeJobs((list) =>
      jobs.prepared(list, { job, kind: 'files', tab, title, segments: total, startedAt: Date.now() }),
    );
    this.#store.keepFiles(job, files);
    void this.#handOver(job, files);
    return job;
  }

  /** @param {string} job @param {WantedFiles} files */
  async #handOver(job, files) {
    try {
      await this.#carryOut(job, files);
    } catch (error) {
      this.#store.changeJobs((list) => jobs.failed(list, job, failureOf(error)));
    }
  }

  /** @param {string} job @param {WantedFiles} files */
  async #carryOut(job, files) {
    await this.#connect();
    const { title, items } = files;
    await this.#send(job, title.slice(0, MAX_NAME), items, await asking(files));
    this.#store.changeJobs((list) => jobs.taken(list, job));
  }
}

/** Addresses that a server is asked for. @param {WantedFiles} files */
const ofTheWeb = ({ items }) => items.map(({ url }) => url).filter((url) => !url.startsWith('data:'));

/** What they are asked for with. @param {WantedFiles} files @returns {Promise<RequestContext>} */
async function asking(files) {
  const { tab, page, headers: given } = files;
  const cookies = await cookiesOf(tab, new Set(ofTheWeb(files).map((url) => new URL(url).hostname)));
  const headers = withGiven(repeatedHeaders([], { userAgent: navigator.userAgent, page }), given);
  return { headers, cookies, page };
}

/**
 * What a person gave takes the place of what would be sent.
 * @param {Header[]} usual @param {Header[]} given
 */
function withGiven(usual, given) {
  const names = new Set(given.map(({ name }) => name.toLowerCase()));
  return [...usual.filter(({ name }) => !names.has(name.toLowerCase())), ...given];
}

/**
 * Those of the files that may be asked for on behalf of a page, each once: of the web, and where its addresses may lead.
 * @param {unknown} wanted by the word of one of the extension's pages, which has it from the page
 * @param {string} page
 * @returns {DownloadItem[]}
 */
export function permitted(wanted, page) {
  /** @type {Map<string, DownloadItem>} */
  const items = new Map();
  for (const one of Array.isArray(wanted) ? wanted : []) {
    if (items.size >= MAX_ITEMS) break;
    const { url, name } = /** @type {Partial<DownloadItem>} */ (one ?? {});
    if (typeof url !== 'string' || !mayBeAsked(url, page)) continue;
    const wish = typeof name === 'string' ? name.slice(0, MAX_NAME).trim() : '';
    if (!items.has(url)) items.set(url, { url, name: wish === '' ? null : wish });
  }
  return [...items.values()];
}

/** @param {string} url @param {string} page */
function mayBeAsked(url, page) {
  if (url.startsWith('data:image/')) return url.length <= MAX_DATA;
  return /^https?:/.test(url) && url.length < MAX_URL && URL.canParse(url) && mayLead(page, url);
}
