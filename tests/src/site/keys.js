// Pages whose key is no key until their script has changed it: hls.js gets it through a loader of the page's own, or, where
// the page starts a worker for that, plays what the worker has decrypted.
"use strict";

const { way, stream } = document.body.dataset;
const log = document.getElementById("log");
const MASK = 0x5a;
const WRAPPING = Uint8Array.from({ length: 16 }, (_, index) => index * 7 + 1);

const bytesOf = (text) => Uint8Array.from(text, (character) => character.charCodeAt(0));

/** What each page makes of the answer of the key's address. @type {Record<string, (answer: ArrayBuffer) => Promise<Uint8Array>>} */
const WAYS = {
  xor: async (answer) => new Uint8Array(answer).map((byte) => byte ^ MASK),
  // Base64 of the key backwards: no form of a key that could be read without the page.
  base64: async (answer) => bytesOf(atob(new TextDecoder().decode(answer).split("").reverse().join(""))),
  unwrapped: async (answer) => {
    const cbc = { name: "AES-CBC", iv: new Uint8Array(16) };
    const wrapping = await crypto.subtle.importKey("raw", WRAPPING, cbc, false, ["decrypt"]);
    return new Uint8Array(await crypto.subtle.decrypt(cbc, wrapping, answer));
  },
  plain: async (answer) => new Uint8Array(answer),
};

/** A loader for keys that asks as the usual one does, and changes the answer. */
function loaderOf(change) {
  const Usual = Hls.DefaultConfig.loader;
  return class extends Usual {
    load(context, config, callbacks) {
      if (!context.keyInfo) return super.load(context, config, callbacks);
      const { onSuccess } = callbacks;
      const changed = async (response, ...rest) => {
        try {
          const data = (await change(response.data)).buffer;
          onSuccess({ ...response, data }, ...rest);
        } catch (error) {
          fail(error);
        }
      };
      return super.load(context, config, { ...callbacks, onSuccess: changed });
    }
  };
}

function withHls(options) {
  const hls = new Hls({ enableWorker: true, ...options });
  hls.on(Hls.Events.ERROR, (_, data) => data.fatal && fail(`hls.js: ${data.details}`));
  hls.loadSource(stream);
  hls.attachMedia(document.querySelector("video"));
}

/** In the worker: it asks for the key and the first segment, unwraps the key to one that nobody may read, and decrypts. */
async function work({ data: { key, segment, wrapping } }) {
  try {
    const [wrapped, encrypted] = await Promise.all(
      [key, segment].map((url) => fetch(url).then((answer) => answer.arrayBuffer())),
    );
    const cbc = { name: "AES-CBC", iv: new Uint8Array(16) };
    const own = await crypto.subtle.importKey("jwk", { kty: "oct", k: wrapping }, cbc, false, ["unwrapKey"]);
    const unwrapped = await crypto.subtle.unwrapKey("raw", wrapped, own, cbc, cbc, false, ["decrypt"]);
    const clear = new Uint8Array(await crypto.subtle.decrypt(cbc, unwrapped, encrypted));
    if (unwrapped.extractable || clear[0] !== 0x47 || clear[188] !== 0x47) throw new Error("no media");
    self.postMessage("played");
  } catch (error) {
    self.postMessage(`${error}`);
  }
}

async function inWorker() {
  const text = await fetch(stream).then((answer) => answer.text());
  const key = new URL(/URI="([^"]*)"/.exec(text)[1], stream).href;
  const segment = new URL(text.split(/\r?\n/).find((line) => line && !line.startsWith("#")), stream).href;
  const script = new Blob([`self.onmessage = ${work}`], { type: "text/javascript" });
  const worker = new Worker(URL.createObjectURL(script));
  worker.onmessage = ({ data }) => (data === "played" ? ready() : fail(data));
  const wrapping = btoa(String.fromCharCode(...WRAPPING)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  worker.postMessage({ key, segment, wrapping });
}

function ready() {
  if (document.body.dataset.player !== undefined) return;
  log.textContent = "played";
  document.body.dataset.player = "ready";
}

/** @param {unknown} error */
function fail(error) {
  log.textContent = `failed: ${error}`;
  document.body.dataset.player = "failed";
}

/** It is started as a person would, and watched. */
function watch() {
  const video = document.querySelector("video");
  if (video.paused && video.readyState >= 2) video.play().catch(() => {});
  if (video.currentTime > 0.5) ready();
  setTimeout(watch, 50);
}

addEventListener("error", (event) => fail(event.message));
if (way === "worker") inWorker().catch(fail);
else withHls({ loader: loaderOf(WAYS[way]) });
watch();
