// What is found in a document that is played, what the page of images makes of it, and what may be asked for. The browser
// tests find the same in real pages.
import assert from 'node:assert/strict';
import { test } from 'node:test';

const PAGE = 'https://page.example/gallery/';

class Element {
  /** @type {Element[]} */ children = [];
  /** @type {Element | null} */ parentElement = null;
  shadowRoot = null;
  textContent = '';
  currentSrc = '';
  /** @param {string} localName @param {Record<string, string>} [attributes] @param {Element[]} [children] */
  constructor(localName, attributes = {}, children = []) {
    this.localName = localName;
    this.attributes = attributes;
    this.style = attributes.style ?? 'none';
    for (const child of children) this.append(child);
  }
  /** @param {Element} child */
  append(child) {
    child.parentElement = this;
    this.children.push(child);
  }
  /** @param {string} name */
  getAttribute(name) {
    return this.attributes[name] ?? null;
  }
  get ownerDocument() {
    return document;
  }
  /** @returns {Element | null} */
  closest() {
    return this.localName === 'a' ? this : (this.parentElement?.closest() ?? null);
  }
  /** @returns {Element[]} */
  get all() {
    return this.children.flatMap((child) => [child, ...child.all]);
  }
  querySelectorAll() {
    return this.all;
  }
}
class HTMLImageElement extends Element {
  naturalWidth = 0;
  naturalHeight = 0;
}
class HTMLFormElement extends Element {}

/** What a `noscript` holds, by its text. @type {Map<string, Element>} */
const parsed = new Map();
Object.assign(globalThis, {
  document: { baseURI: PAGE, querySelectorAll: () => [] },
  HTMLImageElement,
  HTMLFormElement,
  DOMParser: class {
    /** @param {string} text */
    parseFromString(text) {
      return parsed.get(text);
    }
  },
  getComputedStyle: (/** @type {Element} */ element, /** @type {string | undefined} */ part) => ({
    backgroundImage: part === undefined ? element.style : (element.attributes[part] ?? 'none'),
  }),
  chrome: {
    runtime: { id: 'weir', getURL: () => 'chrome-extension://weir/', getManifest: () => ({ version: '0.1.0' }) },
  },
});
const { findImages } = await import('../observe/images.js');
const { fileName, gathered, itemsOf, kindOf, passes } = await import('../ui/image_list.js');
const { permitted } = await import('../plan/download.js');

/** @param {Record<string, string>} attributes @param {{size?: [number, number], shown?: string}} [loaded] */
function img(attributes, { size = [0, 0], shown = '' } = {}) {
  const made = new HTMLImageElement('img', attributes);
  return Object.assign(made, { currentSrc: shown, naturalWidth: size[0], naturalHeight: size[1] });
}

/** What is found in a document that holds these elements. @param {...Element} elements */
async function found(...elements) {
  const root = new Element('html', {}, elements);
  /** @type {any} */ (document).querySelectorAll = (/** @type {string} */ what) => {
    if (what === '*') return root.all;
    const [, name = ''] = /^(\w+)/.exec(what) ?? [];
    return root.all.filter(({ localName }) => localName === name);
  };
  return findImages(false);
}

/** The addresses of it, those of the page's folder without it. @param {...Element} elements */
const listed = async (...elements) =>
  (await found(...elements)).images.map(({ url }) => url.replace(PAGE, ''));

