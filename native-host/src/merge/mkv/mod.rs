//! Samples -> one Matroska file (RFC 9559).
//!
//! [`codec`] knows how Matroska tells codecs, [`head`] what stands before the media, [`cluster`] how samples lie,
//! [`writer`] where all that goes, [`check`] reads it back; [`ebml`] is the syntax of it all. [`taken`] keeps what came, so
//! that [`replay`] can write the file anew where something has come late, with what [`blocks`] reads of the old one.

mod blocks;
mod check;
mod cluster;
mod codec;
mod ebml;
mod head;
mod replay;
mod taken;
mod writer;

use std::path::Path;

use serde::{Deserialize, Serialize};
use weir_core::plan::Chapter;

pub(super) use self::check::contents;
use self::codec::Coding;
pub(super) use self::replay::Replay;
use self::taken::{Log, Taken};
use self::writer::{State, Writer};
use super::chapters::Chapters;
use super::inputs::{Inputs, Sink};
use super::interleave::Expectation;
use super::output_file::OutputFile;
use super::track::Track;
use super::{About, MergeError, Merged, SegmentInput, SubtitleFormat, TrackHint};
use crate::demux::{Demuxed, Format, Sample, StreamId};

/// Demuxes segments and writes their samples.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct MkvMerger {
    inputs: Inputs,
    output: Output,
}

/// The file and its tracks.
#[derive(Debug, Serialize, Deserialize)]
struct Output {
    writer: Writer,
    tracks: Vec<Track>,
    /// One a track.
    states: Vec<State>,
    /// Formats whose first sample has not come.
    announced: Vec<(usize, StreamId, Format)>,
    warnings: Vec<String>,
    log: Log,
}

impl MkvMerger {
    pub(super) fn create(path: &Path, hints: &[TrackHint]) -> Result<Self, MergeError> {
        Ok(Self {
            inputs: Inputs::new(hints),
            output: Output {
                writer: Writer::create(path).map_err(MergeError::Write)?,
                tracks: Vec::new(),
                states: Vec::new(),
                announced: Vec::new(),
                warnings: Vec::new(),
                log: Log::default(),
            },
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
        self.output.log.keep(Vec::new());
    }

    /// What was taken in since the last call.
    pub(super) fn take_added(&mut self) -> Vec<u8> {
        self.output.log.take_new()
    }

    /// Rises with all that is taken in.
    pub(super) fn logged(&self) -> u64 {
        self.output.log.length()
    }

    /// Goes on with the file.
    pub(super) fn reopen(&mut self, path: &Path, length: u64) -> Result<(), MergeError> {
        let Output {
            writer,
            tracks,
            states,
            ..
        } = &mut self.output;
        writer.reopen(path, length, tracks, states)
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
        } = self;
        inputs.finish(&mut output)?;
        let Output {
            writer,
            mut tracks,
            mut states,
            mut warnings,
            ..
        } = output;
        if tracks.is_empty() {
            return Err(MergeError::NoSamples);
        }
        let (bytes, milliseconds) = writer.finish(&mut tracks, &mut states)?;
        let subtitle_files = inputs.subtitle_files(&tracks);
        let words = inputs.words(&tracks);
        warnings.extend(words.warnings);
        Ok(Merged {
            bytes,
            duration_seconds: milliseconds / 1000.0,
            tracks: tracks.iter().map(Track::summary).collect(),
            warnings,
            subtitle_files,
            losses: words.losses,
            instead: None,
        })
    }
}

impl Sink for Output {
    fn tracks(&self) -> &[Track] {
        &self.tracks
    }

    fn reach(&mut self, sequence: u64, begin: Option<i64>) -> Result<(), MergeError> {
        if !self.writer.chapters.is_empty() {
            self.log.write(&Taken::Segment(sequence, begin))?;
        }
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
        for demuxed in batch {
            match demuxed {
                Demuxed::Format(stream, format) => {
                    if self.log.is_kept() {
                        self.log.write(&Taken::Format(input, stream, format.clone()))?;
                    }
                    self.announced
                        .retain(|(from, of, _)| (*from, *of) != (input, stream));
                    self.announced.push((input, stream, format));
                }
                Demuxed::Sample(stream, sample) => {
                    let announced =
                        |(from, of, _): &(usize, StreamId, Format)| (*from, *of) == (input, stream);
                    if let Some(index) = self.announced.iter().position(announced) {
                        let (_, _, format) = self.announced.swap_remove(index);
                        self.begin_format(input, stream, hint, format, &sample.data)?;
                    }
                    if let Some(index) = self.current(input, stream) {
                        self.push(index, sample)?;
                    }
                }
                // They come as samples, and what is left out the inputs keep.
                Demuxed::Cue(..) | Demuxed::CuesUntil(..) | Demuxed::CueBlock(..) | Demuxed::LeftOut(..) => {}
            }
        }
        self.log.end_batch(input, expectations)?;
        self.writer
            .advance(&mut self.tracks, &mut self.states, expectations)
    }
}

impl Output {
    /// The track that the samples of a stream go to now.
    fn current(&self, input: usize, stream: StreamId) -> Option<usize> {
        self.tracks
            .iter()
            .rposition(|track| (track.input, track.stream) == (input, stream))
    }

    fn push(&mut self, index: usize, sample: Sample) -> Result<(), MergeError> {
        let (Some(track), Some(state)) = (self.tracks.get_mut(index), self.states.get(index)) else {
            return Ok(());
        };
        if !state.is_text() {
            // Of text it is counted what is written: samples that show nothing are not.
            self.writer.expected.samples += 1;
            self.writer.expected.bytes += sample.data.len() as u64;
            self.log.sample(index, &sample);
        } else if self.log.is_kept() {
            self.log.write(&Taken::Text(index, sample.clone()))?;
        }
        track.push(sample);
        Ok(())
    }

    /// The samples of a stream are coded in another way from here on. Matroska describes a track once: what decoders
    /// cannot learn from the samples goes on in a track of its own.
    fn begin_format(
        &mut self,
        input: usize,
        stream: StreamId,
        hint: &TrackHint,
        format: Format,
        sample: &[u8],
    ) -> Result<(), MergeError> {
        let coding = Coding::of(&format.sample_entry, sample).ok_or_else(|| {
            MergeError::Container(format!("an .mkv file cannot hold {}: choose mp4", format.codec))
        })?;
        if let Some(index) = self.current(input, stream)
            && let (Some(track), Some(state)) = (self.tracks.get_mut(index), self.states.get_mut(index))
        {
            if state.codings.first().is_some_and(|first| coding.follows(first)) {
                if track.set_format(format) {
                    state.codings.push(coding);
                }
                return Ok(());
            }
            track.end();
            self.warnings.push(format!(
                "the {} track's coding changes to {}: it goes on as another track, because an .mkv file describes a \
                 track once",
                stream.kind, format.codec
            ));
        }
        let mut track = Track::new(input, stream, hint, &format);
        track.set_format(format);
        self.tracks.push(track);
        self.states.push(State {
            codings: vec![coding],
            ..State::default()
        });
        self.writer.declare();
        Ok(())
    }
}
