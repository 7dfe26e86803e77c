import assert from 'node:assert/strict';
import { test } from 'node:test';

import { mayBePlaylist, overhear } from '../observe/bodies.js';

const PLAYLIST = '#EXTM3U\n#EXTINF:1,\na\u00e9.ts\n';

/** A body in these pieces, and what the page gets of it. @param {(string | Uint8Array)[]} pieces */
async function pass(pieces) {
  const encoder = new TextEncoder();
  /** @type {Uint8Array[]} */
  const written = [];
  let left = false;
  /** @type {any} */
  const body = {
    write: (/** @type {ArrayBuffer} */ data) => written.push(new Uint8Array(data)),
    close: () => {},
    disconnect: () => (left = true),
  };
  const text = overhear(body);
  const sent = pieces.map((piece) => (typeof piece === 'string' ? encoder.encode(piece) : piece));
  const passed = [];
  for (const piece of sent) {
    if (left) break;
    body.ondata({ data: piece.slice().buffer });
    passed.push(piece);
  }
  assert.ok(Buffer.concat(written).equals(Buffer.concat(passed)), 'the page has all that came');
  if (!left) body.onstop();
  return { text: await text, left };
}

test('a playlist is overheard whole, however it is cut', async () => {
  assert.deepEqual(await pass([PLAYLIST]), { text: PLAYLIST, left: false });
  const bytes = new TextEncoder().encode(PLAYLIST);
  const single = [...bytes].map((byte) => Uint8Array.of(byte));
  assert.deepEqual(await pass(single), { text: PLAYLIST, left: false });
  const long = PLAYLIST + '#EXTINF:1,\nb.ts\n'.repeat(1000);
  assert.deepEqual(await pass([long.slice(0, 3), long.slice(3, 9000), long.slice(9000)]), {
    text: long,
    left: false,
  });
});

test('what is none is let go at once', async () => {
  const page = `<!doctype html>${' '.repeat(2000)}`;
  assert.deepEqual(await pass([page, page, page]), { text: null, left: true });
  assert.deepEqual(await pass(['{}']), { text: null, left: false });
  assert.deepEqual(await pass([]), { text: null, left: false });
});

test('what is too long is let go', async () => {
  const piece = new Uint8Array(1 << 20).fill(10);
  assert.deepEqual(await pass([PLAYLIST.padEnd(2000), ...Array(17).fill(piece)]), { text: null, left: true });
});

test('only answers that could be one are looked at', () => {
  const answer = (/** @type {object} */ change) =>
    mayBePlaylist(
      /** @type {any} */ ({
        tabId: 3,
        statusCode: 200,
        url: 'https://a/list.m3u8?x',
        responseHeaders: [{ name: 'Content-Type', value: 'text/plain' }],
        ...change,
      }),
    );
  assert.equal(answer({}), true);
  assert.equal(answer({ statusCode: 404 }), false);
  assert.equal(answer({ url: 'https://a/seg.ts' }), false);
  const typed = [{ name: 'content-type', value: 'application/vnd.apple.mpegURL; charset=utf-8' }];
  assert.equal(answer({ url: 'https://a/list', responseHeaders: typed }), true);
  assert.equal(answer({ tabId: -1 }), false, "the extension's own");
  assert.equal(answer({ tabId: -1, documentUrl: 'https://a/worker.js' }), true);
});
