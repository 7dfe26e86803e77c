// The pages that show something of a tab: each has a port, and gets the whole view again whenever something in it
// changes.

/** Changes within this many milliseconds are shown together. */
const TOGETHER = 60;

/**
 * The part of `runtime.Port` that is used.
 * @typedef {object} PagePort
 * @property {string} name `KIND:TAB`
 * @property {(message: unknown) => void} postMessage
 * @property {{addListener: (listener: () => void) => void}} onDisconnect
 */

export class Views {
  #kind;
  #view;
  #closed;
  /** @type {Map<PagePort, number>} */ #ports = new Map();
  /** @type {Set<PagePort>} */ #stale = new Set();

  /**
   * @param {string} kind what the names of the pages' ports begin with
   * @param {(tab: number) => Promise<unknown>} view
   * @param {(tab: number) => void} closed called when a page has closed, with the tab that it showed
   */
  constructor(kind, view, closed) {
    this.#kind = kind;
    this.#view = view;
    this.#closed = closed;
  }

  /** A page has opened. @param {PagePort} port @param {(tab: number) => void} opened */
  add(port, opened) {
    const [kind, tab = ''] = port.name.split(':');
    if (kind !== this.#kind || !/^-?\d+$/.test(tab)) return;
    this.#ports.set(port, Number(tab));
    port.onDisconnect.addListener(() => {
      this.#ports.delete(port);
      this.#stale.delete(port);
      this.#closed(Number(tab));
    });
    this.changed(Number(tab));
    opened(Number(tab));
  }

  /** How many pages show a tab, or (null) any. @param {number | null} tab */
  count(tab) {
    return [...this.#ports.values()].filter((shown) => tab === null || shown === tab).length;
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
