//! Tags -> [`Media`].

use std::sync::Arc;

use crate::protocol::limits::MAX_PLAYLIST_SEGMENTS;
use crate::protocol::{ByteRange, MediaSequence};

use super::attributes::Attributes;
use super::key::{Protection, protection};
use super::lines::{Content, Line, trim};
use super::scope::{Scope, integer, seconds};
use super::warning::{Shown, WarningCode};
use super::{
    DateRange, Key, Map, Media, Part, PlaylistError, PlaylistErrorKind, PreloadHint, RenditionReport,
    Segment, ServerControl,
};

/// Most keys in force at a time, each of another KEYFORMAT; real streams have up to four.
const MAX_KEYS: usize = 16;

/// What is being read.
#[derive(Default)]
pub(super) struct MediaReader {
    media: Media,
    media_sequence: Option<u64>,
    discontinuity_sequence: Option<u64>,
    next: Pending,
    keys: Arc<[Key]>,
    /// The keys in force have not applied to a segment yet.
    keys_are_new: bool,
    map: Option<Arc<Map>>,
    bitrate_kbps: Option<u64>,
    /// Where the last EXT-X-PART's byte range ended, and in which resource.
    last_part: Option<(String, u64)>,
    /// The line of EXT-X-ENDLIST.
    end_line: Option<usize>,
}

/// What the tags so far say of the next segment.
#[derive(Default)]
struct Pending {
    /// EXTINF: line, seconds, title.
    inf: Option<(usize, Option<f64>, Option<String>)>,
    /// EXT-X-BYTERANGE.
    range: Option<WrittenRange>,
    discontinuity: bool,
    gap: bool,
    program_date_time: Option<String>,
    parts: Vec<Part>,
}

/// `length[@offset]`, and its line.
#[derive(Clone, Copy)]
struct WrittenRange {
    length: u64,
    offset: Option<u64>,
    line: usize,
}

impl MediaReader {
    pub(super) fn line(&mut self, line: Line<'_>, scope: &mut Scope<'_>) -> Result<(), PlaylistError> {
        match line.content {
            Content::Tag { name, value } => self.tag(name, value, line.number, scope),
            Content::Uri(uri) => self.segment(uri, line.number, scope),
        }
    }

    pub(super) fn finish(mut self, scope: &mut Scope<'_>) -> Result<Media, PlaylistError> {
        let mut media = self.media;
        if let Some((line, ..)) = self.next.inf {
            let message = format_args!("EXTINF without URI is dropped");
            scope
                .warnings
                .push(Some(line), WarningCode::SegmentWithoutUri, message);
        }
        if media.target_duration_seconds.is_none() {
            let message = format_args!("EXT-X-TARGETDURATION is missing");
            scope
                .warnings
                .push(None, WarningCode::MissingTargetDuration, message);
        }
        if media.end_list && media.segments.is_empty() && media.skipped_segments.is_none() {
            return Err(PlaylistError {
                line: self.end_line,
                kind: PlaylistErrorKind::NoSegments,
            });
        }
        media.trailing_parts = std::mem::take(&mut self.next.parts);
        media.media_sequence = MediaSequence(self.media_sequence.unwrap_or_default());
        media.discontinuity_sequence = self.discontinuity_sequence.unwrap_or_default();
        number(&mut media)?;
        Ok(media)
    }

