// The captures that the popup lists, and how the host's events change them. Pure: the host is the authority, this is
// what was last heard of it.

import * as outcome from './outcome.js';

/** @import { Failure, Job, Note } from '../types' */
/** @import { Finished, JobStatus, Progress, RefreshFailure } from '../generated/protocol' */

/** Most finished captures that are listed. */
const MAX_FINISHED = 30;

/**
 * A capture that the user has just asked for. Where it was paused, it goes on.
 * @param {Job[]} jobs
 * @param {Partial<Job> & Pick<Job, 'job' | 'tab' | 'title' | 'startedAt'>} start
 * @returns {Job[]}
 */
export const prepared = (jobs, start) => [
  { ...blank(start.job), ...start },
  ...jobs.filter((job) => !(isPaused(job) && isSame(job, { ...blank(start.job), ...start }))),
];

/** @param {Job} one @param {Job} other */
const isSame = (one, other) =>
  one.tab === other.tab && one.stream === other.stream && (one.kind === 'stream' || one.title === other.title);

/**
 * A capture of the host's journal that the host goes on with by itself.
 * @param {Job[]} jobs @param {Pick<Job, 'job' | 'capture' | 'title' | 'startedAt'>} start @returns {Job[]}
 */
export const resumed = (jobs, start) => [
  { ...blank(start.job), ...start, state: 'queued' },
  ...without(jobs, (job) => job.capture === start.capture),
];

/** It can go on. @param {Job} job */
export const isPaused = ({ state, failure }) => state === 'finished' && failure?.code === 'paused';

/** The captures but for finished ones of a kind. @param {Job[]} jobs @param {(job: Job) => boolean} condition */
export const without = (jobs, condition) => jobs.filter((job) => job.state !== 'finished' || !condition(job));

/**
 * A capture that was under way is planned once more.
 * @param {Job[]} jobs @param {string} id @param {number} plannedAt @returns {Job[]}
 */
export const preparedAgain = (jobs, id, plannedAt) =>
  changed(jobs, id, (job) => ({ ...job, state: 'preparing', isRefreshing: false, plannedAt }));

/** The host has taken a capture, which waits for its turn. @param {Job[]} jobs @param {string} id */
export const taken = (jobs, id) =>
  changed(jobs, id, (job) => (job.state === 'preparing' ? { ...job, state: 'queued' } : job));

/** @param {Job[]} jobs @param {Progress} event @returns {Job[]} */
export const progressed = (jobs, event) =>
  changed(jobs, event.job, (job) =>
    job.state === 'finished'
      ? job
      : {
          ...job,
          // What it came to is told by the event that follows.
          state: event.state === 'finished' ? 'finishing' : event.state,
          segments: event.segments,
          bytes: event.bytes,
          bytesPerSecond: event.bytesPerSecond,
          etaSeconds: event.etaSeconds,
          recordedSeconds: event.recordedSeconds ?? null,
        },
  );

/** The links of a capture have expired, and others are looked for. @param {Job[]} jobs @param {string} id */
export const refreshing = (jobs, id) => changed(jobs, id, (job) => ({ ...job, isRefreshing: true }));

/**
 * A capture goes on with other links.
 * @param {Job[]} jobs @param {string} id @param {number} plannedAt when they were planned with
 */
export const refreshed = (jobs, id, plannedAt) =>
  changed(jobs, id, (job) => ({ ...job, isRefreshing: false, plannedAt }));

/** There are no other links. @param {Job[]} jobs @param {string} id @param {RefreshFailure} reason */
export const notRefreshed = (jobs, id, reason) =>
  changed(jobs, id, (job) => ({ ...job, isRefreshing: false, refreshFailure: reason }));

/** What a person should know of how a capture was planned. @param {Job[]} jobs @param {string} id @param {Note[]} notes */
export const noted = (jobs, id, notes) =>
  notes.length === 0 ? jobs : changed(jobs, id, (job) => ({ ...job, notes: outcome.together(job.notes, notes) }));

