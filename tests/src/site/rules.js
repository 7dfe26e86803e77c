// A player that joins the names in its playlist to an address of its own, with a query of its own: the first three.
"use strict";

const { playlist, lists, to, query = "" } = document.body.dataset;

async function ask(url) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${answer.status} ${url}`);
  return answer;
}

/** What a playlist names, as it is written there. */
async function read(url) {
  const text = await (await ask(url)).text();
  return text.split(/\r?\n/).filter((line) => line && !line.startsWith("#"));
}

async function play() {
  const first = await read(playlist);
  const names = lists === undefined ? first : await read(lists + first[0]);
  for (const name of names.slice(0, 3)) {
    await (await ask(to + name + (query && `?${query}`))).arrayBuffer();
  }
  document.body.dataset.player = "ready";
}

play().catch((error) => {
  document.getElementById("log").textContent = String(error);
  document.body.dataset.player = "failed";
});
