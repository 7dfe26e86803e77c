// Call stacks, as browsers write them -> plain frames. Pure.

/** @import { CallStack, StackFrame, StackPart } from '../types' */

/** Most frames that are kept of a stack, all parts together: loops of promises grow without end. */
const MAX_FRAMES = 64;

/** Longest name of a function or a cause, in characters. */
const MAX_NAME = 200;

/** Longest address of a script, in characters: one may be a whole program in a `data:` address. */
const MAX_URL = 2_000;

/**
 * A frame of the DevTools protocol: one of `Runtime.StackTrace`, which counts from 0, or one of `Debugger.paused`, whose
 * place is in `location`, and whose script's address may be known by its id alone.
 * @typedef {object} ProtocolFrame
 * @property {string} functionName
 * @property {string} url
 * @property {string} [scriptId]
 * @property {number} [lineNumber]
 * @property {number} [columnNumber]
 * @property {{scriptId: string, lineNumber: number, columnNumber?: number}} [location]
 */

/** `Runtime.StackTrace`. @typedef {{description?: string, callFrames: ProtocolFrame[], parent?: ProtocolStack}} ProtocolStack */

/**
 * @param {ProtocolFrame[]} calls the innermost first
 * @param {ProtocolStack | undefined} parent what has asynchronously led there
 * @param {(scriptId: string) => string} address of a script
 * @param {string} own the address that the extension's own scripts begin with
 * @returns {CallStack}
 */
export function protocolStack(calls, parent, address, own) {
  /** @type {CallStack} */
  const parts = [{ cause: null, frames: withoutPrelude(calls.map((call) => protocolFrame(call, address))) }];
  for (let at = parent; at && parts.length < MAX_FRAMES; at = at.parent) {
    const frames = at.callFrames.map((call) => protocolFrame(call, address));
    parts.push({ cause: (at.description ?? '').slice(0, MAX_NAME), frames });
  }
  return bounded(parts, own);
}

/** @param {ProtocolFrame} call @param {(scriptId: string) => string} address @returns {StackFrame} */
function protocolFrame({ functionName, url, scriptId, lineNumber, columnNumber, location }, address) {
  return {
    name: functionName,
    url: url || address(location?.scriptId ?? scriptId ?? ''),
    line: (location?.lineNumber ?? lineNumber ?? 0) + 1,
    column: (location?.columnNumber ?? columnNumber ?? 0) + 1,
  };
}

/**
 * In a worker made of a blob the hook stands in the first line of the worker's own script: the function that stands for
 * the native one, and the trap that calls it.
 * @param {StackFrame[]} frames
 */
function withoutPrelude(frames) {
  const [wrapper, trap] = frames;
  const isHook =
    wrapper?.name === '' &&
    trap?.name === 'apply' &&
    [wrapper, trap].every(({ url, line }) => line === 1 && url.startsWith('blob:'));
  return isHook ? frames.slice(2) : frames;
}

/** The frames on top of the hook's own stack that are the hook's: as {@link withoutPrelude}. */
const HOOK_FRAMES = 2;

/**
 * `Error.stack` as Firefox writes it, taken by the hook: `name@address:line:column`, a line each, the name after `cause*`
 * where a call was led to asynchronously.
 * @param {string} text @param {string} own the address that the extension's own scripts begin with
 * @returns {CallStack}
 */
export function hookStack(text, own) {
  /** @type {CallStack} */
  const parts = [{ cause: null, frames: [] }];
  for (const line of text.split('\n', MAX_FRAMES + HOOK_FRAMES).slice(HOOK_FRAMES)) {
    const [, called, url, row, column] = /^([^@]*)@(.*?):(\d+):(\d+)$/.exec(line) ?? [];
    if (called === undefined || url === undefined) continue;
    const [, cause, name] = /^([^*]*)\*(.*)$/.exec(called) ?? [];
    if (cause !== undefined) parts.push({ cause: cause.slice(0, MAX_NAME), frames: [] });
    parts.at(-1)?.frames.push({ name: name ?? called, url, line: Number(row), column: Number(column) });
  }
  return bounded(parts, own);
}

/** Without the extension's own functions, and of a size that can be kept. @param {CallStack} parts @param {string} own */
function bounded(parts, own) {
  let left = MAX_FRAMES;
  /** @type {StackPart[]} */
  const kept = [];
  for (const { cause, frames } of parts) {
    const foreign = frames.filter(({ url }) => !url.startsWith(own)).slice(0, left);
    left -= foreign.length;
    const short = foreign.map((frame) => ({
      ...frame,
      name: frame.name.slice(0, MAX_NAME),
      url: frame.url.slice(0, MAX_URL),
    }));
    if (short.length > 0) kept.push({ cause: kept.length === 0 ? null : cause, frames: short });
  }
  return kept;
}
