//! The plan's tracks as samples on one timeline: what every container begins with that is made of samples.

use serde::{Deserialize, Serialize};
use weir_core::protocol::TrackKind;

use super::chapters;
use super::interleave::{Expectation, presentation};
use super::subtitle::Subtitles;
use super::subtitle_file::SubtitleFiles;
use super::track::Track;
use super::{MergeError, SegmentInput, SubtitleFile, SubtitleFormat, TrackHint};
use crate::demux::evidence::Proof;
use crate::demux::{CLOCK_HZ, DemuxError, Demuxed, Demuxer, Edge, Media, Segment, StreamId, Timeline};

/// Takes what comes out of the demuxers.
pub(super) trait Sink {
    /// What has come of it so far.
    fn tracks(&self) -> &[Track];

    /// A segment of the main track has come, and begins at this time: its chapters may.
    fn reach(&mut self, sequence: u64, begin: Option<i64>) -> Result<(), MergeError>;

    /// `input` is the index of the plan's track.
    fn take(
        &mut self,
        input: usize,
        hint: &TrackHint,
        batch: Vec<Demuxed>,
        expectations: &[Expectation],
    ) -> Result<(), MergeError>;
}

/// Demuxes the segments of the plan's tracks.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Inputs {
    /// In the plan's order.
    all: Vec<Input>,
    timeline: Timeline,
    /// Where files of the subtitles are asked for.
    files: Option<SubtitleFiles>,
    /// What a person should know though the output is whole, a sentence each.
    notes: Vec<String>,
    /// What the demuxers found no use for.
    left_out: Vec<LeftOut>,
}

/// What of a stream is in no sample.
#[derive(Debug, Serialize, Deserialize)]
struct LeftOut {
    input: usize,
    stream: StreamId,
    what: String,
}

/// What there is to say in the end, a sentence each.
#[derive(Debug, Default)]
pub(super) struct Words {
    /// The output is whole.
    pub(super) warnings: Vec<String>,
    /// It is not.
    pub(super) losses: Vec<String>,
}

/// One of the plan's tracks.
#[derive(Debug, Serialize, Deserialize)]
struct Input {
    demuxer: Demuxer,
    hint: TrackHint,
    segments: u64,
    /// Of all segments that came, and of those left out.
    seconds: f64,
    subtitles: Subtitles,
    /// Of those before the first with media.
    cover_seconds: f64,
    /// A segment has had media.
    begun: bool,
}

/// What is kept of a track.
fn wanted(hint: &TrackHint, mut batch: Vec<Demuxed>) -> Vec<Demuxed> {
    if let Some(only) = hint.only {
        batch.retain(|demuxed| {
            let (Demuxed::Format(stream, _)
            | Demuxed::Sample(stream, _)
            | Demuxed::Cue(stream, _)
            | Demuxed::CuesUntil(stream, _)
            | Demuxed::CueBlock(stream, _)
            | Demuxed::LeftOut(stream, _)) = demuxed;
            stream.kind == only
        });
    }
    batch
}

/// Why demuxing a segment stops.
enum Stop {
    Demux(DemuxError),
    Merge(MergeError),
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
            Self::Merge(error) => error,
        }
    }
}

impl Inputs {
    pub(super) fn new(hints: &[TrackHint]) -> Self {
        let input = |(playlist, hint): (usize, &TrackHint)| Input {
            demuxer: Demuxer::new(playlist),
            hint: hint.clone(),
            segments: 0,
            seconds: 0.0,
            subtitles: Subtitles::default(),
            cover_seconds: 0.0,
            begun: false,
        };
        Self {
            all: hints.iter().enumerate().map(input).collect(),
            timeline: Timeline::new(hints.len()),
            files: None,
            notes: Vec::new(),
            left_out: Vec::new(),
        }
    }

    /// Makes files of the subtitles too.
    pub(super) fn keep_subtitles(&mut self, format: SubtitleFormat) {
        self.files = Some(SubtitleFiles::new(format));
    }

