//! The initialization section: `moov` (ISO/IEC 14496-12, 8.2).

use std::borrow::Cow;

use bytes::Buf;
use serde::{Deserialize, Serialize};
use weir_core::protocol::TrackKind;

use super::protection::{self, Encryption, Protection, SampleEntry};
use crate::demux::bmff::{FourCc, boxes, find, find_path, full_box};
use crate::demux::codec::Witness;
use crate::demux::{DemuxError, Format, StreamId, rescale};

/// What the fragments need to know of their tracks.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Init {
    pub(super) tracks: Vec<Track>,
    /// A DRM system that it names.
    pub(super) drm_system: Option<Cow<'static, str>>,
}

/// A track with media that is kept.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Track {
    pub(super) id: u32,
    pub(super) stream: StreamId,
    pub(super) timescale: u32,
    /// Presentation time minus media time, in ticks: what the edit list says.
    pub(super) shift: i64,
    /// Where presentation begins, in ticks before any rebasing; None without an edit list.
    presentation_start: Option<i64>,
    display: (u32, u32),
    sample_entries: Vec<SampleEntry>,
    /// Sample groups of the kind `seig`.
    pub(super) encryption_groups: Vec<Encryption>,
    pub(super) defaults: Defaults,
}

/// `trex`: what a fragment's samples are when it does not say.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct Defaults {
    pub(super) description: u32,
    pub(super) duration: u32,
    pub(super) size: u32,
    pub(super) flags: u32,
}

impl Init {
    pub(super) fn parse(moov: &[u8]) -> Result<Self, DemuxError> {
        let malformed =
            || DemuxError::Malformed("the initialization section's moov box cannot be read".to_owned());
        let movie_timescale = timescale(find(moov, b"mvhd").ok_or_else(malformed)?).ok_or_else(malformed)?;
        let defaults = find(moov, b"mvex").map(all_defaults).unwrap_or_default();
        let mut tracks: Vec<Track> = Vec::new();
        for trak in boxes(moov).filter(|found| found.kind == *b"trak") {
            let handler = find_path(trak.content, &[b"mdia", b"hdlr"])
                .and_then(handler_type)
                .ok_or_else(malformed)?;
            let kind = match &handler {
                b"vide" => TrackKind::Video,
                b"soun" => TrackKind::Audio,
                b"text" | b"sbtl" | b"subt" => TrackKind::Subtitle,
                _ => continue,
            };
            let ordinal = tracks.iter().filter(|track| track.stream.kind == kind).count();
            let mut track = Track::parse(trak.content, movie_timescale, StreamId { kind, ordinal })
                .ok_or_else(malformed)?;
            track.defaults = defaults
                .iter()
                .find(|(id, _)| *id == track.id)
                .map(|(_, known)| *known)
                .unwrap_or_default();
            tracks.push(track);
        }
        Ok(Self {
            tracks,
            drm_system: protection::drm_system(moov).map(Cow::Borrowed),
        })
    }
}

impl Track {
    fn parse(trak: &[u8], movie_timescale: u32, stream: StreamId) -> Option<Self> {
        let (id, display) = track_header(find(trak, b"tkhd")?)?;
        let timescale =
            timescale(find_path(trak, &[b"mdia", b"mdhd"])?).filter(|&timescale| timescale > 0)?;
        let stbl = find_path(trak, &[b"mdia", b"minf", b"stbl"])?;
        let (_, _, entries) = full_box(find(stbl, b"stsd")?)?;
        let entries = boxes(entries.get(4..)?)
            .map(|entry| SampleEntry::parse(entry.whole))
            .collect::<Option<_>>()?;
        let groups = boxes(stbl)
            .filter(|found| found.kind == *b"sgpd")
            .find_map(|sgpd| protection::group_entries(sgpd.content));
        let edit = find_path(trak, &[b"edts", b"elst"]).and_then(edit_list);
        let empty = edit.map_or(0, |(empty, _)| rescale(empty, movie_timescale, timescale));
        let media_time = edit.map_or(0, |(_, media_time)| media_time);
        Some(Self {
            id,
            stream,
            timescale,
            shift: empty.saturating_sub(media_time),
            presentation_start: edit.map(|_| empty),
            display,
            sample_entries: entries,
            encryption_groups: groups.unwrap_or_default(),
            defaults: Defaults::default(),
        })
    }

    /// How the samples of a sample description, counted from 1, are encrypted; None when they are not.
    pub(super) fn protection(&self, description: u32) -> Result<Option<&Protection>, DemuxError> {
        Ok(self.entry(description)?.protection.as_ref())
    }

