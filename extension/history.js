// What pages may ask about captures beyond starting one: pausing, going on, and what the host's journal keeps of them.

import { streams } from './detect/group.js';
import * as frames from './native/frames.js';
import { Failed } from './report/failure.js';
import { withoutQuery } from './report/history.js';
import * as jobs from './report/jobs.js';

/** @import { Job, Quality, Stream } from './types' */
/** @import { Capture } from './generated/protocol' */
/** @import { Host } from './native/host.js' */
/** @import { Store } from './state/store.js' */

/** The commands of `types.d.ts` that are carried out here. */
export class History {
  #host;
  #store;
  #start;

  /**
   * @param {Pick<Host, 'request'>} host
   * @param {Pick<Store, 'jobs' | 'changeJobs' | 'tabs' | 'tab'>} store
   * @param {object} start starts a capture
   * @param {(tab: number, stream: string, quality: string) => Promise<unknown>} start.stream
   * @param {(job: string) => boolean} start.files that of an earlier batch; false where they are not known any more
   */
  constructor(host, store, start) {
    this.#host = host;
    this.#store = store;
    this.#start = start;
  }

  /** By the names of the commands. @returns {Record<string, (command: any) => unknown>} */
  get commands() {
    return {
      next: ({ job }) => this.#host.request(frames.next(String(job))),
      pause: ({ job }) => this.#host.request(frames.pause(String(job))),
      history: () => this.all(),
      again: ({ job, capture }) => this.#again(job, capture),
      repair: async ({ capture }) => {
        const found = await this.#find(Number(capture));
        await this.#byHost(found, frames.repair);
      },
      forget: ({ job, capture }) => this.#forget(job, capture),
      'reveal-capture': ({ capture }) => this.#host.request(frames.revealCapture(Number(capture))),
      'open-capture': ({ capture }) => this.#host.request(frames.openCapture(Number(capture))),
    };
  }

  /** What the host's journal has. @returns {Promise<Capture[]>} */
  async all() {
    const event = await this.#host.request(frames.history());
    return event.type === 'history' ? event.captures : [];
  }

  /** @param {number} number */
  async #find(number) {
    const found = (await this.all()).find(({ capture }) => capture === number);
    if (!found) throw new Failed('unknown-job', `the journal has no capture ${number}`);
    return found;
  }

  /**
   * Goes on with a capture that has stopped, or makes it once more: the host by itself where it can, else from a page that
   * plays the stream. Whether that is the same capture is the host's to say.
   * @param {string | null} id @param {number | null} number
   */
  async #again(id, number) {
    const found = number === null ? null : await this.#find(number);
    if (found?.can.includes('resume')) return this.#byHost(found, frames.resume);
    const known = this.#store.jobs.find(({ job }) => job === (id ?? found?.job) || job === found?.job);
    if ((known?.kind ?? found?.kind) === 'files') {
      if (known && this.#start.files(known.job)) return null;
      throw new Failed('files-needed', 'which files they are is not known any more');
    }
    const source = known?.source ?? found?.source;
    const place = source === undefined ? null : this.#place(known, source);
    if (!place) throw new Failed('page-needed', 'no open page plays this stream');
    const { tab, stream } = place;
    const playlist = withoutQuery(found?.playlist ?? '');
    // What was chosen is known here, or after the browser was closed to the host.
    const isSame = (/** @type {Quality} */ { value, url }) =>
      known?.quality ? value === known.quality.value : withoutQuery(url) === playlist;
    const quality = stream.qualities.find(isSame)?.value ?? 'best';
    await this.#start.stream(tab, stream.id, quality);
    if (known) this.#store.changeJobs((list) => jobs.without(list, ({ job }) => job === known.job));
    return null;
  }

  /**
   * The tab and the stream of a capture: those that it was started from, else any that have its address.
   * @param {Job | undefined} known @param {string} source
   * @returns {{tab: number, stream: Stream} | undefined}
   */
  #place(known, source) {
    const all = this.#store.tabs.flatMap((tab) =>
      streams(this.#store.tab(tab).playlists).map((stream) => ({ tab, stream })),
    );
    return (
      all.find(({ tab, stream }) => tab === known?.tab && stream.id === known.stream) ??
      all.find(({ stream }) => withoutQuery(stream.url) === withoutQuery(source))
    );
  }

  /** @param {Capture} found @param {typeof frames.resume} request */
  async #byHost({ capture, title }, request) {
    const job = crypto.randomUUID();
    const start = { job, capture, title: title ?? '', startedAt: Date.now() };
    // Before it is asked: the events of the job may come with the answer.
    this.#store.changeJobs((list) => jobs.resumed(list, start));
    try {
      await this.#host.request(request(job, capture));
    } catch (error) {
      this.#store.changeJobs((list) => list.filter((one) => one.job !== job));
      throw error;
    }
    return null;
  }

  /** @param {string | null} id @param {number | null} number */
  async #forget(id, number) {
    const found = number === null ? null : await this.#find(Number(number));
    if (found) await this.#host.request(frames.forget(found.capture));
    /** @param {Job} one */
    const isOf = ({ job, capture }) =>
      job === (found?.job ?? id) || (found !== null && capture === found.capture);
    this.#store.changeJobs((list) => jobs.without(list, isOf));
    return null;
  }
}
