//! The reader's model -> what is printed.

use super::{
    ContentSteering, DateRange, Entry, Integer, Key, List, Map, Media, Multivariant, OpenRange, Part,
    PreloadHint, Probe, ProbeError, ProbeFailure, Range, Rendition, RenditionReport, Seconds, Segment,
    ServerControl, SessionData, Start, Variant, Warning,
};
use crate::playlist::{self, Playlist, PlaylistError, Protection, Reading, Reference};
use crate::protocol::{ByteRange, Iv};

impl From<&PlaylistError> for ProbeFailure {
    fn from(error: &PlaylistError) -> Self {
        let error = ProbeError {
            code: error.code(),
            message: error.to_string(),
            line: error.line,
        };
        Self { error }
    }
}

impl<'a> From<&'a Reading> for Probe<'a> {
    fn from(reading: &'a Reading) -> Self {
        let warnings = reading.warnings.iter().map(Warning::from).collect();
        match &reading.playlist {
            Playlist::Multivariant(playlist) => {
                Self::Multivariant(Box::new(multivariant(playlist, warnings)))
            }
            Playlist::Media(playlist) => Self::Media(Box::new(media(playlist, warnings))),
            Playlist::List(list) => {
                let entries = list.entries.iter();
                let entries = entries.map(|entry| Entry {
                    url: shown(&entry.uri),
                    title: entry.title.as_deref(),
                });
                Self::List(List {
                    entries: entries.collect(),
                    warnings,
                })
            }
        }
    }
}

/// The URL; as written when it is none.
fn shown(reference: &Reference) -> &str {
    reference
        .resolved
        .as_ref()
        .map_or(&reference.text, |url| url.as_str())
}

fn multivariant<'a>(playlist: &'a playlist::Multivariant, warnings: Vec<Warning<'a>>) -> Multivariant<'a> {
    let session_key = |key: &'a playlist::Key| Key::new(key, key.iv);
    Multivariant {
        variants: playlist.variants.iter().map(Variant::from).collect(),
        i_frame_variants: playlist.i_frame_variants.iter().map(Variant::from).collect(),
        renditions: playlist.renditions.iter().map(Rendition::from).collect(),
        session_keys: playlist.session_keys.iter().map(session_key).collect(),
        session_data: playlist.session_data.iter().map(SessionData::from).collect(),
        content_steering: playlist
            .content_steering
            .as_ref()
            .map(|steering| ContentSteering {
                server_url: shown(&steering.server_uri),
                pathway_id: steering.pathway_id.as_deref(),
            }),
        start: playlist.start.map(Start::from),
        independent_segments: playlist.independent_segments,
        warnings,
    }
}

fn media<'a>(media: &'a playlist::Media, warnings: Vec<Warning<'a>>) -> Media<'a> {
    Media {
        version: media.version.map(Integer),
        target_duration: media.target_duration_seconds.map(Seconds),
        media_sequence: media.media_sequence,
        discontinuity_sequence: Integer(media.discontinuity_sequence),
        playlist_type: media.playlist_type.as_deref(),
        end_list: media.end_list,
        i_frames_only: media.i_frames_only,
        independent_segments: media.independent_segments,
        start: media.start.map(Start::from),
        // Not `sum`: that of nothing is -0.0.
        duration_seconds: media
            .segments
            .iter()
            .filter_map(|segment| segment.duration_seconds)
            .fold(0.0, |a, b| a + b),
        part_target_seconds: media.part_target_seconds,
        server_control: media.server_control.as_ref().map(ServerControl::from),
        skipped_segments: media.skipped_segments.map(Integer),
        segments: media.segments.iter().map(Segment::from).collect(),
        trailing_parts: media.trailing_parts.iter().map(Part::from).collect(),
        preload_hints: media.preload_hints.iter().map(PreloadHint::from).collect(),
        rendition_reports: media
            .rendition_reports
            .iter()
            .map(RenditionReport::from)
            .collect(),
        date_ranges: media.date_ranges.iter().map(DateRange::from).collect(),
        warnings,
    }
}

impl<'a> Key<'a> {
    fn new(key: &'a playlist::Key, iv: Option<Iv>) -> Self {
        Self {
            method: &key.method,
            url: shown(&key.uri),
            iv,
            key_format: &key.key_format,
        }
    }

    /// The key that counts, with its own IV or else `implicit`.
    fn of(keys: &'a [playlist::Key], implicit: Option<Iv>) -> Option<Self> {
        match playlist::protection(keys) {
            Protection::Clear => None,
            Protection::Key(key) | Protection::Drm(_, key) => Some(Self::new(key, key.iv.or(implicit))),
        }
    }
}

impl<'a> From<&'a playlist::Variant> for Variant<'a> {
    fn from(variant: &'a playlist::Variant) -> Self {
        Self {
            url: shown(&variant.uri),
            bandwidth: variant.bandwidth.map(Integer),
            average_bandwidth: variant.average_bandwidth.map(Integer),
            codecs: &variant.codecs,
            supplemental_codecs: &variant.supplemental_codecs,
            width: variant.resolution.map(|(width, _)| width),
            height: variant.resolution.map(|(_, height)| height),
            frame_rate: variant.frame_rate,
            audio: variant.audio.as_deref(),
            video: variant.video.as_deref(),
            subtitles: variant.subtitles.as_deref(),
            closed_captions: variant.closed_captions.as_deref(),
            score: variant.score,
            pathway_id: variant.pathway_id.as_deref(),
            video_range: variant.video_range.as_deref(),
            req_video_layout: variant.req_video_layout.as_deref(),
            stable_variant_id: variant.stable_variant_id.as_deref(),
            hdcp_level: variant.hdcp_level.as_deref(),
        }
    }
}

