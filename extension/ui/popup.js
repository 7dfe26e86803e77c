// The popup, and the same as a page: `popup.html?tab=ID`. It draws what the background pushes and sends what is
// clicked; a capture goes on without it.

import * as platform from '../platform.js';
import { failureOf } from '../report/failure.js';
import { ask, watch } from './background.js';
import { byId, element, show } from './dom.js';
import { drawHostNotice } from './host_notice.js';
import { drawJob } from './job_card.js';
import { drawStream, seenOf } from './stream_card.js';
import { failureWords, hostWords, localise, stateWords, words } from './words.js';

/** @import { Command, View } from '../types' */

const asked = new URL(location.href).searchParams.get('tab');

localise();
document.body.classList.toggle('page', asked !== null);
byId('options').addEventListener('click', () => platform.openOptions());
byId('clear').addEventListener('click', () => void carryOut({ type: 'clear' }));
const tab = asked === null ? await platform.activeTab() : Number(asked);
byId('trace').addEventListener('click', (event) => {
  // What it does to a tab is the user's own doing.
  if (event.isTrusted) void platform.openTrace(tab);
});
watch(`view:${tab}`, draw);

/** @param {View} view */
function draw(view) {
  const { tab, title, streams, jobs, host } = view;
  byId('connection').textContent = hostWords(host);
  drawHostNotice(byId('notice'), host, () => void carryOut({ type: 'connect' }));

  const running = new Set(
    jobs.filter((job) => job.state !== 'finished' && job.tab === tab).map((job) => job.stream),
  );
  show(
    byId('streams'),
    streams.map((stream) => ({ stream, title, busy: running.has(stream.id) })),
    ({ stream }) => stream.id,
    (item, old) =>
      drawStream(
        item,
        old,
        (quality) => void carryOut({ type: 'capture', tab, stream: item.stream.id, quality }),
      ),
    seenOf,
  );
  byId('empty').hidden = streams.length > 0;

  show(
    byId('jobs'),
    jobs,
    (job) => job.job,
    (job, old) =>
      drawJob(job, old, {
        cancel: () => carryOut({ type: 'cancel', job: job.job }),
        finish: () => carryOut({ type: 'finish', job: job.job }),
        reveal: () => carryOut({ type: 'reveal', job: job.job }),
      }),
  );
  byId('jobs-section').hidden = jobs.length === 0;
  byId('clear').hidden = jobs.every((job) => job.state !== 'finished');
  announce(view);
}

/** What each capture was last seen to do; null before the first look. @type {Map<string, string> | null} */
let told = null;

/**
 * What a screen reader says: which capture begins, goes over to something else, ends; not every byte, nothing twice,
 * and not what is there when the page opens.
 * @param {View} view
 */
function announce({ jobs }) {
  const now = new Map(jobs.map((job) => [job.job, stateWords(job)]));
  const news = jobs.filter((job) => told !== null && told.get(job.job) !== now.get(job.job));
  told = now;
  if (news.length === 0) return;
  byId('announcements').textContent = news
    .map((job) => words('announcement', job.title || words('untitled'), stateWords(job)))
    .join(' ');
}

/** @param {Command} command @returns {Promise<boolean>} whether it was carried out; else the page says why not */
async function carryOut(command) {
  try {
    await ask(command);
    return true;
  } catch (error) {
    const failure = failureOf(error);
    // What concerns the host's connection is in the notice already.
    if (command.type === 'connect') return false;
    const place = byId('announcements');
    const card = element(
      'p',
      { class: 'problem', role: 'alert', 'data-code': failure.code },
      failureWords(failure),
    );
    document.querySelector('.problem[data-code]')?.remove();
    place.before(card);
    setTimeout(() => card.remove(), 8_000);
    return false;
  }
}
