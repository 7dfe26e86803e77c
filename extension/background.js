// The chain, and the only file of the extension that knows it:
//
//     observe -> detect -> (popup: a click) -> plan -> native port -> report
//
// It runs as a worker that the browser ends and starts again as it likes: every listener is added here, before any
// await; what must outlive the worker is in the Store; for jobs the host is the authority.

import * as glue from './generated/weir_wasm.js';

import { Engine } from './detect/engine.js';
import { streams } from './detect/group.js';
import { History } from './history.js';
import * as frames from './native/frames.js';
import { Host } from './native/host.js';
import { Notices } from './notices.js';
import { Asked } from './observe/asked.js';
import { mayBePlaylist } from './observe/bodies.js';
import {
  asksWhetherTraced,
  cleanUrl,
  frameOf,
  readCall,
  readEarlier,
  readReport,
  readSharedWorker,
  ReportQueue,
  senderKind,
} from './observe/reports.js';
import { Requests } from './observe/requests.js';
import { AsPage } from './plan/as_page.js';
import { AutoCapture } from './plan/auto_capture.js';
import { Captures } from './plan/captures.js';
import { Downloads } from './plan/download.js';
import { readGiven } from './plan/given.js';
import { OwnRequests } from './plan/own_requests.js';
import { Planner } from './plan/planner.js';
import * as platform from './platform.js';
import { Preferences } from './preferences.js';
import { Previews } from './previews.js';
import { Reading } from './reading.js';
import { Failed, failureOf } from './report/failure.js';
import * as jobs from './report/jobs.js';
import { Views } from './report/views.js';
import { Rules } from './state/rules.js';
import { Store } from './state/store.js';
import { navigated } from './state/tabs.js';
import { readTraced } from './trace/read.js';
import { Traces } from './trace/traces.js';
import { Typed } from './typed.js';
import { menuWords } from './ui/words.js';

/** @import { Answer, Command, Failure, Job, SiteRule, TraceView, View } from './types' */

const HOST_NAME = 'io.github.weir_hls.weir';

const SELF = { id: platform.id, base: platform.address('') };

