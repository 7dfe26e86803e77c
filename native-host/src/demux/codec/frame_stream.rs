//! Audio that is a row of frames with a header each -> samples: the codecs differ only in their headers.

use std::ops::Range;

use bytes::Bytes;
use memchr::memchr_iter;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::buffer::StreamBuffer;
use super::clock::AudioClock;
use super::{ElementaryStream, Format, Sample, Timestamps, Unit};
use crate::decrypt::SampleCipher;
use crate::demux::evidence::Evidence;

/// What a frame's header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame<C> {
    /// What holds for the whole stream.
    pub(super) config: C,
    /// Bytes of the frame with its header.
    pub(super) bytes: usize,
    /// Bytes at its beginning that a sample does not have.
    pub(super) header_bytes: usize,
    /// Samples of each channel; 0 for a frame that only adds to the one before.
    pub(super) samples: u32,
}

/// How a codec's frames begin.
pub(super) trait FrameSyntax: std::fmt::Debug + Send {
    /// What holds for the whole stream, as far as headers tell.
    type Config: Copy + PartialEq + std::fmt::Debug + Send + Serialize + DeserializeOwned;

    /// The first byte of every frame.
    const SYNC_BYTE: u8;

    /// Bytes of a frame that tell all.
    const HEADER_BYTES: usize;

    /// Frames belong to one sample until it has this many samples of each channel. 0: each is a sample.
    const SAMPLES_OF_SAMPLE: u32 = 0;

    /// None where no frame can begin.
    fn parse(header: &[u8]) -> Option<Frame<Self::Config>>;

    /// What these bytes begin with, when it is a kind of frame that is not read.
    fn unsupported(_bytes: &[u8]) -> Option<&'static str> {
        None
    }

    /// Where the samples are in a frame with these bytes, when it is one of several; none when it contradicts itself.
    fn samples_within(_frame: &[u8]) -> Option<Vec<Range<usize>>> {
        None
    }

    /// What a whole frame, decrypted, says of the key.
    fn weigh(_frame: &[u8], _header_bytes: usize, _evidence: &mut Evidence) {}

    /// Whether a frame may follow another in the same stream.
    fn follows(next: &Frame<Self::Config>, frame: &Frame<Self::Config>) -> bool {
        next.config == frame.config
    }

    /// Whether samples with these configurations have the same format.
    fn same_format(next: &Self::Config, known: &Self::Config) -> bool {
        next == known
    }

    /// Samples at the beginning of a frame that is the first of its format which are not to be heard, where the stream
    /// itself says so.
    fn skipped(_config: Self::Config) -> Option<u32> {
        None
    }

    /// The format of frames with this configuration; its time scale is the sample rate.
    fn format(config: Self::Config) -> Format;
}

/// Cuts a row of frames into samples.
#[derive(Debug, Serialize, Deserialize)]
#[serde(bound = "")]
pub(super) struct FrameStream<S: FrameSyntax> {
    buffer: StreamBuffer,
    config: Option<S::Config>,
    clock: AudioClock,
    /// The next frame is known to begin where the last one ended.
    synced: bool,
    /// Bytes that belong to no frame, since the last word of them.
    junk_bytes: usize,
    /// It ends the capture, so no point is saved behind it.
    #[serde(skip)]
    unsupported: Option<&'static str>,
    evidence: Evidence,
}

/// Whether bytes may follow those in the buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum More {
    MayCome,
    Never,
}

/// Frames that make a sample; positions are those of the buffer.
#[derive(Debug)]
struct Group<C> {
    begin: usize,
    end: usize,
    first: Frame<C>,
    samples: u32,
}

impl<S: FrameSyntax> Default for FrameStream<S> {
    fn default() -> Self {
        Self {
            buffer: StreamBuffer::default(),
            config: None,
            clock: AudioClock::default(),
            synced: false,
            junk_bytes: 0,
            unsupported: None,
            evidence: Evidence::default(),
        }
    }
}

