// The history: what the host's journal lists, and what came to nothing before the host knew of it. Pure.

import { blank, ended, finished, progressed } from './jobs.js';
import * as outcome from './outcome.js';

/** @import { Job, Row, RowAction } from '../types' */
/** @import { Capture } from '../generated/protocol' */

/**
 * What the history shows beside what is under way here, the newest first.
 * @param {Capture[]} captures @param {Job[]} jobs @returns {Row[]}
 */
export function rows(captures, jobs) {
  const known = captures.map((capture) => jobs.find((job) => isOf(job, capture)));
  const listed = captures.flatMap((capture, index) => {
    const job = known[index];
    const isUnderWay = capture.state === 'running' || (job !== undefined && job.state !== 'finished');
    return isUnderWay ? [] : [rowOf(capture, job)];
  });
  const others = jobs.filter((job) => job.state === 'finished' && !known.includes(job)).map(ofJob);
  return [...listed, ...others].sort((a, b) => b.at - a.at);
}

/** What another process of this machine is at. @param {Capture[]} captures @param {Job[]} jobs @returns {Job[]} */
export const elsewhere = (captures, jobs) =>
  captures
    .filter((capture) => capture.state === 'running' && !jobs.some((job) => isOf(job, capture)))
    .map(jobOf);

/** Whether a line is about what is looked for, all words of it. @param {Row} row @param {string} sought */
export function isAbout({ job, site, page }, sought) {
  const text = [job.title, site, page, job.output, job.source].join('\n').toLocaleLowerCase();
  const terms = sought.toLocaleLowerCase().split(/\s+/);
  return terms.every((term) => text.includes(term));
}

/** An address as the host shows it, without query and fragment. @param {string} url */
export const withoutQuery = (url) => url.replace(/[?#].*$/s, '');

/** @param {Job} job @param {Capture} capture */
const isOf = (job, capture) =>
  job.capture === capture.capture || (capture.job !== null && job.job === capture.job);

/** @param {Capture} capture @param {Job | undefined} known @returns {Row} */
function rowOf(capture, known) {
  const { state, page, source } = capture;
  const own = jobOf(capture);
  const failure = own.failure?.code === 'paused' ? (known?.failure ?? own.failure) : own.failure;
  const job = known
    ? { ...own, ...placeOf(known), failure, notes: outcome.together(known.notes, own.notes) }
    : { ...own, failure };
  const isOver = state === 'complete' || state === 'incomplete';
  const isAskable = capture.can.includes('resume') || capture.job !== null;
  return {
    job,
    capture: capture.capture,
    site: hostOf(page ?? source),
    page: page !== null && URL.canParse(page) && !page.includes('?') ? page : null,
    at: capture.changedEpochSeconds * 1000,
    can: [...capture.can, ...again(!isOver && isAskable), 'forget'],
  };
}

/** @param {Job} job @returns {Row} */
function ofJob(job) {
  return {
    job,
    capture: null,
    site: job.source === null ? '' : hostOf(job.source),
    page: null,
    at: job.startedAt,
    can: [...again(job.tab !== null && job.verdict !== 'complete'), 'forget'],
  };
}

/** @param {boolean} can @returns {RowAction[]} */
const again = (can) => (can ? ['again'] : []);

/** Where it was started. @param {Job} job */
const placeOf = ({ tab, stream, source, quality }) => ({ tab, stream, source, quality });

/** A capture of the journal as a card shows it. @param {Capture} capture @returns {Job} */
function jobOf({ capture, kind, state, title, source, output, segments, bytes, beganEpochSeconds, finished: end }) {
  const job = {
    ...blank(`capture-${capture}`),
    capture,
    kind,
    title: title ?? '',
    source,
    output,
    segments,
    bytes,
    startedAt: beganEpochSeconds * 1000,
  };
  if (end) return finished([job], { ...end, job: job.job })[0] ?? job;
  if (state === 'running') {
    const news = { job: job.job, segments, bytes, bytesPerSecond: 0, etaSeconds: null, recordedSeconds: null };
    return progressed([job], { ...news, state: 'running' })[0] ?? job;
  }
  if (state === 'interrupted') return ended(job, { code: 'paused', message: '' });
  if (state === 'cancelled') return ended(job, { code: 'cancelled', message: '' });
  return ended(job, { code: 'internal', message: 'the journal does not say why' });
}

/** @param {string} address */
const hostOf = (address) => (URL.canParse(address) ? new URL(address).host : '');
