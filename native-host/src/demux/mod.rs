//! Segments -> samples: transport streams, fragmented MP4, packed audio and WebVTT.
//!
//! A [`Demuxer`] reads the segments of one media playlist, in order. What comes out is a flat list of
//! [`Demuxed`] values on one common [`Timeline`]: formats and samples, ready to be put into any container.
//! A codec of elementary streams is one file in `codec`; a kind of segment is one variant of [`SegmentKind`].

pub(crate) mod bmff;
mod codec;
mod error;
pub(crate) mod evidence;
mod extent;
mod fmp4;
mod lead;
mod packed;
mod sniff;
mod timeline;
pub(crate) mod ts;
mod webvtt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use weir_core::protocol::TrackKind;

use self::evidence::{Evidence, Proof};
use crate::decrypt::SampleCipher;
use crate::keys::KeyId;

pub use codec::Codec;
pub use error::DemuxError;
pub use extent::{Extent, extent};
pub use lead::lead;
pub use sniff::{Kind as SegmentKind, sniff};
pub use timeline::{CLOCK_HZ, Edge, Timeline, rescale, seconds};
pub use webvtt::{Cue, Media};

pub(crate) use sniff::begins_as_with_wrong_iv;
pub(crate) use timeline::{Epoch, SourceClock};
pub(crate) use webvtt::{Span, Style, StyledText};

/// An elementary stream within one playlist: the first video, the second audio ...
///
/// PIDs and track ids may change at a discontinuity; the order of the streams of a kind is what stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StreamId {
    /// What it carries.
    pub kind: TrackKind,
    /// 0 for the first of its kind.
    pub ordinal: usize,
}

/// How the samples of a stream are coded, from one sample on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Format {
    /// Its RFC 6381 codec string, such as `avc1.64001f`.
    pub codec: String,
    /// Ticks a second of the samples' times and durations.
    pub timescale: u32,
    /// The whole sample entry box (ISO/IEC 14496-12, 8.5.2), as it goes into `stsd`.
    pub sample_entry: Bytes,
    /// Width and height for display, in pixels; zero for what is not seen.
    pub display: (u32, u32),
    /// Presentation begins here, on the timeline in `timescale` ticks, and what lies before (encoder priming) is not
    /// presented: from the source's own edit list. None: with the earliest sample.
    pub presentation_start: Option<i64>,
}

/// One access unit or audio frame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// Decoding time on the timeline, in ticks of the stream's format.
    pub dts: i64,
    /// Presentation time.
    pub pts: i64,
    /// How long it lasts when nothing follows it, in ticks.
    pub duration: u32,
    /// Decoding can start here.
    pub sync: bool,
    /// The payload as it is stored in ISO BMFF.
    pub data: Bytes,
}

/// What comes out of a demuxer, in decoding order within a stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Demuxed {
    /// The samples of a stream that follow are coded like this.
    Format(StreamId, Format),
    /// A sample. A format of its stream has come before.
    Sample(StreamId, Sample),
    /// A subtitle, ordered by beginnings. It may overlap others, and has no format: what holds it is chosen by whoever
    /// writes it.
    Cue(StreamId, Cue),
    /// No cue comes any more that begins before this time.
    CuesUntil(StreamId, i64),
    /// A `STYLE` or `REGION` block that belongs to the cues.
    CueBlock(StreamId, String),
    /// What of a stream is in no sample, in words that follow "left out".
    LeftOut(StreamId, String),
}

/// A segment, and what has to be known of it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Segment {
    /// Its bytes. Where nobody else has a handle to them, samples are decrypted in place.
    pub data: Bytes,
    /// Its media initialization section.
    pub map: Option<Bytes>,
    /// What decrypts its samples; None when they are clear.
    pub cipher: Option<SampleCipher>,
    /// How it joins the one before.
    pub edge: Edge,
}

/// Reads the segments of one media playlist.
#[derive(Debug, Serialize, Deserialize)]
pub struct Demuxer {
    /// Its number on the timeline.
    playlist: usize,
    purpose: Purpose,
    reader: Option<Reader>,
    map: Option<Bytes>,
}

