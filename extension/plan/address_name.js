// What an address is called, where no page's title says. Pure.

/** Names that say nothing of what is in a playlist: its folder may. */
const GENERIC = new Set(['index', 'master', 'playlist', 'main', 'manifest', 'stream', 'video', 'chunklist', 'prog_index']);

/** The name of its file, without the ending, else of its folder. @param {string} address @returns {string} empty for none */
export function nameOf(address) {
  const parts = new URL(address).pathname.split('/').filter(Boolean).map(decoded);
  const stem = (parts.at(-1) ?? '').replace(/\.[^.]*$/, '');
  return GENERIC.has(stem.toLowerCase()) ? (parts.at(-2) ?? stem) : stem;
}

/** @param {string} part */
function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
