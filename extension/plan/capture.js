// A stream and a chosen quality -> what the engine's `plan` is asked. Pure.

import { location } from '../detect/group.js';
import { languageIn } from './site_rules.js';

/** @import { Manner, PlanRequest, Playlist } from '../types' */

/**
 * @param {Playlist} source the stream's first-level playlist
 * @param {Playlist[]} playlists all of the tab's
 * @param {string} quality `best`, or the URL of a variant
 * @param {string} title of the page
 * @param {(url: string) => string | undefined} textOf the text of a playlist as the page got it
 * @param {Pick<Manner, 'audio' | 'subtitles'>} wanted languages; where a stream has none like it, it is as without
 * @returns {{plan: PlanRequest, urls: string[]}} the request, and the playlists that it may ask for
 */
export function captureRequest(source, playlists, quality, title, textOf, wanted) {
  // What the page has read need not be asked again (the address may be good for one use). A live playlist must be.
  const read = new Map(
    playlists
      .filter(({ summary }) => summary?.kind === 'media' && !summary.live)
      .flatMap(({ url }) => {
        const text = textOf(url);
        return text === undefined ? [] : [[location(url), text]];
      }),
  );
  // Under the address that the source has for it: the page may have added a token.
  const known = addressesOf(source).flatMap((url) => {
    const text = url === source.url ? undefined : read.get(location(url));
    return text === undefined ? [] : [{ url, text }];
  });
  const text = isLive(source) ? undefined : textOf(source.url);
  return {
    plan: {
      source: { url: source.url, ...(text === undefined ? {} : { text }) },
      selection: {
        quality: quality === 'best' ? 'best' : { variant: quality },
        audio: renditions(source, 'AUDIO', wanted.audio) ?? 'default',
        subtitles: wanted.subtitles === 'all' ? 'all' : (renditions(source, 'SUBTITLES', wanted.subtitles) ?? 'none'),
      },
      title,
      known,
    },
    urls: addressesOf(source),
  };
}

/** Those of a kind in a language. @param {Playlist} source @param {string} kind @param {string | null} wanted */
function renditions({ summary }, kind, wanted) {
  if (summary?.kind !== 'multivariant') return null;
  const there = summary.renditions.filter(({ type }) => type === kind);
  const language = languageIn(there.map((one) => one.language), wanted);
  return language === null ? null : { language };
}

/** @param {Playlist} playlist */
const isLive = ({ summary }) => summary?.kind === 'media' && summary.live;

/** A playlist's own address and those of the playlists that it names. @param {Playlist} source */
export function addressesOf({ url, summary }) {
  if (summary?.kind !== 'multivariant') return [url];
  const named = [...summary.variants, ...summary.renditions].flatMap((one) => one.url ?? []);
  return [url, ...named].filter((address) => address.startsWith('http'));
}
