//! Samples that are encrypted: what comes out is what `ffmpeg -c copy` makes of the clear stream, or a refusal that says
//! why.

use weir::decrypt::{Declaration, SampleCipher};
use weir::keys::{Key, KeyId};
use weir_core::protocol::{Iv, KeyMethod};
use weir_tests::streams::common_encryption::{self, Place, Protection, Scheme};
use weir_tests::streams::sample_aes::{self, Cut, KeyAndIv, Types};

use super::corpus::corpus;
use super::generated::{Encode, PLAIN, id3_timestamp};
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

fn check_stream(test: &str, encode: &Encode) {
    if media::skip_without_ffmpeg(test) {
        return;
    }
    let folder = folder();
    let clear = encode.make(&folder.path().join("hls"));
    for (types, cut) in [
        (Types::Encrypted, Cut::AsBefore),
        (Types::Encrypted, Cut::InHalves),
        (Types::Kept, Cut::AsBefore),
    ] {
        let folder = super::folder();
        let encrypted = rotated(&clear, types, cut);
        assert!(encrypted.segments[0].data != clear.segments[0].data);
        check_against_clear(encrypted, &clear, folder.path());
    }
}

#[test]
fn h264_and_aac() {
    check_stream("h264_and_aac", &PLAIN);
}

#[test]
fn h264_and_ac3() {
    check_stream("h264_and_ac3", &AC3);
}

#[test]
fn h264_and_enhanced_ac3() {
    check_stream("h264_and_enhanced_ac3", &EAC3);
}

/// A picture goes on in a segment with another key: its units have the key that was in force where they began.
#[test]
fn units_across_a_change_of_keys() {
    if media::skip_without_ffmpeg("units_across_a_change_of_keys") {
        return;
    }
    let folder = folder();
    let clear = PLAIN.make(&folder.path().join("hls"));
    let mut encrypted = Playlist::default();
    for segment in &clear.segments {
        let change = 12;
        let whole = sample_aes::transport_stream(&segment.data, Types::Encrypted, Cut::AsBefore, |number| {
            if number < change { A } else { B }
        })
        .unwrap();
        // Cut within the packets of the last picture before the change.
        let last = (0..change)
            .rev()
            .find(|&number| whole.pes[number].0 == 0x100)
            .unwrap();
        assert!(
            whole.pes[last + 1].1 > whole.pes[last].1 + 1,
            "a picture of several packets"
        );
        let at = (whole.pes[last].1 + 1) * 188;
        // What stands between the picture and the change is moved before it, so that only the picture crosses.
        let (first, second) = whole.packets.split_at(at);
        let end = whole.pes[last + 1].1 * 188 - at;
        let between = whole.pes[change].1 * 188 - at;
        let first = [first, &second[end..between]].concat();
        let second = [&second[..end], &second[between..]].concat();
        for (data, pair) in [(first, A), (second, B)] {
            encrypted.segments.push(SegmentInput {
                data: data.into(),
                cipher: Some(of_playlist(pair)),
                ..SegmentInput::default()
            });
        }
    }
    let (ours, source, reference) = in_folder(folder.path());
    clear.concatenate(&source);
    let merged = merge(&[encrypted], &ours);
    media::remux(&source, &reference).unwrap();
    media::compare(&ours, &reference).unwrap();
    check_sound(&ours, &merged);
}

#[test]
fn packed_audio() {
    if media::skip_without_ffmpeg("packed_audio") {
        return;
    }
    for (codec, name) in [("aac", "aac"), ("ac3", "ac3"), ("eac3", "eac3")] {
        let folder = folder();
        let audio = folder.path().join(format!("audio.{name}"));
        let mut options = vec![
            "-f",
            "lavfi",
            "-i",
            "sine=frequency=440:sample_rate=48000",
            "-t",
            "5",
            "-c:a",
            codec,
        ];
        options.push(audio.to_str().unwrap());
        media::ffmpeg(options).unwrap();
        let head = id3_timestamp(90_000);
        let clear = [&head[..], &read(&audio)].concat();
        let segment = |data: Vec<u8>, cipher| SegmentInput {
            data: data.into(),
            cipher,
            ..SegmentInput::default()
        };
        let encrypted = sample_aes::packed_audio(&clear, head.len(), A).unwrap();
        assert!(encrypted != clear);
        let (ours, clear_file) = (folder.path().join("ours.mp4"), folder.path().join("clear.mp4"));
        let of = |segment| Playlist {
            segments: vec![segment],
        };
        merge(&[of(segment(encrypted.clone(), Some(of_playlist(A))))], &ours);
        merge(&[of(segment(clear, None))], &clear_file);
        assert!(read(&ours) == read(&clear_file), "{name}");
        assert_eq!(media::decode_errors(&ours).unwrap(), "", "{name}");

        let wrong = refusal([segment(encrypted, Some(of_playlist(B)))], Container::Mp4);
        assert_eq!(
            wrong.to_string(),
            "segment 1 of track 0: wrong key or corrupt: the audio that comes out is noise",
            "{name}"
        );
        assert_eq!(wrong.code(), ErrorCode::Decrypt);
    }
}

