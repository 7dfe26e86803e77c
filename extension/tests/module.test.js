// The module that ships, under the engine that keeps it alive. `cargo xtask build` makes it.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

import { Engine } from '../detect/engine.js';
import * as glue from '../generated/weir_wasm.js';

const MEDIA = '#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\na.ts\n#EXT-X-ENDLIST\n';
const BASE = 'https://a.example/index.m3u8';

/** An engine over the module, and what the module exports. */
async function load() {
  const bytes = await readFile(new URL('../generated/weir_wasm_bg.wasm', import.meta.url));
  const exports = await glue.default({ module_or_path: bytes });
  const whole = /** @type {any} */ ({ ...glue, default: async () => exports });
  return { whole, exports, reader: new Engine(whole, 'weir_wasm_bg.wasm') };
}

test('a trap in the module fails one call, and the next one works (bad input 88)', async (context) => {
  const { whole, exports, reader } = await load();
  context.mock.method(console, 'warn', () => {});
  const { inspect } = whole;
  // An alignment that is none: the allocator gives up as it does when the memory is full.
  whole.inspect = () => exports.__wbindgen_malloc(1, 3);
  await assert.rejects(reader.inspect(MEDIA, BASE), { code: 'parser-failed' });
  whole.inspect = inspect;
  const summary = await reader.inspect(MEDIA, BASE);
  assert.equal(summary.kind, 'media');
});

test('an oversize playlist is refused before it is copied, and the next call works (bad input 88)', async () => {
  const { exports, reader } = await load();
  const before = exports.memory.buffer.byteLength;
  const oversize = MEDIA + '#'.repeat(16 * 1024 * 1024);
  await assert.rejects(reader.inspect(oversize, BASE), { code: 'bad-playlist', message: /too large/ });
  assert.equal(exports.memory.buffer.byteLength, before);
  assert.equal((await reader.inspect(MEDIA, BASE)).kind, 'media');
});

test('a playlist of 100,000 segments is read in seconds', async () => {
  const { reader } = await load();
  const segments = Array.from({ length: 100_000 }, (_, number) => `#EXTINF:4,\nsegment-${number}.ts\n`).join('');
  const begin = performance.now();
  const summary = await reader.inspect(`#EXTM3U\n#EXT-X-TARGETDURATION:4\n${segments}`, BASE);
  assert.ok(performance.now() - begin < 10_000, 'a busy machine may take ten times as long');
  assert.equal(summary.kind === 'media' && summary.segments, 100_000);
});
