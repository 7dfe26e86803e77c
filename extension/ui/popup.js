// The popup, and the same as a page: `popup.html?tab=ID`. It draws what the background pushes and sends what is
// clicked; a capture goes on without it.

import * as platform from '../platform.js';
import { actionsOf, announce, carryOut, complain } from './acting.js';
import { ask, watch } from './background.js';
import { byId, show } from './dom.js';
import { drawHostNotice } from './host_notice.js';
import { drawJob } from './job_card.js';
import { drawStream, seenOf } from './stream_card.js';
import { hostWords, localise, words } from './words.js';

/** @import { Command, View } from '../types' */

const asked = new URL(location.href).searchParams.get('tab');

localise();
document.body.classList.toggle('page', asked !== null);
byId('options').addEventListener('click', () => platform.openOptions());
byId('all').addEventListener('click', () => void platform.openPage('ui/dashboard.html'));
byId('clear').addEventListener('click', () => void carryOut({ type: 'clear' }));
const tab = asked === null ? await platform.activeTab() : Number(asked);
byId('images').addEventListener('click', () => void platform.openImages(tab));
byId('trace').addEventListener('click', (event) => {
  // What it does to a tab is the user's own doing.
  if (event.isTrusted) void platform.openTrace(tab);
});
watch(`view:${tab}`, draw);

/** Copies a stream as a command. @param {Command} command @returns {Promise<boolean>} whether it was copied */
async function copyAs(command) {
  try {
    await navigator.clipboard.writeText(await ask(command));
    byId('announcements').textContent = words('copied');
    return true;
  } catch (error) {
    complain(error);
    return false;
  }
}

/** When the page was last asked whether it plays, in milliseconds since 1970, and how often it may be. */
let witnessedAt = 0;
const WITNESS_INTERVAL = 2_000;

/** Nothing is listed: a page that plays all the same has asked for its stream before anybody looked, or plays none. */
async function showWitness() {
  if (Date.now() - witnessedAt < WITNESS_INTERVAL) return;
  witnessedAt = Date.now();
  const answers = await platform.askFrames(tab, { type: 'plays' });
  const isUnseen = answers.includes(true);
  byId('unseen').hidden = !isUnseen;
  byId('hint').hidden = isUnseen;
}

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
        (tool, quality) => copyAs({ type: 'command', tab, stream: item.stream.id, quality, tool }),
      ),
    seenOf,
  );
  byId('empty').hidden = streams.length > 0;
  if (streams.length === 0) void showWitness();

  show(
    byId('jobs'),
    jobs,
    (job) => job.job,
    (job, old) =>
      drawJob(job, old, {
        ...actionsOf(job),
        reveal: () => carryOut({ type: 'reveal', job: job.job }),
        ...(job.tab === null || job.verdict === 'complete'
          ? {}
          : { again: () => carryOut({ type: 'again', job: job.job, capture: null }) }),
      }),
  );
  byId('jobs-section').hidden = jobs.length === 0;
  byId('clear').hidden = jobs.every((job) => job.state !== 'finished');
  announce(jobs);
}
