//! `weir get` on a stream whose codec Weir does not demux, and into Matroska: names, verdicts and what is told.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should say so at once"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use weir_tests::origin::Origin;
use weir_tests::streams::{self, Kind};
use weir_tests::{media, program};

/// Eight seconds of MPEG-2 video.
fn mpeg_2(folder: &Path) {
    let options = "-f lavfi -i testsrc2=size=320x180:rate=25 -f lavfi -i sine=sample_rate=48000 -t 8 -c:v mpeg2video \
        -g 50 -c:a mp2 -f hls -hls_time 2 -hls_playlist_type vod";
    let mut arguments: Vec<String> = options.split_whitespace().map(str::to_owned).collect();
    arguments.push(folder.join("index.m3u8").to_str().unwrap().to_owned());
    media::ffmpeg(arguments).unwrap();
}

/// The last event of a capture with this tool.
fn get(origin: &Origin, playlist: &str, output: &Path, tool: &str) -> Value {
    let done = Command::new(program::weir().unwrap())
        .args(["get", &origin.url(playlist), "--allow-private", "--json", "-o"])
        .arg(output)
        .env("HOME", output.parent().unwrap())
        .env("WEIR_FFMPEG", tool)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8(done.stdout).unwrap();
    let event: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!(event["verdict"], "complete", "{event}");
    assert_eq!(done.status.code(), Some(0));
    event
}

fn files(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(Result::unwrap)
        .filter(|entry| entry.path().is_file());
    let mut names: Vec<String> = entries
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn an_mp4_becomes_a_ts_when_there_is_no_ffmpeg_and_says_so() {
    if media::skip_without_ffmpeg("an_mp4_becomes_a_ts_when_there_is_no_ffmpeg_and_says_so") {
        return;
    }
    let (source, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    mpeg_2(source.path());
    let origin = Origin::start().unwrap();
    origin.directory("/", source.path());
    let event = get(&origin, "/index.m3u8", &folder.path().join("film.mp4"), "");
    let output = folder.path().join("film.ts");
    assert_eq!(event["output"].as_str().map(PathBuf::from), Some(output.clone()));
    let told = "MPEG-2 video is not merged by Weir itself, and no ffmpeg is installed: the stream is kept as a .ts file";
    assert_eq!(event["warnings"], serde_json::json!([told]), "{event}");
    assert_eq!(
        event["bytes"].as_u64(),
        Some(fs::metadata(&output).unwrap().len())
    );
    assert_eq!(files(folder.path()), ["film.ts"]);
    assert_eq!(media::decode_errors(&output).unwrap(), "");

    let tool = program::find("ffmpeg").unwrap();
    let event = get(
        &origin,
        "/index.m3u8",
        &folder.path().join("film.mkv"),
        tool.to_str().unwrap(),
    );
    let output = folder.path().join("film.mkv");
    assert_eq!(event["output"].as_str().map(PathBuf::from), Some(output.clone()));
    assert_eq!(files(folder.path()), ["film.mkv", "film.ts"]);
    let codecs: Vec<String> = media::packets(&output)
        .unwrap()
        .into_iter()
        .map(|stream| stream.codec)
        .collect();
    assert_eq!(codecs, ["mpeg2video", "mp2"]);
}

#[test]
fn the_name_of_the_output_chooses_matroska() {
    let test = "the_name_of_the_output_chooses_matroska";
    let Some(stream) = streams::stream(Kind::TsImplicitIv)
        .unwrap()
        .filter(|_| !media::skip_without_ffmpeg(test))
    else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let origin = Origin::start().unwrap();
    origin.directory("/", &stream.folder);
    let output = folder.path().join("film.mkv");
    let event = get(
        &origin,
        &format!("/{}?token=secret", stream.playlist),
        &output,
        "",
    );
    assert_eq!(event["output"].as_str().map(PathBuf::from), Some(output.clone()));
    assert_eq!(event["warnings"], serde_json::json!([]), "{event}");
    let reference = folder.path().join("reference.mp4");
    media::remux(&stream.folder.join("index.m3u8"), &reference).unwrap();
    media::compare(&output, &reference).unwrap();
    // Where it comes from is in the file, the secret is not.
    let bytes = fs::read(&output).unwrap();
    let contains = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(contains("/encrypted/index.m3u8"));
    assert!(!contains("secret"));
}
