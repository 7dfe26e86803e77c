//! H.264 in byte stream format (ISO/IEC 14496-10, annex B) -> access units as ISO/IEC 14496-15 stores them.

use std::collections::BTreeMap;

use bytes::{BufMut, Bytes};
use h264_reader::nal::sps::{FrameMbsFlags, SeqParameterSet};
use h264_reader::rbsp::{BitRead, BitReader, BitReaderError, ByteReader, decode_nal};
use serde::{Deserialize, Serialize};

use super::annex_b::LENGTH_BYTES;
use super::byte_stream::{Entry, Field, NalSyntax, Role, Slice, ZeroAtBorder};
use super::parameter_sets::ParameterSets;
use super::sample_entry::{self, Picture};
use super::{CLOCK_HZ, Format};

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

/// `slice_type` of I and SI slices, modulo 5 (table 7-6).
const INTRA_SLICES: [u32; 2] = [2, 4];

/// What H.264's NAL units say.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct H264 {
    sps: ParameterSets,
    pps: ParameterSets,
    /// The picture parameter set of the last picture read.
    pps_in_use: u32,
    /// The sequence parameter set that the last format was made of.
    described: Option<Bytes>,
    fields: FieldCoding,
}

impl NalSyntax for H264 {
    /// Type and all of a slice header up to `bottom_field_flag`.
    const HEADER_BYTES: usize = 20;

    const ZERO_AT_BORDER: ZeroAtBorder = ZeroAtBorder::BeginsUnit;

    /// See 7.4.1.2.3.
    fn role(&self, header: &[u8]) -> Role {
        match nal_unit_type(header) {
            nal_type::SLICE | nal_type::PARTITION_A | nal_type::IDR_SLICE => {
                let slice = SliceHeader::parse(header).unwrap_or_default();
                Role::Slice(Slice {
                    place: Some(slice.first_mb),
                    field: self.fields.of(&slice, header),
                })
            }
            nal_type::SEI..=nal_type::ACCESS_UNIT_DELIMITER => Role::Leading,
            _ => Role::Other,
        }
    }

    fn look_at(&mut self, nal: &[u8]) {
        match nal_unit_type(nal) {
            nal_type::SPS => self.fields.add_sps(nal),
            nal_type::PPS => self.fields.add_pps(nal),
            _ => {}
        }
    }

    fn read<'a>(&mut self, nal_units: impl Iterator<Item = &'a [u8]>) -> Entry {
        let mut entry = Entry::No;
        let (mut has_sps, mut first_slice) = (false, None);
        for nal in nal_units {
            match nal_unit_type(nal) {
                nal_type::IDR_SLICE => {
                    entry = Entry::Clean;
                    first_slice = first_slice.or(SliceHeader::parse(nal));
                }
                nal_type::SLICE | nal_type::PARTITION_A => {
                    first_slice = first_slice.or(SliceHeader::parse(nal));
                }
                nal_type::SEI => entry = entry.max(recovery_point(nal)),
                nal_type::SPS => {
                    has_sps = true;
                    self.sps.add(sps_id(nal), nal);
                }
                nal_type::PPS => self.pps.add(leading_ue(nal, 1), nal),
                _ => {}
            }
        }
        if let Some(slice) = first_slice {
            self.pps_in_use = slice.pps;
            // Some encoders mark the entries of an open GOP by their parameter sets alone.
            if has_sps && INTRA_SLICES.contains(&(slice.kind % 5)) {
                entry = entry.max(Entry::Gradual);
            }
        }
        entry
    }

    fn is_encrypted(nal: &[u8]) -> bool {
        matches!(nal_unit_type(nal), nal_type::SLICE | nal_type::IDR_SLICE)
    }

    fn take_changed(&mut self) -> bool {
        let in_use = self.sps_in_use().cloned();
        let changed = in_use != self.described;
        self.described = in_use;
        changed
    }

    /// A picture lasts two ticks (E.2.1).
    fn picture_ticks(&self) -> Option<i64> {
        let timing = parse_sps(self.sps_in_use()?)?.vui_parameters?.timing_info?;
        let ticks = 2 * i64::from(timing.num_units_in_tick) * i64::from(CLOCK_HZ);
        ticks.checked_div(i64::from(timing.time_scale))
    }

    fn format(&self) -> Option<Format> {
        let sps = self.sps_in_use()?;
        let [_, profile, constraints, level, ..] = **sps else {
            return None;
        };
        self.pps.first()?;
        let picture = picture(sps);
        Some(Format {
            codec: format!("avc1.{profile:02x}{constraints:02x}{level:02x}"),
            timescale: CLOCK_HZ,
            sample_entry: sample_entry::visual(*b"avc1", picture, (b"avcC", &self.configuration(sps))),
            display: picture.display(),
            presentation_start: None,
        })
    }
}

