// Rules for sites: which is for a page, what it chooses, what is kept of what was typed; and settings as a file.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { AutoCapture } from '../plan/auto_capture.js';
import { captureRequest } from '../plan/capture.js';
import { blankRule, languageIn, preferred, readRules, ruleFor, siteOf } from '../plan/site_rules.js';
import { Rules } from '../state/rules.js';
import { blankPlaylist, emptyTab } from '../state/tabs.js';
import { readFile, writeFile } from '../ui/settings_file.js';

/** @import { Quality, TabState } from '../types' */

test('a site is a host name, however it was typed', () => {
  for (const [typed, host] of [
    ['video.example', 'video.example'],
    [' Video.Example ', 'video.example'],
    ['https://video.example:8443/watch?v=7', 'video.example'],
    ['*.video.example', 'video.example'],
    ['video.example.', 'video.example'],
    ['视频.example', 'xn--cy2a840a.example'],
    ['127.0.0.1', '127.0.0.1'],
    ['localhost', 'localhost'],
  ])
    assert.equal(siteOf(String(typed)), host, typed);
  for (const typed of ['', ' ', '*', 'a b', 'ftp://a.example', 'https://', 'chrome://settings', 'a.*.example'])
    assert.equal(siteOf(typed), null, typed);
});

test('the rule of the nearest host counts', () => {
  const rules = ['example', 'video.example', 'a.video.example'].map(blankRule);
  const site = (/** @type {string} */ page) => ruleFor(rules, page)?.site ?? null;
  assert.equal(site('https://video.example/watch'), 'video.example');
  assert.equal(site('https://b.a.video.example/'), 'a.video.example');
  assert.equal(site('http://www.example:80/'), 'example');
  assert.equal(site('https://notvideo.example2/'), null);
  assert.equal(ruleFor([blankRule('video.example')], 'https://myvideo.example/'), null);
  assert.equal(site('about:blank'), null);
  assert.equal(site(''), null);
});

/** @param {number | null} height @returns {Quality} */
const quality = (height) => ({ value: `${height}`, url: '', height, width: null, frameRate: null, bandwidth: null });

test('a quality is the best that is no higher, else the lowest', () => {
  const all = [1080, 720, 480].map(quality);
  const listed = [{ ...quality(1080), value: 'best' }, ...all];
  for (const [wanted, value] of [
    ['best', 'best'],
    ['worst', '480'],
    ['1080p', '1080'],
    ['1000p', '720'],
    ['720p', '720'],
    ['360p', '480'],
  ])
    assert.equal(preferred(listed, String(wanted)), value, wanted);
  assert.equal(preferred([], '720p'), 'best');
  assert.equal(preferred([{ ...quality(null), value: 'best' }, quality(null)], '720p'), 'null');
});

test('a language is had under its other names too', () => {
  assert.equal(languageIn(['de', 'en-US', 'en'], 'en'), 'en');
  assert.equal(languageIn(['de', 'en-US'], 'en'), 'en-US');
  assert.equal(languageIn([null, 'eng'], 'en'), 'eng');
  assert.equal(languageIn(['zh-Hans', 'zh-Hant'], 'zh-hant'), 'zh-Hant');
  assert.equal(languageIn(['de', 'not a tag!'], 'fr'), null);
  assert.equal(languageIn(['de'], null), null);
});

test('a plan has the languages that a rule wants, where the stream has them', () => {
  const rendition = (/** @type {string} */ type, /** @type {string} */ language) => ({ type, language, url: null });
  /** @type {any} */
  const summary = {
    kind: 'multivariant',
    variants: [],
    renditions: [rendition('AUDIO', 'en'), rendition('AUDIO', 'deu'), rendition('SUBTITLES', 'fr')],
  };
  const source = { ...blankPlaylist('https://a.example/m.m3u8'), summary };
  /** @param {string | null} audio @param {string | null} subtitles */
  const selection = (audio, subtitles) => {
    const { plan } = captureRequest(source, [source], 'best', '', () => undefined, { audio, subtitles });
    return [plan.selection?.audio, plan.selection?.subtitles];
  };
  assert.deepEqual(selection(null, null), ['default', 'none']);
  assert.deepEqual(selection('de', 'fr'), [{ language: 'deu' }, { language: 'fr' }]);
  // A language of sound is none of subtitles.
  assert.deepEqual(selection('fr', 'en'), ['default', 'none']);
  assert.deepEqual(selection('en', 'all'), [{ language: 'en' }, 'all']);
});

