//! Live streams, recorded by `weir get` and by the native host: which segments are in the file, byte for byte, and how a
//! recording ends. The faults (faults.md, rows 45 to 49) are in `faults`, what ffmpeg makes of the files in `media`.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on should say so at once"
)]

mod again;
mod expiring;
mod faults;
mod media;
mod memory;
mod port;

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Output, Stdio};

use serde_json::{Value, json};
use weir_tests::binary::{Home, last_event};
use weir_tests::live::{Live, Options};
use weir_tests::origin::{Origin, Reply};
use weir_tests::streams::committed_stream;

use super::cli::check_exit;

/// A live stream at an origin: `/live.m3u8`, and its segments `/sN.ts`, no two alike.
struct Stage {
    origin: Origin,
    home: Home,
    live: Live,
    segments: Vec<Vec<u8>>,
}

impl Stage {
    fn new(count: usize, options: Options) -> Self {
        let origin = Origin::start().unwrap();
        let segments: Vec<Vec<u8>> = (0..count).map(segment).collect();
        let mut text = String::new();
        for (number, bytes) in segments.iter().enumerate() {
            origin.reply(&format!("/s{number}.ts"), Reply::ok(bytes.clone()));
            write!(text, "#EXTINF:0.5,\ns{number}.ts\n").unwrap();
        }
        let live = Live::of(&text, options);
        live.serve(&origin, "/live.m3u8");
        Self {
            origin,
            home: Home::new().unwrap(),
            live,
            segments,
        }
    }

