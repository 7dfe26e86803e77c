// Plays the background and the language to a page of the extension, before its own scripts: `texts` are the words of
// `locale`, `host` is the connection.
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
  capture: 9, job: 'x', state: 'complete', title: 'Lecture 6: dams', page: 'https://video.example/watch/6',
  source: 'https://cdn.example/6/master.m3u8', output: '/home/someone/Videos/Weir/Lecture 6- dams.mp4',
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
  { ...capture, capture: 5, state: 'cancelled', title: null, output: null, finished: null, can: [] },
];
const listener = (listen) => ({ addListener: listen });
chrome.runtime.connect = () => ({
  onMessage: listener((heard) => setTimeout(() => heard({ tab: -1, title: '', streams: [], jobs, host: host === 'ready' ? ready : missing }))),
  onDisconnect: listener(() => {}),
});
chrome.runtime.sendMessage = async ({ type }) => ({ ok: true, value: type === 'history' ? captures : null });