test('of a srcset the largest is taken, however it is written', async () => {
  const cases = /** @type {[string, string][]} */ ([
    ['a.jpg 1x, b.jpg 2x', 'b.jpg'],
    ['a.jpg, b.jpg 1.5x', 'b.jpg'],
    ['a.jpg 1200w, b.jpg 320w', 'a.jpg'],
    ['  a.jpg   320w  ,b.jpg 640w 480h, ', 'b.jpg'],
    ['w_100,h_100/a.jpg 100w, w_900,h_900/a.jpg 900w', 'w_900,h_900/a.jpg'],
    ['a.jpg,', 'a.jpg'],
    ['a.jpg, , b.jpg 3x', 'b.jpg'],
    ['a.jpg (1x, 2x), b.jpg 2x', 'b.jpg'],
    ['data:image/gif;base64,R0lGODlhAQABAAAAACw=, b.jpg 2x', 'b.jpg'],
    ['a.jpg 2x, data:image/gif;base64,R0lGODlhAQABAAAAACw= 3x', 'data:image/gif;base64,R0lGODlhAQABAAAAACw='],
    ['a.jpg 2x, b.jpg 2x', 'a.jpg'],
    ['a.jpg (', 'a.jpg'],
  ]);
  for (const [srcset, wanted] of cases) assert.deepEqual(await listed(img({ srcset, src: 's.jpg' })), [wanted], srcset);
  for (const srcset of ['', ' ', ',,', ', ,']) assert.deepEqual(await listed(img({ srcset, src: 's.jpg' })), ['s.jpg']);
});

test('the size of the largest candidate follows from the one that is shown', async () => {
  const srcset = 'a.jpg 400w, b.jpg 1600w';
  const { images } = await found(img({ srcset }, { size: [200, 100], shown: `${PAGE}a.jpg` }));
  assert.deepEqual([images[0]?.width, images[0]?.height], [1600, 800]);
  const twice = await found(img({ srcset: 'a.jpg 1x, b.jpg 3x' }, { size: [200, 100], shown: `${PAGE}a.jpg` }));
  assert.deepEqual([twice.images[0]?.width, twice.images[0]?.height], [600, 300]);
  const unloaded = await found(img({ src: 'a.jpg', width: '30', height: 'auto' }));
  assert.deepEqual([unloaded.images[0]?.width, unloaded.images[0]?.height], [30, null]);
});

test('a placeholder gives way to what is loaded later, and a picture of its own does not', async () => {
  const tiny = 'data:image/gif;base64,R0lGODlhAQABAAAAACw=';
  assert.deepEqual(await listed(img({ src: tiny, 'data-src': 'a.jpg' })), ['a.jpg']);
  assert.deepEqual(await listed(img({ src: 'blur.jpg', 'data-original': 'a.jpg' }, { size: [20, 10] })), ['a.jpg']);
  assert.deepEqual(await listed(img({ src: 'b.jpg', 'data-src': 'a.jpg' }, { size: [640, 480] })), ['a.jpg', 'b.jpg']);
  assert.deepEqual(await listed(img({ src: 'a.jpg', 'data-lazy': 'true' })), ['a.jpg']);
  assert.deepEqual(await listed(img({ 'data-lazy-srcset': 'a.jpg 1x, b.jpg 2x' })), ['b.jpg']);
});

test('a link to an image file takes the place of its thumbnail; one to a page about it does not', async () => {
  const thumbnail = () => img({ src: 'small.jpg', alt: ' A  weir\n' }, { size: [100, 50], shown: `${PAGE}small.jpg` });
  const { images } = await found(new Element('a', { href: 'Large%20one.JPG?token=1#top' }, [thumbnail()]));
  assert.deepEqual(images, [
    { url: `${PAGE}Large%20one.JPG?token=1`, preview: `${PAGE}small.jpg`, width: null, height: null, text: 'A weir', how: 'link' },
  ]);
  for (const href of ['/wiki/File:Weir.jpg', '/wiki/File%3AWeir.jpg', 'page.html', 'javascript:a.jpg'])
    assert.deepEqual(await listed(new Element('a', { href }, [thumbnail()])), ['small.jpg'], href);
});

