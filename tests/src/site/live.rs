//! The page with a live stream: the clear source, of which as many segments are published as a test says.

use std::fs;

use super::{Quality, Site};
use crate::live::{Live, Options};
use crate::origin::Reply;

/// The title of the live page.
pub const TITLE: &str = "The weir, live";

/// How long each segment plays, in seconds.
pub const SEGMENT_SECONDS: usize = 2;

/// Where the playlist and its segments are.
const FOLDER: &str = "/live/";

/// Half of the source is there at first; the rest comes by [`Live::publish`], and no end ever.
const OPTIONS: Options = Options {
    target_seconds: 0.5,
    window: 3,
    begin: 2,
    step: 0,
    first_sequence: 0,
    ends: false,
    low_latency: false,
};

impl Site {
    /// The live stream of [`super::Page::Live`].
    #[must_use]
    pub fn live(&self) -> &Live {
        &self.live
    }

    /// The address of the live stream's playlist.
    #[must_use]
    pub fn live_url(&self) -> String {
        self.media.url(&format!("{FOLDER}index.m3u8"))
    }

    /// The segment with this index is not there from now on.
    pub fn lose_live_segment(&self, index: usize) {
        let path = format!("{FOLDER}seg{index:03}.ts");
        self.media.reply(&path, Reply::status(404));
    }

    /// The playlist is given only to who asks for it with this token from now on.
    pub fn want_live_token(&self, token: &'static str) {
        let path = format!("{FOLDER}index.m3u8");
        self.media.guard(&path, move |request| {
            let has_it = request.query().is_some_and(|query| query.contains(token));
            (!has_it).then(|| Reply::status(403))
        });
    }

    pub(super) fn serve_live(&self) {
        if let Some(folder) = self.source(Quality::High).parent() {
            self.media.directory(FOLDER, folder);
        }
        self.live.serve(&self.media, &format!("{FOLDER}index.m3u8"));
    }
}

/// The playlist of the clear source, to be published bit by bit.
pub(super) fn of_source(source: &crate::streams::Stream) -> anyhow::Result<Live> {
    let playlist = source.folder.join(Quality::High.folder()).join("index.m3u8");
    Ok(Live::of(&fs::read_to_string(playlist)?, OPTIONS))
}
