//! H.264 in byte stream format (ISO/IEC 14496-10, annex B) -> access units as ISO/IEC 14496-15 stores them.

use std::collections::BTreeMap;

use bytes::{BufMut, Bytes};
use h264_reader::nal::sps::SeqParameterSet;
use h264_reader::rbsp::{BitRead, BitReader, ByteReader, decode_nal};

use super::annex_b::{LENGTH_BYTES, NalUnits, Scanner, StartCode};
use super::buffer::StreamBuffer;
use super::clock::FrameClock;
use super::sample_entry::{self, Picture};
use super::{CLOCK_HZ, ElementaryStream, Format, Sample, Timestamps, Unit};

/// NAL unit types (table 7-1).
mod nal_type {
    pub(super) const SLICE: u8 = 1;
    pub(super) const PARTITION_A: u8 = 2;
    pub(super) const IDR_SLICE: u8 = 5;
    pub(super) const SEI: u8 = 6;
    pub(super) const SPS: u8 = 7;
    pub(super) const PPS: u8 = 8;
    pub(super) const ACCESS_UNIT_DELIMITER: u8 = 9;
}

/// Bytes of a NAL unit that are enough to read its type and `first_mb_in_slice`.
const HEADER_BYTES: usize = 8;

/// Cuts an H.264 byte stream into access units.
#[derive(Debug, Default)]
pub(super) struct H264 {
    buffer: StreamBuffer,
    scanner: Scanner,
    unit: AccessUnit,
    clock: FrameClock,
    parameter_sets: ParameterSets,
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
    /// `first_mb_in_slice` of its last slice; None before the first slice.
    last_first_mb: Option<u32>,
    idr: bool,
}