impl<S: FrameSyntax> ElementaryStream for FrameStream<S> {
    fn set_cipher(&mut self, cipher: Option<SampleCipher>) {
        self.buffer.set_cipher(cipher);
    }

    fn save(&self) -> postcard::Result<Vec<u8>> {
        postcard::to_stdvec(self)
    }

    fn restore(&mut self, saved: &[u8]) -> postcard::Result<()> {
        *self = postcard::from_bytes(saved)?;
        Ok(())
    }

    fn begin_pes(&mut self, timestamps: Option<Timestamps>) {
        if let Some(timestamps) = timestamps {
            self.buffer.mark(timestamps);
        }
    }

    fn data(&mut self, bytes: &[u8]) {
        self.buffer.extend(bytes);
    }

    fn drain(&mut self, out: &mut Vec<Unit>) {
        self.cut(More::MayCome, out);
    }

    fn evidence(&self) -> &Evidence {
        &self.evidence
    }

    fn flush(&mut self, out: &mut Vec<Unit>) {
        self.cut(More::Never, out);
        // A frame that is cut off by what follows is no junk.
        if S::parse(self.buffer.bytes()).is_none() {
            self.junk_bytes += self.buffer.len();
        }
        self.buffer.discard(usize::MAX);
        self.synced = false;
        if self.junk_bytes > 0 {
            let junk = std::mem::take(&mut self.junk_bytes);
            out.push(Unit::LeftOut(match self.config {
                Some(_) => format!("{junk} bytes of audio that make no frame"),
                None => format!("all audio: there is no frame in its {junk} bytes"),
            }));
        }
    }

    fn end(&self) -> Option<i64> {
        self.clock.end()
    }

    fn unsupported(&self) -> Option<&'static str> {
        self.unsupported
    }
}

impl<S: FrameSyntax> FrameStream<S> {
    fn cut(&mut self, more: More, out: &mut Vec<Unit>) {
        let mut groups: Vec<Group<S::Config>> = Vec::new();
        let mut at = 0;
        if self.config.is_none() && self.unsupported.is_none() {
            self.unsupported = S::unsupported(self.buffer.bytes());
        }
        loop {
            let bytes = self.buffer.bytes();
            if !self.synced {
                let rest = bytes.get(at..).unwrap_or_default();
                let (junk, sure) = find_frame::<S>(rest, more);
                // Tags between frames of packed audio are no loss.
                if !rest.starts_with(b"ID3") {
                    self.junk_bytes += junk;
                }
                at += junk;
                if !sure {
                    break;
                }
            }
            let rest = bytes.get(at..).unwrap_or_default();
            match S::parse(rest) {
                Some(frame) if frame.bytes <= rest.len() => {
                    self.synced = true;
                    add::<S>(&mut groups, frame, at);
                    at += frame.bytes;
                }
                None if rest.len() >= S::HEADER_BYTES && self.synced => self.synced = false,
                _ => break,
            }
        }
        // The last sample may go on with a frame that has not come yet.
        if S::SAMPLES_OF_SAMPLE > 0 && more == More::MayCome {
            at = groups.pop().map_or(at, |group| group.begin);
        }
        if self.buffer.is_encrypted() {
            for group in &groups {
                self.decrypt(group.begin, group.end);
            }
        }
        let timestamps: Vec<Option<Timestamps>> = groups
            .iter()
            .map(|group| self.buffer.take_mark(group.begin))
            .collect();
        let bytes = self.buffer.split(at);
        for (group, timestamps) in groups.into_iter().zip(timestamps) {
            let frame = bytes.slice(group.begin..group.end);
            match S::samples_within(&frame) {
                Some(ranges) if ranges.is_empty() => self.junk_bytes += frame.len(),
                Some(ranges) => {
                    let samples = group.samples / u32::try_from(ranges.len()).unwrap_or(1).max(1);
                    for (index, range) in ranges.into_iter().enumerate() {
                        let timestamps = timestamps.filter(|_| index == 0);
                        self.sample(group.first.config, samples, timestamps, frame.slice(range), out);
                    }
                }
                None => {
                    let data = frame.slice(group.first.header_bytes..);
                    self.sample(group.first.config, group.samples, timestamps, data, out);
                }
            }
        }
    }