impl H264 {
    /// The sequence parameter set of the last picture read.
    fn sps_in_use(&self) -> Option<&Bytes> {
        let named = self.pps.get(self.pps_in_use).and_then(|pps| pps_sps_id(pps));
        named.and_then(|id| self.sps.get(id)).or(self.sps.first())
    }

    /// `AVCDecoderConfigurationRecord` (ISO/IEC 14496-15, 5.3.3.1).
    fn configuration(&self, first_sps: &[u8]) -> Vec<u8> {
        let mut out = vec![1];
        out.put_slice(first_sps.get(1..4).unwrap_or(&[0; 3]));
        out.push(0xfc | u8::try_from(LENGTH_BYTES - 1).unwrap_or(3));
        // Reserved bits are ones; the counts have 5 and 8 bits, and ids go up to 31 and 255.
        let (sps_count, pps_count) = (self.sps.count(31), self.pps.count(255));
        out.push(0xe0 | sps_count);
        self.sps.write(&mut out, sps_count);
        out.push(pps_count);
        self.pps.write(&mut out, pps_count);
        if matches!(first_sps.get(1), Some(100 | 110 | 122 | 144)) {
            let chroma = parse_sps(first_sps).map(|sps| sps.chroma_info);
            let (format, luma_depth, chroma_depth) = chroma.map_or((1, 0, 0), |chroma| {
                let format = u8::try_from(chroma.chroma_format.to_u32()).unwrap_or(1);
                (
                    format,
                    chroma.bit_depth_luma_minus8,
                    chroma.bit_depth_chroma_minus8,
                )
            });
            out.put_slice(&[
                0xfc | format & 3,
                0xf8 | luma_depth & 7,
                0xf8 | chroma_depth & 7,
                0,
            ]);
        }
        out
    }
}

fn nal_unit_type(nal: &[u8]) -> u8 {
    nal.first().map_or(0, |byte| byte & 0x1f)
}

/// The number that the bits from this byte on begin with.
fn leading_ue(nal: &[u8], at: usize) -> u32 {
    BitReader::new(nal.get(at..).unwrap_or_default())
        .read_ue("parameter set id")
        .unwrap_or(0)
}

/// It stands behind profile, constraints and level.
fn sps_id(nal: &[u8]) -> u32 {
    leading_ue(nal, 4)
}

/// The sequence parameter set that a picture parameter set goes with.
fn pps_sps_id(nal: &[u8]) -> Option<u32> {
    let mut bits = BitReader::new(ByteReader::skipping_h264_header(nal));
    bits.read_ue("pic_parameter_set_id").ok()?;
    bits.read_ue("seq_parameter_set_id").ok()
}

/// What every slice header begins with (7.3.3).
#[derive(Debug, Clone, Copy, Default)]
struct SliceHeader {
    first_mb: u32,
    kind: u32,
    pps: u32,
}

impl SliceHeader {
    fn parse(nal: &[u8]) -> Option<Self> {
        Self::read(&mut BitReader::new(ByteReader::skipping_h264_header(nal))).ok()
    }

