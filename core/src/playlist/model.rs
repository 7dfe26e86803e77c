//! What a playlist says, with the effective key, IV, map and byte range on every segment. Field names
//! are those of RFC 8216bis.

use std::sync::Arc;

use crate::protocol::{ByteRange, Iv, MediaSequence};
use crate::url::{AbsoluteUrl, UrlError};

use super::Warning;
use super::variables::Variables;

/// A playlist as it was read, and what had to be read around.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// What it says.
    pub playlist: Playlist,
    /// In line order, at most [`crate::protocol::limits::MAX_WARNINGS`].
    pub warnings: Vec<Warning>,
}

/// The three kinds of M3U.
#[derive(Debug, Clone, PartialEq)]
pub enum Playlist {
    /// Variants and renditions: the "first-level" playlist.
    Multivariant(Multivariant),
    /// Segments: the "second-level" playlist.
    Media(Media),
    /// A plain M3U: a list of files.
    List(List),
}

/// A URI as written, and what became of it. A reference that Weir does not fetch is kept, so that a
/// probe can show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// As written in the playlist, variables substituted.
    pub text: String,
    /// The URL, or why there is none.
    pub resolved: Result<AbsoluteUrl, UrlError>,
}

/// A multivariant playlist.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Multivariant {
    /// EXT-X-STREAM-INF, in playlist order.
    pub variants: Vec<Variant>,
    /// EXT-X-I-FRAME-STREAM-INF.
    pub i_frame_variants: Vec<Variant>,
    /// EXT-X-MEDIA.
    pub renditions: Vec<Rendition>,
    /// EXT-X-SESSION-KEY.
    pub session_keys: Vec<Key>,
    /// EXT-X-SESSION-DATA.
    pub session_data: Vec<SessionData>,
    /// EXT-X-CONTENT-STEERING.
    pub content_steering: Option<ContentSteering>,
    /// EXT-X-START.
    pub start: Option<Start>,
    /// EXT-X-INDEPENDENT-SEGMENTS.
    pub independent_segments: bool,
    /// EXT-X-VERSION.
    pub version: Option<u64>,
    /// EXT-X-DEFINE, for the media playlists that import them.
    pub variables: Variables,
}

/// One EXT-X-STREAM-INF or EXT-X-I-FRAME-STREAM-INF.
#[derive(Debug, Clone, PartialEq)]
pub struct Variant {
    /// The media playlist.
    pub uri: Reference,
    /// BANDWIDTH, in bits per second.
    pub bandwidth: Option<u64>,
    /// AVERAGE-BANDWIDTH, in bits per second.
    pub average_bandwidth: Option<u64>,
    /// CODECS, split at commas.
    pub codecs: Vec<String>,
    /// SUPPLEMENTAL-CODECS, split at commas.
    pub supplemental_codecs: Vec<String>,
    /// RESOLUTION, in pixels: width, height.
    pub resolution: Option<(u32, u32)>,
    /// FRAME-RATE, in frames per second.
    pub frame_rate: Option<f64>,
    /// SCORE.
    pub score: Option<f64>,
    /// HDCP-LEVEL.
    pub hdcp_level: Option<String>,
    /// VIDEO-RANGE.
    pub video_range: Option<String>,
    /// REQ-VIDEO-LAYOUT.
    pub req_video_layout: Option<String>,
    /// STABLE-VARIANT-ID.
    pub stable_variant_id: Option<String>,
    /// PATHWAY-ID.
    pub pathway_id: Option<String>,
    /// AUDIO: a group id.
    pub audio: Option<String>,
    /// VIDEO: a group id.
    pub video: Option<String>,
    /// SUBTITLES: a group id.
    pub subtitles: Option<String>,
    /// CLOSED-CAPTIONS: a group id, or NONE.
    pub closed_captions: Option<String>,
    /// 1-based line of the tag.
    pub line: usize,
}

