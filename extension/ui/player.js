// The one file that knows the player: hls.js, as it comes from its makers (`cargo xtask build` puts it into vendor/). It is
// loaded when something is played for the first time.

import { Failed } from '../report/failure.js';

/** What is asked for is tried once more: a preview that does not come is soon told. */
const TRIES = { maxNumRetry: 1, retryDelayMs: 500, maxRetryDelayMs: 500 };

/** How long an answer may take, in milliseconds. */
const POLICY = {
  default: { maxTimeToFirstByteMs: 15_000, maxLoadTimeMs: 60_000, timeoutRetry: TRIES, errorRetry: TRIES },
};

/**
 * What the page wants to know, and has to say.
 * @typedef {object} Playing
 * @property {AbortSignal} ended stops it, and every request
 * @property {(failure: Failed) => void} failed called when it cannot go on
 * @property {() => void} whole called when there is no more to ask for
 */

/**
 * Has a video play a playlist.
 * @param {HTMLVideoElement} video @param {string} text of the playlist, with whole addresses @param {Playing} playing
 */
export async function play(video, text, { ended, failed, whole }) {
  const { default: Hls, FetchLoader } = await import('../vendor/hls.light.min.mjs');
  if (ended.aborted) return;
  if (!Hls.isSupported()) throw new Failed('unplayable', 'no Media Source Extensions');
  const source = URL.createObjectURL(new Blob([text], { type: 'application/vnd.apple.mpegurl' }));
  const hls = new Hls({
    // The pages' rules for scripts allow no worker that is made of a text.
    enableWorker: false,
    loader: FetchLoader,
    // As the extension asks elsewhere; neither media nor keys are to be in the browser's cache on the disk.
    fetchSetup: ({ url }, init) =>
      new Request(url, /^https?:/.test(url) ? { ...init, credentials: 'include', cache: 'no-store' } : init),
    fragLoadPolicy: POLICY,
    keyLoadPolicy: POLICY,
  });
  ended.addEventListener('abort', () => {
    hls.destroy();
    URL.revokeObjectURL(source);
  });
  hls.on(Hls.Events.BUFFER_EOS, whole);
  hls.on(Hls.Events.ERROR, (_, { fatal, type, details, response, error }) => {
    if (!fatal) return;
    const status = response?.code ?? 0;
    if (status >= 400) failed(new Failed('http-status', `${details}: ${status}`));
    else if (type === Hls.ErrorTypes.NETWORK_ERROR) failed(new Failed('network', `${details}: ${error.message}`));
    else failed(new Failed('unplayable', `${details}: ${error.message}`));
  });
  hls.loadSource(source);
  hls.attachMedia(video);
}
