// The golden frames of tests/fixtures/frames, which the Rust tests read too: both sides mean the same bytes.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';

import * as frames from '../native/frames.js';

const folder = new URL('../../tests/fixtures/frames/', import.meta.url);

/** @param {string} name @returns {any} */
const golden = (name) => JSON.parse(readFileSync(new URL(`${name}.json`, folder), 'utf8'));

test('builds the requests as they are recorded', () => {
  const start = golden('request-start');
  const refreshed = golden('request-refreshed');
  const download = golden('request-download');
  const settings = golden('request-settings');
  const example = golden('request-exampleName');
  const built = {
    'request-hello': frames.hello('0.1.0')(1),
    'request-start': frames.start(start.job, start.plan, start.context, start.options)(2),
    'request-download': frames.download(download.job, download.title, download.items, download.context)(8),
    'request-cancel': frames.cancel('job-1')(3),
    'request-finish': frames.finish('job-1')(7),
    'request-refreshed': frames.refreshed('job-1', refreshed.plan, refreshed.context)(8),
    'request-refreshFailed': frames.refreshFailed('job-1', 'tab-gone')(9),
    'request-next': frames.next('job-1')(18),
    'request-pause': frames.pause('job-1')(10),
    'request-history': frames.history()(11),
    'request-resume': frames.resume('job-3', 17)(12),
    'request-repair': frames.repair('job-4', 16)(13),
    'request-forget': frames.forget(17)(14),
    'request-revealCapture': frames.revealCapture(16)(15),
    'request-openCapture': frames.openCapture(16)(16),
    'request-jobs': frames.jobs()(4),
    'request-reveal': frames.reveal('job-1')(5),
    'request-settings': frames.settings(settings.change)(6),
    'request-exampleName': frames.exampleName(example.template, example.title, example.page, example.resolution, example.folder)(17),
  };
  for (const [name, frame] of Object.entries(built)) {
    assert.deepEqual(JSON.parse(JSON.stringify(frame)), golden(name), name);
  }
  const recorded = readdirSync(folder).filter((name) => name.startsWith('request-'));
  assert.deepEqual(
    recorded.sort(),
    Object.keys(built)
      .map((name) => `${name}.json`)
      .sort(),
  );
});

test('reads every recorded event', () => {
  const recorded = readdirSync(folder).filter((name) => name.startsWith('event-'));
  assert.ok(recorded.length >= 7, `${recorded}`);
  for (const name of recorded) {
    const frame = golden(name.replace('.json', ''));
    assert.deepEqual(frames.readEvent(frame), frame, name);
  }
});

test('leaves alone what is no event', () => {
  for (const frame of [
    null,
    7,
    'done',
    [],
    {},
    { type: 'done' },
    { type: 'done', re: '2' },
    { type: 'news', re: 1 },
  ]) {
    assert.equal(frames.readEvent(frame), null, JSON.stringify(frame));
  }
  assert.equal(frames.readEvent({ type: 'progress', job: null }), null);
});
