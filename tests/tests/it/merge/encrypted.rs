//! Samples that are encrypted: what comes out is what `ffmpeg -c copy` makes of the clear stream, or a refusal that says
//! why.

mod fragments;
mod streams;
mod wrong_keys;

use weir::decrypt::{Declaration, SampleCipher};
use weir::keys::{Key, KeyId};
use weir_core::protocol::{Iv, KeyMethod};
use weir_tests::streams::common_encryption::{self, Place, Protection, Scheme};
use weir_tests::streams::sample_aes::{self, Cut, KeyAndIv, Types};

use super::generated::{Encode, PLAIN};
use super::*;

const A: KeyAndIv = KeyAndIv {
    key: *b"the key of the A",
    iv: *b"the IV  of the A",
};
const B: KeyAndIv = KeyAndIv {
    key: *b"the key of the B",
    iv: *b"the IV  of the B",
};
const AC3: Encode = Encode {
    sample_rate: "48000",
    more: &["-c:a", "ac3"],
    ..PLAIN
};
const EAC3: Encode = Encode {
    sample_rate: "48000",
    more: &["-c:a", "eac3"],
    ..PLAIN
};

fn cipher(declaration: Declaration, pair: KeyAndIv) -> SampleCipher {
    let key = Key::Bits128(pair.key);
    SampleCipher::new(KeyMethod::SampleAes, Iv(pair.iv), declaration, Some(key), &[]).unwrap()
}

fn of_playlist(pair: KeyAndIv) -> SampleCipher {
    cipher(Declaration::Playlist, pair)
}

/// Like `check_one_playlist`, of a clear playlist and what it has become.
fn check_against_clear(encrypted: Playlist, clear: &Playlist, folder: &Path) {
    let (ours, source, reference) = in_folder(folder);
    clear.concatenate(&source);
    let merged = merge(&[encrypted], &ours);
    media::remux(&source, &reference).unwrap();
    media::compare(&ours, &reference).unwrap();
    check_sound(&ours, &merged);
}

/// What a merge of these segments fails with.
fn refusal(segments: impl IntoIterator<Item = SegmentInput>, container: Container) -> MergeError {
    let folder = folder();
    let path = folder.path().join("out");
    let mut merger = Merger::create(&path, container, &[TrackHint::default()]).unwrap();
    let failed = segments
        .into_iter()
        .find_map(|segment| merger.push(segment).err());
    failed.unwrap()
}

/// Each segment has a key of its own, and one in the middle is clear.
fn rotated(clear: &Playlist, types: Types, cut: Cut) -> Playlist {
    let encrypt = |(index, segment): (usize, &SegmentInput)| {
        if index == 2 {
            return segment.clone();
        }
        let pair = if index % 2 == 0 { A } else { B };
        let encrypted = sample_aes::transport_stream(&segment.data, types, cut, |_| pair).unwrap();
        SegmentInput {
            data: encrypted.packets.into(),
            cipher: Some(of_playlist(pair)),
            ..segment.clone()
        }
    };
    Playlist {
        segments: clear.segments.iter().enumerate().map(encrypt).collect(),
    }
}

/// KID and key of the tracks of fragmented MP4.
const KEYS: [([u8; 16], [u8; 16]); 2] = [(*b"the KID of one..", A.key), (*b"the KID of two..", B.key)];

/// The keys by their KIDs.
fn by_id(method: KeyMethod, keys: &[([u8; 16], [u8; 16])]) -> SampleCipher {
    let keys: Vec<_> = keys
        .iter()
        .map(|&(id, key)| (KeyId(id), Key::Bits128(key)))
        .collect();
    SampleCipher::new(method, Iv([0; 16]), Declaration::Playlist, None, &keys).unwrap()
}

/// The stream as a packager protects it, with the keys by their KIDs.
fn protected(clear: &Playlist, protection: &Protection) -> Playlist {
    let map = clear.segments[0].map.as_ref().unwrap();
    let (map, tracks) = common_encryption::initialization(map, protection).unwrap();
    let map = Bytes::from(map);
    let cipher = by_id(KeyMethod::SampleAes, &KEYS);
    let segment = |segment: &SegmentInput| SegmentInput {
        data: common_encryption::segment(&segment.data, protection, &tracks)
            .unwrap()
            .into(),
        map: Some(map.clone()),
        cipher: Some(cipher.clone()),
        ..segment.clone()
    };
    Playlist {
        segments: clear.segments.iter().map(segment).collect(),
    }
}
