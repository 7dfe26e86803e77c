//! H.264 and HEVC in byte stream format -> access units: the two differ only in what their NAL units say.

use super::annex_b::{NalUnits, Scanner, StartCode};
use super::buffer::StreamBuffer;
use super::clock::FrameClock;
use super::{ElementaryStream, Format, Sample, Timestamps, Unit};

/// An access unit of this size has no end: it is no video.
const MAX_UNIT_BYTES: usize = 64 << 20;

/// What the beginning of a NAL unit says of the access unit it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// A slice; its place in the picture where that is told, None when it goes on with the picture.
    Slice(Option<u32>),
    /// Can only stand before the first slice.
    Leading,
    /// Anywhere else.
    Other,
}

/// See [`NalSyntax::ZERO_AT_BORDER`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ZeroAtBorder {
    /// It is no part of a NAL unit, as within an access unit.
    BeginsUnit,
    /// It trails the last NAL unit.
    EndsUnit,
}

/// How a codec's NAL units are read.
pub(super) trait NalSyntax: Default + std::fmt::Debug + Send {
    /// Bytes of a NAL unit that tell its role.
    const HEADER_BYTES: usize;

    /// To which side of the border between two access units the zero counts that a four-byte start code begins with.
    /// The specifications give it to the second; what a demuxer like ffmpeg's does is what files are compared with.
    const ZERO_AT_BORDER: ZeroAtBorder;

    /// The role of a NAL unit that begins with these bytes, of which there is at least one.
    fn role(header: &[u8]) -> Role;

    /// Reads a whole NAL unit. Returns whether it makes its access unit one that decoding can start at.
    fn read(&mut self, nal: &[u8]) -> bool;

    /// Whether [`NalSyntax::read`] has seen other sequence parameters since the last call.
    fn take_changed(&mut self) -> bool;

    /// The format that the parameter sets seen so far describe; None while some are missing.
    fn format(&self) -> Option<Format>;
}

/// Cuts a byte stream into access units.
#[derive(Debug, Default)]
pub(super) struct ByteStream<S> {
    buffer: StreamBuffer,
    scanner: Scanner,
    unit: AccessUnit,
    clock: FrameClock,
    syntax: S,
    /// A key frame with its parameter sets has come: what comes before can't be decoded.
    started: bool,
    dropped: u64,
}

/// The access unit that is being put together.
#[derive(Debug, Default)]
struct AccessUnit {
    /// Where it begins in the buffer; None before the first NAL unit.
    begin: Option<usize>,
    timestamps: Option<Timestamps>,
    nal_units: NalUnits,
    /// Place of its last slice; None before the first slice.
    last_slice: Option<u32>,
}

impl<S: NalSyntax> ElementaryStream for ByteStream<S> {
    fn begin_pes(&mut self, timestamps: Option<Timestamps>) {
        if let Some(timestamps) = timestamps {
            self.clock.mark(timestamps.dts);
            self.buffer.mark(timestamps);
        }
    }

    fn data(&mut self, bytes: &[u8]) {
        self.buffer.extend(bytes);
    }

    fn drain(&mut self, out: &mut Vec<Unit>) {
        self.scan(S::HEADER_BYTES, out);
        if self.buffer.len() > MAX_UNIT_BYTES {
            tracing::warn!("left out {MAX_UNIT_BYTES} bytes of video without an end");
            self.forget();
        }
    }

    fn flush(&mut self, out: &mut Vec<Unit>) {
        self.scan(1, out);
        self.finish_unit(self.buffer.len(), out);
        self.forget();
        if self.dropped > 0 {
            tracing::info!(
                dropped = self.dropped,
                "left out pictures before the first key frame"
            );
            self.dropped = 0;
        }
    }

    fn end(&self) -> Option<i64> {
        self.clock.end()
    }
}

impl<S: NalSyntax> ByteStream<S> {
    /// Reads the NAL units of which this many bytes are there.
    fn scan(&mut self, header_bytes: usize, out: &mut Vec<Unit>) {
        while let Some(code) = self.scanner.next(self.buffer.bytes(), header_bytes) {
            self.nal_unit(code, out);
        }
        let done = self.unit.begin.unwrap_or(self.scanner.searched());
        self.buffer.discard(done);
        self.scanner.discard(done);
        self.unit.nal_units.discard(done);
        self.unit.begin = self.unit.begin.map(|_| 0);
    }

    fn forget(&mut self) {
        self.buffer.discard(usize::MAX);
        self.scanner = Scanner::default();
        self.unit = AccessUnit::default();
    }

    fn nal_unit(&mut self, code: StartCode, out: &mut Vec<Unit>) {
        let header = self.buffer.bytes().get(code.nal..).unwrap_or_default();
        let role = S::role(header.get(..S::HEADER_BYTES).unwrap_or(header));
        // A delimiter is not always there: an access unit also begins with what can only stand before its first slice,
        // and with a slice that does not go on behind the last one.
        let begins = match (role, self.unit.last_slice) {
            (Role::Slice(Some(place)), Some(last)) => place <= last,
            (Role::Leading, Some(_)) => true,
            _ => false,
        };
        if begins {
            let end = match S::ZERO_AT_BORDER {
                ZeroAtBorder::BeginsUnit => code.at,
                ZeroAtBorder::EndsUnit => code.short,
            };
            self.finish_unit(end, out);
        }
        if self.unit.begin.is_none() {
            self.unit.begin = Some(code.at);
            self.unit.timestamps = self.buffer.take_mark(code.at);
        }
        self.unit.nal_units.close(code.at);
        self.unit.nal_units.open(code.nal);
        if let Role::Slice(place) = role {
            self.unit.last_slice = place.or(self.unit.last_slice).or(Some(0));
        }
    }

    /// Hands out the access unit, which ends before `end`.
    fn finish_unit(&mut self, end: usize, out: &mut Vec<Unit>) {
        let mut unit = std::mem::take(&mut self.unit);
        unit.nal_units.close(end);
        if unit.begin.is_none() {
            return;
        }
        let times = self.clock.frame(unit.timestamps);
        let bytes = self.buffer.bytes();
        let mut key = false;
        for nal in unit.nal_units.slices(bytes) {
            key |= self.syntax.read(nal);
        }
        if key && (self.syntax.take_changed() || !self.started) {
            if let Some(format) = self.syntax.format() {
                self.started = true;
                out.push(Unit::Format(format));
            } else {
                tracing::warn!("a key frame without its parameter sets");
            }
        }
        if !self.started {
            self.dropped += 1;
            return;
        }
        out.push(Unit::Sample(Sample {
            dts: times.dts,
            pts: times.pts,
            duration: u32::try_from(self.clock.frame_duration()).unwrap_or(0),
            sync: key,
            data: unit.nal_units.length_prefixed(bytes),
        }));
    }
}
