// Captures, from the click to the host: each is planned and handed over, planned anew when its links have expired, and
// handed over again when the worker that had done so was ended.

import { streams } from '../detect/group.js';
import * as platform from '../platform.js';
import { Failed, failureOf } from '../report/failure.js';
import * as jobs from '../report/jobs.js';
import { nameOf } from './address_name.js';
import { cookiesOf, headersOf } from './as_page.js';
import { addressesOf } from './capture.js';
import { commandFor, TOOLS } from './commands.js';
import { cookieHeader } from './cookies.js';
import { sameQuality, search, sources } from './refresh.js';

/** @import { Failure, Job, Manner, Playlist, Quality, SiteRule, Stream, Tool } from '../types' */
/** @import { CapturePlan, RefreshFailure, RequestContext } from '../generated/protocol' */
/** @import { Engine } from '../detect/engine.js' */
/** @import { Store } from '../state/store.js' */
/** @import { AsPage } from './as_page.js' */
/** @import { Planner } from './planner.js' */

/**
 * Where plans go; each settles when the host has taken it.
 * @typedef {object} Port
 * @property {() => Promise<unknown>} connect
 * @property {(job: string, plan: CapturePlan, context: RequestContext, manner: Manner) => Promise<unknown>} start
 * @property {(job: string, plan: CapturePlan, context: RequestContext) => Promise<unknown>} renew with other links
 * @property {(job: string, reason: RefreshFailure) => Promise<unknown>} refuse there are no other links
 */

/** What is planned and never begins has no number: nothing is told of it. */
const NO_JOB = '';

export class Captures {
  #store;
  #engine;
  #port;
  #planner;
  #asPage;
  #readAll;
  #ruleOf;

  /**
   * @param {object} parts
   * @param {Store} parts.store
   * @param {Engine} parts.engine
   * @param {Port} parts.port
   * @param {Planner} parts.planner
   * @param {AsPage} parts.asPage
   * @param {(tab: number) => Promise<unknown>} parts.readAll settles when all that a tab's page has said so far was read
   * @param {(tab: number) => Promise<SiteRule | null>} parts.ruleOf the user's rule for what a tab shows
   */
  constructor({ store, engine, port, planner, asPage, readAll, ruleOf }) {
    this.#store = store;
    this.#engine = engine;
    this.#port = port;
    this.#planner = planner;
    this.#asPage = asPage;
    this.#readAll = readAll;
    this.#ruleOf = ruleOf;
  }

