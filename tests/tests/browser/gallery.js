// Draws a card of every state into the popup, where the list of streams was. The body of an async function, with the
// folder of a language in `locale`: a browser speaks only the languages that are installed with it.
const texts = await (await fetch(chrome.runtime.getURL(`_locales/${locale}/messages.json`))).json();
chrome.i18n.getMessage = (key, values = []) =>
  (texts[key]?.message ?? '').replaceAll(/\$(\d)/g, (_, number) => values[number - 1] ?? '');
chrome.i18n.getUILanguage = () => locale.replace('_', '-');
const { drawJob } = await import(chrome.runtime.getURL('ui/job_card.js'));
const { localise } = await import(chrome.runtime.getURL('ui/words.js'));
localise();
const blank = {
  kind: 'stream', capture: null, tab: null, stream: null, source: null, quality: null, plannedAt: 0, isRefreshing: false, refreshFailure: null, title: 'Lecture 7: how a weir works', state: 'running',
  segments: { total: 0, fetched: 0, retried: 0 }, bytes: 0, bytesPerSecond: 0, etaSeconds: null,
  recordedSeconds: null, verdict: null, output: null, durationSeconds: null, parts: 0, missing: [], notes: [],
  subtitles: [], failure: null, startedAt: 0,
};
const recording = { title: 'The weir, live', bytes: 41_300_000, bytesPerSecond: 612_000, recordedSeconds: 754 };
const done = {
  state: 'finished', verdict: 'complete', output: '/home/someone/Videos/Weir/Lecture 7- how a weir works.mp4',
  durationSeconds: 3598.2, bytes: 812_000_000,
};
const long = 'An_address_without_any_space_that_is_longer_than_the_card_is_wide_'.repeat(3);
const failure = (code, message) => ({ code, message });
const jobs = {
  preparing: { state: 'preparing' },
  running: {
    segments: { total: 400, fetched: 123, retried: 2 }, bytes: 81_300_000, bytesPerSecond: 5_600_000, etaSeconds: 71,
  },
  refreshing: {
    isRefreshing: true, segments: { total: 400, fetched: 123, retried: 2 }, bytes: 81_300_000, bytesPerSecond: 0,
  },
  recording,
  'recording-long-title': { ...recording, title: `The weir, live, from the bridge ${long}`, recordedSeconds: 36_754 },
  'recording-finishing': { ...recording, state: 'finishing', bytesPerSecond: 0 },
  discarded: {
    ...recording, state: 'finished', verdict: 'cancelled', failure: failure('cancelled', 'stopped by the user'),
  },
  complete: {
    ...done, subtitles: ['en', 'zh-Hans', null],
    notes: [
      { code: 'duration', values: ['3598.2', '3600.0'] }, { code: 'picture', values: [] },
      { code: 'overlap', values: ['0.5', '72.4'] }, { code: 'overlaps', values: ['12'] },
      { code: 'cues', values: ['3'] }, { code: 'ffmpeg', values: ['MPEG-2 video'] },
      { code: 'no-subtitles', values: [] }, { code: 'key-unproven', values: [] },
      { code: 'other-host', values: ['media.example', 'edge-7.cdn.example'] },
      { code: 'other-place', values: ['media.example'] }, { code: 'key-of-page', values: [] },
      { code: null, values: ['track 0 is upside down'] },
    ],
  },
  'recording-with-a-gap': {
    ...done, ...recording, bytesPerSecond: 0, verdict: 'incomplete', parts: 132,
    missing: Array.from({ length: 100 }, (_, n) => ({ from: 4 + n * 30, to: 6 + n * 30 })),
    failure: failure('gaps', '132 of 2000 segments are missing or cut short; the first: HTTP 404 from https://host.example/live/seg002.ts'),
    output: `/home/someone/Videos/Weir/${long}.mp4`,
  },
  stalled: {
    ...done, ...recording, bytesPerSecond: 0, verdict: 'incomplete',
    failure: failure('stalled', 'nothing new for 600 s'),
  },
  failed: {
    state: 'finished', verdict: 'failed',
    failure: failure('http-status', `the server answered 403 Forbidden to https://host.example/${long}`),
  },
};
jobs.paused = {
  state: 'finished', verdict: 'failed', failure: failure('paused', 'paused'), bytes: 81_300_000,
  segments: { total: 400, fetched: 123, retried: 2 }, output: '/home/someone/Videos/Weir/Lecture 7- how a weir works.mp4.part',
};
const files = { kind: 'files', title: 'Weirs of the Thames', segments: { total: 40, fetched: 12, retried: 0 } };
jobs.saving = { ...files, bytes: 3_400_000, bytesPerSecond: 1_200_000, etaSeconds: 7 };
jobs['saved-not-all'] = {
  ...files, state: 'finished', verdict: 'incomplete', bytes: 11_200_000, durationSeconds: 0,
  segments: { total: 40, fetched: 17, retried: 2 }, output: '/home/someone/Videos/Weir/Weirs of the Thames',
  failure: failure('http-status', '23 of 40 files were not saved; the first: HTTP 404 from https://cdn.example/a.jpg'),
  notes: [
    { code: 'not-saved', values: ['https://cdn.example/photos/boveney.jpg', 'HTTP 404 from https://cdn.example/photos/boveney.jpg'] },
    { code: 'not-saved', values: [`https://cdn.example/${long}.jpg`, 'the server closed the connection'] },
    { code: 'further', values: ['21'] }, { code: 'saved-once', values: ['3'] },
  ],
};
jobs['failed-tab-gone'] = { ...jobs.failed, failure: failure('tab-gone', 'segment 41: the link has expired (403)') };
const unused = async () => true;
const cards = Object.entries(jobs).map(([name, job]) =>
  drawJob({ ...blank, job: name, ...job }, null, {
    cancel: unused, pause: unused, finish: unused, reveal: unused, again: unused,
  }));
const list = Object.assign(document.createElement('ul'), { className: 'cards', id: 'gallery' });
list.append(...cards);
document.querySelector('main').replaceChildren(list);
for (const details of list.querySelectorAll('details')) details.open = true;
