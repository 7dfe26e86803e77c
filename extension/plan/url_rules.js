// A page may ask for a stream's parts elsewhere than its playlist says: at another host, under another path, with a query
// of its own. What was seen of it -> the rule in it, and a plan that follows it. Pure.
//
// Nothing is guessed: a rule takes pairs of what a playlist that the page has read names and what the page asked for, and
// whoever follows one proves it first (plan/prove.js).

import { location } from '../detect/group.js';
import { mayLead } from './reach.js';

/** @import { CapturePlan, Note } from '../types' */
/** @import { PlannedTrack, SegmentKey } from '../generated/protocol' */

/**
 * Addresses that begin with `from` are at `to`, with this change of their query.
 * @typedef {object} UrlRule
 * @property {string} from an origin and folders, with the last slash
 * @property {string} to the same
 * @property {{form: 'keep' | 'add' | 'set', text: string}} query
 */

/** What of a track a rule is for. @typedef {'segments' | 'maps' | 'keys'} Part */

/**
 * A rule that a track's plan may follow.
 * @typedef {object} Proposal
 * @property {number} track its index
 * @property {Part[]} parts
 * @property {UrlRule} rule
 * @property {string} own an address of the plan that the page did not ask for
 * @property {string | null} inferred an address by the rule that it was not seen to ask for; null when it asked for all
 */

/** What a playlist names, and what the page asked for in its place, oldest first. @typedef {Map<string, string>} Pairs */

/** Pairs that a rule has to explain, where so many are possible. */
const ENOUGH = 2;

/**
 * The rules that a plan may follow. A live one has none: the host reads on by itself.
 * @param {CapturePlan} plan
 * @param {{url: string, text: string | undefined}[]} read the playlists that the page has read
 * @param {string[]} asked what it has asked for and got, oldest first
 * @returns {Proposal[]}
 */
export function proposals(plan, read, asked) {
  const seen = new Asked(asked);
  const tracks = plan.tracks.map((track) => ({ track, parts: partsOf(track) }));
  const astray = tracks.filter(({ parts }) => parts.segments.every((url) => !seen.has(url)));
  if (plan.live || seen.size === 0 || astray.length === 0) return [];

  const places = new Set(read.map(({ url }) => location(url)));
  const isRead = (/** @type {PlannedTrack} */ { playlist }) =>
    playlist.startsWith('http') && places.has(location(playlist));
  const mine = tracks.filter(({ track }) => isRead(track));
  const planned = new Set(mine.map(({ track }) => location(track.playlist)));
  // Of other playlists too: what the page asked for of another quality tells where this one is, and is not taken for it.
  const others = new Map(
    read
      .filter(({ url, text }) => text !== undefined && !planned.has(location(url)))
      .map(({ url, text }) => [location(url), entries(text ?? '', url)]),
  );
  const named = [...mine.flatMap(({ parts }) => Object.values(parts)), ...others.values()].flat();
  const pairs = pair(named, seen);
  const lists = [...mine.map(({ parts }) => parts.segments), ...others.values()];
  const rules = lists.flatMap((list) => learn(list, pairs) ?? []);

  return astray.flatMap(({ track, parts }) => {
    const rule = learn(parts.segments, pairs) ?? unanimous(rules, parts.segments);
    const explains = parts.segments.every((url) => !rule || !pairs.has(url) || samePlace(by(rule, url), pairs.get(url)));
    return rule && explains ? ofTrack(plan.tracks.indexOf(track), parts, rule, pairs, seen) : [];
  });
}

/**
 * A plan by rules that were proven. What the page asked for as the plan says stays as it is.
 * @param {CapturePlan} plan @param {Proposal[]} proven @param {string[]} asked
 * @returns {CapturePlan}
 */
