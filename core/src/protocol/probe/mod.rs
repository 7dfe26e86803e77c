//! What a playlist holds, as `weir probe --json` prints it: every field is always there, null (or empty,
//! for a list) where the playlist says nothing.

mod from;

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use super::code::ErrorCode;
use super::ids::{Iv, MediaSequence, serialize_safe};

/// The one object that a successful probe prints.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Probe<'a> {
    /// Variants and renditions.
    Multivariant(Box<Multivariant<'a>>),
    /// Segments.
    Media(Box<Media<'a>>),
    /// A plain list of files.
    List(List<'a>),
}

/// The one object that a failed probe prints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProbeFailure {
    /// Why there is nothing to show.
    pub error: ProbeError,
}

/// Why a text is no playlist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProbeError {
    /// Stable word.
    pub code: ErrorCode,
    /// For people.
    pub message: String,
    /// 1-based; null for the whole text, or where there is no text.
    pub line: Option<usize>,
}

macro_rules! printed {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, PartialEq, Serialize)]
            #[serde(rename_all = "camelCase")]
            pub struct $name<'a> {
                $($(#[$field_doc])* pub $field: $type,)*
            }
        )*
    };
}

printed! {
    /// A multivariant playlist.
    Multivariant {
        /// EXT-X-STREAM-INF.
        variants: Vec<Variant<'a>>,
        /// EXT-X-I-FRAME-STREAM-INF.
        i_frame_variants: Vec<Variant<'a>>,
        /// EXT-X-MEDIA.
        renditions: Vec<Rendition<'a>>,
        /// EXT-X-SESSION-KEY.
        session_keys: Vec<Key<'a>>,
        /// EXT-X-SESSION-DATA.
        session_data: Vec<SessionData<'a>>,
        /// EXT-X-CONTENT-STEERING.
        content_steering: Option<ContentSteering<'a>>,
        /// EXT-X-START.
        start: Option<Start>,
        /// EXT-X-INDEPENDENT-SEGMENTS.
        independent_segments: bool,
        /// What was read around.
        warnings: Vec<Warning<'a>>,
    }

    /// A variant.
    Variant {
        /// The media playlist.
        url: &'a str,
        /// BANDWIDTH, in bits per second.
        bandwidth: Option<Integer>,
        /// AVERAGE-BANDWIDTH, in bits per second.
        average_bandwidth: Option<Integer>,
        /// CODECS.
        codecs: &'a [String],
        /// SUPPLEMENTAL-CODECS.
        supplemental_codecs: &'a [String],
        /// RESOLUTION, in pixels.
        width: Option<u32>,
        /// RESOLUTION, in pixels.
        height: Option<u32>,
        /// FRAME-RATE.
        frame_rate: Option<f64>,
        /// AUDIO.
        audio: Option<&'a str>,
        /// VIDEO.
        video: Option<&'a str>,
        /// SUBTITLES.
        subtitles: Option<&'a str>,
        /// CLOSED-CAPTIONS.
        closed_captions: Option<&'a str>,
        /// SCORE.
        score: Option<f64>,
        /// PATHWAY-ID.
        pathway_id: Option<&'a str>,
        /// VIDEO-RANGE.
        video_range: Option<&'a str>,
        /// REQ-VIDEO-LAYOUT.
        req_video_layout: Option<&'a str>,
        /// STABLE-VARIANT-ID.
        stable_variant_id: Option<&'a str>,
        /// HDCP-LEVEL.
        hdcp_level: Option<&'a str>,
    }

    /// A rendition.
    Rendition {
        /// TYPE.
        r#type: &'a str,
        /// GROUP-ID.
        group_id: &'a str,
        /// NAME.
        name: Option<&'a str>,
        /// LANGUAGE.
        language: Option<&'a str>,
        /// ASSOC-LANGUAGE.
        assoc_language: Option<&'a str>,
        /// DEFAULT.
        default: bool,
        /// AUTOSELECT.
        autoselect: bool,
        /// FORCED.
        forced: bool,
        /// CHANNELS, as written.
        channels: Option<&'a str>,
        /// The media playlist; null when it is in the variant's own segments.
        url: Option<&'a str>,
        /// INSTREAM-ID.
        instream_id: Option<&'a str>,
        /// CHARACTERISTICS.
        characteristics: Option<&'a str>,
        /// STABLE-RENDITION-ID.
        stable_rendition_id: Option<&'a str>,
        /// BIT-DEPTH.
        bit_depth: Option<Integer>,
        /// SAMPLE-RATE.
        sample_rate: Option<Integer>,
    }

    /// A key: of several KEYFORMATs the one that counts.
    Key {
        /// METHOD.
        method: &'a str,
        /// URI.
        url: &'a str,
        /// The effective IV; null where only an explicit one would count and there is none.
        iv: Option<Iv>,
        /// KEYFORMAT.
        key_format: &'a str,
    }

    /// EXT-X-SESSION-DATA.
    SessionData {
        /// DATA-ID.
        data_id: &'a str,
        /// VALUE.
        value: Option<&'a str>,
        /// URI.
        url: Option<&'a str>,
        /// LANGUAGE.
        language: Option<&'a str>,
    }

    /// EXT-X-CONTENT-STEERING.
    ContentSteering {
        /// SERVER-URI.
        server_url: &'a str,
        /// PATHWAY-ID.
        pathway_id: Option<&'a str>,
    }

    /// A media playlist.
    Media {
        /// EXT-X-VERSION.
        version: Option<Integer>,
        /// EXT-X-TARGETDURATION, in seconds.
        target_duration: Option<Seconds>,
        /// EXT-X-MEDIA-SEQUENCE.
        media_sequence: MediaSequence,
        /// EXT-X-DISCONTINUITY-SEQUENCE.
        discontinuity_sequence: Integer,
        /// EXT-X-PLAYLIST-TYPE.
        playlist_type: Option<&'a str>,
        /// EXT-X-ENDLIST.
        end_list: bool,
        /// EXT-X-I-FRAMES-ONLY.
        i_frames_only: bool,
        /// EXT-X-INDEPENDENT-SEGMENTS.
        independent_segments: bool,
        /// EXT-X-START.
        start: Option<Start>,
        /// The sum of the known durations.
        duration_seconds: f64,
        /// EXT-X-PART-INF.
        part_target_seconds: Option<f64>,
        /// EXT-X-SERVER-CONTROL.
        server_control: Option<ServerControl>,
        /// EXT-X-SKIP.
        skipped_segments: Option<Integer>,
        /// The segments.
        segments: Vec<Segment<'a>>,
        /// EXT-X-PART behind the last whole segment.
        trailing_parts: Vec<Part<'a>>,
        /// EXT-X-PRELOAD-HINT.
        preload_hints: Vec<PreloadHint<'a>>,
        /// EXT-X-RENDITION-REPORT.
        rendition_reports: Vec<RenditionReport<'a>>,
        /// EXT-X-DATERANGE.
        date_ranges: Vec<DateRange<'a>>,
        /// What was read around.
        warnings: Vec<Warning<'a>>,
    }

    /// A segment.
    Segment {
        /// Its media sequence number.
        sequence: MediaSequence,
        /// Where it is.
        url: &'a str,
        /// EXTINF; null when unusable.
        duration_seconds: Option<f64>,
        /// EXTINF's title.
        title: Option<&'a str>,
        /// The effective byte range.
        byte_range: Option<Range>,
        /// EXT-X-DISCONTINUITY.
        discontinuity: bool,
        /// EXT-X-GAP.
        gap: bool,
        /// EXT-X-PROGRAM-DATE-TIME, as written.
        program_date_time: Option<&'a str>,
        /// EXT-X-BITRATE.
        bitrate_kbps: Option<Integer>,
        /// The effective key; null when clear.
        key: Option<Key<'a>>,
        /// The effective EXT-X-MAP.
        map: Option<Map<'a>>,
        /// EXT-X-PART.
        parts: Vec<Part<'a>>,
    }

    /// EXT-X-MAP.
    Map {
        /// URI.
        url: &'a str,
        /// BYTERANGE.
        byte_range: Option<Range>,
        /// The key in force where it stands.
        key: Option<Key<'a>>,
    }

    /// EXT-X-PART.
    Part {
        /// URI.
        url: &'a str,
        /// DURATION.
        duration_seconds: Option<f64>,
        /// INDEPENDENT.
        independent: bool,
        /// GAP.
        gap: bool,
        /// The effective byte range.
        byte_range: Option<Range>,
    }

    /// EXT-X-PRELOAD-HINT.
    PreloadHint {
        /// TYPE.
        r#type: &'a str,
        /// URI.
        url: &'a str,
        /// BYTERANGE-START and BYTERANGE-LENGTH; null without both.
        byte_range: Option<OpenRange>,
    }

    /// EXT-X-RENDITION-REPORT.
    RenditionReport {
        /// URI.
        url: &'a str,
        /// LAST-MSN.
        last_msn: Option<Integer>,
        /// LAST-PART.
        last_part: Option<Integer>,
    }

    /// EXT-X-DATERANGE.
    DateRange {
        /// ID.
        id: &'a str,
        /// CLASS.
        class: Option<&'a str>,
        /// START-DATE, as written.
        start_date: Option<&'a str>,
        /// END-DATE, as written.
        end_date: Option<&'a str>,
        /// DURATION.
        duration_seconds: Option<f64>,
        /// PLANNED-DURATION.
        planned_duration_seconds: Option<f64>,
        /// SCTE35-CMD, as written.
        scte35_cmd: Option<&'a str>,
        /// SCTE35-OUT, as written.
        scte35_out: Option<&'a str>,
        /// SCTE35-IN, as written.
        scte35_in: Option<&'a str>,
        /// END-ON-NEXT.
        end_on_next: bool,
        /// Every other attribute, by its name, as written.
        attributes: BTreeMap<&'a str, &'a str>,
    }

    /// A plain list.
    List {
        /// Its files.
        entries: Vec<Entry<'a>>,
        /// What was read around.
        warnings: Vec<Warning<'a>>,
    }

    /// An entry of a plain list.
    Entry {
        /// The file.
        url: &'a str,
        /// EXTINF's title.
        title: Option<&'a str>,
    }

    /// What was read around.
    Warning {
        /// 1-based; null for the whole playlist.
        line: Option<usize>,
        /// Stable word, kebab-case.
        code: &'static str,
        /// For people.
        message: &'a str,
    }
}

