// The first page that a person sees: what is still to be done until Weir saves anything, how it is used, and what it may do.

import * as platform from '../platform.js';
import { ask, watch } from './background.js';
import { byId, element } from './dom.js';
import { drawHostNotice } from './host_notice.js';
import { hostWords, localise, permissionWords, words } from './words.js';

/** @import { HostState } from '../types' */

/** This page looks at no tab, only at the connection. */
const NO_TAB = -1;

/** How often the host is tried while it does not answer, in milliseconds: it may be installed at any moment. */
const TRY_AGAIN = 2_000;

/** @type {HostState | null} */
let current = null;

localise();
byId('permissions').append(
  ...platform.permissions.flatMap((permission) => [
    element('dt', {}, permission === '<all_urls>' ? words('permission_all_urls_name') : permission),
    element('dd', {}, permissionWords(permission)),
  ]),
);
void showShortcut();
watch(`view:${NO_TAB}`, ({ host }) => drawHost(host));
void tryHost();
setInterval(() => {
  if (current?.state !== 'ready' && document.visibilityState === 'visible') void tryHost();
}, TRY_AGAIN);

function tryHost() {
  // Why it does not answer is in the notice.
  return ask({ type: 'connect' }).catch(() => {});
}

/** @param {HostState} host */
function drawHost(host) {
  // It is tried again and again: what is shown, and said by a screen reader, is how the last try ended.
  if (host.state === 'connecting' && current !== null) return;
  const state = byId('state');
  const text =
    host.state === 'ready' ? words('welcome_ready', host.version ?? '') : hostWords(host);
  state.dataset.state = host.state;
  if (state.textContent !== text) state.textContent = text;
  drawHostNotice(byId('notice'), host, () => void tryHost());
  current = host;
}

/** How the popup is opened by keyboard. */
async function showShortcut() {
  const keys = await platform.popupShortcut();
  const [before = '', behind = ''] = words('welcome_shortcut', '\n').split('\n');
  byId('shortcut').replaceChildren(
    ...(keys === '' ? [words('welcome_no_shortcut')] : [before, element('kbd', {}, keys), behind]),
  );
}
