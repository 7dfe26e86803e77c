// The browser: the only file that says `chrome`. (The two content scripts can import nothing;
// observe/relay.js has the one other use, `chrome.runtime`.)

/** This extension's id. */
export const id = chrome.runtime.id;

/** The host name of the extension's own pages and worker: the id in Chromium, another one in each Firefox. */
export const host = new URL(chrome.runtime.getURL('')).hostname;

/** This extension's version. */
export const version = chrome.runtime.getManifest().version;

/** The full address of one of the extension's files. @param {string} path */
export const address = (path) => chrome.runtime.getURL(path);

/** Text in the user's language. @param {string} key @param {string[]} [values] */
export const message = (key, values) => chrome.i18n.getMessage(key, values);

/** The user's language, a BCP 47 tag. */
export const language = () => chrome.i18n.getUILanguage();

// --- messages ---------------------------------------------------------------------------------

/**
 * Answers messages. A handler that returns undefined leaves the message alone.
 * @param {(message: unknown, sender: chrome.runtime.MessageSender) => Promise<unknown> | undefined} handler
 */
export function onMessage(handler) {
  chrome.runtime.onMessage.addListener((message, sender, respond) => {
    const answer = handler(message, sender);
    if (!answer) return false;
    answer.then(respond, () => respond(undefined));
    return true;
  });
}

/** @param {unknown} message @returns {Promise<any>} */
export const send = (message) => chrome.runtime.sendMessage(message);

/** @param {(port: chrome.runtime.Port) => void} handler */
export const onPort = (handler) => chrome.runtime.onConnect.addListener(handler);

/** @param {string} name */
export const openPort = (name) => chrome.runtime.connect({ name });

/** Starts the native host. @param {string} name */
export const connectNative = (name) => chrome.runtime.connectNative(name);

/**
 * What the browser says of the port that has just closed: Firefox at the port itself.
 * @param {chrome.runtime.Port & {error?: {message?: string} | null}} port
 */
export const portError = (port) => port.error?.message ?? chrome.runtime.lastError?.message ?? '';

// --- storage ----------------------------------------------------------------------------------

/** All of the session's storage: in memory, gone with the browser. */
export const readSession = () => chrome.storage.session.get(null);

/** @param {Record<string, unknown>} values */
export const writeSession = (values) => chrome.storage.session.set(values);

/** @param {string[]} keys */
export const removeSession = (keys) => chrome.storage.session.remove(keys);

// --- requests ---------------------------------------------------------------------------------

/** The kinds of requests that can answer with a playlist. @type {chrome.webRequest.RequestFilter} */
const PLAYLIST_REQUESTS = {
  urls: ['http://*/*', 'https://*/*'],
  types: ['xmlhttprequest', 'media', 'object', 'other', 'main_frame', 'sub_frame'],
};

/**
 * Request headers as they leave, with cookies and referer. Firefox knows no `extraHeaders` and needs none.
 * @param {(details: chrome.webRequest.OnSendHeadersDetails) => void} handler
 */
export function onRequestSent(handler) {
  const extra = ['requestHeaders', ...Object.values(chrome.webRequest.OnSendHeadersOptions ?? {})];
  chrome.webRequest.onSendHeaders.addListener(
    handler,
    PLAYLIST_REQUESTS,
    /** @type {any} */ ([...new Set(extra)]),
  );
}

/** A body begins to arrive. @param {(details: chrome.webRequest.OnResponseStartedDetails) => void} handler */
export const onResponse = (handler) =>
  chrome.webRequest.onResponseStarted.addListener(handler, PLAYLIST_REQUESTS, ['responseHeaders']);

/**
 * The bodies of answers that are wanted, on their way to the page. Firefox alone hands them out.
 * @param {(details: chrome.webRequest.OnHeadersReceivedDetails) => boolean} wanted
 * @param {(details: chrome.webRequest.OnHeadersReceivedDetails, body: import('./observe/bodies.js').Passing) => void} handler
 */
export function onBody(wanted, handler) {
  const { webRequest } = /** @type {any} */ (chrome);
  if (!webRequest.filterResponseData) return;
  webRequest.onHeadersReceived.addListener(
    (/** @type {chrome.webRequest.OnHeadersReceivedDetails} */ details) => {
      if (wanted(details)) handler(details, webRequest.filterResponseData(details.requestId));
    },
    PLAYLIST_REQUESTS,
    ['blocking', 'responseHeaders'],
  );
}

