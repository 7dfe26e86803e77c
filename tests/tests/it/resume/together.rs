//! faults.md, 39: several processes, one capture. One captures, and the others watch it.

use std::io::{BufRead as _, BufReader};
use std::process::{ChildStdout, Command};

use super::*;

/// A capture of four segments, the last of which is not given before the gate opens.
struct Held {
    origin: Origin,
    home: Home,
    gate: Gate,
    _stream: tempfile::TempDir,
}

fn held() -> Held {
    let stream = encrypted_stream(4);
    let (origin, gate) = (paced(stream.path(), Duration::ZERO), Gate::new());
    let last = fs::read(stream.path().join("index3.ts")).unwrap();
    origin.reply("/index3.ts", Reply::ok(last).after(&gate));
    Held {
        origin,
        home: Home::new().unwrap(),
        gate,
        _stream: stream,
    }
}

/// A process, and what it tells.
struct Capture {
    child: Child,
    events: BufReader<ChildStdout>,
}

impl Held {
    /// Begins the capture, or watches it.
    fn spawn(&self) -> Capture {
        let mut child = start(&self.home, &self.origin.url("/index.m3u8"), "film.mp4", &[]);
        let events = BufReader::new(child.stdout.take().unwrap());
        Capture { child, events }
    }

    /// The same, and returns when three segments are told.
    fn start(&self) -> Capture {
        let mut capture = self.spawn();
        capture.wait_for_three();
        capture
    }

    /// There is one file of one capture.
    fn check_film(&self) {
        assert_eq!(jobs(&self.home).len(), 1);
        let mut films = self.home.files(self.home.path()).unwrap();
        films.retain(|name| name.contains("film"));
        assert_eq!(films, ["film.mp4"]);
        assert_eq!(
            media::decode_errors(&self.home.path().join("film.mp4")).unwrap(),
            ""
        );
    }
}

impl Capture {
    fn wait_for_three(&mut self) {
        let mut event = Value::Null;
        while event["segments"]["fetched"] != 3 {
            let mut line = String::new();
            assert!(
                self.events.read_line(&mut line).unwrap() > 0,
                "it has ended: {event}"
            );
            event = serde_json::from_str(&line).unwrap();
        }
    }

    fn interrupt(&self) {
        let id = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-INT", &id])
                .status()
                .unwrap()
                .success()
        );
    }

    /// The end of the process, and its last event.
    fn ended(mut self) -> (Option<i32>, Value) {
        let last = self.events.lines().last().unwrap().unwrap();
        (
            self.child.wait().unwrap().code(),
            serde_json::from_str(&last).unwrap(),
        )
    }
}

#[test]
fn the_second_watches_the_first() {
    if media::skip_without_ffmpeg("the_second_watches_the_first") {
        return;
    }
    let held = held();
    let first = held.start();
    wait_until("it is in the journal how far the first is", || {
        jobs(&held.home)[0]["segments"]["merged"] == 3
    });
    let (second, third) = (held.start(), held.start());
    check_exit(&held.home.run(["forget", "1"]).unwrap(), 1);
    // Who does not want to watch any more leaves the others alone.
    third.interrupt();
    let (code, event) = third.ended();
    assert_eq!(
        (code, &event["verdict"]),
        (Some(130), &json!("cancelled")),
        "{event}"
    );
    held.gate.open();
    for (capture, notes) in [(first, 0), (second, 1)] {
        let (code, event) = capture.ended();
        assert_eq!(
            (code, &event["verdict"]),
            (Some(0), &json!("complete")),
            "{event}"
        );
        assert_eq!(
            event["output"],
            held.home.path().join("film.mp4").to_str().unwrap()
        );
        let warnings = event["warnings"].as_array().unwrap();
        let is_note = |warning: &&Value| warning.as_str().unwrap().contains("another process");
        assert_eq!(warnings.iter().filter(is_note).count(), notes, "{event}");
    }
    let asked = asked(&held.origin);
    assert!(asked.values().all(|&count| count == 1), "{asked:?}");
    held.check_film();
}

/// The first is killed while it is watched: whoever watches goes on where it was.
#[test]
fn who_watches_takes_over() {
    if media::skip_without_ffmpeg("who_watches_takes_over") {
        return;
    }
    let held = held();
    let mut first = held.start();
    wait_until("there is something to go on from", || {
        jobs(&held.home)[0]["segments"]["merged"] == 3
    });
    let second = held.start();
    first.child.kill().unwrap();
    first.child.wait().unwrap();
    wait_until("the second asks for the last segment", || {
        asked(&held.origin)["/index3.ts"] == 2
    });
    held.gate.open();
    let (code, event) = second.ended();
    assert_eq!(
        (code, &event["verdict"]),
        (Some(0), &json!("complete")),
        "{event}"
    );
    let asked = asked(&held.origin);
    assert_eq!((asked["/index0.ts"], asked["/index2.ts"]), (1, 1), "{asked:?}");
    held.check_film();
}

/// None of them was first.
#[test]
fn of_four_that_begin_at_once_one_captures() {
    if media::skip_without_ffmpeg("of_four_that_begin_at_once_one_captures") {
        return;
    }
    let held = held();
    let mut captures: Vec<Capture> = (0..4).map(|_| held.spawn()).collect();
    captures.iter_mut().for_each(Capture::wait_for_three);
    held.gate.open();
    for capture in captures {
        let (code, event) = capture.ended();
        assert_eq!(
            (code, &event["verdict"]),
            (Some(0), &json!("complete")),
            "{event}"
        );
    }
    let asked = asked(&held.origin);
    assert!(asked.values().all(|&count| count == 1), "{asked:?}");
    held.check_film();
}