export function follow(plan, proven, asked) {
  if (proven.length === 0) return plan;
  const seen = new Asked(asked);
  const tracks = plan.tracks.map((track, index) => {
    /** @param {Part} part @returns {<T extends {url: string}>(resource: T) => T} */
    const moved = (part) => {
      const rule = proven.find((one) => one.track === index && one.parts.includes(part))?.rule;
      return (resource) => {
        const url = rule && !seen.has(resource.url) ? by(rule, resource.url) : null;
        return url === null ? resource : { ...resource, url };
      };
    };
    const [segment, map, key] = [moved('segments'), moved('maps'), moved('keys')];
    /** @type {<T extends {key?: SegmentKey}>(resource: T) => T} */
    const withKey = (resource) => (resource.key ? { ...resource, key: key(resource.key) } : resource);
    const segments = track.segments.map((one) => {
      const there = withKey(segment(one));
      return one.map ? { ...there, map: withKey(map(one.map)) } : there;
    });
    return { ...track, segments };
  });
  return { ...plan, tracks };
}

/**
 * A rule for addresses of which one is enough, when nothing else is like it.
 * @param {string[]} named @param {string[]} asked in their place, oldest first
 * @returns {{rule: UrlRule, own: string} | null} with one of `named` that it was learnt from
 */
export function ruleOfOne(named, asked) {
  const pairs = pair(named, new Asked(asked));
  const rule = learn(named, pairs, 1);
  const [own] = pairs.keys();
  return rule && own !== undefined ? { rule, own } : null;
}

/** What a person is told of rules that are followed: hosts, and nothing of paths and queries. @param {{rule: UrlRule}[]} proven */
export function notesOf(proven) {
  const notes = proven.map(({ rule: { from, to } }) => {
    const [before, after] = [new URL(from).host, new URL(to).host];
    return before === after
      ? { code: /** @type {const} */ ('other-place'), values: [before] }
      : { code: /** @type {const} */ ('other-host'), values: [before, after] };
  });
  return [...new Map(notes.map((/** @type {Note} */ note) => [JSON.stringify(note), note])).values()];
}

/** An address by a rule; null when it is not for it. @param {UrlRule} rule @param {string} address */
export function by({ from, to, query }, address) {
  const { bare, search } = split(address);
  if (!bare.startsWith(from)) return null;
  const place = to + bare.slice(from.length);
  if (query.form === 'keep') return place + search;
  if (query.form === 'add') return place + (search === '' ? '?' : `${search}&`) + query.text;
  return place + query.text;
}

/**
 * The proposals for one track whose segments have a rule.
 * @param {number} track @param {Record<Part, string[]>} parts @param {UrlRule} rule @param {Pairs} pairs @param {Asked} seen
 * @returns {Proposal[]}
 */
function ofTrack(track, parts, rule, pairs, seen) {
  /** @param {Part[]} names @param {UrlRule} rule */
  const proposal = (names, rule) => {
    const urls = names.flatMap((name) => parts[name]).filter((url) => by(rule, url) !== null);
    const unpaired = urls.find((url) => !pairs.has(url));
    const [first] = urls;
    const own = urls.find((url) => pairs.has(url)) ?? first;
    const inferred = unpaired === undefined ? null : by(rule, unpaired);
    return own === undefined ? [] : [{ track, parts: names, rule, own, inferred }];
  };
  /** @type {Part[]} */
  const alike = ['segments'];
  /** @type {Proposal[]} */
  const apart = [];
  for (const part of /** @type {const} */ (['maps', 'keys'])) {
    const urls = parts[part];
    if (urls.length === 0 || urls.some((url) => seen.has(url))) continue;
    const paired = urls.filter((url) => pairs.has(url));
    // A map is beside its segments; a key may be anywhere.
    const agrees =
      part === 'maps'
        ? paired.every((url) => samePlace(by(rule, url), pairs.get(url)))
        : paired.length > 0 && paired.every((url) => by(rule, url) === pairs.get(url));
    if (agrees) alike.push(part);
    else {
      const other = learn(urls, pairs);
      if (other) apart.push(...proposal([part], other));
    }
  }
  return [...proposal(alike, rule), ...apart];
}

