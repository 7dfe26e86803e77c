// Codes and figures -> words and numbers in the user's language.

import { language, message } from '../platform.js';

/** @import { Failure, HostState, Job, Note, NoteCode, Quality, Span, Stream, Trace } from '../types' */

/** @param {string} key @param {...(string | number)} values */
export const words = (key, ...values) => message(key, values.map(String));

/** Fills in the fixed texts of a page: `data-text` is an element's text, `data-label` its label. */
export function localise() {
  document.documentElement.lang = language();
  for (const element of document.querySelectorAll('[data-text]')) {
    element.textContent = words(/** @type {HTMLElement} */ (element).dataset.text ?? '');
  }
  for (const element of document.querySelectorAll('[data-hint]')) {
    element.setAttribute('title', words(/** @type {HTMLElement} */ (element).dataset.hint ?? ''));
  }
  for (const element of document.querySelectorAll('[data-label]')) {
    const label = words(/** @type {HTMLElement} */ (element).dataset.label ?? '');
    element.setAttribute('aria-label', label);
    element.setAttribute('title', label);
  }
}

/** What went wrong and what to do next. @param {Failure} failure */
export const failureWords = ({ code }) => words(failureKey(code)) || words('error_internal');

/** The locale key of a failure's words. @param {string} code */
export const failureKey = (code) => `error_${code.replaceAll('-', '_')}`;

/** What the menus of links and media say. */
export const menuWords = () => words('menu_capture');

/** Why a permission of the manifest is asked for. @param {string} permission */
export const permissionWords = (permission) => words(permissionKey(permission));

/** The locale key of a permission's reason. @param {string} permission */
export const permissionKey = (permission) =>
  permission === '<all_urls>'
    ? 'permission_all_urls'
    : `permission_${permission.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`;

/** @param {HostState} host */
export function hostWords(host) {
  if (host.state === 'ready') return words('host_ready', host.version ?? '');
  return words(`host_${host.state}`);
}

/** @param {number} bytes */
export function size(bytes) {
  const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'];
  const step = bytes < 1 ? 0 : Math.min(Math.floor(Math.log10(bytes) / 3), units.length - 1);
  const value = bytes / 1000 ** step;
  return new Intl.NumberFormat(language(), {
    style: 'unit',
    unit: units[step],
    unitDisplay: 'short',
    maximumFractionDigits: step < 2 || value >= 100 ? 0 : 1,
  }).format(value);
}

/** @param {number} bitsPerSecond */
export function bandwidth(bitsPerSecond) {
  const [unit, value] =
    bitsPerSecond >= 1_000_000
      ? ['megabit-per-second', bitsPerSecond / 1_000_000]
      : ['kilobit-per-second', bitsPerSecond / 1000];
  return new Intl.NumberFormat(language(), {
    style: 'unit',
    unit,
    unitDisplay: 'short',
    maximumFractionDigits: value >= 100 ? 0 : 1,
  }).format(value);
}

/** `1:02:03`, `4:05`. @param {number} seconds */
export function clock(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const shown = parts[0] === 0 ? parts.slice(1) : parts;
  return shown.map((part, index) => (index === 0 ? String(part) : String(part).padStart(2, '0'))).join(':');
}

/** A day and a time. @param {number} at in milliseconds since 1970 */
export const moment = (at) =>
  new Intl.DateTimeFormat(language(), { dateStyle: 'medium', timeStyle: 'short' }).format(at);

/** @param {Quality} quality */
export function qualityWords(quality) {
  const { height, width, frameRate } = quality;
  const lines =
    height === null ? [] : [`${height}p${frameRate !== null && frameRate > 31 ? Math.round(frameRate) : ''}`];
  const rate = quality.bandwidth === null ? [] : [bandwidth(quality.bandwidth)];
  const text = [...lines, ...rate].join(' · ') || words('quality_unnamed');
  const full = height !== null && width !== null && rate.length === 0 ? `${width}×${height}` : text;
  return quality.value === 'best' ? words('quality_best', full) : full;
}

/** The state of a capture in one line. @param {Job} job */
export function stateWords(job) {
  if (job.state === 'running' && job.kind === 'files') return words('state_saving');
  if (job.state === 'running' && job.isRefreshing) return words('state_refreshing');
  if (job.state === 'running' && job.recordedSeconds !== null) return words('state_recording');
  if (job.state !== 'finished') return words(`state_${job.state}`);
  if (job.failure?.code === 'paused') return words('state_paused');
  const unsaved = job.segments.total - job.segments.fetched;
  if (job.verdict === 'incomplete' && job.kind === 'files') return words('verdict_files', unsaved);
  if (job.verdict === 'incomplete' && job.parts > 0) return words('verdict_incomplete', job.parts);
  if (job.verdict === 'incomplete' && job.failure?.code === 'bad-media') return words('verdict_left_out');
  if (job.verdict === 'incomplete') return words('verdict_cut_short');
  if (job.verdict === 'cancelled' && job.recordedSeconds) return words('verdict_discarded');
  return words(`verdict_${job.verdict ?? 'failed'}`);
}

/** How far a trace is, or why it has ended. @param {Trace} trace */
export function traceStateWords({ end, requests }) {
  if (end === null) return words('trace_running', requests);
  return words(`trace_end_${end.replaceAll('-', '_')}`);
}

/** From when to when. @param {Span} span */
export function spanWords({ from, to }) {
  const [begin, end] = [clock(from), clock(to)];
  return begin === end ? begin : words('span', begin, end);
}

/** Which of a note's values are times, in seconds. @type {{[code in NoteCode]?: number[]}} */
const TIMES = { duration: [0, 1], overlap: [1] };

/** @param {Note} note */
export function noteWords({ code, values }) {
  if (code === null) return values.join(' ');
  const shown = values.map((value, index) => TIMES[code]?.includes(index) ? clock(Number(value)) : value);
  return words(`note_${code.replaceAll('-', '_')}`, ...shown);
}

/** The name of a language. @param {string | null} tag BCP 47, by the word of a playlist */
export function languageWords(tag) {
  if (tag === null) return words('language_unknown');
  try {
    return new Intl.DisplayNames(language(), { type: 'language' }).of(tag) ?? tag;
  } catch {
    return tag;
  }
}

/**
 * What is left to tell of a stream beside its title.
 * @param {Stream} stream @returns {{kind: string, text: string}[]}
 */
export function marks(stream) {
  const { live, encrypted, drm, durationSeconds, audioOnly } = stream;
  return [
    ...(drm ? [{ kind: 'protected', text: words('mark_protected', drm) }] : []),
    ...(live ? [{ kind: 'live', text: words('mark_live') }] : []),
    ...(!live && durationSeconds ? [{ kind: 'duration', text: clock(durationSeconds) }] : []),
    ...(encrypted && !drm ? [{ kind: 'encrypted', text: words('mark_encrypted', encrypted) }] : []),
    ...(audioOnly ? [{ kind: 'audio', text: words('mark_audio') }] : []),
  ];
}
