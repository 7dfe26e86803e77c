//! Elementary streams -> access units, one file a codec.

mod aac;
mod ac3;
mod annex_b;
mod buffer;
mod byte_stream;
mod clear;
mod clock;
mod esds;
mod frame_stream;
mod h264;
mod hevc;
mod mpeg_audio;
mod opus;
mod parameter_sets;
mod reader;
mod sample_entry;
mod witness;

use byte_stream::ByteStream;
use frame_stream::{FrameStream, FrameSyntax as _, begins_with_frame};
pub(super) use reader::Reader;
use serde::{Deserialize, Serialize};

use weir_core::protocol::KeyMethod;

use super::evidence::Evidence;
use super::{CLOCK_HZ, DemuxError, Demuxed, Format, Sample, StreamId};
use crate::decrypt::SampleCipher;

pub(super) use witness::Witness;

/// Times of an access unit on the timeline, in [`CLOCK_HZ`] ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Timestamps {
    pub(super) pts: i64,
    pub(super) dts: i64,
}

/// What a codec's reader hands out.
#[derive(Debug)]
pub(super) enum Unit {
    Format(Format),
    Sample(Sample),
    /// What was left out of the stream, in words.
    LeftOut(String),
}

impl Unit {
    /// As what comes out of a demuxer.
    pub(super) fn of(self, stream: StreamId) -> Demuxed {
        match self {
            Self::Format(format) => Demuxed::Format(stream, format),
            Self::Sample(sample) => Demuxed::Sample(stream, sample),
            Self::LeftOut(what) => Demuxed::LeftOut(stream, what),
        }
    }
}

/// Cuts an elementary stream into access units. Units go on across PES packets and segments.
pub(super) trait ElementaryStream: std::fmt::Debug + Send {
    /// Units that begin with what comes now are encrypted like this; None: clear.
    fn set_cipher(&mut self, cipher: Option<SampleCipher>);

    /// A PES packet begins: the times are those of the first access unit that begins in it.
    fn begin_pes(&mut self, timestamps: Option<Timestamps>);

    /// The next bytes.
    fn data(&mut self, bytes: &[u8]);

    /// Hands out the units that are complete.
    fn drain(&mut self, out: &mut Vec<Unit>);

    /// What was decrypted so far says of the key.
    fn evidence(&self) -> &Evidence;

    /// Hands out the last unit too: nothing follows, or what follows does not belong to it.
    fn flush(&mut self, out: &mut Vec<Unit>);

    /// When the unit is expected that begins with the next PES packet.
    fn end(&self) -> Option<i64>;

    /// What a reader of this codec needs to go on from here.
    fn save(&self) -> postcard::Result<Vec<u8>>;

    /// Goes on from there.
    fn restore(&mut self, saved: &[u8]) -> postcard::Result<()>;

    /// What the stream has turned out to be, when that is a form of the codec which is not read.
    fn unsupported(&self) -> Option<&'static str> {
        None
    }
}

/// The codecs of elementary streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Codec {
    /// H.264 in byte stream format.
    H264,
    /// HEVC in byte stream format.
    Hevc,
    /// AAC in ADTS frames.
    Aac,
    /// MP3, and layers I and II.
    MpegAudio,
    /// AC-3.
    Ac3,
    /// E-AC-3.
    Eac3,
    /// Opus with this many channels, 1 to 8.
    Opus(u8),
}

impl Codec {
    /// The codec of packed audio whose frames begin here (RFC 8216, 3.4).
    pub(super) fn of_packed_audio(frames: &[u8]) -> Option<Self> {
        type Test = fn(&[u8]) -> bool;
        let tests: [(Self, Test); 4] = [
            (Self::Aac, begins_with_frame::<aac::Aac>),
            (Self::Ac3, begins_with_frame::<ac3::Ac3>),
            (Self::Eac3, begins_with_frame::<ac3::Eac3>),
            (Self::MpegAudio, begins_with_frame::<mpeg_audio::MpegAudio>),
        ];
        tests
            .into_iter()
            .find(|(_, test)| test(frames))
            .map(|(codec, _)| codec)
    }

    /// A form of audio that is recognised and not read, whose frames begin here.
    pub(super) fn unsupported_packed_audio(frames: &[u8]) -> Option<&'static str> {
        aac::Aac::unsupported(frames).or_else(|| mpeg_audio::MpegAudio::unsupported(frames))
    }

    /// How SAMPLE-AES is called with this codec; None where it is not defined.
    pub(crate) fn sample_aes(self) -> Option<&'static str> {
        match self {
            Self::H264 => Some("SAMPLE-AES encrypted H.264"),
            Self::Aac => Some("SAMPLE-AES encrypted AAC"),
            Self::Ac3 => Some("SAMPLE-AES encrypted AC-3"),
            Self::Eac3 => Some("SAMPLE-AES encrypted E-AC-3"),
            Self::Hevc | Self::MpegAudio | Self::Opus(_) => None,
        }
    }

    /// A reader for a stream of this codec.
    pub(super) fn reader(self) -> Reader {
        Reader::new(self, self.stream())
    }

    fn stream(self) -> Box<dyn ElementaryStream> {
        match self {
            Self::H264 => Box::<ByteStream<h264::H264>>::default(),
            Self::Hevc => Box::<ByteStream<hevc::Hevc>>::default(),
            Self::Aac => Box::<FrameStream<aac::Aac>>::default(),
            Self::MpegAudio => Box::<FrameStream<mpeg_audio::MpegAudio>>::default(),
            Self::Ac3 | Self::Eac3 => Box::<ac3::Either>::default(),
            Self::Opus(1) => Box::<FrameStream<opus::Opus<1>>>::default(),
            Self::Opus(3) => Box::<FrameStream<opus::Opus<3>>>::default(),
            Self::Opus(4) => Box::<FrameStream<opus::Opus<4>>>::default(),
            Self::Opus(5) => Box::<FrameStream<opus::Opus<5>>>::default(),
            Self::Opus(6) => Box::<FrameStream<opus::Opus<6>>>::default(),
            Self::Opus(7) => Box::<FrameStream<opus::Opus<7>>>::default(),
            Self::Opus(8) => Box::<FrameStream<opus::Opus<8>>>::default(),
            Self::Opus(_) => Box::<FrameStream<opus::Opus<2>>>::default(),
        }
    }
}

/// The cipher of an elementary stream, which is called `name`.
///
/// # Errors
/// [`DemuxError::Unsupported`] when the method is not defined for those, [`DemuxError::NoKey`] when all its keys are for
/// what names them: a stream does not.
pub(super) fn for_stream(cipher: &SampleCipher, name: &str) -> Result<SampleCipher, DemuxError> {
    match (cipher.method(), cipher.any()) {
        (KeyMethod::SampleAes, Some(_)) => Ok(cipher.clone()),
        (KeyMethod::SampleAes, None) => Err(DemuxError::NoKey(name.to_owned())),
        (method, _) => Err(DemuxError::Unsupported(format!(
            "{method} outside of fragmented MP4"
        ))),
    }
}
