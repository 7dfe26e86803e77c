//! HEVC in byte stream format (ISO/IEC 23008-2, annex B) -> access units as ISO/IEC 14496-15 stores them.

use std::fmt::Write;
use std::num::NonZeroUsize;

use bytes::{BufMut, Bytes};
use h264_reader::rbsp::{BitRead, BitReader, BitReaderError, ByteReader};
use serde::{Deserialize, Serialize};

use super::annex_b::LENGTH_BYTES;
use super::byte_stream::{Entry, NalSyntax, Role, Slice, ZeroAtBorder};
use super::parameter_sets::ParameterSets;
use super::sample_entry::{self, Picture};
use super::{CLOCK_HZ, Format};

/// NAL unit types (table 7-1).
mod nal_type {
    pub(super) const LAST_SLICE: u8 = 31;
    pub(super) const FIRST_RANDOM_ACCESS: u8 = 16;
    pub(super) const LAST_RANDOM_ACCESS: u8 = 23;
    pub(super) const VPS: u8 = 32;
    pub(super) const SPS: u8 = 33;
    pub(super) const PPS: u8 = 34;
    pub(super) const ACCESS_UNIT_DELIMITER: u8 = 35;
    pub(super) const PREFIX_SEI: u8 = 39;
}

/// Bytes of a NAL unit header.
const NAL_HEADER: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1);

/// What HEVC's NAL units say.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Hevc {
    vps: ParameterSets,
    sps: ParameterSets,
    pps: ParameterSets,
    /// The picture parameter set of the last picture read.
    pps_in_use: u32,
    /// The sequence parameter set that the last format was made of.
    described: Option<Bytes>,
}

impl NalSyntax for Hevc {
    /// The header, and the bit `first_slice_segment_in_pic_flag`.
    const HEADER_BYTES: usize = 3;

    const ZERO_AT_BORDER: ZeroAtBorder = ZeroAtBorder::EndsUnit;

    /// See 7.4.2.4.4.
    fn role(&self, header: &[u8]) -> Role {
        let layer = match header {
            [first, second, ..] => (first & 1) << 5 | second >> 3,
            _ => 0,
        };
        match nal_unit_type(header) {
            _ if layer > 0 => Role::Other,
            0..=nal_type::LAST_SLICE => {
                let first_of_picture = header.get(2).is_some_and(|byte| byte & 0x80 != 0);
                // Fields are pictures, and samples, of their own (ISO/IEC 14496-15, 8.3.2).
                Role::Slice(Slice {
                    place: first_of_picture.then_some(0),
                    field: None,
                })
            }
            nal_type::VPS..=nal_type::ACCESS_UNIT_DELIMITER | nal_type::PREFIX_SEI | 41..=44 | 48..=55 => {
                Role::Leading
            }
            _ => Role::Other,
        }
    }

    fn read<'a>(&mut self, nal_units: impl Iterator<Item = &'a [u8]>) -> Entry {
        let mut entry = Entry::No;
        for nal in nal_units {
            let kind = nal_unit_type(nal);
            match kind {
                nal_type::VPS => {
                    let id = nal.get(2).map_or(0, |byte| u32::from(byte >> 4));
                    self.vps.add(id, nal);
                }
                nal_type::SPS => {
                    let id = Sps::parse(nal).map_or(0, |sps| sps.id);
                    self.sps.add(id, nal);
                }
                nal_type::PPS => {
                    let id = rbsp(nal).read_ue("pps_pic_parameter_set_id").unwrap_or(0);
                    self.pps.add(id, nal);
                }
                nal_type::FIRST_RANDOM_ACCESS..=nal_type::LAST_RANDOM_ACCESS => {
                    entry = Entry::Clean;
                    self.pps_in_use = slice_pps_id(nal).unwrap_or(self.pps_in_use);
                }
                _ => {}
            }
        }
        entry
    }

    /// Not defined for HEVC in byte streams; who reads them refuses them.
    fn is_encrypted(_: &[u8]) -> bool {
        false
    }

    fn take_changed(&mut self) -> bool {
        let in_use = self.sps_in_use().cloned();
        let changed = in_use != self.described;
        self.described = in_use;
        changed
    }

    fn format(&self) -> Option<Format> {
        self.vps.first()?;
        self.pps.first()?;
        let sps = Sps::parse(self.sps_in_use()?)?;
        Some(Format {
            codec: sps.codec(),
            timescale: CLOCK_HZ,
            sample_entry: sample_entry::visual(*b"hvc1", sps.picture, (b"hvcC", &self.configuration(&sps))),
            display: sps.picture.display(),
            presentation_start: None,
        })
    }
}

