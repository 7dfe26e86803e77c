// Runs in the page's own world, before the page's scripts, in every frame. It reads what the page reads -
// the bodies of XMLHttpRequest and fetch, text that it decodes, blobs that it makes addresses of - and hands on what
// begins as a playlist does, or may be the key of one. Workers that a page starts from a blob get the same.
//
// The page must not notice: nothing here throws, consumes a body or keeps a page's promise from
// rejecting as it would, and the wrapped functions print as the native ones do. Everything used later is taken
// now, because the page may replace it. What is sent from here is only a hint: the page could send the same.

(() => {
  'use strict';

  const HANDOVER = 'weir-handover';

  /**
   * Wraps what pages and workers read with. It stands alone: its own text goes into workers.
   * @callback Watch
   * @param {(report: {url: string, status: number | null, contentType: string | null, text: string} | {call: object} | {key: object}) => void} send
   * an empty `url` is a text that came from no address of its own, an empty `text` the start of a shared worker
   * @param {() => string} line the name of the channel on which workers report
   * @param {boolean} begin whether to report calls from the start
   * @returns {(on: boolean) => void} begins or ends reporting who asks for what
   */

  // What stands in parentheses is compiled along with the script around it, and not read a second time when it is called.
  const watch = /** @type {Watch} */ (function watch(send, line, begin) {
    const MAX_PLAYLIST_CHARACTERS = 16 * 1024 * 1024;
    // Longest text that is searched for playlists inside, and most values that are looked at in it.
    const MAX_SEARCHED_CHARACTERS = 4 * 1024 * 1024;
    const MAX_SEARCHED_VALUES = 20_000;
    // How long a text that is decoded in pieces may pause until it is taken as whole, in milliseconds.
    const PAUSE = 300;
    // Base64 of the beginning of "#EXTM3U", whatever follows, and the same after a byte order mark.
    const BASE64 = 'I0VYVE0z';
    const BASE64_BOM = '77u/I0VYVE0z';

    // What a browser makes when it is first named - an interface, a class, a function that is written in JavaScript
    // itself - is named here only where it has to be: each costs a frame of Firefox a twentieth of a millisecond or more.
    const { apply, construct, getOwnPropertyDescriptor, getPrototypeOf } = Reflect;
    const { ArrayBuffer, Map, Proxy, TextDecoder, Uint8Array, URL, Blob } = globalThis;
    const { atob, setTimeout, decodeURIComponent } = globalThis;
    const { isView } = ArrayBuffer;
    const { parse } = JSON;
    const { keys, defineProperties } = Object;
    const { __lookupGetter__: lookupGetter, hasOwnProperty } = /** @type {any} */ (Object.prototype);
    const { get: weakGet, set: weakSet, delete: weakDelete } = WeakMap.prototype;
    const { get: mapGet, set: mapSet, delete: mapDelete, has: mapHas } = Map.prototype;
    const { has: setHas, add: setAdd } = WeakSet.prototype;
    const { startsWith, endsWith, trimStart, includes, indexOf, toLowerCase, slice, charCodeAt, replaceAll } =
      String.prototype;
    const { push, pop } = Array.prototype;
    const { addEventListener } = EventTarget.prototype;
    const { then } = Promise.prototype;
    const { decode } = TextDecoder.prototype;
    const { get: headerGet } = Headers.prototype;
    const { createObjectURL, revokeObjectURL } = URL;
    const { toString: functionText } = Function.prototype;

    /** @param {object} owner @param {string} name @returns {(self: unknown) => any} */
    const getter = (owner, name) => {
      const get = apply(lookupGetter, owner, [name]);
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
    const blobType = getter(Blob.prototype, 'type');
    const xhr = {
      url: getter(XMLHttpRequest.prototype, 'responseURL'),
      status: getter(XMLHttpRequest.prototype, 'status'),
      type: getter(XMLHttpRequest.prototype, 'responseType'),
      text: getter(XMLHttpRequest.prototype, 'responseText'),
      body: getter(XMLHttpRequest.prototype, 'response'),
      header: XMLHttpRequest.prototype.getResponseHeader,
    };
    const byteLength = getter(ArrayBuffer.prototype, 'byteLength');
    const views = getPrototypeOf(Uint8Array.prototype) ?? {};
    const view = {
      buffer: getter(views, 'buffer'),
      offset: getter(views, 'byteOffset'),
      length: getter(views, 'byteLength'),
    };

    const nothing = () => {};
    /** @type {Details} */
    const unknown = () => [null, null];

    /** The same function, which never throws; where it counts, `try` stands in its place and nothing is made. @param {(value: any) => void} f @returns {(value: any) => void} */
    const quietly = (f) => (value) => {
      try {
        f(value);
      } catch {
        // The page's own work goes on as it would.
      }
    };

    // --- what a playlist looks like ---

    /** @param {string} text */
    const isPlaylist = (text) => {
      // "#", white space or a byte order mark: all else is told by its first character.
      const first = apply(charCodeAt, text, [0]);
      if (first !== 0x23 && first > 0x20 && first !== 0xfeff) return false;
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

    /** The playlist that a text is, plain, in base64 or as a `data:` address; else null. @param {string} text */
    const unpacked = (text) => {
      if (text.length < 7 || text.length > MAX_PLAYLIST_CHARACTERS) return null;
      if (isPlaylist(text)) return text;
      let [packed, base64] = [text, true];
      if (apply(startsWith, text, ['data:'])) {
        const comma = apply(indexOf, text, [',']);
        if (comma < 0 || comma > 256) return null;
        base64 = apply(endsWith, apply(toLowerCase, apply(slice, text, [5, comma]), []), [';base64']);
        packed = apply(slice, text, [comma + 1]);
      }
      if (!base64) {
        const plain = decodeURIComponent(packed);
        return isPlaylist(plain) ? plain : null;
      }
      if (!apply(startsWith, packed, [BASE64]) && !apply(startsWith, packed, [BASE64_BOM])) return null;
      const binary = atob(packed);
      const bytes = new Uint8Array(binary.length);
      for (let at = 0; at < bytes.length; at += 1) bytes[at] = apply(charCodeAt, binary, [at]);
      return playlistText(bytes);
    };

    /** @param {string} text */
    const reportText = (text) => send({ url: '', status: null, contentType: null, text });

    /** @param {string} text */
    const reportUnpacked = (text) => {
      try {
        const playlist = unpacked(text);
        if (playlist !== null) reportText(playlist);
      } catch {
        // Base64 or a `data:` address only by its first letters.
      }
    };

    /** Reports the playlists among the strings of a value that JSON was read into. @param {unknown} value */
    const search = (value) => {
      const waiting = [value];
      for (let seen = 0; waiting.length > 0 && seen < MAX_SEARCHED_VALUES; seen += 1) {
        const one = apply(pop, waiting, []);
        if (typeof one === 'string') {
          if (one.length >= 7) reportUnpacked(one);
        } else if (typeof one === 'object' && one !== null) {
          const names = keys(one);
          for (let at = names.length - 1; at >= 0; at -= 1) apply(push, waiting, [one[names[at]]]);
        }
      }
    };

    /** Reports the playlists inside a text that is none itself. @param {string} text */
    const searchText = (text) => {
      if (text.length > MAX_SEARCHED_CHARACTERS) return;
      if (!apply(includes, text, ['EXTM3U']) && !apply(includes, text, [BASE64])) return;
      const first = apply(charCodeAt, apply(trimStart, text, []), [0]);
      // An object, an array or a string.
      if (first === 0x7b || first === 0x5b || first === 0x22) search(parse(text));
      else search(text);
    };

    /**
     * Status and content type of what a body came with.
     * @callback Details
     * @param {any} self a `Response` or an `XMLHttpRequest`
     * @returns {[number | null, string | null]}
     */

    /**
     * Reports a body that the page has read, when it is a playlist or holds one. What JSON was read into is for `search`.
     * @param {unknown} body @param {string} url @param {Details} details @param {unknown} self
     */
    const consider = (body, url, details, self) => {
      let text = null;
      if (typeof body === 'string') {
        if (body.length <= MAX_PLAYLIST_CHARACTERS && isPlaylist(body)) text = body;
        else searchText(body);
      } else if (body instanceof Uint8Array) {
        considerKey(body, url, false);
        text = playlistText(/** @type {Uint8Array<ArrayBuffer>} */ (body));
      } else if (body instanceof Blob) {
        considerBlob(body, url, details, self);
      } else if (typeof body === 'object' && body !== null) {
        if (isBuffer(body)) {
          considerKey(body, url, false);
          text = playlistText(new Uint8Array(/** @type {ArrayBuffer} */ (body)));
        } else search(body);
      }
      if (text === null) return;
      if (apply(startsWith, url, ['http'])) {
        const [status, contentType] = details(self);
        send({ url, status, contentType, text });
      } else reportText(text);
    };

    /** @param {object} body */
    const isBuffer = (body) => {
      try {
        return byteLength(body) >= 0;
      } catch {
        return false;
      }
    };

    /** @param {Blob} blob @param {string} url @param {Details} details @param {unknown} self */
    const considerBlob = (blob, url, details, self) => {
      if (blobSize(blob) > MAX_PLAYLIST_CHARACTERS) return;
      const head = apply(blobText, apply(blobSlice, blob, [0, 1024]), []);
      apply(then, head, [
        quietly((/** @type {string} */ text) => {
          if (!isPlaylist(text)) return;
          const whole = apply(blobText, blob, []);
          const told = (/** @type {string} */ text) => consider(text, url, details, self);
          apply(then, whole, [quietly(told), nothing]);
        }),
        nothing,
      ]);
    };

    // --- what a key looks like ---

    const HEX = '0123456789abcdef';
    // Most values that are reported for their length alone, and most reports that are remembered.
    const MAX_SEEN_KEYS = 200;
    const MAX_REPORTED_KEYS = 1000;
    let seenKeys = 0;
    let rememberedKeys = 0;
    /** @type {Map<string, true>} */
    let reportedKeys = new Map();

    /** The bytes of a buffer, or of a view of one, that is as long as a key. @param {any} value */
    const keyBytes = (value) => {
      const isOfView = isView(value);
      if (!isOfView && !isBuffer(value)) return null;
      const length = isOfView ? view.length(value) : byteLength(value);
      if (length !== 16 && length !== 32) return null;
      return isOfView ? new Uint8Array(view.buffer(value), view.offset(value), length) : new Uint8Array(value);
    };

    /**
     * Reports what may be the key of a stream.
     * @param {unknown} value @param {string} url that it came from, empty for none
     * @param {boolean} used whether a cipher gets it; else it only has the length of one
     */
    const considerKey = (value, url, used) => {
      const bytes = keyBytes(value);
      if (bytes === null) return;
      let hex = '';
      for (let at = 0; at < bytes.length; at += 1) {
        const byte = bytes[at] ?? 0;
        hex += `${HEX[byte >> 4]}${HEX[byte & 15]}`;
      }
      const print = `${used} ${hex} ${url}`;
      if (apply(mapHas, reportedKeys, [print])) return;
      if (!used && (seenKeys += 1) > MAX_SEEN_KEYS) return;
      if ((rememberedKeys += 1) > MAX_REPORTED_KEYS) {
        reportedKeys = new Map();
        rememberedKeys = 1;
      }
      apply(mapSet, reportedKeys, [print, true]);
      send({ key: { hex, url, used } });
    };

    /** @param {string} binary a character for each byte @param {boolean} used */
    const considerBinary = (binary, used) => {
      if (binary.length !== 16 && binary.length !== 32) return;
      const bytes = new Uint8Array(binary.length);
      for (let at = 0; at < bytes.length; at += 1) bytes[at] = apply(charCodeAt, binary, [at]);
      considerKey(bytes, '', used);
    };

    /** A page's own objects are not asked: that would be seen. @param {unknown} owner @param {string} name */
    const ownValue = (owner, name) =>
      typeof owner === 'object' && owner !== null ? getOwnPropertyDescriptor(owner, name)?.value : undefined;

    /**
     * Reports the keys among the first few values of a message between a page and its worker.
     * @param {unknown} value @param {number} depth
     */
    const considerMessage = (value, depth) => {
      if (typeof value !== 'object' || value === null) return;
      if (isView(value) || value instanceof ArrayBuffer) {
        considerKey(value, '', false);
      } else if (depth > 0) {
        const names = keys(value);
        for (let at = 0; at < names.length && at < 16; at += 1)
          considerMessage(ownValue(value, names[at] ?? ''), depth - 1);
      }
    };

    // --- wrapping ---

    /** The native function behind each wrapped one, for `toString`. @type {WeakMap<Function, Function>} */
    const natives = new WeakMap();

    /**
     * Redefines a property; what is not said of it stays as it is, and so does one that somebody has frozen.
     * @param {object} owner @param {string} name @param {PropertyDescriptor} by
     */
    const replace = (owner, name, by) => {
      try {
        defineProperties(owner, { [name]: by });
      } catch {
        // The others can still be had.
      }
    };

    /**
     * Puts a proxy in the place of a method or a getter: name, length and properties stay the native ones.
     * @param {any} owner @param {string} name @param {(native: Function, self: any, args: any[]) => unknown} wrapped
     */
    const wrapMethod = (owner, name, wrapped) => {
      if (!apply(hasOwnProperty, owner, [name])) return;
      const get = apply(lookupGetter, owner, [name]);
      const native = get ?? owner[name];
      if (typeof native !== 'function') return;
      const proxy = new Proxy(native, { apply: (target, self, args) => wrapped(target, self, args) });
      apply(weakSet, natives, [proxy, apply(weakGet, natives, [native]) ?? native]);
      replace(owner, name, get ? { get: proxy } : { value: proxy });
    };

    /**
     * What a global function is a property of: a window itself, or a prototype of a worker.
     * @param {string} name
     */
    const ownerOf = (name) => {
      let owner = globalThis;
      while (owner && !apply(hasOwnProperty, owner, [name])) owner = /** @type {any} */ (getPrototypeOf(owner));
      return owner ?? {};
    };

    /** @type {Details} */
    const responseDetails = (self) => [
      response.status(self),
      apply(headerGet, response.headers(self), ['content-type']),
    ];

    // Called for each, not looped over a list: the first iterator of a page costs Firefox a fifth of a millisecond.
    /** @param {string} name */
    const wrapReader = (name) => {
      const isJson = name === 'json';
      wrapMethod(Response.prototype, name, (native, self, args) => {
        const promise = apply(native, self, args);
        try {
          const url = response.url(self);
          // The page gets the promise that follows ours: it settles as the native one does, and a rejection that
          // nobody handles is still reported, once.
          return apply(then, promise, [
            (/** @type {unknown} */ value) => {
              try {
                if (isJson && typeof value === 'object') search(value);
                else consider(value, url, responseDetails, self);
              } catch {
                // The page's own work goes on as it would.
              }
              return value;
            },
          ]);
        } catch {
          return promise;
        }
      });
    };
    wrapReader('text');
    wrapReader('json');
    wrapReader('arrayBuffer');
    wrapReader('blob');
    wrapReader('bytes');

    // A page that streams the body: only what already looks like a playlist is cloned, and the clone is ours to read.
    wrapMethod(Response.prototype, 'body', (native, self, args) => {
      quietly(() => {
        const url = response.url(self);
        if (!url || response.bodyUsed(self) || apply(setHas, cloned, [self])) return;
        if (!looksLikePlaylist(url, responseDetails(self)[1])) return;
        if (Number(apply(headerGet, response.headers(self), ['content-length'])) > MAX_PLAYLIST_CHARACTERS)
          return;
        apply(setAdd, cloned, [self]);
        const text = apply(response.text, apply(response.clone, self, []), []);
        apply(then, text, [quietly((value) => consider(value, url, responseDetails, self)), nothing]);
      })(undefined);
      return apply(native, self, args);
    });

    /** Responses that were cloned already. @type {WeakSet<Response>} */
    const cloned = new WeakSet();

    /** @type {Details} */
    const xhrDetails = (self) => [xhr.status(self), apply(xhr.header, self, ['content-type'])];

    /** @this {XMLHttpRequest} */
    function onLoad() {
      try {
        const type = xhr.type(this);
        if (type === 'document') return;
        const body = type === '' || type === 'text' ? xhr.text(this) : xhr.body(this);
        if (type === 'json' && typeof body === 'object') search(body);
        else consider(body, xhr.url(this), xhrDetails, this);
      } catch {
        // The page's own work goes on as it would.
      }
    }

    wrapMethod(XMLHttpRequest.prototype, 'send', (native, self, args) => {
      try {
        // A listener that is there already is not added again.
        apply(addEventListener, self, ['load', onLoad]);
      } catch {
        // Not a request: the native function says so.
      }
      return apply(native, self, args);
    });

    // --- text that the page itself makes: decrypted, unpacked, put together ---

    /** What decoders have decoded of playlists so far. @type {WeakMap<TextDecoder, string>} */
    const decoded = new WeakMap();

    wrapMethod(TextDecoder.prototype, 'decode', (native, self, args) => {
      const piece = apply(native, self, args);
      quietly(() => {
        const before = apply(weakGet, decoded, [self]);
        if (before === undefined && !isPlaylist(piece)) return;
        const whole = (before ?? '') + piece;
        if (whole.length > MAX_PLAYLIST_CHARACTERS) return;
        if (args.length < 2) {
          apply(weakDelete, decoded, [self]);
          reportText(whole);
          return;
        }
        // Maybe there is more to come, and maybe the page never says that there is not.
        apply(weakSet, decoded, [self, whole]);
        const report = () => {
          if (apply(weakGet, decoded, [self]) !== whole) return;
          apply(weakDelete, decoded, [self]);
          reportText(whole);
        };
        setTimeout(quietly(report), PAUSE);
      })(undefined);
      return piece;
    });

    /** What addresses of blobs stand for, as long as they do. @type {Map<string, Blob>} */
    const blobs = new Map();

    wrapMethod(URL, 'createObjectURL', (native, self, args) => {
      const address = apply(native, self, args);
      quietly(() => {
        const blob = args[0];
        if (!(blob instanceof Blob)) return;
        apply(mapSet, blobs, [address, blob]);
        const type = blobType(blob);
        const isMedia = apply(startsWith, type, ['image/']) || apply(startsWith, type, ['video/']);
        if (!isMedia) considerBlob(blob, '', unknown, null);
      })(undefined);
      return address;
    });

    wrapMethod(URL, 'revokeObjectURL', (native, self, args) => {
      quietly(() => apply(mapDelete, blobs, [args[0]]))(undefined);
      return apply(native, self, args);
    });

    // --- keys that the page makes: what it gives to a cipher, unpacks, or exchanges with a worker ---

    /** The cipher of whole segments. @param {unknown} algorithm */
    const isCbc = (algorithm) => {
      const name = typeof algorithm === 'string' ? algorithm : ownValue(algorithm, 'name');
      return typeof name === 'string' && apply(toLowerCase, name, []) === 'aes-cbc';
    };

    /** Once the page asks for it: most never do, and it is the largest of the interfaces. @param {any} subtle */
    const wrapCipher = (subtle) => {
      const { exportKey } = subtle;

      wrapMethod(subtle, 'importKey', (native, self, args) => {
        quietly(() => {
          if (!isCbc(args[2])) return;
          if (args[0] === 'raw') considerKey(args[1], '', true);
          const digits = args[0] === 'jwk' ? ownValue(args[1], 'k') : undefined;
          if (typeof digits !== 'string' || digits.length > 64) return;
          const plain = apply(replaceAll, apply(replaceAll, digits, ['-', '+']), ['_', '/']);
          considerBinary(atob(plain), true);
        })(undefined);
        return apply(native, self, args);
      });

      // What the page may not read of the key that it gets, a second one of the same bytes may tell.
      for (const [name, algorithm, extractable] of /** @type {[string, number, number][]} */ ([
        ['unwrapKey', 4, 5],
        ['deriveKey', 2, 3],
      ])) {
        wrapMethod(subtle, name, (native, self, args) => {
          const promise = apply(native, self, args);
          quietly(() => {
            if (!isCbc(args[algorithm])) return;
            const same = [];
            for (let at = 0; at < args.length; at += 1) same[at] = at === extractable ? true : args[at];
            const read = (/** @type {any} */ key) =>
              apply(then, apply(exportKey, self, ['raw', key]), [
                quietly((bytes) => considerKey(bytes, '', true)),
                nothing,
              ]);
            apply(then, apply(native, self, same), [quietly(read), nothing]);
          })(undefined);
          return promise;
        });
      }

      // A key that was encrypted itself; the page's segments are longer, and are left alone.
      wrapMethod(subtle, 'decrypt', (native, self, args) => {
        const promise = apply(native, self, args);
        try {
          const length = isView(args[2]) ? view.length(args[2]) : byteLength(args[2]);
          if (length > 512) return promise;
          return apply(then, promise, [
            (/** @type {unknown} */ value) => {
              quietly(() => considerKey(value, '', false))(undefined);
              return value;
            },
          ]);
        } catch {
          return promise;
        }
      });
    };
    let hasCipher = false;
    wrapMethod(Crypto.prototype, 'subtle', (native, self, args) => {
      const subtle = apply(native, self, args);
      if (!hasCipher) {
        hasCipher = true;
        quietly(() => wrapCipher(getPrototypeOf(subtle)))(undefined);
      }
      return subtle;
    });

    wrapMethod(ownerOf('atob'), 'atob', (native, self, args) => {
      const binary = apply(native, self, args);
      quietly(() => considerBinary(binary, false))(undefined);
      return binary;
    });
    /** @param {string} name */
    const wrapUnpacking = (name) => {
      wrapMethod(Uint8Array, name, (native, self, args) => {
        const bytes = apply(native, self, args);
        quietly(() => considerKey(bytes, '', false))(undefined);
        return bytes;
      });
    };
    wrapUnpacking('fromBase64');
    wrapUnpacking('fromHex');

    if (globalThis.Worker) {
      wrapMethod(Worker.prototype, 'postMessage', (native, self, args) => {
        apply(native, self, args);
        quietly(() => considerMessage(args[0], 2))(undefined);
      });
    }

    /** Messages that were looked at. @type {WeakSet<object>} */
    const heard = new WeakSet();

    wrapMethod(MessageEvent.prototype, 'data', (native, self, args) => {
      const data = apply(native, self, args);
      quietly(() => {
        if (typeof data !== 'object' || data === null || apply(setHas, heard, [self])) return;
        apply(setAdd, heard, [self]);
        considerMessage(data, 2);
      })(undefined);
      return data;
    });

    // --- workers ---

    // One line, so that the lines of the worker's own script keep their numbers.
    let prelude = '';
    const preludeOf = () => {
      if (prelude === '') {
        let code = '';
        for (const row of apply(functionText, watch, []).split('\n')) {
          const trimmed = row.trim();
          if (!/^(\/\/|\/\*\*|\*)/.test(trimmed)) code += `${trimmed} `;
        }
        const name = `"${line()}"`;
        prelude =
          `(()=>{try{const c=new BroadcastChannel(${name}),p=c.postMessage.bind(c);` +
          `(${code})(p,()=>${name},`;
      }
      return `${prelude}${traced})}catch{}})();`;
    };

    /**
     * The address of a worker's script with ours before it. Only of a script that is a blob: any other one has an
     * address of its own that its requests, its policy and its identity hang on, and would notice another.
     * @param {unknown} script
     */
    const withPrelude = (script) => {
      const address = typeof script === 'string' ? script : script instanceof URL ? `${script}` : '';
      const blob = apply(mapGet, blobs, [address]);
      if (!blob) return null;
      return apply(createObjectURL, URL, [new Blob([preludeOf(), blob], { type: blobType(blob) })]);
    };

    /**
     * Puts a proxy in a constructor's place.
     * @param {string} name @param {(native: Function, args: any[], made: Function) => object} wrapped
     */
    const wrapConstructor = (name, wrapped) => {
      if (!apply(hasOwnProperty, globalThis, [name])) return;
      const native = /** @type {any} */ (globalThis)[name];
      if (typeof native !== 'function') return;
      const proxy = new Proxy(native, { construct: wrapped });
      apply(weakSet, natives, [proxy, native]);
      replace(globalThis, name, { value: proxy });
      replace(native.prototype, 'constructor', { value: proxy });
    };

    wrapConstructor('Worker', (native, args, made) => {
      let address = null;
      try {
        address = withPrelude(args[0]);
        if (address !== null) return construct(native, [address, args[1]], made);
      } catch {
        // A policy that knows the page's own blob and not ours.
      } finally {
        if (address !== null) apply(revokeObjectURL, URL, [address]);
      }
      return construct(native, args, made);
    });

    // It belongs to no tab, and its requests tell of none: this page uses it.
    wrapConstructor('SharedWorker', (native, args, made) => {
      const worker = construct(native, args, made);
      quietly(() => send({ url: '', status: null, contentType: null, text: '' }))(undefined);
      return worker;
    });

    wrapMethod(Function.prototype, 'toString', (native, self, args) =>
      apply(native, apply(weakGet, natives, [self]) ?? self, args),
    );

    // --- who asks: only while the user traces this tab ---

    let traced = false;
    let isWrapped = false;

    /** Once told, before the page's first script; what is not traced pays nothing for it. */
    const wrapCalls = () => {
      if (isWrapped) return;
      isWrapped = true;
      // Taken here: a page that is not traced does not pay for them.
      const { Request, Error } = globalThis;
      const isWorker = typeof (/** @type {any} */ (globalThis).document) === 'undefined';
      const worker = isWorker ? globalThis.location.href : '';
      const stackOf = getter(Error.prototype, 'stack');
      const href = getter(URL.prototype, 'href');
      const requestUrl = getter(Request.prototype, 'url');
      const requestMethod = getter(Request.prototype, 'method');
      const baseUri = isWorker ? () => worker : getter(Node.prototype, 'baseURI');
      /** What `open` was told: address and method. @type {WeakMap<XMLHttpRequest, [unknown, unknown]>} */
      const opened = new WeakMap();

      /**
       * A page's own objects are not asked for their text: that would be seen.
       * @param {Error} error made where the page's call comes in, below two functions of ours
       * @param {unknown} address @param {unknown} method
       */
      const report = (error, address, method) => {
        const text = typeof address === 'string' ? address : address instanceof URL ? href(address) : null;
        if (text === null) return;
        const url = href(new URL(text, baseUri(globalThis.document)));
        const stack = stackOf(error) ?? error.stack ?? '';
        send({ call: { url, method: typeof method === 'string' ? method : 'GET', worker, stack } });
      };

      wrapMethod(XMLHttpRequest.prototype, 'open', (native, self, args) => {
        if (traced) quietly(() => apply(weakSet, opened, [self, [args[1], args[0]]]))(undefined);
        return apply(native, self, args);
      });
      wrapMethod(XMLHttpRequest.prototype, 'send', (native, self, args) => {
        const error = traced ? new Error() : null;
        if (error) quietly((told) => report(error, told[0], told[1]))(apply(weakGet, opened, [self]));
        return apply(native, self, args);
      });
      wrapMethod(ownerOf('fetch'), 'fetch', (native, self, args) => {
        const error = traced ? new Error() : null;
        if (error)
          quietly(() => {
            const input = args[0];
            const options = args[1];
            const given = options && getOwnPropertyDescriptor(options, 'method')?.value;
            if (input instanceof Request) report(error, requestUrl(input), given ?? requestMethod(input));
            else report(error, input, given);
          })(undefined);
        return apply(native, self, args);
      });
    };

    const setTraced = quietly((/** @type {boolean} */ on) => {
      traced = on;
      if (on) wrapCalls();
    });
    setTraced(begin);
    return setTraced;
  });

  const { apply } = Reflect;
  const { MessageEvent } = globalThis;
  const { stringify } = JSON;
  const { dispatchEvent } = EventTarget.prototype;
  const { __lookupGetter__: lookupGetter } = /** @type {any} */ (Object.prototype);
  const dataOf = apply(lookupGetter, MessageEvent.prototype, ['data']);

  /** Is the tab traced? Only the relay says so, on the channel that no page has. */
  let traced = false;
  /** @type {(on: boolean) => void} */
  let setTraced = () => {};

  // A target that is in no document: both worlds can reach it, and the page has no way to it. The relay, which
  // runs first, gets it with an event that is over before the page's first script. It takes one such target: where it
  // has one already, the hook is there already. Neither is more than it need be: an element and a mouse event took a
  // new process a millisecond more.
  const channel = new EventTarget();
  /** @param {boolean} on */
  const tell = (on) => {
    traced = on;
    setTraced(on);
  };
  channel.addEventListener('trace', () => tell(true));
  channel.addEventListener('untrace', () => tell(false));
  const handover = new FocusEvent(HANDOVER, { relatedTarget: channel, cancelable: true });
  if (apply(dispatchEvent, document, [handover])) return;

  /** @param {unknown} report */
  const send = (report) => {
    apply(dispatchEvent, channel, [new MessageEvent('report', { data: stringify(report) })]);
  };

  // Workers report to the relay itself, on a line that it opens when it is asked for one; its name is here at once.
  let name = '';
  channel.addEventListener('line', (event) => {
    name = apply(dataOf, event, []);
  });
  const line = () => {
    if (name === '') apply(dispatchEvent, channel, [new MessageEvent('open-line')]);
    return name;
  };

  setTraced = watch(send, line, traced);
})();
