// The options page: the host's connection and the host's settings, which the host checks and keeps; the rules for sites;
// and all of that as a file.

import { blankRule, siteOf } from '../plan/site_rules.js';
import * as platform from '../platform.js';
import { Failed, failureOf } from '../report/failure.js';
import { ask, watch } from './background.js';
import { byId, element, show } from './dom.js';
import { drawHostNotice } from './host_notice.js';
import { drawRule } from './rule_card.js';
import { MAX_FILE, readFile, writeFile } from './settings_file.js';
import { failureWords, hostWords, localise, words } from './words.js';

/** @import { HostState, SiteRule } from '../types' */
/** @import { Settings } from '../generated/protocol' */

/** @type {HTMLInputElement} */ const folder = byId('folder');
/** @type {HTMLInputElement} */ const concurrency = byId('concurrency');
/** @type {HTMLInputElement} */ const limit = byId('limit');
/** @type {HTMLInputElement} */ const jobsAtOnce = byId('jobs-at-once');
/** @type {HTMLSelectElement} */ const whenBrowserCloses = byId('when-browser-closes');
/** @type {HTMLInputElement} */ const nameTemplate = byId('name-template');
/** @type {HTMLInputElement} */ const site = byId('site');
/** @type {HTMLInputElement} */ const file = byId('file');
/** @type {HTMLFieldSetElement} */ const fields = byId('fields');

/** This page looks at no tab, only at the connection. */
const NO_TAB = -1;

/** What the field of the speed limit counts, in bytes. */
const MEGABYTE = 1_000_000;

/** Of a host from before this could be set. */
const DEFAULT_AT_ONCE = 4;

/** The settings as the host has them. @type {Settings | null} */
let current = null;

/** The field that this page itself has found a fault in. @type {HTMLInputElement | null} */
let wrongField = null;

/** The rules as they are kept. @type {SiteRule[]} */
let rules = [];

/** How long an exported file is held for the browser to take it, in milliseconds. */
const REVOKED = 60_000;

/** How long a template has to rest before an example of it is asked for, in milliseconds. */
const REST = 250;

/** @type {ReturnType<typeof setTimeout> | undefined} */
let resting;

localise();
byId('version').textContent = words('extension_version', platform.version);
byId('settings').addEventListener('submit', (event) => {
  event.preventDefault();
  void save();
});
nameTemplate.addEventListener('input', () => {
  clearTimeout(resting);
  resting = setTimeout(() => void showExample(), REST);
});
byId('add-rule').addEventListener('submit', (event) => {
  event.preventDefault();
  void addRule();
});
byId('export').addEventListener('click', () => void exportFile());
byId('import').addEventListener('click', () => file.click());
file.addEventListener('change', () => void importFile());
void ask({ type: 'rules' }).then(drawRules);
watch(`view:${NO_TAB}`, ({ host }) => drawHost(host));
void connect();

async function connect() {
  try {
    fill(await ask({ type: 'settings' }));
  } catch (error) {
    // The notice tells why the host does not answer; anything else is about the settings.
    if (current === null && !byId('notice').hidden) return;
    complain(error);
  }
}

async function save() {
  byId('saved').textContent = '';
  wrongField = null;
  complain(null);
  try {
    const change = readChange();
    fill(await ask({ type: 'settings', change }));
    byId('saved').textContent = words('saved');
  } catch (error) {
    complain(error);
  }
}

/** What differs from the host's settings. @returns {Partial<Settings>} */
function readChange() {
  const outputFolder = folder.value.trim();
  const number = numberIn(concurrency, 1, 64);
  const atOnce = numberIn(jobsAtOnce, 1, 8);
  const fastest = Math.round(numberIn(limit, 0, 4000, 'any') * MEGABYTE);
  const chosen = /** @type {Settings['whenBrowserCloses']} */ (whenBrowserCloses.value);
  const template = nameTemplate.value.trim();
  return {
    ...(outputFolder === current?.outputFolder ? {} : { outputFolder }),
    ...(number === current?.concurrency ? {} : { concurrency: number }),
    ...(chosen === (current?.whenBrowserCloses ?? 'pause') ? {} : { whenBrowserCloses: chosen }),
    ...(template === templateOf(current) ? {} : { nameTemplate: template }),
    ...(fastest === (current?.limitBytesPerSecond ?? 0) ? {} : { limitBytesPerSecond: fastest }),
    ...(atOnce === (current?.jobsAtOnce ?? DEFAULT_AT_ONCE) ? {} : { jobsAtOnce: atOnce }),
  };
}

/**
 * The number in a field. @param {HTMLInputElement} field @param {number} least @param {number} most
 * @param {'whole' | 'any'} [kind]
 */
function numberIn(field, least, most, kind = 'whole') {
  const number = field.valueAsNumber;
  const fits = kind === 'whole' ? Number.isInteger(number) : Number.isFinite(number);
  wrongField = fits && number >= least && number <= most ? null : field;
  if (wrongField === null) return number;
  field.focus();
  throw new Failed('bad-settings', words('number_range', least, most));
}

