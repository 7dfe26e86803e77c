//! `weir get` with a part of a stream: cut by time, without advertising, or without some of its tracks.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on should say so at once"
)]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use weir_tests::binary::{Home, last_event};
use weir_tests::media;
use weir_tests::origin::{Origin, Reply};
use weir_tests::streams::{self, Kind, committed_stream};

use super::cli::{check_exit, get, origin};

/// Segments of the committed stream behind each other, as one transport stream at `path`.
fn joined(path: &Path, segments: &[u32]) {
    let bytes: Vec<u8> = segments
        .iter()
        .flat_map(|n| fs::read(committed_stream().join(format!("high/seg00{n}.ts"))).unwrap())
        .collect();
    fs::write(path, bytes).unwrap();
}

/// `file` holds what `ffmpeg -c copy` makes of these segments, and begins at 0.
fn check_holds(file: &Path, segments: &[u32]) {
    if media::skip_without_ffmpeg("what a part of a stream holds") {
        return;
    }
    let (source, reference) = (
        file.with_extension("source.ts"),
        file.with_extension("reference.mp4"),
    );
    joined(&source, segments);
    media::remux(&source, &reference).unwrap();
    media::compare(file, &reference).unwrap();
    check_begins_at_0(file);
}

/// What is presented first, is presented at 0.
fn check_begins_at_0(file: &Path) {
    let streams = media::packets(file).unwrap();
    let times = streams
        .iter()
        .flat_map(|stream| stream.packets.iter().filter_map(|packet| packet.pts_seconds));
    let first = times.fold(f64::INFINITY, f64::min);
    // Encoder priming lies before 0, and is not presented.
    assert!((-0.05..0.001).contains(&first), "{first}");
}

fn warnings(event: &Value) -> Vec<&str> {
    let warnings = event["warnings"].as_array().unwrap();
    warnings.iter().map(|warning| warning.as_str().unwrap()).collect()
}

#[test]
fn a_span_is_cut_at_segment_borders() {
    let (origin, home) = (origin(), Home::new().unwrap());
    let url = origin.url("/high/index.m3u8");
    let output = get(&home, &url, &["-o", "a.mp4", "--start", "2.5", "--end", "0:05"]);
    check_exit(&output, 0);
    let finished = last_event(&output).unwrap();
    assert_eq!(finished["verdict"], "complete");
    assert_eq!(finished["segments"]["total"], 2);
    assert_eq!(
        warnings(&finished),
        ["cut at segment borders: from 2.0 s to 6.0 s"]
    );
    let seconds = finished["durationSeconds"].as_f64().unwrap();
    assert!((seconds - 4.0).abs() < 0.1, "{seconds}");
    check_holds(&home.path().join("a.mp4"), &[1, 2]);
    for (segment, requests) in [(0, 0), (1, 1), (2, 1), (3, 0)] {
        assert_eq!(
            origin.requests_for(&format!("/high/seg00{segment}.ts")).len(),
            requests
        );
    }
    // For people, the note is a line.
    let told = home
        .run(["get", &url, "--allow-private", "-o", "b.mp4", "--end", "2"])
        .unwrap();
    check_exit(&told, 0);
    assert!(
        String::from_utf8_lossy(&told.stderr).contains("note: cut at segment borders: from 0.0 s to 2.0 s"),
        "{told:?}"
    );
}

#[test]
fn spans_that_are_none() {
    let (origin, home) = (origin(), Home::new().unwrap());
    let check = |path: &str, more: &[&str], exit: i32, code: &str, message: &str| {
        let output = get(&home, &origin.url(path), &[&["-o", "a.mp4"], more].concat());
        check_exit(&output, exit);
        let finished = last_event(&output).unwrap();
        assert_eq!(
            (
                finished["error"]["code"].as_str(),
                finished["error"]["message"].as_str()
            ),
            (Some(code), Some(message))
        );
    };
    let index = "/high/index.m3u8";
    check(
        index,
        &["--start", "8"],
        1,
        "nothing-to-capture",
        "nothing of the stream is from 8.0 s on: it is 8.0 s long",
    );
    check(
        index,
        &["--start", "5", "--end", "5"],
        2,
        "usage",
        "--start and --end: nothing is from 5.0 s to 5.0 s",
    );
    let text = fs::read_to_string(committed_stream().join("high/index.m3u8")).unwrap();
    origin.reply("/high/live.m3u8", Reply::ok(text.replace("#EXT-X-ENDLIST", "")));
    for option in ["--start", "--end"] {
        let message = format!("{option} is for streams that have ended, and this one is live");
        check("/high/live.m3u8", &[option, "1"], 2, "usage", &message);
    }
    let message = "--skip-ads is for streams that have ended, and this one is live";
    check("/high/live.m3u8", &["--skip-ads"], 2, "usage", message);
    for wrong in ["-1", "1:60", "soon"] {
        check_exit(&get(&home, &origin.url(index), &[&format!("--start={wrong}")]), 2);
    }
    let left = home.files(home.path()).unwrap();
    assert!(!left.iter().any(|name| name.contains(".mp4")), "{left:?}");
}