#[test]
fn a_wrong_key_shows_in_the_sound() {
    if media::skip_without_ffmpeg("a_wrong_key_shows_in_the_sound") {
        return;
    }
    for encode in [&PLAIN, &AC3, &EAC3] {
        let folder = folder();
        let clear = encode.make(&folder.path().join("hls"));
        let mut encrypted = rotated(&clear, Types::Encrypted, Cut::AsBefore);
        for segment in &mut encrypted.segments {
            segment.cipher = segment.cipher.as_ref().map(|_| {
                let pair = KeyAndIv { key: [1; 16], ..A };
                cipher(Declaration::Playlist, pair)
            });
        }
        let error = refusal(encrypted.segments, Container::Mp4);
        assert!(error.to_string().contains("wrong key or corrupt"), "{error}");
        assert_eq!(error.code(), ErrorCode::Decrypt);
    }
}

#[test]
fn streams_without_a_way_to_decrypt_them_are_refused() {
    if media::skip_without_ffmpeg("streams_without_a_way_to_decrypt_them_are_refused") {
        return;
    }
    let folder = folder();
    let clear = PLAIN.make(&folder.path().join("hls"));
    let mut segment = rotated(&clear, Types::Encrypted, Cut::AsBefore)
        .segments
        .remove(0);
    let check = |segment: &SegmentInput, container, words: &str, code| {
        let error = refusal([segment.clone()], container);
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!(error.code(), code);
    };
    for container in [Container::Ts, Container::Segments] {
        let words = "SAMPLE-AES encrypts the samples, and this kind of output keeps the segments as they are: choose mp4";
        check(&segment, container, words, ErrorCode::Unsupported);
    }
    segment.cipher = None;
    check(
        &segment,
        Container::Mp4,
        "SAMPLE-AES encrypted H.264, and there is no key for it",
        ErrorCode::BadKey,
    );
    let named = [(KeyId([7; 16]), Key::Bits128(A.key))];
    let by_id = SampleCipher::new(
        KeyMethod::SampleAes,
        Iv(A.iv),
        Declaration::Playlist,
        None,
        &named,
    )
    .unwrap();
    segment.cipher = Some(by_id);
    check(
        &segment,
        Container::Mp4,
        "there is no key for it",
        ErrorCode::BadKey,
    );
    let ctr = SampleCipher::new(
        KeyMethod::SampleAesCtr,
        Iv(A.iv),
        Declaration::Playlist,
        Some(Key::Bits128(A.key)),
        &[],
    );
    segment.cipher = Some(ctr.unwrap());
    check(
        &segment,
        Container::Mp4,
        "SAMPLE-AES-CTR outside of fragmented MP4 is not supported yet",
        ErrorCode::Unsupported,
    );

    let hevc = Encode {
        more: &["-c:v", "libx265", "-x265-params", "log-level=none"],
        seconds: "3",
        ..PLAIN
    };
    let mut hevc = hevc.make(&folder.path().join("hevc")).segments.remove(0);
    hevc.cipher = Some(of_playlist(A));
    check(
        &hevc,
        Container::Mp4,
        "SAMPLE-AES encrypted HEVC is not supported yet",
        ErrorCode::Unsupported,
    );
}

/// A key that nobody but the user speaks of: clear streams stay as they are.
#[test]
fn a_needless_key_changes_nothing() {
    if media::skip_without_ffmpeg("a_needless_key_changes_nothing") {
        return;
    }
    for more in [&[][..], &["-hls_segment_type", "fmp4"]] {
        let folder = folder();
        let mut playlist = Encode { more, ..PLAIN }.make(&folder.path().join("hls"));
        for segment in &mut playlist.segments {
            segment.cipher = Some(cipher(Declaration::Nowhere, A));
        }
        check_one_playlist(playlist, folder.path());
    }
}

