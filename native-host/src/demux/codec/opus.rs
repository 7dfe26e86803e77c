//! Opus in transport streams ("Opus in MPEG-2 Transport Streams", ETSI TS 101 154 annex on Opus): packets of RFC 6716,
//! each behind a control header.

use bytes::{Buf, BufMut};
use serde::{Deserialize, Serialize};

use super::frame_stream::{Frame, FrameSyntax};
use super::{Format, sample_entry};

/// Opus always decodes to this rate.
const SAMPLE_RATE: u32 = 48_000;

/// Streams, of these coupled ones, and which decoded channel each output channel is (RFC 7845, 5.1.1.2), for 1 to 8
/// channels.
const MAPPINGS: [(u8, u8, &[u8]); 8] = [
    (1, 0, &[0]),
    (1, 1, &[0, 1]),
    (2, 1, &[0, 2, 1]),
    (2, 2, &[0, 1, 2, 3]),
    (3, 2, &[0, 4, 1, 2, 3]),
    (4, 2, &[0, 4, 1, 2, 3, 5]),
    (4, 3, &[0, 4, 1, 2, 3, 5, 6]),
    (5, 3, &[0, 6, 1, 2, 3, 4, 5, 7]),
];

/// What a packet says beside its sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Config {
    /// Samples of 48 kHz at its beginning that are not to be heard: of the first packet, the encoder's pre-skip.
    start_trim: u16,
}

/// Opus with this many channels, which the programme map tells and the packets do not.
#[derive(Debug)]
pub(super) struct Opus<const CHANNELS: u8>;

impl<const CHANNELS: u8> FrameSyntax for Opus<CHANNELS> {
    type Config = Config;

    const SYNC_BYTE: u8 = 0x7f;
    /// Mark, the size of the longest packet, trims; an extension of the header is not counted, nobody writes one.
    const HEADER_BYTES: usize = 2 + 241 + 4 + 2;

    fn parse(bytes: &[u8]) -> Option<Frame<Config>> {
        const START_TRIM: u8 = 0x10;
        const END_TRIM: u8 = 0x08;
        const EXTENSION: u8 = 0x04;
        let mut rest = bytes;
        let (first, flags) = (rest.try_get_u8().ok()?, rest.try_get_u8().ok()?);
        // 11 bits of sync.
        if first != Self::SYNC_BYTE || flags & 0xe0 != 0xe0 {
            return None;
        }
        let mut size = 0_usize;
        loop {
            let byte = rest.try_get_u8().ok()?;
            size += usize::from(byte);
            if byte != 255 {
                break;
            }
        }
        let mut trim = |flag: u8| {
            if flags & flag == 0 {
                return Some(0);
            }
            rest.try_get_u16().ok().map(|trim| trim & 0x1fff)
        };
        let (start_trim, end_trim) = (trim(START_TRIM)?, trim(END_TRIM)?);
        if flags & EXTENSION != 0 {
            let length = usize::from(rest.try_get_u8().ok()?);
            rest.split_off(..length)?;
        }
        let header_bytes = bytes.len() - rest.len();
        let samples = samples(rest)?
            .checked_sub(u32::from(end_trim))
            .filter(|&left| left > 0);
        (size > 0).then_some(Frame {
            config: Config { start_trim },
            bytes: header_bytes + size,
            header_bytes,
            samples: samples.unwrap_or(1),
        })
    }

    fn follows(_: &Frame<Config>, _: &Frame<Config>) -> bool {
        true
    }

    /// Only the first packet's trim is about the whole.
    fn same_format(_: &Config, _: &Config) -> bool {
        true
    }

    fn skipped(config: Config) -> Option<u32> {
        (config.start_trim > 0).then_some(u32::from(config.start_trim))
    }

    /// `OpusSpecificBox` ("Encapsulation of Opus in ISO Base Media File Format", 4.3.2).
    fn format(config: Config) -> Format {
        let mut specific = vec![0, CHANNELS];
        specific.put_u16(config.start_trim);
        specific.put_u32(SAMPLE_RATE);
        specific.put_i16(0);
        match MAPPINGS.get(usize::from(CHANNELS).wrapping_sub(1)) {
            Some(&(streams, coupled, mapping)) if CHANNELS > 2 => {
                specific.put_slice(&[1, streams, coupled]);
                specific.put_slice(mapping);
            }
            _ => specific.put_u8(0),
        }
        Format {
            codec: "opus".to_owned(),
            timescale: SAMPLE_RATE,
            sample_entry: sample_entry::audio(
                *b"Opus",
                u16::from(CHANNELS),
                SAMPLE_RATE,
                (b"dOps", &specific),
            ),
            display: (0, 0),
            presentation_start: None,
        }
    }
}

/// How long a packet plays, in samples of 48 kHz (RFC 6716, 3.1).
fn samples(packet: &[u8]) -> Option<u32> {
    let toc = *packet.first()?;
    let length = usize::from(toc >> 3);
    let frame = match length {
        0..12 => *[480, 960, 1920, 2880].get(length & 3)?,
        12..16 => *[480, 960].get(length & 1)?,
        _ => *[120, 240, 480, 960].get(length & 3)?,
    };
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u32::from(packet.get(1)? & 0x3f),
    };
    Some(frame * frames).filter(|&samples| samples > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_control_header_is_no_part_of_the_packet() {
        // 260 bytes of CELT, 20 ms, two frames, 312 samples trimmed in front and 100 at the end.
        let header = [0x7f, 0xf8, 255, 5, 0x01, 0x38, 0x00, 100];
        let packet = [&header[..], &[0xfd; 260]].concat();
        let frame = Opus::<2>::parse(&packet).unwrap();
        assert_eq!((frame.header_bytes, frame.bytes), (8, 268));
        assert_eq!(frame.config.start_trim, 312);
        // 0xfd: code 1, two equal frames.
        assert_eq!(frame.samples, 2 * 960 - 100);
        assert_eq!(Opus::<2>::parse(&[0x7f, 0x1f, 1, 0]), None);
    }

    #[test]
    fn packets_last_as_their_first_byte_says() {
        for (packet, expected) in [
            (&[0x00][..], Some(480)),
            (&[0x1a], Some(2 * 2880)),
            (&[0x68], Some(960)),
            (&[0x83, 6], Some(6 * 120)),
            (&[0x83, 0], None),
            (&[], None),
        ] {
            assert_eq!(samples(packet), expected, "{packet:?}");
        }
    }
}
