// A page's line to the background.

import * as platform from '../platform.js';
import { Failed } from '../report/failure.js';

/** @import { Answer, Command } from '../types' */

/** @param {Command} command @returns {Promise<any>} */
export async function ask(command) {
  /** @type {Answer | undefined} */
  const answer = await platform.send(command);
  if (!answer) throw new Failed('internal', 'the background did not answer');
  if (!answer.ok) throw new Failed(answer.failure.code, answer.failure.message);
  return answer.value;
}

/**
 * Shows something of a tab for as long as the page is open; a worker that was ended is started again.
 * @param {string} what `view:TAB` or `trace:TAB` @param {(view: any) => void} draw
 * @param {() => void} [ended] called when a worker was ended
 */
export function watch(what, draw, ended = () => {}) {
  const port = platform.openPort(what);
  port.onMessage.addListener(draw);
  port.onDisconnect.addListener(() => {
    // Reading the error tells the browser that it was seen.
    platform.portError(port);
    ended();
    setTimeout(() => watch(what, draw, ended), 250);
  });
}
