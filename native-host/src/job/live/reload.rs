//! One live playlist: asked for again, with what its server offers to make that cheap and early.

use std::time::Duration;

use tokio::time::Instant;
use weir_core::plan::{PlanError, expect_media};
use weir_core::playlist::{self, Media, Multivariant, Playlist, PlaylistError, PlaylistErrorKind, Reading};
use weir_core::protocol::ErrorCode;
use weir_core::url::{AbsoluteUrl, UrlError};

use crate::error::Coded;
use crate::fetch::{Client, FetchError, Fetched, Resource, ResourceKind};

/// What a playlist without a usable EXT-X-TARGETDURATION is taken to have, in seconds.
const DEFAULT_TARGET_SECONDS: f64 = 6.0;

/// Bounds of a target duration that is believed, in seconds.
const TARGET_SECONDS: std::ops::RangeInclusive<f64> = 0.5..=60.0;

/// A live playlist and how it was when it was last read.
#[derive(Debug)]
pub(super) struct LivePlaylist {
    url: AbsoluteUrl,
    /// The playlist that the user chose; the multivariant one where it is not `url` itself.
    source: AbsoluteUrl,
    parent: Option<Multivariant>,
    last: Option<Read>,
    /// The server did not understand what its EXT-X-SERVER-CONTROL offers.
    plain: bool,
}

#[derive(Debug)]
struct Read {
    media: Media,
    at: Instant,
}

/// Why a playlist could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// It could not be had.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// It is none.
    #[error("{url}: {error}")]
    Playlist {
        /// Where it came from.
        url: Box<AbsoluteUrl>,
        /// Why.
        error: Box<PlaylistError>,
    },
    /// It is of another kind.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// What is asked of it makes its URL one that is not fetched: too long, mostly.
    #[error(transparent)]
    Url(#[from] UrlError),
}

impl Coded for LoadError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Fetch(error) => error.code(),
            Self::Playlist { error, .. } => error.code(),
            Self::Plan(error) => error.code(),
            Self::Url(error) => error.code(),
        }
    }
}

impl LoadError {
    /// The HTTP status, when that was the failure.
    pub(super) fn status(&self) -> Option<u16> {
        match self {
            Self::Fetch(error) => error.status(),
            _ => None,
        }
    }
}

impl LivePlaylist {
    pub(super) fn new(url: AbsoluteUrl, source: AbsoluteUrl) -> Self {
        Self {
            url,
            source,
            parent: None,
            last: None,
            plain: false,
        }
    }

    /// Its URL as it was given: what it redirects to may be another the next time.
    pub(super) fn url(&self) -> &AbsoluteUrl {
        &self.url
    }

    /// Whether the server answers a request when there is something new: then it is asked at once.
    pub(super) fn blocks(&self) -> bool {
        let control = self
            .last
            .as_ref()
            .and_then(|last| last.media.server_control.as_ref());
        !self.plain && control.is_some_and(|control| control.can_block_reload)
    }

    /// EXT-X-TARGETDURATION, where it can be believed.
    pub(super) fn target_duration(&self) -> Option<Duration> {
        let media = &self.last.as_ref()?.media;
        let seconds = media.target_duration_seconds.unwrap_or(DEFAULT_TARGET_SECONDS);
        Some(Duration::from_secs_f64(
            seconds.clamp(*TARGET_SECONDS.start(), *TARGET_SECONDS.end()),
        ))
    }

    /// Asks for it and reads it. Where the server can, the answer waits for the next segment, and leaves out what is
    /// known. Whole segments are waited for, not their parts: a part is never written, its segment always is.
    pub(super) async fn load(&mut self, client: &Client) -> Result<&Media, LoadError> {
        let directives = self.directives();
        let asked = self.fetch_and_read(client, &directives).await;
        let media = match asked {
            Err(LoadError::Playlist { error, .. })
                if matches!(error.kind, PlaylistErrorKind::SkippedUnknown(_)) =>
            {
                // An update of what is not known here: the whole says it.
                self.last = None;
                self.fetch_and_read(client, "").await?
            }
            Err(error) if !directives.is_empty() => {
                // The next time it is asked for without them; for good when they are what the server does not like.
                self.last = None;
                self.plain = error
                    .status()
                    .is_some_and(|status| matches!(status, 400 | 405..=407 | 409 | 411..=424));
                return Err(error);
            }
            asked => asked?,
        };
        let read = Read {
            media,
            at: Instant::now(),
        };
        Ok(&self.last.insert(read).media)
    }

