//! What only shows over time, or when something ends at the wrong moment: a stream of ten hours, a capture that is
//! killed, bodies that end early.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on should say so at once"
)]

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use weir_tests::origin::{Gate, Origin, Reply, faults};
use weir_tests::streams::{self, Kind};
use weir_tests::{media, program};

use crate::captures::watch;

fn weir_get(url: &str, output: &Path) -> Command {
    let mut command = Command::new(program::weir().unwrap());
    command
        .args(["get", url, "--allow-private", "--json", "-o"])
        .arg(output)
        .env("HOME", output.parent().unwrap())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn finished(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    let last = text.lines().last();
    last.map_or_else(
        || panic!("no event: {}", String::from_utf8_lossy(&output.stderr)),
        |line| serde_json::from_str(line).unwrap(),
    )
}

/// The boxes of the top level.
fn top_level(path: &Path) -> Vec<String> {
    let mut file = fs::File::open(path).unwrap();
    let length = file.metadata().unwrap().len();
    let (mut kinds, mut offset) = (Vec::new(), 0);
    while offset < length {
        file.seek(SeekFrom::Start(offset)).unwrap();
        let mut header = [0; 16];
        file.read_exact(&mut header).unwrap();
        let size = u32::from_be_bytes(header[..4].try_into().unwrap());
        offset += match size {
            1 => u64::from_be_bytes(header[8..].try_into().unwrap()),
            size => u64::from(size),
        };
        kinds.push(String::from_utf8_lossy(&header[4..8]).into_owned());
    }
    kinds
}

/// Ten hours in 6,000 segments: one minute, again and again, so that time jumps back 599 times without a word.
#[test]
#[cfg(target_os = "linux")]
fn ten_hours_take_little_memory_and_start_fast() {
    const SEGMENTS: usize = 6_000;
    /// What a stream of ten hours may take of its own: `RssAnon` was 85 to 87 MB. `VmHWM`, 98 to 103 MB, counts the
    /// debug program's file too, of which 13 MB and more are in memory.
    const MEMORY_LIMIT_BYTES: u64 = 100 * 1000 * 1000;
    if media::skip_without_ffmpeg("ten_hours_take_little_memory_and_start_fast") {
        return;
    }
    let folder = tempfile::tempdir_in(program::target_folder()).unwrap();
    let source = folder.path().join("source");
    fs::create_dir(&source).unwrap();
    let options = "-f lavfi -i testsrc2=size=64x36:rate=10 -f lavfi -i anullsrc=sample_rate=16000:channel_layout=mono -t 60 \
        -c:v libx264 -preset ultrafast -pix_fmt yuv420p -crf 40 -bf 2 -g 60 -keyint_min 60 -sc_threshold 0 -c:a aac -b:a 16k \
        -f hls -hls_time 6 -hls_playlist_type vod";
    let index = source.join("index.m3u8");
    media::ffmpeg(options.split_whitespace().chain([index.to_str().unwrap()])).unwrap();
    let minute: Vec<Vec<u8>> = (0..10)
        .map(|number| fs::read(source.join(format!("index{number}.ts"))).unwrap())
        .collect();
    let mut text = "#EXTM3U\n#EXT-X-TARGETDURATION:6\n".to_owned();
    for number in 0..SEGMENTS {
        write!(text, "#EXTINF:6.0,\n{number}.ts\n").unwrap();
    }
    text.push_str("#EXT-X-ENDLIST\n");
    let origin = Origin::start().unwrap();
    origin.route_under("/", move |request| {
        let number: usize = request.path().trim_matches(['/', '.', 't', 's']).parse().unwrap();
        Reply::ok(minute[number % 10].clone())
    });
    origin.reply("/index.m3u8", Reply::ok(text));

    let ours = folder.path().join("out.mp4");
    let events = folder.path().join("events");
    let child = weir_get(&origin.url("/index.m3u8"), &ours)
        .stdout(fs::File::create(&events).unwrap())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (usage, status) = watch(child);
    let text = fs::read_to_string(&events).unwrap();
    let event: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!(
        (event["verdict"].as_str(), status),
        (Some("complete"), Some(0)),
        "{event}"
    );
    let seconds = event["durationSeconds"].as_f64().unwrap();
    // The audio of a minute ends a frame and a half after it.
    assert!((36_000.0..36_060.0).contains(&seconds), "{seconds} s");
    let samples: Vec<u64> = event["tracks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|track| track["samples"].as_u64().unwrap())
        .collect();
    assert_eq!(samples[0], 10 * 36_000, "{event}");
    assert!(samples[1] > 16_000 * 36_000 / 1024, "{event}");
    println!("{usage:?} for {samples:?} samples, {seconds} s");
    assert!(usage.peak_anonymous > 0, "it was not looked at");
    assert!(usage.peak_anonymous < MEMORY_LIMIT_BYTES, "{usage:?}");
    assert_eq!(top_level(&ours), ["ftyp", "moov", "free", "mdat"]);
    // A look into the middle, to the end: what is there plays.
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-ss", "35990", "-i"])
        .arg(&ours)
        .args(["-f", "null", "-"])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

/// `kill -9` leaves `NAME.part`, which plays up to there: its packets are those that the whole file begins with.
#[test]
#[cfg(unix)]
fn a_killed_capture_leaves_what_plays() {
    if media::skip_without_ffmpeg("a_killed_capture_leaves_what_plays") {
        return;
    }
    for kind in [Kind::TsClear, Kind::Fmp4] {
        let stream = streams::stream(kind).unwrap().unwrap();
        let origin = Origin::start().unwrap();
        origin.directory("/", &stream.folder);
        let folder = tempfile::tempdir().unwrap();
        let (whole, killed) = (folder.path().join("whole.mp4"), folder.path().join("killed.mp4"));
        let output = weir_get(&origin.url(&format!("/{}", stream.playlist)), &whole)
            .output()
            .unwrap();
        assert_eq!(finished(&output)["verdict"], "complete");

        // The fifth of six segments never comes.
        let gate = Gate::new();
        let name = if kind == Kind::Fmp4 {
            "seg004.m4s"
        } else {
            "seg004.ts"
        };
        let body = fs::read(stream.folder.join(name)).unwrap();
        origin.reply(&format!("/{name}"), Reply::ok(body).after(&gate));
        let mut child = weir_get(&origin.url(&format!("/{}", stream.playlist)), &killed)
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let merged = |line: &String| {
            let event: Value = serde_json::from_str(line).unwrap();
            event["segments"]["fetched"].as_u64() >= Some(4)
        };
        assert!(
            lines.map_while(Result::ok).any(|line| merged(&line)),
            "{kind:?}: it ended by itself"
        );
        child.kill().unwrap();
        child.wait().unwrap();
        gate.open();

        assert!(!killed.exists());
        let part = folder.path().join("killed.mp4.part");
        assert_eq!(media::decode_errors(&part).unwrap(), "", "{kind:?}");
        let (mut expected, found) = (media::packets(&whole).unwrap(), media::packets(&part).unwrap());
        for (expected, found) in expected.iter_mut().zip(&found) {
            // Three of the twelve seconds may wait for what belongs beside them.
            let (count, all) = (found.packets.len(), expected.packets.len());
            assert!(count * 12 >= all * 5, "{kind:?}: {count} of {all} packets");
            expected.packets.truncate(count);
        }
        media::compare_streams(&found, &expected).unwrap_or_else(|error| panic!("{kind:?}: {error}"));
    }
}

/// Six segments of two seconds, one of which is answered badly.
struct Cut {
    origin: Origin,
    folder: tempfile::TempDir,
    body: Vec<u8>,
    path: &'static str,
    source: PathBuf,
}

fn cut(test: &str, path: &'static str) -> Option<Cut> {
    if media::skip_without_ffmpeg(test) {
        return None;
    }
    let stream = streams::stream(Kind::TsClear).unwrap()?;
    let origin = Origin::start().unwrap();
    origin.directory("/", &stream.folder);
    Some(Cut {
        origin,
        folder: tempfile::tempdir().unwrap(),
        body: fs::read(stream.folder.join(path.trim_start_matches('/'))).unwrap(),
        path,
        source: stream.playlist_path(),
    })
}

impl Cut {
    fn capture(&self) -> (Value, Option<i32>, PathBuf) {
        let ours = self.folder.path().join("out.mp4");
        let output = weir_get(&self.origin.url("/index.m3u8"), &ours).output().unwrap();
        (finished(&output), output.status.code(), ours)
    }

    /// Whole packets of the first part of the body.
    fn third(&self) -> usize {
        self.body.len() / 3 / 188 * 188
    }

    /// One gap: the end of this segment, which is at these seconds.
    fn check_gap(event: &Value, status: Option<i32>, sequence: u64, end_seconds: f64) {
        assert_eq!(
            (event["verdict"].as_str(), status),
            (Some("incomplete"), Some(3)),
            "{event}"
        );
        let gaps = event["gaps"].as_array().unwrap();
        assert_eq!(gaps.len(), 1, "{event}");
        assert_eq!(gaps[0]["sequence"].as_u64(), Some(sequence), "{event}");
        let (start, seconds) = (
            gaps[0]["startSeconds"].as_f64().unwrap(),
            gaps[0]["durationSeconds"].as_f64().unwrap(),
        );
        assert!(
            (start + seconds - end_seconds).abs() < 0.1 && seconds > 0.5 && seconds < 2.0,
            "{event}"
        );
        let message = event["error"]["message"].as_str().unwrap();
        assert!(
            message.contains(&format!("segment {sequence} is cut short")),
            "{message}"
        );
        assert_eq!(event["error"]["code"], "gaps");
    }
}

#[test]
fn a_body_that_ended_early_once_is_asked_for_again() {
    let Some(cut) = cut("a_body_that_ended_early_once_is_asked_for_again", "/seg002.ts") else {
        return;
    };
    let replies = [
        faults::cut_without_length(cut.body.clone(), cut.third()),
        Reply::ok(cut.body.clone()),
    ];
    cut.origin.sequence(cut.path, replies);
    let (event, status, ours) = cut.capture();
    assert_eq!(
        (event["verdict"].as_str(), status),
        (Some("complete"), Some(0)),
        "{event}"
    );
    assert_eq!(event["segments"]["retried"], 1, "{event}");
    let reference = cut.folder.path().join("reference.mp4");
    media::remux(&cut.source, &reference).unwrap();
    media::compare(&ours, &reference).unwrap();
}

#[test]
fn a_body_that_always_ends_early_is_a_gap() {
    for (path, sequence) in [("/seg002.ts", 2), ("/seg005.ts", 5)] {
        let Some(cut) = cut("a_body_that_always_ends_early_is_a_gap", path) else {
            return;
        };
        cut.origin.reply(
            cut.path,
            faults::cut_without_length(cut.body.clone(), cut.third()),
        );
        let (event, status, ours) = cut.capture();
        Cut::check_gap(
            &event,
            status,
            sequence,
            f64::from(u32::try_from(sequence).unwrap() + 1) * 2.0,
        );
        assert_eq!(cut.origin.requests_for(path).len(), 2);
        // What follows is where it was: the hole is not closed.
        if sequence == 2 {
            let seconds = event["durationSeconds"].as_f64().unwrap();
            assert!((seconds - 12.0).abs() < 0.1, "{seconds} s");
        }
        assert!(media::packets(&ours).unwrap()[0].packets.len() < 300);
    }
}

/// A cache that keeps the first part and announces it as the whole: the next segment's time shows that more was there.
#[test]
fn a_part_that_is_announced_as_the_whole_is_a_gap() {
    let Some(cut) = cut("a_part_that_is_announced_as_the_whole_is_a_gap", "/seg002.ts") else {
        return;
    };
    cut.origin
        .reply(cut.path, Reply::ok(cut.body[..cut.third()].to_vec()));
    let (event, status, _) = cut.capture();
    Cut::check_gap(&event, status, 2, 6.0);
}

/// EXTINF is wrong and nothing is missing: time goes on.
#[test]
fn durations_that_are_too_long_cost_nothing() {
    let Some(cut) = cut("durations_that_are_too_long_cost_nothing", "/seg002.ts") else {
        return;
    };
    let text = fs::read_to_string(&cut.source)
        .unwrap()
        .replace("#EXTINF:2.0", "#EXTINF:5.0");
    cut.origin.reply("/index.m3u8", Reply::ok(text));
    let (event, status, _) = cut.capture();
    assert_eq!(
        (event["verdict"].as_str(), status),
        (Some("complete"), Some(0)),
        "{event}"
    );
    // Asked again for a few, then believed.
    assert_eq!(event["segments"]["retried"], 3, "{event}");
}
