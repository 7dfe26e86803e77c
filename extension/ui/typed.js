// The part of the page of all captures where an address or the text of a playlist is typed, pasted or dropped: its streams,
// or the files of a list, to choose from.

import { nameOf } from '../plan/address_name.js';
import { markOf } from '../plan/preview.js';
import { failureOf } from '../report/failure.js';
import { TYPED } from '../state/tabs.js';
import { carryOut } from './acting.js';
import { ask } from './background.js';
import { copyCommand } from './copying.js';
import { byId, element, show } from './dom.js';
import { fileName } from './image_list.js';
import { preview } from './preview.js';
import { drawStream, seenOf } from './stream_card.js';
import { failureWords, words } from './words.js';

/** @import { Found, View } from '../types' */

/** @typedef {Extract<Found, {kind: 'list'}>} List */

/** @type {HTMLTextAreaElement} */ const typed = byId('typed-text');
/** @type {HTMLInputElement} */ const base = byId('typed-base');
/** @type {HTMLInputElement} */ const file = byId('typed-file');
/** @type {HTMLTextAreaElement} */ const headers = byId('typed-headers');
/** @type {HTMLInputElement} */ const key = byId('typed-key');
/** @type {HTMLInputElement} */ const iv = byId('typed-iv');

/** Largest file that is read, in bytes (core: MAX_PLAYLIST_BYTES). */
const MAX_FILE = 16 * 1024 * 1024;

/** Where the cause of a failure was typed. @type {Map<string, HTMLElement>} */
const NEEDED = new Map(/** @type {[string, HTMLElement][]} */ ([
  ['base-needed', base],
  ['bad-header-given', headers],
  ['bad-key-given', key],
]));

/** The list whose files are chosen. @type {List | null} */
let list = null;

/** What went along when that was looked at. */
let alongside = { headers: '', key: '', iv: '' };

export function begin() {
  typed.addEventListener('input', drawBase);
  byId('typed').addEventListener('submit', (event) => {
    event.preventDefault();
    void lookUp();
  });
  byId('typed-open').addEventListener('click', () => file.click());
  file.addEventListener('change', async () => {
    const [chosen] = file.files ?? [];
    if (chosen) await take(chosen);
    file.value = '';
  });
  document.addEventListener('dragover', (event) => event.preventDefault());
  document.addEventListener('drop', (event) => void drop(event));
  byId('list-all').addEventListener('click', () => choose(true));
  byId('list-none').addEventListener('click', () => choose(false));
  byId('entries').addEventListener('change', drawCount);
  byId('list-copy').addEventListener('click', () => void copy());
  byId('list-save').addEventListener('click', () => void save());
  drawBase();
  const [, id] = /^#clicked=(.+)$/.exec(location.hash) ?? [];
  if (id !== undefined) void found(clicked(id));
}

/** What was clicked in a menu. The worker may be ended while it looks; the next one knows as much. @param {string} id */
async function clicked(id) {
  const command = /** @type {const} */ ({ type: 'clicked', id });
  try {
    return await ask(command).catch((error) => {
      if (failureOf(error).code !== 'internal') throw error;
      return ask(command);
    });
  } finally {
    // Once: a page that is loaded again does not look again.
    history.replaceState(null, '', location.pathname + location.search);
  }
}

/** An address counts from itself. */
const isAddress = () => /^[a-z][a-z0-9+.-]*:\/\/\S*$/i.test(typed.value.trim());

function drawBase() {
  byId('typed-more').hidden = typed.value.trim() === '' || isAddress();
}

/** What goes along, as it was typed. */
const given = () => ({ headers: headers.value, key: key.value, iv: iv.value });

async function lookUp() {
  const text = typed.value.trim();
  if (text === '') {
    typed.focus();
    return;
  }
  const asked = isAddress() ? { address: text, text: null, base: null } : { address: null, text, base: base.value || null };
  alongside = given();
  await found(ask({ type: 'look-up', ...asked, given: alongside }));
}

