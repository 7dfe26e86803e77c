//! The file: a head with room to grow, clusters while it grows; at the end the cues, and the head again with all that
//! is known by then.
//!
//! ```text
//! growing   EBML | Segment (no size) | Info Tracks Tags Void ........... | Cluster Cluster ...
//! finished  EBML | Segment           | SeekHead Info Tracks Tags Void .. | Cluster Cluster ... Cues
//! ```
//!
//! No byte of a sample is moved or written again.

use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use weir_core::protocol::TrackKind;

use super::check::{self, Counts};
use super::cluster::{Block, Cluster};
use super::codec::{Coding, Media};
use super::ebml;
use super::head::{self, Described, Finished, delay_nanoseconds, id};
use crate::demux::{CLOCK_HZ, rescale};
use crate::merge::chapters::Chapters;
use crate::merge::check::failed;
use crate::merge::interleave::{self, Expectation};
use crate::merge::output_file::OutputFile;
use crate::merge::track::{Run, Track, Until};
use crate::merge::{About, MergeError};

/// Room for tracks that come late, beyond as much again as the head has at first.
const SPARE_BYTES: usize = 4096;

/// What is known of a track beside its samples.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct State {
    /// One for each of the track's sample descriptions.
    pub(super) codings: Vec<Coding>,
    pub(super) distances: Distances,
}

impl State {
    pub(super) fn is_text(&self) -> bool {
        let is_text = |coding: &Coding| matches!(coding.media, Media::Text(_));
        self.codings.first().is_some_and(is_text)
    }
}

/// Writes clusters, then the cues.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Writer {
    #[serde(skip)]
    out: OutputFile,
    /// Where the next cluster goes.
    end: u64,
    layout: Option<Layout>,
    /// Since the head was written a track has come.
    stale: bool,
    cues: Vec<Cue>,
    /// Samples that were to be written.
    pub(super) expected: Counts,
    written: Counts,
    pub(super) about: About,
    pub(super) chapters: Chapters,
}

/// Where things are, from the first cluster on.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Layout {
    /// Where the segment's content begins, behind its size.
    content: u64,
    /// Where the first cluster begins.
    clusters: u64,
    /// Timeline time that the file's times count from.
    time: i64,
}

/// A place where decoding can start.
#[derive(Debug, Serialize, Deserialize)]
struct Cue {
    time: u64,
    track: u64,
    /// From the segment's content.
    cluster: u64,
    /// From the cluster's content.
    block: u64,
}

/// How far pictures are from each other.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Distances {
    shortest: u32,
    longest: u32,
    sum: u64,
    count: u64,
}

impl Default for Distances {
    fn default() -> Self {
        Self {
            shortest: u32::MAX,
            longest: 0,
            sum: 0,
            count: 0,
        }
    }
}

impl Distances {
    fn add(&mut self, ticks: u32) {
        self.shortest = self.shortest.min(ticks);
        self.longest = self.longest.max(ticks);
        self.sum += u64::from(ticks);
        self.count += 1;
    }

    /// The distance in nanoseconds, when all are the same but for a source's rounding to milliseconds.
    fn steady_nanoseconds(&self, timescale: u32) -> Option<u64> {
        let steady = self.longest.checked_sub(self.shortest)? <= timescale / 1000 + 1;
        let total = u128::from(self.sum) * 1_000_000_000;
        let ticks = u128::from(self.count) * u128::from(timescale);
        u64::try_from(total.checked_div(ticks)?)
            .ok()
            .filter(|&distance| steady && distance > 0)
    }
}

