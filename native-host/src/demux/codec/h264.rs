//! H.264 in byte stream format (ISO/IEC 14496-10, annex B) -> access units as ISO/IEC 14496-15 stores them.

use bytes::BufMut;
use h264_reader::nal::sps::SeqParameterSet;
use h264_reader::rbsp::{BitRead, BitReader, ByteReader, decode_nal};

use super::annex_b::LENGTH_BYTES;
use super::byte_stream::{NalSyntax, Role, ZeroAtBorder};
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

/// What H.264's NAL units say.
#[derive(Debug, Default)]
pub(super) struct H264 {
    sps: ParameterSets,
    pps: ParameterSets,
    changed: bool,
}

impl NalSyntax for H264 {
    /// Type and `first_mb_in_slice`.
    const HEADER_BYTES: usize = 8;

    const ZERO_AT_BORDER: ZeroAtBorder = ZeroAtBorder::BeginsUnit;

    /// See 7.4.1.2.3.
    fn role(header: &[u8]) -> Role {
        match nal_unit_type(header) {
            nal_type::SLICE | nal_type::PARTITION_A | nal_type::IDR_SLICE => {
                Role::Slice(Some(first_mb_in_slice(header)))
            }
            nal_type::SEI..=nal_type::ACCESS_UNIT_DELIMITER => Role::Leading,
            _ => Role::Other,
        }
    }

    fn read(&mut self, nal: &[u8]) -> bool {
        match nal_unit_type(nal) {
            nal_type::IDR_SLICE => return true,
            nal_type::SEI => return is_recovery_point(nal),
            // The id stands behind profile, constraints and level.
            nal_type::SPS => self.changed |= self.sps.add(leading_ue(nal, 4), nal),
            nal_type::PPS => _ = self.pps.add(leading_ue(nal, 1), nal),
            _ => {}
        }
        false
    }

    fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    fn format(&self) -> Option<Format> {
        let sps = self.sps.first()?;
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
