// The part of the page of all captures where the beginning of a stream is played. It begins with a click, here or in the
// popup, and nothing is asked for before; what is played, and with what it is asked for, comes from the background.

import * as platform from '../platform.js';
import { Failed, failureOf } from '../report/failure.js';
import { byId } from './dom.js';
import { play } from './player.js';
import { failureWords, words } from './words.js';

/** @import { PreviewAnswer } from '../types' */

/** @type {HTMLVideoElement} */ const video = byId('preview-video');

/** Ends what is played, and all its requests. */
let end = () => {};

/** What had the focus before. @type {HTMLElement | null} */
let before = null;

export function begin() {
  byId('preview-stop').addEventListener('click', stop);
  byId('preview').addEventListener('keydown', ({ key }) => {
    if (key === 'Escape') stop();
  });
  const [, tab, mark] = /^#preview=(\d+)\.([\da-f]+)$/.exec(location.hash) ?? [];
  if (tab === undefined || mark === undefined) return;
  // Once: a page that is loaded again plays nothing by itself.
  history.replaceState(null, '', location.pathname + location.search);
  preview(Number(tab), mark);
}

/** @param {number} tab @param {string} mark of a stream and its quality */
export function preview(tab, mark) {
  end();
  const port = platform.openPort('preview');
  const ended = new AbortController();
  end = () => {
    ended.abort();
    port.disconnect();
  };
  port.onMessage.addListener((answer) => void draw(answer, ended.signal, () => port.disconnect()));
  port.onDisconnect.addListener(() => {
    // Reading the error tells the browser that it was seen.
    platform.portError(port);
    complain(new Failed('preview-cut', 'the background was ended'));
  });
  port.postMessage({ tab, mark });
  byId('preview-title').textContent = words('preview_title');
  byId('preview-state').textContent = words('preview_loading');
  byId('preview-problem').hidden = true;
  video.hidden = false;
  if (byId('preview').hidden) before = /** @type {HTMLElement | null} */ (document.activeElement);
  byId('preview').hidden = false;
  byId('preview-stop').focus();
}

/** @param {PreviewAnswer} answer @param {AbortSignal} ended @param {() => void} whole called when there is no more to ask for */
async function draw(answer, ended, whole) {
  try {
    if (!answer.ok) throw new Failed(answer.failure.code, answer.failure.message);
    const { title, playlist, live } = answer;
    byId('preview-title').textContent = words('preview_of', title || words('untitled'));
    await play(video, playlist, { ended, failed: complain, whole });
    byId('preview-state').textContent = words(live ? 'preview_live' : 'preview_first');
    // Who wants little motion starts it: the first picture is there.
    if (!matchMedia('(prefers-reduced-motion: reduce)').matches) await video.play().catch(() => {});
  } catch (error) {
    if (!ended.aborted) complain(error);
  }
}

/** @param {unknown} error */
function complain(error) {
  end();
  const failure = failureOf(error);
  // It would look as if it still waited for something.
  video.hidden = true;
  byId('preview-state').textContent = '';
  byId('preview-problem').textContent = `${failureWords(failure)} (${failure.message})`;
  byId('preview-problem').hidden = false;
}

function stop() {
  end();
  byId('preview').hidden = true;
  before?.focus();
}
