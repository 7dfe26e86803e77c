//! The sample site: pages on one host whose players ask another host for a protected stream.
//!
//! Pages are on `http://localhost:A`, the stream on `http://127.0.0.1:B`: two sites to a browser, and both on
//! this machine. The stream has two levels, AES-128 and root-relative addresses; whoever asks without the
//! session's cookie, or with a Referer of another site, gets 403. [`deliveries`] has more pages.

pub mod deliveries;
pub mod expiring;
pub mod images;
pub mod keys;
pub mod live;
pub mod players;
pub mod rules;
pub mod trace;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Context as _;
use bytes::Bytes;

use crate::live::Live;
use crate::origin::{Gate, Origin, Reply, Request, Tokens, mime_type};
use crate::streams::encrypt::{Encryption, IvRule, Names, encrypt};
use crate::streams::{self, Stream};

/// The session's cookie.
const COOKIE: (&str, &str) = ("session", "weir-sample-session");

/// The pages of the site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Page {
    /// A player that asks by `XMLHttpRequest`.
    Xhr,
    /// A player that asks by `fetch`.
    Fetch,
    /// The first again, with [`HOSTILE_TITLE`].
    HostileTitle,
    /// Requests that look like streams and are none.
    Decoys,
    /// A player of a live stream: see [`Site::live`].
    Live,
    /// A player whose segments and keys have links that live for [`expiring::LIFETIME`].
    Expiring,
    /// The same, of a playlist whose own address is good for one reading; it gets another now and then.
    Tickets,
    /// Images in every way: see [`images`].
    Images,
    /// Asks for nothing.
    Empty,
}

/// The title of the usual page.
pub const TITLE: &str = "Lecture 7: how a weir works";

/// A title that is markup, a path and a right-to-left override.
pub const HOSTILE_TITLE: &str = "<img src=x onerror=\"document.body.dataset.hacked=1\">../../\u{202e}evil";

/// The qualities of the stream, as folders of the clear source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quality {
    /// 320x180.
    High,
    /// 160x90.
    Low,
}

/// The running site.
#[derive(Debug)]
pub struct Site {
    pages: Origin,
    media: Origin,
    source: Stream,
    held: Arc<Held>,
    live: Live,
    tokens: Tokens,
}

/// Segments that wait: those from `from` on, until the gate opens.
#[derive(Debug)]
struct Held {
    from: AtomicUsize,
    gate: Gate,
}

impl Site {
    /// Makes the stream and starts both hosts.
    ///
    /// # Errors
    /// The stream cannot be made, or no port is free.
    pub fn start() -> anyhow::Result<Self> {
        let source = streams::two_level()?;
        let site = Self {
            pages: Origin::start()?,
            media: Origin::start()?,
            live: live::of_source(&source)?,
            tokens: Tokens::living(expiring::LIFETIME),
            source,
            held: Arc::new(Held {
                from: AtomicUsize::new(usize::MAX),
                gate: Gate::new(),
            }),
        };
        site.serve_pages();
        site.serve_session();
        site.serve_stream()?;
        site.serve_decoys();
        site.serve_images();
        site.serve_live();
        site.serve_expiring()?;
        site.serve_deliveries()?;
        site.serve_traced()?;
        site.serve_rules()?;
        Ok(site)
    }

    /// The address of a page.
    #[must_use]
    pub fn page_url(&self, page: Page) -> String {
        self.pages.url_as("localhost", page.path())
    }

    /// The address of the multivariant playlist.
    #[must_use]
    pub fn master_url(&self) -> String {
        self.media.url("/hls/lecture/master.m3u8")
    }

    /// The clear source of a quality: a playlist on disk.
    #[must_use]
    pub fn source(&self, quality: Quality) -> PathBuf {
        self.source.folder.join(quality.folder()).join("index.m3u8")
    }

    /// The host that the pages come from.
    #[must_use]
    pub fn pages(&self) -> &Origin {
        &self.pages
    }

    /// The host that the stream comes from.
    #[must_use]
    pub fn media(&self) -> &Origin {
        &self.media
    }

    /// From now on segments with this index or a later one are held back, until [`Site::release`].
    pub fn hold_segments(&self, from: usize) {
        self.held.from.store(from, Ordering::Relaxed);
    }

    /// Lets the segments that are held back, and all later ones, go.
    pub fn release(&self) {
        self.held.gate.open();
    }

    fn serve_pages(&self) {
        let media = self.media.url("");
        for page in [
            Page::Xhr,
            Page::Fetch,
            Page::HostileTitle,
            Page::Decoys,
            Page::Live,
            Page::Expiring,
            Page::Tickets,
            Page::Images,
            Page::Empty,
        ] {
            let html = match page {
                Page::Images => self.images_page(),
                _ => page.html(&media),
            };
            self.pages.route(page.path(), move |_| {
                let cookie = format!("{}=page; HttpOnly; SameSite=Lax; Path=/", COOKIE.0);
                Reply::ok(html.clone())
                    .with_type("text/html; charset=utf-8")
                    .with_header("Set-Cookie", &cookie)
            });
        }
        self.pages.reply(
            "/player.js",
            Reply::ok(include_str!("site/player.js")).with_type("text/javascript"),
        );
        self.pages.reply("/favicon.ico", Reply::status(404));
    }