impl ElementaryStream for H264 {
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
        self.scan(HEADER_BYTES, out);
    }

    fn flush(&mut self, out: &mut Vec<Unit>) {
        self.scan(1, out);
        self.finish_unit(self.buffer.len(), out);
        self.buffer.discard(usize::MAX);
        self.scanner = Scanner::default();
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

impl H264 {
    /// Reads the NAL units of which this many bytes are there.
    fn scan(&mut self, header_bytes: usize, out: &mut Vec<Unit>) {
        while let Some(code) = self.scanner.next(self.buffer.bytes(), header_bytes) {
            self.nal_unit(code, out);
        }
        let done = self.unit.begin.unwrap_or(0);
        self.buffer.discard(done);
        self.scanner.discard(done);
        self.unit.nal_units.discard(done);
        self.unit.begin = self.unit.begin.map(|_| 0);
    }

    fn nal_unit(&mut self, code: StartCode, out: &mut Vec<Unit>) {
        let header = self.buffer.bytes().get(code.nal..).unwrap_or_default();
        let header = header.get(..HEADER_BYTES).unwrap_or(header);
        let kind = header.first().map_or(0, |byte| byte & 0x1f);
        let first_mb = match kind {
            nal_type::SLICE | nal_type::PARTITION_A | nal_type::IDR_SLICE => Some(first_mb_in_slice(header)),
            _ => None,
        };
        // A delimiter is not always there: an access unit also begins with what can only stand before its first slice
        // (7.4.1.2.3), and with a slice that does not go on behind the last one.
        let begins = match (kind, first_mb, self.unit.last_first_mb) {
            (_, Some(first_mb), Some(last)) => first_mb <= last,
            (nal_type::SEI..=nal_type::ACCESS_UNIT_DELIMITER, None, Some(_)) => true,
            _ => false,
        };
        if begins {
            self.finish_unit(code.at, out);
        }
        if self.unit.begin.is_none() {
            self.unit.begin = Some(code.at);
            self.unit.timestamps = self.buffer.take_mark(code.at);
        }
        self.unit.nal_units.close(code.at);
        self.unit.nal_units.open(code.nal);
        self.unit.last_first_mb = first_mb.or(self.unit.last_first_mb);
        self.unit.idr |= kind == nal_type::IDR_SLICE;
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
        let mut key = unit.idr;
        let mut changed = false;
        for nal in unit.nal_units.slices(bytes) {
            match nal.first().map_or(0, |byte| byte & 0x1f) {
                nal_type::SPS => changed |= self.parameter_sets.add_sps(without_trailing_zeros(nal)),
                nal_type::PPS => self.parameter_sets.add_pps(without_trailing_zeros(nal)),
                nal_type::SEI => key |= is_recovery_point(nal),
                _ => {}
            }
        }
        if (changed || !self.started) && key {
            match self.parameter_sets.format() {
                Some(format) => {
                    self.started = true;
                    out.push(Unit::Format(format));
                }
                None if self.started => {
                    tracing::warn!("a sequence parameter set without picture parameter set");
                }
                None => {}
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

/// The parameter sets that hold now, by their ids.
#[derive(Debug, Default)]
struct ParameterSets {
    sps: BTreeMap<u32, Bytes>,
    pps: BTreeMap<u32, Bytes>,
}

impl ParameterSets {
    /// Returns whether it is new or differs from the one with its id.
    fn add_sps(&mut self, nal: &[u8]) -> bool {
        // The id stands behind profile, constraints and level.
        let id = BitReader::new(nal.get(4..).unwrap_or_default())
            .read_ue("seq_parameter_set_id")
            .unwrap_or(0);
        let changed = self.sps.get(&id).is_none_or(|known| known != nal);
        if changed {
            self.sps.insert(id, Bytes::copy_from_slice(nal));
        }
        changed
    }

    fn add_pps(&mut self, nal: &[u8]) {
        let id = BitReader::new(nal.get(1..).unwrap_or_default())
            .read_ue("pic_parameter_set_id")
            .unwrap_or(0);
        if self.pps.get(&id).is_none_or(|known| known != nal) {
            self.pps.insert(id, Bytes::copy_from_slice(nal));
        }
    }

    /// None before both kinds are there.
    fn format(&self) -> Option<Format> {
        let sps = self.sps.values().next()?;
        let [_, profile, constraints, level, ..] = **sps else {
            return None;
        };
        self.pps.values().next()?;
        let picture = picture(sps);
        Some(Format {
            codec: format!("avc1.{profile:02x}{constraints:02x}{level:02x}"),
            timescale: CLOCK_HZ,
            sample_entry: sample_entry::visual(*b"avc1", picture, (b"avcC", &self.configuration(sps))),
            display: picture.display(),
            presentation_start: None,
        })
    }

    /// `AVCDecoderConfigurationRecord` (ISO/IEC 14496-15, 5.3.3.1).
    fn configuration(&self, first_sps: &[u8]) -> Vec<u8> {
        let mut out = vec![1];
        out.put_slice(first_sps.get(1..4).unwrap_or(&[0; 3]));
        out.push(0xfc | u8::try_from(LENGTH_BYTES - 1).unwrap_or(3));
        // The counts have 5 and 8 bits: ids go up to 31 and 255.
        let put_sets = |out: &mut Vec<u8>, count_marks: u8, max: usize, sets: &BTreeMap<u32, Bytes>| {
            let count = sets.len().min(max);
            out.push(count_marks | u8::try_from(count).unwrap_or(0));
            for set in sets.values().take(count) {
                out.put_u16(u16::try_from(set.len()).unwrap_or(u16::MAX));
                out.put_slice(set.get(..usize::from(u16::MAX)).unwrap_or(set));
            }
        };
        put_sets(&mut out, 0xe0, 31, &self.sps);
        put_sets(&mut out, 0, 255, &self.pps);
        if matches!(first_sps.get(1), Some(100 | 110 | 122 | 144)) {
            let chroma = parse_sps(first_sps).map(|sps| sps.chroma_info);
            let depth = |bits: u8| 0xf8 | bits & 7;
            out.push(
                0xfc | chroma
                    .as_ref()
                    .map_or(1, |chroma| chroma.chroma_format.to_u32().to_be_bytes()[3] & 3),
            );
            out.push(depth(
                chroma.as_ref().map_or(0, |chroma| chroma.bit_depth_luma_minus8),
            ));
            out.push(depth(
                chroma.as_ref().map_or(0, |chroma| chroma.bit_depth_chroma_minus8),
            ));
            out.push(0);
        }
        out
    }
}

/// Zero bytes between a NAL unit and the next start code (B.1) are no part of it.
fn without_trailing_zeros(nal: &[u8]) -> &[u8] {
    let length = nal.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    nal.get(..length).unwrap_or(nal)
}

fn parse_sps(nal: &[u8]) -> Option<SeqParameterSet> {
    SeqParameterSet::from_bits(BitReader::new(ByteReader::skipping_h264_header(nal)))
        .inspect_err(|error| tracing::warn!(?error, "cannot read a sequence parameter set"))
        .ok()
}

/// The picture that a parameter set describes. Decoders read the set themselves: when it is too odd for our reader, a
/// size of zero is no reason to give up.
fn picture(nal: &[u8]) -> Picture {
    let sps = parse_sps(nal);
    let (width, height) = sps
        .as_ref()
        .and_then(|sps| sps.pixel_dimensions().ok())
        .unwrap_or((0, 0));
    let aspect = sps.and_then(|sps| sps.vui_parameters?.aspect_ratio_info?.get());
    Picture {
        width: u16::try_from(width).unwrap_or(0),
        height: u16::try_from(height).unwrap_or(0),
        pixel_aspect: aspect
            .filter(|&(width, height)| width > 0 && height > 0)
            .unwrap_or((1, 1)),
    }
}

fn first_mb_in_slice(header: &[u8]) -> u32 {
    BitReader::new(ByteReader::skipping_h264_header(header))
        .read_ue("first_mb_in_slice")
        .unwrap_or(0)
}

/// Whether an SEI NAL unit says that decoding can start here and pictures are right at once (D.2.8): an open GOP.
fn is_recovery_point(nal: &[u8]) -> bool {
    const RECOVERY_POINT: usize = 6;
    let Ok(payloads) = decode_nal(nal) else {
        return false;
    };
    let mut rest = &payloads[..];
    while let (Some(kind), Some(size)) = (sei_number(&mut rest), sei_number(&mut rest)) {
        let Some(payload) = rest.split_off(..size) else {
            return false;
        };
        if kind == RECOVERY_POINT {
            return BitReader::new(payload)
                .read_ue("recovery_frame_cnt")
                .is_ok_and(|count| count == 0);
        }
    }
    false
}

/// A number of an SEI message: bytes of 255 and a last one, added up.
fn sei_number(rest: &mut &[u8]) -> Option<usize> {
    let mut number: usize = 0;
    loop {
        let byte = *rest.split_off_first()?;
        number = number.checked_add(usize::from(byte))?;
        if byte != 255 {
            return Some(number);
        }
    }
}
