//! H.264 and HEVC in byte stream format -> access units: the two differ only in what their NAL units say.

use std::ops::Range;

use bytes::{BufMut, Bytes};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::annex_b::{self, NalUnits, Scanner, StartCode, put_unescaped, without_trailing_zeros};
use super::buffer::StreamBuffer;
use super::clock::FrameClock;
use super::{ElementaryStream, Format, Sample, Timestamps, Unit};
use crate::decrypt::{SHORT_NAL_BYTES, SampleCipher};
use crate::demux::evidence::Evidence;

/// An access unit of this size has no end: it is no video.
const MAX_UNIT_BYTES: usize = 64 << 20;

/// What the beginning of a NAL unit says of the access unit it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// A slice.
    Slice(Slice),
    /// Can only stand before the first slice.
    Leading,
    /// Anywhere else.
    Other,
}

/// What a slice's header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slice {
    /// Its place in the picture where that is told, None when it goes on with the picture.
    pub(super) place: Option<u32>,
    /// None when the picture is a whole frame.
    pub(super) field: Option<Field>,
}

/// Half of a frame: two that belong together are one sample (ISO/IEC 14496-15, 5.3.3), whatever stands between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Field {
    /// Which of the two.
    pub(super) bottom: bool,
    /// Number of its frame.
    pub(super) frame: u32,
}

impl Field {
    /// Whether this is the other half of the frame whose first field came before.
    fn completes(self, first: Self) -> bool {
        self.bottom != first.bottom && self.frame == first.frame
    }
}

/// What an access unit is to a decoder that has nothing before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Entry {
    /// It cannot be decoded.
    No,
    /// Decoding can begin, and pictures get whole with time.
    Gradual,
    /// Decoding can begin, and it is right at once.
    Clean,
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
pub(super) trait NalSyntax: Default + std::fmt::Debug + Send + Serialize + DeserializeOwned {
    /// Bytes of a NAL unit that tell its role.
    const HEADER_BYTES: usize;

    /// To which side of the border between two access units the zero counts that a four-byte start code begins with.
    /// The specifications give it to the second; what a demuxer like ffmpeg's does is what files are compared with.
    const ZERO_AT_BORDER: ZeroAtBorder;

    /// The role of a NAL unit that begins with these bytes, of which there is at least one.
    fn role(&self, header: &[u8]) -> Role;

    /// A NAL unit is whole, and its access unit is not yet: what [`NalSyntax::role`] needs to know is taken from it.
    fn look_at(&mut self, _nal: &[u8]) {}

    /// Reads the NAL units of an access unit. Returns whether decoding can begin with it.
    fn read<'a>(&mut self, nal_units: impl Iterator<Item = &'a [u8]>) -> Entry;

    /// Whether SAMPLE-AES encrypts NAL units of this one's type.
    fn is_encrypted(nal: &[u8]) -> bool;

    /// Whether the sequence parameters in use differ from those of the last call.
    fn take_changed(&mut self) -> bool;

    /// How long a picture lasts by the sequence parameters in use, in 90 kHz ticks.
    fn picture_ticks(&self) -> Option<i64> {
        None
    }

    /// The format that the parameter sets seen so far describe; None while some are missing.
    fn format(&self) -> Option<Format>;
}

/// Cuts a byte stream into access units.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(bound = "S: NalSyntax")]
pub(super) struct ByteStream<S> {
    buffer: StreamBuffer,
    scanner: Scanner,
    unit: AccessUnit,
    clock: FrameClock,
    syntax: S,
    /// An entry with its parameter sets has come: what comes before can't be decoded.
    started: bool,
    /// A clean entry has come: until then gradual ones are the only places where players can begin.
    has_clean_entry: bool,
    dropped: u64,
    evidence: Evidence,
    /// Samples that are where their stream was, and wait for it to be taken apart: which of what is handed out, and where.
    #[serde(skip)]
    in_place: Vec<(usize, Range<usize>)>,
}

/// The access unit that is being put together.
#[derive(Debug, Default, Serialize, Deserialize)]
struct AccessUnit {
    /// Where it begins in the buffer; None before the first NAL unit.
    begin: Option<usize>,
    timestamps: Option<Timestamps>,
    nal_units: NalUnits,
    /// Place of its last slice; None before the first slice.
    last_slice: Option<u32>,
    /// It has the first field of a frame alone.
    field: Option<Field>,
    /// Where the next one begins, unless a second field comes: the start code, and how many NAL units stand before.
    border: Option<(StartCode, usize)>,
}

