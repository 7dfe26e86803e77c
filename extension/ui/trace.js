// The trace of a tab: `trace.html?tab=ID`, with `#start` behind it where the user has asked for it already. It lasts as
// long as this page is open.

import * as platform from '../platform.js';
import { failureOf } from '../report/failure.js';
import { ask, watch } from './background.js';
import { drawChain, stepWords } from './chain_card.js';
import { byId, show } from './dom.js';
import { chainsText } from './trace_text.js';
import { failureWords, localise, traceStateWords, words } from './words.js';

/** @import { Command, TraceView } from '../types' */

/** Ends that are nobody's fault, and no failure. */
const GOOD_ENDS = new Set(['found', 'stopped', 'time']);

const debugged = platform.debugging !== null;
const tab = Number(new URL(location.href).searchParams.get('tab'));

/** Firefox ends a worker that hears nothing for 30 s, an open page or not. In milliseconds. */
const SIGN_OF_LIFE = 15_000;

/** @type {TraceView | null} */
let current = null;

localise();
byId('start').addEventListener('click', () => start());
byId('stop').addEventListener('click', () => void carryOut({ type: 'stop-trace', tab }));
byId('copy').addEventListener('click', () => void copy());
watch(`trace:${tab}`, draw, workerEnded);
setInterval(() => {
  if (current?.trace?.state === 'running') void carryOut({ type: 'trace-goes-on' });
}, SIGN_OF_LIFE);
if (location.hash === '#start') {
  // Once: a page that is loaded again does not trace again.
  history.replaceState(null, '', location.pathname + location.search);
  start();
}

/** What the last trace has said is over at once. */
function start() {
  byId('state').hidden = true;
  byId('state').dataset.state = 'starting';
  void carryOut({ type: 'trace', tab });
}

/** The debugger outlives the worker that attached it, and would leave the tab paused. */
function workerEnded() {
  if (current?.trace?.state === 'running') void platform.debugging?.detach(tab).catch(() => {});
}

/** @param {TraceView} view */
function draw(view) {
  current = view;
  const { title, trace } = view;
  const isRunning = trace?.state === 'running';
  const fresh = trace === null;
  byId('title').textContent = title;
  byId('about').textContent = words(debugged ? 'trace_about_debugger' : 'trace_about_hook');
  byId('about').hidden = trace !== null && trace.chains.length > 0;
  byId('start').textContent = words(fresh ? 'trace_start' : 'trace_again');
  byId('start').classList.toggle('primary', trace === null || trace.chains.length === 0);
  turn(isRunning ? 'start' : 'stop', isRunning ? 'stop' : 'start');
  byId('copy').hidden = trace === null || trace.chains.length === 0;
  const state = byId('state');
  state.hidden = trace === null;
  state.dataset.state = trace?.state ?? '';
  state.dataset.end = trace?.end ?? '';
  state.title = trace?.message ?? '';
  const isBad = trace?.end != null && !GOOD_ENDS.has(trace.end);
  state.classList.toggle('bad', isBad);
  const text = trace === null ? '' : traceStateWords(trace);
  // A screen reader says it again whenever it is set.
  if (state.textContent !== text) state.textContent = text;
  const chains = trace?.chains ?? [];
  show(
    byId('chains'),
    chains.map((steps, index) => ({ steps, index })),
    ({ index }) => String(index),
    ({ steps }) => drawChain(steps),
  );
}

/** One button takes the other's place, and the keyboard's. @param {string} from @param {string} to */
function turn(from, to) {
  const hadFocus = document.activeElement === byId(from);
  byId(from).hidden = true;
  byId(to).hidden = false;
  if (hadFocus) byId(to).focus();
}

async function copy() {
  const chains = current?.trace?.chains ?? [];
  await navigator.clipboard.writeText(chainsText(chains, stepWords, words('trace_nameless')));
  byId('copy').textContent = words('copied');
}

/** @param {Command} command */
async function carryOut(command) {
  try {
    await ask(command);
  } catch (error) {
    const state = byId('state');
    state.hidden = false;
    state.classList.add('bad');
    state.textContent = failureWords(failureOf(error));
  }
}
