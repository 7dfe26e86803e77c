// Runs in the isolated world of every frame that is loaded while a tab is traced by its page hook: tells the relay, which
// finds out whether this is the tab. A content script imports nothing.

(() => {
  'use strict';

  /** @type {{weirTrace?: () => void}} */ (globalThis).weirTrace?.();
})();
