// What the host tells of a finished capture, made ready for people: what is missing from when to when, and what its
// sentences are about, so that they can be said in the user's language. Pure.

/** @import { Note, NoteCode, Span } from '../types' */
/** @import { Gap } from '../generated/protocol' */

/** Most spans, and most notes, that are kept of one capture: more are counted, and nobody reads them. */
const MAX_SPANS = 100;
const MAX_NOTES = 20;

/** Longest sentence that is kept, in characters. */
const MAX_SENTENCE = 500;

/** Gaps that are no further apart than this, in seconds, are one to whoever watches. */
const TOUCHING = 0.1;

/** The host's sentences, in English, and what is to be filled into ours. @type {[NoteCode, RegExp][]} */
const SENTENCES = [
  ['duration', /^track \d+ plays for ([\d.]+) s, its playlist says ([\d.]+) s$/],
  ['overlap', /^track \d+ \(\w+\): ([\d.]+) s overlap at ([\d.]+) s$/],
  ['overlaps', /^track \d+ \(\w+\): (\d+) more overlaps$/],
  ['picture', /^segment \d+ of track \d+ is a \w+ picture ahead of the media: left out$/],
  ['cues', /^(?:track \d+: )?(\d+) subtitle cues were left out: /],
  ['left-out', /^left out of track \d+ \([^)]*\): (.+)$/],
  ['as-ts', /^(.+) is not merged by Weir itself, and .+: the stream is kept as a \.ts file$/],
  ['ffmpeg', /^(.+) is not merged by Weir itself: the ffmpeg that is installed did it$/],
  ['key-unproven', /^track \d+: nothing in it proves that its key is right; if the file shows noise, it is not$/],
  ['resumed', /^capture \d+ was interrupted and went on behind segment (\d+) of (\d+)$/],
  ['resumed-files', /^batch \d+ was interrupted and went on behind (\d+) of (\d+) files$/],
  ['watched', /^capture \d+ was under way in another process: this is how it ended there$/],
  ['begun-anew', /; the capture was begun anew$/],
  ['not-resumable', /^this capture cannot be resumed if it is interrupted: /],
  ['not-saved', /^not saved: (.+?): (.+)$/],
  ['saved-once', /^(\d+) files are the same as others and were saved once$/],
  ['further', /^(\d+) more files were not saved$/],
  ['no-subtitles', /^the subtitles are left out: they cannot go the way of this codec$/],
];

/**
 * The times at which something is missing: what overlaps, or touches, over all tracks, is one.
 * @param {Gap[]} gaps @returns {{parts: number, missing: Span[]}} how many, and the first of them
 */
export function missing(gaps) {
  /** @type {Span[]} */
  const all = [];
  const spans = gaps.map(({ startSeconds, durationSeconds }) => ({
    from: startSeconds,
    to: startSeconds + durationSeconds,
  }));
  for (const span of spans.sort((a, b) => a.from - b.from)) {
    const last = all.at(-1);
    if (last && span.from <= last.to + TOUCHING) last.to = Math.max(last.to, span.to);
    else all.push(span);
  }
  return { parts: all.length, missing: all.slice(0, MAX_SPANS) };
}

/**
 * What the host's sentences say. Of many files that are not saved the first are named, and all are counted.
 * @param {string[]} warnings @returns {Note[]}
 */
export function notes(warnings) {
  const all = warnings.map(noteOf);
  const others = all.filter(({ code }) => code !== 'not-saved' && code !== 'further').slice(0, MAX_NOTES);
  const named = all.filter(({ code }) => code === 'not-saved');
  const told = named.slice(0, MAX_NOTES);
  const counted = all.filter(({ code }) => code === 'further').map(({ values }) => Number(values[0]));
  const further = counted.reduce((sum, one) => sum + one, named.length - told.length);
  /** @type {Note[]} */
  const more = further > 0 ? [{ code: 'further', values: [String(further)] }] : [];
  return [...told, ...more, ...others];
}

/** Notes and further ones, each once. @param {Note[]} notes @param {Note[]} further */
export const together = (notes, further) => [
  ...new Map([...notes, ...further].map((note) => [JSON.stringify(note), note])).values(),
];

/** A sentence that is not known, of a newer host, is shown as it is. @param {string} sentence @returns {Note} */
function noteOf(sentence) {
  const text = sentence.slice(0, MAX_SENTENCE);
  for (const [code, pattern] of SENTENCES) {
    const found = pattern.exec(text);
    if (found) return { code, values: found.slice(1) };
  }
  return { code: null, values: [text] };
}
