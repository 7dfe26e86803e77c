//! Transport stream segments -> one transport stream.
//!
//! The packets stay what they are, but for what tells one file from many: they are on the PIDs of one programme
//! ([`program`]), their times go on at discontinuities ([`rewrite`], on the timeline that all containers share), their
//! counters have no break, and what is no packet of the programme is left out. [`check`] reads the result. [`splice`] puts
//! in what was missing.

mod check;
mod packet;
mod program;
mod rewrite;
mod splice;

use std::io::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};
use weir_core::protocol::TrackSummary;

use self::check::Reader;
use self::program::{Program, Role};
use self::rewrite::{Chunk, Rewriter};
pub(super) use self::splice::Splice;
use super::check::failed;
use super::inputs::ticks;
use super::output_file::OutputFile;
use super::{MergeError, Merged, SegmentInput, TrackHint};
use crate::demux::ts::clear::Clearer;
use crate::demux::{CLOCK_HZ, DemuxError, Edge, SegmentKind, Timeline, seconds, sniff};

/// The tables are told again after this long, in timeline ticks, so that a player can begin anywhere.
const TABLES_TICKS: i64 = CLOCK_HZ as i64 / 2;

/// Packets are held back for at most this many bytes while another playlist is waited for.
const MAX_PENDING_BYTES: usize = 32 << 20;

/// Writes one transport stream.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct TsMerger {
    #[serde(skip)]
    file: OutputFile,
    inputs: Vec<Input>,
    timeline: Timeline,
    program: Program,
    reader: Reader,
    /// When the tables were told last.
    told: Option<i64>,
}

/// One of the plan's tracks.
#[derive(Debug, Serialize, Deserialize)]
struct Input {
    hint: TrackHint,
    clearer: Clearer,
    rewriter: Rewriter,
    segments: u64,
    seconds: f64,
}

impl Input {
    /// Whether all of its segments have come, as far as its playlist tells.
    fn has_ended(&self) -> bool {
        /// Sums of the same durations may differ by rounding.
        const ROUNDING_SECONDS: f64 = 0.001;
        let expected = self.hint.duration_seconds;
        expected.is_some_and(|expected| self.seconds + ROUNDING_SECONDS >= expected)
    }
}

impl TsMerger {
    pub(super) fn create(path: &Path, hints: &[TrackHint]) -> Result<Self, MergeError> {
        let file = OutputFile::create(path).map_err(MergeError::Write)?;
        Ok(Self::new(file, hints))
    }

    /// Writes to a file that is empty.
    pub(super) fn new(file: OutputFile, hints: &[TrackHint]) -> Self {
        let input = |(playlist, hint): (usize, &TrackHint)| Input {
            hint: hint.clone(),
            clearer: Clearer::default(),
            rewriter: Rewriter::new(playlist, hint.language.clone()),
            segments: 0,
            seconds: 0.0,
        };
        Self {
            file,
            inputs: hints.iter().enumerate().map(input).collect(),
            timeline: Timeline::new(hints.len()),
            program: Program::default(),
            reader: Reader::default(),
            told: None,
        }
    }

    /// One that writes nothing, in the place of another.
    pub(super) fn empty() -> Self {
        Self::new(OutputFile::default(), &[])
    }

    pub(super) fn file(&mut self) -> &mut OutputFile {
        &mut self.file
    }

    pub(super) fn push(&mut self, segment: &SegmentInput) -> Result<(), MergeError> {
        self.read(segment)?;
        self.write_ready(More::MayCome)
    }

    /// Bytes that have been made, written or not: they become more with all that comes.
    pub(super) fn made(&self) -> u64 {
        let pending = self
            .inputs
            .iter()
            .map(|input| input.rewriter.pending_bytes() as u64);
        self.reader.bytes + pending.sum::<u64>()
    }