impl Hevc {
    /// The sequence parameter set of the last picture read.
    fn sps_in_use(&self) -> Option<&Bytes> {
        let named = self.pps.get(self.pps_in_use).and_then(|pps| pps_sps_id(pps));
        named.and_then(|id| self.sps.get(id)).or(self.sps.first())
    }

    /// `HEVCDecoderConfigurationRecord` (ISO/IEC 14496-15, 8.3.3.1).
    fn configuration(&self, sps: &Sps) -> Vec<u8> {
        let mut out = vec![1];
        out.put_slice(&sps.profile_tier_level);
        // Reserved bits are ones; no minimum of segmentation and no kind of parallelism is told.
        out.put_slice(&[
            0xf0,
            0,
            0xfc,
            0xfc | sps.chroma_format,
            0xf8 | sps.luma_depth,
            0xf8 | sps.chroma_depth,
        ]);
        // No average frame rate.
        out.put_u16(0);
        out.push(
            (sps.temporal_layers & 7) << 3
                | sps.temporal_nesting << 2
                | u8::try_from(LENGTH_BYTES - 1).unwrap_or(3),
        );
        let arrays = [
            (nal_type::VPS, &self.vps),
            (nal_type::SPS, &self.sps),
            (nal_type::PPS, &self.pps),
        ];
        out.push(3);
        for (kind, sets) in arrays {
            let count = sets.count(u8::MAX);
            out.push(0x80 | kind);
            out.put_u16(u16::from(count));
            sets.write(&mut out, count);
        }
        out
    }
}

/// What is needed of a sequence parameter set (7.3.2.2).
#[derive(Debug)]
struct Sps {
    id: u32,
    temporal_layers: u8,
    temporal_nesting: u8,
    /// General profile, tier, compatibility, constraints and level, as they are written.
    profile_tier_level: [u8; 12],
    chroma_format: u8,
    luma_depth: u8,
    chroma_depth: u8,
    picture: Picture,
}

impl Sps {
    fn parse(nal: &[u8]) -> Option<Self> {
        Self::read(nal)
            .inspect_err(|error| tracing::warn!(?error, "cannot read a sequence parameter set"))
            .ok()?
    }

    fn read(nal: &[u8]) -> Result<Option<Self>, BitReaderError> {
        let mut bits = rbsp(nal);
        bits.skip(4, "sps_video_parameter_set_id")?;
        let sub_layers = bits.read::<3, u8>("sps_max_sub_layers_minus1")?;
        let temporal_nesting = bits.read::<1, u8>("sps_temporal_id_nesting_flag")?;
        let mut profile_tier_level = [0; 12];
        for byte in &mut profile_tier_level {
            *byte = bits.read::<8, u8>("profile_tier_level")?;
        }
        skip_sub_layers(&mut bits, sub_layers)?;
        let id = bits.read_ue("sps_seq_parameter_set_id")?;
        let chroma_format = bits.read_ue("chroma_format_idc")?;
        if chroma_format == 3 {
            bits.skip(1, "separate_colour_plane_flag")?;
        }
        let (width, height) = (
            bits.read_ue("pic_width_in_luma_samples")?,
            bits.read_ue("pic_height_in_luma_samples")?,
        );
        let mut window = [0; 4];
        if bits.read_bit("conformance_window_flag")? {
            for side in &mut window {
                *side = bits.read_ue("conf_win_offset")?;
            }
        }
        let depths = (
            bits.read_ue("bit_depth_luma_minus8")?,
            bits.read_ue("bit_depth_chroma_minus8")?,
        );
        let [left, right, top, bottom] = window;
        // The window counts in chroma samples.
        let (unit_width, unit_height) = match chroma_format {
            1 => (2, 2),
            2 => (2, 1),
            _ => (1, 1),
        };
        let cropped = |size: u32, unit: u32, sides: [u32; 2]| {
            let cut = sides
                .into_iter()
                .fold(0_u32, |sum, side| sum.saturating_add(side.saturating_mul(unit)));
            u16::try_from(size.saturating_sub(cut)).unwrap_or(0)
        };
        let small = |value: u32| u8::try_from(value).ok().filter(|&value| value < 8);
        let (Some(chroma_format), Some(luma_depth), Some(chroma_depth)) =
            (small(chroma_format), small(depths.0), small(depths.1))
        else {
            return Ok(None);
        };
        Ok(Some(Self {
            id,
            temporal_layers: sub_layers + 1,
            temporal_nesting,
            profile_tier_level,
            chroma_format,
            luma_depth,
            chroma_depth,
            picture: Picture {
                width: cropped(width, unit_width, [left, right]),
                height: cropped(height, unit_height, [top, bottom]),
                pixel_aspect: (1, 1),
            },
        }))
    }

