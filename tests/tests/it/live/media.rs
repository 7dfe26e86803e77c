//! Live recordings of streams made by ffmpeg, against `ffmpeg -c copy` of the same segments.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use weir_tests::binary::{Home, last_event};
use weir_tests::live::{Live, Options};
use weir_tests::media;
use weir_tests::origin::{Origin, Reply, faults};
use weir_tests::streams::{self, FIRST_SEQUENCE, Kind, Stream};

use super::super::cli::{check_exit, get};

/// A stream whose playlist is live at `/live.m3u8`, beside its files.
struct Aired {
    origin: Origin,
    stream: Stream,
    live: Live,
    home: Home,
}

fn air(kind: Kind, options: Options) -> Option<Aired> {
    if media::skip_without_ffmpeg(&format!("a live recording of {kind:?}")) {
        return None;
    }
    let stream = streams::stream(kind).unwrap()?;
    let origin = Origin::start().unwrap();
    origin.directory("/", &stream.folder);
    let live = Live::of(&fs::read_to_string(stream.playlist_path()).unwrap(), options);
    let folder = Path::new(stream.playlist).parent().unwrap();
    live.serve(&origin, &format!("/{}", folder.join("live.m3u8").display()));
    Some(Aired {
        origin,
        stream,
        live,
        home: Home::new().unwrap(),
    })
}

impl Aired {
    fn record(&self, playlist: &str, more: &[&str]) -> PathBuf {
        let arguments = [&["-o", "out.mp4"], more].concat();
        let output = get(&self.home, &self.origin.url(playlist), &arguments);
        check_exit(&output, 0);
        assert_eq!(last_event(&output).unwrap()["verdict"], "complete");
        self.home.path().join("out.mp4")
    }

    /// The recording and the file of the same segments are the same.
    #[track_caller]
    fn check(&self, ours: &Path, source: &Path) {
        let reference = self.home.path().join("reference.mp4");
        media::remux(source, &reference).unwrap();
        media::compare(ours, &reference).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(media::decode_errors(ours).unwrap(), "");
    }
}

#[test]
fn a_transport_stream() {
    let Some(aired) = air(Kind::TsClear, Options::default()) else {
        return;
    };
    let ours = aired.record("/live.m3u8", &[]);
    aired.check(&ours, &aired.stream.folder.join("index.m3u8"));
}

#[test]
fn from_now_on() {
    let Some(aired) = air(Kind::TsClear, Options::default()) else {
        return;
    };
    let ours = aired.record("/live.m3u8", &["--live-from", "now"]);
    let rest = aired.stream.folder.join("from-now.m3u8");
    fs::write(&rest, aired.live.vod(2, aired.live.len())).unwrap();
    aired.check(&ours, &rest);
}

/// faults.md, 12, where the stream is live: a body that ends early without a word of its length.
#[test]
fn row_12_a_segment_that_ends_early_is_asked_for_again() {
    let Some(aired) = air(Kind::TsClear, Options::default()) else {
        return;
    };
    let body = fs::read(aired.stream.folder.join("seg002.ts")).unwrap();
    let third = body.len() / 3 / 188 * 188;
    let cut = || faults::cut_without_length(body.clone(), third);
    aired
        .origin
        .sequence("/seg002.ts", [cut(), Reply::ok(body.clone())]);
    let ours = aired.record("/live.m3u8", &[]);
    aired.check(&ours, &aired.stream.folder.join("index.m3u8"));
    assert_eq!(aired.origin.requests_for("/seg002.ts").len(), 2);

    let Some(aired) = air(Kind::TsClear, Options::default()) else {
        return;
    };
    aired.origin.reply("/seg002.ts", cut());
    let output = get(&aired.home, &aired.origin.url("/live.m3u8"), &["-o", "out.mp4"]);
    check_exit(&output, 3);
    let finished = last_event(&output).unwrap();
    let gaps = finished["gaps"].as_array().unwrap();
    assert_eq!(
        (gaps.len(), &finished["verdict"]),
        (1, &"incomplete".into()),
        "{finished}"
    );
    assert_eq!(gaps[0]["sequence"], 2, "{finished}");
    let number = |name: &str| gaps[0][name].as_f64().unwrap();
    let (begin, seconds) = (number("startSeconds"), number("durationSeconds"));
    assert!(
        seconds > 0.5 && seconds < 2.0 && (begin + seconds - 6.0).abs() < 0.1,
        "{finished}"
    );
    // What follows is where it belongs.
    let length = finished["durationSeconds"].as_f64().unwrap();
    assert!((length - 12.0).abs() < 0.2, "{finished}");
    assert_eq!(
        media::decode_errors(&aired.home.path().join("out.mp4")).unwrap(),
        ""
    );
}

