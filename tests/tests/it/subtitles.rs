//! Subtitles through `weir get`: segments of WebVTT made by ffmpeg become a track that ffmpeg reads back with the times
//! and words of the source, and files beside it.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should say so at once"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use weir_tests::binary::{Home, last_event};
use weir_tests::media;
use weir_tests::origin::Origin;

use super::cli::{check_exit, get};

/// Begin and end in milliseconds, and text.
type Cue = (i64, i64, String);

const SOURCE: &str = "1\n00:00:00,500 --> 00:00:01,900\nFirst <b>bold</b> and <i>italic</i>\n\n\
    2\n00:00:01,900 --> 00:00:03,200\nAcross the border\nof two lines\n\n\
    3\n00:00:05,750 --> 00:00:06,125\nKäse, 字幕 🎬\n\n\
    4\n00:00:09,000 --> 00:00:11,500\nThe last\n";

/// What a file of `SubRip` says.
fn subrip(text: &str) -> Vec<Cue> {
    let time = |text: &str| {
        let (clock, milliseconds) = text.trim().split_once(',').unwrap();
        let seconds = clock
            .split(':')
            .fold(0, |sum, field| sum * 60 + field.parse::<i64>().unwrap());
        seconds * 1000 + milliseconds.parse::<i64>().unwrap()
    };
    let text = text.replace("\r\n", "\n");
    let blocks = text.trim().split("\n\n").filter(|block| !block.is_empty());
    blocks
        .map(|block| {
            let (_, block) = block.split_once('\n').unwrap();
            let (times, text) = block.split_once('\n').unwrap();
            let (begin, end) = times.split_once("-->").unwrap();
            (time(begin), time(end), text.trim().to_owned())
        })
        .collect()
}

/// The cues of a subtitle track, as ffmpeg reads them.
fn cues_of(file: &Path, track: usize) -> Vec<Cue> {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-i"])
        .arg(file)
        .args(["-map", &format!("0:s:{track}"), "-f", "srt", "-"])
        .output()
        .unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && complaints.is_empty(),
        "{}: {complaints}",
        file.display()
    );
    subrip(&String::from_utf8_lossy(&output.stdout))
}

/// The same cues, within a millisecond, markup aside.
#[track_caller]
fn check_cues(found: &[Cue], expected: &[Cue]) {
    let plain = |text: &str| {
        let mut in_tag = false;
        let is_text = |c: &char| {
            let is_text = !in_tag && *c != '<';
            in_tag = (in_tag && *c != '>') || *c == '<';
            is_text
        };
        text.chars().filter(is_text).collect::<String>()
    };
    let agree = |(found, expected): (&Cue, &Cue)| {
        (found.0 - expected.0).abs() <= 1
            && (found.1 - expected.1).abs() <= 1
            && plain(&found.2) == plain(&expected.2)
    };
    let same = found.len() == expected.len() && found.iter().zip(expected).all(agree);
    assert!(same, "found {found:#?}, expected {expected:#?}");
}

/// What ffprobe says of the streams of a file.
fn streams_of(file: &Path) -> Vec<Value> {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-of", "json", "-show_streams"])
        .arg(file)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    report["streams"].as_array().unwrap().clone()
}

/// A stream of a picture and subtitles, in a folder: `master.m3u8`.
fn segmented(source: &str, more: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("in.srt"), source).unwrap();
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-y", "-f", "lavfi", "-i"])
        .args(["testsrc2=size=320x180:rate=25:duration=12", "-i", "in.srt"])
        .args([
            "-map",
            "0",
            "-map",
            "1",
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-bf",
            "0",
            "-b:v",
            "200k",
        ])
        .args([
            "-g",
            "50",
            "-sc_threshold",
            "0",
            "-pix_fmt",
            "yuv420p",
            "-c:s",
            "webvtt",
        ])
        .args(["-f", "hls", "-hls_time", "2", "-hls_playlist_type", "vod"])
        .args(["-var_stream_map", "v:0,s:0,sgroup:subs,language:de"])
        .args(["-master_pl_name", "master.m3u8"])
        .args(more)
        .arg("v%v.m3u8")
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    folder
}

fn served(folder: &Path) -> Origin {
    let origin = Origin::start().unwrap();
    origin.directory("/", folder);
    origin
}

#[track_caller]
fn complete(output: &Output) -> (PathBuf, Value) {
    check_exit(output, 0);
    let event = last_event(output).unwrap();
    assert_eq!(event["verdict"], "complete", "{event}");
    (PathBuf::from(event["output"].as_str().unwrap()), event)
}