impl<'a> From<&'a playlist::Rendition> for Rendition<'a> {
    fn from(rendition: &'a playlist::Rendition) -> Self {
        Self {
            r#type: &rendition.media_type,
            group_id: &rendition.group_id,
            name: rendition.name.as_deref(),
            language: rendition.language.as_deref(),
            assoc_language: rendition.assoc_language.as_deref(),
            default: rendition.default,
            autoselect: rendition.autoselect,
            forced: rendition.forced,
            channels: rendition.channels.as_deref(),
            url: rendition.uri.as_ref().map(shown),
            instream_id: rendition.instream_id.as_deref(),
            characteristics: rendition.characteristics.as_deref(),
            stable_rendition_id: rendition.stable_rendition_id.as_deref(),
            bit_depth: rendition.bit_depth.map(Integer),
            sample_rate: rendition.sample_rate.map(Integer),
        }
    }
}

impl<'a> From<&'a playlist::SessionData> for SessionData<'a> {
    fn from(data: &'a playlist::SessionData) -> Self {
        Self {
            data_id: &data.data_id,
            value: data.value.as_deref(),
            url: data.uri.as_ref().map(shown),
            language: data.language.as_deref(),
        }
    }
}

impl<'a> From<&'a playlist::Segment> for Segment<'a> {
    fn from(segment: &'a playlist::Segment) -> Self {
        Self {
            sequence: segment.sequence,
            url: shown(&segment.uri),
            duration_seconds: segment.duration_seconds,
            title: segment.title.as_deref(),
            byte_range: segment.range.map(Range::from),
            discontinuity: segment.discontinuity,
            gap: segment.gap,
            program_date_time: segment.program_date_time.as_deref(),
            bitrate_kbps: segment.bitrate_kbps.map(Integer),
            key: Key::of(&segment.keys, Some(Iv::from_sequence(segment.sequence))),
            map: segment.map.as_deref().map(Map::from),
            parts: segment.parts.iter().map(Part::from).collect(),
        }
    }
}

impl<'a> From<&'a playlist::Map> for Map<'a> {
    fn from(map: &'a playlist::Map) -> Self {
        Self {
            url: shown(&map.uri),
            byte_range: map.range.map(Range::from),
            key: Key::of(&map.keys, None),
        }
    }
}

impl<'a> From<&'a playlist::Part> for Part<'a> {
    fn from(part: &'a playlist::Part) -> Self {
        Self {
            url: shown(&part.uri),
            duration_seconds: part.duration_seconds,
            independent: part.independent,
            gap: part.gap,
            byte_range: part.range.map(Range::from),
        }
    }
}

impl<'a> From<&'a playlist::PreloadHint> for PreloadHint<'a> {
    fn from(hint: &'a playlist::PreloadHint) -> Self {
        let has_range = hint.range_start.is_some() || hint.range_length.is_some();
        Self {
            r#type: &hint.hint_type,
            url: shown(&hint.uri),
            byte_range: has_range.then(|| OpenRange {
                offset: Integer(hint.range_start.unwrap_or_default()),
                length: hint.range_length.map(Integer),
            }),
        }
    }
}

impl<'a> From<&'a playlist::RenditionReport> for RenditionReport<'a> {
    fn from(report: &'a playlist::RenditionReport) -> Self {
        Self {
            url: shown(&report.uri),
            last_msn: report.last_msn.map(Integer),
            last_part: report.last_part.map(Integer),
        }
    }
}

impl<'a> From<&'a playlist::DateRange> for DateRange<'a> {
    fn from(range: &'a playlist::DateRange) -> Self {
        Self {
            id: &range.id,
            class: range.class.as_deref(),
            start_date: range.start_date.as_deref(),
            end_date: range.end_date.as_deref(),
            duration_seconds: range.duration_seconds,
            planned_duration_seconds: range.planned_duration_seconds,
            scte35_cmd: range.scte35_cmd.as_deref(),
            scte35_out: range.scte35_out.as_deref(),
            scte35_in: range.scte35_in.as_deref(),
            end_on_next: range.end_on_next,
            attributes: range
                .attributes
                .iter()
                .map(|(name, value)| (&**name, &**value))
                .collect(),
        }
    }
}

impl<'a> From<&'a playlist::Warning> for Warning<'a> {
    fn from(warning: &'a playlist::Warning) -> Self {
        Self {
            line: warning.line,
            code: warning.code.as_str(),
            message: &warning.message,
        }
    }
}

impl From<playlist::Start> for Start {
    fn from(start: playlist::Start) -> Self {
        Self {
            time_offset_seconds: start.time_offset_seconds,
            precise: start.precise,
        }
    }
}

impl From<&playlist::ServerControl> for ServerControl {
    fn from(control: &playlist::ServerControl) -> Self {
        Self {
            can_block_reload: control.can_block_reload,
            can_skip_until_seconds: control.can_skip_until_seconds,
            can_skip_date_ranges: control.can_skip_date_ranges,
            hold_back_seconds: control.hold_back_seconds,
            part_hold_back_seconds: control.part_hold_back_seconds,
        }
    }
}

impl From<ByteRange> for Range {
    fn from(range: ByteRange) -> Self {
        Self {
            offset: Integer(range.offset()),
            length: Integer(range.length()),
        }
    }
}