impl<S: NalSyntax> ElementaryStream for ByteStream<S> {
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
            let bytes = self.buffer.len();
            out.push(Unit::LeftOut(format!("{bytes} bytes of video without an end")));
            self.forget();
        }
    }

    fn evidence(&self) -> &Evidence {
        &self.evidence
    }

    fn flush(&mut self, out: &mut Vec<Unit>) {
        self.scan(1, out);
        let end = self.buffer.len();
        self.end_unit(
            StartCode {
                at: end,
                short: end,
                nal: end,
            },
            out,
        );
        self.finish_unit(end, out);
        self.take_apart(end, out);
        self.forget();
        if self.dropped > 0 {
            out.push(Unit::LeftOut(format!(
                "{} pictures before the first that decoding can begin with",
                self.dropped
            )));
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
        self.take_apart(done, out);
        self.scanner.discard(done);
        self.unit.nal_units.discard(done);
        self.unit.begin = self.unit.begin.map(|_| 0);
        if let Some((code, _)) = &mut self.unit.border {
            code.discard(done);
        }
    }

    /// Takes the first `count` bytes out of the buffer, with the samples in them.
    fn take_apart(&mut self, count: usize, out: &mut [Unit]) {
        let bytes = self.buffer.split(count);
        for (place, range) in self.in_place.drain(..) {
            if let Some(Unit::Sample(sample)) = out.get_mut(place) {
                sample.data = bytes.slice(range);
            }
        }
    }

    fn forget(&mut self) {
        self.buffer.discard(usize::MAX);
        self.scanner = Scanner::default();
        self.unit = AccessUnit::default();
    }

    fn nal_unit(&mut self, code: StartCode, out: &mut Vec<Unit>) {
        self.unit.nal_units.close(code.at);
        if let Some(nal) = self.unit.nal_units.last(self.buffer.bytes()) {
            self.syntax.look_at(nal);
        }
        let header = self.buffer.bytes().get(code.nal..).unwrap_or_default();
        let role = self.syntax.role(annex_b::begin_of_nal(header, S::HEADER_BYTES));
        // A delimiter is not always there: an access unit also begins with what can only stand before its first slice,
        // and with a slice that does not go on behind the last one.
        match (role, self.unit.last_slice) {
            (Role::Leading, Some(_)) if self.unit.field.is_some() => {
                let before = self.unit.nal_units.count();
                self.unit.border.get_or_insert((code, before));
            }
            (Role::Leading, Some(_)) => self.end_unit(code, out),
            (Role::Slice(slice), Some(last)) if slice.place.is_some_and(|place| place <= last) => {
                match (self.unit.field.take(), slice.field) {
                    (Some(first), Some(second)) if second.completes(first) => self.unit.border = None,
                    _ => self.end_unit(code, out),
                }
            }
            _ => {}
        }
        if self.unit.begin.is_none() {
            self.begin_unit(code);
        }
        self.unit.nal_units.open(code.nal);
        if let Role::Slice(slice) = role {
            if self.unit.last_slice.is_none() {
                self.unit.field = slice.field;
            }
            self.unit.last_slice = slice.place.or(self.unit.last_slice).or(Some(0));
        }
    }

    fn begin_unit(&mut self, code: StartCode) {
        self.unit.begin = Some(code.at);
        // The zero before it may have come with the PES packet before.
        self.unit.timestamps = self.buffer.take_mark(code.short);
    }

    /// The access unit ends before the NAL unit that begins here; or, when a second field was waited for in vain,
    /// before what stood ahead of it.
    fn end_unit(&mut self, code: StartCode, out: &mut Vec<Unit>) {
        let border = self.unit.border.take();
        let after = border.map(|(_, before)| self.unit.nal_units.split_off(before));
        let (end, _) = border.unwrap_or((code, 0));
        self.finish_unit(
            match S::ZERO_AT_BORDER {
                ZeroAtBorder::BeginsUnit => end.at,
                ZeroAtBorder::EndsUnit => end.short,
            },
            out,
        );
        if let Some(nal_units) = after {
            self.begin_unit(end);
            self.unit.nal_units = nal_units;
        }
    }

    /// Hands out the access unit, which ends before `end`.
    fn finish_unit(&mut self, end: usize, out: &mut Vec<Unit>) {
        let mut unit = std::mem::take(&mut self.unit);
        unit.nal_units.close(end);
        let Some(begin) = unit.begin else {
            return;
        };
        let bytes = self.buffer.bytes();
        let entry = self.syntax.read(unit.nal_units.slices(bytes));
        if unit.last_slice.is_none() {
            tracing::debug!("left out NAL units at the end that belong to no picture");
            return;
        }
        let changed = entry > Entry::No && (self.syntax.take_changed() || !self.started);
        if changed {
            self.clock.expect(self.syntax.picture_ticks());
        }
        let times = self.clock.frame(unit.timestamps);
        if changed {
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
        self.has_clean_entry |= entry == Entry::Clean;
        let data = self.sample(begin..end, &unit.nal_units, out.len());
        out.push(Unit::Sample(Sample {
            dts: times.dts,
            pts: times.pts,
            duration: u32::try_from(self.clock.frame_duration()).unwrap_or(0),
            sync: match entry {
                Entry::Clean => true,
                Entry::Gradual => !self.has_clean_entry,
                Entry::No => false,
            },
            data,
        }));
    }

    /// The bytes of the sample that is handed out at `place`. Nothing where they can stay where they are: they come with
    /// [`Self::take_apart`].
    fn sample(&mut self, range: Range<usize>, nal_units: &NalUnits, place: usize) -> Bytes {
        // The zero at a border can only be in one of two samples that lie behind each other.
        let is_apart = S::ZERO_AT_BORDER == ZeroAtBorder::BeginsUnit && !self.buffer.is_encrypted();
        if is_apart && nal_units.prefix_in_place(self.buffer.bytes_mut(), range.start) {
            self.in_place.push((place, range));
            return Bytes::new();
        }
        nal_units.length_prefixed(self.buffer.bytes(), |begin, nal, out| {
            match self.buffer.cipher_at(begin) {
                Some(cipher) if S::is_encrypted(nal) => {
                    put_decrypted(nal, cipher, &mut self.evidence, out);
                }
                _ => out.put_slice(nal),
            }
        })
    }
}

/// Adds an encrypted NAL unit to a sample, decrypted. Its header is clear, so that only the bytes behind say anything of
/// the key.
pub(super) fn put_decrypted(nal: &[u8], cipher: &SampleCipher, evidence: &mut Evidence, out: &mut Vec<u8>) {
    let (content, zeros) = nal.split_at(without_trailing_zeros(nal).len());
    if content.len() <= SHORT_NAL_BYTES {
        return out.put_slice(nal);
    }
    let at = out.len();
    put_unescaped(content, out);
    evidence.used();
    cipher.nal_unit(out.get_mut(at..).unwrap_or_default(), |blocks| {
        evidence.nal_bytes(blocks, blocks.len());
    });
    out.put_slice(zeros);
}

#[cfg(test)]
mod tests {
    use aes::Aes128;
    use aes::cipher::{Block, BlockModeEncrypt as _, KeyIvInit as _};
    use weir_core::protocol::{Iv, KeyMethod};

    use super::*;
    use crate::decrypt::Declaration;
    use crate::keys::Key;

    /// Zeros never stand in a NAL unit: a key that makes some is wrong.
    #[test]
    fn decrypted_slices_are_weighed() {
        for (block, is_wrong) in [([0; 16], true), ([7; 16], false)] {
            let mut block: Block<Aes128> = block.into();
            let mut cbc = cbc::Encryptor::<Aes128>::new(&[1; 16].into(), &[2; 16].into());
            cbc.encrypt_blocks(std::slice::from_mut(&mut block));
            let nal = [&[0x65][..], &[9; 31], &block, &[9; 16]].concat();
            let key = Some(Key::Bits128([1; 16]));
            let cipher =
                SampleCipher::new(KeyMethod::SampleAes, Iv([2; 16]), Declaration::Playlist, key, &[])
                    .unwrap();
            let (mut evidence, mut out) = (Evidence::default(), Vec::new());
            put_decrypted(&nal, &cipher, &mut evidence, &mut out);
            assert_eq!(out.len(), nal.len());
            assert_eq!(evidence.check().is_err(), is_wrong);
            assert!(evidence.proof().is_some());
        }
    }
}
