//! Pages whose players get a playlist in every way that is known: one page a way, each with a stream of its own.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use super::{Quality, Site};
use crate::origin::{Origin, Reply, mime_type};

/// Where a listed stream's address points to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listed {
    /// To the playlist on the other host.
    Media,
    /// To the playlist on the page's own host.
    Own,
    /// To the page: it made the text itself.
    Page,
}

/// One way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivery {
    /// Its name, and its page's: `/delivery/NAME`.
    pub name: &'static str,
    /// The streams that are to be listed.
    pub streams: &'static [Listed],
}

/// All of them.
pub const DELIVERIES: &[Delivery] = &[
    one("xhr-text", Listed::Media),
    one("xhr-arraybuffer", Listed::Media),
    one("xhr-blob", Listed::Media),
    one("xhr-json", Listed::Page),
    one("fetch-json-base64", Listed::Page),
    one("fetch-clone", Listed::Media),
    one("fetch-stream", Listed::Page),
    one("own-fetch", Listed::Media),
    one("one-use", Listed::Media),
    one("post", Listed::Media),
    one("data", Listed::Page),
    one("blob", Listed::Page),
    one("decrypted-xor", Listed::Page),
    one("spa", Listed::Media),
    one("token-refreshed", Listed::Media),
    Delivery {
        name: "advertisement",
        streams: &[Listed::Media, Listed::Media],
    },
    one("subtitles", Listed::Media),
    one("blob-of-an-address", Listed::Media),
    one("frame-srcdoc", Listed::Media),
    one("frame-blank", Listed::Media),
    one("frame-other-site", Listed::Media),
    one("worker-blob", Listed::Media),
    one("worker-blob-module", Listed::Media),
    one("worker-file", Listed::Own),
    one("worker-module", Listed::Own),
    one("worker-shared", Listed::Own),
    one("service-worker", Listed::Own),
];

/// A worker with an address of its own asks, and is answered once: nothing but the browser itself has seen the text. Firefox
/// hands it out.
pub const ONE_USE_OF_A_WORKER: &Delivery = &one("worker-one-use", Listed::Own);

/// What it asks for.
const ONE_USE_PATH: &str = "/delivery/one-use/index.m3u8";

const fn one(name: &'static str, listed: Listed) -> Delivery {
    Delivery {
        name,
        streams: match listed {
            Listed::Media => &[Listed::Media],
            Listed::Own => &[Listed::Own],
            Listed::Page => &[Listed::Page],
        },
    }
}

/// A value that hides a playlist from whoever looks at bytes: the page's script takes it off again.
const MASK: u8 = 0x5a;

impl Site {
    /// The address of a delivery's page.
    #[must_use]
    pub fn delivery_url(&self, delivery: &Delivery) -> String {
        self.pages
            .url_as("localhost", &format!("/delivery/{}", delivery.name))
    }

    pub(super) fn serve_deliveries(&self) -> anyhow::Result<()> {
        for (path, script) in [
            ("/deliveries.js", include_str!("deliveries.js")),
            ("/delivery/worker.js", include_str!("delivery_worker.js")),
            ("/delivery/service.js", include_str!("delivery_service.js")),
        ] {
            self.pages
                .reply(path, Reply::ok(script).with_type("text/javascript"));
        }
        for delivery in DELIVERIES.iter().chain([ONE_USE_OF_A_WORKER]) {
            self.serve_delivery(delivery.name)?;
        }
        let relative = self.playlist("relative")?;
        serve(&self.pages, "/delivery/relative/index.m3u8", relative.into());
        let once = Reply::ok(self.playlist("worker-one-use")?).with_type(mime_type(ONE_USE_PATH));
        self.pages.sequence(ONE_USE_PATH, [once, Reply::status(410)]);
        Ok(())
    }

    /// How often the playlist of [`ONE_USE_OF_A_WORKER`] was asked for.
    #[must_use]
    pub fn one_use_readings(&self) -> usize {
        self.pages.requests_for(ONE_USE_PATH).len()
    }

    fn serve_delivery(&self, name: &str) -> anyhow::Result<()> {
        let html = include_str!("deliveries.html")
            .replace("{{name}}", name)
            .replace("{{media}}", &self.media.url(""));
        let page = Reply::ok(html).with_type("text/html; charset=utf-8");
        self.pages.reply(&format!("/delivery/{name}"), page);

        let text = self.playlist(name)?;
        let at = |file: &str| format!("/delivery/{name}/{file}");
        let json = |playlist: &str| serde_json::json!({"data": {"playlist": playlist}}).to_string();
        let typed = |body: String, mime: &str| Reply::ok(body).with_type(mime);
        let bin = typed(text.clone(), "application/octet-stream");
        self.media.reply(&at("video.bin"), bin);
        let answer = typed(json(&text), "application/json");
        self.media.reply(&at("answer.json"), answer);
        let base64 = typed(json(&STANDARD.encode(&text)), "application/json");
        self.media.reply(&at("base64.json"), base64);
        let secret: Vec<u8> = text.bytes().map(|byte| byte ^ MASK).collect();
        self.media.reply(&at("secret"), Reply::ok(secret));
        let frame = "<!doctype html><script>fetch('video.bin').then((answer) => answer.text())
            .then((text) => parent.postMessage(text, '*'))</script>";
        self.media
            .reply(&at("frame.html"), typed(frame.to_owned(), "text/html"));
        let (post, playlist) = (typed(text.clone(), "text/plain"), text.clone());
        self.media.route(&at("playlist"), move |request| {
            if request.method == "POST" {
                post.clone()
            } else {
                Reply::status(405)
            }
        });
        if name == "one-use" {
            let once = Reply::ok(playlist).with_type(mime_type("x.m3u8"));
            self.media.sequence(&at("index.m3u8"), [once, Reply::status(410)]);
        } else {
            serve(&self.media, &at("index.m3u8"), playlist.into());
        }
        serve(
            &self.media,
            &at("ad.m3u8"),
            self.playlist(&format!("{name}-ad"))?.into(),
        );
        let subtitles = "#EXTM3U\n#EXT-X-TARGETDURATION:60\n#EXTINF:60,\n1.vtt\n#EXT-X-ENDLIST\n";
        serve(&self.media, &at("subtitles.m3u8"), subtitles.into());
        Ok(())
    }

    /// The clear source, under addresses of its own.
    pub(super) fn playlist(&self, name: &str) -> anyhow::Result<String> {
        let source = self.source(Quality::High);
        let prefix = format!("/clear/{name}/");
        if let Some(folder) = source.parent() {
            self.media.directory(&prefix, folder);
        }
        let base = self.media.url(&prefix);
        let mut text = String::new();
        for line in fs::read_to_string(source)?.lines() {
            if !line.is_empty() && !line.starts_with('#') {
                text.push_str(&base);
            }
            text.push_str(line);
            text.push('\n');
        }
        Ok(text)
    }
}

fn serve(origin: &Origin, path: &str, body: Bytes) {
    origin.reply(path, Reply::ok(body).with_type(mime_type(path)));
}
