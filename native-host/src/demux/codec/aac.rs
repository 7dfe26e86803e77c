//! AAC in ADTS frames (ISO/IEC 14496-3, 1.A.2).

use std::ops::Range;

use h264_reader::rbsp::{BitRead, BitReader, BitReaderError};
use serde::{Deserialize, Serialize};

use super::frame_stream::{Frame, FrameSyntax};
use super::{Format, esds, sample_entry};
use crate::demux::evidence::{End, Evidence};

/// Sampling frequencies by `sampling_frequency_index`.
const SAMPLE_RATES: [u32; 13] = [
    96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350,
];

/// Samples of a frame of each channel; HE-AAC's doubled rate is not counted.
const FRAME_SAMPLES: u32 = 1024;

/// What the `AudioSpecificConfig` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Config {
    /// 1 to 4: Main, LC, SSR, LTP.
    object_type: u8,
    rate_index: u8,
    sample_rate: u32,
    channel_configuration: u8,
}

/// ADTS frames.
#[derive(Debug)]
pub(super) struct Aac;

impl FrameSyntax for Aac {
    type Config = Config;

    const SYNC_BYTE: u8 = 0xff;
    const HEADER_BYTES: usize = 7;

    fn parse(bytes: &[u8]) -> Option<Frame<Config>> {
        let [sync, second, third, fourth, fifth, sixth, seventh] =
            *bytes.first_chunk::<{ Self::HEADER_BYTES }>()?;
        // 12 bits of sync; `layer` is 0.
        if sync != 0xff || second & 0xf6 != 0xf0 {
            return None;
        }
        let rate_index = (third >> 2) & 0x0f;
        let checksum_bytes = if second & 1 == 0 { 2 } else { 0 };
        let frame = Frame {
            config: Config {
                object_type: (third >> 6) + 1,
                rate_index,
                sample_rate: *SAMPLE_RATES.get(usize::from(rate_index))?,
                channel_configuration: (third & 1) << 2 | fourth >> 6,
            },
            bytes: usize::from(fourth & 0x03) << 11 | usize::from(fifth) << 3 | usize::from(sixth >> 5),
            header_bytes: Self::HEADER_BYTES + checksum_bytes,
            samples: FRAME_SAMPLES,
        };
        // Several raw data blocks are samples of their own. Where they begin stands in the header, if it has a checksum.
        let further_blocks = u32::from(seventh & 0x03);
        let blocks_are_told = further_blocks == 0 || checksum_bytes > 0;
        let frame = Frame {
            samples: FRAME_SAMPLES * (1 + further_blocks),
            ..frame
        };
        (frame.bytes > frame.header_bytes && blocks_are_told).then_some(frame)
    }