#[test]
fn sound_apart_is_cut_where_the_picture_is() {
    if media::skip_without_ffmpeg("a cut of a stream with its sound apart") {
        return;
    }
    let stream = streams::stream(Kind::SeparateAudio).unwrap().unwrap();
    let (origin, home) = (Origin::start().unwrap(), Home::new().unwrap());
    origin.directory("/", &stream.folder);
    let url = origin.url(&format!("/{}", stream.playlist));
    check_exit(&get(&home, &url, &["-o", "whole.mp4"]), 0);
    check_exit(&get(&home, &url, &["-o", "part.mp4", "--start", "4"]), 0);
    let packets = |name: &str| media::packets(&home.path().join(name)).unwrap();
    let (whole, part) = (packets("whole.mp4"), packets("part.mp4"));
    assert_eq!((whole.len(), part.len()), (2, 2));
    check_begins_at_0(&home.path().join("part.mp4"));
    let mut shifts = Vec::new();
    for (whole, part) in whole.iter().zip(&part) {
        let from = whole.packets.len() - part.packets.len();
        assert!(from > 0 && !part.packets.is_empty());
        for (before, now) in whole.packets[from..].iter().zip(&part.packets) {
            assert_eq!((&before.hash, before.key), (&now.hash, now.key));
            shifts.push(before.pts_seconds.unwrap() - now.pts_seconds.unwrap());
        }
    }
    // One shift for both: they are in step as they were.
    assert!(
        shifts.iter().all(|shift| (shift - shifts[0]).abs() < 0.001),
        "{shifts:?}"
    );
    assert!((shifts[0] - 4.0).abs() < 0.1, "{}", shifts[0]);
}

/// The committed stream with a part of another stream in it, between discontinuities.
fn with_advertising(origin: &Origin, before: &str, advertising: &[String], behind: &str) {
    let mut text =
        "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nhigh/seg000.ts\n#EXTINF:2,\nhigh/seg001.ts\n"
            .to_owned();
    write!(text, "#EXT-X-DISCONTINUITY\n{before}").unwrap();
    for url in advertising {
        writeln!(text, "#EXTINF:2,\n{url}").unwrap();
    }
    write!(
        text,
        "#EXT-X-DISCONTINUITY\n{behind}#EXTINF:2,\nhigh/seg002.ts\n#EXT-X-ENDLIST\n"
    )
    .unwrap();
    origin.reply("/ads.m3u8", Reply::ok(text));
}

#[test]
fn advertising_is_left_out_and_told() {
    let (origin, home) = (origin(), Home::new().unwrap());
    let here = ["high/seg003.ts", "high/seg000.ts"].map(str::to_owned);
    let there = format!("http://localhost:{}/high/seg003.ts", origin.address().port());
    for (name, before, advertising, behind, told) in [
        (
            "cue.mp4",
            "#EXT-X-CUE-OUT:4\n",
            &here[..],
            "#EXT-X-CUE-IN\n",
            "left out as advertising: segments 2 to 3, 4.0 s from 4.0 s (0:04) on: EXT-X-CUE-OUT",
        ),
        (
            "host.mp4",
            "",
            &[there][..],
            "",
            "left out as advertising: segments 2 to 2, 2.0 s from 4.0 s (0:04) on: from localhost",
        ),
    ] {
        with_advertising(&origin, before, advertising, behind);
        let output = get(&home, &origin.url("/ads.m3u8"), &["-o", name, "--skip-ads"]);
        check_exit(&output, 0);
        let finished = last_event(&output).unwrap();
        assert_eq!(finished["verdict"], "complete");
        assert_eq!(warnings(&finished), [told]);
        check_holds(&home.path().join(name), &[0, 1, 2]);
    }
    assert_eq!(origin.requests_for("/high/seg003.ts").len(), 0);
    // Off by default.
    with_advertising(&origin, "#EXT-X-CUE-OUT:4\n", &here, "#EXT-X-CUE-IN\n");
    let output = get(&home, &origin.url("/ads.m3u8"), &["-o", "all.mp4"]);
    check_exit(&output, 0);
    let finished = last_event(&output).unwrap();
    assert_eq!(finished["segments"]["total"], 5);
    assert_eq!(warnings(&finished), [""; 0]);
    // Times are those of the stream as it is served.
    let output = get(
        &home,
        &origin.url("/ads.m3u8"),
        &["-o", "end.mp4", "--skip-ads", "--start", "3", "--end", "9"],
    );
    check_exit(&output, 0);
    assert_eq!(
        warnings(&last_event(&output).unwrap()),
        [
            "cut at segment borders: from 2.0 s to 10.0 s",
            "left out as advertising: segments 2 to 3, 4.0 s from 4.0 s (0:04) on: EXT-X-CUE-OUT",
        ]
    );
    check_holds(&home.path().join("end.mp4"), &[1, 2]);
    let none = get(
        &home,
        &origin.url("/high/index.m3u8"),
        &["-o", "none.mp4", "--skip-ads"],
    );
    check_exit(&none, 0);
    assert_eq!(
        warnings(&last_event(&none).unwrap()),
        ["no advertising was found"]
    );
}

