// A player's loader, three calls deep, and asynchronous at each: for pages, frames and workers.
"use strict";

const pause = () => new Promise((done) => setTimeout(done, 10));

function requestText(url) {
  return new Promise(function ask(resolve, reject) {
    const request = new XMLHttpRequest();
    request.open("GET", url);
    request.onload = () => resolve(request.responseText);
    request.onerror = () => reject(new Error(`no answer from ${url}`));
    request.send();
  });
}

async function fetchText(url) {
  const response = await fetch(url);
  return response.text();
}

async function fetchBytes(url) {
  const response = await fetch(new URL(url), { method: "GET" });
  return response.arrayBuffer();
}

async function openStream(url) {
  await pause();
  return requestText(url);
}

async function openLevel(url) {
  await pause();
  return fetchText(url);
}

async function openSegment(url) {
  await pause();
  return fetchBytes(url);
}

/** The first line of a playlist that is no tag, as an absolute URL. */
const entry = (text, base) => new URL(text.split("\n").find((line) => line && !line.startsWith("#")), base).href;

async function startPlayer(stream) {
  await pause();
  const level = entry(await openStream(stream), stream);
  const segment = entry(await openLevel(level), level);
  await openSegment(segment);
  return "played";
}

/** Of a worker, which is told what to play. */
async function onStart({ data }) {
  self.postMessage(await startPlayer(data));
}
if (typeof document === "undefined") self.onmessage = onStart;