fn subtitles_come_through(kind: &str, more: &[&str]) {
    if media::skip_without_ffmpeg(&format!("subtitles beside {kind}")) {
        return;
    }
    let (stream, home) = (segmented(SOURCE, more), Home::new().unwrap());
    let origin = served(stream.path());
    let url = origin.url("/master.m3u8");
    let (file, event) = complete(&get(&home, &url, &["-o", "out.mp4", "--subs-file", "vtt"]));
    let found = cues_of(&file, 0);
    check_cues(&found, &subrip(SOURCE));
    assert!(
        found[0].2.contains("<b>bold</b>") && found[0].2.contains("<i>italic</i>"),
        "{found:?}"
    );
    assert_eq!(media::decode_errors(&file).unwrap(), "");

    let streams = streams_of(&file);
    assert_eq!(streams.len(), 2);
    let subtitles = &streams[1];
    assert_eq!(subtitles["codec_tag_string"], "tx3g");
    assert_eq!(subtitles["tags"]["language"], "deu");
    assert_eq!(subtitles["tags"]["handler_name"], "subtitle_0");
    // The picture begins with the file.
    assert_eq!(streams[0]["start_time"], "0.000000");
    let track = &event["tracks"][1];
    assert_eq!(
        (track["kind"].as_str(), track["language"].as_str()),
        (Some("subtitle"), Some("de"))
    );
    assert_eq!(
        track["samples"].as_u64(),
        Some(media::packets(&file).unwrap()[1].packets.len() as u64)
    );

    let beside = home.path().join("out.de.vtt");
    check_cues(&cues_of(&beside, 0), &subrip(SOURCE));
    assert!(
        fs::read_to_string(&beside)
            .unwrap()
            .starts_with("WEBVTT\n\n00:00:00.500 --> ")
    );

    // Nothing is replaced.
    let (_, _) = complete(&get(&home, &url, &["-o", "out.mp4", "--subs-file", "srt"]));
    let (second, _) = complete(&get(&home, &url, &["-o", "out.mp4", "--subs-file", "srt"]));
    assert!(second.ends_with("out (3).mp4"), "{}", second.display());
    check_cues(
        &subrip(&fs::read_to_string(home.path().join("out (3).de.srt")).unwrap()),
        &subrip(SOURCE),
    );
    let left: Vec<String> = home.files(home.path()).unwrap();
    assert!(left.iter().all(|name| !name.contains(".part")), "{left:?}");

    let (none, _) = complete(&get(&home, &url, &["-o", "none.mp4", "--subs", "none"]));
    assert_eq!(streams_of(&none).len(), 1);
}

#[test]
fn webvtt_beside_transport_streams() {
    subtitles_come_through("transport streams", &["-hls_segment_filename", "seg%v-%03d.ts"]);
}

#[test]
fn webvtt_beside_fragmented_mp4() {
    let segments = [
        "-hls_segment_type",
        "fmp4",
        "-hls_segment_filename",
        "seg%v-%03d.m4s",
    ];
    subtitles_come_through("fragmented MP4", &segments);
}

#[test]
fn a_transport_stream_has_no_place_for_subtitles() {
    if media::skip_without_ffmpeg("subtitles and --container ts") {
        return;
    }
    let stream = segmented(SOURCE, &["-hls_segment_filename", "seg%v-%03d.ts"]);
    let (origin, home) = (served(stream.path()), Home::new().unwrap());
    let url = origin.url("/master.m3u8");
    // Nobody asked for them: they are left out.
    complete(&get(&home, &url, &["-o", "out.ts"]));
    for more in [&["--subs", "de"][..], &["--subs-file", "vtt"]] {
        let output = get(&home, &url, &[&["-o", "asked.ts"], more].concat());
        let event = last_event(&output).unwrap();
        assert_ne!(output.status.code(), Some(0), "{event}");
        let message = event["error"]["message"].as_str().unwrap();
        assert!(message.contains("subtitle"), "{message}");
    }
}

#[test]
fn segments_are_kept_as_they_are() {
    if media::skip_without_ffmpeg("subtitles and --container segments") {
        return;
    }
    let stream = segmented(SOURCE, &["-hls_segment_filename", "seg%v-%03d.ts"]);
    let (origin, home) = (served(stream.path()), Home::new().unwrap());
    let url = origin.url("/master.m3u8");
    let (folder, _) = complete(&get(&home, &url, &["-o", "kept", "--container", "segments"]));
    for segment in 0..6 {
        let kept = fs::read(folder.join(format!("track1-{:05}.vtt", segment + 1))).unwrap();
        assert_eq!(
            kept,
            fs::read(stream.path().join(format!("v0{segment}.vtt"))).unwrap()
        );
    }
    let master = fs::read_to_string(folder.join("index.m3u8")).unwrap();
    assert!(
        master.contains("TYPE=SUBTITLES") && master.contains("LANGUAGE=\"de\""),
        "{master}"
    );
}