/**
 * The one rule in what a list names and the page asked for; null when there is none. Places have to be the same in all
 * pairs. A query may have been renewed, so the last ones count; one that each part has for itself cannot be known.
 * @param {string[]} list @param {Pairs} pairs @param {number} [most] pairs that it has to explain
 * @returns {UrlRule | null}
 */
function learn(list, pairs, most = ENOUGH) {
  const distinct = new Set(list);
  const found = [...pairs].filter(([named]) => distinct.has(named));
  const enough = Math.min(most, distinct.size);
  const places = found.map(([named, asked]) => placesOf(named, asked));
  const [place] = places;
  if (!place || found.length < enough) return null;
  if (places.some(({ from, to }) => from !== place.from || to !== place.to)) return null;
  if (!mayLead(place.from, place.to)) return null;
  const last = found.slice(-enough);
  for (const query of queriesOf(last)) {
    const rule = { ...place, query };
    if (last.every(([named, asked]) => by(rule, named) === asked)) return rule;
  }
  return null;
}

/** A rule that all rules for these addresses agree on. @param {UrlRule[]} rules @param {string[]} urls */
function unanimous(rules, urls) {
  const [first] = urls;
  const fitting = first === undefined ? [] : rules.filter((rule) => by(rule, first) !== null);
  const results = new Set(fitting.map((rule) => by(rule, first ?? '')));
  return results.size === 1 ? (fitting[0] ?? null) : null;
}

/**
 * What a list names and what was asked for in its place: each the only one that the other is most like, by the names at
 * the end of their paths, then by their queries.
 * @param {string[]} named @param {Asked} seen
 * @returns {Pairs}
 */
function pair(named, seen) {
  /** @type {Map<string, {url: string, parts: string[], search: string}[]>} */
  const byName = new Map();
  for (const url of new Set(named)) {
    const address = pathOf(url);
    const name = address.parts.at(-1) ?? '';
    if (name === '') continue;
    const same = byName.get(name);
    if (same) same.push(address);
    else byName.set(name, [address]);
  }
  /** What was asked for in place of each, with how like they are. @type {Map<string, {asked: string, likeness: number}[]>} */
  const claims = new Map();
  // What is named as it was asked for is that, and nothing else.
  const exact = new Set(named.filter((url) => seen.has(url)).map((url) => split(url).bare));
  for (const asked of seen.all) {
    if (exact.has(split(asked).bare)) continue;
    const address = pathOf(asked);
    const all = byName.get(address.parts.at(-1) ?? '') ?? [];
    const best = only(all, (one) => likeness(one, address));
    if (best === null) continue;
    const claim = { asked, likeness: best.value };
    claims.set(best.one.url, [...(claims.get(best.one.url) ?? []), claim]);
  }
  const pairs = [...claims].flatMap(([url, all]) => {
    const best = only(all, (claim) => claim.likeness);
    return best === null || seen.has(url) ? [] : [/** @type {const} */ ([url, best.one.asked])];
  });
  const order = new Map(seen.all.map((asked, index) => [asked, index]));
  return new Map(pairs.sort((a, b) => (order.get(a[1]) ?? 0) - (order.get(b[1]) ?? 0)));
}

/** The one of the highest value; null when there are two. @template T @param {T[]} all @param {(one: T) => number} valueOf */
function only(all, valueOf) {
  /** @type {{one: T, value: number} | null} */
  let best = null;
  let isAlone = true;
  for (const one of all) {
    const value = valueOf(one);
    if (best !== null && value < best.value) continue;
    isAlone = best === null || value > best.value;
    best = { one, value };
  }
  return isAlone ? best : null;
}

