//! Samples -> one file.
//!
//! `inputs` demuxes the plan's tracks, `track` holds the samples of one until `interleave` says that they are due;
//! `mp4` and `mkv` write them. `ts` and `segments` write what came as it came.

mod chapters;
mod check;
mod error;
mod external;
mod inputs;
mod interleave;
mod language;
mod mend;
mod mkv;
mod mp4;
mod output_file;
mod overlap;
mod point;
mod segments;
mod subtitle;
mod subtitle_file;
mod track;
mod ts;

use std::path::{Path, PathBuf};

use bytes::Bytes;
use weir_core::plan::Chapter;
use weir_core::protocol::{Container, KeyMethod, TrackKind, TrackSummary};

pub use error::MergeError;
use external::External;
pub use mend::{Hole, Mender};
use output_file::OutputFile;
pub use point::Point;
use serde::{Deserialize, Serialize};
pub use subtitle_file::{SubtitleFile, SubtitleFormat};

use crate::decrypt::SampleCipher;
use crate::demux::ts::clear::Clearer;
use crate::demux::{DemuxError, Demuxed, SegmentKind, sniff};

/// What the plan knows of a track before its first byte.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TrackHint {
    /// What it carries; None: whatever its segments hold.
    pub kind: Option<TrackKind>,
    /// Streams of this kind alone are kept of it, where the container is made from streams; None: all.
    pub only: Option<TrackKind>,
    /// BCP 47 tag.
    pub language: Option<String>,
    /// For people.
    pub name: Option<String>,
    /// Players start with it: DEFAULT.
    pub default: bool,
    /// It is for everyone, also for who asks for no subtitles: FORCED.
    pub forced: bool,
    /// Sum of EXTINF.
    pub duration_seconds: Option<f64>,
}

/// One segment, in playlist order within its track; decrypted, but for its samples where these are encrypted.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct SegmentInput {
    /// Index of the plan's track.
    pub track: usize,
    /// Its media sequence number, which chapters name.
    pub sequence: u64,
    /// EXT-X-DISCONTINUITY stood before it, or before a segment that was left out just before it.
    pub discontinuity: bool,
    /// How long the segments play that were left out just before it: the hole that stays in the output. 0 without
    /// a gap.
    pub missing_seconds: f64,
    /// EXTINF.
    pub duration_seconds: Option<f64>,
    /// Its media initialization section, decrypted; the same `Bytes` again when it has not changed.
    pub map: Option<Bytes>,
    /// The segment's bytes.
    pub data: Bytes,
    /// What decrypts its samples, where the method is one of samples.
    pub cipher: Option<SampleCipher>,
    /// What is missing of it, in words, though the rest is media.
    pub flaw: Option<String>,
}

/// What a file tells of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// For people.
    pub title: Option<String>,
    /// Where it comes from, without secrets.
    pub source: Option<String>,
}

/// What was written.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Merged {
    /// Bytes of the output file, or of all files of the folder.
    pub bytes: u64,
    /// Longest track.
    pub duration_seconds: f64,
    /// Output tracks.
    pub tracks: Vec<TrackSummary>,
    /// What a person should know though the output is whole, one sentence each.
    pub warnings: Vec<String>,
    /// Files to lie beside the output, where they were asked for.
    pub subtitle_files: Vec<SubtitleFile>,
    /// Streams that were announced and had data, of which nothing could be kept: the output is not whole.
    pub losses: Vec<String>,
    /// The kind of output, when it is not the one that was asked for; a warning says why.
    pub instead: Option<Container>,
}

/// Takes segments in order and writes one output while they come.
///
/// A codec that Weir does not demux itself makes a transport stream of the output, which takes any; in the end an ffmpeg
/// that is installed puts it into the container that was asked for, and without one it stays a transport stream. That is
/// decided before anything is written: what came before is held until then. A codec that comes later is an error,
/// because what is written cannot be read again; the part stays playable.
#[derive(Debug, Serialize, Deserialize)]
pub struct Merger {
    output: Output,
    asked: Asked,
    /// What came before anything was written; None from then on.
    held: Option<Vec<SegmentInput>>,
    /// The codec that makes a transport stream of the output.
    foreign_codec: Option<String>,
    /// Subtitles that the transport stream has no place for.
    lost_subtitles: bool,
    /// Chapters that it has none for.
    lost_chapters: bool,
    flaws: Flaws,
}