impl Writer {
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        Ok(Self {
            out: OutputFile::create(path)?,
            end: 0,
            layout: None,
            stale: false,
            cues: Vec::new(),
            expected: Counts::default(),
            written: Counts::default(),
            about: About::default(),
            chapters: Chapters::default(),
        })
    }

    /// Goes on with a file that may have had its end: it is a growing one again.
    pub(super) fn reopen(
        &mut self,
        path: &Path,
        length: u64,
        tracks: &[Track],
        states: &[State],
    ) -> Result<(), MergeError> {
        self.out.reopen(path, length).map_err(MergeError::Write)?;
        match self.layout {
            Some(layout) => self.write_head(tracks, states, layout, None),
            None => Ok(()),
        }
    }

    pub(super) fn file(&mut self) -> &mut OutputFile {
        &mut self.out
    }

    /// Where the next cluster goes.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// A track is new.
    pub(super) fn declare(&mut self) {
        self.stale = true;
    }

    /// Whether anything is in the file.
    pub(super) fn has_begun(&self) -> bool {
        self.layout.is_some()
    }

    /// Writes the clusters that are due.
    pub(super) fn advance(
        &mut self,
        tracks: &mut [Track],
        states: &mut [State],
        inputs: &[Expectation],
    ) -> Result<(), MergeError> {
        while let Some(boundary) = interleave::due(tracks, inputs) {
            if !self.write_piece(tracks, states, Until::Time(boundary))? {
                break;
            }
        }
        Ok(())
    }

    /// Writes the samples up to there; returns whether there were any.
    fn write_piece(
        &mut self,
        tracks: &mut [Track],
        states: &mut [State],
        until: Until,
    ) -> Result<bool, MergeError> {
        let layout = match self.layout {
            Some(layout) => layout,
            None => self.begin(tracks, states)?,
        };
        if self.stale {
            self.write_head(tracks, states, layout, None)?;
        }
        let mut blocks: Vec<(i64, Block)> = Vec::new();
        for (index, (track, state)) in tracks.iter_mut().zip(states).enumerate() {
            for run in track.take(until) {
                self.blocks_of(index, track, state, layout, run, &mut blocks);
            }
        }
        if blocks.is_empty() {
            return Ok(false);
        }
        // In decoding order over all tracks; the order within a track stays.
        blocks.sort_by_key(|(dts, _)| *dts);
        let mut cluster = Cluster::default();
        for (_, block) in blocks {
            let seekable = block.key && is_video(tracks, block.track);
            if !cluster.is_empty() && (seekable || !cluster.reaches(block.time)) {
                self.write_cluster(std::mem::take(&mut cluster), layout, tracks)?;
            }
            cluster.push(block);
        }
        self.write_cluster(cluster, layout, tracks)?;
        // What is written is playable, so it should be in the file.
        self.out.flush().map_err(MergeError::Write)?;
        Ok(true)
    }

    fn blocks_of(
        &mut self,
        index: usize,
        track: &Track,
        state: &mut State,
        layout: Layout,
        run: Run,
        blocks: &mut Vec<(i64, Block)>,
    ) {
        let State { codings, distances } = state;
        let description = usize::try_from(run.description).unwrap_or(0).saturating_sub(1);
        let Some(coding) = codings.get(description) else {
            return;
        };
        let begin = rescale(layout.time, CLOCK_HZ, track.timescale);
        let parameter_sets = if codings.len() > 1 {
            coding.parameter_sets()
        } else {
            Bytes::new()
        };
        let mut dts = run.dts;
        for (sample, data) in run.entries.iter().zip(run.data) {
            let time = dts
                .saturating_add(i64::from(sample.composition_offset))
                .saturating_sub(begin);
            let mut block = Block {
                track: number(index),
                time: milliseconds(time, track.timescale, delay_nanoseconds(coding)),
                duration: None,
                key: sample.sync,
                prefix: Bytes::new(),
                data,
            };
            let at = track.to_timeline(dts);
            dts = dts.saturating_add(i64::from(sample.duration));
            match coding.media {
                Media::Text(format) => {
                    let Some(text) = format.text(&block.data) else {
                        continue;
                    };
                    self.expected.samples += 1;
                    self.expected.bytes += text.len() as u64;
                    let duration = milliseconds(i64::from(sample.duration), track.timescale, 0);
                    block.duration = u64::try_from(duration).ok();
                    block.data = text;
                }
                Media::Video { .. } => distances.add(sample.duration),
                Media::Audio { .. } => {}
            }
            // After another coding a decoder has to be told, and so has one that begins here.
            if sample.sync && !parameter_sets.is_empty() && !coding.has_parameter_sets(&block.data) {
                block.prefix = parameter_sets.clone();
            }
            blocks.push((at, block));
        }
    }

    fn write_cluster(
        &mut self,
        cluster: Cluster,
        layout: Layout,
        tracks: &[Track],
    ) -> Result<(), MergeError> {
        if cluster.is_empty() {
            return Ok(());
        }
        let cluster = cluster.serialize();
        if !self.written.read(&cluster) {
            return Err(failed("a cluster contradicts itself"));
        }
        let has_video = tracks.iter().any(|track| track.stream.kind == TrackKind::Video);
        let cued = cluster
            .blocks
            .iter()
            .zip(&cluster.places)
            .find(|(block, _)| block.key && (!has_video || is_video(tracks, block.track)));
        if let Some((block, &place)) = cued {
            self.cues.push(Cue {
                time: u64::try_from(block.time).unwrap_or(cluster.time),
                track: block.track,
                cluster: self.end - layout.content,
                block: place,
            });
        }
        for piece in &cluster.pieces {
            self.out.write_all(piece).map_err(MergeError::Write)?;
        }
        self.end += cluster.bytes;
        Ok(())
    }

    /// Writes what stands before the first cluster.
    fn begin(&mut self, tracks: &[Track], states: &[State]) -> Result<Layout, MergeError> {
        let mut begin = head::ebml_header();
        ebml::put_id(&mut begin, id::SEGMENT);
        begin.extend_from_slice(&ebml::UNKNOWN_SIZE.to_be_bytes());
        let content = begin.len() as u64;
        let growing = head::head(&described(tracks, states, false), &self.about, None).len();
        let chapters = head::chapters(&self.chapters.for_size()).len();
        let room = 2 * growing + chapters + SPARE_BYTES;
        let layout = Layout {
            content,
            clusters: content + room as u64,
            time: first_presentation(tracks, states),
        };
        self.layout = Some(layout);
        self.end = layout.clusters;
        self.out.write_all(&begin).map_err(MergeError::Write)?;
        self.write_head(tracks, states, layout, None)?;
        Ok(layout)
    }

    /// Writes the head, and Void up to the first cluster.
    fn write_head(
        &mut self,
        tracks: &[Track],
        states: &[State],
        layout: Layout,
        finished: Option<Finished<'_>>,
    ) -> Result<(), MergeError> {
        let mut out = head::head(
            &described(tracks, states, finished.is_some()),
            &self.about,
            finished,
        );
        let room = usize::try_from(layout.clusters - layout.content).unwrap_or(0);
        if !ebml::fill_with_void(&mut out, room) {
            let message = "the stream has more tracks than there is room for in the .mkv file: choose mp4";
            return Err(MergeError::Container(message.to_owned()));
        }
        self.write_at(layout.content, &out).map_err(MergeError::Write)?;
        self.stale = false;
        self.out
            .seek(SeekFrom::Start(self.end))
            .map_err(MergeError::Write)?;
        Ok(())
    }

    /// Writes the remaining samples and the cues, and checks the file. Returns its length and how long it plays, in
    /// milliseconds.
    pub(super) fn finish(
        mut self,
        tracks: &mut [Track],
        states: &mut [State],
    ) -> Result<(u64, f64), MergeError> {
        self.write_piece(tracks, states, Until::End)?;
        let layout = self.layout.ok_or(MergeError::NoSamples)?;
        let duration_milliseconds = duration_milliseconds(tracks, layout);
        let mut cues = Vec::new();
        ebml::master(&mut cues, id::CUES, |out| {
            for cue in &self.cues {
                cue.write(out);
            }
        });
        self.write_at(self.end, &cues).map_err(MergeError::Write)?;
        let chapters = std::mem::take(&mut self.chapters);
        let chapters = chapters.told(tracks);
        let finished = Finished {
            duration_milliseconds,
            cues: self.end - layout.content,
            chapters: &chapters,
        };
        let length = self.end + cues.len() as u64;
        self.write_head(tracks, states, layout, Some(finished))?;
        let size = ebml::long_size(length - layout.content).to_be_bytes();
        self.write_at(layout.content - size.len() as u64, &size)
            .map_err(MergeError::Write)?;
        let file = self.out.into_file().map_err(MergeError::Write)?;
        let clusters = self.written.clusters;
        if self.written
            != (Counts {
                clusters,
                ..self.expected
            })
        {
            let Counts { samples, bytes, .. } = self.written;
            return Err(failed(&format!(
                "its blocks hold {samples} samples of {bytes} bytes instead of {} of {}",
                self.expected.samples, self.expected.bytes
            )));
        }
        check::check(&file, length, clusters)?;
        Ok((length, duration_milliseconds))
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.out.seek(SeekFrom::Start(offset))?;
        self.out.write_all(bytes)
    }
}