#[test]
fn ctrl_c_leaves_a_file_that_plays() {
    let options = Options {
        window: usize::MAX,
        begin: 2,
        step: 0,
        ends: false,
        ..Options::default()
    };
    let Some(aired) = air(Kind::TsClear, options) else {
        return;
    };
    let mut command = aired.home.weir();
    let url = aired.origin.url("/live.m3u8");
    command
        .args(["get", &url, "--allow-private", "--json", "-o", "out.mp4"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    let (child, events) = super::started(command, 3.9);
    super::interrupt(&child);
    let (code, finished) = super::ended(child, events);
    assert_eq!(
        (code, &finished["verdict"]),
        (Some(0), &"complete".into()),
        "{finished}"
    );
    let two = aired.stream.folder.join("two.m3u8");
    fs::write(&two, aired.live.vod(0, 2)).unwrap();
    aired.check(&aired.home.path().join("out.mp4"), &two);
}

#[test]
fn a_key_that_changes_while_it_is_recorded() {
    let options = Options {
        first_sequence: FIRST_SEQUENCE,
        ..Options::default()
    };
    for kind in [Kind::TsRotation, Kind::TsImplicitIv] {
        let Some(aired) = air(kind, options) else { return };
        let ours = aired.record("/encrypted/live.m3u8", &[]);
        aired.check(&ours, &aired.stream.folder.join("index.m3u8"));
    }
}

#[test]
fn fragmented_mp4_by_delta_updates() {
    let options = Options {
        window: 5,
        begin: 5,
        low_latency: true,
        ..Options::default()
    };
    let Some(aired) = air(Kind::Fmp4, options) else {
        return;
    };
    let ours = aired.record("/live.m3u8", &[]);
    aired.check(&ours, &aired.stream.folder.join("index.m3u8"));
}

#[test]
fn audio_of_its_own_is_recorded_beside_the_picture() {
    let Some(aired) = air(Kind::SeparateAudio, Options::default()) else {
        return;
    };
    let folder = &aired.stream.folder;
    for (name, step) in [("video", 1), ("audio", 2)] {
        let text = fs::read_to_string(folder.join(name).join("index.m3u8")).unwrap();
        let options = Options {
            step,
            ..Options::default()
        };
        Live::of(&text, options).serve(&aired.origin, &format!("/{name}/index.m3u8"));
    }
    let ours = aired.record("/master.m3u8", &[]);
    aired.check(&ours, &folder.join("master.m3u8"));
}

#[test]
fn a_discontinuity_while_it_is_recorded() {
    let Some(aired) = air(Kind::TsClear, Options::default()) else {
        return;
    };
    let once = fs::read_to_string(aired.stream.playlist_path()).unwrap();
    let (head, segments) = once.split_at(once.find("#EXTINF").unwrap());
    let segments = segments.replace("#EXT-X-ENDLIST", "");
    let twice = format!("{head}{segments}#EXT-X-DISCONTINUITY\n{segments}#EXT-X-ENDLIST\n");
    aired.origin.directory("/twice/", &aired.stream.folder);
    let live = Live::of(&twice, Options::default());
    live.serve(&aired.origin, "/twice/live.m3u8");
    let ours = aired.record("/twice/live.m3u8", &[]);
    // What the same segments come to when the playlist has an end; ffmpeg joins the two halves in another way.
    aired.origin.reply("/twice/whole.m3u8", Reply::ok(twice));
    let whole = get(
        &aired.home,
        &aired.origin.url("/twice/whole.m3u8"),
        &["-o", "whole.mp4"],
    );
    check_exit(&whole, 0);
    media::compare(&ours, &aired.home.path().join("whole.mp4")).unwrap();
    assert_eq!(media::packets(&ours).unwrap()[0].packets.len(), 600);
}