    /// Decrypts the frames between two positions.
    fn decrypt(&mut self, mut begin: usize, end: usize) {
        while let Some(header) = self.buffer.bytes().get(begin..end)
            && let Some(frame) = S::parse(header)
        {
            if let Some(cipher) = self.buffer.cipher_at(begin).cloned()
                && let Some(bytes) = self.buffer.bytes_mut().get_mut(begin..begin + frame.bytes)
            {
                cipher.audio_frame(bytes, frame.header_bytes);
                self.evidence.used();
                S::weigh(bytes, frame.header_bytes, &mut self.evidence);
            }
            begin += frame.bytes;
        }
    }

    fn sample(
        &mut self,
        config: S::Config,
        samples: u32,
        timestamps: Option<Timestamps>,
        data: Bytes,
        out: &mut Vec<Unit>,
    ) {
        let mut new_format = None;
        if self.config.is_none_or(|known| !S::same_format(&config, &known)) {
            if self.config.is_none() {
                // The end of a frame that began before the first segment is no loss.
                self.junk_bytes = 0;
            }
            self.config = Some(config);
            let format = S::format(config);
            self.clock.set_rate(format.timescale);
            new_format = Some(format);
        }
        let dts = self
            .clock
            .frame(timestamps.map(|timestamps| timestamps.pts), samples);
        if let Some(format) = new_format {
            out.push(Unit::Format(Format {
                presentation_start: S::skipped(config).map(|skipped| dts.saturating_add(i64::from(skipped))),
                ..format
            }));
        }
        out.push(Unit::Sample(Sample {
            dts,
            pts: dts,
            duration: samples,
            sync: true,
            data,
        }));
    }
}

/// Whether bytes begin with a frame, and go on with one as far as they go on.
pub(super) fn begins_with_frame<S: FrameSyntax>(bytes: &[u8]) -> bool {
    S::parse(bytes).is_some_and(|frame| match bytes.get(frame.bytes..) {
        Some(next) if next.len() >= S::HEADER_BYTES => can_follow::<S>(next, &frame),
        next => next.is_some(),
    })
}

/// Whether these bytes can stand behind a frame: another, or an ID3 tag in packed audio.
fn can_follow<S: FrameSyntax>(next: &[u8], frame: &Frame<S::Config>) -> bool {
    next.starts_with(b"ID3") || S::parse(next).is_some_and(|next| S::follows(&next, frame))
}

/// Adds a frame to the last sample, or begins one with it.
fn add<S: FrameSyntax>(groups: &mut Vec<Group<S::Config>>, frame: Frame<S::Config>, at: usize) {
    let goes_on = |group: &Group<S::Config>| {
        group.end == at && (frame.samples == 0 || group.samples < S::SAMPLES_OF_SAMPLE)
    };
    match groups.last_mut() {
        Some(group) if goes_on(group) => {
            group.end += frame.bytes;
            group.samples += frame.samples;
        }
        _ => groups.push(Group {
            begin: at,
            end: at + frame.bytes,
            first: frame,
            samples: frame.samples,
        }),
    }
}

/// Where the first frame begins, and whether it is sure: a frame counts when another that fits follows it.
/// What stands before is junk in any case.
fn find_frame<S: FrameSyntax>(bytes: &[u8], more: More) -> (usize, bool) {
    for at in memchr_iter(S::SYNC_BYTE, bytes) {
        let rest = bytes.get(at..).unwrap_or_default();
        let Some(frame) = S::parse(rest) else {
            if rest.len() < S::HEADER_BYTES && more == More::MayCome {
                return (at, false);
            }
            continue;
        };
        match rest
            .get(frame.bytes..)
            .filter(|next| next.len() >= S::HEADER_BYTES)
        {
            Some(next) if can_follow::<S>(next, &frame) => return (at, true),
            Some(_) => {}
            None => return (at, more == More::Never),
        }
    }
    (bytes.len(), false)
}