/// What samples are read for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Purpose {
    /// All of them.
    #[default]
    Samples,
    /// Their times alone: their bytes stay encrypted.
    Times,
}

#[derive(Debug, Serialize, Deserialize)]
enum Reader {
    Ts(Box<ts::TsReader>),
    Fmp4(fmp4::Fmp4Reader),
    Packed(packed::PackedReader),
    WebVtt(Box<webvtt::WebVttReader>),
}

impl Demuxer {
    /// For the playlist with this number on the timeline.
    #[must_use]
    pub fn new(playlist: usize) -> Self {
        Self {
            playlist,
            purpose: Purpose::Samples,
            reader: None,
            map: None,
        }
    }

    /// For the times of one segment's samples.
    fn of_times() -> Self {
        Self {
            purpose: Purpose::Times,
            ..Self::new(0)
        }
    }

    /// Reads a segment. Samples are handed to `out` in batches of a bounded size; what is cut off at the segment's end stays
    /// here until the next segment or [`Demuxer::flush`].
    ///
    /// # Errors
    /// [`DemuxError`] when the bytes are no media that is handled; or what `out` returns.
    pub fn push<E: From<DemuxError>>(
        &mut self,
        mut segment: Segment,
        timeline: &mut Timeline,
        out: &mut impl FnMut(Vec<Demuxed>) -> Result<(), E>,
    ) -> Result<(), E> {
        let kind = match &self.reader {
            // Where nothing is said there may be nothing at all.
            Some(Reader::WebVtt(_)) if segment.data.is_empty() => SegmentKind::WebVtt,
            _ => sniff(&segment.data)?,
        };
        self.switch(&kind, out)?;
        // From here on a map is one that has changed.
        if segment.map == self.map {
            segment.map = None;
        } else if segment.map.is_some() {
            self.map.clone_from(&segment.map);
        }
        match (&mut self.reader, kind) {
            // What stands ahead of the packets is left to the reader: it may be the end of the last segment's packet.
            (Some(Reader::Ts(reader)), SegmentKind::TransportStream { .. }) => {
                reader.push(self.playlist, segment, timeline, out)
            }
            (Some(Reader::Fmp4(reader)), SegmentKind::FragmentedMp4) => {
                let mut samples = Vec::new();
                let pushed = reader.push(self.playlist, segment, timeline, &mut samples);
                hand_on(pushed, samples, out)
            }
            (Some(Reader::Packed(reader)), SegmentKind::PackedAudio(_)) => {
                let head = packed::Head::parse(&segment.data).ok_or(DemuxError::Unknown)?;
                let mut samples = Vec::new();
                let pushed = reader.push(self.playlist, &segment, head, timeline, &mut samples);
                hand_on(pushed, samples, out)
            }
            (Some(Reader::WebVtt(reader)), SegmentKind::WebVtt) => {
                let mut blocks = Vec::new();
                let pushed = reader.push(&segment.data, segment.edge, &mut blocks);
                hand_on(pushed, blocks, out)
            }
            // `switch` has just made the reader fit the kind.
            (
                _,
                SegmentKind::TransportStream { .. }
                | SegmentKind::FragmentedMp4
                | SegmentKind::PackedAudio(_)
                | SegmentKind::WebVtt,
            ) => Ok(()),
        }
    }

    /// Hands out what was held back: there is no further segment.
    ///
    /// # Errors
    /// What `out` returns, or [`DemuxError`] when no segment made sense.
    pub fn flush<E: From<DemuxError>>(
        &mut self,
        out: &mut impl FnMut(Vec<Demuxed>) -> Result<(), E>,
    ) -> Result<(), E> {
        match self.reader.as_mut() {
            Some(Reader::Ts(reader)) => reader.flush(out),
            Some(Reader::Packed(reader)) => {
                let mut samples = Vec::new();
                reader.flush(&mut samples);
                out(samples)?;
                Ok(reader.evidence().map_or(Ok(()), Evidence::check_at_end)?)
            }
            Some(Reader::Fmp4(reader)) => Ok(reader.check_keys_at_end()?),
            Some(Reader::WebVtt(_)) | None => Ok(()),
        }
    }