test('what is no rule is told with its place', () => {
  const rule = blankRule('video.example');
  assert.deepEqual(readRules([{ ...rule, site: 'https://Video.example/x' }]), [rule]);
  const { folder, ...older } = rule;
  assert.deepEqual(readRules([older]), [rule], 'one of before there were folders');
  const { audio, ...less } = rule;
  for (const [value, message] of /** @type {[unknown, string][]} */ ([
    [{}, 'rules: expected a list'],
    [Array(501).fill(rule), 'rules: expected at most 500'],
    [[null], 'rules[0]: expected an object'],
    [[less], 'rules[0]: audio is missing'],
    [[{ ...rule, colour: '/' }], 'rules[0]: unknown key "colour"'],
    [[{ ...rule, folder: 7 }], 'rules[0].folder: expected a folder in the download folder, such as Lectures/Physics, or null'],
    [[{ ...rule, site: 'a b' }], 'rules[0].site: expected a host name, such as video.example'],
    [[rule, rule], 'rules[1].site: there is a rule for video.example already'],
    [[{ ...rule, quality: '720' }], 'rules[0].quality: expected best, worst or lines, such as 720p'],
    [[{ ...rule, audio: 'no language' }], 'rules[0].audio: expected a language, such as en or zh-Hans'],
    [[{ ...rule, audio: 'all' }, { ...rule, site: 'b.example', subtitles: 7 }], 'rules[1].subtitles: expected a language, such as en or zh-Hans'],
    [[{ ...rule, nameTemplate: 7 }], 'rules[0].nameTemplate: expected a template, or null'],
  ]))
    assert.throws(() => readRules(value), { code: 'bad-settings', message });
});

test('settings go into a file and come back; what is none is told with its place', () => {
  const rules = [{ ...blankRule('video.example'), audio: 'en' }];
  /** @type {any} */
  const settings = { outputFolder: '/films', concurrency: 8, whenBrowserCloses: 'finish', nameTemplate: '{title}' };
  assert.deepEqual(readFile(writeFile(settings, rules)), { settings, rules });
  assert.deepEqual(readFile(writeFile(null, [])), { settings: null, rules: [] });
  const file = { format: 'weir-settings', version: 1, settings: null, rules: [] };
  assert.throws(() => readFile('{'), /no JSON/);
  for (const [news, message] of /** @type {[object, string][]} */ ([
    [{ format: 'other' }, 'format: expected weir-settings'],
    [{ version: 2 }, 'version: expected 1'],
    [{ more: 1 }, 'the file: unknown key "more"'],
    [{ settings: [] }, 'settings: expected an object'],
    [{ settings: { outputFolder: 7 } }, 'settings.outputFolder: 7 is no value for it'],
    [{ settings: { folder: '/' } }, 'settings: unknown key "folder"'],
    [{ rules: [{}] }, 'rules[0]: site is missing'],
  ]))
    assert.throws(() => readFile(JSON.stringify({ ...file, ...news })), { code: 'bad-settings', message });
});

test('rules outlive the worker', async () => {
  /** @type {Record<string, unknown>} */ const disk = {};
  let changes = 0;
  const area = {
    read: async (/** @type {string} */ key) => disk[key],
    write: async (/** @type {object} */ values) => void Object.assign(disk, values),
  };
  const rules = new Rules(area, () => (changes += 1));
  await rules.ready;
  assert.deepEqual(rules.all, []);
  await rules.change([blankRule('video.example')]);
  assert.equal(changes, 1);
  const next = new Rules(area, () => {});
  await next.ready;
  assert.deepEqual(next.all, rules.all);
});

test('a stream is captured by itself once, and not when it is had already', async () => {
  /** @param {string} name */
  const media = (name) => ({
    ...blankPlaylist(`https://a.example/${name}.m3u8?token=1`),
    signature: name,
    summary: /** @type {any} */ ({ kind: 'media', live: false, encrypted: null, drm: null, durationSeconds: 1, warnings: [] }),
  });
  /** @type {TabState} */ let tab = { ...emptyTab(), playlists: [media('one'), media('had'), media('here')] };
  const rule = { ...blankRule('a.example'), capture: /** @type {'click' | 'auto'} */ ('click') };
  /** @type {any[]} */ const started = [];
  const auto = new AutoCapture({
    store: {
      tab: () => tab,
      changeTab: (_, change) => void (tab = change(tab)),
      jobs: [/** @type {any} */ ({ source: 'https://a.example/here.m3u8?token=0', state: 'running', verdict: null })],
    },
    ruleOf: async () => rule,
    history: async () => [/** @type {any} */ ({ source: 'https://a.example/had.m3u8?...', state: 'complete' })],
    start: async (...chosen) => void started.push(...chosen),
    rest: 5,
  });
  const rested = () => new Promise((resolve) => setTimeout(resolve, 60));
  auto.changed(7);
  await rested();
  assert.deepEqual(started, []);
  rule.capture = 'auto';
  auto.changed(7);
  auto.changed(7);
  await rested();
  auto.changed(7);
  await rested();
  assert.equal(started.length, 3, `${started}`);
  assert.equal(started[0], 7);
  assert.match(started[1], /one/);
  assert.equal(started[2], 'best');
  assert.equal(tab.begun.length, 3);
});
