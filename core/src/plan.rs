//! A playlist and a selection -> [`CapturePlan`], in two steps, because a browser and a command line
//! fetch differently: [`choose`] says which media playlists are needed, [`build`] takes them as read.

use crate::playlist::{Media, Multivariant};
use crate::protocol::{CapturePlan, ErrorCode, TrackKind};
use crate::url::AbsoluteUrl;

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
    /// The highest resolution, then the highest bandwidth.
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
    /// The DEFAULT one, else the first AUTOSELECT one, else the first.
    #[default]
    Default,
    /// None.
    None,
    /// The one of this language, a BCP 47 tag.
    Language(String),
    /// Every one.
    All,
}

/// A media playlist that is needed, and what its track will be.
#[derive(Debug, Clone, PartialEq)]
pub struct ChosenTrack {
    /// What it carries.
    pub kind: TrackKind,
    /// Where the media playlist is.
    pub playlist: AbsoluteUrl,
    /// LANGUAGE.
    pub language: Option<String>,
    /// NAME.
    pub name: Option<String>,
    /// CODECS of the variant.
    pub codecs: Vec<String>,
    /// RESOLUTION of the variant, in pixels.
    pub resolution: Option<(u32, u32)>,
}

/// Why there is nothing to capture.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// No variant with a usable URL.
    #[error("the playlist lists no variant that can be fetched")]
    NoVariant,
}

impl PlanError {
    /// The code that the user interface translates.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::NoVariant => ErrorCode::NothingToCapture,
        }
    }
}

impl ChosenTrack {
    /// The only track of a stream that has no multivariant playlist.
    #[must_use]
    pub fn only(playlist: AbsoluteUrl) -> Self {
        Self { kind: TrackKind::Video, playlist, language: None, name: None, codecs: Vec::new(), resolution: None }
    }
}

/// Which media playlists `selection` needs, the main one first.
///
/// # Errors
/// [`PlanError`] when nothing fits.
pub fn choose(playlist: &Multivariant, selection: &Selection) -> Result<Vec<ChosenTrack>, PlanError> {
    let _ = (playlist, selection);
    Err(PlanError::NoVariant)
}

/// The plan for media playlists that were fetched and read.
///
/// # Errors
/// [`PlanError`]: DRM, an unknown method, a URL that is not fetched, no segments.
pub fn build(
    source: &AbsoluteUrl,
    title: Option<&str>,
    tracks: &[(ChosenTrack, Media)],
) -> Result<CapturePlan, PlanError> {
    let _ = (source, title, tracks);
    Err(PlanError::NoVariant)
}
