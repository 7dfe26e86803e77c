// What is told beside the pages: the number on the button while captures run, and how one ended while no page of Weir is open.

import { isPaused } from './report/jobs.js';
import { failureWords, words } from './ui/words.js';

/** @import { Job } from './types' */

/**
 * @typedef {object} Shown
 * @property {(running: number, title: string) => unknown} badge how many captures are under way
 * @property {(id: string, title: string, text: string, button: string | null) => unknown} notify
 */

export class Notices {
  #shown;
  #isWatched;
  /** What was under way; null before the first look. @type {Set<string> | null} */ #underway = null;

  /** @param {Shown} shown @param {() => boolean} isWatched whether a page of Weir tells it already */
  constructor(shown, isWatched) {
    this.#shown = shown;
    this.#isWatched = isWatched;
  }

  /** The captures have changed. The first look, after a worker has started, tells nothing. @param {Job[]} jobs */
  see(jobs) {
    const before = this.#underway;
    this.#underway = new Set(jobs.filter(({ state }) => state !== 'finished').map(({ job }) => job));
    const count = this.#underway.size;
    if (before?.size !== count)
      this.#shown.badge(count, count > 0 ? words('badge_running', count) : words('action_title'));
    if (this.#isWatched()) return;
    for (const job of jobs) if (job.state === 'finished' && before?.has(job.job)) this.#ended(job);
  }

  /** @param {Job} job */
  #ended(job) {
    // Who has stopped it knows.
    if (job.verdict === 'cancelled' || isPaused(job)) return;
    const title = {
      complete: words('notify_complete'),
      incomplete: words('notify_incomplete'),
      failed: words('notify_failed'),
    }[job.verdict ?? 'failed'];
    const why = job.failure === null ? [] : [failureWords(job.failure)];
    const text = [job.title || words('untitled'), ...why].join('\n');
    this.#shown.notify(job.job, title, text, job.output === null ? null : words('show_in_folder'));
  }
}
