// The chain, and the only file of the extension that knows it:
//
//     observe -> detect -> (popup: a click) -> plan -> native port -> report
//
// It runs as a worker that the browser ends and starts again as it likes: every listener is added here, before any
// await; what must outlive the worker is in the Store; for jobs the host is the authority.

import * as glue from './generated/weir_wasm.js';

import { Engine } from './detect/engine.js';
import { bounded, signature, streams } from './detect/group.js';
import * as frames from './native/frames.js';
import { Host } from './native/host.js';
import { readReport, ReportQueue, senderKind } from './observe/reports.js';
import { Requests } from './observe/requests.js';
import { captureRequest } from './plan/capture.js';
import { cookiesFor, hostsOf } from './plan/cookies.js';
import { fetchHeaders, repeatedHeaders } from './plan/headers.js';
import { OwnRequests } from './plan/own_requests.js';
import * as platform from './platform.js';
import { Failed, failureOf } from './report/failure.js';
import * as jobs from './report/jobs.js';
import { Views } from './report/views.js';
import { Store } from './state/store.js';
import { navigated, withPlaylist } from './state/tabs.js';

/** @import { Answer, Command, Playlist, Report, SeenRequest, Stream, View } from './types' */

const HOST_NAME = 'io.github.weir_hls.weir';

/** How long the page's own reading of a playlist is waited for before it is fetched once more, in milliseconds. */
const HOOK_GRACE = 700;

const SELF = { id: platform.id, base: platform.address('') };

const store = new Store(
  { read: platform.readSession, write: platform.writeSession, remove: platform.removeSession },
  ({ tab }) => {
    if (tab !== null) void showBadge(tab);
    views.changed(tab);
  },
);
const engine = new Engine(/** @type {any} */ (glue), platform.address('generated/weir_wasm_bg.wasm'));
const requests = new Requests();
const ownRequests = new OwnRequests(
  { change: platform.changeRequestRules, list: platform.requestRules },
  platform.host,
);
const views = new Views(viewOf, () => void letGo());
const host = new Host({
  connect: () => platform.connectNative(HOST_NAME),
  portError: (port) => platform.portError(/** @type {chrome.runtime.Port} */ (port)),
  version: platform.version,
  onEvent: (event) => {
    if (event.type === 'progress') store.changeJobs((list) => jobs.progressed(list, event));
    if (event.type === 'finished') store.changeJobs((list) => jobs.finished(list, event));
  },
  onState: (state) => {
    views.changed(null);
    if (state.state === 'ready' || state.state === 'failed') void settleJobs();
  },
});
/** Reports that wait, by tab. @type {Map<number, ReportQueue>} */
const reports = new Map();

// --- listeners --------------------------------------------------------------------------------

platform.onRequestSent((details) => requests.sent(details));
platform.onResponse((details) => {
  const seen = requests.answered(details);
  if (seen) void observe(seen);
});
platform.onRequestOver((id) => requests.over(id));
platform.onNavigation((tab, url, time) => void navigate(tab, url, time));
platform.onTabClosed((tab) => void closeTab(tab));
platform.onTitle((tab) => views.changed(tab));
platform.onMessage((message, sender) => {
  const kind = senderKind(sender, SELF);
  if (kind === 'content') hear(message, sender.tab?.id ?? -1);
  return kind === 'page' ? answer(message) : undefined;
});
platform.onPort((port) => {
  if (port.sender && senderKind(port.sender, SELF) === 'page') views.add(port, (tab) => void look(tab));
});
addEventListener('error', (event) => engine.uncaught(event.error) && event.preventDefault());
addEventListener('unhandledrejection', (event) => engine.uncaught(event.reason) && event.preventDefault());

void resume();

// --- observe ----------------------------------------------------------------------------------

/** A request of a page was answered. @param {SeenRequest} seen */
async function observe(seen) {
  const { url, status, contentType } = seen;
  const candidate = await engine.observe({ url, status, ...(contentType === null ? {} : { contentType }) });
  if (!candidate) return;
  await store.ready;
  store.changeTab(seen.tab, (tab) => withPlaylist(tab, sighting(seen)));
  // What the page read by script comes with the hook's report, and nothing is asked twice. A request with a body
  // cannot be made again.
  if (seen.method !== 'GET') return;
  await new Promise((resolve) => setTimeout(resolve, HOOK_GRACE));
  const playlist = store.tab(seen.tab).playlists.find((one) => one.url === url);
  if (playlist && !playlist.summary) await fetchAndRead(seen.tab, playlist);
}

