import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  ReportQueue,
  asksWhetherTraced,
  cleanUrl,
  frameOf,
  readCall,
  readEarlier,
  readReport,
  sameOrigin,
  senderKind,
} from '../observe/reports.js';

const SELF = { id: 'weir', base: 'chrome-extension://weir/' };
const PLAYLIST = '#EXTM3U\n#EXTINF:1,\na.ts\n';

test('only content scripts in a tab and pages of this extension are listened to', () => {
  const page = { id: 'weir', url: 'chrome-extension://weir/ui/popup.html' };
  assert.equal(senderKind(page, SELF), 'page');
  assert.equal(senderKind({ ...page, tab: { id: 3 } }, SELF), 'page');
  assert.equal(senderKind({ id: 'weir', url: 'https://a/', tab: { id: 3 } }, SELF), 'content');
  // Bad inputs 79 and 80.
  assert.equal(senderKind({ id: 'weir', url: 'https://a/' }, SELF), null);
  assert.equal(senderKind({ id: 'weir', url: 'https://a/', tab: { id: -1 } }, SELF), null);
  assert.equal(senderKind({ id: 'other', url: 'https://a/', tab: { id: 3 } }, SELF), null);
  assert.equal(senderKind({ url: 'chrome-extension://weir.evil/' }, SELF), null);
});

test('a report is an address and the text of a playlist', () => {
  const report = { url: 'https://a/x.m3u8#t', status: 200, contentType: 'text/plain', text: PLAYLIST };
  const whole = { ...report, url: 'https://a/x.m3u8', frame: 'https://page/', time: 5 };
  const read = (/** @type {object} */ change) =>
    readReport({ type: 'report', time: 5, report: { ...report, ...change } }, 'https://page/');
  assert.deepEqual(read({}), whole);
  assert.deepEqual(read({ status: '200', contentType: {} }), { ...whole, status: null, contentType: null });
  assert.deepEqual(read({ url: '' }), { ...whole, url: null }, 'a text that the page made');
});

test('anything else is none', () => {
  const report = { url: 'https://a/x.m3u8', text: PLAYLIST };
  const bad = [
    null,
    'report',
    { type: 'capture', report },
    { type: 'report' },
    { type: 'report', report: { ...report, url: 'file:///etc/passwd' } },
    { type: 'report', report: { ...report, url: 'javascript:alert(1)' } },
    { type: 'report', report: { ...report, url: `https://a/${'x'.repeat(33_000)}` } },
    { type: 'report', report: { ...report, text: '<!doctype html>#EXTM3U' } },
    { type: 'report', report: { ...report, text: `${PLAYLIST}${'x'.repeat(16 * 1024 * 1024)}` } },
    { type: 'report', report: { ...report, text: ['#EXTM3U'] } },
  ];
  for (const message of bad) assert.equal(readReport(message, null), null, JSON.stringify(message)?.slice(0, 80));
  assert.equal(cleanUrl('not a url'), null);
});

test('what was asked for earlier is a few web addresses', () => {
  const urls = ['https://a/x.m3u8#t', 'https://a/x.m3u8', 'file:///etc/passwd', 5, 'x'.repeat(40_000)];
  assert.deepEqual(readEarlier({ type: 'earlier', urls }), ['https://a/x.m3u8']);
  assert.deepEqual(readEarlier({ type: 'earlier', urls: 'https://a/' }), []);
  assert.deepEqual(readEarlier({ type: 'report', urls }), []);
  const many = Array.from({ length: 1_000 }, (_, index) => `https://a/${index}.m3u8`);
  assert.equal(readEarlier({ type: 'earlier', urls: many }).length, 32);
});

test('a report is of its own frame: the address, else the origin, else the tab', () => {
  assert.equal(frameOf({ url: 'https://a/x', origin: 'https://a' }), 'https://a/x');
  assert.equal(frameOf({ url: 'about:blank', origin: 'https://a' }), 'https://a/');
  assert.equal(frameOf({ url: 'about:srcdoc', origin: 'null', tab: { url: 'https://b/' } }), 'https://b/');
  assert.equal(frameOf({ url: 'about:blank' }), null);
  assert.equal(sameOrigin('https://a/x', 'https://a'), true);
  assert.equal(sameOrigin('https://a/x', 'https://evil.a/x'), false);
  assert.equal(sameOrigin('https://a/x', null), true, 'the browser does not say who asked');
});

/** @param {number} status @param {string} text */
const numbered = (status, text) => ({
  url: 'https://a/',
  status,
  contentType: null,
  text,
  frame: null,
  time: 0,
});

test('a few huge reports do not fill the memory either', () => {
  const queue = new ReportQueue(() => new Promise(() => {}));
  const text = '#EXTM3U'.padEnd(10 * 1024 * 1024);
  for (let item = 1; item <= 10; item += 1) queue.push(numbered(item, text));
  assert.equal(queue.dropped, 10 - 1 - 3, 'one is under way, three wait');
});

test('a flood of 10,000 reports drops the oldest and keeps the rest in order', async () => {
  /** @type {number[]} */
  const done = [];
  const queue = new ReportQueue(async ({ status: item }) => {
    await null;
    if (item === null || item % 7 === 0) throw new Error('one that fails does not stop the others');
    done.push(item);
  });
  const warn = console.warn;
  console.warn = () => {};
  for (let item = 1; item <= 10_000; item += 1) queue.push(numbered(item, PLAYLIST));
  await new Promise((resolve) => setImmediate(resolve));
  console.warn = warn;
  assert.equal(queue.dropped, 10_000 - 64 - 1);
  assert.equal(done[0], 1, 'the one that was under way');
  assert.deepEqual(
    done.slice(1),
    Array.from({ length: 64 }, (_, index) => 9_937 + index).filter((item) => item % 7 !== 0),
  );
});

test('what a traced page says of its calls is bounded, and only addresses are taken', () => {
  const call = { url: 'https://a.example/1.m3u8#f', method: 'GET', worker: '', stack: 'load@https://a.example/a.js:1:1' };
  const read = (/** @type {object} */ change) => readCall({ type: 'called', call: { ...call, ...change } });
  assert.deepEqual(read({}), { ...call, url: 'https://a.example/1.m3u8' });
  for (const change of [{ url: 'javascript:1' }, { url: 7 }, { url: `https://a/${'a'.repeat(40_000)}` }, { stack: {} }])
    assert.equal(read(change), null);
  const long = read({ stack: 'a'.repeat(1e6), method: 'B'.repeat(1e6) });
  assert.deepEqual([long?.stack.length, long?.method.length], [32 * 1024, 20]);
  assert.equal(readCall({ type: 'report', call }), null);
  assert.deepEqual([asksWhetherTraced({ type: 'is-traced' }), asksWhetherTraced({ type: 'called' })], [true, false]);
});
