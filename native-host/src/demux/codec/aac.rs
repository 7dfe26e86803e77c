//! AAC in ADTS frames (ISO/IEC 14496-3, 1.A.2).

use std::ops::Range;

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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

/// Whether bytes end as a `raw_data_block` does (4.4.2.1): with `ID_END`, three ones, and zeros up to a whole byte.
fn ends_raw_data_block(frame: &[u8]) -> bool {
    let Some(&tail) = frame.last_chunk::<2>() else {
        return false;
    };
    let tail = u16::from_be_bytes(tail);
    let zeros = tail.trailing_zeros();
    zeros < 8 && (tail >> zeros) & 0b111 == 0b111
}