/// What segments were missing: the first's words, and how many there were.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Flaws {
    first: Option<String>,
    count: usize,
}

/// What a merger was asked for.
#[derive(Debug, Serialize, Deserialize)]
struct Asked {
    /// Not saved: it is told again.
    #[serde(skip)]
    path: PathBuf,
    container: Container,
    tracks: Vec<TrackHint>,
}

#[derive(Debug, Serialize, Deserialize)]
enum Output {
    Mp4(Box<mp4::Mp4Merger>),
    Mkv(Box<mkv::MkvMerger>),
    Ts(Box<ts::TsMerger>),
    Segments(segments::SegmentsMerger),
}

impl Merger {
    /// Starts an output at `path`, which must not exist: a file, or a folder for [`Container::Segments`].
    ///
    /// # Errors
    /// [`MergeError::Write`], or [`MergeError::Container`] when it cannot hold these tracks.
    pub fn create(path: &Path, container: Container, tracks: &[TrackHint]) -> Result<Self, MergeError> {
        let has_subtitles = tracks.iter().any(|hint| hint.kind == Some(TrackKind::Subtitle));
        if container == Container::Ts && has_subtitles {
            let message = "a .ts file has no place for subtitles: choose mp4, mkv or segments";
            return Err(MergeError::Container(message.to_owned()));
        }
        let output = match container {
            Container::Mp4 => Output::Mp4(Box::new(mp4::Mp4Merger::create(path, tracks)?)),
            Container::Mkv => Output::Mkv(Box::new(mkv::MkvMerger::create(path, tracks)?)),
            Container::Ts => Output::Ts(Box::new(ts::TsMerger::create(path, tracks)?)),
            Container::Segments => Output::Segments(segments::SegmentsMerger::create(path, tracks)?),
        };
        Ok(Self {
            output,
            asked: Asked {
                path: path.to_owned(),
                container,
                tracks: tracks.to_vec(),
            },
            held: Some(Vec::new()),
            foreign_codec: None,
            lost_subtitles: false,
            lost_chapters: false,
            flaws: Flaws::default(),
        })
    }

    /// Makes files of the subtitles too, for [`Merged::subtitle_files`].
    ///
    /// # Errors
    /// [`MergeError::Container`] when the output is of a kind that reads no subtitles.
    pub fn keep_subtitles(&mut self, format: SubtitleFormat) -> Result<(), MergeError> {
        match &mut self.output {
            Output::Mp4(merger) => merger.keep_subtitles(format),
            Output::Mkv(merger) => merger.keep_subtitles(format),
            Output::Ts(_) | Output::Segments(_) => {
                let message = "files of subtitles are made beside an mp4 or mkv only";
                return Err(MergeError::Container(message.to_owned()));
            }
        }
        Ok(())
    }

    /// Divides the output into chapters, in the order of their segments, before its first segment.
    ///
    /// # Errors
    /// [`MergeError::Container`] when the output is of a kind that has none.
    pub fn divide(&mut self, chapters: Vec<Chapter>) -> Result<(), MergeError> {
        match &mut self.output {
            Output::Mp4(merger) => merger.divide(chapters),
            Output::Mkv(merger) => merger.divide(chapters),
            Output::Ts(_) | Output::Segments(_) => {
                let message = "chapters are for an mp4 or mkv only";
                return Err(MergeError::Container(message.to_owned()));
            }
        }
        Ok(())
    }

