// Settings and rules as one file, to be kept or taken to another machine. Pure.

import { readObject, readRules } from '../plan/site_rules.js';
import { Failed } from '../report/failure.js';

/** @import { SiteRule } from '../types' */
/** @import { Settings } from '../generated/protocol' */

/** What such a file says of itself. */
const FORMAT = 'weir-settings';

/** The layout that is written; another one is refused. */
const VERSION = 1;

/** Largest file that is read, in bytes. */
export const MAX_FILE = 1024 * 1024;

/** The host's settings that a file may have, and what each takes. @type {Record<string, (value: unknown) => boolean>} */
const SETTINGS = {
  outputFolder: (value) => typeof value === 'string',
  concurrency: (value) => Number.isInteger(value),
  whenBrowserCloses: (value) => value === 'pause' || value === 'finish',
  nameTemplate: (value) => typeof value === 'string',
  limitBytesPerSecond: (value) => Number.isInteger(value),
  jobsAtOnce: (value) => Number.isInteger(value),
};

/** @param {Settings | null} settings null where the host does not answer @param {SiteRule[]} rules */
export const writeFile = (settings, rules) =>
  `${JSON.stringify({ format: FORMAT, version: VERSION, settings, rules }, null, 2)}\n`;

/**
 * @param {string} text @returns {{settings: Partial<Settings> | null, rules: SiteRule[]}}
 * @throws {Failed} what is wrong in it, and where
 */
export function readFile(text) {
  let value;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Failed('bad-settings', `no JSON: ${error instanceof Error ? error.message : error}`);
  }
  const file = readObject(value, 'the file', ['format', 'version', 'settings', 'rules']);
  if (file.format !== FORMAT) throw new Failed('bad-settings', `format: expected ${FORMAT}`);
  if (file.version !== VERSION) throw new Failed('bad-settings', `version: expected ${VERSION}`);
  return { settings: readSettings(file.settings), rules: readRules(file.rules) };
}

/** The values are the host's to judge; here is seen that they are of the right kind. @param {unknown} value */
function readSettings(value) {
  if (value === null) return null;
  const keys = typeof value === 'object' ? Object.keys(SETTINGS).filter((key) => key in value) : [];
  const settings = readObject(value, 'settings', keys);
  for (const [key, one] of Object.entries(settings))
    if (!SETTINGS[key]?.(one)) throw new Failed('bad-settings', `settings.${key}: ${JSON.stringify(one)} is no value for it`);
  return /** @type {Partial<Settings>} */ (settings);
}
