// What is missing and what is to be known of a capture. The host's sentences are taken from its sources here, so that
// one that is written otherwise is found out.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { missing, notes } from '../report/outcome.js';

/** @param {number} track @param {number} startSeconds @param {number} durationSeconds */
const gap = (track, startSeconds, durationSeconds) => ({ track, sequence: 0, startSeconds, durationSeconds });

test('gaps that touch or overlap are one part, over all tracks, in order', () => {
  const gaps = [gap(1, 5, 4), gap(0, 20, 2), gap(0, 4, 2), gap(0, 6.05, 2), gap(0, 5, 1)];
  assert.deepEqual(missing(gaps), {
    parts: 2,
    missing: [
      { from: 4, to: 9 },
      { from: 20, to: 22 },
    ],
  });
  assert.deepEqual(missing([]), { parts: 0, missing: [] });
});

test('of a thousand parts the first are kept, and all are counted', () => {
  const { parts, missing: kept } = missing(Array.from({ length: 1_000 }, (_, index) => gap(0, index * 10, 2)));
  assert.deepEqual([parts, kept.length, kept[99]], [1_000, 100, { from: 990, to: 992 }]);
});

/** A sentence of the host: the file it is in, as it is written there, what is filled in, and what it is known as. */
const SENTENCES = [
  {
    file: 'merge/inputs.rs',
    literal: 'track {index} plays for {seconds:.1} s, its playlist says {expected:.1} s',
    filled: ['1', '3598.2', '3600.0'],
    note: { code: 'duration', values: ['3598.2', '3600.0'] },
  },
  {
    file: 'merge/overlap.rs',
    literal: 'track {track} ({kind}): {length:.1} s overlap at {at:.1} s',
    filled: ['0', 'video', '0.5', '72.4'],
    note: { code: 'overlap', values: ['0.5', '72.4'] },
  },
  {
    file: 'merge/overlap.rs',
    literal: 'track {track} ({kind}): {more} more overlaps',
    filled: ['0', 'audio', '12'],
    note: { code: 'overlaps', values: ['12'] },
  },
  {
    file: 'merge/inputs.rs',
    literal: 'segment {segments} of track {track} is a {name} picture ahead of the media: left out',
    filled: ['0', '0', 'PNG'],
    note: { code: 'picture', values: [] },
  },
  {
    file: 'merge/inputs.rs',
    literal: 'left out of track {input} ({}): {what}',
    filled: ['0', 'audio', '12 bytes of sound without a frame'],
    note: { code: 'left-out', values: ['12 bytes of sound without a frame'] },
  },
  {
    file: 'merge/inputs.rs',
    literal: 'track {index}: nothing in it proves that its key is right; if the file shows noise, it is not',
    filled: ['0'],
    note: { code: 'key-unproven', values: [] },
  },
  {
    file: 'demux/webvtt/mod.rs',
    literal: '{bad} subtitle cues were left out: their times make no sense',
    filled: ['3'],
    note: { code: 'cues', values: ['3'] },
  },
  {
    file: 'demux/webvtt/mod.rs',
    literal: '{late} subtitle cues were left out: they came long after their time',
    filled: ['3'],
    note: { code: 'cues', values: ['3'] },
  },
  {
    file: 'demux/webvtt/mod.rs',
    literal:
      '{} subtitle cues were left out: the times of {bad} make no sense, {late} came long after their time',
    filled: ['5', '3', '2'],
    note: { code: 'cues', values: ['5'] },
  },
  {
    file: 'merge/mod.rs',
    literal: '{name} is not merged by Weir itself: the ffmpeg that is installed did it',
    filled: ['MPEG-2 video'],
    note: { code: 'ffmpeg', values: ['MPEG-2 video'] },
  },
  {
    file: 'merge/mod.rs',
    literal: '{name} is not merged by Weir itself, and {error}: the stream is kept as a .ts file',
    filled: ['MPEG-2 video', 'no ffmpeg is installed'],
    note: { code: 'as-ts', values: ['MPEG-2 video'] },
  },
  {
    file: 'job/beginning.rs',
    literal: 'capture {id} was interrupted and went on behind segment {} of {total}',
    filled: ['7', '120', '300'],
    note: { code: 'resumed', values: ['120', '300'] },
  },
  {
    file: 'batch/mod.rs',
    literal: 'batch {number} was interrupted and went on behind {came} of {total} files',
    filled: ['7', '12', '30'],
    note: { code: 'resumed-files', values: ['12', '30'] },
  },
  {
    file: 'job/mod.rs',
    literal: 'capture {number} was under way in another process: this is how it ended there',
    filled: ['3'],
    note: { code: 'watched', values: [] },
  },
  {
    file: 'job/beginning.rs',
    literal: '{error}; the capture was begun anew',
    filled: ['cannot resume capture 7: another version of Weir began it; what was written is kept'],
    note: { code: 'begun-anew', values: [] },
  },
  {
    file: 'job/beginning.rs',
    literal: 'this capture cannot be resumed if it is interrupted: {error}',
    filled: ['no home folder is known: set HOME'],
    note: { code: 'not-resumable', values: [] },
  },
  {
    file: 'merge/mod.rs',
    literal: 'the subtitles are left out: they cannot go the way of this codec',
    filled: [],
    note: { code: 'no-subtitles', values: [] },
  },
  {
    file: 'batch/mod.rs',
    literal: 'not saved: {what}: {said}',
    filled: ['https://cdn.example/a.jpg', 'HTTP 404: from https://cdn.example/a.jpg'],
    note: {
      code: 'not-saved',
      values: ['https://cdn.example/a.jpg', 'HTTP 404: from https://cdn.example/a.jpg'],
    },
  },
  {
    file: 'batch/mod.rs',
    literal: '{copies} files are the same as others and were saved once',
    filled: ['3'],
    note: { code: 'saved-once', values: ['3'] },
  },
  {
    file: 'batch/mod.rs',
    literal: '{more} more files were not saved',
    filled: ['7'],
    note: { code: 'further', values: ['7'] },
  },
];

