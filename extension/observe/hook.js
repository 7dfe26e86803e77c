// Runs in the page's own world, before the page's scripts, in every frame. It reads what the page reads -
// the bodies of XMLHttpRequest and fetch - and hands on those that begin as a playlist does.
//
// The page must not notice: nothing here throws, consumes a body or keeps a page's promise from
// rejecting as it would, and the wrapped functions print as the native ones do. Everything used later is taken
// now, because the page may replace it. What is sent from here is only a hint: the page could send the same.

(() => {
  'use strict';

  const MAX_PLAYLIST_CHARACTERS = 16 * 1024 * 1024;
  const HANDOVER = 'weir-handover';

  const { apply, defineProperty, getOwnPropertyDescriptor } = Reflect;
  const { Proxy, TextDecoder, Uint8Array, CustomEvent } = globalThis;
  const { stringify } = JSON;
  const { get: mapGet, set: mapSet } = WeakMap.prototype;
  const { has: setHas, add: setAdd } = WeakSet.prototype;
  const { startsWith, trimStart, includes, toLowerCase, slice } = String.prototype;
  const { addEventListener, dispatchEvent } = EventTarget.prototype;
  const { then } = Promise.prototype;
  const { decode } = TextDecoder.prototype;
  const { get: headerGet } = Headers.prototype;

  /** @param {object} owner @param {string} name @returns {(self: unknown) => any} */
  const getter = (owner, name) => {
    const get = getOwnPropertyDescriptor(owner, name)?.get;
    return get ? (self) => apply(get, self, []) : () => undefined;
  };

  const response = {
    url: getter(Response.prototype, 'url'),
    status: getter(Response.prototype, 'status'),
    headers: getter(Response.prototype, 'headers'),
    bodyUsed: getter(Response.prototype, 'bodyUsed'),
    clone: Response.prototype.clone,
    text: Response.prototype.text,
  };
  const blobSlice = Blob.prototype.slice;
  const blobText = Blob.prototype.text;
  const blobSize = getter(Blob.prototype, 'size');
  const xhr = {
    url: getter(XMLHttpRequest.prototype, 'responseURL'),
    status: getter(XMLHttpRequest.prototype, 'status'),
    type: getter(XMLHttpRequest.prototype, 'responseType'),
    text: getter(XMLHttpRequest.prototype, 'responseText'),
    body: getter(XMLHttpRequest.prototype, 'response'),
    header: XMLHttpRequest.prototype.getResponseHeader,
  };
  const byteLength = getter(ArrayBuffer.prototype, 'byteLength');

  // A node that is in no document: both worlds can reach it, and the page has no way to it. The relay, which
  // runs first, gets it with an event that is over before the page's first script.
  const channel = document.createElement('i');
  apply(dispatchEvent, document, [new MouseEvent(HANDOVER, { relatedTarget: channel })]);

  /** @param {{url: string, status: number | null, contentType: string | null, text: string}} report */
  const send = (report) => {
    apply(dispatchEvent, channel, [new CustomEvent('report', { detail: stringify(report) })]);
  };

  // --- what a playlist looks like ---

  /** @param {string} text */
  const isPlaylist = (text) => {
    const head = apply(trimStart, apply(slice, text, [0, 1024]), []);
    return apply(startsWith, head, ['#EXTM3U']);
  };

  /** By its address or type, without its body. @param {string} url @param {string | null} contentType */
  const looksLikePlaylist = (url, contentType) =>
    apply(includes, apply(toLowerCase, url, []), ['m3u']) ||
    (contentType !== null && apply(includes, apply(toLowerCase, contentType, []), ['mpegurl']));

  /** The text of bytes that begin as a playlist does, else null. @param {Uint8Array<ArrayBuffer>} bytes */
  const playlistText = (bytes) => {
    if (bytes.length < 7 || bytes.length > MAX_PLAYLIST_CHARACTERS) return null;
    const utf16 = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
    const encoding = utf16 ? (bytes[0] === 0xff ? 'utf-16le' : 'utf-16be') : 'utf-8';
    const wanted = utf16 ? 64 : 7;
    const length = bytes.length < wanted ? bytes.length : wanted;
    const beginning = new Uint8Array(bytes.buffer, bytes.byteOffset, length);
    const head = apply(decode, new TextDecoder(encoding), [beginning]);
    // Blank lines may come first: then the whole is looked at, when it is small.
    if (!isPlaylist(head) && !(apply(trimStart, head, []) !== head && bytes.length < 65536)) return null;
    const text = apply(decode, new TextDecoder(encoding), [bytes]);
    return isPlaylist(text) ? text : null;
  };

  /**
   * Reports a body that the page has read, when it is a playlist.
   * @param {unknown} body @param {string} url @param {() => [number | null, string | null]} details
   */
  const consider = (body, url, details) => {
    let text = null;
    if (typeof body === 'string') {
      if (body.length <= MAX_PLAYLIST_CHARACTERS && isPlaylist(body)) text = body;
    } else if (body instanceof Uint8Array) {
      text = playlistText(/** @type {Uint8Array<ArrayBuffer>} */ (body));
    } else if (body instanceof Blob) {
      considerBlob(body, url, details);
    } else if (byteLength(body) >= 7) {
      text = playlistText(new Uint8Array(/** @type {ArrayBuffer} */ (body)));
    }
    if (text !== null) {
      const [status, contentType] = details();
      send({ url, status, contentType, text });
    }
  };

  /** @param {Blob} blob @param {string} url @param {() => [number | null, string | null]} details */
  const considerBlob = (blob, url, details) => {
    if (blobSize(blob) > MAX_PLAYLIST_CHARACTERS) return;
    const head = apply(blobText, apply(blobSlice, blob, [0, 1024]), []);
    apply(then, head, [
      quietly((/** @type {string} */ text) => {
        if (!isPlaylist(text)) return;
        const whole = apply(blobText, blob, []);
        apply(then, whole, [quietly((/** @type {string} */ text) => consider(text, url, details)), nothing]);
      }),
      nothing,
    ]);
  };

  const nothing = () => {};

  /** The same function, which never throws. @param {(value: any) => void} f @returns {(value: any) => void} */
  const quietly = (f) => (value) => {
    try {
      f(value);
    } catch {
      // The page's own read goes on as it would.
    }
  };

  // --- wrapping ---

  /** The native function behind each wrapped one, for `toString`. @type {WeakMap<Function, Function>} */
  const natives = new WeakMap();

  /**
   * Puts a proxy in a method's place: name, length and properties stay the native ones.
   * @param {object} owner @param {string} name @param {(native: Function, self: any, args: any[]) => unknown} wrapped
   */
  const wrapMethod = (owner, name, wrapped) => {
    const descriptor = getOwnPropertyDescriptor(owner, name);
    if (!descriptor?.configurable) return;
    const kind = typeof descriptor.value === 'function' ? 'value' : 'get';
    const native = descriptor[kind];
    if (typeof native !== 'function') return;
    const proxy = new Proxy(native, { apply: (target, self, args) => wrapped(target, self, args) });
    apply(mapSet, natives, [proxy, native]);
    defineProperty(owner, name, { ...descriptor, [kind]: proxy });
  };

  /** @param {any} self @returns {() => [number | null, string | null]} */
  const responseDetails = (self) => () => [
    response.status(self),
    apply(headerGet, response.headers(self), ['content-type']),
  ];

  for (const name of ['text', 'arrayBuffer', 'blob', 'bytes']) {
    wrapMethod(Response.prototype, name, (native, self, args) => {
      const promise = apply(native, self, args);
      try {
        const url = response.url(self);
        // The page gets the promise that follows ours: it settles as the native one does, and a rejection that
        // nobody handles is still reported, once.
        return url
          ? apply(then, promise, [
              (/** @type {unknown} */ value) => {
                quietly(() => consider(value, url, responseDetails(self)))(undefined);
                return value;
              },
            ])
          : promise;
      } catch {
        return promise;
      }
    });
  }

  // A page that streams the body: only what already looks like a playlist is cloned, and the clone is ours to read.
  wrapMethod(Response.prototype, 'body', (native, self, args) => {
    quietly(() => {
      const url = response.url(self);
      if (!url || response.bodyUsed(self) || apply(setHas, cloned, [self])) return;
      const details = responseDetails(self);
      if (!looksLikePlaylist(url, details()[1])) return;
      if (Number(apply(headerGet, response.headers(self), ['content-length'])) > MAX_PLAYLIST_CHARACTERS)
        return;
      apply(setAdd, cloned, [self]);
      const text = apply(response.text, apply(response.clone, self, []), []);
      apply(then, text, [quietly((value) => consider(value, url, details)), nothing]);
    })(undefined);
    return apply(native, self, args);
  });

  /** Responses that were cloned already. @type {WeakSet<Response>} */
  const cloned = new WeakSet();

  /** @this {XMLHttpRequest} */
  function onLoad() {
    const self = this;
    quietly(() => {
      const url = xhr.url(self);
      if (!url) return;
      const type = xhr.type(self);
      if (type === 'json' || type === 'document') return;
      const body = type === '' || type === 'text' ? xhr.text(self) : xhr.body(self);
      consider(body, url, () => [xhr.status(self), apply(xhr.header, self, ['content-type'])]);
    })(undefined);
  }

  /** Requests that have our listener. @type {WeakSet<XMLHttpRequest>} */
  const watched = new WeakSet();

  wrapMethod(XMLHttpRequest.prototype, 'send', (native, self, args) => {
    quietly(() => {
      if (apply(setHas, watched, [self])) return;
      apply(addEventListener, self, ['load', onLoad]);
      apply(setAdd, watched, [self]);
    })(undefined);
    return apply(native, self, args);
  });

  wrapMethod(Function.prototype, 'toString', (native, self, args) =>
    apply(native, apply(mapGet, natives, [self]) ?? self, args),
  );
})();
