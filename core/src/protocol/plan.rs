//! The capture plan: everything that has to be fetched, in order, each segment complete in itself.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::ids::{Iv, KeyMethod, MediaSequence, TrackKind};
use crate::url::AbsoluteUrl;

/// What one click captures. Built by [`crate::plan`], checked again by the host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CapturePlan {
    /// The playlist that the user chose: the multivariant one where there is one.
    pub source: AbsoluteUrl,
    /// The page's title, only a wish: the host makes the file name from it by its own rules.
    #[serde(default)]
    pub title: Option<String>,
    /// True when a playlist has no EXT-X-ENDLIST: what is listed here is only its window.
    pub live: bool,
    /// One per playlist: the main one first, then audio, then subtitles. Never empty.
    pub tracks: Vec<PlannedTrack>,
}

/// The segments of one media playlist.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlannedTrack {
    /// What it carries.
    pub kind: TrackKind,
    /// Streams of this kind alone go into the output: the others are had from elsewhere, or not wanted. Null: all.
    #[serde(default)]
    pub only: Option<TrackKind>,
    /// The media playlist's own URL.
    pub playlist: AbsoluteUrl,
    /// LANGUAGE of its EXT-X-MEDIA, a BCP 47 tag.
    #[serde(default)]
    pub language: Option<String>,
    /// NAME of its EXT-X-MEDIA.
    #[serde(default)]
    pub name: Option<String>,
    /// DEFAULT of its EXT-X-MEDIA: players start with it.
    #[serde(default)]
    pub default: bool,
    /// FORCED of its EXT-X-MEDIA: these subtitles are for everyone, also for who asks for none.
    #[serde(default)]
    pub forced: bool,
    /// CODECS of its variant.
    #[serde(default)]
    pub codecs: Vec<String>,
    /// RESOLUTION of its variant, in pixels: width, height.
    #[serde(default)]
    pub resolution: Option<(u32, u32)>,
    /// In playlist order, media sequence rising.
    pub segments: Vec<PlannedSegment>,
}

/// One segment. Key, IV, map and range are the effective ones: nothing has to be known of the segments before it. What it
/// does not have is left out: a plan has thousands of them, and each member costs the browser.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlannedSegment {
    /// The media sequence number.
    pub sequence: MediaSequence,
    /// Where it is.
    pub url: AbsoluteUrl,
    /// The part of the resource; left out for all of it.
    #[serde(default, skip_serializing_if = "is_default")]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub range: Option<ByteRange>,
    /// EXTINF in seconds; left out where it was unusable.
    #[serde(default, skip_serializing_if = "is_default")]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub duration_seconds: Option<f64>,
    /// EXT-X-DISCONTINUITY stands before it; left out where it does not.
    #[serde(default, skip_serializing_if = "is_default")]
    #[cfg_attr(feature = "typescript", ts(as = "Option<bool>", optional))]
    pub discontinuity: bool,
    /// EXT-X-GAP: the server says that it is not there, and it is not asked for; left out where it is there.
    #[serde(default, skip_serializing_if = "is_default")]
    #[cfg_attr(feature = "typescript", ts(as = "Option<bool>", optional))]
    pub gap: bool,
    /// How to decrypt it; left out when clear.
    #[serde(default, skip_serializing_if = "is_default")]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub key: Option<SegmentKey>,
    /// Its media initialization section (EXT-X-MAP); left out without one. Segments that follow each other may share it.
    #[serde(default, skip_serializing_if = "is_default")]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub map: Option<Arc<PlannedMap>>,
}

/// How one segment or map is decrypted.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SegmentKey {
    /// METHOD.
    pub method: KeyMethod,
    /// Where the key is.
    pub url: AbsoluteUrl,
    /// The effective IV, explicit or from the media sequence number.
    pub iv: Iv,
}

/// A media initialization section.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlannedMap {
    /// Where it is.
    pub url: AbsoluteUrl,
    /// The part of the resource; left out for all of it.
    #[serde(default, skip_serializing_if = "is_default")]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub range: Option<ByteRange>,
    /// How to decrypt it; left out when clear.
    #[serde(default, skip_serializing_if = "is_default")]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub key: Option<SegmentKey>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A part of a resource, in bytes. `offset + length` never overflows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", try_from = "RawByteRange", into = "RawByteRange")]
pub struct ByteRange {
    #[cfg_attr(feature = "typescript", ts(type = "number | string"))]
    offset: u64,
    #[cfg_attr(feature = "typescript", ts(type = "number | string"))]
    length: u64,
}

/// On the wire: numbers where JavaScript keeps them exact, else text.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawByteRange {
    offset: MediaSequence,
    length: MediaSequence,
}

impl From<ByteRange> for RawByteRange {
    fn from(range: ByteRange) -> Self {
        Self {
            offset: MediaSequence(range.offset),
            length: MediaSequence(range.length),
        }
    }
}

impl TryFrom<RawByteRange> for ByteRange {
    type Error = &'static str;

    fn try_from(raw: RawByteRange) -> Result<Self, Self::Error> {
        Self::new(raw.offset.0, raw.length.0).ok_or("range overflow")
    }
}

impl ByteRange {
    /// The range of `length` bytes from `offset`; None when it is empty or its end overflows.
    #[must_use]
    pub fn new(offset: u64, length: u64) -> Option<Self> {
        (length > 0 && offset.checked_add(length).is_some()).then_some(Self { offset, length })
    }

    /// The first byte.
    #[must_use]
    pub fn offset(self) -> u64 {
        self.offset
    }

    /// How many bytes, at least one.
    #[must_use]
    pub fn length(self) -> u64 {
        self.length
    }

    /// One past the last byte.
    #[must_use]
    pub fn end(self) -> u64 {
        self.offset.saturating_add(self.length)
    }
}
