// The pages that show a tab's streams: each has a port, and gets the whole view again whenever something in it changes.

/** @import { View } from '../types' */

/** Changes within this many milliseconds are shown together. */
const TOGETHER = 60;

/**
 * The part of `runtime.Port` that is used.
 * @typedef {object} PagePort
 * @property {string} name `view:TAB`
 * @property {(message: unknown) => void} postMessage
 * @property {{addListener: (listener: () => void) => void}} onDisconnect
 */

export class Views {
  #view;
  #nobody;
  /** @type {Map<PagePort, number>} */ #ports = new Map();
  /** @type {Set<PagePort>} */ #stale = new Set();

  /** @param {(tab: number) => Promise<View>} view @param {() => void} nobody called when the last page has closed */
  constructor(view, nobody) {
    this.#view = view;
    this.#nobody = nobody;
  }

  /** A page has opened. @param {PagePort} port @param {(tab: number) => void} opened */
  add(port, opened) {
    const [, tab] = /^view:(-?\d+)$/.exec(port.name) ?? [];
    if (tab === undefined) return;
    this.#ports.set(port, Number(tab));
    port.onDisconnect.addListener(() => {
      this.#ports.delete(port);
      this.#stale.delete(port);
      if (this.#ports.size === 0) this.#nobody();
    });
    this.changed(Number(tab));
    opened(Number(tab));
  }

  /** Something has changed: in one tab, or (null) for all. @param {number | null} tab */
  changed(tab) {
    for (const [port, shown] of this.#ports) {
      if (tab !== null && shown !== tab) continue;
      if (this.#stale.has(port)) continue;
      this.#stale.add(port);
      setTimeout(() => void this.#show(port, shown), TOGETHER);
    }
  }

  /** @param {PagePort} port @param {number} tab */
  async #show(port, tab) {
    this.#stale.delete(port);
    const view = await this.#view(tab);
    if (this.#ports.has(port)) port.postMessage(view);
  }
}
