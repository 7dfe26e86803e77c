//! Samples -> one MP4 file.

mod check;
mod fragment;
mod moov;
mod tables;
mod writer;

use std::path::Path;

pub(super) use self::check::contents;
use self::writer::Writer;
use super::inputs::{Inputs, Sink, Words};
use super::interleave::Expectation;
use super::track::Track;
use super::{About, MergeError, Merged, SegmentInput, TrackHint};
use crate::demux::{Demuxed, StreamId};

/// Demuxes segments and writes their samples.
#[derive(Debug)]
pub(super) struct Mp4Merger {
    inputs: Inputs,
    output: Output,
}

/// The file and its tracks.
#[derive(Debug)]
struct Output {
    writer: Writer,
    tracks: Vec<Track>,
    /// Samples handed over, to be found again in the finished file.
    samples: u64,
    sample_bytes: u64,
}

impl Mp4Merger {
    pub(super) fn create(path: &Path, hints: &[TrackHint]) -> Result<Self, MergeError> {
        Ok(Self {
            inputs: Inputs::new(hints),
            output: Output {
                writer: Writer::create(path).map_err(MergeError::Write)?,
                tracks: Vec::new(),
                samples: 0,
                sample_bytes: 0,
            },
        })
    }

    pub(super) fn describe(&mut self, about: About) {
        self.output.writer.about = about;
    }

    /// Whether anything is in the file.
    pub(super) fn has_begun(&self) -> bool {
        self.output.writer.has_begun()
    }

    pub(super) fn push(&mut self, segment: &SegmentInput) -> Result<(), MergeError> {
        self.inputs.push(segment, &mut self.output)
    }

    pub(super) fn finish(self) -> Result<Merged, MergeError> {
        let Self {
            mut inputs,
            mut output,
        } = self;
        let expectations = inputs.finish(&mut output)?;
        let Output {
            writer,
            mut tracks,
            samples,
            sample_bytes,
        } = output;
        if samples == 0 {
            return Err(MergeError::NoSamples);
        }
        let (file, bytes) = writer
            .finish(&mut tracks, &expectations)
            .map_err(MergeError::Write)?;
        check::check(&file, bytes, samples, sample_bytes)?;
        let Words { warnings, losses } = inputs.words(&tracks);
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
            instead: None,
        })
    }
}

impl Sink for Output {
    fn take(
        &mut self,
        input: usize,
        hint: &TrackHint,
        batch: Vec<Demuxed>,
        expectations: &[Expectation],
    ) -> Result<(), MergeError> {
        for demuxed in batch {
            match demuxed {
                Demuxed::Format(stream, format) => {
                    if self.track(input, stream).is_none() {
                        self.tracks.push(Track::new(input, stream, hint, &format));
                    }
                    if self
                        .track(input, stream)
                        .is_some_and(|track| track.set_format(format))
                    {
                        self.writer.declare();
                    }
                }
                // The inputs keep it.
                Demuxed::LeftOut(..) => {}
                Demuxed::Sample(stream, sample) => {
                    self.samples += 1;
                    self.sample_bytes += sample.data.len() as u64;
                    if let Some(track) = self.track(input, stream) {
                        track.push(sample);
                    }
                }
            }
        }
        self.writer
            .advance(&mut self.tracks, expectations)
            .map_err(MergeError::Write)
    }
}

impl Output {
    fn track(&mut self, input: usize, stream: StreamId) -> Option<&mut Track> {
        self.tracks
            .iter_mut()
            .find(|track| (track.input, track.stream) == (input, stream))
    }
}
