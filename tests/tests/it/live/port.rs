//! A live stream recorded by the native host, as a browser has it.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use weir_tests::binary::Host;
use weir_tests::live::Options;
use weir_tests::origin::{Gate, Reply};

use super::Stage;
use crate::host::{check_error, greeted, origin_and_plan, start};

/// The plan of a stage's first window, as the extension makes it.
fn plan(stage: &Stage) -> Value {
    let segments: Vec<Value> = (0..3)
        .map(
            |n| json!({"sequence": n, "url": stage.origin.url(&format!("/s{n}.ts")), "durationSeconds": 0.5}),
        )
        .collect();
    let playlist = stage.origin.url("/live.m3u8");
    let track = json!({"kind": "video", "playlist": playlist, "segments": segments});
    json!({"source": playlist, "title": "News", "live": true, "tracks": [track]})
}

/// Starts a recording and waits until some of it is there.
fn recording(stage: &Stage, host: &mut Host) {
    assert_eq!(
        host.ask(&start(1, "news", &plan(stage))).unwrap(),
        json!({"type": "done", "re": 1})
    );
    let told = host.expect(|frame| {
        frame["recordedSeconds"]
            .as_f64()
            .is_some_and(|seconds| seconds >= 2.0)
    });
    assert_eq!(told.unwrap()["etaSeconds"], Value::Null);
}

fn endless() -> Stage {
    Stage::new(10_000, Options::default())
}

#[test]
fn finish_ends_a_recording_and_keeps_the_file() {
    let stage = endless();
    let (home, mut host) = greeted();
    recording(&stage, &mut host);
    let finish = |id: u32| json!({"type": "finish", "id": id, "job": "news"});
    assert_eq!(host.ask(&finish(2)).unwrap(), json!({"type": "done", "re": 2}));
    let finished = host.finished("news").unwrap();
    assert_eq!(finished["verdict"], "complete", "{finished}");
    let output = Path::new(finished["output"].as_str().unwrap());
    assert_eq!(output, home.downloads().join("News.mp4"));
    assert_eq!(finished["bytes"], fs::metadata(output).unwrap().len());
    assert!(finished["durationSeconds"].as_f64().unwrap() >= 2.0, "{finished}");
    assert_eq!(home.files(&home.downloads()).unwrap(), ["News.mp4"]);
    assert_eq!(
        host.ask(&finish(3)).unwrap(),
        json!({"type": "done", "re": 3}),
        "it has ended already"
    );
}

#[test]
fn variables_of_the_multivariant_playlist_hold_for_every_reading() {
    let stage = Stage::new(6, Options::default());
    let live = stage.live.clone();
    stage.origin.route("/imports.m3u8", move |request| {
        let text = live.answer_text(request);
        let text = text.replace("#EXTM3U\n", "#EXTM3U\n#EXT-X-DEFINE:IMPORT=\"folder\"\n");
        Reply::ok(text.replace("\ns", "\n{$folder}s"))
    });
    let master = "#EXTM3U\n#EXT-X-DEFINE:NAME=\"folder\",VALUE=\"/\"\n\
        #EXT-X-STREAM-INF:BANDWIDTH=1\nimports.m3u8\n";
    stage.origin.reply("/master.m3u8", Reply::ok(master));
    let mut plan = plan(&stage);
    plan["source"] = json!(stage.origin.url("/master.m3u8"));
    plan["tracks"][0]["playlist"] = json!(stage.origin.url("/imports.m3u8"));
    let (_home, mut host) = greeted();
    host.ask(&start(1, "news", &plan)).unwrap();
    let finished = host.finished("news").unwrap();
    assert_eq!(finished["verdict"], "complete", "{finished}");
    assert_eq!(finished["segments"]["fetched"], 6, "{finished}");
    assert_eq!(
        stage.origin.requests_for("/master.m3u8").len(),
        1,
        "asked for once"
    );
}

#[test]
fn cancel_leaves_nothing_of_a_recording() {
    let stage = endless();
    let (home, mut host) = greeted();
    recording(&stage, &mut host);
    host.ask(&json!({"type": "cancel", "id": 2, "job": "news"}))
        .unwrap();
    let finished = host.finished("news").unwrap();
    assert_eq!(
        (&finished["verdict"], &finished["output"]),
        (&json!("cancelled"), &Value::Null)
    );
    assert_eq!(home.files(&home.downloads()).unwrap(), [""; 0]);
}

#[test]
fn a_browser_that_comes_back_goes_on_with_its_recording() {
    let stage = Stage::new(
        40,
        Options {
            window: 10,
            ..Options::default()
        },
    );
    let (home, mut host) = greeted();
    recording(&stage, &mut host);
    host.close();
    let (status, _) = host.wait().unwrap();
    assert!(status.success());
    assert_eq!(home.files(&home.downloads()).unwrap(), ["News.mp4.part"]);

    let mut host = home.host().unwrap();
    host.greet().unwrap();
    host.ask(&start(1, "again", &plan(&stage))).unwrap();
    let finished = host.finished("again").unwrap();
    assert_eq!(finished["verdict"], "complete", "{finished}");
    assert_eq!(finished["segments"]["fetched"], 40, "{finished}");
    assert_eq!(home.files(&home.downloads()).unwrap(), ["News.mp4"]);
}

#[test]
fn only_a_recording_can_be_finished() {
    let (origin, plan) = origin_and_plan("film");
    let gate = Gate::new();
    let held = gate.clone();
    origin.route("/high/seg000.ts", move |_| Reply::ok("").after(&held));
    let (_home, mut host) = greeted();
    host.ask(&start(1, "film", &plan)).unwrap();
    let answer = host
        .ask(&json!({"type": "finish", "id": 2, "job": "film"}))
        .unwrap();
    check_error(&answer, "usage", "records no live stream");
    let answer = host
        .ask(&json!({"type": "finish", "id": 3, "job": "news"}))
        .unwrap();
    check_error(&answer, "unknown-job", "no job news");
    gate.open();
}

#[test]
fn a_recording_does_not_wait_for_its_turn() {
    let (origin, plan) = origin_and_plan("film");
    let gate = Gate::new();
    for n in 0..4 {
        let held = gate.clone();
        origin.route(&format!("/high/seg00{n}.ts"), move |_| Reply::ok("").after(&held));
    }
    let (_home, mut host) = greeted();
    for id in 2..8 {
        host.ask(&start(id, &format!("film{id}"), &plan)).unwrap();
    }
    let stage = endless();
    recording(&stage, &mut host);
}
