//! Why there is no plan, or why one is not carried out.

use crate::protocol::{ErrorCode, TrackKind};
use crate::url::{AbsoluteUrl, UrlError};

/// Why there is nothing to capture.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// No variant with a usable URL.
    #[error("the playlist lists no variant that can be fetched")]
    NoVariant,
    /// The variant that was asked for is not listed.
    #[error("the playlist does not list the variant {0}")]
    UnknownVariant(AbsoluteUrl),
    /// No rendition of the language that was asked for.
    #[error("no {kind} rendition in '{wanted}'; there is {available}")]
    NoLanguage {
        /// Of what.
        kind: TrackKind,
        /// What was asked for.
        wanted: String,
        /// What there is, comma-separated.
        available: String,
    },
    /// A chosen rendition whose URI is not a URL that Weir fetches.
    #[error("line {line}: {error} (EXT-X-MEDIA)")]
    Rendition {
        /// 1-based line in the multivariant playlist.
        line: usize,
        /// Why.
        error: UrlError,
    },
    /// A chosen playlist lists playlists again.
    #[error("nested multivariant playlist: {0} lists variants where segments were expected")]
    NestedMultivariant(AbsoluteUrl),
    /// A chosen playlist is a plain list.
    #[error("{0} is a plain list of files, not a media playlist")]
    PlainList(AbsoluteUrl),
    /// No tracks at all.
    #[error("no tracks")]
    NoTracks,
    /// Nothing in a media playlist.
    #[error("no segments in {0}")]
    NoSegments(AbsoluteUrl),
    /// Only keys of DRM systems.
    #[error("protected by DRM ({system}): Weir does not remove DRM")]
    Drm {
        /// Widevine, `PlayReady`, `FairPlay`, or the KEYFORMAT.
        system: String,
        /// 1-based line of the key in its playlist.
        line: usize,
    },
    /// An identity key with a METHOD that Weir does not decrypt.
    #[error("line {line}: unknown key METHOD {method}")]
    UnknownMethod {
        /// As written.
        method: String,
        /// 1-based line of the key in its playlist.
        line: usize,
    },
    /// A reference in a playlist that is not a URL that Weir fetches.
    #[error("line {line}: {error} ({what} in {playlist})")]
    Reference {
        /// `segment`, `key` or `map`.
        what: &'static str,
        /// 1-based line in the playlist.
        line: usize,
        /// The playlist.
        playlist: Box<AbsoluteUrl>,
        /// Why.
        error: UrlError,
    },
    /// A public playlist that points into a private network.
    #[error("private address: {0} is listed by a public playlist")]
    PrivateAddress(AbsoluteUrl),
    /// http under https.
    #[error("insecure downgrade: {0} is not encrypted and its playlist is")]
    InsecureDowngrade(AbsoluteUrl),
    /// A plan over a limit, or one from the wire that no playlist gives.
    #[error("{field}: {problem}")]
    Invalid {
        /// The path of the field.
        field: String,
        /// What is wrong with it.
        problem: &'static str,
    },
}

impl PlanError {
    /// The code that the user interface translates.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::NoVariant
            | Self::UnknownVariant(_)
            | Self::NoLanguage { .. }
            | Self::NoTracks
            | Self::NoSegments(_) => ErrorCode::NothingToCapture,
            Self::NestedMultivariant(_) => ErrorCode::BadPlaylist,
            Self::PlainList(_) => ErrorCode::NotAPlaylist,
            Self::Drm { .. } => ErrorCode::Drm,
            Self::UnknownMethod { .. } => ErrorCode::Unsupported,
            Self::Rendition { error, .. } | Self::Reference { error, .. } => error.code(),
            Self::PrivateAddress(_) => ErrorCode::PrivateAddress,
            Self::InsecureDowngrade(_) => ErrorCode::InsecureDowngrade,
            Self::Invalid { .. } => ErrorCode::BadField,
        }
    }
}