    /// Demuxes a segment into `sink`.
    pub(super) fn push(&mut self, segment: SegmentInput, sink: &mut impl Sink) -> Result<(), MergeError> {
        let Self {
            all: inputs,
            timeline,
            files,
            notes,
            left_out,
        } = self;
        let (track, sequence) = (segment.track, segment.sequence);
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
            duration: ticks(segment.duration_seconds.unwrap_or(0.0)),
        };
        let Input {
            demuxer,
            hint,
            segments,
            seconds,
            subtitles,
            cover_seconds,
            begun,
        } = input;
        let mut hand_on = |batch| {
            let batch = without_left_out(wanted(hint, batch), track, left_out);
            let batch = subtitles.samples(batch, (track, hint), sink.tracks(), files.as_mut());
            sink.take(track, hint, batch, &expectations).map_err(Stop::Merge)
        };
        let segment = Segment {
            data: segment.data,
            map: segment.map,
            cipher: segment.cipher,
            edge,
        };
        match demuxer.push(segment, timeline, &mut hand_on) {
            Err(Stop::Demux(DemuxError::Picture(name))) if !*begun => {
                *cover_seconds = *seconds;
                notes.push(format!(
                    "segment {segments} of track {track} is a {name} picture ahead of the media: left out"
                ));
            }
            pushed => {
                *begun = true;
                pushed.map_err(|stop| stop.at(track, *segments))?;
            }
        }
        if track == chapters::MAIN {
            sink.reach(sequence, timeline.segment_begin(track))?;
        }
        let has_begun = |(index, input): (usize, &Expectation)| {
            let mut of_input = sink.tracks().iter().filter(|track| track.input == index);
            input.sparse || of_input.any(Track::has_samples)
        };
        let all_have_begun = expectations.iter().enumerate().all(has_begun);
        let media = Media {
            start: presentation(sink.tracks())
                .map(|(start, _)| start)
                .filter(|_| all_have_begun),
            ended: false,
        };
        self.settle(media, &expectations, sink)
    }

    /// Hands on the subtitles that the media has come past.
    fn settle(
        &mut self,
        media: Media,
        expectations: &[Expectation],
        sink: &mut impl Sink,
    ) -> Result<(), MergeError> {
        let Self {
            all: inputs,
            timeline,
            files,
            ..
        } = self;
        for (track, input) in inputs.iter_mut().enumerate() {
            let Input {
                demuxer,
                hint,
                subtitles,
                ..
            } = input;
            demuxer.settle(timeline, media, &mut |batch| {
                let batch = subtitles.samples(batch, (track, hint), sink.tracks(), files.as_mut());
                sink.take(track, hint, batch, expectations)
            })?;
        }
        Ok(())
    }

    /// Takes samples as they come out of a demuxer.
    pub(super) fn push_demuxed(
        &mut self,
        track: usize,
        batch: Vec<Demuxed>,
        sink: &mut impl Sink,
    ) -> Result<(), MergeError> {
        let expectations = self.expectations();
        sink.take(track, self.hint(track)?, batch, &expectations)
    }

    /// Demuxes what is held back of one of the plan's tracks.
    pub(super) fn flush(
        &mut self,
        track: usize,
        expectations: &[Expectation],
        sink: &mut impl Sink,
    ) -> Result<(), MergeError> {
        let Self {
            all: inputs,
            left_out,
            ..
        } = self;
        let Input {
            demuxer,
            hint,
            segments,
            ..
        } = inputs.get_mut(track).ok_or(MergeError::NoSuchTrack(track))?;
        let mut hand_on = |batch| {
            let batch = without_left_out(wanted(hint, batch), track, left_out);
            sink.take(track, hint, batch, expectations).map_err(Stop::Merge)
        };
        let flushed = demuxer.flush(&mut hand_on);
        flushed.map_err(|stop| stop.at(track, *segments))
    }

    /// What is known of each of the plan's tracks.
    pub(super) fn expectations(&self) -> Vec<Expectation> {
        self.all.iter().map(Input::expectation).collect()
    }

    /// Whether subtitles have the times that they say, from where the presentation begins.
    pub(super) fn counts_from_the_beginning(&self, track: usize) -> bool {
        let input = self.all.get(track);
        input.is_some_and(|input| input.demuxer.counts_from_the_beginning())
    }

    /// The presentation begins so much earlier than was known: what counts from there and is not written yet does too.
    pub(super) fn begin_earlier(&mut self, earlier: i64) {
        let counting = self.all.iter_mut();
        for input in counting.filter(|input| input.demuxer.counts_from_the_beginning()) {
            input.demuxer.begin_earlier(earlier);
            input.subtitles.begin_earlier(earlier);
        }
    }

    /// What the plan knows of a track.
    pub(super) fn hint(&self, track: usize) -> Result<&TrackHint, MergeError> {
        let input = self.all.get(track).ok_or(MergeError::NoSuchTrack(track))?;
        Ok(&input.hint)
    }

    /// Demuxes what is held back: there is no further segment. What is expected now is what has come.
    pub(super) fn finish(&mut self, sink: &mut impl Sink) -> Result<Vec<Expectation>, MergeError> {
        let expectations = self.expectations();
        for track in 0..self.all.len() {
            self.flush(track, &expectations, sink)?;
        }
        let whole = presentation(sink.tracks());
        let media = Media {
            start: whole.map(|(start, _)| start),
            ended: true,
        };
        self.settle(media, &expectations, sink)?;
        // Subtitles alone end with their last.
        let end = whole.map_or(i64::MAX, |(_, end)| end);
        for (track, input) in self.all.iter_mut().enumerate() {
            let Input { hint, subtitles, .. } = input;
            sink.take(track, hint, subtitles.finish(end), &expectations)?;
        }
        Ok(expectations)
    }

    /// The files of subtitles that were asked for; `tracks` are those of the output.
    pub(super) fn subtitle_files(&mut self, tracks: &[Track]) -> Vec<SubtitleFile> {
        let start = presentation(tracks).map_or(0, |(start, _)| start);
        let files = self.files.take();
        files.map_or_else(Vec::new, |files| files.finish(start))
    }

    /// What there is to say of the tracks in the end: what was left out, whose media is clearly longer or shorter than
    /// its playlist said, and which subtitles make no sense.
    pub(super) fn words(self, tracks: &[Track]) -> Words {
        let warning = |(index, input): (usize, &Input)| {
            let of_demuxer = input.demuxer.warning();
            of_demuxer
                .map(|warning| format!("track {index}: {warning}"))
                .or_else(|| input.duration_warning(index, tracks))
        };
        let of_tracks = self.all.iter().enumerate().filter_map(warning);
        let of_keys = unproven(&self.all);
        let mut words = Words {
            warnings: self.notes,
            losses: Vec::new(),
        };
        words.warnings.extend(of_tracks);
        words.warnings.extend(of_keys);
        let start = presentation(tracks).map_or(0, |(start, _)| start);
        let overlaps = tracks.iter().flat_map(|track| track.overlap_words(start));
        words.warnings.extend(overlaps);
        for LeftOut { input, stream, what } in self.left_out {
            let has_samples = tracks
                .iter()
                .any(|track| (track.input, track.stream) == (input, stream) && track.has_samples());
            let list = if has_samples {
                &mut words.warnings
            } else {
                &mut words.losses
            };
            list.push(format!("left out of track {input} ({}): {what}", stream.kind));
        }
        words
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
            sparse: self.hint.kind == Some(TrackKind::Subtitle),
        }
    }

    fn duration_warning(&self, index: usize, tracks: &[Track]) -> Option<String> {
        const TOLERANCE_SECONDS: f64 = 1.0;
        const TOLERANCE_RATIO: f64 = 0.02;
        // Nobody speaks from the first moment to the last.
        if self.hint.kind == Some(TrackKind::Subtitle) {
            return None;
        }
        let of_input = tracks
            .iter()
            .filter(|track| track.input == index && track.has_samples());
        let seconds = of_input.map(Track::seconds).fold(0.0, f64::max);
        let expected = self.seconds - self.cover_seconds;
        let difference = (seconds - expected).abs();
        let wrong = expected > 0.0 && difference > TOLERANCE_SECONDS.max(expected * TOLERANCE_RATIO);
        wrong.then(|| format!("track {index} plays for {seconds:.1} s, its playlist says {expected:.1} s"))
    }
}

