//! Frames of the native port: bad-inputs rows 50 to 64 and 84 to 85, over real pipes.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should say so at once"
)]

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use weir_core::protocol::Request;
use weir_tests::binary::{Home, Host};
use weir_tests::origin::{Gate, Reply};

use super::host::{check_error, greeted, origin_and_plan, start};

/// Sends bytes as a frame, checks the refusal, and that the host goes on.
#[track_caller]
fn check_refused(body: &[u8], code: &str, words: &str) {
    let (_home, mut host) = greeted();
    host.send_bytes(body).unwrap();
    check_error(&host.next_frame().unwrap().unwrap(), code, words);
    let answer = host.ask(&json!({"type": "jobs", "id": 9})).unwrap();
    assert_eq!(answer["jobs"], json!([]));
}

#[test]
fn golden_requests_are_read_as_the_types_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/frames");
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path
            .file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .starts_with("request-")
        {
            let text = fs::read(&path).unwrap();
            let expected: Request = serde_json::from_slice(&text).unwrap();
            assert_eq!(weir::port::parse(&text).unwrap(), expected, "{}", path.display());
            count += 1;
        }
    }
    assert!(count >= 6, "{count}");
}

#[test]
fn hello_tells_what_the_host_can() {
    let home = Home::new().unwrap();
    let mut host = home.host().unwrap();
    let hello = host.greet().unwrap();
    assert_eq!(hello["type"], "hello");
    assert_eq!(hello["protocol"], 1);
    assert_eq!(hello["maxFrameBytes"], 64 * 1024 * 1024);
    assert_eq!(hello["platform"], std::env::consts::OS);
    let again = host.greet().unwrap();
    check_error(&again, "hello-first", "once");
}

#[test]
fn hello_comes_first() {
    let home = Home::new().unwrap();
    let mut host = home.host().unwrap();
    let answer = host.ask(&json!({"type": "jobs", "id": 3})).unwrap();
    check_error(&answer, "hello-first", "hello comes first");
    host.greet().unwrap();
}

#[test]
fn row_50_the_input_ends() {
    let home = Home::new().unwrap();
    let mut host = home.host().unwrap();
    host.close();
    assert_eq!(host.wait().unwrap().0.code(), Some(0));

    let mut host = home.host().unwrap();
    host.write(&[1, 0]).unwrap();
    host.close();
    check_error(
        &host.next_frame().unwrap().unwrap(),
        "bad-frame",
        "truncated header",
    );
    assert_eq!(host.wait().unwrap().0.code(), Some(1));
}

#[test]
fn row_51_the_input_ends_in_a_frame() {
    let home = Home::new().unwrap();
    let mut host = home.host().unwrap();
    host.write(&10_u32.to_ne_bytes()).unwrap();
    host.write(b"{\"id\"").unwrap();
    host.close();
    check_error(
        &host.next_frame().unwrap().unwrap(),
        "bad-frame",
        "truncated body: the input ended after 5 of 10",
    );
    assert_eq!(host.wait().unwrap().0.code(), Some(1));
}

#[test]
fn row_52_an_empty_frame() {
    check_refused(b"", "bad-frame", "empty frame");
}

#[test]
fn row_53_four_gibibytes_are_announced() {
    let (_home, mut host) = greeted();
    host.write(&u32::MAX.to_ne_bytes()).unwrap();
    check_error(
        &host.next_frame().unwrap().unwrap(),
        "bad-frame",
        "too large: 4294967295 bytes",
    );
    if cfg!(target_os = "linux") {
        let status = fs::read_to_string(format!("/proc/{}/status", host.id())).unwrap();
        let peak = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .unwrap();
        let kibibytes: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
        assert!(kibibytes < 100 * 1024, "{kibibytes} KiB");
    }
}

#[test]
fn row_54_to_59_frames_that_are_not_requests() {
    check_refused(b"{\"id\": \"\xff\"}", "bad-frame", "not UTF-8: byte 8");
    check_refused(b"{\"id\": 1", "bad-frame", "not JSON");
    check_refused(b"hello", "bad-frame", "not JSON");
    let deep = format!("{{\"a\": {}1{}}}", "[".repeat(10_000), "]".repeat(10_000));
    check_refused(deep.as_bytes(), "bad-frame", "nested deeper");
    check_refused(b"[1, 2]", "bad-frame", "expected an object");
    check_refused(b"7", "bad-frame", "expected an object");
    check_refused(
        b"{\"type\": \"explode\", \"id\": 1}",
        "unknown-command",
        "unknown command \"explode\"",
    );
    check_refused(b"{\"id\": 1}", "bad-field", "type: missing");
    check_refused(
        b"{\"type\": \"cancel\", \"id\": 1, \"job\": 5}",
        "bad-field",
        "job: ",
    );
    check_refused(
        b"{\"type\": \"jobs\", \"id\": 1, \"extra\": 5}",
        "bad-field",
        "unknown field `extra`",
    );
}

#[test]
fn row_59_the_path_of_a_wrong_field() {
    let (_origin, mut plan) = origin_and_plan("x");
    let (_home, mut host) = greeted();
    plan["tracks"][0]["segments"][2]["url"] = json!("file:///etc/passwd");
    let answer = host.ask(&start(1, "a", &plan)).unwrap();
    check_error(
        &answer,
        "bad-field",
        "plan.tracks[0].segments[2].url: scheme not allowed: file",
    );
    plan["tracks"][0]["segments"][2]["url"] = json!(12);
    check_error(
        &host.ask(&start(2, "a", &plan)).unwrap(),
        "bad-field",
        "plan.tracks[0].segments[2].url: ",
    );
}

