// Whether a rule for addresses (plan/url_rules.js) is true: what the plan names does not answer, what the rule makes of it
// does. What the page was seen to get needs no proof.

/** @import { Proposal } from './url_rules.js' */

/** What a server says of an address. @typedef {'there' | 'refused' | 'unknown'} Word */

/** How long an answer is waited for, in milliseconds. */
const DEADLINE = 10_000;

/** The status of what is not there, or not under this address. */
const REFUSED = new Set([403, 404, 410]);

/**
 * @param {Pick<Proposal, 'own' | 'inferred'>} proposal @param {(url: string) => Promise<Word>} ask as the page does
 * @returns {Promise<boolean>}
 */
export const prove = async ({ own, inferred }, ask) =>
  (await ask(own)) === 'refused' && (inferred === null || (await ask(inferred)) === 'there');

/**
 * Asks for one byte, and waits for the head of the answer.
 * @param {string} url @returns {Promise<Word>}
 */
export async function wordOf(url) {
  const control = new AbortController();
  const timer = setTimeout(() => control.abort(), DEADLINE);
  try {
    const headers = { Range: 'bytes=0-0' };
    const { status } = await fetch(url, { headers, credentials: 'include', cache: 'no-store', signal: control.signal });
    if (status === 200 || status === 206) return 'there';
    return REFUSED.has(status) ? 'refused' : 'unknown';
  } catch {
    // No host of that name, or nobody who listens.
    return control.signal.aborted ? 'unknown' : 'refused';
  } finally {
    clearTimeout(timer);
    control.abort();
  }
}
