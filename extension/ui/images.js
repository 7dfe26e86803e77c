// The images of a tab's page: `images.html?tab=ID`. What they are is found by this page itself, so that it lasts as long as
// this page is open; they are saved by the background, and go on without it.

import { findImages } from '../observe/images.js';
import * as platform from '../platform.js';
import { announce, carryOut } from './acting.js';
import { watch } from './background.js';
import { copyCommand } from './copying.js';
import { byId, show } from './dom.js';
import { drawHostNotice } from './host_notice.js';
import { drawImage } from './image_card.js';
import { gathered, itemsOf, passes } from './image_list.js';
import { drawJob } from './job_card.js';
import { hostWords, localise, words } from './words.js';

/** @import { FoundImage, View } from '../types' */

const tab = Number(new URL(location.href).searchParams.get('tab'));

/** Everything that was found so far. @type {FoundImage[]} */
let images = [];
/** What the last look has left out, and how it has ended. @type {Omit<ReturnType<typeof gathered>, 'images'>} */
let outcome = { blobs: 0, left: 0, end: null };
/** What the page says while it looks, or why it could not. @type {string | null} */
let instead = null;
/** The addresses that were unchecked. @type {Set<string>} */
const unwanted = new Set();
/** What is drawn again soon. @type {ReturnType<typeof setTimeout> | null} */
let drawing = null;

/** What a card says of itself. */
const onCard = {
  /** @param {string} url @param {boolean} isWanted */
  choose(url, isWanted) {
    if (isWanted) unwanted.delete(url);
    else unwanted.add(url);
    drawCount();
  },
  /** Its thumbnail is itself, and tells its size. @param {string} url @param {number} width @param {number} height */
  measured(url, width, height) {
    const image = images.find((one) => one.url === url);
    if (!image || (image.width === width && image.height === height)) return;
    Object.assign(image, { width, height });
    queueDraw();
  },
};

localise();
byId('filter').addEventListener('input', draw);
byId('filter').addEventListener('submit', (event) => event.preventDefault());
byId('select-all').addEventListener('click', () => choose(true));
byId('select-none').addEventListener('click', () => choose(false));
byId('scroll').addEventListener('click', () => void look(true));
byId('save').addEventListener('click', () => void save());
byId('copy').addEventListener('click', () => void copyCommand({ type: 'files-command', ...chosen() }));
watch(`view:${tab}`, drawView);
void look(false);

/** Looks for the images of every frame. @param {boolean} scrolls */
async function look(scrolls) {
  const button = byId('scroll');
  if (button.ariaDisabled === 'true') return;
  button.ariaDisabled = 'true';
  instead = words(scrolls ? 'images_scrolling' : 'images_looking');
  draw();
  try {
    const run = () => platform.runInFrames(tab, findImages, scrolls);
    const findings = await (scrolls ? platform.whileSeen(tab, run) : run());
    ({ images, ...outcome } = gathered(images, findings));
    instead = null;
  } catch (error) {
    console.warn('weir: the page is not looked into', error);
    instead = words('images_closed');
  }
  button.ariaDisabled = 'false';
  draw();
}

/** The filter as it is typed. @returns {import('./image_list.js').Filter} */
function filter() {
  const value = (/** @type {string} */ id) => /** @type {HTMLInputElement} */ (byId(id)).value;
  return {
    minWidth: Number(value('min-width')),
    minHeight: Number(value('min-height')),
    kind: value('kind'),
    text: value('text'),
  };
}

/** Those that the filter lets through, each with its number, which names it here: an address may be a megabyte. */
function shown() {
  const chosen = filter();
  return images.map((image, index) => ({ image, index })).filter(({ image }) => passes(image, chosen));
}

/** What a click on Save saves: what is not seen is not saved. */
function wanted() {
  return shown()
    .map(({ image }) => image)
    .filter(({ url }) => !unwanted.has(url));
}

function draw() {
  const listed = shown();
  show(
    byId('images'),
    listed,
    ({ index }) => String(index),
    ({ image }, old) => drawImage(image, old, onCard),
    ({ image: { width, height, text } }) => [width, height, text],
  );
  byId('images').querySelectorAll('input').forEach((box, place) => {
    box.checked = !unwanted.has(listed[place]?.image.url ?? '');
  });
  const state = byId('state');
  const text = instead ?? stateWords(listed.length);
  // A screen reader says it again whenever it is set.
  if (state.textContent !== text) state.textContent = text;
  drawCount();
}

/** How much there is, and what is left out. @param {number} listed */
function stateWords(listed) {
  if (images.length === 0) return words('images_nothing');
  const all = [listed === images.length ? words('images_count', listed) : words('images_some', listed, images.length)];
  if (outcome.end === 'time' || outcome.end === 'steps') all.push(words('images_stopped'));
  if (outcome.blobs > 0) all.push(words('images_blobs', outcome.blobs));
  if (outcome.left > 0) all.push(words('images_left', outcome.left));
  return all.join(' ');
}

function drawCount() {
  const count = wanted().length;
  const button = /** @type {HTMLButtonElement} */ (byId('save'));
  button.textContent = count === 1 ? words('images_save_one') : words('images_save', count);
  button.disabled = count === 0;
  /** @type {HTMLButtonElement} */ (byId('copy')).disabled = count === 0;
}

/** Thumbnails come many at a time. */
function queueDraw() {
  drawing ??= setTimeout(() => {
    drawing = null;
    draw();
  }, 100);
}

/** All that are seen, or none of them. @param {boolean} isWanted */
function choose(isWanted) {
  for (const { image } of shown()) {
    const { url } = image;
    if (isWanted) unwanted.delete(url);
    else unwanted.add(url);
  }
  draw();
}

function chosen() {
  const named = /** @type {HTMLSelectElement} */ (byId('named')).value;
  return { tab, items: itemsOf(wanted(), named === 'text' ? 'text' : 'address') };
}

async function save() {
  if (await carryOut({ type: 'download', ...chosen() })) byId('jobs-section').scrollIntoView({ block: 'nearest' });
}

/** @param {View} view */
function drawView({ title, jobs, host }) {
  byId('title').textContent = title;
  byId('connection').textContent = hostWords(host);
  drawHostNotice(byId('notice'), host, () => void carryOut({ type: 'connect' }));
  const own = jobs.filter((job) => job.kind === 'files' && job.tab === tab);
  show(
    byId('jobs'),
    own,
    (job) => job.job,
    (job, old) =>
      drawJob(job, old, {
        cancel: () => carryOut({ type: 'cancel', job: job.job }),
        pause: () => carryOut({ type: 'pause', job: job.job }),
        finish: async () => false,
        again: () => carryOut({ type: 'again', job: job.job, capture: null }),
        reveal: () => carryOut({ type: 'reveal', job: job.job }),
      }),
  );
  byId('jobs-section').hidden = own.length === 0;
  announce(own);
}
