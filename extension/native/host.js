// The connection to the native host: one port, hello first, then requests whose answers are told by their ids. It opens
// when something is asked and reopens when it was lost; the host is the authority for jobs.

import { Failed } from '../report/failure.js';
import { hello, MAX_FRAME_BYTES, readEvent } from './frames.js';

/** @import { FailureCode, HostState } from '../types' */
/** @import { Event } from '../generated/protocol' */
/** @import { Unnumbered } from './frames.js' */

/** How long an answer may take, in milliseconds. The open port keeps the worker, and this timer, alive. */
const ANSWER_DEADLINE = 15_000;

/** What the browser says of a port that could not be opened, or that broke. @type {[RegExp, FailureCode][]} */
const REASONS = [
  [/not found|no such native application/i, 'host-missing'],
  [/forbidden|not allowed|access|does not have permission/i, 'host-forbidden'],
];

/**
 * @typedef {object} Waiting
 * @property {(event: Event) => void} resolve
 * @property {(failed: Failed) => void} reject
 * @property {ReturnType<typeof setTimeout>} timer
 */

/**
 * The part of `runtime.Port` that is used.
 * @typedef {object} NativePort
 * @property {(message: unknown) => void} postMessage
 * @property {() => void} disconnect
 * @property {{addListener: (listener: (message: unknown) => void) => void}} onMessage
 * @property {{addListener: (listener: () => void) => void}} onDisconnect
 */

export class Host {
  #options;
  /** @type {NativePort | null} */ #port = null;
  /** @type {Promise<void> | null} */ #greeted = null;
  #lastId = 0;
  /** @type {Map<number, Waiting>} */ #waiting = new Map();
  /** @type {HostState} */ #state = {
    state: 'closed',
    version: null,
    platform: null,
    protocol: null,
    failure: null,
  };

  /**
   * @param {object} options
   * @param {() => NativePort} options.connect opens the port
   * @param {(port: NativePort) => string} options.portError why a port that has just closed did so
   * @param {string} options.version this extension's version
   * @param {(event: Event) => void} options.onEvent told what happens to jobs
   * @param {(state: HostState) => void} options.onState told when the connection changes
   */
  constructor(options) {
    this.#options = options;
  }

  get state() {
    return this.#state;
  }

  /** Settles when the host has answered the hello. */
  connect() {
    this.#greeted ??= this.#open();
    return this.#greeted;
  }

  /** @param {Unnumbered} request @returns {Promise<Event>} */
  async request(request) {
    await this.connect();
    return this.#ask(request);
  }

  /** Lets the host go. */
  close() {
    const port = this.#port;
    this.#lost(new Failed('host-gone', 'the port was closed'));
    port?.disconnect();
    this.#become({ state: 'closed', failure: null });
  }

  async #open() {
    this.#become({ state: 'connecting', failure: null });
    const port = this.#options.connect();
    this.#port = port;
    port.onMessage.addListener((message) => this.#port === port && this.#heard(message));
    port.onDisconnect.addListener(() => this.#port === port && this.#disconnected(port));
    try {
      const answer = await this.#ask(hello(this.#options.version));
      if (answer.type !== 'hello')
        throw new Failed('bad-frame', `the host answered hello with ${answer.type}`);
      const { hostVersion, platform, protocol } = answer;
      this.#become({ state: 'ready', version: hostVersion, platform, protocol, failure: null });
    } catch (error) {
      const failed = error instanceof Failed ? error : new Failed('internal', String(error));
      // Unless it was lost already, and maybe another opened.
      if (this.#port === port) {
        this.#lost(failed);
        port.disconnect();
        this.#become({ state: 'failed', failure: failed.plain() });
      }
      throw failed;
    }
  }

  /** @param {Unnumbered} request @returns {Promise<Event>} */
  #ask(request) {
    return new Promise((resolve, reject) => {
      const id = ++this.#lastId;
      const frame = request(id);
      // Only a plan or a list of files can be that long.
      const isLong = frame.type === 'start' || frame.type === 'refreshed' || frame.type === 'download';
      if (isLong && new Blob([JSON.stringify(frame)]).size > MAX_FRAME_BYTES) {
        reject(new Failed('frame-too-long', 'it is longer than the 64 MiB that the browser passes on'));
        return;
      }
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        reject(new Failed('host-silent', `no answer to ${frame.type} after ${ANSWER_DEADLINE / 1000} s`));
      }, ANSWER_DEADLINE);
      this.#waiting.set(id, { resolve, reject, timer });
      if (this.#port) this.#port.postMessage(frame);
      else this.#take(id)?.reject(new Failed('host-gone', 'the port is closed'));
    });
  }

  /** @param {unknown} message */
  #heard(message) {
    const event = readEvent(message);
    if (!event) {
      console.warn('weir: the host sent a frame that this version does not know');
    } else if (event.type === 'progress' || event.type === 'finished' || event.type === 'refresh') {
      this.#options.onEvent(event);
    } else if (event.type === 'error') {
      const failed = new Failed(event.error.code, event.error.message);
      if (event.re === null) console.warn('weir: the host could not read a frame:', failed.message);
      else this.#take(event.re)?.reject(failed);
    } else {
      this.#take(event.re)?.resolve(event);
    }
  }

  /** @param {NativePort} port */
  #disconnected(port) {
    const reason = this.#options.portError(port);
    const code = REASONS.find(([pattern]) => pattern.test(reason))?.[1] ?? 'host-gone';
    const failed = new Failed(code, reason || 'the host closed the port');
    this.#lost(failed);
    this.#become({ state: 'failed', failure: failed.plain() });
  }

  /** @param {Failed} failed */
  #lost(failed) {
    this.#port = null;
    this.#greeted = null;
    for (const id of [...this.#waiting.keys()]) this.#take(id)?.reject(failed);
  }

  /** @param {number} id */
  #take(id) {
    const waiting = this.#waiting.get(id);
    if (!waiting) return undefined;
    clearTimeout(waiting.timer);
    this.#waiting.delete(id);
    return waiting;
  }

  /** @param {Partial<HostState>} change */
  #become(change) {
    this.#state = { ...this.#state, ...change };
    this.#options.onState(this.#state);
  }
}
