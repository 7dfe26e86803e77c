// Starts the loader where the page's name says: here, in a frame of another site, in a worker.
"use strict";

const { media, name } = document.body.dataset;
const stream = `${media}/trace/${name}/master.m3u8?token=secret`;

/** What a worker or a frame says when it has played. */
const message = (from) => new Promise((resolve, reject) => {
  from.onmessage = ({ data }) => resolve(data);
  from.onerror = (event) => reject(new Error(event.message ?? "the worker does not start"));
});

function inWorker(address, options) {
  const worker = new Worker(address, options);
  worker.postMessage(stream);
  return message(worker);
}

const starts = {
  page: function onPage() {
    return startPlayer(stream);
  },
  "in-frame": async function onFrame() {
    parent.postMessage(await startPlayer(stream), "*");
    return "played";
  },
  frame: () => {
    document.body.append(Object.assign(document.createElement("iframe"), { src: `${media}/trace/in-frame` }));
    return message(window);
  },
  "worker-file": () => inWorker("/trace/player.js"),
  "worker-module": () => inWorker("/trace/player.js", { type: "module" }),
  "worker-blob": async () => {
    const code = await (await fetch("/trace/player.js")).text();
    return inWorker(URL.createObjectURL(new Blob([code], { type: "text/javascript" })));
  },
  // As a live player does, and it never gets to a segment.
  polling: async () => {
    for (;;) {
      await openLevel(`${media}/trace/polling/live.m3u8`);
      await new Promise((done) => setTimeout(done, 80));
    }
  },
};

starts[name]().then(
  (said) => {
    document.getElementById("log").textContent = said;
    document.body.dataset.player = said === "played" ? "ready" : "failed";
  },
  (error) => {
    document.getElementById("log").textContent = String(error);
    document.body.dataset.player = "failed";
  },
);
