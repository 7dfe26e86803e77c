//! The ways in which the pieces of the matrix are delivered: clear or encrypted, in many files or as ranges of one.

use std::fmt::Write as _;

use aes::Aes128;
use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockModeEncrypt as _, KeyIvInit as _};
use weir_tests::origin::{Origin, Reply};
use weir_tests::streams::common_encryption::{self, Place, Scheme};
use weir_tests::streams::sample_aes::{self, Cut, KeyAndIv, Types};

use super::super::generated::id3_timestamp;
use super::pieces::{Kind, Piece};

const KEY: [u8; 16] = *b"weir matrix key.";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protection {
    Clear,
    Aes128,
    /// Of transport streams and packed audio.
    SampleAes,
    Cbcs,
    Cenc,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Delivery {
    ManyFiles,
    OneFile,
}

/// Every way in which these streams can be delivered.
pub(super) fn deliveries(kind: Kind, codecs: &[&str]) -> Vec<(Protection, Delivery)> {
    let of_samples: &[Protection] = match (kind, codecs) {
        (Kind::Fmp4, _) => &[Protection::Cbcs, Protection::Cenc],
        // Of MP3 beside video the method says nothing: it stays clear.
        (Kind::Ts, ["h264", ..]) | (Kind::Packed, ["aac" | "ac3" | "eac3"]) => &[Protection::SampleAes],
        // SAMPLE-AES is not defined for HEVC in transport streams, and not for packed MP3.
        (Kind::Ts | Kind::Packed, _) => &[],
    };
    let protections = [Protection::Clear, Protection::Aes128].iter().chain(of_samples);
    protections
        .flat_map(|&protection| {
            [Delivery::ManyFiles, Delivery::OneFile].map(|delivery| (protection, delivery))
        })
        .collect()
}

/// The ways in words, for the table.
pub(super) fn summary(deliveries: &[(Protection, Delivery)]) -> String {
    let of_files = deliveries
        .iter()
        .filter(|(_, delivery)| *delivery == Delivery::ManyFiles);
    let names: Vec<String> = of_files
        .map(|(protection, _)| format!("{protection:?}"))
        .collect();
    format!("{}, each in many files and in one", names.join(", "))
}

impl Protection {
    fn method(self) -> &'static str {
        match self {
            Self::Clear => "NONE",
            Self::Aes128 => "AES-128",
            Self::SampleAes | Self::Cbcs => "SAMPLE-AES",
            Self::Cenc => "SAMPLE-AES-CTR",
        }
    }

    fn common_encryption(self) -> Option<common_encryption::Protection> {
        let scheme = match self {
            Self::Cbcs => Scheme::Cbcs,
            Self::Cenc => Scheme::Cenc,
            Self::Clear | Self::Aes128 | Self::SampleAes => return None,
        };
        Some(common_encryption::Protection {
            scheme,
            keys: [(*b"the KID of one..", KEY), (*b"the KID of two..", KEY)],
            groups: false,
            place: Place::Senc,
        })
    }
}

/// A segment of a transport stream or of packed audio, or one that is encrypted as a whole.
fn encrypted(data: &[u8], protection: Protection, iv: [u8; 16]) -> Vec<u8> {
    match protection {
        Protection::Aes128 => {
            cbc::Encryptor::<Aes128>::new(&KEY.into(), &iv.into()).encrypt_padded_vec::<Pkcs7>(data)
        }
        Protection::SampleAes => {
            let cipher = KeyAndIv { key: KEY, iv };
            if data.starts_with(b"ID3") {
                return sample_aes::packed_audio(data, id3_timestamp(0).len(), cipher).unwrap();
            }
            sample_aes::transport_stream(data, Types::Encrypted, Cut::AsBefore, |_| cipher)
                .unwrap()
                .packets
        }
        Protection::Clear | Protection::Cbcs | Protection::Cenc => data.to_vec(),
    }
}

/// Puts pieces behind each other on the origin, a discontinuity between them. Returns the playlist's path.
pub(super) fn publish(
    origin: &Origin,
    folder: &str,
    pieces: &[&Piece],
    protection: Protection,
    delivery: Delivery,
) -> String {
    let mut text = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:3\n".to_owned();
    let mut whole = Vec::new();
    let mut number = 0;
    let mut put = |data: Vec<u8>| match delivery {
        Delivery::ManyFiles => {
            number += 1;
            let name = format!("{number}.bin");
            origin.reply(&format!("{folder}/{name}"), Reply::ok(data));
            (name, None)
        }
        Delivery::OneFile => {
            let range = (data.len(), whole.len());
            whole.extend(data);
            ("all.bin".to_owned(), Some(range))
        }
    };
    for (index, piece) in pieces.iter().enumerate() {
        if index > 0 {
            text.push_str("#EXT-X-DISCONTINUITY\n");
        }
        let protected = protection.common_encryption();
        let (map, tracks) = match (&piece.map, &protected) {
            (Some(map), Some(protected)) => {
                let (map, tracks) = common_encryption::initialization(map, protected).unwrap();
                // As packagers have it: where methods encrypt samples, maps stay clear.
                writeln!(text, "#EXT-X-KEY:METHOD={},URI=\"key\"", protection.method()).unwrap();
                (Some(map), Some(tracks))
            }
            (map, _) => {
                // A key that stands before would encrypt it too.
                text.push_str("#EXT-X-KEY:METHOD=NONE\n");
                (map.clone(), None)
            }
        };
        if let Some(map) = map {
            let (name, range) = put(map);
            let range = range.map_or(String::new(), |(length, offset)| {
                format!(",BYTERANGE=\"{length}@{offset}\"")
            });
            writeln!(text, "#EXT-X-MAP:URI=\"{name}\"{range}").unwrap();
        }
        for (number, (seconds, data)) in piece.segments.iter().enumerate() {
            let iv = [u8::try_from(index * 16 + number).unwrap(); 16];
            if matches!(protection, Protection::Aes128 | Protection::SampleAes) {
                let (method, iv) = (protection.method(), u128::from_be_bytes(iv));
                writeln!(text, "#EXT-X-KEY:METHOD={method},URI=\"key\",IV=0x{iv:032x}").unwrap();
            }
            let data = match (&protected, &tracks) {
                (Some(protected), Some(tracks)) => {
                    common_encryption::segment(data, protected, tracks).unwrap()
                }
                _ => encrypted(data, protection, iv),
            };
            let (name, range) = put(data);
            writeln!(text, "#EXTINF:{seconds:.6},").unwrap();
            if let Some((length, offset)) = range {
                writeln!(text, "#EXT-X-BYTERANGE:{length}@{offset}").unwrap();
            }
            writeln!(text, "{name}").unwrap();
        }
    }
    text.push_str("#EXT-X-ENDLIST\n");
    origin.reply(&format!("{folder}/all.bin"), Reply::ok(whole));
    origin.reply(&format!("{folder}/key"), Reply::ok(&KEY[..]));
    origin.reply(&format!("{folder}/index.m3u8"), Reply::ok(text));
    format!("{folder}/index.m3u8")
}
