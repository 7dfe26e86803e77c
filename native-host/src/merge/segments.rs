//! Segments -> a folder with the decrypted segments, their initialization sections and a playlist for them.

use std::collections::HashMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use m3u8_rs::{
    AlternativeMedia, AlternativeMediaType, Map, MasterPlaylist, MediaPlaylist, MediaSegment, VariantStream,
};
use serde::{Deserialize, Serialize};
use weir_core::protocol::TrackKind;

use super::{MergeError, Merged, SegmentInput, TrackHint};
use crate::demux::ts::clear::Clearer;
use crate::demux::{Codec, DemuxError, SegmentKind, sniff};

/// The playlist to open.
const INDEX: &str = "index.m3u8";

/// Writes the files of a folder.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SegmentsMerger {
    /// Not saved: it is told again.
    #[serde(skip)]
    folder: PathBuf,
    tracks: Vec<Track>,
    bytes: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Track {
    hint: TrackHint,
    clearer: Clearer,
    /// Segments before those that are listed: of a hole alone, which lists none.
    before: usize,
    segments: Vec<Written>,
    /// The initialization section that was written last, and its number.
    map: Option<(Bytes, u32)>,
    seconds: f64,
}

/// A segment, as the playlist names it.
#[derive(Debug, Serialize, Deserialize)]
struct Written {
    name: String,
    seconds: f64,
    discontinuity: bool,
    /// Name of its initialization section.
    map: Option<String>,
}

impl SegmentsMerger {
    pub(super) fn create(path: &Path, hints: &[TrackHint]) -> Result<Self, MergeError> {
        fs::create_dir(path).map_err(MergeError::Write)?;
        let track = |hint: &TrackHint| Track {
            hint: hint.clone(),
            clearer: Clearer::default(),
            before: 0,
            segments: Vec::new(),
            map: None,
            seconds: 0.0,
        };
        Ok(Self {
            folder: path.to_owned(),
            tracks: hints.iter().map(track).collect(),
            bytes: 0,
        })
    }

