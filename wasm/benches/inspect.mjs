// How long a long playlist takes in wasm: `node wasm/benches/inspect.mjs` after `cargo xtask build`.
// The goal for 100,000 segments is 400 ms. Node has the same engine and the same URL parser as Chromium.

import { readFileSync } from 'node:fs';

import { initSync, inspect, plan } from '../../extension/generated/weir_wasm.js';

const SEGMENTS = 100_000;
const ROUNDS = 10;
const SOURCE = 'https://cdn.example.com/live/one/main.m3u8?token=1';

initSync({ module: readFileSync(new URL('../../extension/generated/weir_wasm_bg.wasm', import.meta.url)) });

const lines = ['#EXTM3U', '#EXT-X-VERSION:7', '#EXT-X-TARGETDURATION:6', '#EXT-X-MEDIA-SEQUENCE:1'];
for (let n = 0; n < SEGMENTS; n += 1) lines.push('#EXTINF:6.006,', `segments/${String(n).padStart(6, '0')}.ts`);
const text = [...lines, '#EXT-X-ENDLIST', ''].join('\n');

/** @param {string} name @param {() => unknown} work */
async function report(name, work) {
  const times = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    // Processor time: on a busy machine the clock runs while others do.
    const start = process.cpuUsage();
    await work();
    const { user, system } = process.cpuUsage(start);
    times.push((user + system) / 1000);
  }
  times.sort((a, b) => a - b);
  console.log(`${name}: ${times[0].toFixed(0)} ms, middle ${times[ROUNDS / 2].toFixed(0)} ms`);
}

const summary = inspect(text, SOURCE);
if (summary.segments !== SEGMENTS) throw new Error(`${summary.segments} segments were read`);
await report('inspect', () => inspect(text, SOURCE));
await report('plan', () => plan({ source: { url: SOURCE, text } }));
