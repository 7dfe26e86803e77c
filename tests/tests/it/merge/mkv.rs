//! Matroska, compared with ffmpeg's copy of the same segments.

use weir::merge::About;

use super::generated::{CLOCK_WRAPS, Encode, HEVC_AND_AC3, NTSC_OPEN_GOP, PLAIN, splice};
use super::*;

/// ffmpeg's copy into an MP4 has the exact times, that into a Matroska file the codec names of Matroska.
fn check_against(test: &str, encode: &Encode, reference: &str) -> Option<(tempfile::TempDir, Merged)> {
    if media::skip_without_ffmpeg(test) {
        return None;
    }
    let folder = folder();
    let playlist = encode.make(&folder.path().join("hls"));
    let (ours, source) = (folder.path().join("ours.mkv"), folder.path().join("source"));
    let reference = folder.path().join(reference);
    playlist.concatenate(&source);
    let merged = merge_as(Container::Mkv, &[playlist], &ours);
    media::remux(&source, &reference).unwrap();
    media::compare(&ours, &reference).unwrap();
    check_sound(&ours, &merged);
    assert_eq!(merged.warnings, Vec::<String>::new());
    Some((folder, merged))
}

fn check(test: &str, encode: &Encode) {
    check_against(test, encode, "reference.mp4");
}

#[test]
fn ts_h264_and_aac() {
    let Some((folder, merged)) = check_against("mkv ts_h264_and_aac", &PLAIN, "reference.mkv") else {
        return;
    };
    // The same streams as in MP4, and as long.
    let codecs: Vec<&str> = merged.tracks.iter().map(|track| track.codec.as_str()).collect();
    assert_eq!(codecs, ["avc1.64000c", "mp4a.40.2"]);
    assert!((8.9..9.2).contains(&merged.duration_seconds), "{merged:?}");
    let shown = probe(
        &folder.path().join("ours.mkv"),
        "stream=r_frame_rate,avg_frame_rate:format=duration",
    );
    assert!(shown.contains("avg_frame_rate=25/1"), "{shown}");
}

#[test]
fn ts_hevc_and_ac3() {
    check("mkv ts_hevc_and_ac3", &HEVC_AND_AC3);
}

#[test]
fn ts_mp3() {
    check("mkv ts_mp3", &PLAIN.with(&["-c:a", "libmp3lame"]));
}

#[test]
fn ts_mpeg_layer_2() {
    check_against(
        "mkv ts_mpeg_layer_2",
        &PLAIN.with(&["-c:a", "mp2"]),
        "reference.mkv",
    );
}

#[test]
fn ts_enhanced_ac3() {
    check_against(
        "mkv ts_enhanced_ac3",
        &PLAIN.with(&["-c:a", "eac3"]),
        "reference.mkv",
    );
}

#[test]
fn ts_ntsc_open_gop() {
    check("mkv ts_ntsc_open_gop", &NTSC_OPEN_GOP);
}

#[test]
fn ts_with_a_timestamp_wrap() {
    check("mkv ts_with_a_timestamp_wrap", &CLOCK_WRAPS);
}

#[test]
fn fragmented_h264_and_aac() {
    check(
        "mkv fragmented_h264_and_aac",
        &PLAIN.with(&["-hls_segment_type", "fmp4"]),
    );
}

/// The source is the reference: ffmpeg's copies lose the last Opus packet, or its pre-skip.
fn check_fragmented(test: &str, more: &'static [&'static str]) {
    if media::skip_without_ffmpeg(test) {
        return;
    }
    let folder = folder();
    let encode = Encode {
        sample_rate: "48000",
        more,
        ..PLAIN
    };
    let playlist = encode.make(&folder.path().join("hls"));
    let (ours, source) = (folder.path().join("ours.mkv"), folder.path().join("source"));
    playlist.concatenate(&source);
    let merged = merge_as(Container::Mkv, &[playlist], &ours);
    media::compare(&ours, &source).unwrap();
    check_sound(&ours, &merged);
}

