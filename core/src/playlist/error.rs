//! Why a text is no playlist.

use crate::protocol::ErrorCode;

/// A text that is no playlist, or one that cannot be read around.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{kind}", .line.map(|line| format!("line {line}: ")).unwrap_or_default())]
pub struct PlaylistError {
    /// 1-based; None for the whole text.
    pub line: Option<usize>,
    /// What is wrong.
    pub kind: PlaylistErrorKind,
}

#[expect(
    clippy::unnecessary_box_returns,
    reason = "inside the reader errors are boxed, see `at`"
)]
impl PlaylistError {
    /// Boxed, inside the reader: every `?` on the way hands on one pointer.
    pub(super) fn at(line: usize, kind: PlaylistErrorKind) -> Box<Self> {
        Box::new(Self {
            line: Some(line),
            kind,
        })
    }

    pub(super) fn whole(kind: PlaylistErrorKind) -> Box<Self> {
        Box::new(Self { line: None, kind })
    }

    /// The code that the user interface translates.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self.kind {
            PlaylistErrorKind::Empty
            | PlaylistErrorKind::NotHls
            | PlaylistErrorKind::WebPage
            | PlaylistErrorKind::OtherFile(_)
            | PlaylistErrorKind::NotUtf8
            | PlaylistErrorKind::ControlByte => ErrorCode::NotAPlaylist,
            PlaylistErrorKind::NoSegments => ErrorCode::NothingToCapture,
            _ => ErrorCode::BadPlaylist,
        }
    }
}

/// What is wrong with a playlist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlaylistErrorKind {
    /// Nothing but white space.
    #[error("empty playlist")]
    Empty,
    /// No `#EXTM3U`, no list of files either.
    #[error("not an HLS playlist")]
    NotHls,
    /// HTML.
    #[error("got a web page instead of a playlist")]
    WebPage,
    /// Media, an image, or streaming of another kind: which.
    #[error("not an HLS playlist: it is {0}")]
    OtherFile(&'static str),
    /// Neither UTF-8 nor marked otherwise.
    #[error("not UTF-8")]
    NotUtf8,
    /// NUL.
    #[error("control byte (NUL) in the playlist")]
    ControlByte,
    /// Over [`crate::protocol::limits::MAX_PLAYLIST_BYTES`].
    #[error("playlist too large: {0} bytes")]
    TooLarge(usize),
    /// Over [`crate::protocol::limits::MAX_PLAYLIST_LINE_BYTES`].
    #[error("line too long: {0} bytes")]
    LineTooLong(usize),
    /// Over [`crate::protocol::limits::MAX_PLAYLIST_SEGMENTS`].
    #[error("too many segments")]
    TooManySegments,
    /// An integer that does not fit: tag, value.
    #[error("{0} out of range: {1}")]
    OutOfRange(&'static str, String),
    /// A byte range whose end overflows.
    #[error("range overflow: {0}")]
    RangeOverflow(String),
    /// Tags of both kinds.
    #[error("ambiguous playlist: it holds {0} as well as {1}")]
    Ambiguous(String, String),
    /// EXT-X-DEFINE.
    #[error("undefined variable {0}")]
    UndefinedVariable(String),
    /// Over a thousand of EXT-X-DEFINE.
    #[error("too many variables")]
    TooManyVariables,
    /// EXT-X-DEFINE without NAME and VALUE, IMPORT or QUERYPARAM.
    #[error("EXT-X-DEFINE defines nothing")]
    EmptyDefine,
    /// EXT-X-DEFINE.
    #[error("variable {0} is defined twice")]
    DuplicateVariable(String),
    /// EXT-X-SKIP leaves out more than the last playlist held.
    #[error("an update leaves out {0} segments that were never listed")]
    SkippedUnknown(u64),
    /// EXT-X-ENDLIST, and nothing before it.
    #[error("no segments")]
    NoSegments,
    /// A key without URI.
    #[error("key URI missing (METHOD={0})")]
    KeyUriMissing(String),
    /// IV.
    #[error("bad IV: {0}")]
    BadIv(String),
    /// METHOD is missing.
    #[error("key METHOD missing")]
    KeyMethodMissing,
}