    /// `weir get` of it into the folder `out`, segment by segment.
    fn weir(&self, more: &[&str]) -> Command {
        let mut command = self.home.weir();
        command
            .args([
                "get",
                &self.origin.url("/live.m3u8"),
                "--allow-private",
                "--json",
                "--container",
                "segments",
                "-o",
                "out",
            ])
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn record(&self, more: &[&str]) -> Output {
        self.weir(more).output().unwrap()
    }

    /// What was recorded holds exactly these segments.
    #[track_caller]
    fn check_file(&self, numbers: impl IntoIterator<Item = usize>) {
        let numbers: Vec<usize> = numbers.into_iter().collect();
        let bytes = self.recorded();
        let mut rest = &bytes[..];
        let mut found = Vec::new();
        while let Some(number) = self.segments.iter().position(|segment| rest.starts_with(segment)) {
            found.push(number);
            rest = &rest[self.segments[number].len()..];
        }
        assert_eq!((found, rest.len()), (numbers, 0));
    }

    /// The recorded segments, one after the other.
    fn recorded(&self) -> Vec<u8> {
        let folder = self.home.path().join("out");
        let mut names = self.home.files(&folder).unwrap();
        names.retain(|name| name != "index.m3u8");
        let read = |name: &String| fs::read(folder.join(name)).unwrap();
        names.iter().flat_map(read).collect()
    }

    /// What `weir` has made in the current folder.
    fn outputs(&self) -> Vec<String> {
        let mut files = self.home.files(self.home.path()).unwrap();
        files.retain(|name| name.starts_with("out"));
        files
    }

    fn requests_for_segment(&self, number: usize) -> usize {
        self.origin.requests_for(&format!("/s{number}.ts")).len()
    }
}

/// One of the committed segments, and a null packet that makes it one of a kind.
fn segment(number: usize) -> Vec<u8> {
    let mut bytes = fs::read(committed_stream().join(format!("low/seg00{}.ts", number % 4))).unwrap();
    let mut null = [0xff; 188];
    null[..4].copy_from_slice(&[0x47, 0x1f, 0xff, 0x10]);
    null[4..12].copy_from_slice(&(number as u64).to_be_bytes());
    bytes.extend_from_slice(&null);
    bytes
}

/// Starts it and returns when it tells so much recorded.
fn started(mut command: Command, seconds: f64) -> (Child, BufReader<std::process::ChildStdout>) {
    let mut child = command.spawn().unwrap();
    let mut events = BufReader::new(child.stdout.take().unwrap());
    let mut recorded = -1.0;
    while recorded < seconds {
        let mut line = String::new();
        assert!(events.read_line(&mut line).unwrap() > 0, "it has ended");
        let event: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(event["type"], "progress", "{event}");
        assert_eq!(event["etaSeconds"], Value::Null, "{event}");
        recorded = event["recordedSeconds"].as_f64().unwrap();
    }
    (child, events)
}

fn interrupt(child: &Child) {
    let status = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(status.unwrap().success());
}

/// The end of a process that was [`started`].
fn ended(mut child: Child, events: BufReader<std::process::ChildStdout>) -> (Option<i32>, Value) {
    let last = events.lines().last().unwrap().unwrap();
    (child.wait().unwrap().code(), serde_json::from_str(&last).unwrap())
}

#[test]
fn from_the_start_of_the_window_to_the_end() {
    let stage = Stage::new(8, Options::default());
    let output = stage.record(&[]);
    check_exit(&output, 0);
    stage.check_file(0..8);
    let finished = last_event(&output).unwrap();
    assert_eq!(finished["verdict"], "complete", "{finished}");
    assert_eq!(finished["error"], Value::Null);
    assert_eq!(
        finished["segments"],
        json!({"total": 8, "fetched": 8, "retried": 0})
    );
    assert_eq!(stage.requests_for_segment(2), 1, "each is fetched once");
    // The plan, one reading for each further segment, and no more than that.
    assert_eq!(stage.live.readings(), 6);
}

#[test]
fn from_now_on() {
    let stage = Stage::new(6, Options::default());
    check_exit(&stage.record(&["--live-from", "now"]), 0);
    stage.check_file(2..6);
}

#[test]
fn an_event_playlist_is_recorded_from_its_beginning() {
    let options = Options {
        window: usize::MAX,
        begin: 4,
        step: 2,
        ..Options::default()
    };
    let stage = Stage::new(9, options);
    check_exit(&stage.record(&[]), 0);
    stage.check_file(0..9);
}

#[test]
fn a_stream_that_has_not_begun_is_waited_for() {
    let options = Options {
        begin: 0,
        window: 4,
        first_sequence: 9_000,
        ..Options::default()
    };
    let stage = Stage::new(3, options);
    let output = stage.record(&[]);
    check_exit(&output, 0);
    stage.check_file(0..3);
    assert_eq!(last_event(&output).unwrap()["gaps"], json!([]));
}

#[test]
fn a_duration_ends_a_recording() {
    let stage = Stage::new(100, Options::default());
    let output = stage.record(&["--live-duration", "2.2"]);
    check_exit(&output, 0);
    // Whole segments: the fifth half second is the one in which the time is over.
    stage.check_file(0..5);
    let finished = last_event(&output).unwrap();
    assert_eq!(
        (&finished["verdict"], &finished["segments"]["total"]),
        (&json!("complete"), &json!(5))
    );

    // The window has it all: nothing is waited for.
    let stage = Stage::new(100, Options::default());
    check_exit(
        &stage.record(&["--live-duration", "0:00.5", "--live-from", "start"]),
        0,
    );
    stage.check_file(0..1);
    assert_eq!(stage.live.readings(), 1);
}

#[test]
fn ctrl_c_ends_a_recording_and_keeps_the_file() {
    let stage = Stage::new(10_000, Options::default());
    let (child, events) = started(stage.weir(&[]), 2.5);
    interrupt(&child);
    let (code, finished) = ended(child, events);
    assert_eq!(
        (code, &finished["verdict"]),
        (Some(0), &json!("complete")),
        "{finished}"
    );
    assert_eq!(
        (&finished["error"], &finished["gaps"]),
        (&Value::Null, &json!([]))
    );
    let fetched = usize::try_from(finished["segments"]["fetched"].as_u64().unwrap()).unwrap();
    assert!(fetched >= 5, "{finished}");
    stage.check_file(0..fetched);
    assert_eq!(stage.outputs(), ["out"]);
}

#[test]
fn ctrl_c_before_anything_came_leaves_nothing() {
    let stage = Stage::new(100, Options::default());
    stage.origin.guard("/s", |_| Some(Reply::status(503)));
    let (child, events) = started(stage.weir(&[]), 0.0);
    interrupt(&child);
    let (code, finished) = ended(child, events);
    assert_eq!(
        (code, &finished["verdict"]),
        (Some(130), &json!("cancelled")),
        "{finished}"
    );
    assert_eq!(stage.outputs(), [""; 0]);
}

#[test]
fn blocking_reloads_and_delta_updates_are_used() {
    let options = Options {
        target_seconds: 30.0,
        window: 6,
        begin: 6,
        first_sequence: 40,
        low_latency: true,
        ..Options::default()
    };
    let stage = Stage::new(30, options);
    let begin = std::time::Instant::now();
    check_exit(&stage.record(&[]), 0);
    stage.check_file(0..30);
    assert!(
        begin.elapsed().as_secs() < 30,
        "nothing waits for a target duration"
    );
    let requests = stage.origin.requests_for("/live.m3u8");
    let queries: Vec<Option<&str>> = requests.iter().map(|request| request.query()).collect();
    let directives: Vec<String> = (47..70)
        .map(|next| format!("_HLS_msn={next}&_HLS_skip=YES"))
        .collect();
    assert_eq!(
        queries[..2],
        [None, None],
        "the plan, and the first reading of the recording"
    );
    assert_eq!(
        queries[2..],
        directives.iter().map(|query| Some(&**query)).collect::<Vec<_>>()
    );
}

#[test]
fn a_server_that_does_not_keep_what_it_offers_is_asked_plainly() {
    let options = Options {
        low_latency: true,
        ..Options::default()
    };
    let stage = Stage::new(7, options);
    stage.origin.guard("/live.m3u8", |request| {
        request.query().is_some().then(|| Reply::status(400))
    });
    check_exit(&stage.record(&[]), 0);
    stage.check_file(0..7);
    let asked = stage.origin.requests_for("/live.m3u8");
    assert_eq!(
        asked.iter().filter(|request| request.query().is_some()).count(),
        1
    );
}

#[test]
fn variables_and_redirects_hold_for_every_reading() {
    let stage = Stage::new(6, Options::default());
    let live = stage.live.clone();
    let define = |text: &str, tag: &str| text.replace("#EXTM3U\n", &format!("#EXTM3U\n{tag}\n"));
    let with_variables = move |request: &weir_tests::origin::Request| {
        let text = live.answer_text(request);
        let text = define(&text, "#EXT-X-DEFINE:QUERYPARAM=\"folder\"");
        Reply::ok(text.replace("\ns", "\n{$folder}/s"))
    };
    stage.origin.route("/edge/live.m3u8", with_variables);
    stage.origin.route("/live.m3u8", |request| {
        let query = request.query().unwrap_or_default().to_owned();
        Reply::redirect(302, &format!("/edge/live.m3u8?{query}&folder=.."))
    });
    let mut command = stage.home.weir();
    let url = stage.origin.url("/live.m3u8?token=1");
    command.args([
        "get",
        &url,
        "--allow-private",
        "--json",
        "--container",
        "segments",
        "-o",
        "out",
    ]);
    check_exit(&command.stdin(Stdio::null()).output().unwrap(), 0);
    stage.check_file(0..6);
    let asked = stage.origin.requests_for("/live.m3u8");
    assert_eq!(
        asked.len(),
        4,
        "the URL that was given is asked each time, not where it led"
    );
    assert!(asked.iter().all(|request| request.query() == Some("token=1")));
}

#[test]
fn a_playlist_that_is_a_file_is_its_window() {
    let stage = Stage::new(3, Options::default());
    let playlist = stage.home.path().join("live.m3u8");
    let text = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\ns0.ts\n#EXTINF:1,\ns1.ts\n";
    fs::write(&playlist, text).unwrap();
    let base = stage.origin.url("/");
    let arguments = [
        "get",
        playlist.to_str().unwrap(),
        "--base",
        &base,
        "--json",
        "--container",
        "segments",
        "-o",
        "out",
    ];
    let output = stage
        .home
        .run(arguments.into_iter().chain(["--allow-private"]))
        .unwrap();
    check_exit(&output, 3);
    stage.check_file(0..2);
    assert_eq!(last_event(&output).unwrap()["error"]["code"], "live-window");
}
