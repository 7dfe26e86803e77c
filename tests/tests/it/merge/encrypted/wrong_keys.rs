//! Wrong keys, which make noise of the same length: what shows them, and what is said where nothing does.

use super::*;

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
        for container in [Container::Mp4, Container::Ts, Container::Segments] {
            let error = refusal(encrypted.segments.clone(), container);
            assert!(error.to_string().contains("wrong key or corrupt"), "{error}");
            assert_eq!(error.code(), ErrorCode::Decrypt);
        }
    }
}

const WRONG: [u8; 16] = *b"the key of none.";

/// Where all of a frame is encrypted its beginning shows it, whatever the scheme.
#[test]
fn a_wrong_key_of_fragmented_aac_shows_in_the_sound() {
    if media::skip_without_ffmpeg("a_wrong_key_of_fragmented_aac_shows_in_the_sound") {
        return;
    }
    let folder = folder();
    let clear = FRAGMENTED.make(&folder.path().join("hls"));
    for scheme in [Scheme::Cenc, Scheme::Cens, Scheme::Cbc1, Scheme::Cbcs] {
        let encrypted = protected(&clear, &whole(scheme));
        let keys = [KEYS[0], (KEYS[1].0, WRONG)];
        let segments = with_keys(&encrypted, &keys);
        let error = refusal(segments.clone(), Container::Mp4);
        assert_eq!(
            error.to_string(),
            "segment 1 of track 0: wrong key or corrupt: the audio that comes out is noise",
            "{scheme:?}"
        );
        assert_eq!(error.code(), ErrorCode::Decrypt);
    }
}

/// Slice headers are clear, and little of a short video is encrypted: nothing shows a wrong key, and that is said. The
/// sound's key is its own, and proves itself.
#[test]
fn keys_that_nothing_proves_are_told() {
    const WORDS: &str =
        "track 0: nothing in it proves that its key is right; if the file shows noise, it is not";
    if media::skip_without_ffmpeg("keys_that_nothing_proves_are_told") {
        return;
    }
    let folder = folder();
    let clear = FRAGMENTED.make(&folder.path().join("hls"));
    let output = folder.path().join("out.mp4");
    let encrypted = protected(&clear, &whole(Scheme::Cbcs));
    for key in [A.key, WRONG] {
        let keys = [(KEYS[0].0, key), KEYS[1]];
        let segments = with_keys(&encrypted, &keys);
        let merged = merge(&[Playlist { segments }], &output);
        assert_eq!(merged.warnings, [WORDS]);
        fs::remove_file(&output).unwrap();
    }
    // What is proven by the sound is proven for the video beside it.
    let same = Protection {
        keys: [KEYS[0]; 2],
        ..whole(Scheme::Cbcs)
    };
    let merged = merge(&[protected(&clear, &same)], &output);
    assert_eq!(merged.warnings, [""; 0]);
    let clear = PLAIN.make(&folder.path().join("ts"));
    fs::remove_file(&output).unwrap();
    let merged = merge(&[rotated(&clear, Types::Encrypted, Cut::AsBefore)], &output);
    assert_eq!(merged.warnings, [""; 0]);
}

/// Of many megabytes some would be what never stands in a NAL unit.
#[test]
fn a_wrong_key_shows_in_much_video() {
    if media::skip_without_ffmpeg("a_wrong_key_shows_in_much_video") {
        return;
    }
    let folder = folder();
    let index = folder.path().join("index.m3u8");
    let options = "-f lavfi -i color=gray:size=1280x720:rate=25,noise=alls=100:allf=t+u -frames:v 40 -c:v libx264 \
                   -preset ultrafast -qp 12 -pix_fmt yuv420p -g 10 -f hls -hls_time 1 -hls_playlist_type vod \
                   -hls_segment_type fmp4";
    media::ffmpeg(options.split_whitespace().chain([index.to_str().unwrap()])).unwrap();
    let clear = Playlist::read(&index);
    let bytes: usize = clear.segments.iter().map(|segment| segment.data.len()).sum();
    assert!(bytes > 16 << 20, "{bytes} bytes of video");
    let encrypted = protected(&clear, &whole(Scheme::Cenc));
    let segments = with_keys(&encrypted, &[(KEYS[0].0, WRONG)]);
    let error = refusal(segments, Container::Mp4);
    let words = "wrong key or corrupt: the video that comes out is noise";
    assert!(error.to_string().ends_with(words), "{error}");
    assert_eq!(error.code(), ErrorCode::Decrypt);
}

const FRAGMENTED: Encode = Encode {
    more: &["-hls_segment_type", "fmp4"],
    ..PLAIN
};

fn whole(scheme: Scheme) -> Protection {
    Protection {
        scheme,
        keys: KEYS,
        groups: false,
        place: Place::Senc,
    }
}

fn with_keys(encrypted: &Playlist, keys: &[([u8; 16], [u8; 16])]) -> Vec<SegmentInput> {
    let with_keys = |segment: &SegmentInput| SegmentInput {
        cipher: Some(by_id(KeyMethod::SampleAes, keys)),
        ..segment.clone()
    };
    encrypted.segments.iter().map(with_keys).collect()
}