/// One EXT-X-MEDIA.
#[derive(Debug, Clone, PartialEq)]
pub struct Rendition {
    /// TYPE: AUDIO, VIDEO, SUBTITLES or CLOSED-CAPTIONS.
    pub media_type: String,
    /// GROUP-ID.
    pub group_id: String,
    /// NAME.
    pub name: Option<String>,
    /// URI; without one the rendition is in the variant's own segments.
    pub uri: Option<Reference>,
    /// LANGUAGE, a BCP 47 tag.
    pub language: Option<String>,
    /// ASSOC-LANGUAGE.
    pub assoc_language: Option<String>,
    /// DEFAULT=YES.
    pub default: bool,
    /// AUTOSELECT=YES (DEFAULT=YES implies it).
    pub autoselect: bool,
    /// FORCED=YES.
    pub forced: bool,
    /// CHANNELS, as written.
    pub channels: Option<String>,
    /// CHARACTERISTICS, as written.
    pub characteristics: Option<String>,
    /// INSTREAM-ID.
    pub instream_id: Option<String>,
    /// STABLE-RENDITION-ID.
    pub stable_rendition_id: Option<String>,
    /// BIT-DEPTH.
    pub bit_depth: Option<u64>,
    /// SAMPLE-RATE, in hertz.
    pub sample_rate: Option<u64>,
    /// 1-based line of the tag.
    pub line: usize,
}

/// One EXT-X-SESSION-DATA.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionData {
    /// DATA-ID.
    pub data_id: String,
    /// VALUE.
    pub value: Option<String>,
    /// URI.
    pub uri: Option<Reference>,
    /// LANGUAGE.
    pub language: Option<String>,
}

/// EXT-X-CONTENT-STEERING.
#[derive(Debug, Clone, PartialEq)]
pub struct ContentSteering {
    /// SERVER-URI.
    pub server_uri: Reference,
    /// PATHWAY-ID.
    pub pathway_id: Option<String>,
}

/// EXT-X-START.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Start {
    /// TIME-OFFSET in seconds, negative from the end.
    pub time_offset_seconds: f64,
    /// PRECISE=YES.
    pub precise: bool,
}

/// A media playlist.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Media {
    /// EXT-X-VERSION.
    pub version: Option<u64>,
    /// EXT-X-TARGETDURATION in seconds; some packagers write a fraction.
    pub target_duration_seconds: Option<f64>,
    /// EXT-X-MEDIA-SEQUENCE.
    pub media_sequence: MediaSequence,
    /// EXT-X-DISCONTINUITY-SEQUENCE.
    pub discontinuity_sequence: u64,
    /// EXT-X-PLAYLIST-TYPE: VOD or EVENT.
    pub playlist_type: Option<String>,
    /// EXT-X-ENDLIST.
    pub end_list: bool,
    /// EXT-X-I-FRAMES-ONLY.
    pub i_frames_only: bool,
    /// EXT-X-INDEPENDENT-SEGMENTS.
    pub independent_segments: bool,
    /// EXT-X-ALLOW-CACHE, removed from the specification in version 7.
    pub allow_cache: Option<bool>,
    /// EXT-X-START.
    pub start: Option<Start>,
    /// In playlist order.
    pub segments: Vec<Segment>,
    /// EXT-X-PART-INF: PART-TARGET in seconds.
    pub part_target_seconds: Option<f64>,
    /// EXT-X-SERVER-CONTROL.
    pub server_control: Option<ServerControl>,
    /// EXT-X-SKIP: how many segments at the head of the window are left out here.
    pub skipped_segments: Option<u64>,
    /// EXT-X-DATERANGE, in playlist order.
    pub date_ranges: Vec<DateRange>,
    /// EXT-X-PRELOAD-HINT.
    pub preload_hints: Vec<PreloadHint>,
    /// EXT-X-RENDITION-REPORT.
    pub rendition_reports: Vec<RenditionReport>,
    /// EXT-X-PART behind the last whole segment.
    pub trailing_parts: Vec<Part>,
}

/// One media segment, complete in itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// Its media sequence number.
    pub sequence: MediaSequence,
    /// Where it is.
    pub uri: Reference,
    /// EXTINF in seconds; None when missing or unusable.
    pub duration_seconds: Option<f64>,
    /// EXTINF's title; None when empty.
    pub title: Option<String>,
    /// The effective EXT-X-BYTERANGE, its offset worked out.
    pub range: Option<ByteRange>,
    /// EXT-X-DISCONTINUITY stands before it.
    pub discontinuity: bool,
    /// EXT-X-GAP.
    pub gap: bool,
    /// What packagers' own tags before it say of advertising.
    pub cue: Option<Cue>,
    /// EXT-X-PROGRAM-DATE-TIME, as written; only on the segment it stands before.
    pub program_date_time: Option<String>,
    /// EXT-X-BITRATE in kilobits per second.
    pub bitrate_kbps: Option<u64>,
    /// The keys in force, one per KEYFORMAT; empty when clear. Shared by all segments they apply to.
    pub keys: Arc<[Key]>,
    /// The effective EXT-X-MAP.
    pub map: Option<Arc<Map>>,
    /// EXT-X-PART of this segment.
    pub parts: Vec<Part>,
    /// 1-based line of its URI.
    pub line: usize,
}

