//! Tags -> [`Media`].

use std::sync::Arc;

use crate::protocol::limits::MAX_PLAYLIST_SEGMENTS;
use crate::protocol::{ByteRange, KeyMethod, MediaSequence};

use super::attributes::Attributes;
use super::key::{Protection, protection};
use super::lines::{Content, Line, trim};
use super::number::seconds;
use super::range::{WrittenRange, attribute_range, effective_range, written_range};
use super::scope::{Scope, tag_integer};
use super::tag::Tag;
use super::tags::{MAX_DATE_RANGES, cue, date_range, preload_hint, rendition_report, server_control};
use super::update::{keep_date_ranges, skipped_segments};
use super::warning::{Shown, WarningCode};
use super::{Cue, Key, Map, Media, Part, PlaylistError, PlaylistErrorKind, Segment};

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
    /// RECENTLY-REMOVED-DATERANGES of an EXT-X-SKIP whose segments were found in the last playlist.
    removed_date_ranges: Option<String>,
    /// The line of EXT-X-ENDLIST, when there is one.
    end_line: usize,
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
    cue: Option<Cue>,
    program_date_time: Option<String>,
    parts: Vec<Part>,
}

impl MediaReader {
    pub(super) fn line(&mut self, line: Line<'_>, scope: &mut Scope<'_>) -> Result<(), Box<PlaylistError>> {
        match line.content {
            Content::Tag { name, value } => match Tag::find(name) {
                Some((tag, _)) => self.tag(tag, name, value, line.number, scope),
                None => Ok(()),
            },
            Content::Uri(uri) => self.segment(uri, line.number, scope),
        }
    }