/** A host from before there were templates names by the title. @param {Settings | null} settings */
const templateOf = (settings) => settings?.nameTemplate ?? '{title}';

/** @param {Settings} settings */
function fill(settings) {
  current = settings;
  folder.value = settings.outputFolder;
  concurrency.value = String(settings.concurrency);
  // A host from before there was a choice pauses.
  whenBrowserCloses.value = settings.whenBrowserCloses ?? 'pause';
  nameTemplate.value = templateOf(settings);
  limit.value = String((settings.limitBytesPerSecond ?? 0) / MEGABYTE);
  jobsAtOnce.value = String(settings.jobsAtOnce ?? DEFAULT_AT_ONCE);
  fields.disabled = false;
  void showExample();
}

/** What a file is called by the template as it is typed, by the host's word. */
async function showExample() {
  const typed = nameTemplate.value.trim();
  const example = await ask({ type: 'example-name', template: typed }).then(
    (name) => words('name_example', name),
    (error) => failureOf(error).message,
  );
  if (typed === nameTemplate.value.trim()) byId('name-example').textContent = example;
}

// --- rules --------------------------------------------------------------------------------------

/** @param {SiteRule[]} kept */
function drawRules(kept) {
  rules = kept;
  show(
    byId('rules'),
    rules,
    (rule) => rule.site,
    (rule) => drawRule(rule, (news) => changeRule(rule.site, news), () => void removeRule(rule.site)),
  );
}

/** The card that asks shows what it was told already. @param {string} of @param {Partial<SiteRule>} news */
async function changeRule(of, news) {
  try {
    rules = await keep(rules.map((rule) => (rule.site === of ? { ...rule, ...news } : rule)));
    return null;
  } catch (error) {
    return problemWords(error);
  }
}

async function addRule() {
  const host = siteOf(site.value);
  const problem =
    host === null ? words('rule_no_site') : rules.some((rule) => rule.site === host) ? words('rule_there') : null;
  tell('site-problem', problem);
  site.setAttribute('aria-invalid', String(problem !== null));
  if (host === null || problem !== null) {
    site.focus();
    return;
  }
  try {
    drawRules(await keep([...rules, blankRule(host)]));
    site.value = '';
    byId(`capture-${host}`).focus();
  } catch (error) {
    tell('site-problem', problemWords(error));
  }
}

/** @param {string} of */
async function removeRule(of) {
  try {
    drawRules(await keep(rules.filter((rule) => rule.site !== of)));
    site.focus();
  } catch (error) {
    tell('site-problem', problemWords(error));
  }
}

/** @param {SiteRule[]} wanted @returns {Promise<SiteRule[]>} as they are kept */
const keep = (wanted) => ask({ type: 'rules', rules: wanted });

// --- the file -----------------------------------------------------------------------------------

async function exportFile() {
  const text = writeFile(current, rules);
  const address = URL.createObjectURL(new Blob([text], { type: 'application/json' }));
  element('a', { href: address, download: 'weir-settings.json' }).click();
  setTimeout(() => URL.revokeObjectURL(address), REVOKED);
}

async function importFile() {
  const [chosen] = file.files ?? [];
  byId('file-done').textContent = '';
  tell('file-problem', null);
  if (!chosen) return;
  try {
    if (chosen.size > MAX_FILE) throw new Failed('bad-settings', `over ${MAX_FILE} bytes`);
    const taken = await ask({ type: 'take-over', ...readFile(await chosen.text()) });
    if (taken.settings) fill(taken.settings);
    drawRules(taken.rules);
    byId('file-done').textContent = words('file_imported', taken.rules.length);
  } catch (error) {
    tell('file-problem', problemWords(error));
  }
  // The same file may be chosen again.
  file.value = '';
}

/** @param {unknown} error */
function problemWords(error) {
  const failure = failureOf(error);
  return `${failureWords(failure)} (${failure.message})`;
}

/** @param {string} id @param {string | null} problem */
function tell(id, problem) {
  byId(id).hidden = problem === null;
  byId(id).textContent = problem ?? '';
}

/** The host says what is wrong with a value, and where. @param {unknown} error */
function complain(error) {
  const problem = byId('problem');
  problem.hidden = error === null;
  const failure = error === null ? null : failureOf(error);
  const text = failure?.code === 'output-folder' ? words('folder_problem') : failure && failureWords(failure);
  problem.textContent = failure === null ? '' : `${text} (${failure.message})`;
  folder.setAttribute('aria-invalid', String(failure?.code === 'output-folder'));
  const isTemplate = failure?.message.startsWith('name template') ?? false;
  nameTemplate.setAttribute('aria-invalid', String(isTemplate));
  for (const field of [concurrency, limit, jobsAtOnce])
    field.setAttribute('aria-invalid', String(failure !== null && field === wrongField));
}

/** @param {HostState} host */
function drawHost(host) {
  const state = byId('state');
  state.dataset.state = host.state;
  state.textContent =
    host.state === 'ready'
      ? words('host_ready_long', host.version ?? '', host.platform ?? '', host.protocol ?? '')
      : hostWords(host);
  drawHostNotice(byId('notice'), host, () => void connect());
}
