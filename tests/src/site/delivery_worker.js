// A worker with an address of its own, dedicated, shared or module: what it asks for counts from that address.
const address = location.search === "?one-use" ? "one-use/index.m3u8" : "relative/index.m3u8";
const answer = fetch(address).then((response) => response.text());
const tell = (to) => answer.then((text) => to.postMessage(text), (error) => to.postMessage(String(error)));
if ("onconnect" in self) self.onconnect = ({ ports: [port] }) => tell(port);
else tell(self);
