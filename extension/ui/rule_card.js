// The rule of one site, with a field for everything in it.

import { HEIGHTS } from '../plan/site_rules.js';
import { element } from './dom.js';
import { words } from './words.js';

/** @import { SiteRule } from '../types' */

/**
 * @param {SiteRule} rule
 * @param {(news: Partial<SiteRule>) => Promise<string | null>} change what is wrong with it, or null when it was kept
 * @param {() => void} remove
 */
export function drawRule(rule, change, remove) {
  const { site } = rule;
  const id = (/** @type {string} */ name) => `${name}-${site}`;
  const problem = element('p', { class: 'problem', role: 'alert', id: id('problem'), hidden: true });
  const saved = element('p', { class: 'saved', role: 'status' });

  /**
   * @template {HTMLInputElement | HTMLSelectElement} T
   * @param {string} name @param {string} label @param {T} control @param {(value: string) => Partial<SiteRule>} read
   */
  const field = (name, label, control, read) => {
    control.id = id(name);
    control.dataset.testid = `rule-${name}`;
    control.setAttribute('aria-describedby', problem.id);
    control.addEventListener('change', async () => {
      saved.textContent = '';
      const wrong = await change(read(control.value.trim()));
      control.setAttribute('aria-invalid', String(wrong !== null));
      problem.hidden = wrong === null;
      problem.textContent = wrong ?? '';
      if (wrong === null) saved.textContent = words('saved');
    });
    return element('div', { class: 'field' }, element('label', { for: control.id }, label), control);
  };

  const button = element('button', { type: 'button', 'data-testid': 'remove-rule', 'aria-label': words('rule_remove_label', site) }, words('rule_remove'));
  button.addEventListener('click', remove);
  return element(
    'li',
    { class: 'rule', 'data-testid': 'rule', 'data-site': site },
    element('div', { class: 'row' }, element('h3', {}, site), button),
    element(
      'div',
      { class: 'fields' },
      field('capture', words('rule_capture'), captures(rule), (value) => ({ capture: /** @type {SiteRule['capture']} */ (value) })),
      field('quality', words('rule_quality'), qualities(rule), (quality) => ({ quality })),
      field('audio', words('rule_audio'), text(rule.audio, 'en'), (value) => ({ audio: value || null })),
      field('subtitles', words('rule_subtitles'), text(rule.subtitles, 'all'), (value) => ({ subtitles: value || null })),
      field('name', words('rule_name'), text(rule.nameTemplate, '{title}'), (value) => ({ nameTemplate: value || null })),
      field('folder', words('rule_folder'), text(rule.folder ?? null, 'Lectures/Physics'), (value) => ({ folder: value || null })),
    ),
    problem,
    saved,
  );
}

/** @param {SiteRule} rule */
function captures({ capture }) {
  const all = { click: words('rule_click'), auto: words('rule_auto'), never: words('rule_never') };
  return select(Object.entries(all), capture);
}

/** @param {SiteRule} rule */
function qualities({ quality }) {
  const heights = HEIGHTS.map((height) => [`${height}p`, words('rule_at_most', `${height}p`)]);
  // Another height may have come with a file.
  const others = /^\d+p$/.test(quality) && !heights.some(([value]) => value === quality) ? [[quality, words('rule_at_most', quality)]] : [];
  return select([['best', words('rule_best')], ...heights, ...others, ['worst', words('rule_worst')]], quality);
}

/** @param {string[][]} choices value and words of each @param {string} chosen */
function select(choices, chosen) {
  const made = element('select', {}, ...choices.map(([value = '', text = '']) => element('option', { value }, text)));
  made.value = chosen;
  return made;
}

/** @param {string | null} value @param {string} example */
const text = (value, example) =>
  element('input', { type: 'text', autocomplete: 'off', spellcheck: 'false', dir: 'ltr', placeholder: example, value: value ?? '' });
