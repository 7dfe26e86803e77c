//! Pages whose players ask for segments elsewhere than their playlists say: one page a way.

use super::{Quality, Site};
use crate::origin::{Origin, Reply, mime_type};

/// A way in which the address that a playlist names becomes the one that a player asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Join {
    /// As RFC 3986 says.
    Plain,
    /// On another host.
    Host,
    /// Below folders that are put in front.
    Prefix,
    /// With a query.
    Query,
    /// A first-level list on one host, whose second-level lists are on another, and their segments on a third.
    Levels,
}

/// The query without which [`Join::Query`] answers 403.
const TOKEN: &str = "token=weir-sample-token";

impl Join {
    /// Its name, and its page's.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Host => "host",
            Self::Prefix => "prefix",
            Self::Query => "query",
            Self::Levels => "levels",
        }
    }

    /// The folder that the playlist is in, and that its references count from.
    #[must_use]
    pub fn folder(self) -> String {
        format!("/rules/{}/", self.name())
    }
}

impl Site {
    /// The address of a page.
    #[must_use]
    pub fn join_url(&self, join: Join) -> String {
        self.pages.url_as("localhost", &format!("/join/{}", join.name()))
    }

    /// The host of the pages, which [`Join::Host`] has its segments on: another port of the same address.
    #[must_use]
    pub fn other_host(&self) -> &Origin {
        &self.pages
    }

    pub(super) fn serve_rules(&self) -> anyhow::Result<()> {
        let playlist = self.source(Quality::High);
        let Some(source) = playlist.parent() else {
            anyhow::bail!("the source has no folder")
        };
        let script = include_str!("rules.js");
        self.pages
            .reply("/join.js", Reply::ok(script).with_type("text/javascript"));
        for join in [Join::Plain, Join::Host, Join::Prefix, Join::Query] {
            let folder = join.folder();
            let to = match join {
                Join::Host => {
                    self.pages.directory(&folder, source);
                    self.pages.url(&folder)
                }
                Join::Prefix => {
                    let to = format!("/cdn/7{folder}");
                    self.media.directory(&to, source);
                    self.media.url(&to)
                }
                Join::Plain | Join::Query | Join::Levels => {
                    self.media.directory(&folder, source);
                    self.media.url(&folder)
                }
            };
            let path = format!("{folder}index.m3u8");
            let text = Reply::ok(std::fs::read(&playlist)?).with_type(mime_type(&path));
            self.media.reply(&path, text);
            let query = if join == Join::Query { TOKEN } else { "" };
            self.serve_join(
                join,
                [
                    ("playlist", &self.media.url(&path)),
                    ("to", &to),
                    ("query", query),
                ],
            );
        }
        self.media.guard(&Join::Query.folder(), |request| {
            let is_free = request.path().ends_with("/index.m3u8") || request.query() == Some(TOKEN);
            (!is_free).then(|| Reply::status(403))
        });
        self.serve_levels()
    }

    fn serve_levels(&self) -> anyhow::Result<()> {
        let folder = Join::Levels.folder();
        let first = format!("{folder}master.m3u8");
        let text = std::fs::read(self.source.playlist_path())?;
        self.media
            .reply(&first, Reply::ok(text).with_type(mime_type(&first)));
        for quality in [Quality::High, Quality::Low] {
            let second = format!("{folder}{}/index.m3u8", quality.folder());
            let text = std::fs::read(self.source(quality))?;
            self.pages
                .reply(&second, Reply::ok(text).with_type(mime_type(&second)));
        }
        self.media.directory("/slices/", &self.source.folder);
        let (lists, slices) = (
            self.pages.url(&folder),
            self.media.url_as("localhost", "/slices/high/"),
        );
        let first = self.media.url(&first);
        self.serve_join(
            Join::Levels,
            [("playlist", &first), ("lists", &lists), ("to", &slices)],
        );
        Ok(())
    }

    fn serve_join<const N: usize>(&self, join: Join, data: [(&str, &str); N]) {
        let data = data
            .map(|(name, value)| format!(" data-{name}=\"{value}\""))
            .concat();
        let html = include_str!("rules.html")
            .replace("{{name}}", join.name())
            .replace("{{data}}", &data);
        let page = Reply::ok(html).with_type("text/html; charset=utf-8");
        self.pages.reply(&format!("/join/{}", join.name()), page);
    }
}