/** A request is over, one way or the other. @param {(requestId: string) => void} handler */
export function onRequestOver(handler) {
  chrome.webRequest.onCompleted.addListener((details) => handler(details.requestId), PLAYLIST_REQUESTS);
  chrome.webRequest.onErrorOccurred.addListener((details) => handler(details.requestId), PLAYLIST_REQUESTS);
}

/**
 * Replaces session rules for requests. @param {chrome.declarativeNetRequest.Rule[]} add @param {number[]} remove
 */
export const changeRequestRules = (add, remove) =>
  chrome.declarativeNetRequest.updateSessionRules({ addRules: add, removeRuleIds: remove });

/** The rules that a worker which died may have left behind. */
export const requestRules = () => chrome.declarativeNetRequest.getSessionRules();

// --- pages that were there before ---------------------------------------------------------------

/** The extension has come, or another version of it. That it is told starts the worker. @param {() => void} handler */
export const onInstalled = (handler) => chrome.runtime.onInstalled.addListener(() => handler());

/**
 * Runs the content scripts of the manifest in every page that is open. Where the browser has done so by itself, the
 * scripts notice.
 */
export async function enterOpenPages() {
  /** @type {{js?: string[], world?: any}[]} */
  const scripts = chrome.runtime.getManifest().content_scripts ?? [];
  const tabs = await chrome.tabs.query({ url: ['http://*/*', 'https://*/*'], discarded: false });
  const enter = async (/** @type {number} */ tabId) => {
    for (const { js, world } of scripts) {
      await chrome.scripting.executeScript({
        target: { tabId, allFrames: true },
        files: js ?? [],
        world,
        injectImmediately: true,
      });
    }
  };
  // A page that lets no extension in, such as the browser's own shop, is none of ours.
  await Promise.allSettled(tabs.flatMap(({ id }) => (id === undefined ? [] : enter(id))));
}

// --- tabs -------------------------------------------------------------------------------------

/** A tab's main frame shows another page. @param {(tab: number, url: string, time: number) => void} handler */
export const onNavigation = (handler) =>
  chrome.webNavigation.onCommitted.addListener((details) => {
    if (details.frameId === 0) handler(details.tabId, details.url, details.timeStamp);
  });

/** @param {(tab: number) => void} handler */
export const onTabClosed = (handler) => chrome.tabs.onRemoved.addListener((tab) => handler(tab));

/** A tab's title has changed. @param {(tab: number) => void} handler */
export const onTitle = (handler) =>
  chrome.tabs.onUpdated.addListener((tab, change) => {
    if (change.title !== undefined) handler(tab);
  });

/** The tab's title and address, empty when it is gone. @param {number} tab */
export async function describeTab(tab) {
  try {
    const { title, url } = await chrome.tabs.get(tab);
    return { title: title ?? '', url: url ?? '' };
  } catch {
    return { title: '', url: '' };
  }
}

/** The tab that the popup was opened over. */
export async function activeTab() {
  const [tab] = await chrome.tabs.query({ active: true, currentWindow: true });
  return tab?.id ?? -1;
}

/** @param {number} tab @param {string} text */
export async function setBadge(tab, text) {
  try {
    await chrome.action.setBadgeBackgroundColor({ tabId: tab, color: '#0b6e8f' });
    await chrome.action.setBadgeText({ tabId: tab, text });
  } catch {
    // The tab is gone, and its badge with it.
  }
}

/** Opens the options page. */
export const openOptions = () => chrome.runtime.openOptionsPage();

// --- cookies ----------------------------------------------------------------------------------

/**
 * The cookies of a domain and everything under it, partitioned ones too.
 * @param {string} domain @param {string | undefined} store
 */
export const cookies = (domain, store) =>
  chrome.cookies.getAll({ domain, partitionKey: {}, ...(store === undefined ? {} : { storeId: store }) });

/** The cookie store of a tab: private windows have their own. @param {number} tab */
export async function cookieStore(tab) {
  const stores = await chrome.cookies.getAllCookieStores();
  return stores.find((store) => store.tabIds.includes(tab))?.id;
}