    /// What the file is to tell of itself, before its first segment. A transport stream and a folder of segments have
    /// no place for it.
    pub fn describe(&mut self, about: About) {
        match &mut self.output {
            Output::Mp4(merger) => merger.describe(about),
            Output::Mkv(merger) => merger.describe(about),
            Output::Ts(_) | Output::Segments(_) => {}
        }
    }

    /// Takes the next segment of one track. Tracks may be pushed in any interleaving; near each other
    /// in time is best, because the output is interleaved as it comes.
    ///
    /// # Errors
    /// [`MergeError`]: the bytes are no media that can be merged, or the output cannot be written.
    pub fn push(&mut self, segment: SegmentInput) -> Result<(), MergeError> {
        let segment = self.flaws.note(segment);
        if self.foreign_codec.is_some() && self.asked.is_subtitle(&segment) {
            self.lost_subtitles = true;
            return Ok(());
        }
        // Kept only while it may have to be written again; else samples can be decrypted in its own memory.
        let kept = self.held.is_some().then(|| segment.clone());
        match self.output.push(segment) {
            Err(MergeError::Segment {
                source: DemuxError::ForeignCodec(name),
                track,
                segment: number,
            }) => {
                if let (Some(held), Some(segment)) = (self.held.take(), &kept) {
                    return self.become_transport_stream(name, &held, segment);
                }
                Err(MergeError::Segment {
                    source: DemuxError::Unsupported(format!(
                        "{name} that begins in the middle of the stream (choose ts)"
                    )),
                    track,
                    segment: number,
                })
            }
            Err(error) => Err(self.flaws.explain(error)),
            Ok(()) => {
                match (&mut self.held, kept) {
                    (Some(held), Some(segment)) if !self.output.has_begun() => held.push(segment),
                    (held, _) => *held = None,
                }
                Ok(())
            }
        }
    }

    /// Takes samples as they come out of a demuxer: for those who measure the writers or try them on odd ones.
    ///
    /// # Errors
    /// As [`Self::push`]; what is made of no samples takes none.
    pub fn push_demuxed(&mut self, track: usize, batch: Vec<Demuxed>) -> Result<(), MergeError> {
        match &mut self.output {
            Output::Mp4(merger) => merger.push_demuxed(track, batch),
            Output::Mkv(merger) => merger.push_demuxed(track, batch),
            Output::Ts(_) | Output::Segments(_) => Err(MergeError::NoSamples),
        }
    }

    /// Begins again, as a transport stream.
    fn become_transport_stream(
        &mut self,
        name: String,
        held: &[SegmentInput],
        segment: &SegmentInput,
    ) -> Result<(), MergeError> {
        tracing::info!("{name}: written as a transport stream first");
        let mut file = OutputFile::default();
        file.reopen(&self.asked.path, 0).map_err(MergeError::Write)?;
        let mut merger = ts::TsMerger::new(file, &self.asked.tracks);
        for segment in held.iter().chain([segment]) {
            if self.asked.is_subtitle(segment) {
                self.lost_subtitles = true;
            } else {
                merger.push(segment)?;
            }
        }
        self.lost_chapters = self.output.has_chapters();
        self.output = Output::Ts(Box::new(merger));
        self.foreign_codec = Some(name);
        Ok(())
    }

    /// Flushes what is held back, writes the index and checks the result.
    ///
    /// # Errors
    /// [`MergeError`].
    pub fn finish(self) -> Result<Merged, MergeError> {
        let finished = self.output.finish();
        let mut merged = finished.map_err(|error| self.flaws.explain(error))?;
        if let Some(name) = self.foreign_codec {
            let Asked { path, container, .. } = self.asked;
            let converted = External::find().and_then(|tool| tool.convert(&path, container, &mut merged));
            merged.warnings.push(match converted {
                Ok(()) => format!("{name} is not merged by Weir itself: the ffmpeg that is installed did it"),
                Err(error) => {
                    merged.instead = Some(Container::Ts);
                    format!(
                        "{name} is not merged by Weir itself, and {error}: the stream is kept as a .ts file"
                    )
                }
            });
        }
        if self.lost_subtitles {
            let warning = "the subtitles are left out: they cannot go the way of this codec";
            merged.warnings.push(warning.to_owned());
        }
        if self.lost_chapters {
            let warning = "the chapters are left out: they cannot go the way of this codec";
            merged.warnings.push(warning.to_owned());
        }
        merged.losses.extend(self.flaws.words());
        Ok(merged)
    }
}