    /// The type of a sample description, as it is without protection.
    pub(super) fn kind(&self, description: u32) -> Result<FourCc, DemuxError> {
        let entry = &self.entry(description)?.clear;
        let kind = entry.get(4..8).and_then(|kind| kind.first_chunk().copied());
        Ok(kind.unwrap_or_default())
    }

    /// What says in a sample description's samples whether their key is right.
    pub(super) fn witness(&self, description: u32) -> Result<Witness, DemuxError> {
        Ok(self.entry(description)?.witness)
    }

    /// The format of a sample description; `offset` is what rebasing adds to times.
    pub(super) fn format(&self, description: u32, offset: i64) -> Result<Format, DemuxError> {
        let sample_entry = self.entry(description)?.clear.clone();
        Ok(Format {
            codec: codec_string(self.kind(description)?, &sample_entry),
            timescale: self.timescale,
            display: self.display,
            presentation_start: self.presentation_start.map(|start| start.saturating_add(offset)),
            sample_entry,
        })
    }

    fn entry(&self, description: u32) -> Result<&SampleEntry, DemuxError> {
        let index = usize::try_from(description)
            .ok()
            .and_then(|number| number.checked_sub(1));
        index
            .and_then(|index| self.sample_entries.get(index))
            .ok_or_else(|| {
                DemuxError::Malformed(format!(
                    "a fragment names sample description {description}, which does not exist"
                ))
            })
    }
}

/// Length of the leading empty edits in movie ticks, and the media time of the edit behind them (8.6.6).
fn edit_list(elst: &[u8]) -> Option<(i64, i64)> {
    let (version, _, mut rest) = full_box(elst)?;
    let count = rest.try_get_u32().ok()?;
    let mut empty: i64 = 0;
    for _ in 0..count {
        let (duration, media_time) = match version {
            1 => (
                i64::try_from(rest.try_get_u64().ok()?).ok()?,
                rest.try_get_i64().ok()?,
            ),
            _ => (
                i64::from(rest.try_get_u32().ok()?),
                i64::from(rest.try_get_i32().ok()?),
            ),
        };
        rest.try_get_u32().ok()?;
        if media_time >= 0 {
            return Some((empty, media_time));
        }
        empty = empty.checked_add(duration)?;
    }
    None
}

/// `timescale` of `mvhd` and `mdhd`, which begin alike.
fn timescale(header: &[u8]) -> Option<u32> {
    let (version, _, rest) = full_box(header)?;
    let times = if version == 1 { 16 } else { 8 };
    rest.get(times..)?.try_get_u32().ok()
}

/// Track id, and display size in pixels.
fn track_header(tkhd: &[u8]) -> Option<(u32, (u32, u32))> {
    let (version, _, rest) = full_box(tkhd)?;
    let times = if version == 1 { 16 } else { 8 };
    let id = rest.get(times..)?.try_get_u32().ok()?;
    let (_, size) = rest.split_last_chunk::<8>()?;
    let mut size = &size[..];
    Some((id, (size.get_u32() >> 16, size.get_u32() >> 16)))
}

fn handler_type(hdlr: &[u8]) -> Option<FourCc> {
    full_box(hdlr)?.2.get(4..8)?.first_chunk().copied()
}

fn all_defaults(mvex: &[u8]) -> Vec<(u32, Defaults)> {
    let parse = |trex: &[u8]| {
        let (_, _, mut rest) = full_box(trex)?;
        let mut next = || rest.try_get_u32().ok();
        Some((
            next()?,
            Defaults {
                description: next()?,
                duration: next()?,
                size: next()?,
                flags: next()?,
            },
        ))
    };
    boxes(mvex)
        .filter(|found| found.kind == *b"trex")
        .filter_map(|found| parse(found.content))
        .collect()
}

/// RFC 6381 string where the configuration is easy to read, else the sample entry's type.
fn codec_string(kind: FourCc, entry: &[u8]) -> String {
    const VISUAL_ENTRY_BYTES: usize = 8 + 78;
    let name = String::from_utf8_lossy(&kind).trim_end().to_owned();
    let avcc = entry
        .get(VISUAL_ENTRY_BYTES..)
        .and_then(|boxes| find(boxes, b"avcC"));
    match (&kind, avcc) {
        (b"avc1" | b"avc3", Some([_, profile, constraints, level, ..])) => {
            format!("{name}.{profile:02x}{constraints:02x}{level:02x}")
        }
        (b"mp4a", _) => "mp4a.40.2".to_owned(),
        _ => name,
    }
}
