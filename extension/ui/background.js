// A page's line to the background.

import * as platform from '../platform.js';
import { Failed } from '../report/failure.js';

/** @import { Answer, Command, View } from '../types' */

/** @param {Command} command @returns {Promise<any>} */
export async function ask(command) {
  /** @type {Answer | undefined} */
  const answer = await platform.send(command);
  if (!answer) throw new Failed('internal', 'the background did not answer');
  if (!answer.ok) throw new Failed(answer.failure.code, answer.failure.message);
  return answer.value;
}

/**
 * Shows a tab for as long as the page is open; a worker that was ended is started again.
 * @param {number} tab @param {(view: View) => void} draw
 */
export function watch(tab, draw) {
  const port = platform.openPort(`view:${tab}`);
  port.onMessage.addListener((view) => draw(/** @type {View} */ (view)));
  port.onDisconnect.addListener(() => {
    // Reading the error tells the browser that it was seen.
    platform.portError(port);
    setTimeout(() => watch(tab, draw), 250);
  });
}
