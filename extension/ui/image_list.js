// The images that were found in a tab's frames -> what the page of images lists, and what is saved. Pure.

/** @import { FoundImage, ImageFindings } from '../types' */
/** @import { DownloadItem } from '../generated/protocol' */

/** Most images that are listed (core: MAX_BATCH_FILES). */
export const MAX_LISTED = 10_000;

/** What can be chosen by; each but the last with the ends of its file names. @type {[string, RegExp][]} */
const KINDS = [
  ['jpeg', /^(jpe?g|jfif|pjpeg)$/],
  ['png', /^(a?png)$/],
  ['webp', /^webp$/],
  ['gif', /^gif$/],
  ['svg', /^svg(\+xml)?$/],
];

/** What is shown of what was found. @typedef {{minWidth: number, minHeight: number, kind: string, text: string}} Filter */

/**
 * Everything that was found, each address once, in the order of the frames; what a later look knows better is taken over.
 * @param {FoundImage[]} known from earlier looks @param {ImageFindings[]} findings of each frame
 * @returns {{images: FoundImage[], blobs: number, left: number, end: ImageFindings['end']}}
 */
export function gathered(known, findings) {
  const images = new Map(known.map((image) => [image.url, image]));
  let left = 0;
  for (const found of findings.flatMap((one) => one.images)) {
    const old = images.get(found.url);
    if (!old && images.size >= MAX_LISTED) left += 1;
    else images.set(found.url, old ? { ...old, ...sizeOf(found, old), text: old.text || found.text } : found);
  }
  const sum = (/** @type {(one: ImageFindings) => number} */ count) =>
    findings.reduce((all, one) => all + count(one), 0);
  const ends = findings.map(({ end }) => end);
  return {
    images: [...images.values()],
    blobs: sum((one) => one.blobs),
    left: left + sum((one) => one.left),
    end: ends.find((end) => end === 'time' || end === 'steps') ?? ends[0] ?? null,
  };
}

/** A size is taken over where none was known. @param {FoundImage} found @param {FoundImage} old */
const sizeOf = (found, old) => {
  const { width, height } = old.width === null || old.height === null ? found : old;
  return { width: width ?? old.width, height: height ?? old.height };
};

/** Its kind by its address: `other` where that does not tell. @param {string} url */
export function kindOf(url) {
  const type = url.startsWith('data:')
    ? (/^data:image\/([a-z0-9.+-]+)/i.exec(url)?.[1] ?? '')
    : (/\.([a-z0-9]+)$/i.exec(new URL(url).pathname)?.[1] ?? '');
  return KINDS.find(([, pattern]) => pattern.test(type.toLowerCase()))?.[0] ?? 'other';
}

/** The last part of an address's path, for people; empty where there is none. @param {string} url */
export function fileName(url) {
  if (url.startsWith('data:')) return '';
  const last = new URL(url).pathname.split('/').at(-1) ?? '';
  try {
    return decodeURIComponent(last);
  } catch {
    return last;
  }
}

/**
 * Does a filter let an image through? One whose size nobody knows yet is never too small.
 * @param {FoundImage} image @param {Filter} filter
 */
export function passes({ url, width, height, text }, filter) {
  const isLarge = (width ?? Infinity) >= filter.minWidth && (height ?? Infinity) >= filter.minHeight;
  const isOfKind = filter.kind === 'all' || kindOf(url) === filter.kind;
  const wanted = filter.text.trim().toLowerCase();
  const place = url.startsWith('data:') ? '' : url;
  return isLarge && isOfKind && `${text}\n${fileName(url)}\n${place}`.toLowerCase().includes(wanted);
}

/** What is saved of them. @param {FoundImage[]} images @param {'text' | 'address'} named @returns {DownloadItem[]} */
export const itemsOf = (images, named) =>
  images.map(({ url, text }) => ({ url, name: named === 'text' && text !== '' ? text : null }));