test('pictures, backgrounds, posters, buttons, drawings, fallbacks and what stands for the page', async () => {
  const picture = new Element('picture', {}, [
    new Element('source', { srcset: 'wide.webp 2x' }),
    img({ src: 'fallback.jpg' }),
  ]);
  assert.deepEqual(await listed(picture), ['wide.webp']);
  parsed.set('<img src=plain.jpg>', new Element('body', {}, [img({ src: 'plain.jpg' })]));
  const noscript = Object.assign(new Element('noscript'), { textContent: '<img src=plain.jpg>' });
  const shadow = new Element('x-card');
  shadow.shadowRoot = /** @type {any} */ (new Element('root', {}, [img({ src: 'shadow.jpg' })]));
  const all = await listed(
    new Element('div', { style: 'linear-gradient(red, blue), url("https://cdn.example/a\\"b.jpg"), url("c.jpg")' }),
    new Element('div', { style: 'image-set(url("1.jpg") 1dppx, url("2.jpg") 2dppx)' }),
    new Element('p', { '::before': 'url("before.png")' }),
    new Element('section', { 'data-bg': 'url(lazy.jpg)' }),
    new Element('input', { type: 'IMAGE', src: 'button.png' }),
    new Element('image', { 'xlink:href': 'drawn.png' }),
    new Element('video', { poster: 'poster.jpg' }),
    new HTMLFormElement('form', {}, []),
    noscript,
    shadow,
    new Element('meta', { property: 'og:image', content: '/share.png' }),
    new Element('meta', { property: 'og:title', content: '/no.png' }),
    new Element('link', { rel: 'image_src', href: '/old.png' }),
  );
  assert.deepEqual(all, [
    'https://cdn.example/a%22b.jpg', 'c.jpg', '2.jpg', 'before.png', 'lazy.jpg', 'button.png', 'drawn.png', 'poster.jpg',
    'plain.jpg', 'shadow.jpg', 'https://page.example/share.png', 'https://page.example/old.png',
  ]);
});

test('what nobody else can read is counted, what is no picture of the web is not there', async () => {
  const { images, blobs, left } = await found(
    img({ src: `blob:${PAGE}1` }),
    img({ src: 'javascript:alert(1)' }),
    img({ src: 'file:///etc/passwd' }),
    img({ src: 'data:text/html,<script>' }),
    img({ src: `data:image/png;base64,${'A'.repeat(1024 * 1024)}` }),
    img({ src: `/${'a'.repeat(40_000)}.jpg` }),
    img({ src: 'a.jpg' }),
    img({ src: './a.jpg#twice', alt: 'later' }),
    img({ src: 'http://cdn.example/mixed.jpg' }),
    img({ src: 'http://127.0.0.1:8080/own.jpg' }),
  );
  assert.deepEqual(
    images.map(({ url, text }) => [url, text]),
    [
      [`${PAGE}a.jpg`, 'later'],
      ['https://cdn.example/mixed.jpg', ''],
      ['http://127.0.0.1:8080/own.jpg', ''],
    ],
  );
  assert.deepEqual([blobs, left], [1, 2]);
});

test('of 20,000 images 10,000 are kept and the others counted, and 10,000 `data:` images are no 10 GB', async () => {
  const many = await found(...Array.from({ length: 20_000 }, (_, n) => img({ src: `${n}.jpg` })));
  assert.deepEqual([many.images.length, many.left], [10_000, 10_000]);
  const filled = 'A'.repeat(1_000_000);
  const heavy = await found(...Array.from({ length: 40 }, (_, n) => img({ src: `data:image/png;base64,${n}${filled}` })));
  assert.deepEqual([heavy.images.length, heavy.left], [16, 24]);
});

/** @param {string} url @param {Partial<import('../types').FoundImage>} [about] @returns {import('../types').FoundImage} */
const image = (url, about = {}) => ({ url, preview: url, width: null, height: null, text: '', how: 'img', ...about });

test('the images of all frames are one list, and a later look knows better', () => {
  const first = gathered([], [
    { images: [image('https://a.example/1.jpg')], blobs: 1, left: 0, end: null },
    { images: [image('https://a.example/1.jpg'), image('https://a.example/2.jpg')], blobs: 2, left: 3, end: null },
  ]);
  assert.deepEqual([first.images.length, first.blobs, first.left, first.end], [2, 3, 3, null]);
  const larger = image('https://a.example/1.jpg', { width: 640, height: 480, text: 'One' });
  const again = gathered(first.images, [
    { images: [larger], blobs: 0, left: 0, end: 'end' },
    { images: [], blobs: 0, left: 0, end: 'time' },
  ]);
  assert.deepEqual(again.images, [larger, image('https://a.example/2.jpg')]);
  assert.equal(again.end, 'time');
});