/** @param {{parts: string[], search: string}} named @param {{parts: string[], search: string}} asked */
function likeness(named, asked) {
  const [one, other] = [named.parts, asked.parts];
  let common = 0;
  while (common < one.length && common < other.length) {
    if (one[one.length - 1 - common] !== other[other.length - 1 - common]) break;
    common += 1;
  }
  const { search } = named;
  const holdsQuery =
    search !== '' &&
    asked.search.startsWith(search) &&
    (asked.search.length === search.length || asked.search[search.length] === '&');
  return 2 * common + (holdsQuery ? 1 : 0);
}

/** What is left of two addresses in front of what their paths have in common. @param {string} named @param {string} asked */
function placesOf(named, asked) {
  const [one, other] = [pathOf(named), pathOf(asked)];
  const common = likeness({ ...one, search: '' }, { ...other, search: '' }) / 2;
  const front = (/** @type {{origin: string, parts: string[]}} */ { origin, parts }) =>
    [origin, ...parts.slice(0, parts.length - common), ''].join('/');
  return { from: front(one), to: front(other) };
}

/** The changes of their queries that the last of some pairs may be by. @param {[string, string][]} pairs @returns {UrlRule['query'][]} */
function queriesOf(pairs) {
  const [named, asked] = pairs.at(-1) ?? ['', ''];
  const [before, after] = [split(named).search, split(asked).search];
  const added = before === '' ? after.slice(1) : after.slice(before.length + 1);
  const texts = new Set(pairs.map(([one]) => split(one).search));
  return [
    { form: 'keep', text: '' },
    { form: 'add', text: added },
    // Queries that tell parts from each other are not thrown away.
    ...(texts.size === 1 ? [{ form: /** @type {const} */ ('set'), text: after }] : []),
  ];
}

/** The addresses of a track's parts, each once. @param {PlannedTrack} track @returns {Record<Part, string[]>} */
function partsOf({ segments }) {
  const distinct = (/** @type {(string | undefined)[]} */ urls) => [
    ...new Set(urls.flatMap((url) => (url?.startsWith('http') ? [url] : []))),
  ];
  return {
    segments: distinct(segments.map(({ url }) => url)),
    maps: distinct(segments.map(({ map }) => map?.url)),
    keys: distinct(segments.flatMap(({ key, map }) => [key?.url, map?.key?.url])),
  };
}

/** What a playlist names in lines of its own. @param {string} text @param {string} base */
function entries(text, base) {
  const lines = text.split(/\r\n?|\n/).map((line) => line.trim());
  const references = lines.filter((line) => line !== '' && !line.startsWith('#'));
  return references.flatMap((one) => {
    const url = URL.canParse(one, base) ? new URL(one, base) : null;
    return url?.protocol.startsWith('http') ? [url.href.replace(/#.*/, '')] : [];
  });
}

/** What a page has asked for. Another value in a query is the same part with a fresh token, another name in it is not. */
class Asked {
  /** @type {Set<string>} */ #keys;

  /** @param {string[]} all oldest first */
  constructor(all) {
    this.all = all;
    this.#keys = new Set(all.map(keyOf));
  }

  get size() {
    return this.all.length;
  }

  /** @param {string} url */
  has(url) {
    return this.#keys.has(keyOf(url));
  }
}

/** @param {string} address */
function keyOf(address) {
  const { bare, search } = split(address);
  if (search === '') return bare;
  const names = search.slice(1).split('&').map((pair) => pair.replace(/=.*/, ''));
  return [bare, ...names.sort()].join(' ');
}

/** @param {string | null} one @param {string | undefined} other */
const samePlace = (one, other) => split(one ?? '').bare === split(other ?? '').bare;

/** @param {string} address without a fragment */
function split(address) {
  const at = address.indexOf('?');
  return at < 0
    ? { bare: address, search: '' }
    : { bare: address.slice(0, at), search: address.slice(at) };
}

/** @param {string} url absolute */
function pathOf(url) {
  const { bare, search } = split(url);
  const [scheme, empty, host, ...parts] = bare.split('/');
  return { url, origin: [scheme, empty, host].join('/'), parts, search };
}
