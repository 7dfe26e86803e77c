// One capture: how far it is, or how it ended and where the file is.

import { element } from './dom.js';
import { clock, failureWords, size, stateWords, words } from './words.js';

/** @import { Job } from '../types' */

/**
 * @param {Job} job
 * @param {HTMLElement | null} old the card so far
 * @param {{cancel: () => void, finish: () => void, reveal: () => void}} actions
 */
export function drawJob(job, old, actions) {
  // The progress bar of a running capture is changed in place: rebuilt, it would lose its motion and the button its
  // focus.
  if (old && old.dataset.state === job.state && job.state !== 'finished') {
    old.querySelector('.bar')?.replaceWith(bar(job));
    old.querySelector('.figures')?.replaceWith(figures(job));
    return old;
  }
  const title = job.title || words('untitled');
  return element(
    'li',
    {
      class: 'card',
      'data-testid': 'job',
      'data-job': job.job,
      'data-state': job.state,
      'data-verdict': job.verdict ?? '',
      'data-output': job.output ?? '',
    },
    element('h3', { title }, title),
    ...(job.state === 'finished' ? ended(job, actions.reveal) : underway(job, actions)),
  );
}

/** @param {Job} job @param {{cancel: () => void, finish: () => void}} actions */
function underway(job, { cancel, finish }) {
  const recording = isRecording(job);
  const stop = recording && job.state === 'running' ? [once('finish', words('finish'), finish)] : [];
  const end = once('cancel', words(recording ? 'discard' : 'cancel'), cancel);
  // The host knows a capture only once its plan is made.
  end.disabled = job.state === 'preparing';
  return [bar(job), element('div', { class: 'row' }, figures(job), ...stop, end)];
}

/** A button that is clicked once. @param {string} id @param {string} text @param {() => void} action */
function once(id, text, action) {
  const button = element('button', { type: 'button', 'data-testid': id }, text);
  button.addEventListener('click', () => {
    button.disabled = true;
    action();
  });
  return button;
}

/** Of a live stream nobody knows how much there will be. @param {Job} job */
const isRecording = (job) => job.recordedSeconds !== null;

/** @param {Job} job */
function bar(job) {
  const { segments, title } = job;
  const { total, fetched } = segments;
  const share = total > 0 && !isRecording(job) ? Math.min(fetched / total, 1) : null;
  const filled = element('span');
  if (share !== null) filled.style.width = `${(share * 100).toFixed(1)}%`;
  return element(
    'div',
    {
      class: share === null ? 'bar unknown' : 'bar',
      role: 'progressbar',
      'aria-label': words('progress_label', title || words('untitled')),
      'aria-valuemin': 0,
      'aria-valuemax': 100,
      'aria-valuenow': share === null ? null : Math.round(share * 100),
    },
    filled,
  );
}

/** @param {Job} job */
function figures(job) {
  const { state, segments, bytes, bytesPerSecond, etaSeconds, recordedSeconds } = job;
  const percent = () => `${Math.floor((segments.fetched / segments.total) * 100)}%`;
  const known = segments.total > 0 ? [percent()] : [];
  const share = recordedSeconds === null ? known : [clock(recordedSeconds)];
  const moving = state === 'running' && bytesPerSecond > 0 ? [words('speed', size(bytesPerSecond))] : [];
  const left = moving.length > 0 && etaSeconds !== null ? [words('time_left', clock(etaSeconds))] : [];
  const parts = [stateWords(job), ...share, ...(bytes > 0 ? [size(bytes)] : []), ...moving, ...left];
  return element('p', { class: 'figures' }, ...parts.map((part) => element('span', {}, part)));
}

/** @param {Job} job @param {() => void} reveal */
function ended(job, reveal) {
  const { failure, output, bytes, durationSeconds } = job;
  const facts = output === null ? [] : [...(durationSeconds ? [clock(durationSeconds)] : []), size(bytes)];
  const button = element('button', { type: 'button', 'data-testid': 'reveal' }, words('show_in_folder'));
  button.addEventListener('click', reveal);
  return [
    element(
      'p',
      { class: 'figures' },
      element('span', { class: 'verdict' }, stateWords(job)),
      ...facts.map((fact) => element('span', {}, fact)),
    ),
    ...(failure && failure.code !== 'cancelled' ? explained(failure) : []),
    ...(output === null
      ? []
      : [element('p', { class: 'path', dir: 'ltr' }, output), element('div', {}, button)]),
  ];
}

/** @param {import('../types').Failure} failure */
const explained = (failure) => [
  element('p', { 'data-testid': 'error', 'data-code': failure.code }, failureWords(failure)),
  element('details', {}, element('summary', {}, words('details')), element('p', {}, failure.message)),
];
