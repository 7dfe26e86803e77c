// One stream of the tab: what it is, which qualities there are, and the button.

import { TOOLS } from '../plan/commands.js';
import { element } from './dom.js';
import { marks, qualityWords, words } from './words.js';

/** @import { Stream, Tool } from '../types' */

/**
 * What of a stream is seen. Its addresses are not: the tokens in them may be other ones every second, and its id and values
 * tell it and its qualities apart.
 * @param {{stream: Stream, title: string, busy: boolean, wanted: string}} item
 */
export function seenOf({ stream: { url, unread, qualities, ...stream }, ...item }) {
  return { ...item, ...stream, values: qualities.map(({ value }) => value) };
}

/**
 * What can be done with a stream.
 * @typedef {object} Doing
 * @property {(quality: string) => void} capture
 * @property {(quality: string) => Promise<void>} preview
 * @property {(tool: Tool, quality: string) => Promise<boolean>} copy as a command; whether it was
 */

/**
 * @param {{stream: Stream, title: string, busy: boolean, wanted: string}} item
 * @param {HTMLElement | null} old the card so far: a quality that was chosen stays chosen
 * @param {Doing} doing
 */
export function drawStream({ stream, title, busy, wanted }, old, { capture, preview, copy }) {
  const chosen = /** @type {HTMLSelectElement | null} */ (old?.querySelector('select') ?? null)?.value;
  const hadFocus = /** @type {HTMLElement | null} */ (old?.querySelector(':focus') ?? null)?.dataset.testid;
  const name = title || words('untitled');
  const quality = element(
    'select',
    {
      'data-testid': 'quality',
      'aria-label': words('quality_label', name),
      disabled: stream.qualities.length < 2,
    },
    ...options(stream),
  );
  const values = [...quality.options].map(({ value }) => value);
  const choice = [chosen, wanted].find((value) => value !== undefined && values.includes(value));
  if (choice !== undefined) quality.value = choice;
  const texts = stream.live
    ? { ready: words('record'), busy: words('recording'), label: words('record_label', name) }
    : { ready: words('capture'), busy: words('capturing'), label: words('capture_label', name) };
  const button = element(
    'button',
    {
      type: 'button',
      class: 'primary',
      'data-testid': 'capture',
      'aria-label': busy ? null : texts.label,
      disabled: busy || stream.drm !== null,
    },
    busy ? texts.busy : texts.ready,
  );
  button.addEventListener('click', (event) => {
    // A capture is the user's own doing, and a second click is not a second capture.
    if (!event.isTrusted) return;
    button.disabled = true;
    capture(quality.value);
  });
  const watch = element(
    'button',
    { type: 'button', 'data-testid': 'preview', 'aria-label': words('preview_of', name), disabled: stream.drm !== null },
    words('preview'),
  );
  watch.addEventListener('click', (event) => {
    // What is asked for is asked for by a person.
    if (event.isTrusted) void preview(quality.value);
  });
  const card = element(
    'li',
    {
      class: 'card',
      'data-testid': 'stream',
      'data-url': stream.url,
      'data-kind': stream.kind,
      'data-live': String(stream.live ?? ''),
      'data-encrypted': stream.encrypted === null ? '' : String(stream.encrypted !== ''),
      'data-drm': stream.drm,
    },
    element('h3', { title: name }, name),
    element('p', { class: 'where', title: stream.url }, place(stream.url)),
    element(
      'p',
      { class: 'marks' },
      ...marks(stream).map(({ kind, text }) => element('span', { class: `mark ${kind}` }, text)),
    ),
    ...(stream.drm ? [element('p', { class: 'quiet' }, words('error_drm'))] : []),
    element('div', { class: 'actions' }, quality, watch, button),
    // What a page made itself has no address.
    ...(stream.drm || stream.url.includes('#') ? [] : [copyAs((tool) => copy(tool, quality.value), old)]),
  );
  if (hadFocus)
    queueMicrotask(() =>
      /** @type {HTMLElement | null} */ (card.querySelector(`[data-testid=${hadFocus}]`))?.focus(),
    );
  return card;
}

/** @param {(tool: Tool) => Promise<boolean>} copy @param {HTMLElement | null} old the card so far: what was open stays open */
function copyAs(copy, old) {
  const buttons = TOOLS.map((tool) => {
    const button = element('button', { type: 'button', 'data-testid': `copy-${tool}` }, tool);
    button.addEventListener('click', async () => {
      if (await copy(tool)) button.textContent = `${tool}: ${words('copied')}`;
    });
    return button;
  });
  return element(
    'details',
    { class: 'copy-as', open: old?.querySelector('.copy-as[open]') !== null && old !== null },
    element('summary', { 'data-testid': 'copy-as' }, words('copy_as')),
    element('p', { class: 'quiet' }, words('copy_as_hint')),
    element('div', { class: 'buttons' }, ...buttons),
  );
}

/** @param {Stream} stream */
function options(stream) {
  if (stream.qualities.length === 0) return [element('option', { value: 'best' }, words('quality_only'))];
  return stream.qualities.map((one) => element('option', { value: one.value }, qualityWords(one)));
}

/** Host and file, without the query: it may hold a token. @param {string} address */
function place(address) {
  const { host, pathname } = new URL(address);
  const file = pathname.split('/').filter(Boolean).at(-1);
  return file ? `${host} · ${file}` : host;
}
