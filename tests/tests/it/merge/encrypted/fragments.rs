//! Common Encryption in fragmented MP4.

use super::super::corpus::corpus;
use super::*;

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

    // The sound has the second key here: that one is wrong.
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
    segment.cipher = Some(by_id(KeyMethod::SampleAes, &KEYS[..1]));
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
