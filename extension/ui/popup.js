// The popup, and the same as a page: `popup.html?tab=ID`. It draws what the background pushes and sends what is
// clicked; a capture goes on without it.

import { markOf } from '../plan/preview.js';
import { preferred } from '../plan/site_rules.js';
import * as platform from '../platform.js';
import { actionsOf, announce, carryOut } from './acting.js';
import { watch } from './background.js';
import { copyCommand } from './copying.js';
import { byId, show } from './dom.js';
import { drawHostNotice } from './host_notice.js';
import { drawJob } from './job_card.js';
import { drawStream, seenOf } from './stream_card.js';
import { hostWords, localise, words } from './words.js';

/** @import { View } from '../types' */

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
byId('capture-all').addEventListener('click', (event) => {
  // Captures are the user's own doing.
  if (event.isTrusted) captureAll();
});
watch(`view:${tab}`, draw);

/** The button of a stream's card, where it can be captured. @param {Element} card @returns {HTMLButtonElement | null} */
const captureOf = (card) => card.querySelector('[data-testid=capture]:not(:disabled)');

/** All that can be, each at the quality that its card shows. */
function captureAll() {
  for (const card of byId('streams').children) {
    const [button, quality] = [captureOf(card), card.querySelector('select')];
    if (!button || !quality) continue;
    button.disabled = true;
    const stream = card.getAttribute('data-key') ?? '';
    void carryOut({ type: 'capture', tab, stream, quality: quality.value });
  }
  byId('capture-all').hidden = true;
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
  const { tab, title, streams, rule, jobs, host } = view;
  byId('connection').textContent = hostWords(host);
  drawHostNotice(byId('notice'), host, () => void carryOut({ type: 'connect' }));

  const running = new Set(
    jobs.filter((job) => job.state !== 'finished' && job.tab === tab).map((job) => job.stream),
  );
  show(
    byId('streams'),
    streams.map((stream) => ({
      stream,
      title,
      busy: running.has(stream.id),
      wanted: preferred(stream.qualities, rule?.quality ?? 'best'),
    })),
    ({ stream }) => stream.id,
    (item, old) =>
      drawStream(item, old, {
        capture: (quality) => void carryOut({ type: 'capture', tab, stream: item.stream.id, quality }),
        preview: async (quality) => {
          const mark = await markOf(item.stream.id, quality);
          await platform.openPage(`ui/dashboard.html#preview=${tab}.${mark}`);
        },
        copy: (tool, quality) => copyCommand({ type: 'command', tab, stream: item.stream.id, quality, tool }),
      }),
    seenOf,
  );
  const capturable = [...byId('streams').children].filter(captureOf).length;
  byId('capture-all').hidden = capturable < 2;
  byId('capture-all').textContent = words('capture_all', capturable);
  const isIgnored = rule?.capture === 'never';
  byId('ignored').hidden = !isIgnored;
  byId('empty').hidden = streams.length > 0 || isIgnored;
  if (!byId('empty').hidden) void showWitness();

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
