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

/** What the manifest asks for, sites last. */
export const permissions = [
  ...(chrome.runtime.getManifest().permissions ?? []),
  ...(chrome.runtime.getManifest().host_permissions ?? []),
];

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

/** What is kept on the disk. @param {string} key */
export const readKept = async (key) => (await chrome.storage.local.get(key))[key];

/** @param {Record<string, unknown>} values */
export const writeKept = (values) => chrome.storage.local.set(values);

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

/**
 * The extension has come (`install`), or another version of it. That it is told starts the worker.
 * @param {(reason: string) => void} handler
 */
export const onInstalled = (handler) =>
  chrome.runtime.onInstalled.addListener(({ reason }) => handler(reason));

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

/** Most frames of a tab that are asked, and how long one may take, in milliseconds: it may stand still. */
const MAX_FRAMES = 64;
const FRAME_DEADLINE = 1_000;

/** What the relays in a tab's frames answer; one that does not answer is left out. @param {number} tab @param {unknown} message */
export async function askFrames(tab, message) {
  const frames = (await chrome.webNavigation.getAllFrames({ tabId: tab }).catch(() => null)) ?? [];
  const late = new Promise((resolve) => setTimeout(resolve, FRAME_DEADLINE));
  const answers = frames
    .slice(0, MAX_FRAMES)
    .map(({ frameId }) =>
      Promise.race([chrome.tabs.sendMessage(tab, message, { frameId }).catch(() => undefined), late]),
    );
  return (await Promise.all(answers)).filter((answer) => answer !== undefined);
}

/** How long a frame may take to run a function, in milliseconds: it may stand still. */
const RUN_DEADLINE = 90_000;

/**
 * Runs a function in every frame of a tab, apart from the page's own scripts: what it returns in each, the main frame's
 * first. A frame that lets no extension in, or stands still, is left out; the main frame is not.
 * @template T
 * @param {number} tab @param {(...values: any[]) => Promise<T>} run needs nothing from outside of itself
 * @param {unknown[]} values @returns {Promise<T[]>}
 */
export async function runInFrames(tab, run, ...values) {
  const frames = (await chrome.webNavigation.getAllFrames({ tabId: tab })) ?? [];
  const inFrame = async (/** @type {number} */ frame) => {
    const [done] = await chrome.scripting.executeScript({
      target: { tabId: tab, frameIds: [frame] },
      func: run,
      args: values,
      injectImmediately: true,
    });
    // What goes wrong in it is told beside the result, or not at all.
    if (done?.result == null) throw new Error('the page could not be read');
    return /** @type {T} */ (done.result);
  };
  const late = new Promise((_, reject) => setTimeout(() => reject(new Error('the page stands still')), RUN_DEADLINE));
  const others = frames.filter(({ frameId }) => frameId !== 0).slice(0, MAX_FRAMES - 1);
  const answers = [0, ...others.map(({ frameId }) => frameId)].map((frame) => Promise.race([inFrame(frame), late]));
  const [main, ...rest] = await Promise.allSettled(answers);
  if (main?.status !== 'fulfilled') throw main?.reason;
  return [main, ...rest].flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
}

/**
 * Has a tab be the one that is seen of its window while a task lasts: a page that nobody sees loads nothing on scroll.
 * @template T
 * @param {number} tab @param {() => Promise<T>} task @returns {Promise<T>}
 */
export async function whileSeen(tab, task) {
  const { windowId } = await chrome.tabs.get(tab);
  const [seen] = await chrome.tabs.query({ active: true, windowId });
  await chrome.tabs.update(tab, { active: true });
  try {
    return await task();
  } finally {
    // Unless somebody has gone elsewhere meanwhile.
    const isStill = (await chrome.tabs.get(tab).catch(() => null))?.active ?? true;
    if (seen?.id !== undefined && isStill) await chrome.tabs.update(seen.id, { active: true }).catch(() => {});
  }
}

