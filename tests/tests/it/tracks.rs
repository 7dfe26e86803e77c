//! What tracks carry for people: languages, names, which one plays unasked, captions within the picture; and `.m4a`.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should say so at once"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use weir_tests::binary::{Home, last_event};
use weir_tests::media;
use weir_tests::origin::{Origin, Reply};

use super::cli::{check_exit, get};

fn ffmpeg(folder: &Path, arguments: &str) {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-y"])
        .args(arguments.split_whitespace())
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{arguments}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Captures `/PATH` of the origin; returns the output.
#[track_caller]
fn capture(origin: &Origin, home: &Home, path: &str, more: &[&str]) -> PathBuf {
    let output = get(home, &origin.url(path), more);
    check_exit(&output, 0);
    PathBuf::from(last_event(&output).unwrap()["output"].as_str().unwrap())
}

#[test]
fn sound_alone_is_an_m4a() {
    if media::skip_without_ffmpeg("sound_alone_is_an_m4a") {
        return;
    }
    let (folder, home, origin) = (
        tempfile::tempdir().unwrap(),
        Home::new().unwrap(),
        Origin::start().unwrap(),
    );
    ffmpeg(
        folder.path(),
        "-f lavfi -i sine=sample_rate=48000:duration=6 -c:a aac -f hls -hls_time 2 -hls_playlist_type vod song.m3u8",
    );
    origin.directory("/", folder.path());
    let variant = "#EXT-X-STREAM-INF:BANDWIDTH=64000,CODECS=\"mp4a.40.2\"\nsong.m3u8\n";
    origin.reply("/radio.m3u8", Reply::ok(format!("#EXTM3U\n{variant}")));
    let brand = |file: &Path| fs::read(file).unwrap()[8..12].to_vec();

    // The playlist tells, or the segments do.
    for (path, name) in [
        ("/radio.m3u8", "radio.m4a"),
        ("/song.m3u8", "song.m4a"),
        ("/song.m3u8", "song (2).m4a"),
    ] {
        let file = capture(&origin, &home, path, &[]);
        assert!(file.ends_with(name), "{}", file.display());
        assert_eq!(brand(&file), b"M4A ");
        assert_eq!(media::decode_errors(&file).unwrap(), "");
    }
    // The user's choice of a name stays.
    let named = capture(&origin, &home, "/song.m3u8", &["-o", "named.mp4"]);
    assert!(named.ends_with("named.mp4"), "{}", named.display());
    assert_eq!(brand(&named), b"M4A ");
    let left = home.files(home.path()).unwrap();
    assert!(left.iter().all(|name| !name.contains(".part")), "{left:?}");
}

/// What a player needs to know of a track: kind, language, name, and whether it plays unasked and for everyone.
fn tracks_of(file: &Path) -> Vec<(String, String, String, bool, bool)> {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-of", "json", "-show_streams"])
        .arg(file)
        .output()
        .unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let track = |stream: &Value| {
        let (tags, disposition) = (&stream["tags"], &stream["disposition"]);
        let name = [&tags["title"], &tags["handler_name"]].map(text);
        (
            text(&stream["codec_type"]),
            text(&tags["language"]),
            name.into_iter().find(|name| !name.is_empty()).unwrap_or_default(),
            disposition["default"] == 1,
            disposition["forced"] == 1,
        )
    };
    report["streams"].as_array().unwrap().iter().map(track).collect()
}

/// DEFAULT is not the first of its kind here, and one of the subtitles is FORCED.
#[test]
fn all_tracks_with_the_default_one_and_the_forced_one() {
    if media::skip_without_ffmpeg("all_tracks_with_the_default_one_and_the_forced_one") {
        return;
    }
    let (folder, home, origin) = (
        tempfile::tempdir().unwrap(),
        Home::new().unwrap(),
        Origin::start().unwrap(),
    );
    let hls = "-t 6 -f hls -hls_time 2 -hls_playlist_type vod";
    ffmpeg(
        folder.path(),
        &format!(
            "-f lavfi -i testsrc2=size=320x180:rate=25 -c:v libx264 -preset ultrafast -g 50 {hls} picture.m3u8"
        ),
    );
    for (tone, language) in [(440, "de"), (660, "en"), (880, "fr")] {
        let source = format!("-f lavfi -i sine=sample_rate=48000:frequency={tone} -c:a aac");
        ffmpeg(folder.path(), &format!("{source} {hls} {language}.m3u8"));
    }
    origin.directory("/", folder.path());
    let mut master = "#EXTM3U\n".to_owned();
    for (kind, language, name, attributes) in [
        ("AUDIO", "de", "Deutsch", "DEFAULT=NO"),
        ("AUDIO", "en", "English", "DEFAULT=YES"),
        ("AUDIO", "fr", "Français", "DEFAULT=NO"),
        ("SUBTITLES", "de", "Untertitel", "DEFAULT=NO"),
        ("SUBTITLES", "en", "Subtitles", "DEFAULT=YES"),
        ("SUBTITLES", "fr", "Affiches", "DEFAULT=NO,FORCED=YES"),
    ] {
        let file = match kind {
            "AUDIO" => format!("{language}.m3u8"),
            _ => format!("words-{language}.m3u8"),
        };
        if kind == "SUBTITLES" {
            let cue = format!("WEBVTT\n\n00:01.000 --> 00:03.000\n{name}\n");
            origin.reply(&format!("/{language}.vtt"), Reply::ok(cue));
            let list =
                format!("#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:6,\n{language}.vtt\n#EXT-X-ENDLIST\n");
            origin.reply(&format!("/{file}"), Reply::ok(list));
        }
        let media = format!(
            "#EXT-X-MEDIA:TYPE={kind},GROUP-ID=\"{kind}\",LANGUAGE=\"{language}\",NAME=\"{name}\",{attributes},URI=\"{file}\"\n"
        );
        master += &media;
    }
    master += "#EXT-X-STREAM-INF:BANDWIDTH=640000,AUDIO=\"AUDIO\",SUBTITLES=\"SUBTITLES\"\npicture.m3u8\n";
    origin.reply("/master.m3u8", Reply::ok(master));

    let track = |kind: &str, language: &str, name: &str, default, forced| {
        (
            kind.to_owned(),
            language.to_owned(),
            name.to_owned(),
            default,
            forced,
        )
    };
    let expected = |german, french| {
        [
            track("audio", german, "Deutsch", false, false),
            track("audio", "eng", "English", true, false),
            track("audio", french, "Français", false, false),
            track("subtitle", german, "Untertitel", false, false),
            track("subtitle", "eng", "Subtitles", true, false),
            track("subtitle", french, "Affiches", false, true),
        ]
    };
    // The codes of ISO 639-2: for terminology in MP4, bibliographic in Matroska.
    for (name, german, french) in [("all.mp4", "deu", "fra"), ("all.mkv", "ger", "fre")] {
        let all = ["--audio", "all", "--subs", "all", "-o", name];
        let file = capture(&origin, &home, "/master.m3u8", &all);
        let tracks = tracks_of(&file);
        assert_eq!(tracks[0].0, "video");
        assert_eq!(tracks[1..], expected(german, french), "{name}");
        assert_eq!(media::decode_errors(&file).unwrap(), "");
    }
}

/// A caption of CEA-708 as a SEI message (ATSC A/53, part 4, 6.2.3), different for every picture.
fn caption(number: usize) -> Vec<u8> {
    let number = u8::try_from(number % 0x60).unwrap() + 0x20;
    let user_data = [
        0xb5, 0x00, 0x31, b'G', b'A', b'9', b'4', 0x03, 0xc2, 0xff, 0xfc, number, number, 0xfd, 0x80, 0x80,
        0xff,
    ];
    let mut nal = vec![0x06, 0x04, u8::try_from(user_data.len()).unwrap()];
    nal.extend(user_data);
    nal.push(0x80);
    nal
}

/// The NAL units of a byte stream.
fn nal_units(stream: &[u8]) -> Vec<&[u8]> {
    let mut starts: Vec<usize> = Vec::new();
    for (at, window) in stream.windows(3).enumerate() {
        if window == [0, 0, 1] {
            starts.push(at + 3);
        }
    }
    let ends = starts
        .iter()
        .skip(1)
        .map(|&start| start - 3)
        .chain([stream.len()]);
    starts
        .iter()
        .zip(ends)
        .map(|(&start, end)| {
            let unit = &stream[start..end];
            let zeros = unit.iter().rev().take_while(|&&byte| byte == 0).count();
            &unit[..unit.len() - zeros]
        })
        .collect()
}

fn captions_survive(kind: &str, hls: &str) {
    if media::skip_without_ffmpeg(&format!("captions in {kind}")) {
        return;
    }
    let (folder, home, origin) = (
        tempfile::tempdir().unwrap(),
        Home::new().unwrap(),
        Origin::start().unwrap(),
    );
    ffmpeg(
        folder.path(),
        "-f lavfi -i testsrc2=size=320x180:rate=25:duration=6 -c:v libx264 -preset ultrafast -pix_fmt yuv420p -bf 0 -g 50 \
         -x264-params aud=1 plain.h264",
    );
    let plain = fs::read(folder.path().join("plain.h264")).unwrap();
    let (mut captioned, mut expected) = (Vec::new(), Vec::new());
    let units = nal_units(&plain);
    for (at, unit) in units.iter().enumerate() {
        const SLICES: [u8; 2] = [1, 5];
        let kind = unit[0] & 0x1f;
        let begins_picture = SLICES.contains(&kind) && !SLICES.contains(&(units[at - 1][0] & 0x1f));
        if begins_picture {
            let caption = caption(expected.len());
            captioned.extend([&[0, 0, 0, 1][..], &caption].concat());
            expected.push(caption);
        }
        captioned.extend([&[0, 0, 0, 1][..], unit].concat());
    }
    assert_eq!(expected.len(), 150, "one for each picture");
    fs::write(folder.path().join("captioned.h264"), captioned).unwrap();
    let arguments = format!(
        "-framerate 25 -i captioned.h264 -c copy -bsf:v setts=ts=N/(25*TB) -f hls -hls_time 2 -hls_playlist_type vod {hls} index.m3u8"
    );
    ffmpeg(folder.path(), &arguments);
    origin.directory("/", folder.path());

    let file = capture(&origin, &home, "/index.m3u8", &["-o", "out.mp4"]);
    let probe = Command::new("ffprobe")
        .args([
            "-v",
            "error",
            "-show_frames",
            "-show_entries",
            "frame_side_data=side_data_type",
            "-of",
            "csv",
        ])
        .arg(&file)
        .output()
        .unwrap();
    let report = String::from_utf8_lossy(&probe.stdout);
    assert_eq!(
        report.matches("Closed Captions").count(),
        150,
        "the decoder sees captions: {report}"
    );
    let input = file.to_str().unwrap();
    ffmpeg(
        folder.path(),
        &format!("-i {input} -c copy -bsf:v h264_mp4toannexb -f h264 out.h264"),
    );
    let out = fs::read(folder.path().join("out.h264")).unwrap();
    let is_caption = |unit: &&&[u8]| unit.starts_with(&[0x06, 0x04]);
    let found: Vec<&[u8]> = nal_units(&out).iter().filter(is_caption).copied().collect();
    assert!(
        found == expected,
        "{} caption NAL units of {}",
        found.len(),
        expected.len()
    );
}

#[test]
fn captions_of_transport_streams_survive() {
    captions_survive("transport streams", "");
}

#[test]
fn captions_of_fragmented_mp4_survive() {
    captions_survive("fragmented MP4", "-hls_segment_type fmp4");
}
