// Playlists of a tab -> the streams that its popup shows. A multivariant playlist and all that it names are one stream;
// a media playlist that nothing names is one of its own; reloads under a fresh token or time stamp are not new. Pure.

/** @import { MediaSummary, MultivariantSummary, Playlist, Quality, Stream, VariantSummary } from '../types' */

/** Query parameters that change from reload to reload of one playlist. */
const VOLATILE = new RegExp(
  `^(${[
    // Time stamps and cache busters.
    '_|t|ts|time|timestamp|rand|random|rnd|cb|nocache|cachebuster|nonce',
    // Tokens, signatures and when they expire: the usual names, Akamai, CloudFront, Wangsu, Amazon S3.
    'token|access_token|auth|auth_key|sig|signature|sign|hash|e|exp|expires|expiry|st',
    'hdnts|hdnea|hdntl|policy|key-pair-id|wssecret|wstime|x-amz-.*',
    // Delivery directives of RFC 8216bis, 6.2.5.
    '_hls_.*',
  ].join('|')})$`,
  'i',
);

/**
 * The streams in `playlists`, in the order in which they were seen.
 * @param {Playlist[]} playlists
 * @returns {Stream[]}
 */
export function streams(playlists) {
  const read = playlists.filter((playlist) => playlist.summary !== null);
  const byIdentity = new Map();
  for (const playlist of read) {
    const key = identity(playlist);
    const first = byIdentity.get(key);
    // The latest address has the freshest token; the place in the list stays the first one's.
    byIdentity.set(key, first ? { ...playlist, seenAt: first.seenAt } : playlist);
  }
  const distinct = withoutCopies([...byIdentity.values()]);
  const parents = distinct.filter(isMultivariant).filter(({ summary }) => childrenOf(summary).length > 0);
  const named = new Set(parents.flatMap((parent) => childrenOf(parent.summary).map(location)));
  const lone = distinct
    .filter(isMedia)
    .filter((playlist) => playlist.shown && !named.has(location(playlist.url)));
  return [...parents.map((parent) => grouped(parent, distinct)), ...lone.map(alone)]
    .sort((a, b) => a.seenAt - b.seenAt)
    .map(({ stream }) => stream);
}

/**
 * What a page made of a playlist that it also asked for is not another one: it names the same, or, live, something in
 * the same place.
 * @param {Playlist[]} playlists
 */
function withoutCopies(playlists) {
  const originals = playlists.filter((playlist) => !playlist.made);
  const isCopy = (/** @type {Playlist} */ copy) =>
    originals.some(
      (original) =>
        original.summary?.kind === copy.summary?.kind &&
        (original.signature === copy.signature ||
          (isMedia(copy) && copy.summary.live && placeOf(original.signature) === placeOf(copy.signature))),
    );
  return playlists.filter((playlist) => !playlist.made || !isCopy(playlist));
}

/**
 * The first resource that a playlist names, without query and fragment.
 * @param {string} text @param {string} base what its references count from
 */
