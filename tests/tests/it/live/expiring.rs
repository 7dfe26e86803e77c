//! Links of a live stream that expire while it is recorded (faults.md, 6): others are asked for, and nothing is missing.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use weir_tests::binary::{Home, Host};
use weir_tests::live::Options;
use weir_tests::origin::{Reply, Tokens};

use super::Stage;
use crate::host::start;
use crate::host_refresh::{failed, is_refresh, refreshed, refreshing};

/// A stage whose links, the playlist's and its segments', live for a time.
struct Guarded {
    stage: Stage,
    tokens: Tokens,
}

impl Guarded {
    fn new(count: usize, lifetime: Duration) -> Self {
        let options = Options {
            window: 12,
            ..Options::default()
        };
        let stage = Stage::new(count, options);
        let tokens = Tokens::living(lifetime);
        let (live, signing) = (stage.live.clone(), tokens.clone());
        stage.origin.route("/live.m3u8", move |request| {
            let text = live.answer_text(request).replace("\ns", "\n/s");
            Reply::ok(signing.playlist(&text))
        });
        let guarding = tokens.clone();
        stage.origin.guard("/", move |request| guarding.refuse(request));
        Self { stage, tokens }
    }

    /// With links from now.
    fn plan(&self) -> Value {
        let link = |path: &str| self.stage.origin.url(&self.tokens.link(path));
        plan(&link)
    }

    /// How often each segment was had.
    fn taken(&self) -> Vec<usize> {
        let taken = self.tokens.taken();
        let count = |number| taken.get(&format!("/s{number}.ts")).copied().unwrap_or(0);
        (0..self.stage.segments.len()).map(count).collect()
    }
}

/// The first window, as the extension plans it.
fn plan(link: &dyn Fn(&str) -> String) -> Value {
    let segment =
        |n: usize| json!({"sequence": n, "url": link(&format!("/s{n}.ts")), "durationSeconds": 0.5});
    let segments: Vec<Value> = (0..3).map(segment).collect();
    let playlist = link("/live.m3u8");
    let track = json!({"kind": "video", "playlist": playlist, "segments": segments});
    json!({"source": playlist, "title": "News", "live": true, "tracks": [track]})
}

/// Starts a recording, segment by segment.
fn record(host: &mut Host, plan: &Value) {
    let mut request = start(1, "news", plan);
    request["options"] = json!({"container": "segments", "concurrency": 4});
    host.ask(&request).unwrap();
}

/// Answers whenever the host asks. The end, and how often it asked.
fn answered(host: &mut Host, answer: &dyn Fn(u32) -> Value) -> (Value, u32) {
    for asked in 0.. {
        let is_next = |frame: &Value| is_refresh(frame) || frame["type"] == "finished";
        let frame = host.expect(is_next).unwrap();
        if frame["type"] == "finished" {
            return (frame, asked);
        }
        assert_eq!(
            (&frame["job"], &frame["track"]),
            (&json!("news"), &json!(0)),
            "{frame}"
        );
        let told = host.ask(&answer(asked + 2)).unwrap();
        assert_eq!(told, json!({"type": "done", "re": asked + 2}));
    }
    unreachable!()
}

/// The numbers of the segments in the folder.
fn recorded(stage: &Stage, home: &Home) -> Vec<usize> {
    let folder = home.downloads().join("News");
    let mut names = home.files(&folder).unwrap();
    names.retain(|name| name != "index.m3u8");
    let bytes = |name: &String| fs::read(folder.join(name)).unwrap();
    let number = |bytes: Vec<u8>| {
        stage
            .segments
            .iter()
            .position(|segment| *segment == bytes)
            .unwrap()
    };
    names.iter().map(bytes).map(number).collect()
}

#[test]
fn a_recording_goes_on_with_other_links_each_time_that_they_expire() {
    let guarded = Guarded::new(24, Duration::from_secs(2));
    let (home, mut host) = refreshing();
    record(&mut host, &guarded.plan());
    let (finished, asked) = answered(&mut host, &|id| refreshed(id, "news", &guarded.plan()));
    assert_eq!(finished["verdict"], "complete", "{finished}");
    assert_eq!(finished["segments"]["fetched"], 24, "{finished}");
    assert_eq!(finished["segments"]["total"], 24, "{finished}");
    assert!((2..=10).contains(&asked), "asked {asked} times");
    assert_eq!(recorded(&guarded.stage, &home), (0..24).collect::<Vec<_>>());
    // Those that were under way when the playlist was refused are asked for again.
    let twice = guarded.taken().iter().filter(|&&count| count > 1).count();
    assert!(
        twice <= 2 * usize::try_from(asked).unwrap(),
        "{:?}",
        guarded.taken()
    );
}