#[test]
fn fragmented_hevc_and_opus() {
    let more = &[
        "-hls_segment_type",
        "fmp4",
        "-c:v",
        "libx265",
        "-x265-params",
        "log-level=none",
        "-c:a",
        "libopus",
    ];
    check_fragmented("mkv fragmented_hevc_and_opus", more);
}

#[test]
fn fragmented_av1_and_flac() {
    let more = &[
        "-hls_segment_type",
        "fmp4",
        "-c:v",
        "libsvtav1",
        "-preset",
        "12",
        "-bf",
        "0",
        "-c:a",
        "flac",
        "-strict",
        "-2",
    ];
    check_fragmented("mkv fragmented_av1_and_flac", more);
}

#[test]
fn fragmented_vp9() {
    let more = &[
        "-hls_segment_type",
        "fmp4",
        "-c:v",
        "libvpx-vp9",
        "-deadline",
        "realtime",
        "-cpu-used",
        "8",
        "-c:a",
        "ac3",
    ];
    check_fragmented("mkv fragmented_vp9", more);
}

#[test]
fn a_gap_stays_a_hole() {
    if media::skip_without_ffmpeg("mkv a_gap_stays_a_hole") {
        return;
    }
    let folder = folder();
    let mut playlist = PLAIN.make(&folder.path().join("hls"));
    let missing = playlist.segments.remove(2);
    playlist.segments[2].missing_seconds = missing.duration_seconds.unwrap();
    let (ours, source) = (folder.path().join("ours.mkv"), folder.path().join("source"));
    let reference = folder.path().join("reference.mp4");
    playlist.concatenate(&source);
    let merged = merge_as(Container::Mkv, &[playlist], &ours);
    media::remux(&source, &reference).unwrap();
    media::compare(&ours, &reference).unwrap();
    check_sound(&ours, &merged);
}

/// A track is described once: where the picture's size changes, parameter sets go along with the pictures. The same
/// packets as in MP4, but for those parameter sets, and the same frames.
#[test]
fn discontinuity_with_another_picture_size() {
    if media::skip_without_ffmpeg("mkv discontinuity_with_another_picture_size") {
        return;
    }
    for more in [&[][..], &["-hls_segment_type", "fmp4"]] {
        let folder = folder();
        let mut playlist = splice(folder.path(), more);
        playlist.segments[5].discontinuity = true;
        let (mkv, mp4) = (folder.path().join("ours.mkv"), folder.path().join("ours.mp4"));
        let playlists = [playlist];
        let merged = merge_as(Container::Mkv, &playlists, &mkv);
        merge(&playlists, &mp4);
        assert_eq!(merged.warnings, Vec::<String>::new());
        check_sound(&mkv, &merged);
        let (ours, reference) = (media::packets(&mkv).unwrap(), media::packets(&mp4).unwrap());
        for (ours, reference) in ours.iter().zip(&reference) {
            let times = |stream: &media::Stream| {
                let start = stream.packets[0].pts_seconds.unwrap();
                let time = |packet: &media::Packet| packet.pts_seconds.unwrap() - start;
                stream.packets.iter().map(time).collect::<Vec<_>>()
            };
            assert_eq!(ours.packets.len(), reference.packets.len());
            for (a, b) in times(ours).iter().zip(times(reference)) {
                assert!((a - b).abs() <= media::PTS_TOLERANCE_SECONDS, "{a} {b}");
            }
        }
        assert_eq!(
            media::decoded_frames_md5(&mkv).unwrap(),
            media::decoded_frames_md5(&mp4).unwrap()
        );
    }
}

/// What decoders cannot learn from the samples goes on in a track of its own, and is told.
#[test]
fn another_sample_rate_is_another_track() {
    if media::skip_without_ffmpeg("mkv another_sample_rate_is_another_track") {
        return;
    }
    let folder = folder();
    let mut playlist = PLAIN.make(&folder.path().join("one"));
    let first = playlist.segments.len();
    let encode = Encode {
        sample_rate: "48000",
        ..PLAIN
    };
    playlist
        .segments
        .extend(encode.make(&folder.path().join("two")).segments);
    playlist.segments[first].discontinuity = true;
    let ours = folder.path().join("ours.mkv");
    let merged = merge_as(Container::Mkv, &[playlist], &ours);
    assert_eq!(merged.tracks.len(), 3, "{merged:?}");
    assert!(
        merged.warnings[0].contains("another track"),
        "{:?}",
        merged.warnings
    );
    check_sound(&ours, &merged);
}

