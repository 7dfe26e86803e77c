//! Pages with players of the wild, from the npm packages that `cargo xtask setup` installs for the tests.

use std::path::{Path, PathBuf};

use super::Site;
use crate::origin::{Origin, Reply, mime_type};

/// A player and how it is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Player {
    /// Its name, and its page's: `/player/NAME`.
    pub name: &'static str,
    /// Its scripts, below `node_modules`.
    scripts: &'static [&'static str],
}

/// All of them.
pub const PLAYERS: &[Player] = &[
    player("hls.js", &[HLS_JS]),
    player("hls.js-without-worker", &[HLS_JS]),
    player("video.js", &["video.js/dist/video.min.js"]),
    player("shaka-player", &["shaka-player/dist/shaka-player.compiled.js"]),
    player("dplayer", &[HLS_JS, "dplayer/dist/DPlayer.min.js"]),
    player("artplayer", &[HLS_JS, "artplayer/dist/artplayer.js"]),
    player("plyr", &[HLS_JS, "plyr/dist/plyr.min.js"]),
    player(
        "xgplayer-hls",
        &["xgplayer/dist/index.min.js", "xgplayer-hls/dist/index.min.js"],
    ),
    player("clappr", &["@clappr/player/dist/clappr.min.js"]),
];

const HLS_JS: &str = "hls.js/dist/hls.min.js";

const fn player(name: &'static str, scripts: &'static [&'static str]) -> Player {
    Player { name, scripts }
}

/// Where npm puts the players; None when `cargo xtask setup` has not been run.
#[must_use]
pub fn packages() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser/players/node_modules");
    Some(folder).filter(|folder| folder.is_dir())
}

impl Site {
    /// Serves the players' pages, and to each a two-level clear stream of its own.
    pub fn serve_players(&self, packages: &Path) {
        self.pages.directory("/packages/", packages);
        serve(
            &self.pages,
            "/players.js",
            include_str!("players.js"),
            "text/javascript",
        );
        for player in PLAYERS {
            let tags: Vec<String> = player
                .scripts
                .iter()
                .map(|script| format!("<script src=\"/packages/{script}\"></script>"))
                .collect();
            let html = include_str!("players.html")
                .replace("{{name}}", player.name)
                .replace("{{stream}}", &self.player_stream(player))
                .replace("{{scripts}}", &tags.join("\n"));
            let path = format!("/player/{}", player.name);
            serve(&self.pages, &path, &html, mime_type("x.html"));
            let folder = format!("/player/{}/", player.name);
            self.media.directory(&folder, &self.source.folder);
        }
    }

    /// The address of a player's page.
    #[must_use]
    pub fn player_url(&self, player: &Player) -> String {
        self.pages
            .url_as("localhost", &format!("/player/{}", player.name))
    }

    /// The address of a player's stream: its multivariant playlist.
    #[must_use]
    pub fn player_stream(&self, player: &Player) -> String {
        self.media
            .url(&format!("/player/{}/{}", player.name, self.source.playlist))
    }
}

fn serve(origin: &Origin, path: &str, text: &str, mime: &str) {
    origin.reply(path, Reply::ok(text.to_owned()).with_type(mime));
}
