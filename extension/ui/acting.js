// What pages with captures on them share: carrying out what was clicked, and saying what happens.

import { failureOf } from '../report/failure.js';
import { ask } from './background.js';
import { byId, element } from './dom.js';
import { failureWords, stateWords, words } from './words.js';

/** @import { Command, Job } from '../types' */

/** How long a problem is shown, in milliseconds. */
const SHOWN = 8_000;

/** @param {Command} command @returns {Promise<boolean>} whether it was carried out; else the page says why not */
export async function carryOut(command) {
  try {
    await ask(command);
    return true;
  } catch (error) {
    // What concerns the host's connection is in the notice already.
    if (command.type !== 'connect') complain(error);
    return false;
  }
}

/** Says what went wrong, for a while. @param {unknown} error */
export function complain(error) {
  const failure = failureOf(error);
  const card = element(
    'p',
    { class: 'problem', role: 'alert', 'data-code': failure.code },
    failureWords(failure),
  );
  document.querySelector('.problem[data-code]')?.remove();
  byId('announcements').before(card);
  setTimeout(() => card.remove(), SHOWN);
}

/** What each capture was last seen to do; null before the first look. @type {Map<string, string> | null} */
let told = null;

/**
 * What a screen reader says: which capture begins, goes over to something else, ends; not every byte, nothing twice,
 * and not what is there when the page opens.
 * @param {Job[]} jobs
 */
export function announce(jobs) {
  const now = new Map(jobs.map((job) => [job.job, stateWords(job)]));
  const news = jobs.filter((job) => told !== null && told.get(job.job) !== now.get(job.job));
  told = now;
  if (news.length === 0) return;
  byId('announcements').textContent = news
    .map((job) => words('announcement', job.title || words('untitled'), stateWords(job)))
    .join(' ');
}

/** What can be done with a capture of this browser, wherever it is shown. @param {Job} job */
export const actionsOf = ({ job }) => ({
  cancel: () => carryOut({ type: 'cancel', job }),
  next: () => carryOut({ type: 'next', job }),
  pause: () => carryOut({ type: 'pause', job }),
  finish: () => carryOut({ type: 'finish', job }),
});
