// All captures: what is under way, and everything that the host's journal knows, whoever asked for it.

import * as platform from '../platform.js';
import { elsewhere, isAbout, rows } from '../report/history.js';
import { TYPED } from '../state/tabs.js';
import { actionsOf, announce, carryOut, complain } from './acting.js';
import { ask, watch } from './background.js';
import { byId, element, show } from './dom.js';
import { drawHostNotice } from './host_notice.js';
import { drawJob } from './job_card.js';
import * as preview from './preview.js';
import * as typed from './typed.js';
import { hostWords, localise, moment, words } from './words.js';

/** @import { Command, Job, Row, View } from '../types' */
/** @import { Capture } from '../generated/protocol' */

/** How often it is looked what other processes are doing, in milliseconds. */
const LOOK_AGAIN = 2_000;

/** @type {HTMLInputElement} */ const search = byId('search');
/** @type {HTMLDialogElement} */ const confirm = byId('confirm');

/** @type {Job[]} */
let jobs = [];

/** The journal; null before it was read. @type {Capture[] | null} */
let captures = null;

/** The captures of this browser when the journal was read: one that has ended since is not in it yet. @type {Job[]} */
let settled = [];

/** What the journal was last read for. */
let readFor = '';

localise();
search.placeholder = words('search_label');
byId('options').addEventListener('click', () => platform.openOptions());
search.addEventListener('input', drawHistory);
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'visible') void readJournal();
});
setInterval(() => {
  const isSeen = document.visibilityState === 'visible';
  if (isSeen && elsewhere(captures ?? [], jobs).length > 0) void readJournal();
}, LOOK_AGAIN);
typed.begin();
preview.begin();
watch(`view:${TYPED}`, draw);

/** @param {View} view */
function draw(view) {
  const { host } = view;
  jobs = view.jobs;
  byId('connection').textContent = hostWords(host);
  drawHostNotice(byId('notice'), host, () => void carryOut({ type: 'connect' }));
  typed.draw(view);
  drawUnderway();
  announce(jobs);
  // A capture that begins or ends is another line of the journal; its progress is none.
  const now = JSON.stringify([host.state, jobs.map(({ job, state }) => [job, state === 'finished'])]);
  if (now === readFor) return;
  readFor = now;
  if (host.state === 'ready') void readJournal();
  else if (host.state === 'failed') settle();
}

async function readJournal() {
  const known = jobs;
  try {
    captures = await ask({ type: 'history' });
  } catch (error) {
    // What concerns the host's connection is in the notice.
    if (byId('notice').hidden) complain(error);
  }
  settle(known);
}

function settle(known = jobs) {
  settled = known;
  drawUnderway();
  drawHistory();
}

function drawUnderway() {
  const here = jobs.filter((job) => job.state !== 'finished');
  const others = elsewhere(captures ?? [], jobs);
  show(
    byId('underway'),
    [...here, ...others],
    ({ job }) => job,
    (job, old) =>
      here.includes(job)
        ? drawJob(job, old, actionsOf(job))
        : drawJob(job, old, {}, [element('span', {}, words('elsewhere'))]),
  );
  byId('idle').hidden = here.length + others.length > 0;
}

function drawHistory() {
  const all = rows(captures ?? [], settled);
  const sought = search.value.trim();
  const found = sought === '' ? all : all.filter((row) => isAbout(row, sought));
  show(byId('history'), found, ({ job, capture }) => (capture === null ? job.job : `capture-${capture}`), drawRow);
  byId('count').textContent = captures === null && found.length === 0 ? '' : words('count', found.length);
  const none = byId('none');
  none.hidden = found.length > 0 || captures === null;
  none.textContent = sought === '' ? words('history_none') : words('search_none');
}

/** @param {Row} row @param {HTMLElement | null} old */
function drawRow(row, old) {
  const { job, site, page, at } = row;
  const place = page === null ? element('span', {}, site) : linkTo(page, site);
  const when = element('time', { datetime: new Date(at).toISOString() }, moment(at));
  return drawJob(job, old, actionsOn(row), [place, ...(site === '' ? [] : [' · ']), when]);
}

/** The page that a capture came from, in a tab of its own. @param {string} page @param {string} site */
const linkTo = (page, site) => element('a', { href: page, target: '_blank', rel: 'noopener noreferrer' }, site);

/** What can be done with a line of the history. @param {Row} row */
function actionsOn({ job: { job }, capture, can }) {
  /** @type {{[action in Row['can'][number]]: () => Promise<boolean>}} */
  const all = {
    again: () => changing({ type: 'again', job: capture === null ? job : null, capture }),
    resume: () => changing({ type: 'again', job: null, capture }),
    repair: () => changing({ type: 'repair', capture: Number(capture) }),
    open: () => carryOut({ type: 'open-capture', capture: Number(capture) }),
    reveal: () => carryOut({ type: 'reveal-capture', capture: Number(capture) }),
    forget: () => forget(job, capture),
  };
  return Object.fromEntries(can.map((action) => [action, all[action]]));
}

/** Carries out what makes the journal another one. @param {Command} command */
async function changing(command) {
  const isDone = await carryOut(command);
  if (isDone) await readJournal();
  return isDone;
}

/** Asks first. @param {string} id @param {number | null} capture */
async function forget(id, capture) {
  const row = rows(captures ?? [], settled).find((one) => one.job.job === id);
  if (!row) return false;
  const { title, output } = row.job;
  const name = title || words('untitled');
  byId('confirm-text').textContent =
    output === null ? words('forget_nothing', name) : words('forget_keeps', name, output);
  confirm.returnValue = '';
  confirm.showModal();
  await new Promise((resolve) => confirm.addEventListener('close', resolve, { once: true }));
  if (confirm.returnValue !== 'yes') return false;
  const isDone = await changing({ type: 'forget', job: capture === null ? id : null, capture });
  if (isDone) search.focus();
  return isDone;
}
