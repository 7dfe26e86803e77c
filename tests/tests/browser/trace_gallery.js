// Draws every end of a trace, and a chain of long addresses and names, into the trace's page. The body of an async
// function, with the folder of a language in `locale`.
const texts = await (await fetch(chrome.runtime.getURL(`_locales/${locale}/messages.json`))).json();
chrome.i18n.getMessage = (key, values = []) =>
  (texts[key]?.message ?? '').replaceAll(/\$(\d)/g, (_, number) => values[number - 1] ?? '');
chrome.i18n.getUILanguage = () => locale.replace('_', '-');
const { drawChain } = await import(chrome.runtime.getURL('ui/chain_card.js'));
const { localise, traceStateWords } = await import(chrome.runtime.getURL('ui/words.js'));
localise();
const long = 'a-name-without-any-space-that-is-longer-than-the-card-is-wide-'.repeat(3);
const ends = [
  null, 'found', 'stopped', 'time', 'bar-closed', 'tab-gone', 'navigated', 'other-debugger', 'restricted', 'stuck',
  'interrupted', 'failed',
];
const good = new Set([null, 'found', 'stopped', 'time']);
const states = ends.map((end) => {
  const state = Object.assign(document.createElement('p'), { className: good.has(end) ? 'state' : 'state bad' });
  state.dataset.end = end ?? '';
  state.textContent = traceStateWords({ end, requests: 1234 });
  return state;
});
const frame = (name, url = `https://cdn.example/${long}/player.min.js`) => ({ name, url, line: 12, column: 34567 });
const stack = [
  { cause: null, frames: [frame('send'), frame(''), frame(long.replaceAll('-', '_'))] },
  { cause: 'await', frames: [frame('startPlayer')] },
  { cause: '', frames: [frame('', 'blob:https://page.example/28e70b93-e11b-49ce-8f63-08b5bb449538')] },
];
const step = (role, url, more = {}) => ({ role, url, method: '', stack: [], ...more });
const chain = [
  step('page', 'https://page.example/watch?v=7'),
  step('frame', 'https://embed.example/'),
  step('worker', 'blob:https://embed.example/28e70b93-e11b-49ce-8f63-08b5bb449538'),
  step('script', `https://cdn.example/${long}/player.min.js`),
  step('first', `https://media.example/${long}/master.m3u8?token=secret`, { method: 'POST', stack }),
  step('second', 'https://media.example/720p.m3u8', { method: 'GET', stack: stack.slice(1, 2) }),
  step('segment', 'https://media.example/720p/1.ts', { method: 'GET' }),
];
const about = ['trace_about_debugger', 'trace_about_hook'].map((key) =>
  Object.assign(document.createElement('p'), { className: 'quiet', textContent: texts[key].message }),
);
for (const [id, key] of [['start', 'trace_again'], ['stop', 'trace_stop'], ['copy', 'copy']])
  Object.assign(document.getElementById(id), { textContent: texts[key].message, hidden: false });
document.querySelector('main').replaceChildren(...about, ...states, drawChain(chain));
