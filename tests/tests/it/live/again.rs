//! Recordings that were interrupted go on where they were, as far as the stream still has what came meanwhile.

use std::time::Duration;

use super::*;

/// Records so many seconds, and is killed.
fn killed(stage: &Stage, seconds: f64, more: &[&str]) {
    let (mut child, _events) = started(stage.weir(more), seconds);
    child.kill().unwrap();
    child.wait().unwrap();
    let jobs = jobs(stage);
    assert_eq!(jobs[0]["state"], "interrupted", "{jobs:?}");
    assert!(jobs[0]["segments"]["merged"].as_u64() > Some(0), "{jobs:?}");
}

fn jobs(stage: &Stage) -> Vec<Value> {
    let output = stage.home.run(["jobs", "--json"]).unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The stream goes on by so many segments while nobody records it.
fn time_goes_by(stage: &Stage, segments: usize) {
    for _ in 0..segments {
        // As long as they play: more is not believed to be missing.
        std::thread::sleep(Duration::from_millis(500));
        let url = stage.origin.url("/live.m3u8");
        check_exit(&stage.home.run(["probe", &url, "--json"]).unwrap(), 0);
    }
}

/// What is listed twice or was in flight when it was killed is written once, and nothing is missing.
#[test]
fn nothing_is_missing_while_the_window_has_it() {
    for container in ["segments", "mp4", "mkv", "ts"] {
        let options = Options {
            window: 6,
            ..Options::default()
        };
        let stage = Stage::new(14, options);
        let output = if container == "segments" {
            "out".to_owned()
        } else {
            format!("out.{container}")
        };
        let more = ["--container", container, "-o", &output];
        let record = |stage: &Stage| {
            let url = stage.origin.url("/live.m3u8");
            let words = ["get", &url, "--allow-private", "--json"].into_iter().chain(more);
            stage.home.run(words).unwrap()
        };
        let mut command = stage.home.weir();
        command
            .args([
                "get",
                &stage.origin.url("/live.m3u8"),
                "--allow-private",
                "--json",
            ])
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let (mut child, _events) = started(command, 2.5);
        child.kill().unwrap();
        child.wait().unwrap();
        time_goes_by(&stage, 2);
        let again = record(&stage);
        check_exit(&again, 0);
        let finished = last_event(&again).unwrap();
        assert_eq!(finished["verdict"], "complete", "{finished}");
        assert_eq!(finished["segments"]["total"], 14, "{finished}");
        assert_eq!(finished["segments"]["fetched"], 14, "{finished}");
        assert!(
            finished["warnings"][0]
                .as_str()
                .unwrap()
                .contains("was interrupted and went on behind segment"),
            "{finished}"
        );
        assert_eq!(jobs(&stage).len(), 1);
        assert_eq!(stage.outputs(), [output.as_str()]);
        if container == "segments" {
            stage.check_file(0..14);
        } else {
            // As a recording that was never interrupted.
            let other = Stage::new(14, options);
            check_exit(&record(&other), 0);
            let file = |stage: &Stage| fs::read(stage.home.path().join(&output)).unwrap();
            let (ours, theirs) = (file(&stage), file(&other));
            let (our_url, their_url) = (stage.origin.url(""), other.origin.url(""));
            assert_eq!(ours.len(), theirs.len(), "{container}");
            if our_url.len() == their_url.len() {
                let ours = replaced(&ours, &our_url, &their_url);
                assert!(ours == theirs, "{container}: other bytes");
            }
        }
    }
}

/// A file tells where it comes from.
fn replaced(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    while let Some(at) = bytes.windows(from.len()).position(|part| part == from.as_bytes()) {
        bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
    }
    bytes
}

/// faults.md, 47: what left the window meanwhile is told.
#[test]
fn what_went_by_is_missing() {
    let stage = Stage::new(30, Options::default());
    killed(&stage, 2.5, &[]);
    let merged = jobs(&stage)[0]["segments"]["merged"].as_u64().unwrap();
    time_goes_by(&stage, 8);
    let output = stage.home.run(["resume", "1"]).unwrap();
    check_exit(&output, 3);
    let finished = last_event(&output).unwrap();
    let gaps: Vec<u64> = finished["gaps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|gap| gap["sequence"].as_u64().unwrap())
        .collect();
    let (first, last) = (gaps[0], *gaps.last().unwrap());
    assert!(gaps.len() >= 5 && first >= merged, "{finished}");
    assert_eq!(gaps, (first..=last).collect::<Vec<_>>());
    let missing = |number: &usize| !(first..=last).contains(&(*number as u64));
    stage.check_file((0..30).filter(missing));
    assert_eq!(finished["segments"]["total"], 30, "{finished}");
    assert_eq!(jobs(&stage)[0]["state"], "incomplete");
}

/// The rest of a stream that has ended is still in its last window.
#[test]
fn a_stream_that_has_ended_meanwhile() {
    let options = Options {
        window: 20,
        ..Options::default()
    };
    let stage = Stage::new(14, options);
    killed(&stage, 2.5, &[]);
    time_goes_by(&stage, 14);
    let output = stage.record(&[]);
    check_exit(&output, 0);
    assert_eq!(jobs(&stage).len(), 1, "{:?}", jobs(&stage));
    stage.check_file(0..14);
}

/// Whoever asks for an address again much later means what is on the air then. The number means the recording.
#[test]
fn what_was_interrupted_long_ago_stays_as_it_is() {
    let stage = Stage::new(10_000, Options::default());
    let soon = ["--live-outage", "1", "--live-duration", "4"];
    killed(&stage, 2.5, &soon);
    std::thread::sleep(Duration::from_millis(2_500));
    let output = stage.record(&soon);
    check_exit(&output, 0);
    assert_eq!(jobs(&stage).len(), 2);
    assert_eq!(stage.outputs(), ["out (2)", "out.part"]);
    let output = stage.home.run(["resume", "1"]).unwrap();
    let finished = last_event(&output).unwrap();
    assert_eq!(finished["verdict"], "incomplete", "{finished}");
    assert_eq!(stage.outputs(), ["out", "out (2)"]);
}