const store = new Store(
  { read: platform.readSession, write: platform.writeSession, remove: platform.removeSession },
  ({ tab }) => {
    if (tab === null) jobsChanged();
    else tabChanged(tab);
    views.changed(tab);
  },
);
const rules = new Rules({ read: platform.readKept, write: platform.writeKept }, () => {
  for (const tab of store.tabs) tabChanged(tab);
  views.changed(null);
});
const engine = new Engine(/** @type {any} */ (glue), platform.address('generated/weir_wasm_bg.wasm'));
const requests = new Requests();
const asked = new Asked(requests, store);
const asPage = new AsPage(
  new OwnRequests({ change: platform.changeRequestRules, list: platform.requestRules }, platform.host),
);
const reading = new Reading({
  store,
  engine,
  requests,
  asPage,
  heard: (...playlist) => traces.heard(...playlist),
});
const views = new Views('view', viewOf, () => void letGo());
const notices = new Notices(
  {
    badge: (running, title) => void platform.setCommonBadge(running > 0 ? String(running) : '', title),
    notify: (...notice) => void platform.notify(...notice),
  },
  () => views.count(null) > 0,
);
const traceViews = new Views('trace', traceViewOf, (tab) => void leaveTrace(tab));
const traces = new Traces({
  own: platform.address(''),
  debugging: platform.debugging,
  watchPages: platform.watchPages,
  wakeMe: (on) => platform.wakeMe('trace', on),
  reload: platform.reloadTab,
  addressOf: async (tab) => ((await platform.isOpen(tab)) ? (await platform.describeTab(tab)).url : null),
  read: (text, url) => readTraced(engine, text, url),
  load: (tab) => store.trace(tab),
  tabs: () => store.traced,
  save: (tab, trace) => {
    store.changeTrace(tab, trace);
    traceViews.changed(tab);
  },
});
const host = new Host({
  connect: () => platform.connectNative(HOST_NAME),
  portError: (port) => platform.portError(/** @type {chrome.runtime.Port} */ (port)),
  version: platform.version,
  onEvent: (event) => {
    if (event.type === 'progress') store.changeJobs((list) => jobs.progressed(list, event));
    if (event.type === 'finished') store.changeJobs((list) => jobs.finished(list, event));
    if (event.type === 'refresh') void captures.refresh(event.job);
  },
  onState: (state) => {
    views.changed(null);
    if (state.state === 'ready' || state.state === 'failed') void settleJobs();
  },
});
const preferences = new Preferences(host, rules);
const past = new History(host, store, {
  stream: (...chosen) => captures.start(...chosen),
  files: (job) => downloads.again(job),
});
/** Reports that wait, by tab. @type {Map<number, ReportQueue>} */
const reports = new Map();
/** Whether the browser was told to start a worker again that is ended now; null before it was told anything. @type {boolean | null} */
let isAwake = null;
const captures = new Captures({
  store,
  engine,
  asPage,
  planner: new Planner({ store, engine, asked, asPage }),
  port: {
    connect: () => host.connect(),
    start: (job, plan, context, { nameTemplate, folder }) =>
      host.request(frames.start(job, plan, context, { container: 'mp4', concurrency: null, nameTemplate, folder })),
    renew: (job, plan, context) => host.request(frames.refreshed(job, plan, context)),
    refuse: (job, reason) => host.request(frames.refreshFailed(job, reason)),
  },
  readAll: async (tab) => reports.get(tab)?.idle,
  ruleOf: (tab) => preferences.ruleOf(tab),
});
const auto = new AutoCapture({
  store,
  ruleOf: (tab) => preferences.ruleOf(tab),
  history: () => past.all(),
  start: (...chosen) => captures.start(...chosen),
});
const downloads = new Downloads({
  store,
  connect: () => host.connect(),
  send: (job, title, items, context) => host.request(frames.download(job, title, items, context)),
});
const previews = new Previews({ store, captures, asPage });
const typed = new Typed({
  store,
  engine,
  asPage,
  read: (...seen) => reading.read(...seen),
  readMade: (...made) => reading.readMade(...made),
});

// --- listeners --------------------------------------------------------------------------------

platform.onRequestSent((details) => requests.sent(details));
platform.onResponse((details) => {
  const seen = requests.answered(details);
  if (!seen) return;
  traces.seen(seen);
  void reading.observe(seen);
  for (const tab of reading.tabsOf(seen)) asked.note(tab);
});
platform.onBody(mayBePlaylist, (details, body) => void reading.overhear(details, body));
platform.onRequestOver((id) => requests.over(id));
platform.onNavigation((tab, url, time) => void navigate(tab, url, time));
platform.onTabClosed((tab) => void closeTab(tab));
platform.onTitle((tab) => views.changed(tab));
platform.onMessage((message, sender) => {
  const kind = senderKind(sender, SELF);
  if (kind === 'content') return hear(message, sender.tab?.id ?? -1, frameOf(sender));
  return kind === 'page' ? answer(message) : undefined;
});
// What else is to be done then is done by `resume`.
platform.onInstalled((reason) => {
  if (reason === 'install') void platform.openPage('ui/welcome.html');
});
platform.onNotification((job) => void showEnded(job));
platform.onCommand((command) => {
  if (command === 'dashboard') void platform.openPage('ui/dashboard.html');
});
platform.onMenu(menuWords(), (clicked) => void lookAt(clicked));
platform.onPort((port) => {
  if (!port.sender || senderKind(port.sender, SELF) !== 'page') return;
  views.add(port, (tab) => {
    void host.connect().catch(() => {});
    void reading.readAll(tab);
  });
  traceViews.add(port, () => {});
  previews.add(port);
});
platform.onDebuggerEvent((tab, session, method, params) => traces.event(tab, session, method, params));
platform.onDebuggerDetached((tab, reason) => traces.detached(tab, reason));
platform.onWake(() => void traces.woken());
addEventListener('error', (event) => engine.uncaught(event.error) && event.preventDefault());
addEventListener('unhandledrejection', (event) => engine.uncaught(event.reason) && event.preventDefault());