    /// Goes on with the folder as it was at a point: what came later is taken away.
    pub(super) fn reopen(&mut self, folder: &Path) -> io::Result<()> {
        folder.clone_into(&mut self.folder);
        let tracks = || self.tracks.iter().flat_map(|track| &track.segments);
        let known =
            |name: &str| tracks().any(|written| written.name == name || written.map.as_deref() == Some(name));
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            if !entry.file_name().to_str().is_some_and(known) {
                fs::remove_file(entry.path())?;
            }
        }
        for written in tracks() {
            fs::metadata(self.folder.join(&written.name))?;
        }
        Ok(())
    }

    pub(super) fn push(&mut self, segment: &SegmentInput) -> Result<(), MergeError> {
        let index = segment.track;
        let prefix = self.prefix(index);
        let track = self.tracks.get_mut(index).ok_or(MergeError::NoSuchTrack(index))?;
        let number = track.segments.len() + 1;
        let (data, extension) = clear(segment, &mut track.clearer, number)?;
        let mut map = None;
        if let Some(content) = &segment.map {
            let known = track
                .map
                .as_ref()
                .filter(|(known, _)| known == content)
                .map(|&(_, number)| number);
            let map_number = known.unwrap_or_else(|| track.map.as_ref().map_or(0, |&(_, number)| number + 1));
            let name = map_name(&prefix, map_number);
            if known.is_none() {
                self.bytes += write(&self.folder, &name, content)?;
                track.map = Some((content.clone(), map_number));
            }
            map = Some(name);
        }
        let name = segment_name(&prefix, number, extension);
        self.bytes += write(&self.folder, &name, &data)?;
        let seconds = segment.duration_seconds.unwrap_or(0.0).max(0.0);
        track.seconds += seconds + segment.missing_seconds.max(0.0);
        track.segments.push(Written {
            name,
            seconds,
            discontinuity: segment.discontinuity || segment.missing_seconds > 0.0,
            map,
        });
        Ok(())
    }

    /// What stands before the names of a track's files.
    fn prefix(&self, track: usize) -> String {
        match self.tracks.len() {
            0 | 1 => String::new(),
            _ => format!("track{track}-"),
        }
    }

    /// How many segments there are.
    pub(super) fn count(&self) -> usize {
        let counts = self
            .tracks
            .iter()
            .map(|track| track.before + track.segments.len());
        counts.sum()
    }

    /// What it takes to fill a hole that begins here.
    pub(super) fn hole(&self) -> Self {
        let track = |track: &Track| Track {
            hint: track.hint.clone(),
            clearer: track.clearer.clone(),
            before: track.before + track.segments.len(),
            segments: Vec::new(),
            map: None,
            seconds: 0.0,
        };
        Self {
            folder: PathBuf::new(),
            tracks: self.tracks.iter().map(track).collect(),
            bytes: 0,
        }
    }

    /// Puts a segment that was missing where it belongs. Its files get their names with [`Self::number_anew`].
    pub(super) fn insert(&mut self, hole: &mut Filling, segment: &SegmentInput) -> Result<(), MergeError> {
        let index = hole.track;
        let track = self.tracks.get_mut(index).ok_or(MergeError::NoSuchTrack(index))?;
        let (data, extension) = clear(segment, &mut hole.clearer, hole.at + 1)?;
        let late = format!("late-{index}-{}", track.segments.len());
        let mut map = None;
        if let Some(content) = &segment.map {
            let name = format!("{late}-init.mp4");
            write(&self.folder, &name, content)?;
            map = Some(name);
        }
        let name = format!("{late}.{extension}");
        write(&self.folder, &name, &data)?;
        let written = Written {
            name,
            // What was left out counts already.
            seconds: segment.duration_seconds.unwrap_or(0.0).max(0.0),
            discontinuity: segment.discontinuity || segment.missing_seconds > 0.0,
            map,
        };
        track.segments.insert(hole.at.min(track.segments.len()), written);
        hole.at += 1;
        Ok(())
    }

    /// The hole is full to its end: whether what is behind it is discontinuous is what its playlist says.
    pub(super) fn join(&mut self, hole: &Filling, discontinuity: bool) {
        let track = self.tracks.get_mut(hole.track);
        if let Some(behind) = track.and_then(|track| track.segments.get_mut(hole.at)) {
            behind.discontinuity = discontinuity;
        }
    }

    /// Gives all files the names that they have when they come in order.
    pub(super) fn number_anew(&mut self) -> Result<(), MergeError> {
        self.bytes = 0;
        for index in 0..self.tracks.len() {
            let prefix = self.prefix(index);
            let folder = &self.folder;
            let Some(track) = self.tracks.get_mut(index) else {
                continue;
            };
            let bytes = track.number_anew(folder, &prefix).map_err(MergeError::Write)?;
            self.bytes += bytes;
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<Merged, MergeError> {
        if self.bytes == 0 {
            return Err(MergeError::NoSamples);
        }
        for (index, track) in self.tracks.iter().enumerate() {
            track
                .clearer
                .check_at_end()
                .map_err(|source| MergeError::Segment {
                    track: index,
                    segment: track.segments.len() as u64,
                    source,
                })?;
        }
        let duration_seconds = self.tracks.iter().map(|track| track.seconds).fold(0.0, f64::max);
        let several = self.tracks.len() > 1;
        let mut master = MasterPlaylist {
            version: Some(7),
            ..MasterPlaylist::default()
        };
        for (index, track) in self.tracks.iter().enumerate() {
            let name = if several {
                format!("track{index}.m3u8")
            } else {
                INDEX.to_owned()
            };
            if index > 0 {
                master.alternatives.push(rendition(index, &name, &track.hint));
            } else {
                master.variants.push(VariantStream {
                    uri: name.clone(),
                    bandwidth: 1,
                    ..VariantStream::default()
                });
            }
            let mut text = Vec::new();
            media_playlist(track.segments.iter().map(Written::listed).collect())
                .write_to(&mut text)
                .map_err(MergeError::Write)?;
            self.bytes += write(&self.folder, &name, &text)?;
        }
        if several {
            if let Some(main) = master.variants.first_mut() {
                let has = |kind| {
                    master
                        .alternatives
                        .iter()
                        .any(|rendition| rendition.media_type == kind)
                };
                main.audio = has(AlternativeMediaType::Audio).then(|| AUDIO_GROUP.to_owned());
                main.subtitles = has(AlternativeMediaType::Subtitles).then(|| SUBTITLES_GROUP.to_owned());
            }
            let mut text = Vec::new();
            master.write_to(&mut text).map_err(MergeError::Write)?;
            self.bytes += write(&self.folder, INDEX, &text)?;
        }
        Ok(Merged {
            bytes: self.bytes,
            duration_seconds,
            ..Merged::default()
        })
    }
}

/// A hole that is being filled.
#[derive(Debug)]
pub(super) struct Filling {
    track: usize,
    /// Where the next segment goes among those of its track.
    at: usize,
    clearer: Clearer,
}

impl Filling {
    /// `hole` is what was kept of it; `inserted` of its track's segments have come since, before it.
    pub(super) fn begin(hole: SegmentsMerger, track: usize, inserted: usize) -> Option<Self> {
        let Track { before, clearer, .. } = hole.tracks.into_iter().nth(track)?;
        let at = before + inserted;
        Some(Self { track, at, clearer })
    }

    /// What it takes to fill a hole that begins here.
    pub(super) fn hole(&self, merger: &SegmentsMerger) -> SegmentsMerger {
        let mut hole = merger.hole();
        if let Some(track) = hole.tracks.get_mut(self.track) {
            track.before = self.at;
            track.clearer = self.clearer.clone();
        }
        hole
    }
}

impl Track {
    /// Gives its files their names. Returns how many bytes they have.
    fn number_anew(&mut self, folder: &Path, prefix: &str) -> io::Result<u64> {
        let mut maps: HashMap<String, Bytes> = HashMap::new();
        for name in self.segments.iter().filter_map(|written| written.map.as_ref()) {
            if !maps.contains_key(name) {
                let path = folder.join(name);
                maps.insert(name.clone(), fs::read(&path)?.into());
                fs::remove_file(path)?;
            }
        }
        let mut bytes = 0;
        self.map = None;
        for written in &mut self.segments {
            let Some(content) = written.map.as_ref().and_then(|name| maps.get(name)) else {
                continue;
            };
            let last = self.map.as_ref();
            let is_new = last.is_none_or(|(known, _)| known != content);
            let number = last.map_or(0, |&(_, number)| number + u32::from(is_new));
            let name = map_name(prefix, number);
            if is_new {
                fs::write(folder.join(&name), content)?;
                bytes += content.len() as u64;
                self.map = Some((content.clone(), number));
            }
            written.map = Some(name);
        }
        // Numbers only rise, so that the last goes first.
        for (index, written) in self.segments.iter_mut().enumerate().rev() {
            let extension = Path::new(&written.name).extension().unwrap_or_default();
            let name = segment_name(prefix, index + 1, &extension.to_string_lossy());
            if name != written.name {
                fs::rename(folder.join(&written.name), folder.join(&name))?;
                written.name = name;
            }
            bytes += fs::metadata(folder.join(&written.name))?.len();
        }
        Ok(bytes)
    }
}

/// A segment's bytes as they are kept, and the extension of its file; it is the track's first, second ...
fn clear(
    segment: &SegmentInput,
    clearer: &mut Clearer,
    number: usize,
) -> Result<(Bytes, &'static str), MergeError> {
    let in_segment = |source| MergeError::Segment {
        track: segment.track,
        segment: number as u64,
        source,
    };
    let mut data = super::clear_packets(segment, clearer, in_segment)?;
    let kind = sniff(&data).map_err(in_segment)?;
    match kind {
        SegmentKind::TransportStream { head_bytes } => drop(data.split_to(head_bytes.min(data.len()))),
        SegmentKind::FragmentedMp4 if segment.map.is_none() && number == 1 && !has_moov(&data) => {
            return Err(in_segment(DemuxError::NoInit));
        }
        SegmentKind::FragmentedMp4 | SegmentKind::PackedAudio(_) | SegmentKind::WebVtt => {}
    }
    Ok((data, extension(kind)))
}

fn segment_name(prefix: &str, number: usize, extension: &str) -> String {
    format!("{prefix}{number:05}.{extension}")
}

fn map_name(prefix: &str, number: u32) -> String {
    format!("{prefix}init-{number}.mp4")
}

impl Written {
    fn listed(&self) -> MediaSegment {
        MediaSegment {
            uri: self.name.clone(),
            #[expect(
                clippy::cast_possible_truncation,
                reason = "m3u8-rs writes EXTINF from an f32"
            )]
            duration: self.seconds as f32,
            discontinuity: self.discontinuity,
            map: self.map.as_ref().map(|name| Map {
                uri: name.clone(),
                ..Map::default()
            }),
            ..MediaSegment::default()
        }
    }
}

