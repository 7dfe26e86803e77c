//! Elementary streams -> access units, one file a codec.

mod aac;
mod annex_b;
mod buffer;
mod clock;
mod esds;
mod h264;
mod sample_entry;

use super::{CLOCK_HZ, Format, Sample};

/// Times of an access unit on the timeline, in [`CLOCK_HZ`] ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Timestamps {
    pub(super) pts: i64,
    pub(super) dts: i64,
}

/// What a codec's reader hands out.
#[derive(Debug)]
pub(super) enum Unit {
    Format(Format),
    Sample(Sample),
}

/// Cuts an elementary stream into access units. Units go on across PES packets and segments.
pub(super) trait ElementaryStream: std::fmt::Debug + Send {
    /// A PES packet begins: the times are those of the first access unit that begins in it.
    fn begin_pes(&mut self, timestamps: Option<Timestamps>);

    /// The next bytes.
    fn data(&mut self, bytes: &[u8]);

    /// Hands out the units that are complete.
    fn drain(&mut self, out: &mut Vec<Unit>);

    /// Hands out the last unit too: nothing follows, or what follows does not belong to it.
    fn flush(&mut self, out: &mut Vec<Unit>);

    /// When the unit is expected that begins with the next PES packet.
    fn end(&self) -> Option<i64>;
}

/// The codecs of elementary streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Codec {
    H264,
    /// AAC in ADTS frames.
    Aac,
}

impl Codec {
    /// A reader for a stream of this codec.
    pub(super) fn reader(self) -> Box<dyn ElementaryStream> {
        match self {
            Self::H264 => Box::<h264::H264>::default(),
            Self::Aac => Box::<aac::Aac>::default(),
        }
    }
}