/** The page hook of a tab has something to say. @param {unknown} message @param {number} tab */
function hear(message, tab) {
  const report = readReport(message);
  if (!report) return;
  const queue = reports.get(tab) ?? new ReportQueue((one) => verify(tab, one));
  reports.set(tab, queue);
  queue.push(report);
}

/**
 * A report is a hint. Its text counts when webRequest saw this tab get an answer from that address; else the extension
 * asks for itself.
 * @param {number} tab @param {Report} report
 */
async function verify(tab, report) {
  await store.ready;
  const seen = requests.find(tab, report.url);
  const known = store.tab(tab).playlists.find((one) => one.url === report.url);
  if (seen) {
    store.changeTab(tab, (state) => withPlaylist(state, sighting(seen)));
    await read(tab, report.url, report.text);
  } else if (!known?.summary) {
    const playlist = known ?? blankPlaylist(report.url, null);
    await fetchAndRead(tab, playlist);
  }
}

/** @param {SeenRequest} seen */
const sighting = (seen) => ({ url: seen.url, headers: seen.headers, frame: seen.frame, seenAt: seen.time });

/** @param {string} url @param {Playlist | null} parent @returns {Playlist} */
const blankPlaylist = (url, parent) => ({
  url,
  summary: null,
  signature: '',
  headers: parent?.headers ?? [],
  frame: parent?.frame ?? null,
  seenAt: Date.now(),
  failure: null,
});

// --- detect -----------------------------------------------------------------------------------

/** Reads a playlist's text into the tab's state. @param {number} tab @param {string} url @param {string} text */
async function read(tab, url, text) {
  const summary = await engine.inspect(text, url);
  if (summary.kind === 'list') return;
  const news = {
    url,
    summary: bounded(summary),
    signature: signature(text),
    failure: null,
    seenAt: Date.now(),
  };
  store.changeTab(tab, (state) => withPlaylist(state, news));
  store.keepText(tab, url, text);
}

/** Asks for a playlist as the page did, and reads it. @param {number} tab @param {Playlist} playlist */
async function fetchAndRead(tab, playlist) {
  const headers = fetchHeaders(headersOf(playlist));
  try {
    const { url, text } = await ownRequests.as([new URL(playlist.url).hostname], headers, () =>
      engine.fetchPlaylist(playlist.url),
    );
    if (url !== playlist.url) {
      store.changeTab(tab, (state) => withPlaylist(state, { ...playlist, url }));
    }
    await read(tab, url, text);
  } catch (error) {
    const news = { url: playlist.url, seenAt: playlist.seenAt, failure: failureOf(error) };
    const known = store.tab(tab).playlists.some((one) => one.url === playlist.url);
    if (known) store.changeTab(tab, (state) => withPlaylist(state, news));
  }
}

/** Somebody looks at a tab: what is still unknown of its streams is found out. @param {number} tab */
async function look(tab) {
  void host.connect().catch(() => {});
  await store.ready;
  const { playlists } = store.tab(tab);
  const unread = streams(playlists).flatMap((stream) => {
    const parent = playlists.find((one) => one.url === stream.url) ?? null;
    return stream.unread ? [blankPlaylist(stream.unread, parent)] : [];
  });
  const failed = playlists.filter((one) => !one.summary);
  await Promise.all([...unread, ...failed].map((playlist) => fetchAndRead(tab, playlist)));
}

// --- plan and capture -------------------------------------------------------------------------

/** @param {Playlist} playlist */
const headersOf = (playlist) =>
  repeatedHeaders(playlist.headers, { userAgent: navigator.userAgent, page: playlist.frame });

/** The user has clicked Capture. @param {number} tab @param {string} url @param {string} quality */
async function capture(tab, url, quality) {
  await store.ready;
  const stream = streamOf(tab, url);
  const page = await platform.describeTab(tab);
  const job = crypto.randomUUID();
  const start = { job, tab, stream: url, title: page.title, startedAt: Date.now() };
  store.changeJobs((list) => jobs.prepared(list, start));
  // The answer is "accepted"; what becomes of it is in the job.
  void carryOut(job, tab, stream, quality, page).catch((error) => {
    store.changeJobs((list) => jobs.failed(list, job, failureOf(error)));
  });
  return job;
}

/**
 * @param {string} job @param {number} tab @param {Stream} stream @param {string} quality
 * @param {{title: string, url: string}} page
 */