/// The plan that comes is of a stream that has ended.
#[test]
fn a_stream_that_has_ended_when_it_is_read_again_is_recorded_to_its_end() {
    let guarded = Guarded::new(10, Duration::from_secs(2));
    let (home, mut host) = refreshing();
    record(&mut host, &guarded.plan());
    let (finished, asked) = answered(&mut host, &|id| {
        guarded.stage.live.publish(10);
        let mut plan = guarded.plan();
        plan["live"] = json!(false);
        refreshed(id, "news", &plan)
    });
    assert_eq!(finished["verdict"], "complete", "{finished}");
    assert_eq!(recorded(&guarded.stage, &home), (0..10).collect::<Vec<_>>());
    assert!(asked >= 1);
}

/// A segment that is refused whatever its link is missing; the recording asks once for it, and goes on.
#[test]
fn a_segment_that_is_refused_for_another_reason_is_missing() {
    let stage = Stage::new(14, Options::default());
    for number in [5, 9] {
        stage
            .origin
            .guard(&format!("/s{number}.ts"), |_| Some(Reply::status(403)));
    }
    let link = |path: &str| stage.origin.url(path);
    let (home, mut host) = refreshing();
    record(&mut host, &plan(&link));
    let (finished, asked) = answered(&mut host, &|id| refreshed(id, "news", &plan(&link)));
    assert_eq!(
        (&finished["verdict"], asked),
        (&json!("incomplete"), 2),
        "{finished}"
    );
    let gaps = finished["gaps"].as_array().unwrap();
    assert_eq!(
        gaps.iter()
            .map(|gap| gap["sequence"].as_u64())
            .collect::<Vec<_>>(),
        [Some(5), Some(9)]
    );
    assert_eq!(finished["segments"]["total"], 14, "{finished}");
    let there = (0..14).filter(|number| ![5, 9].contains(number));
    assert_eq!(recorded(&stage, &home), there.collect::<Vec<_>>());
}

/// Nobody has other links: one refused segment is missing, and a playlist that is refused ends the recording, whose file
/// is finished.
#[test]
fn without_other_links_what_came_is_kept() {
    let stage = Stage::new(10_000, Options::default());
    let is_over = Arc::new(AtomicBool::new(false));
    let over = Arc::clone(&is_over);
    stage.origin.guard("/live.m3u8", move |_| {
        over.load(Ordering::Relaxed).then(|| Reply::status(403))
    });
    stage.origin.guard("/s5.ts", |_| Some(Reply::status(403)));
    let late = Arc::clone(&is_over);
    stage.origin.guard("/s9.ts", move |_| {
        late.store(true, Ordering::Relaxed);
        None
    });
    let link = |path: &str| stage.origin.url(path);
    let (home, mut host) = refreshing();
    record(&mut host, &plan(&link));
    let (finished, asked) = answered(&mut host, &|id| failed(id, "news", "tab-gone"));
    assert_eq!(
        (&finished["verdict"], asked),
        (&json!("incomplete"), 2),
        "{finished}"
    );
    assert_eq!(finished["error"]["code"], "link-expired", "{finished}");
    let message = finished["error"]["message"].as_str().unwrap();
    assert!(
        message.contains("tab that the stream came from is gone"),
        "{message}"
    );
    let recorded = recorded(&stage, &home);
    let first: Vec<usize> = (0..10).filter(|&number| number != 5).collect();
    assert!(recorded.starts_with(&first), "{recorded:?}");
    assert!(Path::new(finished["output"].as_str().unwrap()).is_dir());
}

/// Before the first segment that comes nothing is missing: the recording begins later.
#[test]
fn a_recording_whose_first_segment_is_refused_begins_with_the_next() {
    let stage = Stage::new(8, Options::default());
    stage.origin.guard("/s0.ts", |_| Some(Reply::status(403)));
    let link = |path: &str| stage.origin.url(path);
    let (home, mut host) = refreshing();
    record(&mut host, &plan(&link));
    let (finished, asked) = answered(&mut host, &|id| failed(id, "news", "tab-gone"));
    assert_eq!(
        (&finished["verdict"], asked),
        (&json!("complete"), 1),
        "{finished}"
    );
    let recorded = recorded(&stage, &home);
    assert!(recorded.ends_with(&[2, 3, 4, 5, 6, 7]), "{recorded:?}");
}

/// Who waits for other links can be told that it is enough.
#[test]
fn a_recording_that_waits_for_links_can_be_finished_and_cancelled() {
    for (order, verdict, files) in [("finish", "complete", 1), ("cancel", "cancelled", 0)] {
        let guarded = Guarded::new(10_000, Duration::from_secs(2));
        let (home, mut host) = refreshing();
        record(&mut host, &guarded.plan());
        host.expect(is_refresh).unwrap();
        host.ask(&json!({"type": order, "id": 2, "job": "news"})).unwrap();
        let finished = host.finished("news").unwrap();
        assert_eq!(finished["verdict"], verdict, "{finished}");
        assert_eq!(home.files(&home.downloads()).unwrap().len(), files, "{order}");
    }
}
