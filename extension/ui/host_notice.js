// What to do when the native host does not answer: the command that installs it, to copy, and one button to try again.

import { element } from './dom.js';
import { failureWords, words } from './words.js';

/** @import { HostState } from '../types' */

/** What installs the host: in the folder that its archive was unpacked to, and in a copy of the sources. */
const FROM_ARCHIVE = /Windows/.test(navigator.userAgent) ? 'weir.exe install' : './install.sh';
const FROM_SOURCES = 'cargo xtask install';

/** Failures that an installation cures. */
const CURED_BY_INSTALLING = new Set(['host-missing', 'host-forbidden', 'update-host', 'unauthorised-caller']);

/**
 * Draws the notice into `place`, or hides it when the host is well.
 * @param {HTMLElement} place @param {HostState} host @param {() => void} retry
 */
export function drawHostNotice(place, host, retry) {
  const { failure, state } = host;
  // While a new try is under way the notice stays, so that nothing jumps.
  if (state === 'connecting' && !place.hidden) return;
  // The same again: what is focused stays, and a screen reader says nothing twice.
  if (failure !== null && state === 'failed' && !place.hidden && place.dataset.code === failure.code) return;
  place.hidden = state !== 'failed' || failure === null;
  if (place.hidden || failure === null) {
    place.replaceChildren();
    return;
  }
  const install = CURED_BY_INSTALLING.has(failure.code);
  const again = element('button', { type: 'button', 'data-testid': 'retry' }, words('retry'));
  again.addEventListener('click', retry);
  place.dataset.code = failure.code;
  place.replaceChildren(
    element('h2', {}, words(install ? 'host_needed' : 'host_trouble')),
    element('p', {}, failureWords(failure)),
    ...(install
      ? [
          ...command(words('install_archive'), FROM_ARCHIVE, 'install-command'),
          ...command(words('install_sources'), FROM_SOURCES, 'install-from-sources'),
        ]
      : []),
    element('div', { class: 'row' }, again),
    element('details', {}, element('summary', {}, words('details')), element('p', {}, failure.message)),
  );
}

/** @param {string} where @param {string} text @param {string} testid */
function command(where, text, testid) {
  const copy = element('button', { type: 'button', 'data-testid': `copy-${testid}` }, words('copy'));
  copy.addEventListener('click', async () => {
    await navigator.clipboard.writeText(text);
    copy.textContent = words('copied');
  });
  return [
    element('p', {}, where),
    element('div', { class: 'command' }, element('code', { 'data-testid': testid }, text), copy),
  ];
}