/** Shows the images of a tab. @param {number} tab */
export const openImages = (tab) => chrome.tabs.create({ url: address(`ui/images.html?tab=${tab}`) });

/** The tab that the popup was opened over. */
export async function activeTab() {
  const [tab] = await chrome.tabs.query({ active: true, currentWindow: true });
  return tab?.id ?? -1;
}

/** The colour of the number of captures under way. */
const RUNNING = '#17693f';

/** What the button says where a tab has nothing to say. @param {string} text @param {string} title */
export async function setCommonBadge(text, title) {
  await chrome.action.setBadgeBackgroundColor({ color: RUNNING });
  await chrome.action.setBadgeText({ text });
  await chrome.action.setTitle({ title });
}

/** @param {number} tab @param {string} text */
export async function setBadge(tab, text) {
  try {
    await chrome.action.setBadgeBackgroundColor({ tabId: tab, color: text === '' ? RUNNING : '#0b6e8f' });
    // Where a tab has none, that of the captures under way shows.
    await chrome.action.setBadgeText(/** @type {any} */ ({ tabId: tab, text: text === '' ? null : text }));
  } catch {
    // The tab is gone, and its badge with it.
  }
}

/** Is there a tab of that number? The address of some is hidden. @param {number} tab */
export const isOpen = (tab) =>
  chrome.tabs.get(tab).then(
    () => true,
    () => false,
  );

/** @param {number} tab */
export const reloadTab = (tab) => chrome.tabs.reload(tab);

/** Opens one of the extension's pages in a tab. @param {string} path */
export const openPage = (path) => chrome.tabs.create({ url: address(path) });

/** The keys that open the popup, empty where the user has taken them away, or the browser has no such keys (phones). */
export async function popupShortcut() {
  const all = (await chrome.commands?.getAll()) ?? [];
  return all.find(({ name }) => name === '_execute_action')?.shortcut ?? '';
}

/** The user has pressed the keys of a command of the manifest. @param {(command: string) => void} handler */
export const onCommand = (handler) => chrome.commands?.onCommand.addListener((command) => handler(command));

/** Opens the options page. */
export const openOptions = () => chrome.runtime.openOptionsPage();

/** The item of the menus of links, videos and sounds. */
const MENU = 'capture';

/** @typedef {{link: string | null, media: string | null, page: string | null, tab: number}} Clicked */

/**
 * An item in the menus of links, videos and sounds.
 * @param {string} title @param {(clicked: Clicked) => void} handler
 */
export function onMenu(title, handler) {
  // Phones have no such menus.
  if (!chrome.contextMenus) return;
  chrome.contextMenus.onClicked.addListener(({ menuItemId, linkUrl, srcUrl, mediaType, frameUrl, pageUrl }, tab) => {
    if (menuItemId !== MENU) return;
    const media = mediaType === 'video' || mediaType === 'audio' ? (srcUrl ?? '') : null;
    handler({ link: linkUrl ?? null, media, page: frameUrl ?? pageUrl ?? null, tab: tab?.id ?? -1 });
  });
  const item = { id: MENU, title, contexts: /** @type {any} */ (['link', 'video', 'audio']) };
  // The last worker's item may be there still. Reading the error tells the browser that it was seen.
  chrome.contextMenus.create(item, () => void chrome.runtime.lastError);
}

// --- notifications ------------------------------------------------------------------------------

/** Firefox has no buttons on notifications, and takes none. */
const HAS_BUTTONS = chrome.debugger !== undefined;

/**
 * @param {string} id @param {string} title @param {string} text
 * @param {string | null} button what a click on its button, or on it where it has none, does
 */
export async function notify(id, title, text, button) {
  const buttons = button !== null && HAS_BUTTONS ? { buttons: [{ title: button }] } : {};
  const message = button !== null && !HAS_BUTTONS ? `${text}\n${button}` : text;
  const iconUrl = address('icons/icon-128.png');
  await chrome.notifications.create(id, { type: 'basic', iconUrl, title, message, ...buttons });
}