#[test]
fn separate_audio_has_its_language_and_name() {
    if media::skip_without_ffmpeg("mkv separate_audio_has_its_language_and_name") {
        return;
    }
    let folder = folder();
    let playlist = PLAIN.make(&folder.path().join("hls"));
    let ours = folder.path().join("ours.mkv");
    let hint = TrackHint {
        language: Some("de-CH".to_owned()),
        name: Some("Schwiizerdütsch".to_owned()),
        ..playlist.hint()
    };
    let mut merger = Merger::create(&ours, Container::Mkv, &[hint]).unwrap();
    merger.describe(About {
        title: Some("Der Müller".to_owned()),
        source: Some("https://video.example/master.m3u8".to_owned()),
    });
    for segment in playlist.segments {
        merger.push(segment).unwrap();
    }
    merger.finish().unwrap();
    let shown = probe(&ours, "format_tags:stream_tags:stream_disposition=default");
    for expected in [
        "TAG:title=Der Müller",
        "TAG:URL=https://video.example/master.m3u8",
        "TAG:language=ger",
    ] {
        assert!(shown.contains(expected), "{expected} in {shown}");
    }
    assert!(shown.contains("TAG:title=Schwiizerdütsch"), "{shown}");
    assert_eq!(shown.matches("default=1").count(), 2, "{shown}");
}

/// After a crash the file plays up to there, and no byte of media is written twice.
#[test]
fn growing_file_is_playable() {
    if media::skip_without_ffmpeg("mkv growing_file_is_playable") {
        return;
    }
    let folder = folder();
    let encode = Encode {
        seconds: "20",
        ..PLAIN
    };
    let playlist = encode.make(&folder.path().join("hls"));
    let (whole, part) = (
        folder.path().join("whole.mkv"),
        folder.path().join("whole.mkv.part"),
    );
    let mut merger = Merger::create(&part, Container::Mkv, &[playlist.hint()]).unwrap();
    for segment in playlist.segments.iter().take(6) {
        merger.push(segment.clone()).unwrap();
    }
    drop(merger);
    let outcome = merge_as(Container::Mkv, &[playlist], &whole);

    check_beginning(&part, &whole);
    // The clusters of the growing file are those of the finished one, byte by byte and in the same place.
    let (part, whole) = (read(&part), read(&whole));
    let clusters = part
        .windows(4)
        .position(|id| id == [0x1f, 0x43, 0xb6, 0x75])
        .unwrap();
    assert!(part[clusters..] == whole[clusters..part.len()]);
    assert_eq!(outcome.bytes, whole.len() as u64);
}

/// Seeking finds the picture: the cues lead to key frames.
#[test]
fn cues_lead_to_key_frames() {
    if media::skip_without_ffmpeg("mkv cues_lead_to_key_frames") {
        return;
    }
    let folder = folder();
    let encode = Encode {
        seconds: "20",
        ..PLAIN
    };
    let playlist = encode.make(&folder.path().join("hls"));
    let ours = folder.path().join("ours.mkv");
    merge_as(Container::Mkv, &[playlist], &ours);
    let read = |from: &str| {
        let interval = format!("{from}%+#1");
        let arguments = [
            "-v",
            "error",
            "-select_streams",
            "v",
            "-read_intervals",
            &interval,
            "-show_entries",
        ];
        let output = std::process::Command::new("ffprobe")
            .args(arguments)
            .args(["packet=pts_time,flags", "-of", "csv=p=0"])
            .arg(&ours)
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    assert_eq!(read("7.5"), "6.023000,K_");
    assert_eq!(read("16.1"), "16.023000,K_");
}

fn probe(path: &Path, entries: &str) -> String {
    let output = std::process::Command::new("ffprobe")
        .args(["-v", "error", "-show_entries", entries])
        .arg(path)
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}
