// Each player as its own first example sets it up. It has to play on: the position of the video tells.
"use strict";

const { name, stream } = document.body.dataset;
const place = document.getElementById("player");
const log = document.getElementById("log");

/** A video element in the player's place. */
function video() {
  const made = Object.assign(document.createElement("video"), { muted: true, controls: true });
  place.append(made);
  return made;
}

function withHls(video, url, options = {}) {
  const hls = new Hls(options);
  hls.on(Hls.Events.ERROR, (_, data) => data.fatal && fail(`hls.js: ${data.details}`));
  hls.loadSource(url);
  hls.attachMedia(video);
}

const players = {
  "hls.js": () => withHls(video(), stream, { enableWorker: true }),
  "hls.js-without-worker": () => withHls(video(), stream, { enableWorker: false }),
  "video.js": () => {
    const element = video();
    element.className = "video-js";
    const player = videojs(element, { html5: { vhs: { overrideNative: true }, nativeAudioTracks: false, nativeVideoTracks: false } });
    player.src({ src: stream, type: "application/vnd.apple.mpegurl" });
  },
  "shaka-player": async () => {
    shaka.polyfill.installAll();
    const player = new shaka.Player();
    await player.attach(video());
    await player.load(stream);
  },
  dplayer: () =>
    new DPlayer({ container: place, mutex: false, volume: 0, video: { url: stream, type: "hls" } }),
  artplayer: () =>
    new Artplayer({
      container: place,
      url: stream,
      type: "m3u8",
      muted: true,
      customType: { m3u8: (element, url) => withHls(element, url) },
    }),
  plyr: () => {
    const element = video();
    withHls(element, stream);
    new Plyr(element, { iconUrl: "", loadSprite: false });
  },
  "xgplayer-hls": () => new Player({ el: place, url: stream, plugins: [HlsPlayer], autoplayMuted: true }),
  clappr: () => new Clappr.Player({ parent: place, source: stream, mute: true, mimeType: "application/x-mpegURL" }),
};

/** @param {unknown} error */
function fail(error) {
  log.textContent = `failed: ${error}`;
  document.body.dataset.player = "failed";
}

/** Every player has a video somewhere; it is started as a person would, and watched. */
function watch() {
  const element = document.querySelector("video");
  if (element) {
    element.muted = true;
    if (element.paused && element.readyState >= 2) element.play().catch(() => {});
    if (element.currentTime > 0.5 && document.body.dataset.player === undefined) {
      log.textContent = "played";
      document.body.dataset.player = "ready";
    }
  }
  setTimeout(watch, 50);
}

addEventListener("error", (event) => fail(event.message));
Promise.resolve().then(players[name]).catch(fail);
watch();