/** @param {Job[]} jobs @param {Finished} event @returns {Job[]} */
export const finished = (jobs, event) =>
  trimmed(
    changed(jobs, event.job, (job) => ({
      ...job,
      state: 'finished',
      verdict: event.verdict,
      output: event.output,
      bytes: event.bytes,
      bytesPerSecond: 0,
      etaSeconds: null,
      segments: event.segments,
      durationSeconds: event.durationSeconds,
      ...outcome.missing(event.gaps),
      notes: outcome.together(job.notes, outcome.notes(event.warnings)),
      subtitles: event.tracks.filter(({ kind }) => kind === 'subtitle').map(({ language }) => language),
      isRefreshing: false,
      failure: expiredFor(job, event.error),
    })),
  );

/**
 * What a person is told of a link that has expired: where it is known, why there was no other.
 * @param {Job} job @param {Failure | null} failure @returns {Failure | null}
 */
const expiredFor = ({ refreshFailure }, failure) =>
  failure?.code === 'link-expired' && refreshFailure !== null && refreshFailure !== 'unreadable'
    ? { ...failure, code: refreshFailure }
    : failure;

/** A capture ends without the host's word. @param {Job[]} jobs @param {string} id @param {Failure} failure */
export const failed = (jobs, id, failure) =>
  trimmed(changed(jobs, id, (job) => (job.state === 'finished' ? job : ended(job, failure))));

/**
 * The captures that were handed over and that a host does not know: another one had them.
 * @param {JobStatus[]} host @param {Job[]} jobs
 */
export const unknownTo = (host, jobs) =>
  jobs.filter(
    ({ job, state }) =>
      state !== 'finished' && state !== 'preparing' && !host.some((status) => status.job === job),
  );

/**
 * The host's list after a new connection. A capture that was under way and that it does not know is lost.
 * @param {Job[]} jobs @param {JobStatus[]} host @param {Failure} lost
 * @returns {Job[]}
 */
export function reconciled(jobs, host, lost) {
  const mine = new Set(jobs.map((job) => job.job));
  const gone = new Set(unknownTo(host, jobs));
  const kept = jobs.map((job) => (gone.has(job) ? ended(job, lost) : job));
  const others = host
    .filter((status) => !mine.has(status.job))
    .map((status) => ({ ...blank(status.job), title: status.title ?? '' }));
  let all = [...kept, ...others];
  for (const status of host) {
    all = status.finished ? finished(all, status.finished) : progressed(all, status.progress);
  }
  return all;
}

/** Without the finished ones. @param {Job[]} jobs */
export const cleared = (jobs) => jobs.filter((job) => job.state !== 'finished');

/** Is anything under way? @param {Job[]} jobs */
export const busy = (jobs) => jobs.some((job) => job.state !== 'finished');

/** Nothing is known of it but its name. @param {string} job @returns {Job} */
export const blank = (job) => ({
  job,
  capture: null,
  kind: 'stream',
  tab: null,
  stream: null,
  source: null,
  quality: null,
  manner: { audio: null, subtitles: null, nameTemplate: null, folder: null },
  plannedAt: 0,
  isRefreshing: false,
  refreshFailure: null,
  title: '',
  state: 'preparing',
  segments: { total: 0, fetched: 0, retried: 0 },
  bytes: 0,
  bytesPerSecond: 0,
  etaSeconds: null,
  recordedSeconds: null,
  verdict: null,
  output: null,
  durationSeconds: null,
  parts: 0,
  missing: [],
  notes: [],
  subtitles: [],
  failure: null,
  startedAt: 0,
});

/** @param {Job} job @param {Failure} failure @returns {Job} */
export const ended = (job, failure) => ({
  ...job,
  state: 'finished',
  verdict: failure.code === 'cancelled' ? 'cancelled' : 'failed',
  bytesPerSecond: 0,
  etaSeconds: null,
  isRefreshing: false,
  failure,
});

/** @param {Job[]} jobs @param {string | null} id @param {(job: Job) => Job} change @returns {Job[]} */
const changed = (jobs, id, change) => jobs.map((job) => (job.job === id ? change(job) : job));

/** @param {Job[]} jobs @returns {Job[]} */
function trimmed(jobs) {
  let room = MAX_FINISHED;
  return jobs.filter((job) => job.state !== 'finished' || room-- > 0);
}
