// Runs in the extension's isolated world, before observe/hook.js, in every frame: takes what the hook reports and
// passes it to the background. A content script imports nothing, hence the one `chrome` outside platform.js.

(() => {
  'use strict';

  const HANDOVER = 'weir-handover';
  /** A live playlist is reloaded all the time: once in this many milliseconds is enough. */
  const REPEAT_AFTER = 5_000;
  /** How many addresses are remembered. */
  const MAX_REMEMBERED = 64;

  /** When a playlist was last passed on, oldest first. @type {Map<string, number>} */
  const sent = new Map();

  document.addEventListener(
    HANDOVER,
    (event) => {
      event.stopImmediatePropagation();
      event.preventDefault();
      const channel = /** @type {MouseEvent} */ (event).relatedTarget;
      channel?.addEventListener('report', (report) => pass(/** @type {CustomEvent} */ (report).detail));
    },
    { once: true, capture: true },
  );

  /** @param {unknown} detail */
  function pass(detail) {
    try {
      if (typeof detail !== 'string') return;
      const { url, status, contentType, text } = JSON.parse(detail);
      if (Date.now() - (sent.get(url) ?? 0) < REPEAT_AFTER) return;
      sent.delete(url);
      sent.set(url, Date.now());
      for (const oldest of sent.keys()) {
        if (sent.size <= MAX_REMEMBERED) break;
        sent.delete(oldest);
      }
      // The extension may have been updated or removed since this page was opened: then there is nobody to tell.
      chrome.runtime
        ?.sendMessage({ type: 'report', report: { url, status, contentType, text } })
        .catch(() => {});
    } catch {
      // What cannot be read is no report.
    }
  }
})();
