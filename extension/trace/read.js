// A playlist's text -> what it names, by the engine.

import { location, signature } from '../detect/group.js';
import { segmentKey } from './chain.js';

/** @import { Engine } from '../detect/engine.js' */
/** @import { TracedReading } from '../types' */

/**
 * Null for what is no playlist of a stream.
 * @param {Engine} engine @param {string} text @param {string} url @returns {Promise<TracedReading | null>}
 */
export async function readTraced(engine, text, url) {
  const summary = await engine.inspect(text, url);
  if (summary.kind === 'list') return null;
  if (summary.kind === 'multivariant') {
    const named = [...summary.variants, ...summary.renditions].flatMap((one) => one.url ?? []);
    return { kind: 'multivariant', children: new Set(named.map(location)) };
  }
  return { kind: 'media', segments: new Set((await segmentsOf(engine, text, url)).map(segmentKey)) };
}

/** The addresses of a media playlist's segments. @param {Engine} engine @param {string} text @param {string} url */
async function segmentsOf(engine, text, url) {
  try {
    const { tracks } = await engine.plan({ source: { url, text } });
    return tracks.flatMap(({ segments }) => segments.map((segment) => segment.url));
  } catch {
    // What Weir does not capture (DRM) can be traced all the same: by the first segment that is listed.
    return [signature(text, url)];
  }
}