    fn unsupported(bytes: &[u8]) -> Option<&'static str> {
        /// So many frames behind each other are no accident.
        const FRAMES: usize = 3;
        let mut rest = bytes;
        for _ in 0..FRAMES {
            let [0xff, second, _, fourth, fifth, sixth, seventh] = *rest.first_chunk::<7>()? else {
                return None;
            };
            let length = usize::from(fourth & 0x03) << 11 | usize::from(fifth) << 3 | usize::from(sixth >> 5);
            let several_without_checksum = second & 0xf7 == 0xf1 && seventh & 0x03 > 0;
            rest = rest
                .get(length..)
                .filter(|_| several_without_checksum && length > Self::HEADER_BYTES)?;
        }
        Some("AAC with several blocks in an ADTS frame that does not say where they begin")
    }

    /// `adts_header_error_check`: the positions of all blocks but the first, then a checksum; another follows each block.
    fn samples_within(frame: &[u8]) -> Option<Vec<Range<usize>>> {
        const CHECKSUM_BYTES: usize = 2;
        let [_, second, _, _, _, _, seventh] = *frame.first_chunk::<7>()?;
        let further_blocks = usize::from(seventh & 0x03);
        if further_blocks == 0 || second & 1 == 1 {
            return None;
        }
        let first = Self::HEADER_BYTES + 2 * further_blocks + CHECKSUM_BYTES;
        let positions = frame.get(Self::HEADER_BYTES..first).unwrap_or_default();
        let further = positions
            .chunks_exact(2)
            .take(further_blocks)
            .filter_map(|position| position.first_chunk())
            .map(|&position| first + usize::from(u16::from_be_bytes(position)));
        let begins: Vec<usize> = [first].into_iter().chain(further).collect();
        let ends = begins.iter().skip(1).copied().chain([frame.len()]);
        let ranges = begins.iter().zip(ends).map(|(&begin, end)| {
            let end = end.checked_sub(CHECKSUM_BYTES)?;
            (begin < end && end <= frame.len()).then_some(begin..end)
        });
        Some(ranges.collect::<Option<_>>().unwrap_or_default())
    }

    fn weigh(frame: &[u8], header_bytes: usize, evidence: &mut Evidence) {
        const CLEAR_BYTES: usize = 16;
        let encrypted = frame.len().saturating_sub(header_bytes + CLEAR_BYTES);
        weigh_end(frame, encrypted, evidence);
    }

    fn format(config: Config) -> Format {
        const MPEG4_AUDIO: u8 = 0x40;
        // audioObjectType 5 bits, samplingFrequencyIndex 4, channelConfiguration 4, then a GASpecificConfig of zeros.
        let specific = u16::from(config.object_type) << 11
            | u16::from(config.rate_index) << 7
            | u16::from(config.channel_configuration) << 3;
        let esds = esds::esds(MPEG4_AUDIO, Some(&specific.to_be_bytes()));
        let channels = match config.channel_configuration {
            7 => 8,
            count => u16::from(count),
        };
        Format {
            codec: format!("mp4a.40.{}", config.object_type),
            timescale: config.sample_rate,
            sample_entry: sample_entry::audio(*b"mp4a", channels, config.sample_rate, (b"esds", &esds)),
            display: (0, 0),
            presentation_start: None,
        }
    }
}

/// What the end of a frame says of the key; `encrypted`: how many bytes of it are, as far as they fill whole blocks.
pub(in crate::demux) fn weigh_end(frame: &[u8], encrypted: usize, evidence: &mut Evidence) {
    const BLOCK_BYTES: usize = 16;
    let end = if encrypted > 0 && encrypted.is_multiple_of(BLOCK_BYTES) {
        End::Encrypted
    } else {
        End::Clear
    };
    evidence.end(ends_raw_data_block(frame), end);
}

/// Whether an `esds` box describes samples that are a `raw_data_block` each of AAC-LC (1.6.2.1), with SBR and PS or without.
pub(in crate::demux) fn describes_raw_data_blocks(esds: &[u8]) -> bool {
    const ES_DESCRIPTOR: u8 = 3;
    const DECODER_CONFIG: u8 = 4;
    const DECODER_SPECIFIC_INFO: u8 = 5;
    let specific = || {
        let stream = descriptor(esds.get(4..)?, ES_DESCRIPTOR)?;
        // ES_ID and flags; files have none of what the flags announce.
        let config = descriptor(stream.get(3..)?, DECODER_CONFIG)?;
        descriptor(config.get(13..)?, DECODER_SPECIFIC_INFO)?
            .first()
            .copied()
    };
    specific().is_some_and(|first| matches!(first >> 3, 2 | 5 | 29))
}

/// The content of the descriptor that bytes begin with (ISO/IEC 14496-1, 8.3.3).
fn descriptor(mut bytes: &[u8], tag: u8) -> Option<&[u8]> {
    if *bytes.split_off_first()? != tag {
        return None;
    }
    let mut length = 0;
    loop {
        let byte = *bytes.split_off_first()?;
        length = length << 7 | usize::from(byte & 0x7f);
        if byte < 0x80 {
            return bytes.get(..length.min(bytes.len()));
        }
        if length >= 1 << 21 {
            return None;
        }
    }
}

