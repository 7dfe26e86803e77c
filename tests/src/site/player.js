// A player that asks as real ones do: the session, the multivariant playlist, a media playlist, its key, and the
// first segments. It shows nothing: what it asks for is what matters here.
"use strict";

const { media, stream, api } = document.body.dataset;
const log = document.getElementById("log");

/** @param {string} text */
function say(text) {
  log.append(Object.assign(document.createElement("li"), { textContent: text }));
}

/** Asks with XMLHttpRequest. */
function askByXhr(url, responseType) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("GET", url);
    request.withCredentials = true;
    request.responseType = responseType;
    request.onload = () => {
      say(`${request.status} ${url}`);
      if (request.status === 200) resolve(request.response);
      else reject(new Error(`${request.status} ${url}`));
    };
    request.onerror = () => reject(new Error(`no answer from ${url}`));
    request.send();
  });
}

/** Asks with fetch. */
async function askByFetch(url, responseType) {
  const response = await fetch(url, { credentials: "include" });
  say(`${response.status} ${url}`);
  if (!response.ok) throw new Error(`${response.status} ${url}`);
  return responseType === "text" ? response.text() : response.arrayBuffer();
}

const ask = api === "fetch" ? askByFetch : askByXhr;

/** The lines of a playlist that are no tags, as absolute URLs. */
function entries(text, base) {
  const lines = text.split(/\r?\n/).filter((line) => line && !line.startsWith("#"));
  return lines.map((line) => new URL(line, base).href);
}

async function play() {
  await ask(`${media}/session`, "text");
  const masterUrl = `${media}${stream}/master.m3u8`;
  const [mediaUrl] = entries(await ask(masterUrl, "text"), masterUrl);
  const playlist = await ask(mediaUrl, "text");
  const key = /#EXT-X-KEY:.*URI="([^"]*)"/.exec(playlist);
  if (key) await ask(new URL(key[1], mediaUrl).href, "arraybuffer");
  await Promise.all(entries(playlist, mediaUrl).slice(0, 2).map((segment) => ask(segment, "arraybuffer")));
  document.body.dataset.player = "ready";
}

play().catch((error) => {
  say(String(error));
  document.body.dataset.player = "failed";
});
