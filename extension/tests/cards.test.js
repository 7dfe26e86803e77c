// What the popup draws, in a document that is played: text from strangers is text.
import assert from 'node:assert/strict';
import { test } from 'node:test';

class Element {
  /** @type {(Element | string)[]} */ children = [];
  /** @type {Record<string, string>} */ attributes = {};
  /** @param {string} tag */
  constructor(tag) {
    this.tag = tag;
    this.classList = { add() {}, toggle() {} };
    this.style = {};
  }
  /** @param {string} name @param {string} value */
  setAttribute(name, value) {
    this.attributes[name] = value;
  }
  /** @param {string} name */
  removeAttribute(name) {
    delete this.attributes[name];
  }
  /** @param {...(Element | string)} children */
  append(...children) {
    this.children.push(...children);
  }
  addEventListener() {}
  get options() {
    return this.children;
  }
  get firstElementChild() {
    return this.children.find((child) => child instanceof Element);
  }
  /** @returns {Element[]} */
  get all() {
    return [this, ...this.children.flatMap((child) => (child instanceof Element ? child.all : []))];
  }
  /** The texts in it, one by one. @returns {string[]} */
  get texts() {
    return this.children.flatMap((child) => (child instanceof Element ? child.texts : [child]));
  }
}

Object.assign(globalThis, {
  document: { createElement: (/** @type {string} */ tag) => new Element(tag), activeElement: null },
  chrome: {
    runtime: { id: 'weir', getURL: () => 'chrome-extension://weir/', getManifest: () => ({ version: '0.1.0' }) },
    i18n: {
      getMessage: (/** @type {string} */ key, /** @type {string[]} */ values) => [key, ...values].join(' '),
      getUILanguage: () => 'en',
    },
  },
});
const { drawStream } = await import('../ui/stream_card.js');
const { drawJob } = await import('../ui/job_card.js');

const TITLE = '<img src=x onerror=alert(1)>';

/** @param {any} card @param {string[]} tags */
function check(card, tags) {
  /** @type {Element} */ const drawn = card;
  assert.ok(drawn.texts.includes(TITLE), `${drawn.texts}`);
  assert.deepEqual([...new Set(drawn.all.map(({ tag }) => tag))].sort(), tags);
}

test('a title that is markup is shown as text, before, during and after a capture (bad input 82)', () => {
  const stream = /** @type {any} */ ({
    id: 'https://a.example/x.m3u8 ',
    url: 'https://a.example/x.m3u8',
    kind: 'media',
    live: false,
    encrypted: null,
    drm: null,
    durationSeconds: 5,
    audioOnly: false,
    qualities: [],
  });
  const doing = { capture: () => {}, preview: async () => {}, copy: async () => true };
  check(
    drawStream({ stream, title: TITLE, busy: false, wanted: 'best' }, null, doing),
    ['button', 'details', 'div', 'h3', 'li', 'option', 'p', 'select', 'span', 'summary'],
  );
  const done = async () => true;
  const actions = { cancel: done, finish: done, reveal: done };
  const job = /** @type {any} */ ({
    job: 'j',
    title: TITLE,
    state: 'preparing',
    verdict: null,
    output: null,
    failure: null,
    segments: { total: 0, fetched: 0, retried: 0 },
    recordedSeconds: null,
    bytes: 0,
    parts: 0,
    missing: [],
    notes: [],
    subtitles: [],
  });
  check(drawJob(job, null, actions), ['button', 'div', 'h3', 'li', 'p', 'span']);
  const failure = { code: 'internal', message: TITLE };
  const ended = { ...job, title: '', state: 'finished', verdict: 'failed', output: TITLE, failure };
  check(drawJob(ended, null, actions), ['button', 'dd', 'details', 'div', 'dl', 'dt', 'h3', 'li', 'p', 'span', 'summary']);
});