test('the sentences of the host are known', () => {
  for (const { file, literal, filled, note } of SENTENCES) {
    const source = readFileSync(new URL(`../../native-host/src/${file}`, import.meta.url), 'utf8');
    assert.ok(source.includes(`"${literal}"`), `${file} does not say: ${literal}`);
    const values = [...filled];
    const sentence = literal.replaceAll(/\{[^}]*\}/g, () => String(values.shift()));
    assert.deepEqual(notes([sentence]), [note], sentence);
  }
  const ofTrack = 'track 2: 3 subtitle cues were left out: their times make no sense';
  assert.deepEqual(notes([ofTrack]), [{ code: 'cues', values: ['3'] }]);
});

test('what is not known is shown as it is, and not without bounds', () => {
  assert.deepEqual(notes(['track 0 is upside down']), [{ code: null, values: ['track 0 is upside down'] }]);
  const many = notes(Array(1_000).fill('x'.repeat(10_000)));
  assert.deepEqual([many.length, many[0]?.values[0]?.length], [20, 500]);
});

test('of many files that are not saved the first are named, all are counted, and nothing else is pushed out', () => {
  const lost = Array.from({ length: 200 }, (_, n) => `not saved: https://cdn.example/${n}.jpg: HTTP 404`);
  const all = notes([...lost, '40 more files were not saved', '3 files are the same as others and were saved once']);
  assert.deepEqual(all.slice(0, 20).map(({ values }) => values[0]), lost.slice(0, 20).map((one) => one.split(' ')[2]?.slice(0, -1)));
  assert.deepEqual(all.slice(20), [{ code: 'further', values: ['220'] }, { code: 'saved-once', values: ['3'] }]);
});