    /// The stream's host sets a cookie that it gets back from pages of other sites: they are loopback hosts, where
    /// browsers take `Secure` without TLS.
    fn serve_session(&self) {
        let cookie = format!(
            "{}={}; HttpOnly; Secure; SameSite=None; Path=/",
            COOKIE.0, COOKIE.1
        );
        let reply = Reply::ok("session started\n")
            .with_type("text/plain")
            .with_header("Set-Cookie", &cookie);
        self.media.reply("/session", reply);
        let referer = self.pages.url_as("localhost", "/");
        self.media.guard("/hls/", move |request| {
            (!is_allowed(request, &referer)).then(|| Reply::status(403))
        });
    }

    fn serve_stream(&self) -> anyhow::Result<()> {
        let mut master = m3u8_rs::parse_master_playlist_res(&std::fs::read(self.source.playlist_path())?)
            .map_err(|error| anyhow::anyhow!("the source's multivariant playlist: {error}"))?;
        for variant in &mut master.variants {
            variant.uri = format!("/hls/lecture/{}", variant.uri);
        }
        let mut text = Vec::new();
        master.write_to(&mut text)?;
        self.serve("/hls/lecture/master.m3u8", text.into());
        for quality in [Quality::High, Quality::Low] {
            self.serve_quality(quality)
                .with_context(|| format!("the {} quality", quality.folder()))?;
        }
        Ok(())
    }

    fn serve_quality(&self, quality: Quality) -> anyhow::Result<()> {
        let folder = quality.folder();
        let (segments, keys) = (format!("/hls/segments/{folder}/"), format!("/hls/keys/{folder}/"));
        let encryption = Encryption {
            first_sequence: streams::FIRST_SEQUENCE,
            iv: IvRule::Implicit,
            segments_per_key: None,
        };
        let names = Names {
            segments: &segments,
            keys: &keys,
        };
        let encrypted = encrypt(&self.source(quality), encryption, names)?;
        self.serve(
            &format!("/hls/lecture/{folder}/index.m3u8"),
            encrypted.playlist.into(),
        );
        for (name, key) in encrypted.keys {
            self.serve(&format!("{keys}{name}"), key);
        }
        for (index, (name, segment)) in encrypted.segments.into_iter().enumerate() {
            let held = Arc::clone(&self.held);
            let reply = Reply::ok(segment).with_type(mime_type(&name));
            self.media.route(&format!("{segments}{name}"), move |_| {
                let reply = reply.clone();
                if index >= held.from.load(Ordering::Relaxed) {
                    reply.after(&held.gate)
                } else {
                    reply
                }
            });
        }
        Ok(())
    }

    fn serve(&self, path: &str, body: Bytes) {
        self.media.reply(path, Reply::ok(body).with_type(mime_type(path)));
    }

    fn serve_decoys(&self) {
        let login = "<!doctype html><title>Log in</title><p>#EXTM3U is how a playlist begins.";
        self.media
            .reply("/decoys/login.m3u8", Reply::ok(login).with_type("text/html"));
        self.media.reply("/decoys/gone.m3u8", Reply::status(404));
        self.media
            .reply("/decoys/collect", Reply::ok("{}").with_type("application/json"));
        let words = "The first line of a playlist is\n#EXTM3U\n#EXTINF:1,\nand so on\n";
        self.media
            .reply("/decoys/words.txt", Reply::ok(words).with_type("text/plain"));
    }
}

impl Page {
    fn path(self) -> &'static str {
        match self {
            Self::Xhr => "/watch/xhr",
            Self::Fetch => "/watch/fetch",
            Self::HostileTitle => "/watch/hostile-title",
            Self::Decoys => "/decoys",
            Self::Live => "/watch/live",
            Self::Expiring => "/watch/expiring",
            Self::Tickets => "/watch/tickets",
            Self::Images => "/images",
            Self::Empty => "/empty",
        }
    }

    fn html(self, media: &str) -> String {
        let (template, title, api) = match self {
            Self::Xhr => (include_str!("site/watch.html"), TITLE, "XMLHttpRequest"),
            Self::Fetch | Self::Expiring => (include_str!("site/watch.html"), TITLE, "fetch"),
            Self::HostileTitle => (include_str!("site/watch.html"), HOSTILE_TITLE, "XMLHttpRequest"),
            Self::Decoys => (include_str!("site/decoys.html"), "", ""),
            Self::Live => (include_str!("site/live.html"), live::TITLE, ""),
            Self::Tickets => (include_str!("site/tickets.html"), TITLE, ""),
            Self::Images => (include_str!("site/images.html"), images::TITLE, ""),
            Self::Empty => (
                "<!doctype html><title>Nothing</title><body data-player=ready>Nothing",
                "",
                "",
            ),
        };
        let stream = if self == Self::Expiring {
            expiring::FOLDER
        } else {
            "/hls/lecture"
        };
        let title = title.replace('&', "&amp;").replace('<', "&lt;");
        template
            .replace("{{title}}", &title)
            .replace("{{media}}", media)
            .replace("{{stream}}", stream)
            .replace("{{api}}", api)
    }
}

impl Quality {
    fn folder(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Low => "low",
        }
    }
}

fn is_allowed(request: &Request, referer: &str) -> bool {
    request.has_cookie(COOKIE.0, COOKIE.1)
        && request
            .header("referer")
            .is_some_and(|sent| sent.starts_with(referer))
}
