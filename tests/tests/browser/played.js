// Plays the background, the page that it looks at and the language to a page of the extension, before its own scripts:
// `texts` are the words of `locale`, `host` is the connection, `shown` what a page has: `some`, `none`, or `hidden` by a rule.
chrome.i18n.getMessage = (key, values = []) =>
  (texts[key]?.message ?? '').replaceAll(/\$(\d)/g, (_, number) => values[number - 1] ?? '');
chrome.i18n.getUILanguage = () => locale.replace('_', '-');
const long = 'A_name_without_any_space_that_is_longer_than_the_card_is_wide_'.repeat(3);
const ready = { state: 'ready', version: '0.1.0', platform: 'linux', protocol: 1, failure: null };
const missing = {
  state: 'failed', version: null, platform: null, protocol: null,
  failure: { code: 'host-missing', message: 'Specified native messaging host not found.' },
};
const job = {
  capture: null, tab: 1, stream: 's', source: 'https://cdn.example/a.m3u8', quality: null, plannedAt: 0, isRefreshing: false,
  refreshFailure: null, title: 'Lecture 7: how a weir works', segments: { total: 400, fetched: 123, retried: 2 },
  bytes: 81_300_000, bytesPerSecond: 5_600_000, etaSeconds: 71, recordedSeconds: null, verdict: null, output: null,
  durationSeconds: null, parts: 0, missing: [], notes: [], subtitles: [], failure: null, startedAt: 0,
};
const jobs = [
  { ...job, job: 'one', state: 'running' },
  { ...job, job: 'two', state: 'queued', title: `The mill ${long}`, bytes: 0, segments: { total: 90, fetched: 0, retried: 0 } },
  { ...job, job: 'three', state: 'running', title: 'The weir, live', recordedSeconds: 754 },
];
const capture = {
  capture: 9, job: 'x', kind: 'stream', state: 'complete', title: 'Lecture 6: dams', page: 'https://video.example/watch/6',
  source: 'https://cdn.example/6/master.m3u8', playlist: null, output: '/home/someone/Videos/Weir/Lecture 6- dams.mp4',
  beganEpochSeconds: 1_796_079_600, changedEpochSeconds: 1_796_079_725, segments: { total: 400, fetched: 400, retried: 0 },
  bytes: 812_000_000, can: ['reveal', 'open'],
};
const end = {
  job: null, verdict: 'complete', output: capture.output, bytes: capture.bytes, durationSeconds: 3598.2, tracks: [],
  warnings: [], segments: capture.segments, gaps: [], error: null,
};
const gaps = [10, 30, 90].map((startSeconds) => ({ track: 0, sequence: 1, startSeconds, durationSeconds: 6 }));
const failure = (code, message) => ({ ...end, verdict: 'failed', output: null, error: { code, message } });
const captures = [
  { ...capture, capture: 10, job: null, state: 'running', title: 'mill', page: null, finished: null, can: [] },
  { ...capture, finished: end },
  {
    ...capture, capture: 8, job: null, state: 'interrupted', title: 'Typed on a command line', page: null, finished: null,
    segments: { total: 400, fetched: 120, retried: 0 }, output: '/home/someone/mill.mp4.part', can: ['reveal', 'resume'],
  },
  {
    ...capture, capture: 7, job: null, state: 'incomplete', title: `With gaps ${long}`, page: null, can: ['reveal', 'open', 'repair'],
    finished: { ...end, verdict: 'incomplete', gaps, error: { code: 'gaps', message: '3 of 400 segments are missing' } },
    output: `/home/someone/Videos/Weir/${long}.mp4`,
  },
  {
    ...capture, capture: 6, state: 'failed', title: 'Lecture 5: canals', output: null, bytes: 0, can: [],
    page: 'https://video.example/watch?...', finished: failure('http-status', 'segment 42: 403 Forbidden'),
  },
  {
    ...capture, capture: 4, kind: 'files', state: 'interrupted', title: 'Mills of the valley', page: 'https://pictures.example/mills', finished: null,
    segments: { total: 40, fetched: 12, retried: 0 }, bytes: 8_100_000, output: '/home/someone/Videos/Weir/Mills of the valley.part', can: ['reveal'],
  },
  { ...capture, capture: 5, state: 'cancelled', title: null, output: null, finished: null, can: [] },
];
const quality = (height, bandwidth) => ({
  value: `${height}`, url: 'https://cdn.example/v.m3u8', width: (height * 16) / 9, height, frameRate: 25, bandwidth,
});
const stream = {
  url: 'https://cdn.example/lecture/master.m3u8', kind: 'multivariant', host: 'cdn.example', live: false, encrypted: '', drm: null,
  durationSeconds: 3600, qualities: [{ ...quality(1080, 5_000_000), value: 'best' }, quality(720, 2_000_000)],
  audioOnly: false, unread: null,
};
const only = { ...stream, kind: 'media', qualities: [] };
const streams = [
  { ...stream, id: 's', encrypted: 'AES-128' },
  { ...stream, id: 'm', url: 'https://cdn.example/mill/master.m3u8' },
  { ...only, id: 'live', live: true, durationSeconds: null },
  { ...only, id: 'drm', drm: 'Widevine', encrypted: 'SAMPLE-AES' },
  { ...only, id: 'audio', audioOnly: true, url: `https://cdn.example/${long}.m3u8` },
];
const frame = (name) => ({ name, url: `https://cdn.example/${long}/player.min.js`, line: 12, column: 34567 });
const stack = [{ cause: null, frames: [frame('send'), frame('')] }, { cause: 'await', frames: [frame('startPlayer')] }];
const step = (role, url, method = '') => ({ role, url, method, stack: method === '' ? [] : stack });
const trace = {
  page: 'https://page.example/', state: 'ended', end: 'found', message: '', requests: 12,
  chains: [[
    step('page', 'https://page.example/watch?v=7'), step('script', 'https://cdn.example/player.min.js'),
    step('first', 'https://media.example/master.m3u8?token=secret', 'POST'),
    step('second', 'https://media.example/720p.m3u8', 'GET'), step('segment', 'https://media.example/720p/1.ts', 'GET'),
  ]],
};
const picture = 'data:image/svg+xml,<svg xmlns="http://www.w3.org/2000/svg" width="40" height="30"><path d="M0 0h40v30z"/></svg>';
const images = [
  { url: picture, preview: picture, width: 40, height: 30, text: 'The weir', how: 'img' },
  { url: `${picture}<!-- 2 -->`, preview: 'data:image/png,broken', width: null, height: null, text: long, how: 'css' },
];
const isSome = shown === 'some';
const rule = { site: 'video.example', capture: 'click', quality: '720p', audio: null, subtitles: 'all', nameTemplate: null };
chrome.webNavigation.getAllFrames = async () => [{ frameId: 0 }];
chrome.scripting.executeScript = async () => [{ result: { images: isSome ? images : [], blobs: 1, left: 0, end: null } }];
const views = {
  view: {
    tab: 7, title: 'Lecture 7: how a weir works', streams: isSome ? streams : [],
    rule: shown === 'hidden' ? { ...rule, capture: 'never' } : null, jobs: isSome ? jobs : [],
    host: host === 'ready' ? ready : missing,
  },
  trace: { tab: 7, title: 'Lecture 7: how a weir works', trace: isSome ? trace : null },
};
const answers = {
  history: isSome ? captures : [],
  settings: { outputFolder: `/home/someone/Videos/${long}`, concurrency: 32, whenBrowserCloses: 'pause', nameTemplate: '{title}{ - S{season}E{episode}}', limitBytesPerSecond: 2_500_000, jobsAtOnce: 4 },
  'example-name': `Weirs, season 2 episode 7 - S02E07 ${long}.mp4`,
  rules: isSome ? [rule, { ...rule, site: `${'a-long-label.'.repeat(9)}example`, capture: 'auto', audio: 'zh-Hans' }] : [],
};
const listener = (listen) => ({ addListener: listen });
chrome.runtime.connect = ({ name }) => ({
  onMessage: listener((heard) => setTimeout(() => heard(views[name.split(':')[0]]))),
  onDisconnect: listener(() => {}),
});
chrome.runtime.sendMessage = async ({ type }) =>
  host === 'ready' ? { ok: true, value: answers[type] ?? null } : { ok: false, failure: missing.failure };
