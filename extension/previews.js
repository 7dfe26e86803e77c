// The beginning of a stream, played in one of the extension's pages: what there is to play, and requests of that page that
// look like those of the stream's own, for as long as it plays. Nothing is asked for before a person has asked for it.

import { streams } from './detect/group.js';
import { markOf, previewOf } from './plan/preview.js';
import { Failed, failureOf } from './report/failure.js';

/** @import { PreviewAnswer } from './types' */
/** @import { AsPage } from './plan/as_page.js' */
/** @import { Captures } from './plan/captures.js' */
/** @import { Store } from './state/store.js' */

/** The name of the port of a page that plays. */
const PORT = 'preview';

export class Previews {
  #store;
  #captures;
  #asPage;

  /** @param {{store: Store, captures: Pick<Captures, 'plan'>, asPage: Pick<AsPage, 'hold'>}} parts */
  constructor({ store, captures, asPage }) {
    this.#store = store;
    this.#captures = captures;
    this.#asPage = asPage;
  }

  /** A page of the extension has opened a port. @param {chrome.runtime.Port} port */
  add(port) {
    const page = port.sender?.tab?.id;
    if (port.name !== PORT || page === undefined) return;
    const closed = new AbortController();
    port.onDisconnect.addListener(() => closed.abort());
    port.onMessage.addListener(async (/** @type {any} */ { tab, mark }) => {
      const answer = await this.#begin(Number(tab), String(mark), page, closed.signal).catch((error) => ({
        ok: /** @type {const} */ (false),
        failure: failureOf(error),
      }));
      if (!closed.signal.aborted) port.postMessage(answer);
    });
  }

  /**
   * @param {number} tab @param {string} mark of the stream and its quality @param {number} page that plays
   * @param {AbortSignal} closed @returns {Promise<PreviewAnswer>}
   */
  async #begin(tab, mark, page, closed) {
    await this.#store.ready;
    const { stream, quality } = await this.#find(tab, mark);
    const { plan, context, title } = await this.#captures.plan(tab, stream, quality);
    const { playlist, urls, live } = previewOf(plan);
    const letGo = await this.#asPage.hold(tab, urls, context.headers, page);
    if (closed.aborted) await letGo();
    else closed.addEventListener('abort', () => void letGo());
    return { ok: true, title, playlist, live };
  }

  /** @param {number} tab @param {string} mark */
  async #find(tab, mark) {
    for (const { id, qualities } of streams(this.#store.tab(tab).playlists)) {
      for (const quality of ['best', ...qualities.map(({ value }) => value)])
        if ((await markOf(id, quality)) === mark) return { stream: id, quality };
    }
    throw new Failed('stream-gone', 'the tab has no such stream any more');
  }
}