test('filters: size, kind and text; a size that nobody knows is never too small', () => {
  const all = { minWidth: 0, minHeight: 0, kind: 'all', text: '' };
  const large = image('https://a.example/p/Weir%20one.JPG?w=1', { width: 640, height: 480, text: 'The Weir' });
  const unknown = image('https://a.example/x');
  assert.ok(passes(large, { ...all, minWidth: 640, minHeight: 480 }));
  assert.ok(!passes(large, { ...all, minWidth: 641 }) && !passes(large, { ...all, minHeight: 481 }));
  assert.ok(passes(unknown, { ...all, minWidth: 5_000 }));
  assert.ok(passes(large, { ...all, kind: 'jpeg' }) && !passes(large, { ...all, kind: 'png' }));
  for (const text of ['weir ONE', 'the weir', 'a.example', ' ']) assert.ok(passes(large, { ...all, text }), text);
  assert.ok(!passes(large, { ...all, text: 'river' }));
  const kinds = ['a.jpeg', 'a.png', 'a.webp?x=.gif', 'a.gif', 'a.svg', 'a.avif', 'a'].map((name) => kindOf(`https://a.example/${name}`));
  assert.deepEqual(kinds, ['jpeg', 'png', 'webp', 'gif', 'svg', 'other', 'other']);
  assert.deepEqual(['data:image/svg+xml,<svg/>', 'data:image/jpeg;base64,AA'].map(kindOf), ['svg', 'jpeg']);
  assert.deepEqual(['https://a.example/%E5%A0%B0.png', 'https://a.example/%.png', 'data:,'].map(fileName), ['堰.png', '%.png', '']);
});

test('files are named by what the page says, or by their address', () => {
  const images = [image('https://a.example/1.jpg', { text: 'One' }), image('https://a.example/2.jpg')];
  assert.deepEqual(itemsOf(images, 'text').map(({ name }) => name), ['One', null]);
  assert.deepEqual(itemsOf(images, 'address').map(({ name }) => name), [null, null]);
});

test('only what a page may lead to is asked for', () => {
  const wanted = (/** @type {string[]} */ ...urls) => urls.map((url) => ({ url, name: null }));
  const asked = (/** @type {unknown} */ items, page = PAGE) => permitted(items, page).map(({ url }) => url);
  const good = ['https://cdn.example/a.jpg', 'data:image/png;base64,AA=='];
  const bad = [
    'http://cdn.example/a.jpg', 'https://192.168.0.1/a.jpg', 'https://localhost/a.jpg', 'file:///etc/passwd',
    'javascript:1', 'blob:https://page.example/1', 'data:text/html,x', 'https://', `https://a.example/${'a'.repeat(33_000)}`,
    `data:image/png;base64,${'A'.repeat(1024 * 1024)}`,
  ];
  assert.deepEqual(asked(wanted(...good, ...bad, ...good)), good);
  assert.deepEqual(asked(wanted('http://127.0.0.1:2/a.jpg'), 'http://localhost:1/'), ['http://127.0.0.1:2/a.jpg']);
  for (const nothing of [null, 'x', {}, [null], [{}], [{ url: 7 }]]) assert.deepEqual(asked(nothing), []);
  assert.equal(asked(wanted(...Array.from({ length: 12_000 }, (_, n) => `https://a.example/${n}`))).length, 10_000);
  const names = permitted([{ url: good[0], name: `  ${'n'.repeat(300)}` }, { url: good[1], name: 7 }], PAGE);
  assert.deepEqual(names.map(({ name }) => name?.length ?? null), [198, null]);
});
