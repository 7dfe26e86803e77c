// The frames of the native port: building the extension's, checking the host's. Pure. The types are the host's own.

/** @import { CapturePlan, DownloadItem, Event, JobOptions, RefreshFailure, Request, RequestContext, SettingsChange } from '../generated/protocol' */

/** The protocol that this extension speaks (core::protocol::VERSION). */
export const PROTOCOL = 1;

/** Longest frame that may go to the host, in bytes (Chromium closes the port above 64 MiB). */
export const MAX_FRAME_BYTES = 64 * 1024 * 1024;

/** A request that still lacks its id. @typedef {(id: number) => Request} Unnumbered */

/** @param {string} extensionVersion @returns {Unnumbered} */
export const hello = (extensionVersion) => (id) => ({
  type: 'hello',
  id,
  protocol: PROTOCOL,
  extensionVersion,
  refresh: true,
});

/**
 * @param {string} job @param {CapturePlan} plan @param {RequestContext} context @param {JobOptions} options
 * @returns {Unnumbered}
 */
export const start = (job, plan, context, options) => (id) => ({
  type: 'start',
  id,
  job,
  plan,
  context,
  options,
});

/**
 * Files to be saved as they are, together in one folder.
 * @param {string} job @param {string} title what the folder may be called
 * @param {DownloadItem[]} items @param {RequestContext} context
 * @returns {Unnumbered}
 */
export const download = (job, title, items, context) => (id) => ({
  type: 'download',
  id,
  job,
  title,
  items,
  context,
});

/** @param {string} job @returns {Unnumbered} */
export const cancel = (job) => (id) => ({ type: 'cancel', id, job });

/** Lets a job that waits have the next turn. @param {string} job @returns {Unnumbered} */
export const next = (job) => (id) => ({ type: 'next', id, job });

/** Stops a job where it can go on. @param {string} job @returns {Unnumbered} */
export const pause = (job) => (id) => ({ type: 'pause', id, job });

/** @param {string} job @returns {Unnumbered} */
export const finish = (job) => (id) => ({ type: 'finish', id, job });

/**
 * Other links for a job. @param {string} job @param {CapturePlan} plan @param {RequestContext} context
 * @returns {Unnumbered}
 */
export const refreshed = (job, plan, context) => (id) => ({ type: 'refreshed', id, job, plan, context });

/** There are none. @param {string} job @param {RefreshFailure} reason @returns {Unnumbered} */
export const refreshFailed = (job, reason) => (id) => ({ type: 'refreshFailed', id, job, reason });

/** @returns {Unnumbered} */
export const jobs = () => (id) => ({ type: 'jobs', id });

/** @param {string} job @returns {Unnumbered} */
export const reveal = (job) => (id) => ({ type: 'reveal', id, job });

/** @returns {Unnumbered} */
export const history = () => (id) => ({ type: 'history', id });

/** @param {string} job the new job's @param {number} capture @returns {Unnumbered} */
export const resume = (job, capture) => (id) => ({ type: 'resume', id, job, capture });

/** @param {string} job the new job's @param {number} capture @returns {Unnumbered} */
export const repair = (job, capture) => (id) => ({ type: 'repair', id, job, capture });

/** @param {number} capture @returns {Unnumbered} */
export const forget = (capture) => (id) => ({ type: 'forget', id, capture });

/** @param {number} capture @returns {Unnumbered} */
export const revealCapture = (capture) => (id) => ({ type: 'revealCapture', id, capture });

/** @param {number} capture @returns {Unnumbered} */
export const openCapture = (capture) => (id) => ({ type: 'openCapture', id, capture });

/** @param {SettingsChange | null} change @returns {Unnumbered} */
export const settings = (change) => (id) => ({ type: 'settings', id, change });

/**
 * @param {string} template @param {string} title @param {string} page @param {[number, number] | null} resolution
 * @param {string | null} folder @returns {Unnumbered}
 */
export const exampleName = (template, title, page, resolution, folder) => (id) => ({
  type: 'exampleName',
  id,
  template,
  title,
  page,
  resolution,
  folder,
});

const ANSWERS = new Set(['hello', 'done', 'error', 'jobs', 'history', 'settings', 'exampleName']);
const NEWS = new Set(['progress', 'finished', 'refresh']);

/**
 * A frame of the host, null when it is none that this version knows (a newer host may say more).
 * @param {unknown} frame
 * @returns {Event | null}
 */
export function readEvent(frame) {
  if (typeof frame !== 'object' || frame === null || !('type' in frame) || typeof frame.type !== 'string')
    return null;
  if (ANSWERS.has(frame.type)) {
    const re = 're' in frame ? frame.re : undefined;
    return Number.isInteger(re) || (frame.type === 'error' && re === null)
      ? /** @type {Event} */ (frame)
      : null;
  }
  if (!NEWS.has(frame.type)) return null;
  return 'job' in frame && typeof frame.job === 'string' ? /** @type {Event} */ (frame) : null;
}