#[test]
fn variables_reach_the_media_playlist() {
    let (origin, home) = (origin(), Home::new().unwrap());
    let master =
        "#EXTM3U\n#EXT-X-DEFINE:NAME=\"where\",VALUE=\"high\"\n#EXT-X-STREAM-INF:BANDWIDTH=1\nchild.m3u8\n";
    origin.reply("/import.m3u8", Reply::ok(master));
    let child = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-DEFINE:IMPORT=\"where\"\n#EXTINF:2,\n{$where}/seg000.ts\n#EXT-X-ENDLIST\n";
    origin.reply("/child.m3u8", Reply::ok(child));
    check_exit(&get(&home, &origin.url("/import.m3u8"), &["-o", "a.mp4"]), 0);
    check_holds(&home.path().join("a.mp4"), &[0]);
    let alone = get(&home, &origin.url("/child.m3u8"), &["-o", "b.mp4"]);
    check_exit(&alone, 1);
    let message = last_event(&alone).unwrap()["error"]["message"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        message.ends_with("child.m3u8: line 3: undefined variable where"),
        "{message}"
    );
}

/// Kinds and languages of the tracks of a finished capture.
fn tracks(event: &Value) -> Vec<String> {
    let track = |track: &Value| format!("{} {}", track["kind"].as_str().unwrap(), track["language"]);
    event["tracks"].as_array().unwrap().iter().map(track).collect()
}

#[test]
fn sound_is_taken_from_where_it_is_wanted() {
    let (origin, home) = (origin(), Home::new().unwrap());
    let master = "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"English\",LANGUAGE=\"en\",DEFAULT=YES\n\
                  #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"Deutsch\",LANGUAGE=\"de\",URI=\"short.m3u8\"\n\
                  #EXT-X-STREAM-INF:BANDWIDTH=1,RESOLUTION=320x180,AUDIO=\"a\"\nhigh/index.m3u8\n";
    origin.reply("/sound.m3u8", Reply::ok(master));
    // Half of the other stream, so that its sound is told from that of the whole.
    let short = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nlow/seg000.ts\n#EXTINF:2,\nlow/seg001.ts\n#EXT-X-ENDLIST\n";
    origin.reply("/short.m3u8", Reply::ok(short));
    for (audio, expected) in [
        ("en", &["video null", "audio \"en\""][..]),
        ("de", &["video null", "audio \"de\""]),
        ("all", &["video null", "audio \"en\"", "audio \"de\""]),
        ("none", &["video null"]),
    ] {
        let name = format!("{audio}.mp4");
        let output = get(
            &home,
            &origin.url("/sound.m3u8"),
            &["-o", &name, "--audio", audio],
        );
        check_exit(&output, 0);
        assert_eq!(tracks(&last_event(&output).unwrap()), expected, "{audio}");
    }
    let missing = get(
        &home,
        &origin.url("/sound.m3u8"),
        &["-o", "x.mp4", "--audio", "fr"],
    );
    check_exit(&missing, 1);
    assert_eq!(
        last_event(&missing).unwrap()["error"]["message"],
        "no audio rendition in 'fr'; there is en, de"
    );
    if media::skip_without_ffmpeg("whose sound it is") {
        return;
    }
    let sound = |name: &str| {
        let streams = media::packets(&home.path().join(name)).unwrap();
        let audio = streams.into_iter().filter(|stream| stream.kind == "audio");
        audio
            .map(|stream| {
                stream
                    .packets
                    .into_iter()
                    .map(|packet| packet.hash)
                    .collect::<Vec<_>>()
            })
            .collect::<Vec<_>>()
    };
    check_exit(&get(&home, &origin.url("/short.m3u8"), &["-o", "short.mp4"]), 0);
    assert!(
        sound("de.mp4") == sound("short.mp4"),
        "what was asked for, and it alone"
    );
    assert!(sound("all.mp4") == [sound("en.mp4"), sound("de.mp4")].concat());
    assert!(sound("en.mp4")[0].len() > sound("de.mp4")[0].len());
}

#[test]
fn views_of_the_corpus() {
    let corpus =
        std::env::var_os("WEIR_CORPUS").map_or_else(|| PathBuf::from("/work/shared/corpus"), PathBuf::from);
    let folder = corpus.join("shaka-player/hls-multivideo");
    if !folder.is_dir() {
        println!(
            "skipped: the corpus is not at {} (set WEIR_CORPUS)",
            corpus.display()
        );
        return;
    }
    let (origin, home) = (Origin::start().unwrap(), Home::new().unwrap());
    origin.directory("/", &folder);
    let output = get(&home, &origin.url("/master.m3u8"), &["-o", "red.mp4"]);
    check_exit(&output, 0);
    let finished = last_event(&output).unwrap();
    assert_eq!(finished["verdict"], "complete");
    assert_eq!(tracks(&finished), ["video null", "audio null"]);
    for (path, requests) in [
        ("/red_1.m3u8", 1),
        ("/original_128k.m3u8", 1),
        ("/green_1.m3u8", 0),
        ("/red_2.m3u8", 0),
    ] {
        assert_eq!(origin.requests_for(path).len(), requests, "{path}");
    }
}