#[test]
fn the_ac3_vector() {
    let Some(corpus) = corpus("the_ac3_vector") else {
        return;
    };
    let folder = folder();
    let pair = KeyAndIv {
        key: 0xa8cd_a0ee_5390_b716_298f_fad0_a1f1_a021_u128.to_be_bytes(),
        iv: 0xe60c_79c3_14e3_c9b4_71e7_e51a_baa0_b24a_u128.to_be_bytes(),
    };
    let mut encrypted = Playlist::of_files([corpus.join("iori/ac3/segment-0.ts")]);
    encrypted.segments[0].cipher = Some(of_playlist(pair));
    let clear = Playlist::of_files([corpus.join("iori/ac3/segment-0.ts.dec")]);
    let (ours, theirs) = (folder.path().join("ours.mp4"), folder.path().join("theirs.mp4"));
    let merged = merge(&[encrypted], &ours);
    merge(&[clear], &theirs);
    assert!(
        read(&ours) == read(&theirs),
        "the vector's samples, byte for byte"
    );
    check_sound(&ours, &merged);
}

#[test]
fn the_cbcs_vector() {
    let Some(corpus) = corpus("the_cbcs_vector") else {
        return;
    };
    let folder = folder();
    let pair = KeyAndIv {
        key: 0x22bd_b006_3805_2603_07ee_5045_c0f3_835a_u128.to_be_bytes(),
        iv: [0; 16],
    };
    let mut encrypted = Playlist::of_files([corpus.join("mp4ff/testdata/cbcs.mp4")]);
    encrypted.segments[0].cipher = Some(of_playlist(pair));
    let clear = Playlist::of_files([corpus.join("mp4ff/testdata/cbcsdec.mp4")]);
    let (ours, theirs) = (folder.path().join("ours.mp4"), folder.path().join("theirs.mp4"));
    let merged = merge(&[encrypted], &ours);
    merge(&[clear], &theirs);
    assert!(read(&ours) == read(&theirs), "the vector's file, byte for byte");
    check_sound(&ours, &merged);

    // It names Widevine and PlayReady: only a key that the playlist serves counts.
    for given in [None, Some(cipher(Declaration::Nowhere, pair))] {
        let mut encrypted = Playlist::of_files([corpus.join("mp4ff/testdata/cbcs.mp4")]);
        encrypted.segments[0].cipher = given;
        let error = refusal(encrypted.segments, Container::Mp4);
        assert_eq!(
            error.to_string(),
            "segment 1 of track 0: protected by DRM (PlayReady): Weir does not remove DRM"
        );
        assert_eq!(error.code(), ErrorCode::Drm);
    }
}

const KEYS: [([u8; 16], [u8; 16]); 2] = [(*b"the KID of one..", A.key), (*b"the KID of two..", B.key)];

