// The ways in which a playlist reaches a player. Each ends with the text that the page's own player got: it has to be
// the whole playlist, with the extension as without it.
"use strict";

const { media, name } = document.body.dataset;
const address = `${media}/delivery/${name}/index.m3u8`;
const disguised = `${media}/delivery/${name}/video.bin`;

/** @returns {Promise<any>} what XMLHttpRequest answers with */
const xhr = (url, type = "", method = "GET") =>
  new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(method, url);
    request.responseType = type;
    request.onload = () => resolve(request.response);
    request.onerror = () => reject(new Error(`no answer from ${url}`));
    request.send(method === "POST" ? "token=1" : null);
  });

const text = async (url) => (await fetch(url)).text();

/** The next message of a worker, a port or a window. */
const message = (from) => new Promise((resolve, reject) => {
  from.onmessage = ({ data }) => resolve(data);
  from.onerror = (event) => reject(new Error(event.message ?? "the worker does not start"));
});

const blobUrl = (code, type = "text/javascript") => URL.createObjectURL(new Blob([code], { type }));

/** A frame, whose own script is `code`. */
async function frame(attributes, code) {
  const made = Object.assign(document.createElement("iframe"), attributes);
  document.body.append(made);
  if (code) made.contentWindow.eval(code);
  return message(window);
}

const asks = `fetch(${JSON.stringify(disguised)}).then((answer) => answer.text())`;

const deliveries = {
  "xhr-text": () => xhr(disguised),
  "xhr-arraybuffer": async () => new TextDecoder().decode(await xhr(disguised, "arraybuffer")),
  "xhr-blob": async () => (await xhr(disguised, "blob")).text(),
  "xhr-json": async () => (await xhr(`${media}/delivery/${name}/answer.json`, "json")).data.playlist,
  "fetch-json-base64": async () => atob((await (await fetch(`${media}/delivery/${name}/base64.json`)).json()).data.playlist),
  "fetch-clone": async () => {
    const answer = await fetch(disguised);
    const copy = answer.clone();
    await answer.arrayBuffer();
    return copy.text();
  },
  "fetch-stream": async () => {
    const reader = (await fetch(disguised)).body.getReader();
    const decoder = new TextDecoder();
    let whole = "";
    for (let read = await reader.read(); !read.done; read = await reader.read())
      whole += decoder.decode(read.value, { stream: true });
    return whole;
  },
  "own-fetch": async () => {
    const native = window.fetch;
    window.fetch = (...all) => native(...all);
    return text(disguised);
  },
  // A type and an address that tell nothing, and an address that tells and is good for one request.
  "one-use": () => text(address),
  post: () => xhr(`${media}/delivery/${name}/playlist`, "", "POST"),
  data: async () => text(`data:application/vnd.apple.mpegurl;base64,${btoa(await plain())}`),
  blob: async () => xhr(blobUrl(await plain(), "application/vnd.apple.mpegurl")),
  "decrypted-xor": async () => {
    const bytes = new Uint8Array(await xhr(`${media}/delivery/${name}/secret`, "arraybuffer"));
    return new TextDecoder().decode(bytes.map((byte) => byte ^ 0x5a));
  },
  "spa": async () => {
    history.pushState({}, "", `?video=2`);
    return text(address);
  },
  "token-refreshed": async () => {
    const texts = [];
    for (const token of ["a", "b", "c"]) texts.push(await text(`${address}?token=${token}&expires=17${token}`));
    return texts.at(-1);
  },
  "advertisement": async () => {
    await text(`${media}/delivery/${name}/ad.m3u8`);
    return text(address);
  },
  "subtitles": async () => {
    await text(`${media}/delivery/${name}/subtitles.m3u8`);
    return text(address);
  },
  "blob-of-an-address": async () => xhr(blobUrl(await text(address))),
  "frame-srcdoc": () => frame({ srcdoc: `<script>${asks}.then((text) => parent.postMessage(text, "*"))<\/script>` }),
  "frame-blank": () => frame({}, `${asks}.then((text) => parent.postMessage(text, "*"))`),
  "frame-other-site": () => frame({ src: `${media}/delivery/${name}/frame.html` }),
  "worker-blob": () => {
    const address = blobUrl(`"use strict"; ${asks}.then((text) => postMessage(text))`);
    const worker = new Worker(address);
    URL.revokeObjectURL(address);
    return message(worker);
  },
  "worker-blob-module": () =>
    message(new Worker(blobUrl(`const text = await ${asks}; postMessage(text);`), { type: "module" })),
  // These have addresses of their own, and relative ones in them.
  "worker-file": () => message(new Worker("/delivery/worker.js")),
  "worker-one-use": () => message(new Worker("/delivery/worker.js?one-use")),
  "worker-module": () => message(new Worker("/delivery/worker.js", { type: "module" })),
  "worker-shared": () => {
    const { port } = new SharedWorker("/delivery/worker.js");
    return message(port);
  },
  "service-worker": async () => {
    await navigator.serviceWorker.register("/delivery/service.js", { scope: location.pathname });
    await navigator.serviceWorker.ready;
    if (!navigator.serviceWorker.controller)
      await new Promise((resolve) => (navigator.serviceWorker.oncontrollerchange = resolve));
    return text(`/delivery/made-by-service-worker/index.m3u8?media=${encodeURIComponent(media)}&name=${name}`);
  },
};

/** The playlist as code of the page that no hook sees makes it. */
async function plain() {
  const bytes = new Uint8Array(await xhr(`${media}/delivery/${name}/secret`, "arraybuffer"));
  return String.fromCharCode(...bytes.map((byte) => byte ^ 0x5a));
}

deliveries[name]().then(
  (text) => {
    const whole = text.startsWith("#EXTM3U") && text.trimEnd().endsWith("#EXT-X-ENDLIST");
    document.getElementById("log").textContent = whole ? "played" : `not a whole playlist: ${text}`;
    document.body.dataset.player = whole ? "ready" : "failed";
  },
  (error) => {
    document.getElementById("log").textContent = String(error);
    document.body.dataset.player = "failed";
  },
);
