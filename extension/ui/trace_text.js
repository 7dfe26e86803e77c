// A trace as plain text, for the clipboard; and how addresses are shown. Pure.

/** @import { CallStack, ChainStep, StackFrame } from '../types' */

/** Longest `data:` address that is shown, in characters. */
const MAX_DATA = 40;

/** An address without its query and fragment: there may be a token in them. @param {string} url */
export function shownUrl(url) {
  if (url.startsWith('data:')) return url.length > MAX_DATA ? `${url.slice(0, MAX_DATA)}...` : url;
  const [, address = '', query = ''] = /^([^?#]*)(\??)/s.exec(url) ?? [];
  return query === '' ? address : `${address}?...`;
}

/** Where a function is: `https://host/script.js:12:5`. @param {StackFrame} frame */
export const shownPlace = ({ url, line, column }) => `${shownUrl(url)}:${line}:${column}`;

/**
 * The chains and their stacks, a line each.
 * @param {ChainStep[][]} chains @param {(step: ChainStep) => string} name what a step is called
 * @param {string} nameless what a function without a name is called
 */
export const chainsText = (chains, name, nameless) =>
  chains.map((chain) => chain.map((step) => stepText(step, name(step), nameless)).join('')).join('\n');

/** @param {ChainStep} step @param {string} name @param {string} nameless */
function stepText({ method, url, stack }, name, nameless) {
  const asked = method === '' || method === 'GET' ? '' : `${method} `;
  const lines = [`${name}: ${asked}${shownUrl(url)}`, ...stackLines(stack, nameless)];
  return lines.map((line) => `${line}\n`).join('');
}

/** @param {CallStack} stack @param {string} nameless */
const stackLines = (stack, nameless) =>
  stack.flatMap(({ cause, frames }) => [
    ...(cause === null ? [] : [`    -- ${cause} --`]),
    ...frames.map((frame) => `    ${frame.name || nameless}  ${shownPlace(frame)}`),
  ]);
