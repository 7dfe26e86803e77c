// Asks for what a page can ask for, as the page does: with its headers, and with the cookies that it has.

import * as platform from '../platform.js';
import { cookieHeader, cookiesFor } from './cookies.js';
import { fetchHeaders, repeatedHeaders } from './headers.js';

/** @import { Header, Playlist } from '../types' */
/** @import { OwnRequests } from './own_requests.js' */

export class AsPage {
  #own;

  /** @param {OwnRequests} own */
  constructor(own) {
    this.#own = own;
  }

  /**
   * Runs `task` while requests for `urls` carry what those of a tab's page do.
   * @template T
   * @param {number} tab @param {string[]} urls @param {Header[]} headers @param {() => Promise<T>} task
   */
  async run(tab, urls, headers, task) {
    return this.#own.as(await byHost(tab, urls, headers), task);
  }

  /**
   * Requests of one of the extension's own tabs for `urls` carry what those of a tab's page do, until they are let go.
   * @param {number} tab @param {string[]} urls @param {Header[]} headers @param {number} asking the extension's tab
   */
  async hold(tab, urls, headers, asking) {
    return this.#own.hold(await byHost(tab, urls, headers), asking);
  }
}

/**
 * What requests for `urls` carry.
 * @param {number} tab whose page has the cookies @param {string[]} urls @param {Header[]} headers
 */
async function byHost(tab, urls, headers) {
  const hosts = new Set(urls.map((url) => new URL(url).hostname));
  const cookies = await cookiesOf(tab, hosts);
  /** @type {Map<string, Header[]>} */
  const found = new Map();
  for (const host of hosts) {
    const ofHost = urls.filter((url) => new URL(url).hostname === host);
    const value = cookieHeader(ofHost, cookies);
    found.set(host, [...fetchHeaders(headers), ...(value === null ? [] : [{ name: 'Cookie', value }])]);
  }
  return found;
}

/** The cookies that a tab's page has for hosts. @param {number} tab @param {Set<string>} hosts */
export async function cookiesOf(tab, hosts) {
  const [page, jar] = await Promise.all([platform.describeTab(tab), platform.cookieStore(tab)]);
  return cookiesFor(hosts, page.url, (domain) => platform.cookies(domain, jar));
}

/** What the page sent for a playlist, and what follows from it is asked for with. @param {Playlist} playlist */
export const headersOf = (playlist) =>
  repeatedHeaders(playlist.headers, { userAgent: navigator.userAgent, page: playlist.frame });