/** The user has clicked a notification, or its button. @param {(id: string) => void} handler */
export function onNotification(handler) {
  const clicked = (/** @type {string} */ id) => {
    void chrome.notifications.clear(id);
    handler(id);
  };
  chrome.notifications.onClicked.addListener(clicked);
  chrome.notifications.onButtonClicked?.addListener(clicked);
}

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

// --- tracing ----------------------------------------------------------------------------------

/**
 * The debugger of tabs, by tab and child session (empty for the tab itself); null where there is none: Firefox.
 * @type {import('./trace/session.js').Debugging | null}
 */
export const debugging = chrome.debugger
  ? {
      attach: (tab) => chrome.debugger.attach({ tabId: tab }, '1.3'),
      detach: (tab) => chrome.debugger.detach({ tabId: tab }),
      send: (tab, session, method, params = {}) =>
        chrome.debugger.sendCommand(
          session === '' ? { tabId: tab } : { tabId: tab, sessionId: session },
          method,
          /** @type {{[key: string]: unknown}} */ (params),
        ),
    }
  : null;

/**
 * What the debugger tells of the tabs that it is attached to; listening starts a worker that was killed.
 * @param {(tab: number, session: string, method: string, params: unknown) => void} handler
 */
export const onDebuggerEvent = (handler) =>
  chrome.debugger?.onEvent.addListener(({ tabId, sessionId }, method, params) => {
    if (tabId !== undefined) handler(tabId, sessionId ?? '', method, params);
  });

/** The debugger has let go of a tab. @param {(tab: number, reason: string) => void} handler */
export const onDebuggerDetached = (handler) =>
  chrome.debugger?.onDetach.addListener(({ tabId }, reason) => {
    if (tabId !== undefined) handler(tabId, reason);
  });

/** The name of the script that there is while a tab is traced. */
const TRACE = 'trace';

/** As often as alarms may ring, in minutes. */
const WAKE_PERIOD = 0.5;

/**
 * Has the worker started again should it be killed: what it has attached stays attached, what it has begun is to go on.
 * @param {'trace' | 'captures'} why @param {boolean} on
 */
export async function wakeMe(why, on) {
  if (on) await chrome.alarms?.create(why, { periodInMinutes: WAKE_PERIOD });
  else await chrome.alarms?.clear(why);
}

/** The alarm rings. That it is told starts the worker. @param {() => void} handler */
export const onWake = (handler) => chrome.alarms?.onAlarm.addListener(() => handler());

/**
 * Has each page that is loaded from now on say at once who asks for what, until it is told that its tab is not traced.
 * @param {boolean} on
 */
export async function watchPages(on) {
  const there = await chrome.scripting.getRegisteredContentScripts({ ids: [TRACE] });
  if (on === there.length > 0) return;
  if (!on) {
    await chrome.scripting.unregisterContentScripts({ ids: [TRACE] });
    return;
  }
  await chrome.scripting.registerContentScripts([
    {
      id: TRACE,
      js: ['observe/traced.js'],
      matches: ['<all_urls>'],
      runAt: 'document_start',
      allFrames: true,
      matchOriginAsFallback: true,
      persistAcrossSessions: false,
    },
  ]);
}

/** The size of the trace's window, in pixels. */
const TRACE_WINDOW = { width: 620, height: 780 };

/**
 * Shows the trace of a tab beside it: players of a tab that nobody sees may wait. Where there are no windows (phones), in a
 * tab.
 * @param {number} tab
 */
export async function openTrace(tab) {
  const url = address(`ui/trace.html?tab=${tab}#start`);
  if (chrome.windows) await chrome.windows.create({ url, type: 'popup', ...TRACE_WINDOW });
  else await chrome.tabs.create({ url });
}