/// The stream as a packager protects it, with the keys by their KIDs.
fn protected(clear: &Playlist, protection: &Protection) -> Playlist {
    let map = clear.segments[0].map.as_ref().unwrap();
    let (map, tracks) = common_encryption::initialization(map, protection).unwrap();
    let map = Bytes::from(map);
    let keys = KEYS.map(|(id, key)| (KeyId(id), Key::Bits128(key)));
    let cipher = SampleCipher::new(
        KeyMethod::SampleAes,
        Iv([0; 16]),
        Declaration::Playlist,
        None,
        &keys,
    )
    .unwrap();
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

#[test]
fn common_encryption_of_every_scheme() {
    if media::skip_without_ffmpeg("common_encryption_of_every_scheme") {
        return;
    }
    let folder = folder();
    let clear = Encode {
        more: &["-hls_segment_type", "fmp4"],
        ..PLAIN
    }
    .make(&folder.path().join("hls"));
    for scheme in [Scheme::Cenc, Scheme::Cens, Scheme::Cbc1, Scheme::Cbcs] {
        for (groups, place) in [(false, Place::Senc), (true, Place::Elsewhere)] {
            let folder = super::folder();
            let protection = Protection {
                scheme,
                keys: KEYS,
                groups,
                place,
            };
            let encrypted = protected(&clear, &protection);
            check_against_clear(encrypted, &clear, folder.path());
        }
    }
}

/// The file of the encrypted stream is that of the clear one, sample entries and all.
#[test]
fn nothing_of_the_protection_is_left() {
    if media::skip_without_ffmpeg("nothing_of_the_protection_is_left") {
        return;
    }
    let folder = folder();
    let encode = Encode {
        sample_rate: "48000",
        more: &["-hls_segment_type", "fmp4", "-c:a", "ac3"],
        ..PLAIN
    };
    let clear = encode.make(&folder.path().join("hls"));
    let protection = Protection {
        scheme: Scheme::Cbcs,
        keys: KEYS,
        groups: false,
        place: Place::Senc,
    };
    let (ours, theirs) = (folder.path().join("ours.mp4"), folder.path().join("theirs.mp4"));
    let encrypted = protected(&clear, &protection);
    let some_key = Some(cipher(Declaration::Playlist, B));
    let wrong = encrypted.segments.iter().map(|segment| SegmentInput {
        cipher: some_key.clone(),
        ..segment.clone()
    });
    let wrong: Vec<_> = wrong.collect();
    merge(&[encrypted], &ours);
    merge(&[clear], &theirs);
    assert!(read(&ours) == read(&theirs));

    // The sound has the second key here, so the first track's is the wrong one: nothing shows it.
    let error = refusal(
        wrong.into_iter().map(|segment| SegmentInput {
            cipher: Some(cipher(Declaration::Playlist, A)),
            ..segment
        }),
        Container::Mp4,
    );
    assert!(error.to_string().contains("wrong key or corrupt"), "{error}");
}

#[test]
fn a_key_that_is_missing_is_named() {
    if media::skip_without_ffmpeg("a_key_that_is_missing_is_named") {
        return;
    }
    let folder = folder();
    let clear = Encode {
        more: &["-hls_segment_type", "fmp4"],
        seconds: "3",
        ..PLAIN
    }
    .make(&folder.path().join("hls"));
    let protection = Protection {
        scheme: Scheme::Cbcs,
        keys: KEYS,
        groups: false,
        place: Place::Senc,
    };
    let mut segment = protected(&clear, &protection).segments.remove(0);
    let keys = [(KeyId(KEYS[0].0), Key::Bits128(KEYS[0].1))];
    let one = SampleCipher::new(
        KeyMethod::SampleAes,
        Iv([0; 16]),
        Declaration::Playlist,
        None,
        &keys,
    )
    .unwrap();
    segment.cipher = Some(one);
    let error = refusal([segment.clone()], Container::Mp4);
    assert_eq!(
        error.to_string(),
        format!(
            "segment 1 of track 0: media encrypted with the key that has the KID {}, and there is no key for it",
            KeyId(KEYS[1].0)
        )
    );
    segment.cipher = None;
    let error = refusal([segment], Container::Mp4);
    assert_eq!(
        error.to_string(),
        "segment 1 of track 0: encrypted (cbcs) fragmented MP4, and there is no key for it"
    );
    assert_eq!(error.code(), ErrorCode::BadKey);
}

/// The witness of the encryption that these tests do themselves: ffmpeg, which knows `cenc` with one key. (Of several
/// fragments, version 5.1 reads the encryption of the first only.)
#[test]
fn ffmpeg_decrypts_what_was_encrypted_here() {
    if media::skip_without_ffmpeg("ffmpeg_decrypts_what_was_encrypted_here") {
        return;
    }
    let folder = folder();
    let mut clear = Encode {
        more: &["-hls_segment_type", "fmp4"],
        ..PLAIN
    }
    .make(&folder.path().join("hls"));
    clear.segments.truncate(1);
    let protection = Protection {
        scheme: Scheme::Cenc,
        keys: [KEYS[0]; 2],
        groups: false,
        place: Place::Senc,
    };
    let (_, encrypted, theirs) = in_folder(folder.path());
    protected(&clear, &protection).concatenate(&encrypted);
    let source = folder.path().join("clear");
    clear.concatenate(&source);
    let key = format!("{:032x}", u128::from_be_bytes(A.key));
    let (encrypted, output) = (encrypted.to_str().unwrap(), theirs.to_str().unwrap());
    // The movie's timescale as in the reference, which is finer than ffmpeg's own.
    let copy = ["-c", "copy", "-movie_timescale", "90000", output];
    let decrypt = ["-decryption_key", &key, "-i", encrypted];
    media::ffmpeg(decrypt.into_iter().chain(copy)).unwrap();
    let reference = folder.path().join("clear.mp4");
    media::remux(&source, &reference).unwrap();
    media::compare(&theirs, &reference).unwrap();
}
