// The cookies that the browser holds for the hosts of a plan. The host picks among them per URL (RFC 6265). Pure, but
// for the asking.

/** @import { CapturePlan, Cookie } from '../types' */

/** Most cookies in one context (core: MAX_CONTEXT_ENTRIES). */
const MAX_COOKIES = 1_000;

/** Every host that a plan asks something of. @param {CapturePlan} plan @returns {Set<string>} */
export function hostsOf(plan) {
  const hosts = new Set();
  const add = (/** @type {string | undefined} */ url) => {
    if (url?.startsWith('http')) hosts.add(new URL(url).hostname);
  };
  add(plan.source);
  for (const track of plan.tracks) {
    add(track.playlist);
    for (const { url, key, map } of track.segments) {
      for (const one of [url, key?.url, map?.url, map?.key?.url]) add(one);
    }
  }
  return hosts;
}

/**
 * The cookies for `hosts`, with the page's partition before the common jar.
 * @param {Set<string>} hosts
 * @param {string} page the address of the tab, whose site names the partition
 * @param {(domain: string) => Promise<chrome.cookies.Cookie[]>} ask for a domain and everything under it
 * @returns {Promise<Cookie[]>}
 */
export async function cookiesFor(hosts, page, ask) {
  const found = await Promise.all([...new Set([...hosts].map(family))].map(ask));
  const fitting = found
    .flat()
    .filter((cookie) => [...hosts].some((host) => domainMatches(cookie, host)) && inPartition(cookie, page));
  /** @type {Map<string, chrome.cookies.Cookie>} */
  const distinct = new Map();
  for (const cookie of fitting) {
    const key = [cookie.domain, cookie.path, cookie.name].join(' ');
    if (!distinct.has(key) || cookie.partitionKey) distinct.set(key, cookie);
  }
  return [...distinct.values()].slice(0, MAX_COOKIES).map(asProtocol);
}

/**
 * The value of the Cookie header for any of `urls`, which are on one host (RFC 6265, 5.4); null when there is none. A
 * worker's own requests carry no cookies that are kept for one site's pages (partitioned ones, in Firefox all that a
 * page gets from other sites).
 * @param {string[]} urls @param {Cookie[]} cookies
 */
export function cookieHeader(urls, cookies) {
  const fitting = cookies.filter((cookie) => urls.some((url) => isFor(cookie, new URL(url))));
  const pairs = fitting
    .sort((a, b) => b.path.length - a.path.length)
    .map(({ name, value }) => (name === '' ? value : `${name}=${value}`));
  return pairs.length > 0 ? pairs.join('; ') : null;
}

/** @param {Cookie} cookie @param {URL} url */
function isFor(cookie, { protocol, hostname, pathname }) {
  const isSecure = protocol === 'https:' || /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
  const { path } = cookie;
  const pathMatches =
    pathname === path || (pathname.startsWith(path) && (path.endsWith('/') || pathname[path.length] === '/'));
  return domainMatches(cookie, hostname) && pathMatches && (isSecure || !cookie.secure);
}

/** The last two labels of a name, an address as it is: what a parent domain's cookie hangs on. @param {string} host */
function family(host) {
  if (/^[\d.]+$/.test(host) || host.includes(':')) return host;
  return host.split('.').slice(-2).join('.');
}

/** RFC 6265, 5.1.3. @param {{domain: string, hostOnly: boolean}} cookie @param {string} host */
function domainMatches(cookie, host) {
  const domain = cookie.domain.replace(/^\./, '');
  return host === domain || (!cookie.hostOnly && host.endsWith(`.${domain}`));
}

/**
 * Not partitioned, or in the partition of this page's site.
 * @param {chrome.cookies.Cookie} cookie @param {string} page
 */
function inPartition(cookie, page) {
  const site = cookie.partitionKey?.topLevelSite;
  if (!site) return true;
  if (!URL.canParse(page) || !URL.canParse(site)) return false;
  const [top, own] = [new URL(page), new URL(site)];
  return (
    top.protocol === own.protocol &&
    (top.hostname === own.hostname || top.hostname.endsWith(`.${own.hostname}`))
  );
}

/** @param {chrome.cookies.Cookie} cookie @returns {Cookie} */
const asProtocol = (cookie) => ({
  name: cookie.name,
  value: cookie.value,
  domain: cookie.domain.replace(/^\./, ''),
  hostOnly: cookie.hostOnly,
  path: cookie.path,
  secure: cookie.secure,
  expiresEpochSeconds: cookie.expirationDate ?? null,
});
