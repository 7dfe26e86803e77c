// The images of a page. `findImages` is put into each frame of a tab when the user asks (platform.js: `runInFrames`), in
// the extension's own world, and therefore has all that it needs inside. It reads the page, scrolls it where it is told
// to, and changes nothing else in it.

/** @import { FoundImage, ImageFindings } from '../types' */

/**
 * The images that the document has, in the order in which it has them; each address once.
 * @param {boolean} scrolls the document is scrolled through first, so that what it loads on scroll is there, and then back
 * @returns {Promise<ImageFindings>}
 */
export async function findImages(scrolls) {
  /** Most images of one document, and longest addresses, in characters; more are counted. */
  const MAX_IMAGES = 10_000;
  const MAX_URL = 32 * 1024;
  const MAX_DATA = 1024 * 1024;
  /** All `data:` addresses of one document: they are handed over at one go. In characters. */
  const MAX_ALL_DATA = 16 * 1024 * 1024;
  const MAX_TEXT = 200;
  /** A document is scrolled for so many steps at most, and so long, in milliseconds. */
  const MAX_STEPS = 200;
  const MAX_TIME = 60_000;
  /** How long a step lasts, and how long something new is waited for at the end, in milliseconds. */
  const STEP = 150;
  const END = 1_500;
  /** What is no wider is a placeholder, where the picture itself is named elsewhere. In pixels. */
  const PLACEHOLDER = 64;

  /** Where pages keep the address of a picture that is not loaded yet: the larger ones first. */
  const LAZY = [
    'data-original', 'data-original-src', 'data-full-src', 'data-large-src', 'data-zoom-image', 'data-hi-res-src',
    'data-highres', 'data-actualsrc', 'data-src', 'data-lazy-src', 'data-lazy', 'data-lazyload', 'data-echo',
    'data-image', 'data-img', 'data-url',
  ];
  const LAZY_SETS = ['data-srcset', 'data-lazy-srcset', 'data-original-set'];
  const LAZY_GROUNDS = ['data-bg', 'data-background', 'data-background-image', 'data-bg-src', 'data-lazy-background'];
  /** A path that ends as images do. A wiki's page about a file does too, and has a colon in its name. */
  const IMAGE_FILE = /\/[^/:]+\.(avif|bmp|gif|jpe?g|jxl|png|svg|tiff?|webp)$/i;

  /** @type {Map<string, FoundImage>} */
  const found = new Map();
  const blobs = new Set();
  const left = new Set();
  let dataLength = 0;

  /** An absolute address, null for what is none. @param {string | null | undefined} value */
  function resolve(value) {
    const text = value?.trim();
    if (!text) return null;
    if (text.length > MAX_DATA) {
      left.add(text);
      return null;
    }
    // Long, and read again with each step: they are not parsed.
    if (text.startsWith('data:')) return text.replace(/[\t\n\r]/g, '');
    try {
      const url = new URL(text, document.baseURI);
      url.hash = '';
      // For an image in the clear on a page that is not, browsers ask by https.
      const isMixed = url.protocol === 'http:' && document.baseURI.startsWith('https:');
      if (isMixed && !/^(localhost|127\.[\d.]+|\[::1\])$/.test(url.hostname)) url.protocol = 'https:';
      return url.href;
    } catch {
      return null;
    }
  }

  /** What a lazy attribute holds is an address, or a word such as `true`. @param {string | null} value */
  const lazy = (value) => (value !== null && /[/.]/.test(value) && !/[{}<>]/.test(value) ? resolve(value) : null);

  /**
   * The candidates of a `srcset`, as the HTML standard splits them: an address is what has no space, commas may be in it,
   * and at its end they end it.
   * @param {string | null} text @returns {{url: string, width: number, density: number}[]}
   */
  function candidates(text) {
    const all = [];
    let rest = text ?? '';
    for (;;) {
      rest = rest.replace(/^[\s,]+/, '');
      const url = /^\S+/.exec(rest)?.[0];
      if (url === undefined) return all;
      rest = rest.slice(url.length);
      let descriptors = '';
      if (!url.endsWith(',')) {
        // A comma in parentheses separates nothing.
        descriptors = /^(?:\([^)]*\)?|[^,(])*/.exec(rest)?.[0] ?? '';
        rest = rest.slice(descriptors.length);
      }
      const amount = (/** @type {string} */ unit) =>
        Number(new RegExp(`(?:^|\\s)(\\d+(?:\\.\\d+)?)${unit}(?=\\s|$)`).exec(descriptors)?.[1] ?? 0);
      const address = resolve(url.replace(/,+$/, ''));
      if (address !== null) all.push({ url: address, width: amount('w'), density: amount('x') || 1 });
    }
  }

  /** The largest of several candidates; of those that are alike the first. @param {ReturnType<typeof candidates>} all */
  const largest = (all) =>
    all.reduce(
      (best, one) =>
        best === null || one.width > best.width || (one.width === best.width && one.density > best.density) ? one : best,
      /** @type {ReturnType<typeof candidates>[number] | null} */ (null),
    );

  /** @param {Element} element @param {string} name */
  const number = (element, name) => Number(/^\s*(\d+)/.exec(element.getAttribute(name) ?? '')?.[1] ?? 0) || null;

  /** What is written about an image. @param {Element} element */
  const textOf = (element) =>
    ['alt', 'title', 'aria-label']
      .map((name) => (element.getAttribute(name) ?? '').replace(/\s+/g, ' ').trim())
      .find((text) => text !== '')
      ?.slice(0, MAX_TEXT) ?? '';

  /** @param {string | null} url @param {Partial<FoundImage>} about */
  function add(url, about) {
    if (url === null) return;
    if (url.startsWith('blob:')) {
      blobs.add(url);
      return;
    }
    const isData = url.startsWith('data:image/');
    if (!isData && !/^https?:/.test(url)) return;
    const known = found.get(url);
    if (known) {
      known.width ??= about.width ?? null;
      known.height ??= about.height ?? null;
      known.text ||= about.text ?? '';
      return;
    }
    const isTooMuch = isData ? dataLength + url.length > MAX_ALL_DATA : url.length > MAX_URL;
    if (found.size >= MAX_IMAGES || isTooMuch) {
      left.add(url);
      return;
    }
    if (isData) dataLength += url.length;
    found.set(url, { url, preview: url, width: null, height: null, text: '', how: 'img', ...about });
  }

  /** The image file that a link around an element leads to. @param {Element} element */
  function linkedFrom(element) {
    const url = resolve(element.closest('a[href]')?.getAttribute('href'));
    if (url === null || !/^https?:/.test(url)) return null;
    let path = new URL(url).pathname;
    try {
      path = decodeURIComponent(path);
    } catch {
      // It is read as it is.
    }
    return IMAGE_FILE.test(path) ? url : null;
  }

  /**
   * An `img`, and the sources of the `picture` around it: they are one picture, in several sizes.
   * @param {Element} img
   */
  function addImage(img) {
    const isLive = img instanceof HTMLImageElement && img.ownerDocument === document;
    const shown = (isLive ? resolve(img.currentSrc) : null) ?? resolve(img.getAttribute('src'));
    const sources = img.parentElement?.localName === 'picture' ? [...img.parentElement.children] : [];
    const sets = [img, ...sources.filter(({ localName }) => localName === 'source')]
      .flatMap((one) => ['srcset', ...LAZY_SETS].map((name) => one.getAttribute(name)))
      .flatMap(candidates);
    const best = largest(sets);
    const late = LAZY.map((name) => lazy(img.getAttribute(name))).find((url) => url !== null) ?? null;
    const [width, height] = isLive ? [img.naturalWidth, img.naturalHeight] : [0, 0];
    const isLoaded = width > 0 && height > 0;
    const stated = { width: number(img, 'width'), height: number(img, 'height') };
    const natural = isLoaded ? { width, height } : stated;
    const text = textOf(img);

    const linked = linkedFrom(img);
    if (linked !== null) {
      const isSame = linked === shown && best === null;
      const preview = isLoaded && shown !== null ? shown : (best?.url ?? late ?? shown ?? linked);
      add(linked, { ...(isSame ? natural : {}), preview, text, how: 'link' });
      return;
    }
    if (best !== null) {
      // The natural size of what is shown counts its density: the same picture is known by its shape.
      const chosen = sets.find(({ url }) => url === shown);
      const isKnown = isLoaded && chosen !== undefined;
      const wide = best.width > 0 ? best.width : isKnown ? Math.round(width * best.density) : null;
      const high = wide !== null && isKnown ? Math.round((wide * height) / width) : null;
      const size = wide === null ? stated : { width: wide, height: high };
      add(best.url, { ...size, preview: isLoaded && shown !== null ? shown : best.url, text, how: 'srcset' });
    }
    if (late !== null) add(late, { ...(late === shown ? natural : stated), text, how: 'lazy' });
    const isPlaceholder = shown === null || shown.startsWith('data:') || !isLoaded || width <= PLACEHOLDER;
    if (best === null && (late === null || !isPlaceholder)) add(shown, { ...natural, text, how: 'img' });
  }

  /** The addresses in a value of CSS; of an `image-set` the one with the highest resolution. @param {string} value */
  function groundsOf(value) {
    const all = [...value.matchAll(/url\(\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([^"')\s]+))\s*\)(?:\s+([\d.]+)(?:dppx|x))?/g)];
    const grounds = all.map(([, double, single, bare, density]) => ({
      url: resolve((double ?? single ?? bare ?? '').replace(/\\(.)/g, '$1')),
      density: Number(density ?? 0),
    }));
    const most = Math.max(...grounds.map(({ density }) => density));
    return grounds.filter(({ density }) => density === 0 || density === most).map(({ url }) => url);
  }

  /** What CSS paints behind an element. @param {Element} element */
  function addGrounds(element) {
    for (const part of [undefined, '::before', '::after']) {
      const { backgroundImage } = getComputedStyle(element, part);
      if (!backgroundImage.includes('url(')) continue;
      for (const url of groundsOf(backgroundImage)) add(url, { text: textOf(element), how: 'css' });
    }
  }

  /** Attributes that hold images, without those of `img`. @param {Element} element */
  function addAttributes(element) {
    const name = element.localName;
    const text = textOf(element);
    if (name === 'input' && element.getAttribute('type')?.toLowerCase() === 'image')
      add(resolve(element.getAttribute('src')), { text, how: 'input' });
    if (name === 'image')
      add(resolve(element.getAttribute('href') ?? element.getAttribute('xlink:href')), { text, how: 'svg' });
    if (name === 'video') {
      const poster = element.getAttribute('poster') ?? element.getAttribute('data-poster');
      add(resolve(poster), { text, how: 'poster' });
    }
    for (const ground of LAZY_GROUNDS) {
      const value = element.getAttribute(ground);
      if (value === null) continue;
      for (const url of value.includes('url(') ? groundsOf(value) : [lazy(value)]) add(url, { text, how: 'css' });
    }
  }

  /** All that is below a root, in order: of shadow roots that are open and of fallbacks too. @param {ParentNode} root */
  function collect(root) {
    for (const element of root.querySelectorAll('*')) {
      // A form's fields may have the names of what is called here.
      if (element.localName === 'img') addImage(element);
      else if (!(element instanceof HTMLFormElement)) addAttributes(element);
      if (element.localName === 'noscript') {
        // Where scripts run it is text. A document that is only parsed loads and runs nothing.
        collect(new DOMParser().parseFromString(element.textContent ?? '', 'text/html'));
      }
      if (element.ownerDocument === document) addGrounds(element);
      if (element.shadowRoot) collect(element.shadowRoot);
    }
  }

  /** Pictures that stand for the page. */
  function addHeads() {
    for (const meta of document.querySelectorAll('meta[content]')) {
      const name = meta.getAttribute('property') ?? meta.getAttribute('name') ?? '';
      if (/^(og:image(:url|:secure_url)?|twitter:image(:src)?)$/i.test(name))
        add(resolve(meta.getAttribute('content')), { how: 'head' });
    }
    for (const link of document.querySelectorAll('link[rel~=image_src][href]'))
      add(resolve(link.getAttribute('href')), { how: 'head' });
  }

  const wait = (/** @type {number} */ time) => new Promise((done) => setTimeout(done, time));

  /** What scrolls: the document, or the largest part of it that does. */
  function scroller() {
    const root = document.scrollingElement;
    if (root && root.scrollHeight > root.clientHeight + 1) return root;
    let best = null;
    for (const element of document.querySelectorAll('*')) {
      if (element.scrollHeight <= element.clientHeight + 1 || element.clientHeight < innerHeight / 2) continue;
      if (!/^(auto|scroll)$/.test(getComputedStyle(element).overflowY)) continue;
      if (best === null || element.clientHeight * element.clientWidth > best.clientHeight * best.clientWidth)
        best = element;
    }
    return best;
  }

  /** Scrolls through, from the top, and back to where the reader was; says why it has ended. */
  async function scrollThrough() {
    const place = scroller();
    if (place === null) return 'end';
    const { scrollTop, scrollLeft } = place;
    const deadline = performance.now() + MAX_TIME;
    const to = (/** @type {number} */ top) => place.scrollTo({ top, left: scrollLeft, behavior: 'instant' });
    const isAtEnd = () => place.scrollTop + place.clientHeight >= place.scrollHeight - 2;
    try {
      to(0);
      for (let step = 0; step < MAX_STEPS; step += 1) {
        await wait(STEP);
        collect(document);
        const [known, since] = [found.size, performance.now()];
        while (isAtEnd() && found.size === known) {
          if (performance.now() - since >= END) return 'end';
          await wait(STEP);
          collect(document);
        }
        if (performance.now() >= deadline) return 'time';
        to(place.scrollTop + Math.max(place.clientHeight * 0.9, 1));
      }
      return 'steps';
    } finally {
      to(scrollTop);
    }
  }

  collect(document);
  addHeads();
  const end = scrolls ? await scrollThrough() : null;
  return { images: [...found.values()], blobs: blobs.size, left: left.size, end };
}
