//! SAMPLE-AES in transport streams and packed audio.

use super::super::corpus::corpus;
use super::super::generated::id3_timestamp;
use super::*;

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

/// Outputs that keep packets get them in the clear: what ffmpeg reads in them is what is in the clear stream.
#[test]
fn packets_in_the_clear() {
    if media::skip_without_ffmpeg("packets_in_the_clear") {
        return;
    }
    for encode in [&PLAIN, &AC3, &EAC3] {
        let folder = folder();
        let clear = encode.make(&folder.path().join("hls"));
        let (source, reference) = (folder.path().join("clear.ts"), folder.path().join("clear.mp4"));
        clear.concatenate(&source);
        media::remux(&source, &reference).unwrap();
        for (types, cut) in [
            (Types::Encrypted, Cut::AsBefore),
            (Types::Encrypted, Cut::InHalves),
            (Types::Kept, Cut::AsBefore),
        ] {
            let folder = super::folder();
            let (ours, copied) = (folder.path().join("ours.ts"), folder.path().join("read.mp4"));
            let segments = rotated(&clear, types, cut).segments;
            for container in [Container::Ts, Container::Segments] {
                let mut writer = Merger::create(&ours, container, &[TrackHint::default()]).unwrap();
                for segment in &segments {
                    writer.push(segment.clone()).unwrap();
                }
                let merged = writer.finish().unwrap();
                assert_eq!((merged.warnings, merged.losses), (vec![], vec![]));
                if container == Container::Segments {
                    let names = (1..=segments.len()).map(|number| ours.join(format!("{number:05}.ts")));
                    let all: Vec<u8> = names.flat_map(|name| fs::read(name).unwrap()).collect();
                    fs::remove_dir_all(&ours).unwrap();
                    fs::write(&ours, all).unwrap();
                }
                check_counters(&ours, container);
                assert_eq!(
                    media::decode_errors(&ours).unwrap(),
                    "",
                    "{container:?} {types:?} {cut:?}"
                );
                media::remux(&ours, &copied).unwrap();
                media::compare(&copied, &reference).unwrap();
                fs::remove_file(&ours).unwrap();
            }
        }
    }
}

/// Continuity counters have no break within a segment, or anywhere in a `.ts`.
fn check_counters(path: &Path, container: Container) {
    let mut last: std::collections::HashMap<u16, u8> = std::collections::HashMap::new();
    for packet in fs::read(path).unwrap().chunks(188) {
        let pid = u16::from_be_bytes([packet[1] & 0x1f, packet[2]]);
        if container == Container::Segments && pid == 0 {
            last.clear();
        }
        if packet[3] & 0x10 != 0
            && let Some(last) = last.insert(pid, packet[3] & 0x0f)
        {
            assert_eq!(packet[3] & 0x0f, (last + 1) & 0x0f, "PID {pid:#x}");
        }
    }
}

/// What would be decrypted a segment at a time, and is not whole in one.
#[test]
fn packets_whose_units_cross_segments_are_refused() {
    if media::skip_without_ffmpeg("packets_whose_units_cross_segments_are_refused") {
        return;
    }
    let folder = folder();
    let clear = PLAIN.make(&folder.path().join("hls"));
    let segment = &rotated(&clear, Types::Encrypted, Cut::AsBefore).segments[0];
    let half = segment.data.len() / 188 / 2 * 188;
    let halves = [segment.data.slice(..half), segment.data.slice(half..)];
    let segments = halves.map(|data| SegmentInput {
        data,
        ..segment.clone()
    });
    let error = refusal(segments, Container::Ts);
    assert!(error.to_string().contains("goes on across segments"), "{error}");
    assert_eq!(error.code(), ErrorCode::Unsupported);
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
    segment.cipher = None;
    check(
        &segment,
        Container::Mp4,
        "SAMPLE-AES encrypted H.264, and there is no key for it",
        ErrorCode::BadKey,
    );
    segment.cipher = Some(by_id(KeyMethod::SampleAes, &[([7; 16], A.key)]));
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