/// EXT-X-START.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Start {
    /// TIME-OFFSET, negative from the end.
    pub time_offset_seconds: f64,
    /// PRECISE.
    pub precise: bool,
}

/// EXT-X-SERVER-CONTROL.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServerControl {
    /// CAN-BLOCK-RELOAD.
    pub can_block_reload: bool,
    /// CAN-SKIP-UNTIL.
    pub can_skip_until_seconds: Option<f64>,
    /// CAN-SKIP-DATERANGES.
    pub can_skip_date_ranges: bool,
    /// HOLD-BACK.
    pub hold_back_seconds: Option<f64>,
    /// PART-HOLD-BACK.
    pub part_hold_back_seconds: Option<f64>,
}

/// A part of a resource, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Range {
    /// The first byte.
    pub offset: Integer,
    /// How many.
    pub length: Integer,
}

/// A part of a resource, in bytes, perhaps to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct OpenRange {
    /// The first byte.
    pub offset: Integer,
    /// How many; null to the end.
    pub length: Option<Integer>,
}

/// A number where JavaScript keeps it exact, else text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Integer(pub u64);

/// Seconds, written without a fraction where there is none.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Seconds(pub f64);

impl Serialize for Integer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_safe(self.0, serializer)
    }
}

impl Serialize for Seconds {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the guard keeps to small whole numbers"
    )]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.fract() == 0.0 && (0.0..1e15).contains(&self.0) {
            serializer.serialize_u64(self.0 as u64)
        } else {
            serializer.serialize_f64(self.0)
        }
    }
}
