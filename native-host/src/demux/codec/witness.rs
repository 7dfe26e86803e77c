//! What a decrypted sample of ISO BMFF says of the key, by its sample entry.

use std::ops::Range;

use h264_reader::rbsp::{BitRead as _, BitReader, ByteReader};
use serde::{Deserialize, Serialize};

use super::{aac, ac3};
use crate::demux::bmff::{FourCc, find};
use crate::demux::evidence::Evidence;

/// What is looked at in the samples of a sample entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::demux) enum Witness {
    /// How frames begin and end.
    Aac,
    /// The checksums.
    Ac3,
    /// NAL units, each behind a length of this many bytes.
    NalUnits(Nal, usize),
    /// A codec that tells nothing.
    Silent,
}

/// Whose NAL units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::demux) enum Nal {
    H264,
    Hevc,
}

impl Witness {
    /// By a sample entry as it is without protection; `children_at` is where its boxes begin.
    pub(in crate::demux) fn of(kind: FourCc, entry: &[u8], children_at: usize) -> Self {
        let content = |kind: &[u8; 4]| find(entry.get(children_at..)?, kind);
        let length_bytes = |byte: Option<&u8>| byte.map_or(4, |byte| usize::from(byte & 3) + 1);
        match &kind {
            b"mp4a" if content(b"esds").is_some_and(aac::describes_raw_data_blocks) => Self::Aac,
            b"ac-3" | b"ec-3" => Self::Ac3,
            b"avc1" | b"avc3" => {
                let length = content(b"avcC").and_then(|record| record.get(4));
                Self::NalUnits(Nal::H264, length_bytes(length))
            }
            b"hvc1" | b"hev1" | b"dvh1" | b"dvhe" => {
                let length = content(b"hvcC").and_then(|record| record.get(21));
                Self::NalUnits(Nal::Hevc, length_bytes(length))
            }
            _ => Self::Silent,
        }
    }

    /// Weighs a decrypted sample. `protected` are the parts of it that are, one block in so many of which was encrypted.
    pub(in crate::demux) fn weigh(
        self,
        sample: &[u8],
        protected: &[Range<usize>],
        one_in: usize,
        evidence: &mut Evidence,
    ) {
        const BLOCK_BYTES: usize = 16;
        evidence.used();
        let begins_encrypted = protected
            .first()
            .is_some_and(|range| range.start == 0 && range.len() >= BLOCK_BYTES);
        match self {
            Self::Aac if begins_encrypted => evidence.begin(aac::begins_raw_data_block(sample)),
            Self::Ac3 => ac3::weigh_frames(sample, evidence),
            Self::NalUnits(nal, length_bytes) => {
                weigh_nal_headers(sample, nal, length_bytes, protected, evidence);
                // Without parts the lengths between NAL units are encrypted too, and they have zeros.
                let all = 0..sample.len();
                if protected != std::slice::from_ref(&all) {
                    for range in protected {
                        let bytes = sample.get(range.clone()).unwrap_or_default();
                        evidence.nal_bytes(bytes, range.len() / one_in.max(1));
                    }
                }
            }
            Self::Aac | Self::Silent => {}
        }
    }
}

/// Weighs the lengths and headers of NAL units that were encrypted: most packagers leave them clear.
fn weigh_nal_headers(
    sample: &[u8],
    nal: Nal,
    length_bytes: usize,
    protected: &[Range<usize>],
    evidence: &mut Evidence,
) {
    /// The length, the header, and the beginning of a slice's header.
    const TELLING_BYTES: usize = 8;
    let mut at = 0;
    while at < sample.len() {
        let header_end = at + length_bytes + TELLING_BYTES;
        let was_encrypted = protected
            .iter()
            .any(|range| range.start < header_end && range.end > at);
        let length = sample.get(at..at + length_bytes).map(|length| {
            let value = |value: usize, &byte: &u8| value << 8 | usize::from(byte);
            length.iter().fold(0, value)
        });
        let unit = length.and_then(|length| sample.get(at + length_bytes..)?.get(..length));
        if was_encrypted {
            evidence.nal_header(unit.is_some_and(|unit| is_readable(unit, nal)));
        }
        let Some(unit) = unit else { return };
        at += length_bytes + unit.len();
    }
}

