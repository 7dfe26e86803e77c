// A tab under the browser's debugger: attaches, takes its frames and workers in, says who asks for what, lets go.
//
// Documents are paused where they ask for an address with `m3u8` in it, and go on at once. Workers have no such
// breakpoint, and what is called otherwise does not stop there: of those the browser tells the stack with the request.

import { protocolStack } from './stack.js';

/** @import { CallStack, Place, TraceEnd, TracedRequest } from '../types' */

/** How long anything may stay paused, in milliseconds: then the debugger lets go of the whole tab. */
const WATCHDOG = 2_000;

/** What a paused request's address contains. */
const BREAKPOINT = 'm3u8';

/** How many asynchronous steps are told of a stack. */
const ASYNC_DEPTH = 32;

/** Longest answer that is looked into, in bytes (core: MAX_PLAYLIST_BYTES). */
const MAX_BODY = 16 * 1024 * 1024;

/** Longest answer of any other name and type that is looked into, in bytes: playlists in disguise are small. */
const MAX_DISGUISED = 1024 * 1024;

/** The kinds of requests that scripts and players make. */
const KINDS = new Set(['XHR', 'Fetch', 'Media', 'Other']);

/** What a session asks of the browser: `chrome.debugger`, by tab and child session (empty for the tab itself). */
/**
 * @typedef {object} Debugging
 * @property {(tab: number) => Promise<void>} attach
 * @property {(tab: number) => Promise<void>} detach
 * @property {(tab: number, session: string, method: string, params?: object) => Promise<any>} send
 */

/**
 * What a session tells.
 * @typedef {object} Ears
 * @property {() => void} reloaded a new document is loaded into the tab: what was told before is of the last one
 * @property {(request: TracedRequest) => void} asked
 * @property {(id: string, base: string, text: Promise<string | null>) => void} answered
 * @property {(end: TraceEnd, message: string) => void} over once, when it has ended without being told to
 */

export class Session {
  #tab;
  #debugging;
  #ears;
  #own;
  #isOver = false;
  #mainFrame = '';
  /** The document that was loaded since, as the browser names it; empty until there is one. */
  #document = '';
  /** What each child session is. @type {Map<string, {kind: string, url: string}>} */ #children = new Map();
  /** The addresses of scripts, by session and id. @type {Map<string, string>} */ #scripts = new Map();
  /** Stacks of pauses whose request is yet to be told, by session and address. @type {Map<string, CallStack>} */
  #paused = new Map();
  /** Answers that are looked into, by request. @type {Map<string, {url: string, limit: number}>} */ #wanted = new Map();
  /** One for each session that stands still. @type {Map<string, ReturnType<typeof setTimeout>>} */ #watchdogs = new Map();

  /**
   * @param {number} tab @param {Debugging} debugging @param {Ears} ears
   * @param {string} own the address that the extension's own scripts begin with
   */
  constructor(tab, debugging, ears, own) {
    this.#tab = tab;
    this.#debugging = debugging;
    this.#ears = ears;
    this.#own = own;
  }