/// Words on keys that nothing proves: a wrong one would make the same file, of noise.
fn unproven(inputs: &[Input]) -> Vec<String> {
    let proofs = |input: &Input| input.demuxer.proofs();
    let all: Vec<_> = inputs.iter().flat_map(proofs).collect();
    let is_proven = |id| all.contains(&(id, Proof::Right));
    let of_input = |(index, input): (usize, &Input)| {
        let unproven = proofs(input).into_iter().find(|&(id, _)| !is_proven(id));
        unproven.map(|_| {
            format!("track {index}: nothing in it proves that its key is right; if the file shows noise, it is not")
        })
    };
    inputs.iter().enumerate().filter_map(of_input).collect()
}

/// Takes out of a batch what is in no sample.
fn without_left_out(batch: Vec<Demuxed>, input: usize, left_out: &mut Vec<LeftOut>) -> Vec<Demuxed> {
    let mut kept = Vec::with_capacity(batch.len());
    for demuxed in batch {
        match demuxed {
            Demuxed::LeftOut(stream, what) => left_out.push(LeftOut { input, stream, what }),
            demuxed => kept.push(demuxed),
        }
    }
    kept
}

/// Seconds as timeline ticks.
pub(super) fn ticks(seconds: f64) -> i64 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a cast of a float saturates, and NaN becomes 0"
    )]
    let ticks = (seconds.max(0.0) * f64::from(CLOCK_HZ)).round() as i64;
    ticks
}