/// The corpus beside the checkouts.
fn corpus(test: &str, path: &str) -> Option<PathBuf> {
    let folder =
        std::env::var_os("WEIR_CORPUS").map_or_else(|| PathBuf::from("/work/shared/corpus"), PathBuf::from);
    if !folder.join("CORPUS.tsv").is_file() {
        #[expect(clippy::print_stderr, reason = "a skipped test says so")]
        {
            eprintln!(
                "skipped {test}: no corpus at {} (set WEIR_CORPUS)",
                folder.display()
            );
        }
        return None;
    }
    (!media::skip_without_ffmpeg(test)).then(|| folder.join(path))
}

#[test]
fn a_discontinuity_at_another_place_than_the_pictures() {
    let Some(folder) = corpus("a discontinuity of subtitles", "shaka-player/hls-text-offset") else {
        return;
    };
    let (origin, home) = (served(&folder), Home::new().unwrap());
    // The corpus has two segments of the picture: 144.0 to 145.6 s, and 3.1 to 4.0 s of another clock.
    let video = fs::read_to_string(folder.join("playlist-video.m3u8")).unwrap();
    let kept: Vec<&str> = video.lines().collect();
    let at = |name: &str| kept.iter().position(|line| *line == name).unwrap();
    let cut = [
        &kept[..5],
        &kept[at("video-071.ts") - 1..=at("video-072.ts")],
        &["#EXT-X-ENDLIST"],
    ]
    .concat();
    origin.reply(
        "/playlist-video.m3u8",
        weir_tests::origin::Reply::ok(cut.join("\n")),
    );
    let subtitles = fs::read_to_string(folder.join("playlist-vtt.m3u8")).unwrap();
    let without_first = subtitles.replace("#EXTINF:2.000000\nvtt-069.vtt\n", "");
    origin.reply("/playlist-vtt.m3u8", weir_tests::origin::Reply::ok(without_first));
    let (file, _) = complete(&get(&home, &origin.url("/index.m3u8"), &["-o", "out.mp4"]));
    // The second part goes on where the first ended, and 3.5 s of its clock are 417 ms behind its beginning, 3.083 s.
    let pictures = |path: &Path| {
        let streams = media::packets(path).unwrap();
        let video = streams.iter().find(|stream| stream.kind == "video").unwrap();
        video.packets.clone()
    };
    let first_part = pictures(&folder.join("video-071.ts")).len();
    let pictures = pictures(&file);
    let second_part = pictures[first_part].pts_seconds.unwrap();
    let end = pictures.last().unwrap().pts_seconds.unwrap();
    let cues = cues_of(&file, 0);
    let expected = second_part * 1000.0 + 417.0;
    #[expect(clippy::cast_precision_loss, reason = "a few seconds")]
    let difference = (cues[0].0 as f64 - expected).abs();
    assert!(difference <= 1.0, "{cues:?}, expected at {expected} ms");
    assert_eq!(
        cues[0].2.split('>').nth(1).unwrap(),
        "cues after discontinuity</font"
    );
    assert_eq!(cues.len(), 1, "{cues:?}");
    // It would last longer than the picture.
    #[expect(clippy::cast_precision_loss, reason = "a few seconds")]
    let seconds = cues[0].1 as f64 / 1000.0;
    assert!(
        (end..end + 0.1).contains(&seconds),
        "{cues:?}, the last picture at {end} s"
    );
}

#[test]
fn overlapping_cues_of_one_file() {
    let Some(folder) = corpus("overlapping cues", "media/standalone-webvtt") else {
        return;
    };
    let (origin, home) = (served(&folder), Home::new().unwrap());
    let url = origin.url("/multivariant_playlist.m3u8");
    let (file, _) = complete(&get(&home, &url, &["-o", "out.mp4", "--subs-file", "srt"]));
    let (first, second) = ("This is the first subtitle.", "This is the second subtitle.");
    let beside = subrip(&fs::read_to_string(home.path().join("out.en.srt")).unwrap());
    check_cues(
        &beside,
        &[(567, 801, first.to_owned()), (667, 951, second.to_owned())],
    );
    let both = format!("{first}\n{second}");
    check_cues(
        &cues_of(&file, 0),
        &[
            (567, 667, first.to_owned()),
            (667, 801, both),
            (801, 951, second.to_owned()),
        ],
    );
}
