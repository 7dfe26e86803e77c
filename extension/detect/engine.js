// The playlist reader: core, compiled to WebAssembly. A trap in it is a failed call, not a dead worker: the instance
// that trapped is thrown away and the next call has a fresh one.

import { Failed } from '../report/failure.js';

/** @import { Candidate, CapturePlan, Observation, PlanRequest, Summary } from '../types' */

/**
 * The glue that wasm-bindgen made.
 * @typedef {object} Glue
 * @property {(options: {module_or_path: string}) => Promise<unknown>} default
 * @property {() => void} __wbg_reset_state a fresh instance of the module that was loaded
 * @property {(observation: Observation) => Candidate | null | undefined} observe
 * @property {(text: string, baseUrl: string) => Summary} inspect
 * @property {(url: string) => Promise<{url: string, text: string}>} fetchPlaylist
 * @property {(request: PlanRequest) => Promise<CapturePlan>} plan
 */

/** How long a plan may take, in milliseconds: several playlists, each with its own deadline in the engine. */
const PLAN_DEADLINE = 120_000;

/** How long one playlist may take, in milliseconds. */
const FETCH_DEADLINE = 45_000;

export class Engine {
  #glue;
  #module;
  /** @type {Promise<unknown> | null} */ #loaded = null;
  /** The calls under way: a trap in one leaves them all without an answer. @type {Set<(error: unknown) => void>} */
  #calls = new Set();

  /** @param {Glue} glue @param {string} module the address of the .wasm file */
  constructor(glue, module) {
    this.#glue = glue;
    this.#module = module;
  }

  /** @param {Observation} observation */
  async observe(observation) {
    await this.#load();
    return this.#guard(() => this.#glue.observe(observation)) ?? null;
  }

  /** @param {string} text @param {string} baseUrl */
  async inspect(text, baseUrl) {
    await this.#load();
    return this.#guard(() => this.#glue.inspect(text, baseUrl));
  }

  /** @param {string} url */
  async fetchPlaylist(url) {
    await this.#load();
    return this.#race(() => this.#glue.fetchPlaylist(url), FETCH_DEADLINE);
  }

  /** @param {PlanRequest} request */
  async plan(request) {
    await this.#load();
    return this.#race(() => this.#glue.plan(request), PLAN_DEADLINE);
  }

  /**
   * An exception that no call has caught: a trap inside a future leaves its promise for ever unsettled.
   * @param {unknown} error
   * @returns {boolean} whether it was the engine's
   */
  uncaught(error) {
    if (!isTrap(error)) return false;
    this.#reset(error);
    return true;
  }

  #load() {
    this.#loaded ??= this.#glue.default({ module_or_path: this.#module }).catch((error) => {
      this.#loaded = null;
      throw new Failed('parser-failed', `the playlist reader does not load: ${error}`);
    });
    return this.#loaded;
  }

  /** @template T @param {() => T} call @returns {T} */
  #guard(call) {
    try {
      return call();
    } catch (error) {
      if (isTrap(error)) this.#reset(error);
      throw asFailed(error);
    }
  }

  /** @template T @param {() => Promise<T>} call @param {number} deadline @returns {Promise<T>} */
  async #race(call, deadline) {
    /** @type {(error: unknown) => void} */
    let fail = () => {};
    const failed = new Promise((_, reject) => (fail = reject));
    const timer = setTimeout(
      () => fail(new Failed('network', `no playlist after ${deadline / 1000} s`)),
      deadline,
    );
    this.#calls.add(fail);
    try {
      return /** @type {T} */ (await Promise.race([this.#guard(call), failed]));
    } catch (error) {
      if (isTrap(error)) this.#reset(error);
      throw asFailed(error);
    } finally {
      clearTimeout(timer);
      this.#calls.delete(fail);
    }
  }

  /** @param {unknown} error */
  #reset(error) {
    console.warn('weir: the playlist reader trapped and was started again', error);
    for (const fail of this.#calls) fail(asFailed(error));
    this.#calls.clear();
    this.#glue.__wbg_reset_state();
  }
}

/** @param {unknown} error */
const isTrap = (error) => error instanceof WebAssembly.RuntimeError || error instanceof RangeError;

/** @param {unknown} error @returns {Failed} */
function asFailed(error) {
  if (error instanceof Failed) return error;
  if (isTrap(error)) return new Failed('parser-failed', `the playlist reader failed: ${error}`);
  const { code, message } = /** @type {{code?: any, message?: unknown}} */ (error ?? {});
  return new Failed(
    typeof code === 'string' ? /** @type {any} */ (code) : 'internal',
    String(message ?? error),
  );
}
