// One chain of a trace: its steps, from the page to the first segment, and who asked for each.

import { element } from './dom.js';
import { shownPlace, shownUrl } from './trace_text.js';
import { words } from './words.js';

/** @import { CallStack, ChainStep } from '../types' */

/** What a step is called. @param {ChainStep} step */
export function stepWords({ role }) {
  /** @type {{[role in ChainStep['role']]: string}} */
  const names = {
    page: words('trace_page'),
    frame: words('trace_frame'),
    worker: words('trace_worker'),
    script: words('trace_script'),
    first: words('trace_first'),
    second: words('trace_second'),
    only: words('trace_only'),
    segment: words('trace_segment'),
  };
  return names[role];
}

/** @param {ChainStep[]} steps */
export const drawChain = (steps) => element('ol', { class: 'chain', 'data-testid': 'chain' }, ...steps.map(drawStep));

/** @param {ChainStep} step */
function drawStep(step) {
  const { role, url, method, stack } = step;
  const name = stepWords(step);
  const isPlain = method === '' || method === 'GET';
  return element(
    'li',
    { class: 'step', 'data-testid': 'step', 'data-role': role, 'data-url': url },
    element('h2', {}, isPlain ? name : `${name} (${method})`),
    element('p', { class: 'address', dir: 'ltr' }, shownUrl(url)),
    ...(method === '' ? [] : [drawStack(stack)]),
  );
}

/** @param {CallStack} stack */
function drawStack(stack) {
  if (stack.length === 0) return element('p', { class: 'quiet' }, words('trace_no_stack'));
  const innermost = stack[0]?.frames[0]?.name || words('trace_nameless');
  const lines = stack.flatMap(({ cause, frames }) => [
    ...(cause === null ? [] : [element('li', { class: 'cause' }, cause || words('trace_async'))]),
    ...frames.map((frame) =>
      element(
        'li',
        { 'data-name': frame.name },
        frame.name || words('trace_nameless'),
        ' ',
        element('span', { class: 'place', dir: 'ltr' }, shownPlace(frame)),
      ),
    ),
  ]);
  return element(
    'details',
    { 'data-testid': 'stack', open: true },
    element('summary', {}, words('trace_called_by', innermost)),
    element('ol', { class: 'stack' }, ...lines),
  );
}