    pub(super) fn finish(mut self, scope: &mut Scope<'_>) -> Result<Media, Box<PlaylistError>> {
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
            return Err(PlaylistError::at(self.end_line, PlaylistErrorKind::NoSegments));
        }
        media.trailing_parts = std::mem::take(&mut self.next.parts);
        media.media_sequence = MediaSequence(self.media_sequence.unwrap_or_default());
        media.discontinuity_sequence = self.discontinuity_sequence.unwrap_or_default();
        if let (Some(previous), Some(removed)) = (scope.previous, self.removed_date_ranges) {
            keep_date_ranges(previous, &removed, &mut media);
        }
        number(&mut media)?;
        Ok(media)
    }

    /// Tags with a plain value, or none.
    fn tag(
        &mut self,
        tag: Tag,
        name: &str,
        value: &str,
        line: usize,
        scope: &mut Scope<'_>,
    ) -> Result<(), Box<PlaylistError>> {
        let media = &mut self.media;
        match tag {
            Tag::Inf => self.next.inf = Some(inf(value, line, scope)),
            Tag::ByteRange => self.next.range = written_range(name, value, line, scope)?,
            Tag::Discontinuity => self.next.discontinuity = true,
            Tag::Gap => self.next.gap = true,
            Tag::CueOut | Tag::CueContinued | Tag::CueIn | Tag::Scte35 => {
                self.next.cue = cue(tag, value).or(self.next.cue);
            }
            Tag::ProgramDateTime => self.next.program_date_time = Some(value.to_owned()),
            Tag::Bitrate => self.bitrate_kbps = tag_integer(name, value, line, scope),
            Tag::EndList => {
                media.end_list = true;
                self.end_line = line;
            }
            Tag::MediaSequence => {
                let sequence = sequence("EXT-X-MEDIA-SEQUENCE", value, line, scope)?;
                scope.once(&mut self.media_sequence, sequence, name, line);
            }
            Tag::DiscontinuitySequence => {
                let sequence = sequence("EXT-X-DISCONTINUITY-SEQUENCE", value, line, scope)?;
                scope.once(&mut self.discontinuity_sequence, sequence, name, line);
            }
            Tag::Version => {
                let version = tag_integer(name, value, line, scope);
                scope.once(&mut media.version, version, name, line);
            }
            Tag::TargetDuration => {
                let target = seconds(value);
                if target.is_none() {
                    scope.bad_tag(name, value, line);
                }
                scope.once(&mut media.target_duration_seconds, target, name, line);
            }
            Tag::PlaylistType => scope.once(
                &mut media.playlist_type,
                Some(value.to_ascii_uppercase()),
                name,
                line,
            ),
            Tag::AllowCache => media.allow_cache = Some(value.eq_ignore_ascii_case("YES")),
            Tag::IFramesOnly => media.i_frames_only = true,
            Tag::IndependentSegments => media.independent_segments = true,
            _ => self.attribute_tag(tag, &scope.attributes(name, value, line), scope)?,
        }
        Ok(())
    }

    /// Tags with an attribute list.
    fn attribute_tag(
        &mut self,
        tag: Tag,
        attributes: &Attributes<'_>,
        scope: &mut Scope<'_>,
    ) -> Result<(), Box<PlaylistError>> {
        let media = &mut self.media;
        let Attributes { tag: name, line, .. } = *attributes;
        match tag {
            Tag::Key => self.key(attributes, scope)?,
            Tag::Map => self.map(attributes, scope)?,
            Tag::Part => self.part(attributes, scope)?,
            Tag::Skip => self.skip(attributes, scope)?,
            Tag::Define => scope.define(attributes)?,
            Tag::Start => {
                let start = scope.start(attributes)?;
                scope.once(&mut media.start, start, name, line);
            }
            Tag::PartInf => {
                let target = scope.seconds(attributes, "PART-TARGET");
                scope.once(&mut media.part_target_seconds, target, name, line);
            }
            Tag::ServerControl => {
                let control = server_control(attributes, scope);
                scope.once(&mut media.server_control, Some(control), name, line);
            }
            Tag::DateRange if media.date_ranges.len() == MAX_DATE_RANGES => {
                let message = format_args!("over {MAX_DATE_RANGES} date ranges: this one is dropped");
                scope.warnings.push(Some(line), WarningCode::BadTag, message);
            }
            Tag::DateRange => media.date_ranges.extend(date_range(attributes, scope)?),
            Tag::PreloadHint => media.preload_hints.extend(preload_hint(attributes, scope)?),
            Tag::RenditionReport => media
                .rendition_reports
                .extend(rendition_report(attributes, scope)?),
            _ => {}
        }
        Ok(())
    }

    fn segment(&mut self, uri: &str, line: usize, scope: &mut Scope<'_>) -> Result<(), Box<PlaylistError>> {
        if self.media.segments.len() >= MAX_PLAYLIST_SEGMENTS {
            return Err(PlaylistError::at(line, PlaylistErrorKind::TooManySegments));
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
            cue: next.cue,
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
    fn key(&mut self, attributes: &Attributes<'_>, scope: &mut Scope<'_>) -> Result<(), Box<PlaylistError>> {
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

    /// EXT-X-SKIP: what it leaves out is taken from the last playlist, with the key, map and bitrate in force
    /// behind it; without a last playlist it stays left out.
    fn skip(&mut self, attributes: &Attributes<'_>, scope: &mut Scope<'_>) -> Result<(), Box<PlaylistError>> {
        scope.required(attributes, "SKIPPED-SEGMENTS")?;
        let Some(count) = scope.integer(attributes, "SKIPPED-SEGMENTS") else {
            return Ok(());
        };
        let Some(previous) = scope.previous else {
            let message = format_args!("{count} segments are skipped: this is only an update");
            scope
                .warnings
                .push(Some(attributes.line), WarningCode::SkippedSegments, message);
            self.media.skipped_segments = Some(count);
            return Ok(());
        };
        let skipped = skipped_segments(previous, self.media_sequence.unwrap_or_default(), count);
        let unknown = || PlaylistError::at(attributes.line, PlaylistErrorKind::SkippedUnknown(count));
        let skipped = skipped.ok_or_else(unknown)?;
        if let Some(last) = skipped.last() {
            self.keys = Arc::clone(&last.keys);
            self.map.clone_from(&last.map);
            self.bitrate_kbps = last.bitrate_kbps;
        }
        self.media.segments.extend_from_slice(skipped);
        let removed = scope.text(attributes, "RECENTLY-REMOVED-DATERANGES")?;
        self.removed_date_ranges = Some(removed.unwrap_or_default());
        Ok(())
    }

    fn map(&mut self, attributes: &Attributes<'_>, scope: &mut Scope<'_>) -> Result<(), Box<PlaylistError>> {
        let Some(uri) = scope.required_reference(attributes, "URI")? else {
            return Ok(());
        };
        let range = attribute_range(attributes, None, scope)?;
        if let Protection::Key(key) = protection(&self.keys)
            && key.iv.is_none()
            && let Some(KeyMethod::Aes128 | KeyMethod::Aes256 | KeyMethod::Aes256Ctr) =
                KeyMethod::parse(&key.method)
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
            line: attributes.line,
        }));
        Ok(())
    }

    fn part(&mut self, attributes: &Attributes<'_>, scope: &mut Scope<'_>) -> Result<(), Box<PlaylistError>> {
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
fn number(media: &mut Media) -> Result<(), Box<PlaylistError>> {
    let first = media
        .media_sequence
        .0
        .checked_add(media.skipped_segments.unwrap_or_default());
    let mut next = first;
    for segment in &mut media.segments {
        let Some(sequence) = next else {
            let kind =
                PlaylistErrorKind::OutOfRange("media sequence number", media.media_sequence.0.to_string());
            return Err(PlaylistError::at(segment.line, kind));
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
    let end = value.bytes().position(|byte| matches!(byte, b',' | b' ' | b'\t'));
    let (number, rest) = value
        .split_at_checked(end.unwrap_or(value.len()))
        .unwrap_or((value, ""));
    let mut quoted = false;
    let comma = rest.find(|character| {
        quoted ^= character == '"';
        character == ',' && !quoted
    });
    let title = comma.and_then(|at| rest.get(at + 1..)).map_or("", trim);
    (number, (!title.is_empty()).then(|| title.to_owned()))
}

/// A sequence number: one that does not fit would make every IV wrong, so it is an error.
fn sequence(
    name: &'static str,
    value: &str,
    line: usize,
    scope: &mut Scope<'_>,
) -> Result<Option<u64>, Box<PlaylistError>> {
    match value.parse::<u64>() {
        Ok(sequence) => Ok(Some(sequence)),
        Err(error) if *error.kind() == std::num::IntErrorKind::PosOverflow => {
            let kind = PlaylistErrorKind::OutOfRange(name, Shown(value).to_string());
            Err(PlaylistError::at(line, kind))
        }
        Err(_) => {
            scope.bad_tag(name, value, line);
            Ok(None)
        }
    }
}
