//! PES packets (ISO/IEC 13818-1, 2.4.3.6) out of transport packets.

use bytes::Buf;
use serde::{Deserialize, Serialize};

/// Timestamps of a PES header: 33 bits of 90 kHz.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RawTimestamps {
    pub(crate) pts: i64,
    /// The PTS where the header has no DTS.
    pub(crate) dts: i64,
}

/// What the payloads of one PID say, in order.
#[derive(Debug)]
pub(super) enum PesPart<'a> {
    /// A PES packet begins.
    Start(Option<RawTimestamps>),
    /// Bytes of its payload.
    Data(&'a [u8]),
}

/// Puts the PES packets of one PID together.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) enum PesReader {
    /// Before the first start, or behind the announced end.
    #[default]
    Outside,
    /// In a header that goes on in the next transport packet.
    Header(Vec<u8>),
    /// In a payload; how much of it is left, None when it ends where the next begins.
    Payload(Option<usize>),
}

impl PesReader {
    /// Reads the payload of a transport packet.
    pub(super) fn feed(&mut self, payload: &[u8], starts: bool, on_part: &mut impl FnMut(PesPart<'_>)) {
        if starts {
            *self = Self::Header(Vec::new());
        }
        match self {
            Self::Outside => {}
            Self::Header(begin) if begin.is_empty() => self.header(payload, on_part),
            Self::Header(begin) => {
                begin.extend_from_slice(payload);
                let begin = std::mem::take(begin);
                self.header(&begin, on_part);
            }
            Self::Payload(left) => {
                let data = payload
                    .get(..left.unwrap_or(usize::MAX).min(payload.len()))
                    .unwrap_or_default();
                *left = left.map(|left| left - data.len());
                on_part(PesPart::Data(data));
            }
        }
    }

    fn header(&mut self, bytes: &[u8], on_part: &mut impl FnMut(PesPart<'_>)) {
        match parse_header(bytes) {
            Header::Incomplete => *self = Self::Header(bytes.to_vec()),
            Header::NotPes => *self = Self::Outside,
            Header::Whole {
                timestamps,
                payload,
                payload_bytes,
            } => {
                on_part(PesPart::Start(timestamps));
                *self = Self::Payload(payload_bytes);
                self.feed(payload, false, on_part);
            }
        }
    }
}

/// The timestamps of a PES packet that begins with these bytes, where they are whole.
pub(crate) fn peek_timestamps(bytes: &[u8]) -> Option<RawTimestamps> {
    match parse_header(bytes) {
        Header::Whole { timestamps, .. } => timestamps,
        Header::Incomplete | Header::NotPes => None,
    }
}

/// What of the payload is there of a PES packet that begins with these bytes.
pub(super) fn peek_payload(bytes: &[u8]) -> Option<&[u8]> {
    match parse_header(bytes) {
        Header::Whole { payload, .. } => Some(payload),
        Header::Incomplete | Header::NotPes => None,
    }
}

enum Header<'a> {
    Incomplete,
    NotPes,
    Whole {
        timestamps: Option<RawTimestamps>,
        payload: &'a [u8],
        payload_bytes: Option<usize>,
    },
}

fn parse_header(bytes: &[u8]) -> Header<'_> {
    /// Bytes up to and with `PES_header_data_length`.
    const FIXED_BYTES: usize = 9;
    let Some((fixed, rest)) = bytes.split_first_chunk::<FIXED_BYTES>() else {
        return if [0, 0, 1].iter().zip(bytes).all(|(a, b)| a == b) {
            Header::Incomplete
        } else {
            Header::NotPes
        };
    };
    let [0, 0, 1, _, length_high, length_low, marks, flags, header_data] = *fixed else {
        return Header::NotPes;
    };
    if marks & 0xc0 != 0x80 {
        return Header::NotPes;
    }
    let header_data_bytes = usize::from(header_data);
    let Some((header_data, payload)) = rest.split_at_checked(header_data_bytes) else {
        return Header::Incomplete;
    };
    let pts = header_data
        .get(..5)
        .filter(|_| flags & 0x80 != 0)
        .and_then(timestamp);
    let dts = header_data
        .get(5..10)
        .filter(|_| flags & 0xc0 == 0xc0)
        .and_then(timestamp);
    let length = usize::from(u16::from_be_bytes([length_high, length_low]));
    Header::Whole {
        timestamps: pts.map(|pts| RawTimestamps {
            pts,
            dts: dts.unwrap_or(pts),
        }),
        payload,
        // The length counts from behind itself; 0: unbounded.
        payload_bytes: (length > 0).then(|| length.saturating_sub(3 + header_data_bytes)),
    }
}

/// 33 bits in 3 + 15 + 15 with marker bits between.
fn timestamp(mut bytes: &[u8]) -> Option<i64> {
    let bits = i64::try_from(bytes.try_get_uint(5).ok()?).ok()?;
    Some(((bits >> 33) & 0x7) << 30 | ((bits >> 17) & 0x7fff) << 15 | ((bits >> 1) & 0x7fff))
}
