// One image: its thumbnail, its name and size, and whether it is saved.

import { element } from './dom.js';
import { fileName } from './image_list.js';
import { words } from './words.js';

/** @import { FoundImage } from '../types' */

/**
 * @typedef {object} Actions
 * @property {(url: string, isWanted: boolean) => void} choose
 * @property {(url: string, width: number, height: number) => void} measured
 */

/** @param {FoundImage} image @param {HTMLElement | null} old the card so far @param {Actions} actions */
export function drawImage(image, old, actions) {
  const { url } = image;
  const size = old?.querySelector('.size');
  if (old && size) {
    // A card that is changed in place keeps its thumbnail, and the keyboard's place.
    size.textContent = sizeWords(image);
    return old;
  }
  const name = image.text || fileName(url) || words('images_embedded');
  const box = element('input', { type: 'checkbox', 'data-testid': 'choose' });
  box.addEventListener('change', () => actions.choose(url, box.checked));
  return element(
    'li',
    { class: 'image', 'data-testid': 'image', 'data-how': image.how },
    element(
      'label',
      { title: url.startsWith('data:') ? null : url },
      box,
      thumbnail(image, actions),
      element('span', { class: 'name' }, name),
      element('span', { class: 'size' }, sizeWords(image)),
    ),
  );
}

/** @param {FoundImage} image */
function sizeWords({ width, height }) {
  return width !== null && height !== null ? `${width}×${height}` : words('images_size_unknown');
}

/**
 * The browser's own request, without a word of this extension: a server that wants the page's Referer refuses, and the
 * name alone is shown. In an `img` a picture runs nothing, whatever it is.
 * @param {FoundImage} image @param {Actions} actions
 */
function thumbnail({ url, preview }, { measured }) {
  const picture = element('img', { alt: '', referrerpolicy: 'no-referrer', loading: 'lazy', decoding: 'async' });
  const place = element('span', { class: 'thumbnail' }, picture);
  picture.addEventListener('load', () => {
    if (preview === url && picture.naturalWidth > 0) measured(url, picture.naturalWidth, picture.naturalHeight);
  });
  picture.addEventListener('error', () =>
    place.replaceChildren(element('span', { class: 'lost' }, words('images_no_thumbnail'))),
  );
  picture.src = preview;
  return place;
}