    /// RFC 6381 string (ISO/IEC 14496-15, annex E.3).
    fn codec(&self) -> String {
        let [profile, c0, c1, c2, c3, constraints @ .., level] = self.profile_tier_level;
        let space = ["", "A", "B", "C"]
            .get(usize::from(profile >> 6))
            .copied()
            .unwrap_or_default();
        let compatibility = u32::from_be_bytes([c0, c1, c2, c3]).reverse_bits();
        let tier = if profile & 0x20 == 0 { 'L' } else { 'H' };
        let told = constraints
            .iter()
            .rposition(|&byte| byte != 0)
            .map_or(0, |last| last + 1);
        let mut codec = format!("hvc1.{space}{}.{compatibility:X}.{tier}{level}", profile & 0x1f);
        for byte in constraints.iter().take(told) {
            // Writing to a string cannot fail.
            _ = write!(codec, ".{byte:X}");
        }
        codec
    }
}

/// The picture parameter set that a slice of a random access picture names (7.3.6.1).
fn slice_pps_id(nal: &[u8]) -> Option<u32> {
    let mut bits = rbsp(nal);
    bits.skip(2, "first_slice_segment_in_pic_flag, no_output_of_prior_pics_flag")
        .ok()?;
    bits.read_ue("slice_pic_parameter_set_id").ok()
}

/// The sequence parameter set that a picture parameter set goes with.
fn pps_sps_id(nal: &[u8]) -> Option<u32> {
    let mut bits = rbsp(nal);
    bits.read_ue("pps_pic_parameter_set_id").ok()?;
    bits.read_ue("pps_seq_parameter_set_id").ok()
}

/// Profiles and levels of the sub-layers (7.3.3).
fn skip_sub_layers(bits: &mut impl BitRead, sub_layers: u8) -> Result<(), BitReaderError> {
    const PROFILE_BITS: u32 = 88;
    const LEVEL_BITS: u32 = 8;
    let mut present = 0;
    for _ in 0..sub_layers {
        present += u32::from(bits.read_bit("sub_layer_profile_present_flag")?) * PROFILE_BITS;
        present += u32::from(bits.read_bit("sub_layer_level_present_flag")?) * LEVEL_BITS;
    }
    if sub_layers > 0 {
        bits.skip(2 * u32::from(8 - sub_layers), "reserved_zero_2bits")?;
    }
    bits.skip(present, "sub_layer profiles and levels")
}

fn nal_unit_type(nal: &[u8]) -> u8 {
    nal.first().map_or(0, |byte| (byte >> 1) & 0x3f)
}

/// The bits behind the header, without emulation prevention.
fn rbsp(nal: &[u8]) -> BitReader<ByteReader<&[u8]>> {
    BitReader::new(ByteReader::skipping_bytes(nal, NAL_HEADER))
}