impl Cue {
    fn write(&self, out: &mut Vec<u8>) {
        ebml::master(out, id::CUE_POINT, |out| {
            ebml::uint(out, id::CUE_TIME, self.time);
            ebml::master(out, id::CUE_TRACK_POSITIONS, |out| {
                ebml::uint(out, id::CUE_TRACK, self.track);
                ebml::uint(out, id::CUE_CLUSTER_POSITION, self.cluster);
                ebml::uint(out, id::CUE_RELATIVE_POSITION, self.block);
            });
        });
    }
}

/// Numbers count from 1.
pub(super) fn number(index: usize) -> u64 {
    index as u64 + 1
}

fn is_video(tracks: &[Track], number: u64) -> bool {
    let index = usize::try_from(number).unwrap_or(0).wrapping_sub(1);
    tracks
        .get(index)
        .is_some_and(|track| track.stream.kind == TrackKind::Video)
}

fn described<'a>(tracks: &'a [Track], states: &'a [State], finished: bool) -> Vec<Described<'a>> {
    let all = tracks.iter().zip(states).enumerate();
    all.filter_map(|(index, (track, state))| {
        Some(Described {
            number: number(index),
            track,
            coding: state.codings.first()?,
            frame_nanoseconds: state
                .distances
                .steady_nanoseconds(track.timescale)
                .filter(|_| finished),
        })
    })
    .collect()
}