/** Shows what was found, or why nothing was. @param {Promise<Found | null>} looking */
async function found(looking) {
  tell(null);
  byId('typed-state').textContent = words('typed_looking');
  list = null;
  try {
    const what = await looking;
    if (what?.kind === 'list') list = what;
    byId('typed-state').textContent = '';
  } catch (error) {
    byId('typed-state').textContent = '';
    const failure = failureOf(error);
    tell(`${failureWords(failure)} (${failure.message})`);
    NEEDED.get(failure.code)?.focus();
  }
  drawList();
}

/** @param {string | null} problem */
function tell(problem) {
  byId('typed-problem').hidden = problem === null;
  byId('typed-problem').textContent = problem ?? '';
}

/** @param {DragEvent} event */
async function drop(event) {
  event.preventDefault();
  const [dropped] = event.dataTransfer?.files ?? [];
  if (dropped) return take(dropped);
  const text = event.dataTransfer?.getData('text/uri-list') || event.dataTransfer?.getData('text/plain');
  if (!text) return;
  typed.value = text;
  drawBase();
  await lookUp();
}

/** @param {File} chosen */
async function take(chosen) {
  if (chosen.size > MAX_FILE) {
    tell(failureWords({ code: 'bad-playlist', message: '' }));
    return;
  }
  typed.value = await chosen.text();
  drawBase();
  await lookUp();
}

// --- streams ------------------------------------------------------------------------------------

/** @param {View} view of what was typed */
export function draw({ streams, jobs }) {
  const running = new Set(
    jobs.filter((job) => job.state !== 'finished' && job.tab === TYPED).map((job) => job.stream),
  );
  show(
    byId('typed-streams'),
    streams.map((stream) => ({ stream, title: nameOf(stream.url), busy: running.has(stream.id), wanted: 'best' })),
    ({ stream }) => stream.id,
    (item, old) =>
      drawStream(item, old, {
        capture: (quality) => void carryOut({ type: 'capture', tab: TYPED, stream: item.stream.id, quality }),
        preview: async (quality) => preview(TYPED, await markOf(item.stream.id, quality)),
        copy: (tool, quality) => copyCommand({ type: 'command', tab: TYPED, stream: item.stream.id, quality, tool }),
      }),
    seenOf,
  );
}

// --- a list -------------------------------------------------------------------------------------

function drawList() {
  byId('list').hidden = list === null;
  byId('entries').replaceChildren(...(list?.entries ?? []).map(entry));
  if (list === null) return;
  const { entries, left } = list;
  byId('list-title').textContent =
    left === 0 ? words('list_files', entries.length) : words('list_left', entries.length, left);
  drawCount();
}

/** @param {List['entries'][number]} file */
function entry({ url, title }) {
  const box = element('input', { type: 'checkbox', 'data-testid': 'entry' });
  box.checked = true;
  const name = title?.trim() || fileName(url) || url;
  return element(
    'li',
    {},
    element('label', {}, box, element('span', {}, name), element('span', { class: 'where' }, new URL(url).host)),
  );
}

const boxes = () => [...byId('entries').querySelectorAll('input')];

/** @param {boolean} isWanted */
function choose(isWanted) {
  for (const box of boxes()) box.checked = isWanted;
  drawCount();
}

function drawCount() {
  const count = boxes().filter((box) => box.checked).length;
  const button = /** @type {HTMLButtonElement} */ (byId('list-save'));
  button.textContent = count === 1 ? words('list_save_one') : words('list_save', count);
  button.disabled = count === 0;
  /** @type {HTMLButtonElement} */ (byId('list-copy')).disabled = count === 0;
}

/** @param {List} list @returns {import('../types').ChosenFiles} */
function chosen(list) {
  const wanted = boxes().map((box) => box.checked);
  const items = list.entries
    .filter((_, index) => wanted[index])
    .map(({ url, title }) => ({ url, name: title?.trim() || null }));
  return { tab: TYPED, items, title: list.title, page: list.page, given: alongside };
}

async function save() {
  if (list !== null) await carryOut({ type: 'download', ...chosen(list) });
}

async function copy() {
  if (list !== null) await copyCommand({ type: 'files-command', ...chosen(list) });
}
