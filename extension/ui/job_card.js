// One capture: how far it is, or how it ended and where the file is.

import { isPaused } from '../report/jobs.js';
import { element } from './dom.js';
import {
  clock,
  failureWords,
  languageWords,
  noteWords,
  size,
  spanWords,
  stateWords,
  words,
} from './words.js';

/** @import { Failure, Job } from '../types' */

/** What its buttons do; each says whether it was done. @typedef {() => Promise<boolean>} Action */
/** Those that it has buttons for, where its state lets them. @typedef {Partial<Record<Names, Action>>} Actions */
/** @typedef {'cancel' | 'next' | 'pause' | 'finish' | 'again' | 'repair' | 'open' | 'reveal' | 'forget'} Names */

/** Most missing parts that are listed; the rest is a number. */
const MAX_LISTED = 20;

/**
 * @param {Job} job @param {HTMLElement | null} old the card so far @param {Actions} actions
 * @param {(Node | string)[]} [about] where it is from, and when
 */
export function drawJob(job, old, actions, about = []) {
  // The card of a running capture is changed in place: rebuilt, its bar would lose its motion and a button its focus.
  if (old && old.dataset.state === job.state && job.state !== 'finished') {
    const shown = old.querySelector('.bar');
    if (shown) setBar(shown, job);
    old.querySelector('.figures')?.replaceChildren(...figures(job));
    return old;
  }
  const title = job.title || words('untitled');
  const card = element(
    'li',
    {
      class: 'card',
      'data-testid': 'job',
      'data-job': job.job,
      'data-state': job.state,
      'data-verdict': isPaused(job) ? 'paused' : (job.verdict ?? ''),
      'data-output': job.output ?? '',
    },
    element('h3', { id: titleId(job), title }, title),
    ...(about.length === 0 ? [] : [element('p', { class: 'where' }, ...about)]),
    ...(job.state === 'finished' ? ended(job, actions) : underway(job, actions)),
  );
  const focused = /** @type {HTMLElement | null} */ (document.activeElement);
  if (focused && old?.contains(focused)) queueMicrotask(() => focusAgain(card, focused.dataset.testid));
  return card;
}

/** @param {Job} job */
const titleId = ({ job }) => `title-${job}`;

/**
 * Who works by keyboard stays where they were: on the same button, else on the card, so that a second Enter after *Stop
 * and save* does not discard, and in the end on what the finished card offers.
 * @param {HTMLElement} card @param {string | undefined} id
 */
function focusAgain(card, id) {
  const usable = /** @type {HTMLElement[]} */ ([...card.querySelectorAll('button:not(:disabled), summary')]);
  const isOver = card.dataset.state === 'finished';
  const place = usable.find((one) => one.dataset.testid === id) ?? (isOver ? usable[0] : undefined);
  if (!place) card.tabIndex = -1;
  (place ?? card).focus();
}

/** @param {Job} job @param {Actions} actions */
function underway(job, { cancel, next, pause, finish }) {
  const shown = element('p', { class: 'figures' }, ...figures(job));
  const isLive = job.recordedSeconds !== null;
  const end = button(job, 'cancel', isLive ? words('discard') : words('cancel'), cancel);
  if (isRecording(job) && finish) {
    const stop = button(job, 'finish', words('finish'), finish);
    stop.classList.add('primary');
    return [shown, element('div', { class: 'actions' }, stop, end)];
  }
  // The host knows a capture only once its plan is made.
  end.disabled = job.state === 'preparing';
  const canPause = pause && !isLive && (job.state === 'queued' || job.state === 'running');
  const isWaiting = next && job.state === 'queued';
  const stops = [...(isWaiting ? [button(job, 'next', words('start_next'), next)] : []), ...(canPause ? [button(job, 'pause', words('pause'), pause)] : []), ...(cancel ? [end] : [])];
  const label = words('progress_label', job.title || words('untitled'));
  const bar = element(
    'div',
    { class: 'bar', role: 'progressbar', 'aria-label': label, 'aria-valuemin': 0, 'aria-valuemax': 100 },
    element('span'),
  );
  setBar(bar, job);
  return [bar, element('div', { class: 'row' }, shown, element('div', { class: 'actions' }, ...stops))];
}

/**
 * A button that is clicked once, and again only when that did not work. It stays focusable: a keyboard's place is not
 * lost by pressing it.
 * @param {Job} job @param {string} id @param {string} text @param {Action} [action]
 */
function button(job, id, text, action) {
  const made = element(
    'button',
    { type: 'button', 'data-testid': id, 'aria-describedby': titleId(job) },
    text,
  );
  made.addEventListener('click', async () => {
    if (made.ariaDisabled === 'true' || !action) return;
    made.ariaDisabled = 'true';
    if (!(await action())) made.ariaDisabled = 'false';
  });
  return made;
}

/** Of a live stream nobody knows how much there will be. @param {Job} job */
const isRecording = ({ state, recordedSeconds }) => state === 'running' && recordedSeconds !== null;

/** @param {Element} bar @param {Job} job */
function setBar(bar, { segments, recordedSeconds }) {
  const { total, fetched } = segments;
  const isKnown = total > 0 && recordedSeconds === null;
  const share = isKnown ? Math.min(fetched / total, 1) : 0;
  bar.classList.toggle('unknown', !isKnown);
  /** @type {HTMLElement} */ (bar.firstElementChild).style.width = isKnown ? `${(share * 100).toFixed(1)}%` : '';
  if (isKnown) bar.setAttribute('aria-valuenow', String(Math.round(share * 100)));
  else bar.removeAttribute('aria-valuenow');
}

