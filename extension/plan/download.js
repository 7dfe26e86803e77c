// Files of a page that are saved as they are, from the click to the host: what may be asked for, and with what.

import * as platform from '../platform.js';
import { Failed, failureOf } from '../report/failure.js';
import * as jobs from '../report/jobs.js';
import { cookiesOf } from './as_page.js';
import { repeatedHeaders } from './headers.js';
import { mayLead } from './reach.js';

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
   * @returns {Promise<string>} the batch; what becomes of it is told in its state
   */
  async start(tab, wanted, named = null) {
    const { title, url: page } = named ?? (await platform.describeTab(tab));
    if (!/^https?:/.test(page)) throw new Failed('page-gone', 'the tab shows no page of the web any more');
    const items = permitted(wanted, page);
    if (items.length === 0) throw new Failed('no-files', 'none of them may be asked for');
    const job = crypto.randomUUID();
    const total = { total: items.length, fetched: 0, retried: 0 };
    this.#store.changeJobs((list) =>
      jobs.prepared(list, { job, kind: 'files', tab, title, segments: total, startedAt: Date.now() }),
    );
    void this.#carryOut(job, tab, page, title, items).catch((error) =>
      this.#store.changeJobs((list) => jobs.failed(list, job, failureOf(error))),
    );
    return job;
  }

  /** @param {string} job @param {number} tab @param {string} page @param {string} title @param {DownloadItem[]} items */
  async #carryOut(job, tab, page, title, items) {
    await this.#connect();
    const hosts = items.filter(({ url }) => !url.startsWith('data:')).map(({ url }) => new URL(url).hostname);
    const cookies = await cookiesOf(tab, new Set(hosts));
    const headers = repeatedHeaders([], { userAgent: navigator.userAgent, page });
    await this.#send(job, title.slice(0, MAX_NAME), items, { headers, cookies, page });
  }
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
