// The rules that a person sets for sites: what becomes of their streams. Pure.

import { Failed } from '../report/failure.js';

/** @import { Quality, SiteRule } from '../types' */

/** Most rules that are kept. */
export const MAX_RULES = 500;

/** Heights that can be preferred, in lines. */
export const HEIGHTS = [2160, 1440, 1080, 720, 480, 360];

/** A rule that changes nothing. @param {string} site @returns {SiteRule} */
export const blankRule = (site) => ({
  site,
  capture: 'click',
  quality: 'best',
  audio: null,
  subtitles: null,
  nameTemplate: null,
  folder: null,
});

/** The host name in what was typed: a name, or an address. Null for what has none. @param {string} typed */
export function siteOf(typed) {
  const text = typed.trim().replace(/^\*\./, '');
  const address = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `https://${text}`;
  if (/[\s*]/.test(text) || !URL.canParse(address)) return null;
  const { protocol, hostname } = new URL(address);
  return /^https?:$/.test(protocol) && hostname !== '' ? hostname.replace(/\.$/, '') : null;
}

/**
 * Rules as they may be kept.
 * @param {unknown} value by the word of a page or of a file @returns {SiteRule[]}
 * @throws {Failed} which rule is wrong, and in what
 */
export function readRules(value) {
  if (!Array.isArray(value)) throw wrong('rules', 'a list');
  if (value.length > MAX_RULES) throw wrong('rules', `at most ${MAX_RULES}`);
  const rules = value.map((one, index) => readRule(one, `rules[${index}]`));
  for (const [index, { site }] of rules.entries())
    if (rules.findIndex((rule) => rule.site === site) < index)
      throw new Failed('bad-settings', `rules[${index}].site: there is a rule for ${site} already`);
  return rules;
}

/** @param {unknown} value @param {string} place @returns {SiteRule} */
function readRule(value, place) {
  // One that was kept before there were folders has none.
  const whole = typeof value === 'object' && value !== null && !Array.isArray(value) ? { folder: null, ...value } : value;
  const rule = readObject(whole, place, Object.keys(blankRule('')));
  const { site, capture, quality, audio, subtitles, nameTemplate, folder } = rule;
  const host = typeof site === 'string' ? siteOf(site) : null;
  if (host === null) throw wrong(`${place}.site`, 'a host name, such as video.example');
  if (capture !== 'click' && capture !== 'auto' && capture !== 'never')
    throw wrong(`${place}.capture`, 'click, auto or never');
  if (typeof quality !== 'string' || !/^(best|worst|[1-9]\d{1,4}p)$/.test(quality))
    throw wrong(`${place}.quality`, 'best, worst or lines, such as 720p');
  if (nameTemplate !== null && typeof nameTemplate !== 'string')
    throw wrong(`${place}.nameTemplate`, 'a template, or null');
  if (folder !== null && typeof folder !== 'string')
    throw wrong(`${place}.folder`, 'a folder in the download folder, such as Lectures/Physics, or null');
  return {
    site: host,
    capture,
    quality,
    audio: readLanguage(audio, `${place}.audio`),
    subtitles: subtitles === 'all' ? 'all' : readLanguage(subtitles, `${place}.subtitles`),
    nameTemplate,
    folder,
  };
}

/** @param {unknown} value @param {string} place @returns {string | null} */
function readLanguage(value, place) {
  if (value === null) return null;
  if (typeof value !== 'string' || primary(value) === null) throw wrong(place, 'a language, such as en or zh-Hans');
  return value;
}

/**
 * An object that has these keys and no others.
 * @param {unknown} value @param {string} place @param {string[]} keys @returns {Record<string, unknown>}
 */
export function readObject(value, place, keys) {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(place, 'an object');
  const unknown = Object.keys(value).find((key) => !keys.includes(key));
  if (unknown !== undefined) throw new Failed('bad-settings', `${place}: unknown key ${JSON.stringify(unknown)}`);
  const missing = keys.find((key) => !(key in value));
  if (missing !== undefined) throw new Failed('bad-settings', `${place}: ${missing} is missing`);
  return /** @type {Record<string, unknown>} */ (value);
}

/** @param {string} place @param {string} wanted */
const wrong = (place, wanted) => new Failed('bad-settings', `${place}: expected ${wanted}`);

/**
 * The rule for a page: that of its host, else of the nearest host above it.
 * @param {SiteRule[]} rules @param {string} page @returns {SiteRule | null}
 */
export function ruleFor(rules, page) {
  const host = URL.canParse(page) ? new URL(page).hostname : '';
  const fitting = rules.filter(({ site }) => host === site || host.endsWith(`.${site}`));
  return fitting.sort((a, b) => b.site.length - a.site.length)[0] ?? null;
}

/**
 * The quality of a stream that is meant: the best that is no higher, else the lowest there is.
 * @param {Quality[]} qualities best first, and before them the best as `best` @param {string} wanted
 * @returns {string} its value
 */
export function preferred(qualities, wanted) {
  const named = qualities.filter(({ value }) => value !== 'best');
  const lowest = named.at(-1)?.value ?? 'best';
  if (wanted === 'best' || named.length === 0) return 'best';
  if (wanted === 'worst') return lowest;
  const limit = Number.parseInt(wanted, 10);
  return named.find(({ height }) => height !== null && height <= limit)?.value ?? lowest;
}

/**
 * The language, of those that a stream has, that is meant; null where it has none like it.
 * @param {(string | null)[]} languages @param {string | null} wanted
 */
export function languageIn(languages, wanted) {
  if (wanted === null) return null;
  const exact = languages.find((language) => language?.toLowerCase() === wanted.toLowerCase());
  return exact ?? languages.find((language) => language !== null && primary(language) === primary(wanted)) ?? null;
}

/** The language of a tag, in its shortest form: `eng` is `en`. Null for what is no tag. @param {string} tag */
function primary(tag) {
  try {
    return new Intl.Locale(tag).language ?? null;
  } catch {
    return null;
  }
}
