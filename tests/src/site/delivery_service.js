// A service worker that answers from a cache of its own: nothing of it is on the network.
self.oninstall = () => self.skipWaiting();
self.onactivate = (event) => event.waitUntil(self.clients.claim());
self.onfetch = (event) => {
  const url = new URL(event.request.url);
  if (url.pathname !== "/delivery/made-by-service-worker/index.m3u8") return;
  const [media, name] = [url.searchParams.get("media"), url.searchParams.get("name")];
  const lines = ["#EXTM3U", "#EXT-X-TARGETDURATION:2", "#EXTINF:2,", `${media}/clear/${name}/seg-0.ts`, "#EXT-X-ENDLIST"];
  event.respondWith(new Response(lines.join("\n"), { headers: { "content-type": "application/vnd.apple.mpegurl" } }));
};
