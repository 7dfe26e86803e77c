// Runs in the extension's isolated world, before observe/hook.js, in every frame: takes what the hook reports and
// passes it to the background. A content script imports nothing, hence the one `chrome` outside platform.js.

(() => {
  'use strict';

  // A page that is looked into again keeps the relay that it has, unless that one's extension is gone.
  const world = /** @type {{weirRelay?: () => boolean, weirTrace?: () => void}} */ (globalThis);
  if (world.weirRelay?.()) return;
  world.weirRelay = () => chrome.runtime?.id !== undefined;

  const HANDOVER = 'weir-handover';
  /** A live playlist is reloaded all the time: once in this many milliseconds is enough. */
  const REPEAT_AFTER = 5_000;
  /** How many addresses and texts are remembered. */
  const MAX_REMEMBERED = 128;

  /** The line to the page hook. @type {EventTarget | null} */
  let channel = null;
  /** Is this tab traced? What is seen asked for before the answer is here waits for it. @type {'off' | 'asked' | 'on'} */
  let state = 'off';
  /** @type {unknown[]} */
  let waiting = [];
  /** Most calls that wait. */
  const MAX_WAITING = 500;

  // observe/traced.js calls it while any tab is traced, before the page's first script and maybe before the hook.
  world.weirTrace = () => {
    if (state !== 'off') return;
    state = 'asked';
    setTrace(true);
    void Promise.resolve(tell({ type: 'is-traced' })).then((isTraced) => decide(isTraced === true));
  };

  /** @param {boolean} isTraced */
  function decide(isTraced) {
    state = isTraced ? 'on' : 'off';
    for (const call of waiting.splice(0)) if (isTraced) tell({ type: 'called', call });
    if (!isTraced) setTrace(false);
  }

  /** @param {boolean} on */
  function setTrace(on) {
    channel?.dispatchEvent(new Event(on ? 'trace' : 'untrace'));
  }

  /**
   * What may be keys of streams, oldest first: those that a cipher got, and those that only have the length of one. They
   * stay here until a capture asks for them.
   * @type {[used: Map<string, Set<string>>, seen: Map<string, Set<string>>]}
   */
  const keys = [new Map(), new Map()];
  /** Most keys of either kind, and most addresses of one. */
  const MAX_KEYS = 64;
  const MAX_SOURCES = 4;

  chrome.runtime?.onMessage.addListener((message, _, respond) => {
    if (message?.type === 'plays') respond(plays());
    if (message?.type !== 'keys') return;
    const list = (/** @type {Map<string, Set<string>>} */ kind, /** @type {boolean} */ used) =>
      [...kind].map(([hex, urls]) => ({ hex, used, urls: [...urls] }));
    respond([...list(keys[0], true), ...list(keys[1], false)]);
  });

  /** Whether a video or sound is here that a script feeds, by Media Source: the last witness of a stream that was not seen. */
  const plays = () =>
    [...document.querySelectorAll('video, audio')].some((media) =>
      /** @type {HTMLMediaElement} */ (media).currentSrc.startsWith('blob:'),
    );

  /** @param {{hex?: unknown, url?: unknown, used?: unknown}} key */
  function keepKey({ hex, url, used }) {
    if (typeof hex !== 'string' || typeof url !== 'string' || !/^([\da-f]{32}){1,2}$/.test(hex)) return;
    const kind = keys[used === true ? 0 : 1];
    const urls = kind.get(hex) ?? new Set();
    if (url !== '' && urls.size < MAX_SOURCES) urls.add(url);
    kind.delete(hex);
    kind.set(hex, urls);
    for (const oldest of kind.keys()) {
      if (kind.size <= MAX_KEYS) break;
      kind.delete(oldest);
    }
  }

  /** When an address or a text was last passed on, oldest first. @type {Map<string, number>} */
  const sent = new Map();

  document.addEventListener(
    HANDOVER,
    (event) => {
      event.stopImmediatePropagation();
      event.preventDefault();
      channel = /** @type {FocusEvent} */ (event).relatedTarget;
      channel?.addEventListener('report', (event) => pass(JSON.parse(/** @type {MessageEvent} */ (event).data)));
      channel?.addEventListener('open-line', openLine);
      if (state !== 'off') setTrace(true);
    },
    { once: true, capture: true },
  );

  /** The line on which workers report, under a name that no page can guess. @type {BroadcastChannel | null} */
  let line = null;

  function openLine() {
    line ??= new BroadcastChannel(`weir-${crypto.getRandomValues(new Uint32Array(4)).join('-')}`);
    line.onmessage = ({ data }) => pass(data);
    channel?.dispatchEvent(new MessageEvent('line', { data: line.name }));
  }

  /** @param {any} report */
  function pass(report) {
    try {
      const { url, status, contentType, text, call, key } = report;
      if (key !== undefined) {
        keepKey(key);
        return;
      }
      if (call !== undefined) {
        if (state === 'on') tell({ type: 'called', call });
        else if (state === 'asked' && waiting.length < MAX_WAITING) waiting.push(call);
        return;
      }
      const time = Date.now();
      if (text === '') {
        tell({ type: 'shared-worker', time });
        return;
      }
      // A page may read one playlist in several ways: from the network, then from a blob that it made of it.
      const print = `${text.length} ${text.slice(0, 400)} ${text.slice(-200)}`;
      if (time - (sent.get(url === '' ? print : url) ?? 0) < REPEAT_AFTER) return;
      for (const key of [url, print]) {
        sent.delete(key);
        sent.set(key, time);
      }
      for (const oldest of sent.keys()) {
        if (sent.size <= MAX_REMEMBERED) break;
        sent.delete(oldest);
      }
      tell({ type: 'report', time, report: { url, status, contentType, text } });
    } catch {
      // What cannot be read is no report.
    }
  }

  /** @param {unknown} message */
  function tell(message) {
    // The extension may have been updated or removed since this page was opened: then there is nobody to tell.
    return chrome.runtime?.sendMessage(message).catch(() => {});
  }

  // In a page that was open before the extension came, the browser still knows what was asked for.
  if (document.readyState === 'complete') {
    const names = performance.getEntriesByType('resource').map(({ name }) => name);
    const urls = names.filter((name) => /m3u8?\b/i.test(name));
    if (urls.length > 0) tell({ type: 'earlier', urls });
  }
})();