    fn tag(
        &mut self,
        name: &str,
        value: &str,
        line: usize,
        scope: &mut Scope<'_>,
    ) -> Result<(), PlaylistError> {
        match name {
            "EXTINF" => self.next.inf = Some(inf(value, line, scope)),
            "EXT-X-BYTERANGE" => self.next.range = written_range(name, value, line, scope)?,
            "EXT-X-DISCONTINUITY" => self.next.discontinuity = true,
            "EXT-X-GAP" => self.next.gap = true,
            "EXT-X-PROGRAM-DATE-TIME" => self.next.program_date_time = Some(value.to_owned()),
            "EXT-X-BITRATE" => self.bitrate_kbps = tag_integer(name, value, line, scope),
            "EXT-X-KEY" => self.key(&scope.attributes(name, value, line), scope)?,
            "EXT-X-MAP" => self.map(&scope.attributes(name, value, line), scope)?,
            "EXT-X-PART" => self.part(&scope.attributes(name, value, line), scope)?,
            "EXT-X-ENDLIST" => {
                self.media.end_list = true;
                self.end_line = Some(line);
            }
            "EXT-X-MEDIA-SEQUENCE" => {
                let sequence = sequence("EXT-X-MEDIA-SEQUENCE", value, line, scope)?;
                scope.once(&mut self.media_sequence, sequence, name, line);
            }
            "EXT-X-DISCONTINUITY-SEQUENCE" => {
                let sequence = sequence("EXT-X-DISCONTINUITY-SEQUENCE", value, line, scope)?;
                scope.once(&mut self.discontinuity_sequence, sequence, name, line);
            }
            _ => self.header(name, value, line, scope)?,
        }
        Ok(())
    }