/// The earliest presentation of all tracks, on the timeline; what Opus decoders throw away is not presented.
fn first_presentation(tracks: &[Track], states: &[State]) -> i64 {
    let present = tracks.iter().zip(states).filter(|(track, _)| track.has_samples());
    present
        .map(|(track, state)| {
            let skipped = state
                .codings
                .first()
                .map_or(0, |coding| i64::from(coding.pre_skip));
            track.to_timeline(track.earliest_presentation()) + rescale(skipped, 48_000, CLOCK_HZ)
        })
        .min()
        .unwrap_or(0)
}

/// When the last sample ends.
fn duration_milliseconds(tracks: &[Track], layout: Layout) -> f64 {
    let ends = tracks.iter().filter(|track| track.has_samples());
    let end = ends
        .map(|track| track.to_timeline(track.presentation().1))
        .max()
        .unwrap_or(layout.time);
    crate::demux::seconds(end.saturating_sub(layout.time), CLOCK_HZ) * 1000.0
}

/// Ticks and nanoseconds as milliseconds.
fn milliseconds(ticks: i64, timescale: u32, nanoseconds: u64) -> i64 {
    const NANOSECONDS: i128 = 1_000_000;
    let time = i128::from(ticks) * 1_000_000_000 / i128::from(timescale.max(1)) + i128::from(nanoseconds);
    i64::try_from((time + NANOSECONDS / 2).div_euclid(NANOSECONDS)).unwrap_or(i64::MAX)
}