void resume();

// --- observe ----------------------------------------------------------------------------------

/**
 * A content script of a tab has something to say.
 * @param {unknown} message @param {number} tab @param {string | null} frame
 * @returns {Promise<boolean> | undefined} the answer, when it wants one
 */
function hear(message, tab, frame) {
  if (asksWhetherTraced(message)) return Promise.resolve(traces.isWatched(tab));
  const call = readCall(message);
  if (call) traces.called(tab, call, frame);
  for (const url of readEarlier(message)) void reading.recall(tab, url, frame);
  const since = readSharedWorker(message);
  if (since !== null && frame !== null) void reading.share(tab, new URL(frame).origin, since);
  const report = readReport(message, frame);
  if (!report) return undefined;
  const queue = reports.get(tab) ?? new ReportQueue((one) => reading.verify(tab, one));
  reports.set(tab, queue);
  queue.push(report);
  return undefined;
}

// --- jobs -------------------------------------------------------------------------------------

/** A worker has started: captures that the last one had under way, or was planning, go on. */
async function resume() {
  await store.ready;
  jobsChanged();
  await traces.resume();
  // The last worker may have been ended while one came to rest.
  for (const tab of store.tabs) auto.changed(tab);
  if (store.isNew) void platform.enterOpenPages();
  const lost = { code: /** @type {const} */ ('browser-gone'), message: 'the extension was restarted' };
  for (const job of store.jobs) {
    if (job.state === 'preparing') goOn(job, lost);
  }
  if (jobs.busy(store.jobs)) await host.connect().catch(() => {});
}

/** @param {Job} job @param {Failure} lost */
const goOn = (job, lost) => void (job.kind === 'files' ? downloads : captures).goOn(job, lost);

function jobsChanged() {
  notices.see(store.jobs);
  stayAwake();
}

/** A worker that is ended while captures are under way is started again, even when nobody looks and no page asks. */
function stayAwake() {
  const isBusy = jobs.busy(store.jobs);
  if (isBusy === isAwake) return;
  isAwake = isBusy;
  void platform.wakeMe('captures', isBusy);
}

/** The user has clicked what was told of a capture: its file is shown, or else what there is to know. @param {string} job */
async function showEnded(job) {
  await store.ready;
  const output = store.jobs.find((one) => one.job === job)?.output ?? null;
  const shown = output === null ? null : await host.request(frames.reveal(job)).catch(() => null);
  if (shown === null) await platform.openPage('ui/dashboard.html');
}

/** Nobody looks any more: a host that has had nothing to do is let go, one that has jobs to tell of stays. */
async function letGo() {
  await store.ready;
  if (views.count(null) === 0 && store.jobs.length === 0) host.close();
}

/** After a connection was made or lost: what does the host know of the jobs? */
async function settleJobs() {
  await store.ready;
  const { state, failure } = host.state;
  const lost = failure ?? { code: /** @type {const} */ ('host-gone'), message: 'the host was started again' };
  if (state === 'ready') {
    const event = await host.request(frames.jobs()).catch(() => null);
    if (event?.type !== 'jobs') return;
    for (const job of jobs.unknownTo(event.jobs, store.jobs)) goOn(job, lost);
    store.changeJobs((list) => jobs.reconciled(list, event.jobs, lost));
  } else {
    store.changeJobs((list) => jobs.reconciled(list, [], lost));
  }
}

// --- the extension's pages --------------------------------------------------------------------

/** @param {any} files @returns {Parameters<Downloads['start']>} */
const wantedFiles = ({ tab, items, title, page, given }) =>
  page === undefined
    ? [Number(tab), items]
    : [Number(tab), items, { title: String(title), url: String(page) }, readGiven(given).headers];