async function carryOut(job, tab, stream, quality, page) {
  const { playlists } = store.tab(tab);
  const source = playlists.find((one) => one.url === stream.url);
  if (!source) throw new Failed('stream-gone', 'the tab has moved on');
  await host.connect();
  const headers = headersOf(source);
  const request = captureRequest(source, playlists, quality, page.title, (one) => store.text(tab, one));
  const plan = await ownRequests.as(request.hosts, fetchHeaders(headers), () => engine.plan(request.plan));
  const jar = await platform.cookieStore(tab);
  const cookies = await cookiesFor(hostsOf(plan), page.url, (domain) => platform.cookies(domain, jar));
  const context = { headers, cookies, page: URL.canParse(page.url) ? page.url : null };
  await host.request(frames.start(job, plan, context, { container: 'mp4', concurrency: null }));
}

/** @param {number} tab @param {string} url */
function streamOf(tab, url) {
  const stream = streams(store.tab(tab).playlists).find((one) => one.url === url);
  if (!stream) throw new Failed('stream-gone', 'the tab has no such stream any more');
  if (stream.drm) throw new Failed('drm', `protected by DRM (${stream.drm}): Weir does not remove DRM`);
  return stream;
}

// --- jobs -------------------------------------------------------------------------------------

/** A worker has started: jobs that were under way are asked after, plans that were half made are lost. */
async function resume() {
  await store.ready;
  const lost = { code: /** @type {const} */ ('browser-gone'), message: 'the extension was restarted' };
  for (const { job, state } of store.jobs) {
    if (state === 'preparing') store.changeJobs((list) => jobs.failed(list, job, lost));
  }
  if (jobs.busy(store.jobs)) await host.connect().catch(() => {});
}

/** Nobody looks any more: a host that has had nothing to do is let go, one that has jobs to tell of stays. */
async function letGo() {
  await store.ready;
  if (store.jobs.length === 0) host.close();
}

/** After a connection was made or lost: what does the host know of the jobs? */
async function settleJobs() {
  await store.ready;
  const { state, failure } = host.state;
  const lost = failure ?? { code: /** @type {const} */ ('host-gone'), message: 'the host was started again' };
  if (state === 'ready') {
    const event = await host.request(frames.jobs()).catch(() => null);
    if (event?.type === 'jobs') store.changeJobs((list) => jobs.reconciled(list, event.jobs, lost));
  } else {
    store.changeJobs((list) => jobs.reconciled(list, [], lost));
  }
}

// --- the extension's pages --------------------------------------------------------------------

/** What each command of a page does. @type {{[K in Command['type']]: (command: any) => unknown}} */
const COMMANDS = {
  capture: ({ tab, stream, quality }) => capture(Number(tab), String(stream), String(quality)),
  cancel: ({ job }) => host.request(frames.cancel(String(job))),
  reveal: ({ job }) => host.request(frames.reveal(String(job))),
  clear: () => store.changeJobs(jobs.cleared),
  connect: async () => {
    await host.connect();
    return host.state;
  },
  settings: async ({ change }) => {
    const event = await host.request(frames.settings(change ?? null));
    return event.type === 'settings' ? event.settings : null;
  },
};

/** @param {unknown} message @returns {Promise<Answer>} */
async function answer(message) {
  try {
    const { type } = /** @type {Command} */ (message);
    if (!Object.hasOwn(COMMANDS, type)) throw new Failed('unknown-command', `unknown command ${type}`);
    await store.ready;
    return { ok: true, value: await COMMANDS[type](message) };
  } catch (error) {
    return { ok: false, failure: failureOf(error) };
  }
}

/** @param {number} tab @returns {Promise<View>} */
async function viewOf(tab) {
  await store.ready;
  const { title } = await platform.describeTab(tab);
  return { tab, title, streams: streams(store.tab(tab).playlists), jobs: store.jobs, host: host.state };
}

/** @param {number} tab */
async function showBadge(tab) {
  const count = streams(store.tab(tab).playlists).length;
  await platform.setBadge(tab, count > 0 ? String(count) : '');
}

/** @param {number} tab @param {string} url @param {number} time */
async function navigate(tab, url, time) {
  await store.ready;
  store.changeTab(tab, (state) => navigated(state, url, time));
}

/** @param {number} tab */
async function closeTab(tab) {
  await store.ready;
  reports.delete(tab);
  requests.forget(tab);
  store.removeTab(tab);
}
