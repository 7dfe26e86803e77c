//! Many captures at once through one port, from a server that fails now and then.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on should say so at once"
)]

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use weir_tests::origin::{Origin, Reply, faults};
use weir_tests::streams::committed_stream;

use super::host::{greeted, start};

const JOBS: u32 = 24;

/// Segments of each, where nothing else is said: with `WEIR_JOB_SEGMENTS=1500` it takes five minutes.
const SEGMENTS: usize = 12;

/// One request in so many fails.
const FAILS_ONE_IN: u64 = 10;

/// How long the server takes for an answer.
const PACE: Duration = Duration::from_millis(20);

const MEMORY_LIMIT_KILOBYTES: u64 = 300 << 10;

/// What the browser takes of the host at most.
const MAX_FRAME_BYTES: usize = 1 << 20;

/// Four segments over and over, at an origin that answers one request in ten badly, in one of four ways.
fn origin() -> Origin {
    let origin = Origin::start().unwrap();
    let bodies: Vec<Vec<u8>> = (0..4)
        .map(|n| fs::read(committed_stream().join(format!("low/seg00{n}.ts"))).unwrap())
        .collect();
    let state = AtomicU64::new(1);
    let random = move || {
        // Of Knuth's MMIX: the same failures in every run, as far as requests come in the same order.
        let step = |state: u64| {
            state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407)
        };
        state
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |state| Some(step(state)))
            .unwrap()
            >> 33
    };
    origin.route_under("/", move |request| {
        let number: usize = request.path().trim_start_matches('/').parse().unwrap();
        let body = bodies.get(number % bodies.len()).unwrap().clone();
        let half = body.len() / 2;
        let drawn = random();
        let reply = match (drawn % FAILS_ONE_IN, drawn / FAILS_ONE_IN % 4) {
            (0, 0) => Reply::status(500),
            (0, 1) => Reply::status(503),
            (0, 2) => faults::reset_after(body, half),
            (0, _) => faults::short_body(body, half),
            _ => Reply::ok(body),
        };
        reply.with_delay(PACE)
    });
    origin
}

fn plan(origin: &Origin, title: &str, count: usize) -> Value {
    let segment = |n: usize| {
        json!({
            "sequence": n,
            "url": origin.url(&format!("/{n}")),
            "durationSeconds": 2.0,
            "discontinuity": n > 0 && n.is_multiple_of(4),
        })
    };
    let segments: Vec<Value> = (0..count).map(segment).collect();
    let playlist = origin.url("/index.m3u8");
    let track = json!({"kind": "video", "playlist": playlist, "segments": segments});
    json!({"source": playlist, "title": title, "live": false, "tracks": [track]})
}

#[test]
fn all_of_many_captures_are_whole() {
    let count = std::env::var("WEIR_JOB_SEGMENTS").map_or(SEGMENTS, |text| text.parse().unwrap());
    let origin = origin();
    let (home, mut host) = greeted();
    for number in 0..JOBS {
        let name = format!("film {number:02}");
        let answer = host.ask(&start(
            number + 1,
            &format!("job-{number}"),
            &plan(&origin, &name, count),
        ));
        assert_eq!(answer.unwrap()["type"], "done");
    }
    let (mut ended, mut retried, mut most) = (BTreeSet::new(), 0, 0);
    while ended.len() < JOBS as usize {
        let frame = host.expect(|_| true).unwrap();
        most = most.max(frame.to_string().len());
        if frame["type"] != "finished" {
            assert_eq!(frame["type"], "progress", "{frame}");
            continue;
        }
        assert_eq!(frame["verdict"], "complete", "{frame}");
        assert_eq!(frame["segments"]["fetched"], count, "{frame}");
        assert_eq!(frame["gaps"], json!([]), "{frame}");
        retried += frame["segments"]["retried"].as_u64().unwrap();
        assert!(ended.insert(frame["job"].to_string()), "twice: {frame}");
    }
    assert!(most <= MAX_FRAME_BYTES, "a frame of {most} bytes");
    let requests = origin.requests().len();
    let expected = JOBS as usize * count;
    assert!(
        retried > 0 && requests > expected,
        "{retried} again, {requests} requests of {expected}"
    );

    let mut films = home.files(&home.downloads()).unwrap();
    films.sort();
    assert_eq!(films.len(), JOBS as usize, "{films:?}");
    let read = |name: &String| fs::read(home.downloads().join(name)).unwrap();
    let first = content(&read(&films[0]));
    for film in &films[1..] {
        assert!(
            content(&read(film)) == first,
            "{film} is another than {}",
            films[0]
        );
    }
    let status = fs::read_to_string(format!("/proc/{}/status", host.id()));
    if let Ok(status) = status {
        let peak = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .unwrap();
        let kilobytes: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
        println!(
            "{JOBS} jobs of {count} segments: {retried} fetched again, {requests} requests, frames up to {most} bytes, {kilobytes} kB"
        );
        assert!(kilobytes < MEMORY_LIMIT_KILOBYTES, "{kilobytes} kB");
    }
    host.close();
    assert_eq!(host.wait().unwrap().0.code(), Some(0));
}

#[test]
fn captures_of_one_host_share_what_it_is_asked_for_at_a_time() {
    let body = fs::read(committed_stream().join("low/seg000.ts")).unwrap();
    let origin = Arc::new(Origin::start().unwrap());
    let most = Arc::new(AtomicUsize::new(0));
    origin.route_under("/", {
        let (origin, most) = (Arc::downgrade(&origin), Arc::clone(&most));
        move |_| {
            let now = origin.upgrade().map_or(0, |origin| origin.in_flight());
            most.fetch_max(now, Ordering::Relaxed);
            // Long enough for all to have come before the first is answered.
            Reply::ok(body.clone()).with_delay(Duration::from_secs(1))
        }
    });
    let (_home, mut host) = greeted();
    for number in 0..3 {
        let plan = plan(&origin, &format!("film {number}"), 6);
        let answer = host.ask(&start(number + 1, &format!("job-{number}"), &plan));
        assert_eq!(answer.unwrap()["type"], "done");
    }
    for _ in 0..3 {
        let finished = host.expect(|frame| frame["type"] == "finished").unwrap();
        assert_eq!(finished["verdict"], "complete", "{finished}");
    }
    // Eight, and the one that every capture may have in any case; each by itself would have all its six.
    let most = most.load(Ordering::Relaxed);
    assert!((8..=10).contains(&most), "{most} at a time");
    host.close();
    assert_eq!(host.wait().unwrap().0.code(), Some(0));
}

/// A film without its title, which is the one thing in which they differ.
fn content(file: &[u8]) -> Vec<u8> {
    let title = file.windows(5).position(|bytes| bytes == b"film ").unwrap();
    file.get(title + 7..).unwrap().to_vec()
}
