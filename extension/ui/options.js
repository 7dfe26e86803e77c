// The options page: the host's connection and the host's settings. The host checks and keeps them; this page shows its
// answer.

import * as platform from '../platform.js';
import { Failed, failureOf } from '../report/failure.js';
import { ask, watch } from './background.js';
import { byId } from './dom.js';
import { drawHostNotice } from './host_notice.js';
import { failureWords, hostWords, localise, words } from './words.js';

/** @import { HostState } from '../types' */
/** @import { Settings } from '../generated/protocol' */

/** @type {HTMLInputElement} */ const folder = byId('folder');
/** @type {HTMLInputElement} */ const concurrency = byId('concurrency');
/** @type {HTMLSelectElement} */ const whenBrowserCloses = byId('when-browser-closes');
/** @type {HTMLFieldSetElement} */ const fields = byId('fields');

/** This page looks at no tab, only at the connection. */
const NO_TAB = -1;

/** The settings as the host has them. @type {Settings | null} */
let current = null;

localise();
byId('version').textContent = words('extension_version', platform.version);
byId('settings').addEventListener('submit', (event) => {
  event.preventDefault();
  void save();
});
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
  const number = concurrency.valueAsNumber;
  const chosen = /** @type {Settings['whenBrowserCloses']} */ (whenBrowserCloses.value);
  if (!Number.isInteger(number) || number < 1 || number > 64) {
    concurrency.focus();
    throw new Failed('bad-settings', words('concurrency_range'));
  }
  return {
    ...(outputFolder === current?.outputFolder ? {} : { outputFolder }),
    ...(number === current?.concurrency ? {} : { concurrency: number }),
    ...(chosen === (current?.whenBrowserCloses ?? 'pause') ? {} : { whenBrowserCloses: chosen }),
  };
}

/** @param {Settings} settings */
function fill(settings) {
  current = settings;
  folder.value = settings.outputFolder;
  concurrency.value = String(settings.concurrency);
  // A host from before there was a choice pauses.
  whenBrowserCloses.value = settings.whenBrowserCloses ?? 'pause';
  fields.disabled = false;
}

/** The host says what is wrong with a value, and where. @param {unknown} error */
function complain(error) {
  const problem = byId('problem');
  problem.hidden = error === null;
  const failure = error === null ? null : failureOf(error);
  const text = failure?.code === 'output-folder' ? words('folder_problem') : failure && failureWords(failure);
  problem.textContent = failure === null ? '' : `${text} (${failure.message})`;
  folder.setAttribute('aria-invalid', String(failure?.code === 'output-folder'));
  concurrency.setAttribute('aria-invalid', String(failure?.code === 'bad-settings'));
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
