import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Asked } from '../observe/asked.js';
import { Requests } from '../observe/requests.js';
import { Store } from '../state/store.js';
import { navigated, withPlaylist } from '../state/tabs.js';

/** A worker on what the last one has left. @param {Record<string, any>} saved */
async function worker(saved) {
  const store = new Store(
    {
      read: async () => structuredClone(saved),
      write: async (values) => void Object.assign(saved, structuredClone(values)),
      remove: async (keys) => {
        for (const key of keys) delete saved[key];
      },
    },
    () => {},
  );
  await store.ready;
  const requests = new Requests();
  const asked = new Asked(requests, store);
  /** @param {string} url @param {number} time */
  const got = (url, time) => {
    const frame = { type: 'xmlhttprequest', frameId: 0, initiator: 'https://page.example' };
    const details = { requestId: url, tabId: 1, url, method: 'GET', statusCode: 200, timeStamp: time, ...frame };
    requests.answered(/** @type {any} */ (details));
    asked.note(1);
  };
  return { store, asked, got };
}

const playlist = { url: 'https://page.example/a.m3u8', seenAt: 5 };
const segment = (/** @type {number} */ number) => `https://cdn.example/${number}.ts`;

test('what a tab has asked for outlives the worker, and goes with the page', async (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const saved = {};
  const first = await worker(saved);
  first.store.changeTab(1, (tab) => withPlaylist(tab, playlist));
  for (let number = 0; number < 100; number += 1) first.got(segment(number), 10 + number);
  first.got(`${segment(100)}?${'x'.repeat(3_000)}`, 200);
  assert.deepEqual(first.store.asked(1), [], 'they gather');
  context.mock.timers.tick(1_000);
  await first.store.written();

  const second = await worker(saved);
  const last = Array.from({ length: 60 }, (_, at) => segment(40 + at));
  assert.deepEqual(second.asked.of(1), last);
  second.got(segment(99), 300);
  second.got(segment(101), 301);
  assert.deepEqual(second.asked.of(1), [...last.slice(0, -1), segment(99), segment(101)], 'nothing twice');

  second.store.changeTab(1, (tab) => navigated(tab, 'https://page.example/other', 400));
  second.store.keepAsked(1, []);
  assert.deepEqual(second.asked.of(1), []);
  context.mock.timers.tick(1_000);
  await second.store.written();
  assert.deepEqual((await worker(saved)).asked.of(1), []);
});

test('of a tab without a playlist nothing is kept', async (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const { store, got } = await worker({});
  got(segment(1), 10);
  context.mock.timers.tick(2_000);
  assert.deepEqual(store.asked(1), []);
});
