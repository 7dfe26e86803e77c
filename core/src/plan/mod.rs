//! A playlist and a selection -> [`CapturePlan`](crate::protocol::CapturePlan), in two steps, because a browser and a command line
//! fetch differently: [`choose`] says which media playlists are needed, [`build`] takes them as read.
//!
//! The host checks a plan that came over the wire again: [`crate::protocol::CapturePlan::check`].

mod ads;
mod build;
mod chapters;
mod check;
mod choose;
mod codecs;
mod cut;
mod dates;
mod error;
mod language;
pub mod live;

use crate::protocol::TrackKind;
use crate::url::AbsoluteUrl;

pub use ads::{AdBreak, AdReason, AdSegments, AdsError, Advertising, find_advertising};
pub use build::{build, build_from, expect_media};
pub use chapters::{Chapter, MAX_CHAPTERS, chapters};
pub use check::{CheckPolicy, Rule};
pub use choose::choose;
pub use cut::{Cut, CutError, Span, cut};
pub use error::PlanError;

/// What the user wants of a multivariant playlist.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Selection {
    /// Which variant.
    pub quality: Quality,
    /// Which audio renditions.
    pub audio: Languages,
    /// Which subtitle renditions.
    pub subtitles: Languages,
}

/// Which variant.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Quality {
    /// Of those whose codecs a file keeps, where there are any: the highest SCORE where every variant has one, then the
    /// highest resolution, then the highest bandwidth.
    #[default]
    Best,
    /// The lowest.
    Worst,
    /// At most this many lines; the lowest when all have more.
    MaxHeight(u32),
    /// At most this many bits per second; the lowest when all have more.
    MaxBandwidth(u64),
    /// Exactly this media playlist.
    Variant(AbsoluteUrl),
}

/// Which renditions of a kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Languages {
    /// Of audio the DEFAULT one, else the first AUTOSELECT one, else the first; of subtitles the DEFAULT one.
    #[default]
    Default,
    /// None.
    None,
    /// The one of this language, a BCP 47 tag: exactly, else by its primary subtag; else the one of this NAME. A stream
    /// without audio renditions has what it has.
    Language(String),
    /// Every one.
    All,
}

/// A media playlist that is needed, and what its track will be.
#[derive(Debug, Clone, PartialEq)]
pub struct ChosenTrack {
    /// What it carries.
    pub kind: TrackKind,
    /// Streams of this kind alone are kept of it: the others are had from elsewhere, or not wanted. None: all.
    pub only: Option<TrackKind>,
    /// Where the media playlist is.
    pub playlist: AbsoluteUrl,
    /// LANGUAGE.
    pub language: Option<String>,
    /// NAME.
    pub name: Option<String>,
    /// DEFAULT.
    pub default: bool,
    /// FORCED.
    pub forced: bool,
    /// CODECS of the variant.
    pub codecs: Vec<String>,
    /// RESOLUTION of the variant, in pixels.
    pub resolution: Option<(u32, u32)>,
}

impl ChosenTrack {
    /// The only track of a stream that has no multivariant playlist.
    #[must_use]
    pub fn only(playlist: AbsoluteUrl) -> Self {
        Self {
            kind: TrackKind::Video,
            only: None,
            playlist,
            language: None,
            name: None,
            default: false,
            forced: false,
            codecs: Vec::new(),
            resolution: None,
        }
    }
}