impl Flaws {
    /// Takes what is missing of a segment out of it.
    fn note(&mut self, mut segment: SegmentInput) -> SegmentInput {
        if let Some(flaw) = segment.flaw.take() {
            self.count += 1;
            self.first.get_or_insert(flaw);
        }
        segment
    }

    /// What is lost with the first packets may be the tables.
    fn explain(&self, error: MergeError) -> MergeError {
        match error {
            MergeError::Segment {
                track,
                segment,
                source: DemuxError::NoProgramMap(_),
            } if self.count > 0 => MergeError::Segment {
                track,
                segment,
                source: DemuxError::WrongKey(
                    "the first packets of the segments are noise, and nothing else: the IV is wrong (--iv gives another)",
                ),
            },
            error => error,
        }
    }

    fn words(self) -> Option<String> {
        let first = self.first?;
        Some(match self.count {
            1 => first,
            count => format!("{first} ({count} segments are like that)"),
        })
    }
}

impl Asked {
    fn is_subtitle(&self, segment: &SegmentInput) -> bool {
        let hint = self.tracks.get(segment.track);
        hint.is_some_and(|hint| hint.kind == Some(TrackKind::Subtitle))
    }
}

impl Output {
    fn push(&mut self, segment: SegmentInput) -> Result<(), MergeError> {
        match self {
            Self::Mp4(merger) => merger.push(segment),
            Self::Mkv(merger) => merger.push(segment),
            Self::Ts(merger) => merger.push(&segment),
            Self::Segments(merger) => merger.push(&segment),
        }
    }

    /// Whether anything of the segments is in the file, or never has to be taken back.
    fn has_begun(&self) -> bool {
        match self {
            Self::Mp4(merger) => merger.has_begun(),
            Self::Mkv(merger) => merger.has_begun(),
            Self::Ts(_) | Self::Segments(_) => true,
        }
    }

    fn has_chapters(&self) -> bool {
        match self {
            Self::Mp4(merger) => merger.has_chapters(),
            Self::Mkv(merger) => merger.has_chapters(),
            Self::Ts(_) | Self::Segments(_) => false,
        }
    }

    fn finish(self) -> Result<Merged, MergeError> {
        match self {
            Self::Mp4(merger) => merger.finish(),
            Self::Mkv(merger) => merger.finish(),
            Self::Ts(merger) => merger.finish(),
            Self::Segments(merger) => merger.finish(),
        }
    }
}

/// The segment's bytes in the clear, as outputs have them that keep packets: of transport streams alone.
fn clear_packets(
    segment: &SegmentInput,
    clearer: &mut Clearer,
    in_segment: impl Fn(DemuxError) -> MergeError,
) -> Result<Bytes, MergeError> {
    match &segment.cipher {
        Some(cipher) if cipher.method() == KeyMethod::SampleAes && segment.map.is_none() => {
            match sniff(&segment.data).map_err(&in_segment)? {
                SegmentKind::TransportStream { .. } => {
                    clearer.clear(&segment.data, cipher).map_err(in_segment)
                }
                _ => refuse_encrypted_samples(segment).map(|()| segment.data.clone()),
            }
        }
        _ => refuse_encrypted_samples(segment).map(|()| segment.data.clone()),
    }
}

/// An output that keeps segments as they are would keep encrypted samples.
fn refuse_encrypted_samples(segment: &SegmentInput) -> Result<(), MergeError> {
    match &segment.cipher {
        None => Ok(()),
        Some(cipher) => Err(MergeError::Container(format!(
            "{} encrypts the samples, and this kind of output keeps the segments as they are: choose mp4 or mkv",
            cipher.method()
        ))),
    }
}