#[test]
fn row_60_62_duplicate_ids_and_too_many_jobs() {
    let (origin, mut plan) = origin_and_plan("busy");
    let gate = Gate::new();
    origin.reply("/high/seg000.ts", Reply::ok("late").after(&gate));
    let (_home, mut host) = greeted();
    for number in 0..64 {
        // The same capture twice at a time is refused.
        plan["title"] = json!(format!("busy {number}"));
        let answer = host.ask(&start(number, &format!("job-{number}"), &plan)).unwrap();
        assert_eq!(answer["type"], "done", "{answer}");
    }
    check_error(
        &host.ask(&start(64, "job-64", &plan)).unwrap(),
        "busy",
        "busy: 64 jobs",
    );
    check_error(
        &host.ask(&start(65, "job-7", &plan)).unwrap(),
        "duplicate-job",
        "job-7",
    );
    let listed = host.ask(&json!({"type": "jobs", "id": 66})).unwrap();
    assert_eq!(listed["jobs"].as_array().unwrap().len(), 64);
    assert_eq!(listed["jobs"][0]["job"], "job-0");
    assert_eq!(listed["jobs"][63]["progress"]["state"], "queued");
    host.ask(&json!({"type": "cancel", "id": 67, "job": "job-63"}))
        .unwrap();
    assert_eq!(host.finished("job-63").unwrap()["verdict"], "cancelled");
    let unknown = host
        .ask(&json!({"type": "cancel", "id": 68, "job": "job-99"}))
        .unwrap();
    check_error(&unknown, "unknown-job", "job-99");
}

#[test]
fn row_61_another_protocol() {
    for (protocol, code, words) in [
        (2, "update-host", "update the host"),
        (0, "update-extension", "update the extension"),
    ] {
        let home = Home::new().unwrap();
        let mut host = home.host().unwrap();
        let hello =
            json!({"type": "hello", "id": 0, "protocol": protocol, "extensionVersion": "9", "news": true});
        check_error(&host.ask(&hello).unwrap(), code, words);
        assert_eq!(host.next_frame().unwrap(), None);
        assert_eq!(host.wait().unwrap().0.code(), Some(1));
    }
}

#[test]
fn row_63_no_frame_is_over_the_browsers_limit() {
    let (_origin, mut plan) = origin_and_plan("gaps");
    let first = plan["tracks"][0]["segments"][0].clone();
    let gap = |sequence: u32| {
        let mut gap = first.clone();
        gap["sequence"] = json!(sequence);
        gap["gap"] = json!(true);
        gap
    };
    let segments: Vec<Value> = std::iter::once(first.clone())
        .chain((1..30_000).map(gap))
        .collect();
    plan["tracks"][0]["segments"] = json!(segments);
    let (_home, mut host) = greeted();
    host.ask(&start(1, "gaps", &plan)).unwrap();
    let finished = host.finished("gaps").unwrap();
    assert_eq!(finished["verdict"], "incomplete", "{}", finished["error"]);
    assert!(serde_json::to_vec(&finished).unwrap().len() <= 1024 * 1024);
    assert!(finished["gaps"].as_array().unwrap().len() > 1_000);
    assert!(
        finished["error"]["message"]
            .as_str()
            .unwrap()
            .starts_with("29999 of 30000 segments are missing")
    );
    let listed = host.ask(&json!({"type": "jobs", "id": 2})).unwrap();
    assert!(serde_json::to_vec(&listed).unwrap().len() <= 1024 * 1024);
}

#[test]
fn row_64_strangers_are_turned_away() {
    let home = Home::new().unwrap();
    let stranger = "chrome-extension://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/";
    let mut host = Host::start(home.weir().arg(stranger)).unwrap();
    check_error(
        &host.next_frame().unwrap().unwrap(),
        "unauthorised-caller",
        "unauthorised caller",
    );
    assert_eq!(host.next_frame().unwrap(), None);
    assert_eq!(host.wait().unwrap().0.code(), Some(2));
    let output = home.run([]).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(weir_tests::binary::stderr(&output).contains("unauthorised caller"));
    let manifest = "/x/io.github.weir_hls.weir.json";
    let mut firefox = Host::start(home.weir().args([manifest, "weir@weir-hls.github.io"])).unwrap();
    assert_eq!(firefox.greet().unwrap()["type"], "hello");
    let other = home.run([manifest, "other@example.org"]).unwrap();
    assert_eq!(other.status.code(), Some(2));
}

#[test]
fn headers_that_are_not_sent_on_are_refused() {
    let (_origin, plan) = origin_and_plan("headers");
    let (_home, mut host) = greeted();
    for (name, value, words) in [
        ("Host", "x", "header not allowed"),
        ("X-A", "a\r\nb", "bad header"),
    ] {
        let mut request = start(1, "x", &plan);
        request["context"] = json!({"headers": [{"name": name, "value": value}]});
        check_error(&host.ask(&request).unwrap(), "bad-header", words);
    }
}