/** What each command of a page does. @type {Record<string, (command: any) => unknown>} */
const COMMANDS = {
  ...past.commands,
  ...preferences.commands,
  ...typed.commands,
  capture: ({ tab, stream, quality }) => captures.start(Number(tab), String(stream), String(quality)),
  download: (files) => downloads.start(...wantedFiles(files)),
  'files-command': (files) => downloads.command(...wantedFiles(files)),
  command: ({ tab, stream, quality, tool }) =>
    captures.command(Number(tab), String(stream), String(quality), tool),
  cancel: ({ job }) => host.request(frames.cancel(String(job))),
  finish: ({ job }) => host.request(frames.finish(String(job))),
  reveal: ({ job }) => host.request(frames.reveal(String(job))),
  clear: () => store.changeJobs(jobs.cleared),
  trace: ({ tab }) => traces.start(Number(tab)),
  // That it comes keeps the worker.
  'trace-goes-on': () => null,
  'stop-trace': ({ tab }) => traces.stop(Number(tab)),
  connect: async () => {
    await host.connect();
    return host.state;
  },
};

/** A link, a video or a sound was clicked in its menu. @param {platform.Clicked} clicked */
async function lookAt({ link, media, page, tab }) {
  const url = cleanUrl(media ?? link ?? '');
  // What a player has put together itself has no address: it is among the streams of its tab.
  if (url === null) await platform.openPage(`ui/popup.html?tab=${tab}`);
  else await platform.openPage(`ui/dashboard.html#clicked=${await typed.click(url, cleanUrl(page ?? ''))}`);
}

/** @param {unknown} message @returns {Promise<Answer>} */
async function answer(message) {
  try {
    const { type } = /** @type {Command} */ (message);
    if (!Object.hasOwn(COMMANDS, type)) throw new Failed('unknown-command', `unknown command ${type}`);
    await store.ready;
    return { ok: true, value: await COMMANDS[type]?.(message) };
  } catch (error) {
    return { ok: false, failure: failureOf(error) };
  }
}

/** @param {number} tab @returns {Promise<View>} */
async function viewOf(tab) {
  await store.ready;
  const [{ title }, rule] = await Promise.all([platform.describeTab(tab), preferences.ruleOf(tab)]);
  return { tab, title, streams: streamsOf(tab, rule), rule, jobs: store.jobs, host: host.state };
}

/** What is listed of a tab. @param {number} tab @param {SiteRule | null} rule */
const streamsOf = (tab, rule) => (rule?.capture === 'never' ? [] : streams(store.tab(tab).playlists));

/** @param {number} tab @returns {Promise<TraceView>} */
async function traceViewOf(tab) {
  await store.ready;
  const { title } = await platform.describeTab(tab);
  return { tab, title, trace: store.trace(tab) };
}

/** A page that showed a trace has closed: nobody waits for it any more. @param {number} tab */
async function leaveTrace(tab) {
  await store.ready;
  if (traceViews.count(tab) > 0) return;
  await traces.stop(tab);
  store.changeTrace(tab, null);
}

/** More is known of a tab, or other rules are in force. @param {number} tab */
function tabChanged(tab) {
  void showBadge(tab);
  auto.changed(tab);
}

/** @param {number} tab */
async function showBadge(tab) {
  const count = streamsOf(tab, await preferences.ruleOf(tab)).length;
  await platform.setBadge(tab, count > 0 ? String(count) : '');
}

/** @param {number} tab @param {string} url @param {number} time */
async function navigate(tab, url, time) {
  await store.ready;
  traces.navigated(tab, url);
  store.keepAsked(tab, []);
  store.changeTab(tab, (state) => navigated(state, url, time));
}

/** @param {number} tab */
async function closeTab(tab) {
  await store.ready;
  reports.delete(tab);
  requests.forget(tab);
  await traces.stop(tab, 'tab-gone');
  store.removeTab(tab);
}