    fn read(bits: &mut impl BitRead) -> Result<Self, BitReaderError> {
        Ok(Self {
            first_mb: bits.read_ue("first_mb_in_slice")?,
            kind: bits.read_ue("slice_type")?,
            pps: bits.read_ue("pic_parameter_set_id")?,
        })
    }
}

/// What tells the fields of interlaced pictures apart: few streams have any.
#[derive(Debug, Default, Serialize, Deserialize)]
struct FieldCoding {
    /// By the ids of sequence parameter sets that allow fields.
    sps: BTreeMap<u32, FrameNumber>,
    /// Which sequence parameter set each picture parameter set goes with.
    sps_of_pps: BTreeMap<u32, u32>,
}

/// How `frame_num` is written.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct FrameNumber {
    /// Bits of `colour_plane_id`, which stands before.
    colour_plane_bits: u32,
    bits: u32,
}

impl FieldCoding {
    fn add_sps(&mut self, nal: &[u8]) {
        self.sps.remove(&sps_id(nal));
        if let Some(sps) = parse_sps(nal)
            && let FrameMbsFlags::Fields { .. } = sps.frame_mbs_flags
        {
            let number = FrameNumber {
                colour_plane_bits: if sps.chroma_info.separate_colour_plane_flag {
                    2
                } else {
                    0
                },
                bits: u32::from(sps.log2_max_frame_num()),
            };
            self.sps.insert(sps_id(nal), number);
        }
    }

    fn add_pps(&mut self, nal: &[u8]) {
        if let Some(sps) = pps_sps_id(nal)
            && leading_ue(nal, 1) < 256
        {
            self.sps_of_pps.insert(leading_ue(nal, 1), sps);
        }
    }

    /// None when the picture is a frame, as it is for nearly all streams.
    fn of(&self, slice: &SliceHeader, header: &[u8]) -> Option<Field> {
        let number = self.sps.get(self.sps_of_pps.get(&slice.pps)?)?;
        let mut bits = BitReader::new(ByteReader::skipping_h264_header(header));
        SliceHeader::read(&mut bits).ok()?;
        bits.skip(number.colour_plane_bits, "colour_plane_id").ok()?;
        let frame = bits.read_var(number.bits, "frame_num").ok()?;
        let is_field = bits.read_bit("field_pic_flag").ok()?;
        let bottom = is_field && bits.read_bit("bottom_field_flag").ok()?;
        is_field.then_some(Field { bottom, frame })
    }
}

fn parse_sps(nal: &[u8]) -> Option<SeqParameterSet> {
    SeqParameterSet::from_bits(BitReader::new(ByteReader::skipping_h264_header(nal)))
        .inspect_err(|error| tracing::warn!(?error, "cannot read a sequence parameter set"))
        .ok()
}

/// The picture that a parameter set describes. Decoders read the set themselves: when it is too odd for our reader, a
/// size of zero is no reason to give up.
fn picture(nal: &[u8]) -> Picture {
    // No level has pictures of so many macroblocks, and their reader multiplies.
    let sps = parse_sps(nal).filter(|sps| sps.pic_height_in_map_units_minus1 < 1 << 16);
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

/// What an SEI NAL unit says of decoding that starts here (D.2.8): an open GOP, or gradual refresh.
fn recovery_point(nal: &[u8]) -> Entry {
    const RECOVERY_POINT: usize = 6;
    let Ok(payloads) = decode_nal(nal) else {
        return Entry::No;
    };
    let mut rest = &payloads[..];
    while let (Some(kind), Some(size)) = (sei_number(&mut rest), sei_number(&mut rest)) {
        let Some(payload) = rest.split_off(..size) else {
            break;
        };
        if kind == RECOVERY_POINT {
            return match BitReader::new(payload).read_ue("recovery_frame_cnt") {
                Ok(0) => Entry::Clean,
                Ok(_) => Entry::Gradual,
                Err(_) => Entry::No,
            };
        }
    }
    Entry::No
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