  /**
   * The user has clicked Capture.
   * @param {number} tab @param {string} id of a stream @param {string} quality
   * @returns {Promise<string>} the capture; what becomes of it is told in its state
   */
  async start(tab, id, quality) {
    await this.#store.ready;
    const stream = this.#streamOf(tab, id);
    const [page, rule] = await Promise.all([platform.describeTab(tab), this.#ruleOf(tab)]);
    const title = page.title || nameOf(stream.url);
    const job = crypto.randomUUID();
    const now = Date.now();
    const chosen = qualityOf(stream, quality);
    const manner = mannerOf(rule);
    const start = { job, tab, stream: id, source: stream.url, quality: chosen, title, manner };
    this.#store.changeJobs((list) => jobs.prepared(list, { ...start, startedAt: now, plannedAt: now }));
    void this.#carryOut({ job, tab, title, manner }, stream, chosen).catch((error) =>
      this.#fail(job, failureOf(error)),
    );
    return job;
  }

  /**
   * The host does not know a capture that was under way: the worker that had handed it over was ended, and that host with
   * it. It is planned and handed over once more, and goes on where it was.
   * @param {Job} job @param {Failure} lost what is told where the tab has no such stream any more
   */
  async goOn({ job, tab, stream: id, quality, title, manner }, lost) {
    try {
      if (tab === null || id === null) throw new Failed('stream-gone', 'it was not started here');
      const stream = this.#streamOf(tab, id);
      const same = quality === null ? null : qualityOf(stream, quality.value);
      this.#store.changeJobs((list) => jobs.preparedAgain(list, job, Date.now()));
      await this.#carryOut({ job, tab, title, manner }, stream, same);
    } catch (error) {
      const failure = failureOf(error);
      this.#fail(job, failure.code === 'stream-gone' ? lost : failure);
    }
  }

  /**
   * A stream as a command line for a program.
   * @param {number} tab @param {string} id of a stream @param {string} quality @param {Tool} tool
   */
  async command(tab, id, quality, tool) {
    const stream = this.#streamOf(tab, id);
    const chosen = qualityOf(stream, quality);
    const { url } = stream;
    const source = this.#store.tab(tab).playlists.find((one) => one.url === url);
    if (!source || !TOOLS.includes(tool)) throw new Failed('stream-gone', 'the tab has moved on');
    const [{ title }, cookies] = await Promise.all([
      platform.describeTab(tab),
      cookiesOf(tab, new Set(addressesOf(source).map((address) => new URL(address).hostname))),
    ]);
    const height = chosen === null || chosen.value === 'best' ? null : chosen.height;
    const [headers, cookie] = [headersOf(source), cookieHeader([url], cookies)];
    return commandFor(tool, { url, headers, cookies, cookie, height, title, ...(source.given && { given: source.given }) });
  }

  /**
   * What a capture would fetch, for a page that plays its beginning: no capture begins.
   * @param {number} tab @param {string} id of a stream @param {string} quality
   */
  async plan(tab, id, quality) {
    const stream = this.#streamOf(tab, id);
    const { title } = await platform.describeTab(tab);
    const start = { job: NO_JOB, tab, title: title || nameOf(stream.url), manner: mannerOf(await this.#ruleOf(tab)) };
    return { ...(await this.#planned(start, stream, qualityOf(stream, quality))), title: start.title };
  }

  /** The host asks for other links for a capture. @param {string} id */
  async refresh(id) {
    await this.#store.ready;
    this.#store.changeJobs((list) => jobs.refreshing(list, id));
    const failure = await search(
      () => this.#sourcesOf(id),
      (capture, source) => this.#offer(capture, source),
    );
    if (failure === null) return;
    this.#store.changeJobs((list) => jobs.notRefreshed(list, id, failure));
    // It may have ended meanwhile.
    await this.#port.refuse(id, failure).catch(() => {});
  }

  /**
   * @param {{job: string, tab: number, title: string, manner: Manner}} start @param {Stream} stream
   * @param {Quality | null} chosen
   */
  async #carryOut({ job, tab, title, manner }, stream, chosen) {
    await this.#port.connect();
    const { plan, context } = await this.#planned({ job, tab, title, manner }, stream, chosen);
    await this.#port.start(job, plan, context, manner);
    this.#store.changeJobs((list) => jobs.taken(list, job));
  }

  /**
   * @param {{job: string, tab: number, title: string, manner: Manner}} start @param {Stream} stream
   * @param {Quality | null} chosen
   */
  async #planned({ job, tab, title, manner }, stream, chosen) {
    // What the page has read and this has not yet need not be asked for again.
    await this.#readAll(tab);
    const source = this.#store.tab(tab).playlists.find((one) => one.url === stream.url);
    if (!source) throw new Failed('stream-gone', 'the tab has moved on');
    const quality = chosen === null || chosen.value === 'best' ? 'best' : chosen.url;
    const textOf = (/** @type {string} */ url) => this.#store.text(tab, url);
    return this.#planner.plan({ job, tab, source, quality, title, manner, textOf });
  }

  /** @param {number} tab @param {string} id */
  #streamOf(tab, id) {
    const stream = streams(this.#store.tab(tab).playlists).find((one) => one.id === id);
    if (!stream) throw new Failed('stream-gone', 'the tab has no such stream any more');
    if (stream.drm) throw new Failed('drm', `protected by DRM (${stream.drm}): Weir does not remove DRM`);
    return stream;
  }

  /** @param {string} job @param {Failure} failure */
  #fail(job, failure) {
    this.#store.changeJobs((list) => jobs.failed(list, job, failure));
  }

  /**
   * What a capture may be planned anew from now: null when nobody waits for it any more.
   * @param {string} id @returns {Promise<{job: Job, tab: number, playlists: Playlist[]} | RefreshFailure | null>}
   */
  async #sourcesOf(id) {
    const job = this.#store.jobs.find((one) => one.job === id);
    if (!job || job.state === 'finished') return null;
    const { tab, source } = job;
    const isOpen = tab !== null && source !== null && (await platform.describeTab(tab)).url !== '';
    return isOpen ? { job, tab, playlists: sources(this.#store.tab(tab).playlists, source) } : 'tab-gone';
  }

  /**
   * Plans a capture anew from a playlist, and offers that to the host. What the page has read since the last plan is not
   * asked for again. Null when the host takes it.
   * @param {{job: Job, tab: number}} capture @param {Playlist} source @returns {Promise<RefreshFailure | null>}
   */
  async #offer({ job, tab }, source) {
    const plannedAt = Date.now();
    const { playlists } = this.#store.tab(tab);
    /** @param {string} url */
    const fresh = (url) => {
      const known = playlists.find((one) => one.url === url);
      return known && known.readAt > job.plannedAt ? this.#store.text(tab, url) : undefined;
    };
    try {
      const text = fresh(source.url);
      if (text === undefined && source.made) return 'unreadable';
      const asked = () => this.#engine.fetchPlaylist(source.url);
      const had =
        text === undefined
          ? await this.#asPage.run(tab, [source.url], headersOf(source), asked)
          : { url: source.url, text };
      const summary = await this.#engine.inspect(had.text, had.url);
      if (summary.kind === 'list') return 'unreadable';
      const quality = sameQuality(job.quality, summary);
      if (quality === null) return 'other-stream';
      const { plan, context } = await this.#planner.plan({
        job: job.job,
        tab,
        source: { ...source, url: had.url, summary },
        quality,
        title: job.title,
        manner: job.manner,
        textOf: (url) => (url === had.url ? had.text : fresh(url)),
      });
      await this.#port.renew(job.job, plan, context);
      this.#store.changeJobs((list) => jobs.refreshed(list, job.job, plannedAt));
      return null;
    } catch (error) {
      return failureOf(error).code === 'cannot-resume' ? 'other-stream' : 'unreadable';
    }
  }
}

/** @param {SiteRule | null} rule @returns {Manner} */
const mannerOf = (rule) => ({
  audio: rule?.audio ?? null,
  subtitles: rule?.subtitles ?? null,
  nameTemplate: rule?.nameTemplate ?? null,
  folder: rule?.folder ?? null,
});

/** What was chosen; null for a stream with nothing to choose. @param {Stream} stream @param {string} value */
function qualityOf({ qualities }, value) {
  const chosen = qualities.find((one) => one.value === value) ?? null;
  if (chosen === null && value !== 'best')
    throw new Failed('stream-gone', 'the stream has no such quality any more');
  return chosen;
}
