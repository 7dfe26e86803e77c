import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Engine } from '../detect/engine.js';

const TRAP = () => new WebAssembly.RuntimeError('unreachable');

/** @param {Partial<import('../detect/engine.js').Glue>} calls */
function engine(calls) {
  const counts = { loads: 0, resets: 0 };
  const glue = /** @type {import('../detect/engine.js').Glue} */ ({
    default: async () => void (counts.loads += 1),
    __wbg_reset_state: () => void (counts.resets += 1),
    observe: () => null,
    ...calls,
  });
  return { engine: new Engine(glue, 'weir.wasm'), counts };
}

/** @template T @param {() => Promise<T>} task */
async function quietly(task) {
  const warn = console.warn;
  console.warn = () => {};
  try {
    return await task();
  } finally {
    console.warn = warn;
  }
}

test('a trap fails its call, and the next call has a fresh instance (bad input 88)', async () => {
  let first = true;
  const { engine: reader, counts } = engine({
    inspect: () => {
      if (!first) return /** @type {any} */ ({ kind: 'list' });
      first = false;
      throw TRAP();
    },
  });
  await quietly(() => assert.rejects(reader.inspect('#EXTM3U', 'https://a/'), { code: 'parser-failed' }));
  assert.equal((await reader.inspect('#EXTM3U', 'https://a/')).kind, 'list');
  assert.deepEqual(counts, { loads: 1, resets: 1 });
});

test('a trap inside a future, which leaves its promise open, fails the call too', async () => {
  const { engine: reader, counts } = engine({ plan: () => new Promise(() => {}) });
  const planned = reader.plan(/** @type {any} */ ({}));
  await null;
  await null;
  assert.equal(reader.uncaught(new Error("not the engine's")), false);
  await quietly(async () => assert.equal(reader.uncaught(TRAP()), true));
  await assert.rejects(planned, { code: 'parser-failed' });
  assert.equal(counts.resets, 1);
});

test('what the engine throws keeps its code', async () => {
  const { engine: reader, counts } = engine({
    inspect: () => {
      throw { code: 'not-a-playlist', message: 'got a web page' };
    },
    fetchPlaylist: async () => {
      throw { code: 'http-status', message: '403' };
    },
  });
  await assert.rejects(reader.inspect('<html>', 'https://a/'), {
    code: 'not-a-playlist',
    message: 'got a web page',
  });
  await assert.rejects(reader.fetchPlaylist('https://a/'), { code: 'http-status' });
  assert.equal(counts.resets, 0);
});

test('an engine that did not load is tried again', async () => {
  let tries = 0;
  const { engine: reader } = engine({
    default: async () => {
      tries += 1;
      if (tries === 1) throw new Error('no memory');
    },
  });
  await assert.rejects(reader.observe({ url: 'https://a/' }), { code: 'parser-failed' });
  assert.equal(await reader.observe({ url: 'https://a/' }), null);
});