    /// Makes packets of the output of a segment.
    fn read(&mut self, segment: &SegmentInput) -> Result<(), MergeError> {
        let Self {
            inputs,
            timeline,
            program,
            ..
        } = self;
        let track = segment.track;
        let input = inputs.get_mut(track).ok_or(MergeError::NoSuchTrack(track))?;
        input.segments += 1;
        input.seconds += segment.duration_seconds.unwrap_or(0.0).max(0.0) + segment.missing_seconds.max(0.0);
        let number = input.segments;
        let in_segment = |source| MergeError::Segment {
            track,
            segment: number,
            source,
        };
        let data = super::clear_packets(segment, &mut input.clearer, in_segment)?;
        let SegmentKind::TransportStream { .. } = sniff(&data).map_err(in_segment)? else {
            let message = "a stream that is no transport stream in a .ts file (choose mp4, mkv or segments)";
            return Err(in_segment(DemuxError::Unsupported(message.to_owned())));
        };
        let edge = Edge {
            discontinuity: segment.discontinuity,
            missing: ticks(segment.missing_seconds),
            duration: ticks(segment.duration_seconds.unwrap_or(0.0)),
        };
        input
            .rewriter
            .push(&data, segment.map.as_ref(), edge, timeline, program)
            .map_err(in_segment)
    }

    pub(super) fn finish(mut self) -> Result<Merged, MergeError> {
        for (track, input) in self.inputs.iter_mut().enumerate() {
            let segment = input.segments;
            let finished = input
                .clearer
                .check_at_end()
                .and_then(|()| input.rewriter.finish());
            finished.map_err(|source| MergeError::Segment {
                track,
                segment,
                source,
            })?;
        }
        self.write_ready(More::Never)?;
        let tracks = self.tracks();
        if tracks.is_empty() {
            return Err(MergeError::NoSamples);
        }
        for stream in &self.program.streams {
            let (written, read) = (stream.units, self.reader.units(stream.pid));
            if written != read {
                return Err(failed(&format!(
                    "it has {read} PES packets of stream {:#x} instead of {written}",
                    stream.pid
                )));
            }
        }
        let length = self.file.length().map_err(MergeError::Write)?;
        if length != self.reader.bytes {
            return Err(failed(&format!(
                "it has {length} bytes instead of {}",
                self.reader.bytes
            )));
        }
        let spans = || self.inputs.iter().filter_map(|input| input.rewriter.span);
        let begin = spans().map(|(first, _)| first).min().unwrap_or(0);
        let end = self
            .inputs
            .iter()
            .filter_map(|input| input.rewriter.end())
            .max()
            .unwrap_or(begin);
        Ok(Merged {
            bytes: length,
            duration_seconds: seconds(end.saturating_sub(begin), CLOCK_HZ),
            tracks,
            warnings: self
                .inputs
                .iter()
                .flat_map(|input| input.rewriter.overlap_words(begin))
                .collect(),
            ..Merged::default()
        })
    }

    /// What was written, with PES packets for samples.
    fn tracks(&self) -> Vec<TrackSummary> {
        let summary = |stream: &program::OutputStream| match stream.key.role {
            Role::Media(kind) if stream.units > 0 => Some(TrackSummary {
                kind,
                codec: stream.codec(),
                samples: stream.units,
                language: self
                    .inputs
                    .get(stream.key.input)
                    .and_then(|input| input.hint.language.clone()),
            }),
            _ => None,
        };
        self.program.streams.iter().filter_map(summary).collect()
    }

    /// Writes the chunks that none of another playlist can come before.
    fn write_ready(&mut self, more: More) -> Result<(), MergeError> {
        loop {
            let pending: usize = self
                .inputs
                .iter()
                .flat_map(|input| &input.rewriter.ready)
                .map(|chunk| chunk.packets.len())
                .sum();
            let waits = |input: &Input| input.rewriter.ready.is_empty() && !input.has_ended();
            if more == More::MayCome && pending < MAX_PENDING_BYTES && self.inputs.iter().any(waits) {
                return Ok(());
            }
            let next = self
                .inputs
                .iter_mut()
                .filter(|input| !input.rewriter.ready.is_empty())
                .min_by_key(|input| input.rewriter.ready.front().map_or(0, |chunk| chunk.time));
            let Some(chunk) = next.and_then(|input| input.rewriter.ready.pop_front()) else {
                return Ok(());
            };
            self.write(&chunk)?;
        }
    }

    fn write(&mut self, chunk: &Chunk) -> Result<(), MergeError> {
        let due = self
            .told
            .is_none_or(|told| chunk.time.saturating_sub(told).abs() >= TABLES_TICKS);
        if due || self.program.is_stale() {
            let tables = self.program.tables();
            self.reader.read(&tables)?;
            self.file.write_all(&tables).map_err(MergeError::Write)?;
            self.told = Some(chunk.time);
        }
        self.reader.read(&chunk.packets)?;
        self.file.write_all(&chunk.packets).map_err(MergeError::Write)
    }
}

/// Whether segments may follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum More {
    MayCome,
    Never,
}