export function signature(text, base) {
  const line = text
    .split(/\r\n?|\n/, 2_000)
    .find((line) => line.trim() !== '' && !line.trim().startsWith('#'));
  const reference = (line ?? '').trim().replace(/[?#].*$/, '');
  const resolved = URL.canParse(reference, base) ? new URL(reference, base).href : reference;
  return resolved.slice(0, 512);
}

/** Where a resource is, without its name. @param {string} signature */
export const placeOf = (signature) => signature.replace(/[^/]*$/, '');

/**
 * Is a media playlist that nothing names a stream? Subtitles and the pictures of a seek bar are none.
 * @param {string} text @param {string} signature
 */
export const isStream = (text, signature) =>
  !/\.(vtt|webvtt|ttml|dfxp)$/i.test(signature) && !/^#EXT-X-(I-FRAMES|IMAGES)-ONLY/m.test(text);

/** Most variants, renditions and warnings of one playlist that are kept: a person chooses among a few. */
const MAX_KEPT = 200;

/**
 * A summary of a size that can be stored, whatever the playlist held.
 * @param {MediaSummary | MultivariantSummary} summary
 */
export function bounded(summary) {
  const warnings = summary.warnings.slice(0, MAX_KEPT);
  if (summary.kind === 'media') return { ...summary, warnings };
  const [variants, renditions] = [summary.variants.slice(0, MAX_KEPT), summary.renditions.slice(0, MAX_KEPT)];
  return { ...summary, warnings, variants, renditions };
}

/** What two playlists share when they are the same one, asked for again. @param {Playlist} playlist */
function identity(playlist) {
  if (playlist.made) return playlist.url;
  const text = isMedia(playlist) && playlist.summary.live ? 'live' : playlist.signature;
  return `${location(playlist.url)} ${text}`;
}

/**
 * An address without what may be added to it on the way from one playlist to the next: where two of them are equal, the
 * playlists are the same.
 * @param {string} address
 */
export function location(address) {
  const url = new URL(address);
  const query = [...url.searchParams].filter(([name]) => !VOLATILE.test(name)).map((pair) => pair.join('='));
  return [url.origin + url.pathname, ...query.sort()].join(' ');
}

/** @param {MultivariantSummary} summary @returns {string[]} */
const childrenOf = (summary) => [
  ...summary.variants.map((variant) => variant.url),
  ...summary.renditions.flatMap((rendition) => rendition.url ?? []),
];

/**
 * @param {Playlist & {summary: MultivariantSummary}} parent @param {Playlist[]} all
 * @returns {{seenAt: number, stream: Stream}}
 */
function grouped(parent, all) {
  const variants = bestFirst(parent.summary.variants);
  const places = new Set(childrenOf(parent.summary).map(location));
  const children = all.filter(isMedia).filter((playlist) => places.has(location(playlist.url)));
  const main = new Set(variants.map((variant) => location(variant.url)));
  // Duration and encryption are those of a variant when one was read, else of a rendition.
  const detail = children.find((child) => main.has(location(child.url))) ?? children[0];
  const drm = parent.summary.drm ?? children.find((child) => child.summary.drm)?.summary.drm ?? null;
  return {
    seenAt: Math.min(parent.seenAt, ...children.map((child) => child.seenAt)),
    stream: {
      ...described(parent, detail?.summary ?? null),
      drm,
      qualities: choices(variants),
      audioOnly: variants.length > 0 && variants.every(isAudio),
      unread: detail ? null : (variants[0]?.url ?? null),
    },
  };
}

/** @param {Playlist & {summary: MediaSummary}} playlist @returns {{seenAt: number, stream: Stream}} */
const alone = (playlist) => ({
  seenAt: playlist.seenAt,
  stream: { ...described(playlist, playlist.summary), qualities: [], audioOnly: false, unread: null },
});

/** @param {Playlist} playlist @param {MediaSummary | null} media */
const described = (playlist, media) => ({
  id: identity(playlist),
  url: playlist.url,
  kind: /** @type {'multivariant' | 'media'} */ (playlist.summary?.kind),
  host: new URL(playlist.url).host,
  live: media ? media.live : null,
  encrypted: media ? (media.encrypted ?? '') : null,
  drm: media?.drm ?? null,
  durationSeconds: media?.durationSeconds ?? null,
});

/** By lines, then by bits per second. @param {VariantSummary[]} variants */
const bestFirst = (variants) =>
  [...variants].sort((a, b) => (b.height ?? 0) - (a.height ?? 0) || (b.bandwidth ?? 0) - (a.bandwidth ?? 0));

/**
 * What can be chosen: the best, then each one. The same quality from a second server is not another choice.
 * @param {VariantSummary[]} variants best first @returns {Quality[]}
 */
function choices(variants) {
  const [best] = variants;
  if (!best) return [];
  const distinct = new Map();
  for (const variant of variants) {
    const { width, height, frameRate, bandwidth } = variant;
    const key = [width, height, frameRate, bandwidth].join(' ');
    if (!distinct.has(key))
      distinct.set(key, { value: key, url: variant.url, width, height, frameRate, bandwidth });
  }
  const all = [...distinct.values()];
  return [{ ...all[0], value: 'best' }, ...all];
}

/** A variant without a picture, by its codecs. @param {VariantSummary} variant */
const isAudio = (variant) =>
  variant.height === null &&
  variant.codecs.length > 0 &&
  variant.codecs.every((codec) => /^(mp4a|ac-3|ec-3|opus|fLaC|mp3)/i.test(codec));

/** @param {Playlist} playlist @returns {playlist is Playlist & {summary: MultivariantSummary}} */
const isMultivariant = (playlist) => playlist.summary?.kind === 'multivariant';

/** @param {Playlist} playlist @returns {playlist is Playlist & {summary: MediaSummary}} */
const isMedia = (playlist) => playlist.summary?.kind === 'media';