/// Whether bytes begin as a `raw_data_block` does (4.4.2.1), as far as the first channels' window.
pub(in crate::demux) fn begins_raw_data_block(sample: &[u8]) -> bool {
    let mut bits = BitReader::new(sample);
    let mut is_aligned = true;
    // Fill and data elements may stand before.
    loop {
        match read_element(&mut bits, is_aligned) {
            Ok(Element::Other { fills_bytes }) => is_aligned &= fills_bytes,
            Ok(Element::Channels { readable }) => return readable,
            Err(_) => return false,
        }
    }
}

/// What an element is.
enum Element {
    /// Of channels, or nothing that a block begins with.
    Channels { readable: bool },
    /// One that was skipped; whether it filled whole bytes.
    Other { fills_bytes: bool },
}

fn read_element(bits: &mut impl BitRead, is_aligned: bool) -> Result<Element, BitReaderError> {
    const SINGLE_CHANNEL: u8 = 0;
    const CHANNEL_PAIR: u8 = 1;
    const LFE: u8 = 3;
    const DATA: u8 = 4;
    const PROGRAM_CONFIG: u8 = 5;
    const FILL: u8 = 6;
    let readable = match bits.read::<3, u8>("id_syn_ele")? {
        SINGLE_CHANNEL | LFE => {
            bits.skip(4 + 8, "element_instance_tag, global_gain")?;
            has_window(bits)?
        }
        CHANNEL_PAIR => {
            bits.skip(4, "element_instance_tag")?;
            if bits.read_bit("common_window")? {
                has_window(bits)? && bits.read::<2, u8>("ms_mask_present")? < 3
            } else {
                bits.skip(8, "global_gain")?;
                has_window(bits)?
            }
        }
        PROGRAM_CONFIG => {
            bits.skip(4 + 2, "element_instance_tag, object_type")?;
            bits.read::<4, u8>("sampling_frequency_index")? < 13
        }
        DATA => {
            bits.skip(4, "element_instance_tag")?;
            // How far it goes is believed where bytes are skipped to align it.
            if bits.read_bit("data_byte_align_flag")? && !is_aligned {
                return Ok(Element::Channels { readable: true });
            }
            let count = bits.read::<8, u32>("count")?;
            let more = if count == 255 {
                bits.read::<8, u32>("esc_count")?
            } else {
                0
            };
            bits.skip(8 * (count + more), "data_stream_byte")?;
            return Ok(Element::Other { fills_bytes: true });
        }
        FILL => {
            let count = bits.read::<4, u32>("count")?;
            let more = if count == 15 {
                bits.read::<8, u32>("esc_count")?
            } else {
                1
            };
            bits.skip(8 * (count + more).saturating_sub(1), "extension_payload")?;
            return Ok(Element::Other { fills_bytes: false });
        }
        _ => false,
    };
    Ok(Element::Channels { readable })
}

/// Whether there is an `ics_info` (4.4.2.1) without prediction, which the profiles above do not have.
fn has_window(bits: &mut impl BitRead) -> Result<bool, BitReaderError> {
    const EIGHT_SHORT: u8 = 2;
    /// `num_swb_long_window` of the rates that have the most (4.5.4).
    const MOST_BANDS: u8 = 51;
    let reserved = bits.read_bit("ics_reserved_bit")?;
    let sequence = bits.read::<2, u8>("window_sequence")?;
    bits.skip(1, "window_shape")?;
    let bands = if sequence == EIGHT_SHORT {
        let bands = bits.read::<4, u8>("max_sfb")?;
        bits.skip(7, "scale_factor_grouping")?;
        bands
    } else {
        let bands = bits.read::<6, u8>("max_sfb")?;
        if bits.read_bit("predictor_data_present")? {
            return Ok(false);
        }
        bands
    };
    Ok(!reserved && bands <= MOST_BANDS)
}

/// Whether bytes end as a `raw_data_block` does (4.4.2.1): with `ID_END`, three ones, and zeros up to a whole byte.
fn ends_raw_data_block(frame: &[u8]) -> bool {
    let Some(&tail) = frame.last_chunk::<2>() else {
        return false;
    };
    let tail = u16::from_be_bytes(tail);
    let zeros = tail.trailing_zeros();
    zeros < 8 && (tail >> zeros) & 0b111 == 0b111
}
