//! Segments of one or several playlists -> one MP4 file.

mod check;
mod fragment;
mod language;
mod moov;
mod tables;
mod track;
mod writer;

use std::path::Path;

use self::track::Track;
use self::writer::{Expectation, Writer};
use super::{MergeError, Merged, SegmentInput, TrackHint};
use crate::demux::{CLOCK_HZ, DemuxError, Demuxed, Demuxer, Edge, StreamId, Timeline};

/// Demuxes segments and writes their samples.
#[derive(Debug)]
pub(super) struct Mp4Merger {
    inputs: Vec<Input>,
    timeline: Timeline,
    output: Output,
}

/// One of the plan's tracks.
#[derive(Debug)]
struct Input {
    demuxer: Demuxer,
    hint: TrackHint,
    segments: u64,
    /// Of all segments that came, and of those left out.
    seconds: f64,
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

/// Why demuxing a segment stops.
enum Stop {
    Demux(DemuxError),
    Write(std::io::Error),
}

impl From<DemuxError> for Stop {
    fn from(error: DemuxError) -> Self {
        Self::Demux(error)
    }
}

impl Stop {
    fn at(self, track: usize, segment: u64) -> MergeError {
        match self {
            Self::Demux(source) => MergeError::Segment {
                track,
                segment,
                source,
            },
            Self::Write(error) => MergeError::Write(error),
        }
    }
}

impl Mp4Merger {
    pub(super) fn create(path: &Path, hints: &[TrackHint]) -> Result<Self, MergeError> {
        let input = |(playlist, hint): (usize, &TrackHint)| Input {
            demuxer: Demuxer::new(playlist),
            hint: hint.clone(),
            segments: 0,
            seconds: 0.0,
        };
        Ok(Self {
            inputs: hints.iter().enumerate().map(input).collect(),
            timeline: Timeline::new(hints.len()),
            output: Output {
                writer: Writer::create(path).map_err(MergeError::Write)?,
                tracks: Vec::new(),
                samples: 0,
                sample_bytes: 0,
            },
        })
    }

    pub(super) fn push(&mut self, segment: &SegmentInput) -> Result<(), MergeError> {
        let Self {
            inputs,
            timeline,
            output,
        } = self;
        let track = segment.track;
        let expectations = {
            let input = inputs.get_mut(track).ok_or(MergeError::NoSuchTrack(track))?;
            input.segments += 1;
            input.seconds +=
                segment.duration_seconds.unwrap_or(0.0).max(0.0) + segment.missing_seconds.max(0.0);
            inputs.iter().map(Input::expectation).collect::<Vec<_>>()
        };
        let input = inputs.get_mut(track).ok_or(MergeError::NoSuchTrack(track))?;
        let edge = Edge {
            discontinuity: segment.discontinuity,
            missing: ticks(segment.missing_seconds),
        };
        let Input {
            demuxer,
            hint,
            segments,
            ..
        } = input;
        demuxer
            .push(
                &segment.data,
                segment.map.as_ref(),
                edge,
                timeline,
                &mut |batch| output.take(track, hint, batch, &expectations),
            )
            .map_err(|stop: Stop| stop.at(track, *segments))
    }

    pub(super) fn finish(self) -> Result<Merged, MergeError> {
        let Self {
            mut inputs,
            mut output,
            ..
        } = self;
        let expectations: Vec<_> = inputs.iter().map(Input::expectation).collect();
        for (track, input) in inputs.iter_mut().enumerate() {
            let Input {
                demuxer,
                hint,
                segments,
                ..
            } = input;
            demuxer
                .flush(&mut |batch| output.take(track, hint, batch, &expectations))
                .map_err(|stop: Stop| stop.at(track, *segments))?;
        }
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
        let warnings = inputs
            .iter()
            .enumerate()
            .filter_map(|(index, input)| input.duration_warning(index, &tracks))
            .collect();
        Ok(Merged {
            bytes,
            duration_seconds: moov::duration_seconds(&tracks),
            tracks: tracks
                .iter()
                .filter(|track| track.has_samples())
                .map(Track::summary)
                .collect(),
            warnings,
        })
    }
}

impl Input {
    fn expectation(&self) -> Expectation {
        /// Sums of the same durations may differ by rounding.
        const ROUNDING_SECONDS: f64 = 0.001;
        let seconds = self.hint.duration_seconds;
        Expectation {
            seconds,
            ended: seconds.is_some_and(|seconds| self.seconds + ROUNDING_SECONDS >= seconds),
        }
    }

    /// A sentence when the media of a plan's track is clearly longer or shorter than its playlist said.
    fn duration_warning(&self, index: usize, tracks: &[Track]) -> Option<String> {
        const TOLERANCE_SECONDS: f64 = 1.0;
        const TOLERANCE_RATIO: f64 = 0.02;
        let of_input = tracks
            .iter()
            .filter(|track| track.input == index && track.has_samples());
        let seconds = of_input.map(Track::seconds).fold(0.0, f64::max);
        let difference = (seconds - self.seconds).abs();
        let wrong = self.seconds > 0.0 && difference > TOLERANCE_SECONDS.max(self.seconds * TOLERANCE_RATIO);
        wrong.then(|| {
            format!(
                "track {index} plays for {seconds:.1} s, its playlist says {:.1} s",
                self.seconds
            )
        })
    }
}

impl Output {
    fn take(
        &mut self,
        input: usize,
        hint: &TrackHint,
        batch: Vec<Demuxed>,
        expectations: &[Expectation],
    ) -> Result<(), Stop> {
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
            .map_err(Stop::Write)
    }

    fn track(&mut self, input: usize, stream: StreamId) -> Option<&mut Track> {
        self.tracks
            .iter_mut()
            .find(|track| (track.input, track.stream) == (input, stream))
    }
}

/// Seconds as timeline ticks.
fn ticks(seconds: f64) -> i64 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a cast of a float saturates, and NaN becomes 0"
    )]
    let ticks = (seconds.max(0.0) * f64::from(CLOCK_HZ)).round() as i64;
    ticks
}