/// Whether a NAL unit has a header that makes sense, and a slice the beginning of one.
fn is_readable(unit: &[u8], nal: Nal) -> bool {
    /// More macroblocks than any level's pictures have.
    const MACROBLOCKS: u32 = 139_264;
    match (nal, unit) {
        // `forbidden_zero_bit`, and types that are in use (table 7-1 of H.264).
        (Nal::H264, [header @ 0x00..=0x7f, ..]) => match header & 0x1f {
            1 | 2 | 5 => {
                let mut bits = BitReader::new(ByteReader::skipping_h264_header(unit));
                let mut ue = |name| bits.read_ue(name).ok();
                let first_mb = ue("first_mb_in_slice");
                let (kind, pps) = (ue("slice_type"), ue("pic_parameter_set_id"));
                first_mb.is_some_and(|first| first < MACROBLOCKS)
                    && kind.is_some_and(|kind| kind < 10)
                    && pps.is_some_and(|pps| pps < 256)
            }
            kind => (1..=21).contains(&kind),
        },
        // `forbidden_zero_bit`, and a `nuh_temporal_id_plus1` that is not zero.
        (Nal::Hevc, [0x00..=0x7f, second, ..]) => second & 7 != 0,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demux::evidence::Proof;

    fn noise(length: usize, seed: &mut u64) -> Vec<u8> {
        let mut byte = || {
            *seed ^= *seed << 13;
            *seed ^= *seed >> 7;
            *seed ^= *seed << 17;
            seed.to_be_bytes()[3]
        };
        (0..length).map(|_| byte()).collect()
    }

    /// How many samples of noise it takes until the key is known to be wrong.
    fn samples_until_wrong(witness: Witness, length: usize) -> Option<usize> {
        let mut seed = 0x9e37_79b9_7f4a_7c15;
        let mut evidence = Evidence::default();
        (1..=400).find(|_| {
            let sample = noise(length, &mut seed);
            witness.weigh(&sample, std::slice::from_ref(&(0..length)), 1, &mut evidence);
            evidence.check().is_err()
        })
    }

    #[test]
    fn noise_is_known_by_its_beginning() {
        for (witness, limit) in [
            (Witness::Aac, 30),
            (Witness::Ac3, 10),
            (Witness::NalUnits(Nal::H264, 4), 10),
            (Witness::NalUnits(Nal::Hevc, 4), 10),
        ] {
            let found = samples_until_wrong(witness, 300).unwrap();
            assert!(found <= limit, "{witness:?}: {found}");
        }
        assert_eq!(samples_until_wrong(Witness::Silent, 300), None);
    }

    #[test]
    fn slices_with_an_encrypted_header_prove_their_key() {
        // first_mb_in_slice 0, slice_type 7, pic_parameter_set_id 0.
        let slice = [0, 0, 0, 6, 0x65, 0b1000_1000, 0x80, 0x40, 1, 2];
        let parameter_set = [0, 0, 0, 3, 0x68, 1, 2];
        let sample = [&parameter_set[..], &slice].concat();
        let witness = Witness::NalUnits(Nal::H264, 4);
        let mut evidence = Evidence::default();
        for _ in 0..24 {
            assert_eq!(
                evidence.proof(),
                evidence.proof().filter(|&proof| proof == Proof::None)
            );
            witness.weigh(&sample, std::slice::from_ref(&(12..17)), 1, &mut evidence);
        }
        evidence.check_at_end().unwrap();
        assert_eq!(evidence.proof(), Some(Proof::Right));
        // What was clear proves nothing.
        let mut evidence = Evidence::default();
        for _ in 0..100 {
            witness.weigh(&sample, &[], 1, &mut evidence);
        }
        assert_eq!(evidence.proof(), Some(Proof::None));
    }
}
