// Copying a stream, or files, as a command.

import { complain } from './acting.js';
import { ask } from './background.js';
import { byId } from './dom.js';
import { words } from './words.js';

/** @import { Command } from '../types' */

/** @param {Command} command @returns {Promise<boolean>} whether it was copied */
export async function copyCommand(command) {
  try {
    await navigator.clipboard.writeText(await ask(command));
    byId('announcements').textContent = words('copied');
    return true;
  } catch (error) {
    complain(error);
    return false;
  }
}