    /// The multivariant playlist that refers to this one, read anew; None where there is none.
    pub(super) async fn reload_source(
        &mut self,
        client: &Client,
    ) -> Result<Option<&Multivariant>, LoadError> {
        if self.source == self.url {
            return Ok(None);
        }
        let fetched = fetch(client, &self.source).await?;
        let reading = read(&fetched, |bytes, base| playlist::read(bytes, Some(base)))?;
        self.parent = match reading.playlist {
            Playlist::Multivariant(multivariant) => Some(multivariant),
            Playlist::Media(_) | Playlist::List(_) => None,
        };
        Ok(self.parent.as_ref())
    }

    async fn fetch_and_read(&mut self, client: &Client, directives: &str) -> Result<Media, LoadError> {
        let url = with_query(&self.url, directives)?;
        let fetched = fetch(client, &url).await?;
        let first = self.read(&fetched);
        let imports = matches!(
            &first,
            Err(LoadError::Playlist { error, .. }) if matches!(error.kind, PlaylistErrorKind::UndefinedVariable(_))
        );
        let reading = if imports && self.parent.is_none() && self.reload_source(client).await?.is_some() {
            self.read(&fetched)?
        } else {
            first?
        };
        for warning in &reading.warnings {
            tracing::debug!(url = %self.url, line = warning.line, "{}", warning.message);
        }
        Ok(expect_media(reading, &self.url)?)
    }

    fn read(&self, fetched: &Fetched) -> Result<Reading, LoadError> {
        read(fetched, |bytes, base| match (&self.last, &self.parent) {
            (Some(last), parent) => playlist::read_update(bytes, Some(base), parent.as_ref(), &last.media),
            (None, Some(parent)) => playlist::read_child(bytes, Some(base), parent),
            (None, None) => playlist::read(bytes, Some(base)),
        })
    }

    /// What is asked of the server (RFC 8216bis, 6.2.5), in the order of the names.
    fn directives(&self) -> String {
        let mut directives = Vec::new();
        if let Some(last) = self.last.as_ref().filter(|_| !self.plain)
            && let Some(control) = &last.media.server_control
        {
            let newest = last.media.segments.last().map(|segment| segment.sequence.0);
            if let Some(next) = newest
                .and_then(|newest| newest.checked_add(1))
                .filter(|_| control.can_block_reload)
            {
                directives.push(format!("_HLS_msn={next}"));
            }
            // An update only makes sense for one who knows most of what it leaves out.
            let skips = control
                .can_skip_until_seconds
                .is_some_and(|boundary| last.at.elapsed().as_secs_f64() <= boundary / 2.0);
            if skips {
                directives.push("_HLS_skip=YES".to_owned());
            }
        }
        directives.join("&")
    }
}

async fn fetch(client: &Client, url: &AbsoluteUrl) -> Result<Fetched, FetchError> {
    let resource = Resource {
        url: url.clone(),
        range: None,
        kind: ResourceKind::Playlist,
    };
    client.get(&resource).await
}

fn read(
    fetched: &Fetched,
    reader: impl FnOnce(&[u8], &AbsoluteUrl) -> Result<Reading, PlaylistError>,
) -> Result<Reading, LoadError> {
    reader(&fetched.bytes, &fetched.final_url).map_err(|error| LoadError::Playlist {
        url: Box::new(fetched.final_url.clone()),
        error: Box::new(error),
    })
}

fn with_query(url: &AbsoluteUrl, more: &str) -> Result<AbsoluteUrl, UrlError> {
    if more.is_empty() {
        return Ok(url.clone());
    }
    let text = url.as_str();
    let joint = match text.split_once('?') {
        None => "?",
        Some((_, "")) => "",
        Some(_) => "&",
    };
    AbsoluteUrl::parse(&format!("{text}{joint}{more}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directives_join_the_query() {
        let with = |url: &str| {
            let url = AbsoluteUrl::parse(url).unwrap();
            with_query(&url, "_HLS_msn=7").unwrap().as_str().to_owned()
        };
        assert_eq!(
            with("https://a.example/l.m3u8"),
            "https://a.example/l.m3u8?_HLS_msn=7"
        );
        assert_eq!(
            with("https://a.example/l.m3u8?"),
            "https://a.example/l.m3u8?_HLS_msn=7"
        );
        assert_eq!(
            with("https://a.example/l.m3u8?t=1"),
            "https://a.example/l.m3u8?t=1&_HLS_msn=7"
        );
    }
}
