//! Pages whose loader is three calls deep and asynchronous: in the page, in a frame of another site, in workers.

use super::Site;
use crate::origin::{Reply, mime_type};

/// Where the loader runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loader {
    /// In the page.
    Page,
    /// In a frame of another site.
    Frame,
    /// In a classic worker with an address of its own.
    WorkerFile,
    /// In a module worker with an address of its own.
    WorkerModule,
    /// In a worker that the page makes of a blob.
    WorkerBlob,
    /// In the page: asks for a live playlist again and again, and never for a segment.
    Polling,
}

/// The loader's script, for what stands in which line.
pub const SCRIPT: &str = include_str!("trace_player.js");

/// The script that starts it.
pub const STARTER: &str = include_str!("trace_page.js");

/// What the polling page gets each time.
const LIVE: &str = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:7\n#EXTINF:2,\nnever.ts\n";

impl Loader {
    /// All but [`Loader::Polling`].
    pub const PLAYING: [Self; 5] = [
        Self::Page,
        Self::Frame,
        Self::WorkerFile,
        Self::WorkerModule,
        Self::WorkerBlob,
    ];

    /// Its name, and its page's: `/trace/NAME`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Frame => "frame",
            Self::WorkerFile => "worker-file",
            Self::WorkerModule => "worker-module",
            Self::WorkerBlob => "worker-blob",
            Self::Polling => "polling",
        }
    }

    /// The name under which its stream is asked for: a frame has another one than its page.
    fn stream(self) -> &'static str {
        match self {
            Self::Frame => "in-frame",
            other => other.name(),
        }
    }
}

impl Site {
    /// The address of a loader's page.
    #[must_use]
    pub fn trace_url(&self, loader: Loader) -> String {
        self.trace_file(loader.name())
    }

    /// The address of a file of these pages on their own host.
    #[must_use]
    pub fn trace_file(&self, file: &str) -> String {
        self.pages.url_as("localhost", &format!("/trace/{file}"))
    }

    /// What a loader asks for: both playlists and the first segment.
    ///
    /// # Errors
    /// The source cannot be read.
    pub fn traced_urls(&self, loader: Loader) -> anyhow::Result<[String; 3]> {
        let at = |file: &str| self.media.url(&format!("/trace/{}/{file}", loader.stream()));
        let playlist = self.playlist(loader.stream())?;
        let segment = playlist.lines().find(|line| line.starts_with("http"));
        Ok([
            at("master.m3u8?token=secret"),
            at("level.m3u8"),
            segment.unwrap_or_default().to_owned(),
        ])
    }

    /// How often the page of [`Loader::Polling`] has asked.
    #[must_use]
    pub fn polls(&self) -> usize {
        self.media.requests_for("/trace/polling/live.m3u8").len()
    }

    pub(super) fn serve_traced(&self) -> anyhow::Result<()> {
        for origin in [&self.pages, &self.media] {
            for (path, script) in [("/trace/player.js", SCRIPT), ("/trace/page.js", STARTER)] {
                origin.reply(path, Reply::ok(script).with_type("text/javascript"));
            }
            for name in Loader::PLAYING
                .iter()
                .map(|loader| loader.name())
                .chain(["in-frame", "polling"])
            {
                let html = include_str!("trace.html")
                    .replace("{{name}}", name)
                    .replace("{{media}}", &self.media.url(""));
                let page = Reply::ok(html).with_type("text/html; charset=utf-8");
                origin.reply(&format!("/trace/{name}"), page);
            }
        }
        let typed = |text: String| Reply::ok(text).with_type(mime_type("x.m3u8"));
        for loader in Loader::PLAYING {
            let at = |file: &str| format!("/trace/{}/{file}", loader.stream());
            let first = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=800000,RESOLUTION=320x180\nlevel.m3u8\n";
            self.media.reply(&at("master.m3u8"), typed(first.to_owned()));
            self.media
                .reply(&at("level.m3u8"), typed(self.playlist(loader.stream())?));
        }
        self.media
            .reply("/trace/polling/live.m3u8", typed(LIVE.to_owned()));
        Ok(())
    }
}
