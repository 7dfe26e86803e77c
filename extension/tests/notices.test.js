// What is told beside the pages: the button's number, and notifications.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { blank } from '../report/jobs.js';

/** @import { Job } from '../types' */

Object.assign(globalThis, {
  chrome: {
    runtime: { id: 'weir', getURL: () => 'chrome-extension://weir/', getManifest: () => ({ version: '0.1.0' }) },
    i18n: { getMessage: (/** @type {string} */ key, /** @type {string[]} */ values) => [key, ...values].join(' ') },
  },
});
const { Notices } = await import('../notices.js');

/** @param {Partial<Job>} change @returns {Job} */
const job = (change) => ({ ...blank('a'), title: 'Mill', state: 'running', ...change });

const failure = { code: /** @type {const} */ ('network'), message: 'x' };
const complete = job({ state: 'finished', verdict: 'complete', output: '/a.mp4' });

/** What is shown when the captures are these, one list after the other. @param {Job[][]} steps @param {boolean} [watched] */
function shown(steps, watched = false) {
  /** @type {unknown[][]} */ const badges = [];
  /** @type {unknown[][]} */ const told = [];
  const notices = new Notices(
    { badge: (...values) => badges.push(values), notify: (...values) => told.push(values) },
    () => watched,
  );
  for (const step of steps) notices.see(step);
  return { badges, told };
}

test('the button says how many captures are under way, and only when that changes', () => {
  const other = job({ job: 'b' });
  const { badges } = shown([[], [job({})], [job({ bytes: 1 })], [job({}), other], [complete]]);
  assert.deepEqual(badges, [[0, 'action_title'], [1, 'badge_running 1'], [2, 'badge_running 2'], [0, 'action_title']]);
});

test('how a capture ended is told once, with the next step where it failed', () => {
  assert.deepEqual(shown([[job({})], [complete], [complete]]).told, [
    ['a', 'notify_complete', 'Mill', 'show_in_folder'],
  ]);
  const incomplete = { ...complete, verdict: /** @type {const} */ ('incomplete'), failure };
  assert.deepEqual(shown([[job({})], [incomplete]]).told, [
    ['a', 'notify_incomplete', 'Mill\nerror_network', 'show_in_folder'],
  ]);
  const failed = job({ title: '', state: 'finished', verdict: 'failed', failure });
  assert.deepEqual(shown([[job({ state: 'preparing' })], [failed]]).told, [
    ['a', 'notify_failed', 'untitled\nerror_network', null],
  ]);
});

test('nothing is told of what a page shows, the user stopped, or ended before the worker came', () => {
  assert.deepEqual(shown([[job({})], [complete]], true).told, []);
  assert.deepEqual(shown([[complete], [complete]]).told, []);
  for (const code of /** @type {const} */ (['cancelled', 'paused'])) {
    const verdict = code === 'cancelled' ? 'cancelled' : 'failed';
    const stopped = job({ state: 'finished', verdict, failure: { code, message: '' } });
    assert.deepEqual(shown([[job({})], [stopped]]).told, [], code);
  }
});
