//! MPEG audio, layers I to III (ISO/IEC 11172-3 and 13818-3): MP3 and its relatives.

use serde::{Deserialize, Serialize};

use super::frame_stream::{Frame, FrameSyntax};
use super::{Format, esds, sample_entry};

/// Kilobits a second by `bitrate_index`: MPEG-1 layers I, II, III; then MPEG-2 layer I, and its layers II and III.
const BIT_RATES: [[u32; 15]; 5] = [
    [
        0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448,
    ],
    [0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
    [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
    [0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
    [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
];

/// What stays the same in a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Config {
    layer: u8,
    sample_rate: u32,
    channels: u16,
}

/// MPEG audio frames.
#[derive(Debug)]
pub(super) struct MpegAudio;

impl FrameSyntax for MpegAudio {
    type Config = Config;

    const SYNC_BYTE: u8 = 0xff;
    const HEADER_BYTES: usize = 4;

    fn parse(bytes: &[u8]) -> Option<Frame<Config>> {
        let [sync, second, third, fourth] = *bytes.first_chunk::<{ Self::HEADER_BYTES }>()?;
        if sync != 0xff || second & 0xe0 != 0xe0 {
            return None;
        }
        // Halvings of the sample rate: MPEG-1, MPEG-2, and MPEG-2.5, which is no standard.
        let halvings = match (second >> 3) & 0x03 {
            3 => 0,
            2 => 1,
            0 => 2,
            _ => return None,
        };
        let layer = 4 - ((second >> 1) & 0x03);
        let rates = match (halvings, layer) {
            (0, 1..=3) => usize::from(layer) - 1,
            (_, 1) => 3,
            (_, 2 | 3) => 4,
            _ => return None,
        };
        let bit_rate = BIT_RATES
            .get(rates)?
            .get(usize::from(third >> 4))
            .filter(|&&rate| rate > 0)?
            * 1000;
        let sample_rate = [44_100_u32, 48_000, 32_000].get(usize::from((third >> 2) & 0x03))? >> halvings;
        let samples = match (layer, halvings) {
            (1, _) => 384,
            (3, 1..) => 576,
            _ => 1152,
        };
        let padding = u32::from((third >> 1) & 1);
        // Layer I counts in slots of four bytes.
        let bytes = match layer {
            1 => (12 * bit_rate / sample_rate + padding) * 4,
            _ => samples / 8 * bit_rate / sample_rate + padding,
        };
        let channels = if fourth >> 6 == 3 { 1 } else { 2 };
        Some(Frame {
            config: Config {
                layer,
                sample_rate,
                channels,
            },
            bytes: usize::try_from(bytes).ok()?,
            header_bytes: 0,
            samples,
        })
    }

    /// Free format: the bit rate, and with it a frame's length, is not told (2.4.2.3). Frames are as far apart as the
    /// first two, but for a slot of padding.
    fn unsupported(bytes: &[u8]) -> Option<&'static str> {
        const LONGEST: usize = 8192;
        const FRAMES: usize = 4;
        let fixed = |header: &[u8; 4]| [header[0], header[1], header[2] & 0xfc];
        let header = bytes.first_chunk::<4>()?;
        let is_free = Self::parse(&[header[0], header[1], header[2] | 0x10, header[3]]).is_some()
            && header[2] >> 4 == 0;
        let begins_at = |at: usize| {
            bytes
                .get(at..)
                .and_then(|rest| rest.first_chunk::<4>())
                .is_some_and(|next| fixed(next) == fixed(header))
        };
        let repeats = |length: usize| {
            let mut at = length;
            (2..FRAMES).all(|_| {
                let next = (at + length - 4..=at + length + 4).find(|&next| begins_at(next));
                at = next.unwrap_or(at);
                next.is_some()
            })
        };
        (is_free && (24..LONGEST).any(|length| begins_at(length) && repeats(length)))
            .then_some("MPEG audio in free format")
    }

    fn format(config: Config) -> Format {
        // Object types of MPEG-1 and, for the halved rates, of MPEG-2 audio.
        let (object_type, codec) = if config.sample_rate >= 32_000 {
            (0x6b, "mp4a.6b")
        } else {
            (0x69, "mp4a.69")
        };
        let esds = esds::esds(object_type, None);
        Format {
            codec: codec.to_owned(),
            timescale: config.sample_rate,
            sample_entry: sample_entry::audio(
                *b"mp4a",
                config.channels,
                config.sample_rate,
                (b"esds", &esds),
            ),
            display: (0, 0),
            presentation_start: None,
        }
    }
}