/** @param {Job} job */
const percent = ({ segments }) => `${Math.floor((segments.fetched / segments.total) * 100)}%`;

/** @param {Job} job */
function figures(job) {
  const { state, segments, bytes, bytesPerSecond, etaSeconds, recordedSeconds } = job;
  const all = job.kind === 'files' ? filesOf(job) : [percent(job)];
  const known = segments.total > 0 ? all : [];
  const share = recordedSeconds === null ? known : [clock(recordedSeconds)];
  const moving = state === 'running' && bytesPerSecond > 0 ? [words('speed', size(bytesPerSecond))] : [];
  const left = moving.length > 0 && etaSeconds !== null ? [words('time_left', clock(etaSeconds))] : [];
  const rest = [...share, ...(bytes > 0 ? [size(bytes)] : []), ...moving, ...left];
  const first = element('span', { class: isRecording(job) ? 'recording' : null }, stateWords(job));
  return [first, ...rest.map((part) => element('span', {}, part))];
}

/** @param {Job} job @param {Actions} actions */
function ended(job, actions) {
  const { failure, output, bytes, durationSeconds } = job;
  const share = isPaused(job) && job.kind === 'stream' && job.segments.total > 0 ? [percent(job)] : [];
  const length = durationSeconds ? [clock(durationSeconds)] : [];
  const facts = output === null ? [] : [...filesOf(job), ...share, ...length, size(bytes)];
  return [
    element(
      'p',
      { class: 'figures' },
      element('span', { class: 'verdict' }, stateWords(job)),
      ...facts.map((fact) => element('span', {}, fact)),
    ),
    ...(failure && !isAsked(failure) && !isNamed(job)
      ? [element('p', { 'data-testid': 'error', 'data-code': failure.code }, failureWords(failure))]
      : []),
    ...details(job),
    ...(output === null ? [] : [element('p', { class: 'path', dir: 'ltr' }, output)]),
    ...offered(job, actions),
  ];
}

/** The user has stopped it: that is no error. @param {Failure} failure */
const isAsked = ({ code }) => code === 'cancelled' || code === 'paused';

/** What can be done with a capture that has ended. @param {Job} job @param {Actions} actions */
function offered(job, { again, repair, open, reveal, forget }) {
  const { failure, kind, output, verdict } = job;
  /** @type {[string, string, Action | undefined | false][]} */
  const all = [
    ['again', isPaused(job) ? words('resume') : words('retry'), (kind === 'stream' ? verdict !== 'complete' : verdict === 'failed') && again],
    ['repair', words('repair'), repair],
    ['open', words('open_file'), output !== null && open],
    ['reveal', words('show_in_folder'), output !== null && reveal],
    ['copy-error', words('copy_error'), failure !== null && !isAsked(failure) && (() => copy(failure))],
    ['forget', words('forget'), forget],
  ];
  const buttons = all.flatMap(([id, text, action]) =>
    action ? [id === 'copy-error' ? copying(job, text, action) : pressed(job, id, text, action)] : [],
  );
  return buttons.length === 0 ? [] : [element('div', { class: 'buttons' }, ...buttons)];
}

/** A button that can be pressed again. @param {Job} job @param {string} id @param {string} text @param {Action} action */
const pressed = (job, id, text, action) =>
  button(job, id, text, async () => {
    await action();
    return false;
  });

/** @param {Job} job @param {string} text @param {Action} action */
function copying(job, text, action) {
  const made = pressed(job, 'copy-error', text, async () => {
    await action();
    made.textContent = words('copied');
    return true;
  });
  return made;
}

/** For whoever reports it. @param {Failure} failure */
async function copy({ code, message }) {
  await navigator.clipboard.writeText(`${code}: ${message}`);
  return true;
}

/** How many files were saved. @param {Job} job */
const filesOf = ({ kind, segments: { fetched, total } }) =>
  kind === 'files' ? [words('files_of', fetched, total)] : [];

/** Each file that is not saved is named with its reason: one of these alone would pass for all. @param {Job} job */
const isNamed = ({ kind, verdict, notes }) =>
  kind === 'files' && verdict === 'incomplete' && notes.some(({ code }) => code === 'not-saved');

/** What else there is to know, folded away. @param {Job} job */
function details({ failure, parts, missing, notes, subtitles }) {
  const spans = missing.slice(0, MAX_LISTED).map(spanWords);
  if (parts > spans.length) spans.push(words('more', parts - spans.length));
  const message = failure && !isAsked(failure) ? [failure.message] : [];
  const listed = [
    ...described('missing', words('missing'), spans, 'short'),
    ...described('notes', words('notes'), notes.map(noteWords)),
    ...described('subtitles', words('subtitles'), [...new Set(subtitles.map(languageWords))], 'short'),
    ...described('message', words('message'), message),
  ];
  if (listed.length === 0) return [];
  return [
    element(
      'details',
      { 'data-testid': 'details' },
      element('summary', {}, words('details')),
      element('dl', {}, ...listed),
    ),
  ];
}

/**
 * A term and what belongs to it; nothing when there is nothing.
 * @param {string} id @param {string} term @param {string[]} all @param {string | null} [style]
 */
function described(id, term, all, style = null) {
  if (all.length === 0) return [];
  return [
    element('dt', {}, term),
    ...all.map((one) => element('dd', { class: style, 'data-testid': id }, one)),
  ];
}