const AUDIO_GROUP: &str = "audio";
const SUBTITLES_GROUP: &str = "subtitles";

fn media_playlist(segments: Vec<MediaSegment>) -> MediaPlaylist {
    let longest = segments
        .iter()
        .map(|segment| segment.duration)
        .fold(1.0, f32::max);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "at least 1, and a cast saturates"
    )]
    let target_duration = longest.round() as u64;
    MediaPlaylist {
        // 6: EXT-X-MAP in playlists that are not of I-frames only.
        version: Some(6),
        target_duration,
        segments,
        end_list: true,
        playlist_type: Some(m3u8_rs::MediaPlaylistType::Vod),
        ..MediaPlaylist::default()
    }
}

fn rendition(index: usize, uri: &str, hint: &TrackHint) -> AlternativeMedia {
    let subtitles = hint.kind == Some(TrackKind::Subtitle);
    AlternativeMedia {
        media_type: if subtitles {
            AlternativeMediaType::Subtitles
        } else {
            AlternativeMediaType::Audio
        },
        uri: Some(uri.to_owned()),
        group_id: if subtitles { SUBTITLES_GROUP } else { AUDIO_GROUP }.to_owned(),
        language: hint.language.clone(),
        name: hint.name.clone().unwrap_or_else(|| format!("track {index}")),
        default: index == 1,
        autoselect: true,
        ..AlternativeMedia::default()
    }
}

fn extension(kind: SegmentKind) -> &'static str {
    match kind {
        SegmentKind::TransportStream { .. } => "ts",
        SegmentKind::FragmentedMp4 => "m4s",
        SegmentKind::PackedAudio(Codec::MpegAudio) => "mp3",
        SegmentKind::PackedAudio(Codec::Ac3) => "ac3",
        SegmentKind::PackedAudio(Codec::Eac3) => "ec3",
        SegmentKind::PackedAudio(_) => "aac",
        SegmentKind::WebVtt => "vtt",
    }
}

fn has_moov(data: &[u8]) -> bool {
    crate::demux::bmff::find(data, b"moov").is_some()
}

fn write(folder: &Path, name: &str, content: &[u8]) -> Result<u64, MergeError> {
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(folder.join(name));
    file.and_then(|mut file| file.write_all(content))
        .map_err(MergeError::Write)?;
    Ok(content.len() as u64)
}