    /// Tags that say something of the whole playlist.
    fn header(
        &mut self,
        name: &str,
        value: &str,
        line: usize,
        scope: &mut Scope<'_>,
    ) -> Result<(), PlaylistError> {
        let media = &mut self.media;
        match name {
            "EXT-X-VERSION" => {
                let version = tag_integer(name, value, line, scope);
                scope.once(&mut media.version, version, name, line);
            }
            "EXT-X-TARGETDURATION" => {
                let target = seconds(value);
                if target.is_none() {
                    scope.bad_tag(name, value, line);
                }
                scope.once(&mut media.target_duration_seconds, target, name, line);
            }
            "EXT-X-PLAYLIST-TYPE" => scope.once(&mut media.playlist_type, Some(value.to_owned()), name, line),
            "EXT-X-ALLOW-CACHE" => media.allow_cache = Some(value.eq_ignore_ascii_case("YES")),
            "EXT-X-I-FRAMES-ONLY" => media.i_frames_only = true,
            "EXT-X-INDEPENDENT-SEGMENTS" => media.independent_segments = true,
            "EXT-X-START" => {
                let attributes = scope.attributes(name, value, line);
                let start = scope.start(&attributes)?;
                scope.once(&mut media.start, start, name, line);
            }
            "EXT-X-DEFINE" => {
                let attributes = scope.attributes(name, value, line);
                scope.define(&attributes)?;
            }
            "EXT-X-PART-INF" => {
                let attributes = scope.attributes(name, value, line);
                let target = scope.seconds(&attributes, "PART-TARGET");
                scope.once(&mut media.part_target_seconds, target, name, line);
            }
            "EXT-X-SERVER-CONTROL" => {
                let attributes = scope.attributes(name, value, line);
                let control = server_control(&attributes, scope);
                scope.once(&mut media.server_control, Some(control), name, line);
            }
            "EXT-X-SKIP" => {
                let attributes = scope.attributes(name, value, line);
                scope.required(&attributes, "SKIPPED-SEGMENTS")?;
                let skipped = scope.integer(&attributes, "SKIPPED-SEGMENTS");
                let message = format_args!(
                    "{} segments are skipped: this is only an update",
                    skipped.unwrap_or_default()
                );
                scope
                    .warnings
                    .push(Some(line), WarningCode::SkippedSegments, message);
                scope.once(&mut media.skipped_segments, skipped, name, line);
            }
            "EXT-X-DATERANGE" => {
                let attributes = scope.attributes(name, value, line);
                media.date_ranges.extend(date_range(&attributes, scope)?);
            }
            "EXT-X-PRELOAD-HINT" => {
                let attributes = scope.attributes(name, value, line);
                let hint_type = scope.required(&attributes, "TYPE")?;
                let uri = scope.required_reference(&attributes, "URI")?;
                let range_start = scope.integer(&attributes, "BYTERANGE-START");
                let range_length = scope.integer(&attributes, "BYTERANGE-LENGTH");
                if let (Some(hint_type), Some(uri)) = (hint_type, uri) {
                    media.preload_hints.push(PreloadHint {
                        hint_type,
                        uri,
                        range_start,
                        range_length,
                    });
                }
            }
            "EXT-X-RENDITION-REPORT" => {
                let attributes = scope.attributes(name, value, line);
                if let Some(uri) = scope.required_reference(&attributes, "URI")? {
                    let last_msn = scope.integer(&attributes, "LAST-MSN");
                    let last_part = scope.integer(&attributes, "LAST-PART");
                    media.rendition_reports.push(RenditionReport {
                        uri,
                        last_msn,
                        last_part,
                    });
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn segment(&mut self, uri: &str, line: usize, scope: &mut Scope<'_>) -> Result<(), PlaylistError> {
        if self.media.segments.len() >= MAX_PLAYLIST_SEGMENTS {
            return Err(PlaylistError {
                line: Some(line),
                kind: PlaylistErrorKind::TooManySegments,
            });
        }
        let uri = scope.resolve(uri, line)?;
        let next = std::mem::take(&mut self.next);
        let (duration_seconds, title) = if let Some((_, seconds, title)) = next.inf {
            (seconds, title)
        } else {
            let message = format_args!("a segment without EXTINF");
            scope
                .warnings
                .push(Some(line), WarningCode::MissingDuration, message);
            (None, None)
        };
        let previous = self.media.segments.last().filter(|_| next.range.is_some());
        let previous = previous
            .filter(|segment| segment.uri.text == uri.text)
            .and_then(|segment| segment.range);
        let range = next
            .range
            .map(|range| effective_range(range, previous.map(ByteRange::end), scope))
            .transpose()?;
        if std::mem::take(&mut self.keys_are_new) {
            scope.warn_of_drm(&self.keys);
        }
        self.media.segments.push(Segment {
            sequence: MediaSequence::default(),
            uri,
            duration_seconds,
            title,
            range: range.flatten(),
            discontinuity: next.discontinuity,
            // A range of no bytes: there is nothing to ask for.
            gap: next.gap || range == Some(None),
            program_date_time: next.program_date_time,
            bitrate_kbps: self.bitrate_kbps.filter(|_| next.range.is_none()),
            keys: Arc::clone(&self.keys),
            map: self.map.clone(),
            parts: next.parts,
            line,
        });
        Ok(())
    }

    /// EXT-X-KEY applies to every segment until the next one with the same KEYFORMAT, or METHOD=NONE.
    fn key(&mut self, attributes: &Attributes<'_>, scope: &mut Scope<'_>) -> Result<(), PlaylistError> {
        self.keys = match scope.key(attributes)? {
            None => Arc::default(),
            Some(key) => {
                let other = |known: &&Key| !known.key_format.eq_ignore_ascii_case(&key.key_format);
                let mut keys: Vec<Key> = self.keys.iter().filter(other).cloned().collect();
                for key in &keys {
                    scope.count(key.uri.text.len(), attributes.line)?;
                }
                if keys.len() == MAX_KEYS {
                    let message = format_args!("over {MAX_KEYS} KEYFORMATs at a time: the oldest is dropped");
                    scope
                        .warnings
                        .push(Some(attributes.line), WarningCode::BadTag, message);
                    keys.remove(0);
                }
                keys.push(key);
                keys.into()
            }
        };
        self.keys_are_new = true;
        Ok(())
    }

    fn map(&mut self, attributes: &Attributes<'_>, scope: &mut Scope<'_>) -> Result<(), PlaylistError> {
        let Some(uri) = scope.required_reference(attributes, "URI")? else {
            return Ok(());
        };
        let range = attribute_range(attributes, None, scope)?;
        if let Protection::Key(key) = protection(&self.keys)
            && key.iv.is_none()
            && key.method.eq_ignore_ascii_case("AES-128")
        {
            let message = format_args!("EXT-X-MAP is encrypted and its key has no IV");
            scope
                .warnings
                .push(Some(attributes.line), WarningCode::MapWithoutIv, message);
        }
        self.map = Some(Arc::new(Map {
            uri,
            range,
            keys: Arc::clone(&self.keys),
        }));
        Ok(())
    }

    fn part(&mut self, attributes: &Attributes<'_>, scope: &mut Scope<'_>) -> Result<(), PlaylistError> {
        let Some(uri) = scope.required_reference(attributes, "URI")? else {
            return Ok(());
        };
        scope.required(attributes, "DURATION")?;
        let duration_seconds = scope.seconds(attributes, "DURATION");
        let previous = self
            .last_part
            .as_ref()
            .filter(|(text, _)| *text == uri.text)
            .map(|(_, end)| *end);
        let range = attribute_range(attributes, previous, scope)?;
        self.last_part = range.map(|range| (uri.text.clone(), range.end()));
        let independent = scope.yes(attributes, "INDEPENDENT");
        let gap = scope.yes(attributes, "GAP");
        self.next.parts.push(Part {
            uri,
            duration_seconds,
            independent,
            gap,
            range,
            line: attributes.line,
        });
        Ok(())
    }
}

/// Gives every segment its media sequence number.
fn number(media: &mut Media) -> Result<(), PlaylistError> {
    let first = media
        .media_sequence
        .0
        .checked_add(media.skipped_segments.unwrap_or_default());
    let mut next = first;
    for segment in &mut media.segments {
        let Some(sequence) = next else {
            let kind =
                PlaylistErrorKind::OutOfRange("media sequence number", media.media_sequence.0.to_string());
            return Err(PlaylistError {
                line: Some(segment.line),
                kind,
            });
        };
        segment.sequence = MediaSequence(sequence);
        next = sequence.checked_add(1);
    }
    Ok(())
}

/// EXTINF: line, seconds, title. Attributes of IPTV lists stand between the number and the comma.
fn inf(value: &str, line: usize, scope: &mut Scope<'_>) -> (usize, Option<f64>, Option<String>) {
    let (number, title) = split_inf(value);
    let duration = seconds(number);
    if duration.is_none() {
        let message = format_args!(
            "EXTINF: no duration in '{}', it is taken from the media",
            Shown(number)
        );
        scope.warnings.push(Some(line), WarningCode::BadDuration, message);
    }
    (line, duration, title)
}

/// Splits EXTINF's value into the text of its number and its title.
pub(super) fn split_inf(value: &str) -> (&str, Option<String>) {
    let end = value.find([',', ' ', '\t']).unwrap_or(value.len());
    let (number, rest) = value.split_at_checked(end).unwrap_or((value, ""));
    let mut quoted = false;
    let comma = rest.find(|character| {
        quoted ^= character == '"';
        character == ',' && !quoted
    });
    let title = comma.and_then(|at| rest.get(at + 1..)).map_or("", trim);
    (number, (!title.is_empty()).then(|| title.to_owned()))
}

fn tag_integer(name: &str, value: &str, line: usize, scope: &mut Scope<'_>) -> Option<u64> {
    let number = integer(value);
    if number.is_none() {
        scope.bad_tag(name, value, line);
    }
    number
}

/// A sequence number: one that does not fit would make every IV wrong, so it is an error.
fn sequence(
    name: &'static str,
    value: &str,
    line: usize,
    scope: &mut Scope<'_>,
) -> Result<Option<u64>, PlaylistError> {
    match value.parse::<u64>() {
        Ok(sequence) => Ok(Some(sequence)),
        Err(error) if *error.kind() == std::num::IntErrorKind::PosOverflow => {
            let kind = PlaylistErrorKind::OutOfRange(name, Shown(value).to_string());
            Err(PlaylistError {
                line: Some(line),
                kind,
            })
        }
        Err(_) => {
            scope.bad_tag(name, value, line);
            Ok(None)
        }
    }
}

/// `length[@offset]`; None, with a warning, when it is neither; an error when a number does not fit.
fn written_range(
    tag: &str,
    value: &str,
    line: usize,
    scope: &mut Scope<'_>,
) -> Result<Option<WrittenRange>, PlaylistError> {
    let (length, offset) = match value.split_once('@') {
        Some((length, offset)) => (trim(length).parse::<u64>(), Some(trim(offset).parse::<u64>())),
        None => (trim(value).parse(), None),
    };
    match (length, offset.transpose()) {
        (Ok(length), Ok(offset)) => Ok(Some(WrittenRange { length, offset, line })),
        (Err(error), _) | (_, Err(error)) if *error.kind() == std::num::IntErrorKind::PosOverflow => {
            let kind = PlaylistErrorKind::RangeOverflow(Shown(value).to_string());
            Err(PlaylistError {
                line: Some(line),
                kind,
            })
        }
        _ => {
            scope.bad_tag(tag, value, line);
            Ok(None)
        }
    }
}

/// BYTERANGE of EXT-X-MAP or EXT-X-PART.
fn attribute_range(
    attributes: &Attributes<'_>,
    previous_end: Option<u64>,
    scope: &mut Scope<'_>,
) -> Result<Option<ByteRange>, PlaylistError> {
    let Some(value) = scope.text(attributes, "BYTERANGE")? else {
        return Ok(None);
    };
    let Some(written) = written_range(attributes.tag, &value, attributes.line, scope)? else {
        return Ok(None);
    };
    effective_range(written, previous_end, scope)
}

/// Works out the offset. None for a range of no bytes, with a warning.
fn effective_range(
    written: WrittenRange,
    previous_end: Option<u64>,
    scope: &mut Scope<'_>,
) -> Result<Option<ByteRange>, PlaylistError> {
    let WrittenRange { length, line, .. } = written;
    let offset = written.offset.or(previous_end).unwrap_or_else(|| {
        let message = format_args!("a byte range without offset continues nothing: it starts at 0");
        scope
            .warnings
            .push(Some(line), WarningCode::ByteRangeWithoutOffset, message);
        0
    });
    if offset.checked_add(length).is_none() {
        let kind = PlaylistErrorKind::RangeOverflow(format!("{length}@{offset}"));
        return Err(PlaylistError {
            line: Some(line),
            kind,
        });
    }
    if length == 0 {
        scope.warnings.push(
            Some(line),
            WarningCode::BadTag,
            format_args!("a byte range of no bytes"),
        );
    }
    Ok(ByteRange::new(offset, length))
}

fn server_control(attributes: &Attributes<'_>, scope: &mut Scope<'_>) -> ServerControl {
    ServerControl {
        can_block_reload: scope.yes(attributes, "CAN-BLOCK-RELOAD"),
        can_skip_until_seconds: scope.seconds(attributes, "CAN-SKIP-UNTIL"),
        can_skip_date_ranges: scope.yes(attributes, "CAN-SKIP-DATERANGES"),
        hold_back_seconds: scope.seconds(attributes, "HOLD-BACK"),
        part_hold_back_seconds: scope.seconds(attributes, "PART-HOLD-BACK"),
    }
}

/// EXT-X-DATERANGE; None, with a warning, without ID.
fn date_range(
    attributes: &Attributes<'_>,
    scope: &mut Scope<'_>,
) -> Result<Option<DateRange>, PlaylistError> {
    let Some(id) = scope.required(attributes, "ID")? else {
        return Ok(None);
    };
    let mut range = DateRange {
        id,
        line: attributes.line,
        ..DateRange::default()
    };
    for (name, _) in attributes.iter() {
        match name {
            "ID" => {}
            "CLASS" => range.class = scope.text(attributes, name)?,
            "START-DATE" => range.start_date = scope.text(attributes, name)?,
            "END-DATE" => range.end_date = scope.text(attributes, name)?,
            "DURATION" => range.duration_seconds = scope.seconds(attributes, name),
            "PLANNED-DURATION" => range.planned_duration_seconds = scope.seconds(attributes, name),
            "SCTE35-CMD" => range.scte35_cmd = scope.text(attributes, name)?,
            "SCTE35-OUT" => range.scte35_out = scope.text(attributes, name)?,
            "SCTE35-IN" => range.scte35_in = scope.text(attributes, name)?,
            "END-ON-NEXT" => range.end_on_next = scope.yes(attributes, name),
            _ => range
                .attributes
                .push((name.to_owned(), scope.text(attributes, name)?.unwrap_or_default())),
        }
    }
    Ok(Some(range))
}
