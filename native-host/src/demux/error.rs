//! Why a segment gives no samples.

use std::borrow::Cow;

/// Why a segment gives no samples.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DemuxError {
    /// No bytes at all.
    #[error("the segment is empty")]
    Empty,
    /// Text of another kind.
    #[error("got {0} instead of media (a login page, a captcha or an error message?)")]
    NotMedia(&'static str),
    /// A picture with no stream behind it.
    #[error("got a {0} picture instead of media")]
    Picture(&'static str),
    /// Bytes without any structure.
    #[error(
        "the bytes are neither a transport stream nor fragmented MP4, packed audio or WebVTT: damaged, or still encrypted (wrong key or IV?)"
    )]
    Unknown,
    /// A transport stream that nothing announces the streams of.
    #[error("no programme map (PMT) in the first {0} MB of the transport stream")]
    NoProgramMap(usize),
    /// Fragmented MP4 without its `moov`.
    #[error("fragmented MP4 without an initialization section (EXT-X-MAP)")]
    NoInit,
    /// A box goes on beyond the segment's end, which is at this byte.
    #[error("the segment is cut short: a box goes on beyond its {0} bytes")]
    Cut(usize),
    /// A structure that contradicts itself.
    #[error("{0}")]
    Malformed(String),
    /// A codec that Weir does not read itself.
    #[error("{0} is not merged by Weir itself")]
    ForeignCodec(String),
    /// What was decrypted is certainly no media: why.
    #[error("wrong key or corrupt: {0}")]
    WrongKey(&'static str),
    /// Encrypted media without a key for it: what it is.
    #[error("{0}, and there is no key for it")]
    NoKey(String),
    /// Media that names DRM systems and has no key of the playlist: which.
    #[error("protected by DRM ({0}): Weir does not remove DRM")]
    Drm(Cow<'static, str>),
    /// A codec or a protection that this version does not merge.
    #[error("{0} is not supported yet")]
    Unsupported(String),
}
