//! Samples -> one MP4 file.

mod check;
mod columns;
mod fragment;
mod mend;
mod moov;
mod tables;
mod writer;

use std::path::Path;

use serde::{Deserialize, Serialize};
use weir_core::plan::Chapter;

pub(super) use self::check::contents;
pub(super) use self::mend::Filling;
use self::mend::Patch;
use self::writer::Writer;
use super::chapters::Chapters;
use super::inputs::{Inputs, Sink, Words};
use super::interleave::{Expectation, presentation};
use super::output_file::OutputFile;
use super::track::Track;
use super::{About, MergeError, Merged, SegmentInput, SubtitleFormat, TrackHint};
use crate::demux::{Demuxed, StreamId};

/// Demuxes segments and writes their samples.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Mp4Merger {
    inputs: Inputs,
    output: Output,
    /// What came for holes, later than what is around them.
    patches: Vec<Patch>,
}

/// The file and its tracks.
#[derive(Debug, Serialize, Deserialize)]
struct Output {
    writer: Writer,
    tracks: Vec<Track>,
}

impl Mp4Merger {
    pub(super) fn create(path: &Path, hints: &[TrackHint]) -> Result<Self, MergeError> {
        Ok(Self {
            inputs: Inputs::new(hints),
            output: Output {
                writer: Writer::create(path).map_err(MergeError::Write)?,
                tracks: Vec::new(),
            },
            patches: Vec::new(),
        })
    }

    pub(super) fn describe(&mut self, about: About) {
        self.output.writer.about = about;
    }

    pub(super) fn divide(&mut self, chapters: Vec<Chapter>) {
        self.output.writer.chapters = Chapters::new(chapters);
    }

    /// Whether anything is in the file.
    pub(super) fn has_begun(&self) -> bool {
        self.output.writer.has_begun()
    }

    pub(super) fn file(&mut self) -> &mut OutputFile {
        self.output.writer.file()
    }

    pub(super) fn keep_points(&mut self) {
        self.output.writer.keep_points();
    }

    /// What was added to the sample tables since the last call.
    pub(super) fn take_added(&mut self) -> Vec<u8> {
        self.output.writer.take_added()
    }

    /// Takes in what was added before the point that is gone on from.
    pub(super) fn restore(&mut self, added: &[u8]) -> postcard::Result<()> {
        self.output.writer.restore(added)
    }

    /// Goes on with the file.
    pub(super) fn reopen(&mut self, path: &Path, length: u64) -> Result<(), MergeError> {
        let Output { writer, tracks } = &mut self.output;
        writer.reopen(path, length, tracks).map_err(MergeError::Write)
    }

    pub(super) fn keep_subtitles(&mut self, format: SubtitleFormat) {
        self.inputs.keep_subtitles(format);
    }

    pub(super) fn push(&mut self, segment: SegmentInput) -> Result<(), MergeError> {
        self.inputs.push(segment, &mut self.output)
    }

    pub(super) fn has_chapters(&self) -> bool {
        !self.output.writer.chapters.is_empty()
    }

    pub(super) fn push_demuxed(&mut self, track: usize, batch: Vec<Demuxed>) -> Result<(), MergeError> {
        self.inputs.push_demuxed(track, batch, &mut self.output)
    }

    pub(super) fn finish(self) -> Result<Merged, MergeError> {
        let Self {
            mut inputs,
            mut output,
            patches,
        } = self;
        let expectations = inputs.finish(&mut output)?;
        let Output {
            mut writer,
            mut tracks,
        } = output;
        writer
            .write_rest(&mut tracks, &expectations)
            .map_err(MergeError::Write)?;
        let start = presentation(&tracks);
        let mut unplaced = 0;
        for patch in patches {
            unplaced += usize::from(!patch.apply(writer.tables(), &mut tracks));
        }
        if let Some(((before, _), (start, _))) = start.zip(presentation(&tracks)) {
            // What came may fill in the beginning, from which some subtitles count.
            let is_counting = |track: &&mut Track| inputs.counts_from_the_beginning(track.input);
            for track in tracks.iter_mut().filter(is_counting) {
                track.begin_earlier(before.saturating_sub(start));
            }
        }
        let taken = tracks.iter().map(Track::taken);
        let (samples, sample_bytes) = taken.fold((0, 0), |sum, taken| (sum.0 + taken.0, sum.1 + taken.1));
        if samples == 0 {
            return Err(MergeError::NoSamples);
        }
        let (file, bytes) = writer.finish(&tracks).map_err(MergeError::Write)?;
        check::check(&file, bytes, samples, sample_bytes)?;
        let subtitle_files = inputs.subtitle_files(&tracks);
        let Words { warnings, mut losses } = inputs.words(&tracks);
        if unplaced > 0 {
            losses.push(format!(
                "what came for {unplaced} of the holes has no place there: the times in it are others"
            ));
        }
        Ok(Merged {
            bytes,
            duration_seconds: moov::duration_seconds(&tracks),
            tracks: tracks
                .iter()
                .filter(|track| track.has_samples())
                .map(Track::summary)
                .collect(),
            warnings,
            losses,
            subtitle_files,
            instead: None,
        })
    }
}

impl Sink for Output {
    fn tracks(&self) -> &[Track] {
        &self.tracks
    }

    fn reach(&mut self, sequence: u64, begin: Option<i64>) -> Result<(), MergeError> {
        self.writer.chapters.reach(sequence, begin);
        Ok(())
    }

    fn take(
        &mut self,
        input: usize,
        hint: &TrackHint,
        batch: Vec<Demuxed>,
        expectations: &[Expectation],
    ) -> Result<(), MergeError> {
        if take_in(&mut self.tracks, input, hint, batch) {
            self.writer.declare();
        }
        self.writer
            .advance(&mut self.tracks, expectations)
            .map_err(MergeError::Write)
    }
}

/// Takes what comes out of a demuxer into its tracks; whether a track or a sample description is new.
fn take_in(tracks: &mut Vec<Track>, input: usize, hint: &TrackHint, batch: Vec<Demuxed>) -> bool {
    let mut is_new = false;
    for demuxed in batch {
        match demuxed {
            Demuxed::Format(stream, format) => {
                if track(tracks, input, stream).is_none() {
                    tracks.push(Track::new(input, stream, hint, &format));
                }
                if let Some(track) = track(tracks, input, stream) {
                    is_new |= track.set_format(format);
                }
            }
            Demuxed::Sample(stream, sample) => {
                if let Some(track) = track(tracks, input, stream) {
                    track.push(sample);
                }
            }
            // They come as samples, and what is left out the inputs keep.
            Demuxed::Cue(..) | Demuxed::CuesUntil(..) | Demuxed::CueBlock(..) | Demuxed::LeftOut(..) => {}
        }
    }
    is_new
}

fn track(tracks: &mut [Track], input: usize, stream: StreamId) -> Option<&mut Track> {
    tracks
        .iter_mut()
        .find(|track| (track.input, track.stream) == (input, stream))
}