  /** Attaches; rejects with the browser's reason, and has let go then. */
  async start() {
    await this.#debugging.attach(this.#tab);
    try {
      // It was ended while the browser attached.
      if (this.#isOver) throw new Error('ended before it began');
      const { frameTree } = await this.#send('', 'Page.getFrameTree');
      this.#mainFrame = frameTree.frame.id;
      await this.#enter('', 'page');
    } catch (error) {
      await this.end();
      throw error;
    }
  }

  /** Lets go of the tab: whatever stands still goes on. */
  async end() {
    this.#isOver = true;
    for (const timer of this.#watchdogs.values()) clearTimeout(timer);
    this.#watchdogs.clear();
    // The tab may be gone, or the debugger with it.
    await this.#debugging.detach(this.#tab).catch(() => {});
  }

  /** @param {string} session @param {string} method @param {any} params */
  event(session, method, params) {
    if (this.#isOver) return;
    EVENTS.get(method)?.(this, session, params);
  }

  /** @param {any} params */
  attached({ sessionId, targetInfo }) {
    const { type, url } = targetInfo;
    this.#children.set(sessionId, { kind: type, url });
    void this.#enter(sessionId, type).catch(() => {});
  }

  /** @param {string} sessionId */
  detached(sessionId) {
    this.#children.delete(sessionId);
    this.#goesOn(sessionId);
  }

  /** @param {string} session @param {any} params */
  paused(session, { reason, data, callFrames, asyncStackTrace }) {
    this.#standsStill(session);
    this.#letGo(session, 'Debugger.resume').catch(() => {});
    if (reason !== 'XHR' || typeof data?.url !== 'string') return;
    const address = (/** @type {string} */ id) => this.#scripts.get(`${session} ${id}`) ?? '';
    const stack = protocolStack(callFrames, asyncStackTrace, address, this.#own);
    this.#paused.set(`${session} ${withoutFragment(data.url)}`, stack);
  }

  /** @param {string} session */
  resumed(session) {
    this.#goesOn(session);
  }

  /** @param {string} session @param {any} params */
  script(session, { scriptId, url }) {
    if (url !== '') this.#scripts.set(`${session} ${scriptId}`, url);
  }

  /** @param {string} session @param {any} params */
  request(session, { requestId, request, type, initiator, frameId, loaderId, documentURL }) {
    const isMain = session === '' && frameId === this.#mainFrame;
    if (isMain && type === 'Document') {
      this.#document = loaderId;
      this.#ears.reloaded();
    }
    // What the page asks for before it is reloaded is the end of a story.
    if (this.#document === '' || (isMain && loaderId !== this.#document)) return;
    const url = withoutFragment(request.url);
    if (!KINDS.has(type) || !/^(https?|blob):/.test(url)) return;
    const { callFrames = [], parent } = initiator?.stack ?? {};
    const told = protocolStack(callFrames, parent, () => '', this.#own);
    const stack = this.#paused.get(`${session} ${url}`) ?? told;
    this.#paused.delete(`${session} ${url}`);
    const place = this.#place(session, frameId, documentURL);
    this.#ears.asked({ id: requestId, url, method: request.method, place, stack, reading: null });
  }

  /** @param {any} params */
  response({ requestId, response, type }) {
    if (!KINDS.has(type)) return;
    const { url, mimeType } = response;
    const isLikely = /m3u/i.test(url) || /mpegurl/i.test(mimeType);
    const isPossible = !/^(image|video|audio|font)\//i.test(mimeType);
    if (isLikely || isPossible) this.#wanted.set(requestId, { url, limit: isLikely ? MAX_BODY : MAX_DISGUISED });
  }

  /** @param {string} session @param {any} params */
  finished(session, { requestId, encodedDataLength }) {
    const wanted = this.#wanted.get(requestId);
    this.#wanted.delete(requestId);
    if (!wanted || encodedDataLength > wanted.limit) return;
    const body = this.#send(session, 'Network.getResponseBody', { requestId });
    this.#ears.answered(
      requestId,
      withoutFragment(wanted.url),
      body.then(playlistText, () => null),
    );
  }

  /** @param {string} session @param {string} method @param {object} [params] @returns {Promise<any>} */
  #send(session, method, params) {
    return this.#debugging.send(this.#tab, session, method, params);
  }

  /**
   * Asks a target to tell, all at once: it carries the commands out in order.
   * @param {string} session @param {string} kind
   */
  async #enter(session, kind) {
    const isChild = session !== '';
    // A child waits for its debugger.
    if (isChild) this.#standsStill(session);
    const asked = [
      this.#send(session, 'Debugger.enable'),
      this.#send(session, 'Debugger.setAsyncCallStackDepth', { maxDepth: ASYNC_DEPTH }),
      // Without it the browser tells one frame of a request's stack.
      this.#send(session, 'Runtime.enable'),
      this.#send(session, 'Network.enable', {}),
      ...(kind === 'page' || kind === 'iframe'
        ? [this.#send(session, 'DOMDebugger.setXHRBreakpoint', { url: BREAKPOINT })]
        : []),
      this.#send(session, 'Target.setAutoAttach', {
        autoAttach: true,
        waitForDebuggerOnStart: true,
        flatten: true,
      }),
    ];
    const answers = Promise.allSettled(asked);
    if (!isChild) {
      await Promise.all(asked);
      return;
    }
    // Asked for before the others are answered: one that is refused or never answered holds nothing up.
    await this.#letGo(session, 'Runtime.runIfWaitingForDebugger');
    await answers;
  }

  /**
   * What does not answer is left to the watchdog, and so is a refusal for any reason but that nothing stands still.
   * @param {string} session @param {string} method
   */
  async #letGo(session, method) {
    try {
      await this.#send(session, method);
    } catch (error) {
      if (!/paused|detached|closed|not attached|not found|no target/i.test(String(error))) throw error;
    }
    this.#goesOn(session);
  }

  /** @param {string} session @param {string} frame @param {string} document @returns {Place} */
  #place(session, frame, document) {
    const child = this.#children.get(session);
    if (child && child.kind !== 'iframe') return { kind: 'worker', url: child.url };
    return { kind: frame === this.#mainFrame ? 'page' : 'frame', url: withoutFragment(document) };
  }

  /** @param {string} session */
  #standsStill(session) {
    this.#goesOn(session);
    const end = () => {
      if (this.#isOver) return;
      void this.end();
      this.#ears.over('stuck', `${session || 'the page'} did not go on within ${WATCHDOG} ms`);
    };
    this.#watchdogs.set(session, setTimeout(end, WATCHDOG));
  }

  /** @param {string} session */
  #goesOn(session) {
    clearTimeout(this.#watchdogs.get(session));
    this.#watchdogs.delete(session);
  }
}

/** What is listened to. @type {Map<string, (session: Session, from: string, params: any) => void>} */
const EVENTS = new Map([
  ['Target.attachedToTarget', (session, _, params) => session.attached(params)],
  ['Target.detachedFromTarget', (session, _, params) => session.detached(params.sessionId)],
  ['Debugger.paused', (session, from, params) => session.paused(from, params)],
  ['Debugger.resumed', (session, from) => session.resumed(from)],
  ['Debugger.scriptParsed', (session, from, params) => session.script(from, params)],
  ['Network.requestWillBeSent', (session, from, params) => session.request(from, params)],
  ['Network.responseReceived', (session, _, params) => session.response(params)],
  ['Network.loadingFinished', (session, from, params) => session.finished(from, params)],
]);

/** @param {string} url */
const withoutFragment = (url) => url.replace(/#.*$/s, '');

/** The text of an answer that begins as a playlist does. @param {{body: string, base64Encoded: boolean}} answer */
function playlistText({ body, base64Encoded }) {
  const bytes = () => Uint8Array.from(atob(body), (character) => character.charCodeAt(0));
  const text = base64Encoded ? new TextDecoder().decode(bytes()) : body;
  return text.slice(0, 1024).trimStart().startsWith('#EXTM3U') ? text : null;
}

/** What the browser says when it does not attach, or lets go. @param {string} message @returns {TraceEnd} */
export function refusal(message) {
  if (/another debugger/i.test(message)) return 'other-debugger';
  if (/no tab with/i.test(message)) return 'tab-gone';
  if (/cannot (access|attach|be scripted)|policy|not allowed/i.test(message)) return 'restricted';
  return 'failed';
}