/// Where advertising begins and ends, in tags that are not of the specification but that many packagers write:
/// EXT-X-CUE-OUT, EXT-X-CUE-OUT-CONT, EXT-X-CUE-IN, EXT-X-SCTE35.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cue {
    /// It begins here, and is to last so long.
    Out {
        /// In seconds, where the tag says.
        seconds: Option<f64>,
    },
    /// It has begun before.
    Continued,
    /// It is over.
    In,
}

/// One EXT-X-PART.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// URI.
    pub uri: Reference,
    /// DURATION in seconds.
    pub duration_seconds: Option<f64>,
    /// INDEPENDENT=YES.
    pub independent: bool,
    /// GAP=YES.
    pub gap: bool,
    /// BYTERANGE, its offset worked out.
    pub range: Option<ByteRange>,
    /// 1-based line of the tag.
    pub line: usize,
}

/// EXT-X-SERVER-CONTROL.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ServerControl {
    /// CAN-BLOCK-RELOAD=YES.
    pub can_block_reload: bool,
    /// CAN-SKIP-UNTIL in seconds.
    pub can_skip_until_seconds: Option<f64>,
    /// CAN-SKIP-DATERANGES=YES.
    pub can_skip_date_ranges: bool,
    /// HOLD-BACK in seconds.
    pub hold_back_seconds: Option<f64>,
    /// PART-HOLD-BACK in seconds.
    pub part_hold_back_seconds: Option<f64>,
}

/// One EXT-X-DATERANGE.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DateRange {
    /// ID.
    pub id: String,
    /// CLASS.
    pub class: Option<String>,
    /// START-DATE, as written.
    pub start_date: Option<String>,
    /// END-DATE, as written.
    pub end_date: Option<String>,
    /// DURATION in seconds.
    pub duration_seconds: Option<f64>,
    /// PLANNED-DURATION in seconds.
    pub planned_duration_seconds: Option<f64>,
    /// SCTE35-CMD, as written.
    pub scte35_cmd: Option<String>,
    /// SCTE35-OUT, as written.
    pub scte35_out: Option<String>,
    /// SCTE35-IN, as written.
    pub scte35_in: Option<String>,
    /// END-ON-NEXT=YES.
    pub end_on_next: bool,
    /// Every other attribute, `X-` ones above all, in order.
    pub attributes: Vec<(String, String)>,
    /// 1-based line of the tag.
    pub line: usize,
}

/// One EXT-X-PRELOAD-HINT.
#[derive(Debug, Clone, PartialEq)]
pub struct PreloadHint {
    /// TYPE: PART or MAP.
    pub hint_type: String,
    /// URI.
    pub uri: Reference,
    /// BYTERANGE-START, in bytes.
    pub range_start: Option<u64>,
    /// BYTERANGE-LENGTH, in bytes; None to the end of the resource.
    pub range_length: Option<u64>,
}

/// One EXT-X-RENDITION-REPORT.
#[derive(Debug, Clone, PartialEq)]
pub struct RenditionReport {
    /// URI.
    pub uri: Reference,
    /// LAST-MSN.
    pub last_msn: Option<u64>,
    /// LAST-PART.
    pub last_part: Option<u64>,
}

/// One EXT-X-KEY or EXT-X-SESSION-KEY with another METHOD than NONE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// METHOD, in capitals.
    pub method: String,
    /// URI.
    pub uri: Reference,
    /// The explicit IV.
    pub iv: Option<Iv>,
    /// KEYFORMAT; `identity` when not written.
    pub key_format: String,
    /// 1-based line of the tag.
    pub line: usize,
}

/// One EXT-X-MAP, with the keys that were in force where it stood.
#[derive(Debug, Clone, PartialEq)]
pub struct Map {
    /// URI.
    pub uri: Reference,
    /// BYTERANGE.
    pub range: Option<ByteRange>,
    /// As for segments; an encrypted map needs an explicit IV.
    pub keys: Arc<[Key]>,
    /// 1-based line of the tag.
    pub line: usize,
}

/// A plain M3U list.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct List {
    /// In order.
    pub entries: Vec<ListEntry>,
}

/// One entry of a plain list.
#[derive(Debug, Clone, PartialEq)]
pub struct ListEntry {
    /// The file.
    pub uri: Reference,
    /// EXTINF's title.
    pub title: Option<String>,
    /// EXTINF in seconds, where it is one.
    pub duration_seconds: Option<f64>,
}
