//! Pages whose links live for three seconds: those of the segments and keys, and, on one page, that of the playlist, which
//! is good for one reading.

use std::collections::HashSet;
use std::fs;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::{Quality, Site, is_allowed};
use crate::origin::{Reply, mime_type};
use crate::streams::encrypt::{Encryption, IvRule, Names, encrypt};

/// How long the links live.
pub const LIFETIME: Duration = Duration::from_secs(3);

/// How long a segment takes: each is asked for when the links of the one before have expired.
const PACE: Duration = Duration::from_millis(3_200);

/// The folder of the stream, beside what the usual one has.
pub(super) const FOLDER: &str = "/expiring";

/// The media playlist.
pub(super) const PLAYLIST: &str = "/expiring/high/index.m3u8";

/// The same for who has a ticket, each of which is good once.
pub(super) const WITH_TICKET: &str = "/tickets/index.m3u8";

impl Site {
    /// How often the media playlist of [`super::Page::Expiring`] was given.
    #[must_use]
    pub fn expiring_readings(&self) -> usize {
        self.media.requests_for(PLAYLIST).len()
    }

    /// How often each segment and key of the pages whose links expire was given.
    #[must_use]
    pub fn expiring_taken(&self) -> std::collections::BTreeMap<String, usize> {
        self.tokens.taken()
    }

    pub(super) fn serve_expiring(&self) -> anyhow::Result<()> {
        let (segments, keys) = ("/links/segments/", "/links/keys/");
        let encryption = Encryption {
            first_sequence: 0,
            iv: IvRule::Implicit,
            segments_per_key: Some(2),
        };
        let source = self.source(Quality::High);
        let encrypted = encrypt(&source, encryption, Names { segments, keys })?;
        for folder in [FOLDER, "/tickets", "/links"] {
            let referer = self.pages.url_as("localhost", "/");
            self.media.guard(&format!("{folder}/"), move |request| {
                (!is_allowed(request, &referer)).then(|| Reply::status(403))
            });
        }
        let tokens = self.tokens.clone();
        self.media.guard("/links/", move |request| tokens.refuse(request));
        for (name, key) in encrypted.keys {
            self.media.reply(&format!("{keys}{name}"), Reply::ok(key));
        }
        for (name, segment) in encrypted.segments {
            let reply = Reply::ok(segment).with_type(mime_type(&name)).with_delay(PACE);
            self.media.reply(&format!("{segments}{name}"), reply);
        }
        let (tokens, text) = (self.tokens.clone(), encrypted.playlist);
        let playlist = move || Reply::ok(tokens.playlist(&text)).with_type(mime_type(PLAYLIST));
        let again = playlist.clone();
        self.media.route(PLAYLIST, move |_| again());
        let used = Mutex::new(HashSet::new());
        self.media.route(WITH_TICKET, move |request| {
            let mut used = used.lock().unwrap_or_else(PoisonError::into_inner);
            if used.insert(request.query().unwrap_or_default().to_owned()) {
                playlist()
            } else {
                Reply::status(403)
            }
        });
        let master = fs::read_to_string(self.source.playlist_path())?;
        self.media.reply(
            &format!("{FOLDER}/master.m3u8"),
            Reply::ok(master).with_type(mime_type(PLAYLIST)),
        );
        Ok(())
    }
}