    /// Whether it is subtitles whose times count from where the presentation begins, and from nothing else.
    #[must_use]
    pub fn counts_from_the_beginning(&self) -> bool {
        matches!(&self.reader, Some(Reader::WebVtt(reader)) if reader.counts_from_the_beginning())
    }

    /// Those that wait begin so much earlier, in ticks of the timeline.
    pub(crate) fn begin_earlier(&mut self, earlier: i64) {
        if let Some(Reader::WebVtt(reader)) = &mut self.reader {
            reader.begin_earlier(earlier);
        }
    }

    /// What is known of each key that decrypted samples; without an id: of all that have none.
    pub(crate) fn proofs(&self) -> Vec<(Option<KeyId>, Proof)> {
        let of_stream = |proof: Option<Proof>| proof.map(|proof| (None, proof)).into_iter().collect();
        match &self.reader {
            Some(Reader::Ts(reader)) => of_stream(reader.proof()),
            Some(Reader::Packed(reader)) => of_stream(reader.evidence().and_then(Evidence::proof)),
            Some(Reader::Fmp4(reader)) => reader.proofs(),
            Some(Reader::WebVtt(_)) | None => Vec::new(),
        }
    }

    /// Hands out subtitles, which wait for the media that they belong to. To be called now and then while media comes,
    /// and at last when all demuxers are flushed.
    ///
    /// # Errors
    /// What `out` returns.
    pub fn settle<E>(
        &mut self,
        timeline: &Timeline,
        media: Media,
        out: &mut impl FnMut(Vec<Demuxed>) -> Result<(), E>,
    ) -> Result<(), E> {
        let Some(Reader::WebVtt(reader)) = &mut self.reader else {
            return Ok(());
        };
        let mut cues = Vec::new();
        reader.settle(timeline, media, &mut cues);
        if cues.is_empty() { Ok(()) } else { out(cues) }
    }

    /// What a person should know of what was left out, as a sentence.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        match &self.reader {
            Some(Reader::WebVtt(reader)) => reader.warning(),
            _ => None,
        }
    }

    /// Makes the reader fit the kind of the segment: a playlist may change from one kind to another at a discontinuity.
    fn switch<E: From<DemuxError>>(
        &mut self,
        kind: &SegmentKind,
        out: &mut impl FnMut(Vec<Demuxed>) -> Result<(), E>,
    ) -> Result<(), E> {
        let fits = matches!(
            (&self.reader, kind),
            (Some(Reader::Ts(_)), SegmentKind::TransportStream { .. })
                | (Some(Reader::Fmp4(_)), SegmentKind::FragmentedMp4)
                | (Some(Reader::Packed(_)), SegmentKind::PackedAudio(_))
                | (Some(Reader::WebVtt(_)), SegmentKind::WebVtt)
        );
        if !fits {
            self.flush(out)?;
            self.map = None;
            self.reader = match kind {
                SegmentKind::TransportStream { .. } => Some(Reader::Ts(Box::default())),
                SegmentKind::FragmentedMp4 => Some(Reader::Fmp4(fmp4::Fmp4Reader::new(self.purpose))),
                SegmentKind::PackedAudio(_) => Some(Reader::Packed(packed::PackedReader::default())),
                SegmentKind::WebVtt => Some(Reader::WebVtt(Box::default())),
            };
        }
        Ok(())
    }
}

/// Hands on what a segment gave. Of one that makes no sense that is the formats: its reader takes them as known, and a
/// recording goes on with the next segment.
fn hand_on<E: From<DemuxError>>(
    pushed: Result<(), DemuxError>,
    mut batch: Vec<Demuxed>,
    out: &mut impl FnMut(Vec<Demuxed>) -> Result<(), E>,
) -> Result<(), E> {
    if pushed.is_err() {
        batch.retain(|demuxed| matches!(demuxed, Demuxed::Format(..)));
    }
    out(batch)?;
    Ok(pushed?)
}
