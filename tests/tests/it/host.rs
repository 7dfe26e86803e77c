//! The native host over real pipes: bad-inputs rows 50 to 64, jobs from start to verdict, and how it ends.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should say so at once"
)]

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use weir_core::protocol::Request;
use weir_tests::binary::{Home, Host};
use weir_tests::origin::{Gate, Origin, Reply};
use weir_tests::streams::committed_stream;

/// A host that has said hello, in a home of its own.
fn greeted() -> (Home, Host) {
    let home = Home::new().unwrap();
    let mut host = home.host().unwrap();
    host.greet().unwrap();
    (home, host)
}

/// The committed stream's four segments at an origin, and the plan for them.
fn origin_and_plan(title: &str) -> (Origin, Value) {
    let origin = Origin::start().unwrap();
    origin.directory("/", committed_stream());
    let segments: Vec<Value> = (0..4)
        .map(|n| json!({"sequence": n, "url": origin.url(&format!("/high/seg00{n}.ts")), "durationSeconds": 2.0}))
        .collect();
    let playlist = origin.url("/high/index.m3u8");
    let track = json!({"kind": "video", "playlist": playlist, "segments": segments});
    let plan = json!({"source": playlist, "title": title, "live": false, "tracks": [track]});
    (origin, plan)
}

fn start(id: u32, job: &str, plan: &Value) -> Value {
    json!({"type": "start", "id": id, "job": job, "plan": plan})
}

#[track_caller]
fn check_error(answer: &Value, code: &str, words: &str) {
    assert_eq!(answer["type"], "error", "{answer}");
    assert_eq!(answer["error"]["code"], code, "{answer}");
    assert!(
        answer["error"]["message"].as_str().unwrap().contains(words),
        "{answer}"
    );
}

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
    let (origin, plan) = origin_and_plan("busy");
    let gate = Gate::new();
    origin.reply("/high/seg000.ts", Reply::ok("late").after(&gate));
    let (_home, mut host) = greeted();
    for number in 0..64 {
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
fn a_capture_from_start_to_verdict() {
    let (origin, plan) = origin_and_plan("../Über: a film?");
    origin.guard("/high/", |request| {
        let asked_as_page =
            request.header("referer") == Some("http://page.example/") && request.has_cookie("sid", "7");
        (!asked_as_page).then(|| Reply::status(403))
    });
    let (home, mut host) = greeted();
    let mut request = start(1, "film", &plan);
    request["context"] = json!({
        "headers": [{"name": "Referer", "value": "http://page.example/"}],
        "cookies": [{"name": "sid", "value": "7", "domain": "127.0.0.1", "hostOnly": true, "path": "/", "secure": false}],
    });
    assert_eq!(host.ask(&request).unwrap(), json!({"type": "done", "re": 1}));
    let finished = host.finished("film").unwrap();
    assert_eq!(finished["verdict"], "complete", "{finished}");
    assert_eq!(
        finished["segments"],
        json!({"total": 4, "fetched": 4, "retried": 0})
    );
    assert_eq!(finished["gaps"], json!([]));
    let output = Path::new(finished["output"].as_str().unwrap());
    assert_eq!(output, home.downloads().join("Über- a film-.mp4"));
    assert_eq!(finished["bytes"], fs::metadata(output).unwrap().len());
    assert_eq!(home.files(&home.downloads()).unwrap().len(), 1);
    assert_eq!(origin.requests_for("/high/seg002.ts").len(), 1);
    let listed = host.ask(&json!({"type": "jobs", "id": 2})).unwrap();
    let mut remembered = listed["jobs"][0]["finished"].clone();
    remembered["type"] = json!("finished");
    assert_eq!(remembered, finished);
    assert_eq!(listed["jobs"][0]["progress"]["state"], "finished");
    host.close();
    assert_eq!(host.wait().unwrap().0.code(), Some(0));
    let log = fs::read_to_string(home.path().join(".local/state/weir/weir.log")).unwrap();
    assert!(!log.contains("sid") && !log.contains("page.example"), "{log}");
}

#[test]
fn progress_is_told_while_a_job_runs() {
    let (origin, plan) = origin_and_plan("slow");
    let gate = Gate::new();
    let last = fs::read(committed_stream().join("high/seg003.ts")).unwrap();
    origin.reply("/high/seg003.ts", Reply::ok(last).after(&gate));
    let (_home, mut host) = greeted();
    host.ask(&start(1, "slow", &plan)).unwrap();
    let progress = host
        .expect(|frame| frame["type"] == "progress" && frame["segments"]["fetched"] == 3)
        .unwrap();
    assert_eq!(progress["job"], "slow");
    assert_eq!(progress["state"], "running");
    assert_eq!(progress["segments"]["total"], 4);
    assert!(progress["bytes"].as_u64().unwrap() > 0);
    gate.open();
    assert_eq!(host.finished("slow").unwrap()["verdict"], "complete");
}

#[test]
fn a_cancelled_job_leaves_nothing() {
    let (origin, plan) = origin_and_plan("cancelled");
    let gate = Gate::new();
    origin.reply("/high/seg003.ts", Reply::ok("late").after(&gate));
    let (home, mut host) = greeted();
    host.ask(&start(1, "c", &plan)).unwrap();
    host.expect(|frame| frame["segments"]["fetched"] == 3).unwrap();
    assert_eq!(home.files(&home.downloads()).unwrap(), ["cancelled.mp4.part"]);
    host.ask(&json!({"type": "cancel", "id": 2, "job": "c"})).unwrap();
    let finished = host.finished("c").unwrap();
    assert_eq!(finished["verdict"], "cancelled");
    assert_eq!(finished["error"]["code"], "cancelled");
    assert_eq!(finished["output"], Value::Null);
    assert_eq!(home.files(&home.downloads()).unwrap(), [""; 0]);
}

#[test]
fn the_browser_goes_away_in_mid_capture() {
    let (origin, plan) = origin_and_plan("gone");
    let gate = Gate::new();
    origin.reply("/high/seg003.ts", Reply::ok("late").after(&gate));
    let (home, mut host) = greeted();
    host.ask(&start(1, "g", &plan)).unwrap();
    host.expect(|frame| frame["segments"]["fetched"] == 3).unwrap();
    host.close();
    let (status, took) = host.wait().unwrap();
    assert_eq!(status.code(), Some(0));
    assert!(
        took < Duration::from_secs(2),
        "{took:?}: Chromium kills after two seconds"
    );
    assert_eq!(home.files(&home.downloads()).unwrap(), ["gone.mp4.part"]);
}

#[test]
fn a_segment_that_is_gone_fails_the_job_and_names_it() {
    let (origin, plan) = origin_and_plan("hole");
    origin.reply("/high/seg002.ts", Reply::status(404));
    let (home, mut host) = greeted();
    host.ask(&start(1, "h", &plan)).unwrap();
    let finished = host.finished("h").unwrap();
    assert_eq!(finished["verdict"], "failed");
    assert_eq!(finished["error"]["code"], "http-status");
    assert!(
        finished["error"]["message"]
            .as_str()
            .unwrap()
            .starts_with("segment 2: "),
        "{finished}"
    );
    assert_eq!(home.files(&home.downloads()).unwrap(), ["hole.mp4.part"]);
    assert!(finished["output"].as_str().unwrap().ends_with("hole.mp4.part"));
}

#[test]
fn a_link_that_expires_says_so() {
    let (origin, plan) = origin_and_plan("expired");
    origin.reply("/high/seg002.ts", Reply::status(403));
    let (_home, mut host) = greeted();
    let mut request = start(1, "e", &plan);
    request["options"] = json!({"container": "mp4", "concurrency": 1});
    host.ask(&request).unwrap();
    let finished = host.finished("e").unwrap();
    assert_eq!(finished["error"]["code"], "link-expired", "{finished}");
    assert!(
        finished["error"]["message"]
            .as_str()
            .unwrap()
            .contains("reopen the page")
    );
}

#[test]
fn what_is_not_supported_is_refused_before_anything_is_fetched() {
    let (origin, mut plan) = origin_and_plan("sample");
    let (_home, mut host) = greeted();
    let key = json!({"method": "SAMPLE-AES", "url": origin.url("/key"), "iv": "0".repeat(32)});
    plan["tracks"][0]["segments"][0]["key"] = key;
    let answer = host.ask(&start(1, "s", &plan)).unwrap();
    check_error(
        &answer,
        "unsupported",
        "SAMPLE-AES encryption is not supported yet",
    );
    plan["source"] = json!("https://public.example/master.m3u8");
    check_error(
        &host.ask(&start(2, "s", &plan)).unwrap(),
        "private-address",
        "127.0.0.1",
    );
    assert_eq!(origin.requests().len(), 0);
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

#[test]
fn settings_are_shown_changed_and_checked() {
    let (home, mut host) = greeted();
    let shown = host.ask(&json!({"type": "settings", "id": 1})).unwrap();
    assert_eq!(
        shown["settings"]["outputFolder"],
        home.downloads().to_str().unwrap()
    );
    let videos = home.path().join("Videos");
    let change = json!({"outputFolder": videos, "concurrency": 3});
    let refused = host
        .ask(&json!({"type": "settings", "id": 2, "change": change}))
        .unwrap();
    check_error(&refused, "output-folder", "choose a folder");
    fs::create_dir(&videos).unwrap();
    let changed = host
        .ask(&json!({"type": "settings", "id": 3, "change": change}))
        .unwrap();
    assert_eq!(
        changed["settings"],
        json!({"outputFolder": videos, "concurrency": 3})
    );
    let refused = host
        .ask(&json!({"type": "settings", "id": 4, "change": {"concurrency": 0}}))
        .unwrap();
    check_error(&refused, "bad-settings", "1 to 64");
    let (_origin, plan) = origin_and_plan("there");
    host.ask(&start(5, "t", &plan)).unwrap();
    assert_eq!(
        host.finished("t").unwrap()["output"],
        videos.join("there.mp4").to_str().unwrap()
    );

    fs::write(home.settings(), "concurrency = [\n").unwrap();
    let broken = host.ask(&start(6, "u", &plan)).unwrap();
    check_error(&broken, "bad-settings", "line 1, column 16");
}

#[test]
fn a_missing_folder_fails_before_the_network_is_touched() {
    let (origin, plan) = origin_and_plan("nowhere");
    let (home, mut host) = greeted();
    fs::create_dir_all(home.settings().parent().unwrap()).unwrap();
    // Nobody can write there, root included.
    fs::write(home.settings(), "output_folder = \"/proc\"\n").unwrap();
    let answer = host.ask(&start(1, "n", &plan)).unwrap();
    check_error(
        &answer,
        "output-folder",
        "choose a folder: /proc cannot be written to",
    );
    fs::write(home.settings(), "output_folder = \"/no/such\"\n").unwrap();
    check_error(
        &host.ask(&start(2, "n", &plan)).unwrap(),
        "output-folder",
        "choose a folder",
    );
    assert_eq!(origin.requests().len(), 0);
}

#[test]
fn names_that_are_taken_get_a_number() {
    let (_origin, plan) = origin_and_plan("same");
    let (home, mut host) = greeted();
    for (id, job) in [(1, "one"), (2, "two")] {
        host.ask(&start(id, job, &plan)).unwrap();
    }
    let mut names =
        ["one", "two"].map(|job| host.finished(job).unwrap()["output"].as_str().unwrap().to_owned());
    names.sort();
    let name = |name: &str| home.downloads().join(name).to_str().unwrap().to_owned();
    assert_eq!(names, [name("same (2).mp4"), name("same.mp4")]);
}

#[cfg(unix)]
#[test]
fn reveal_opens_the_folder() {
    use std::os::unix::fs::PermissionsExt as _;
    let (_origin, plan) = origin_and_plan("shown");
    let home = Home::new().unwrap();
    let opener = home.path().join("xdg-open");
    let told = home.path().join("told");
    fs::write(
        &opener,
        format!(
            "#!/bin/sh\nprintf %s \"$1\" > {0}.new && mv {0}.new {0}\n",
            told.display()
        ),
    )
    .unwrap();
    fs::set_permissions(&opener, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", home.path().display());
    let mut host = Host::start(
        home.weir()
            .arg(weir_tests::binary::EXTENSION_ORIGIN)
            .env("PATH", path),
    )
    .unwrap();
    host.greet().unwrap();
    check_error(
        &host.ask(&json!({"type": "reveal", "id": 1, "job": "s"})).unwrap(),
        "unknown-job",
        "s",
    );
    host.ask(&start(2, "s", &plan)).unwrap();
    host.finished("s").unwrap();
    assert_eq!(
        host.ask(&json!({"type": "reveal", "id": 3, "job": "s"})).unwrap()["type"],
        "done"
    );
    let deadline = std::time::Instant::now() + Duration::from_secs(30);
    while !told.exists() {
        assert!(std::time::Instant::now() < deadline, "the opener was not started");
        std::thread::yield_now();
    }
    assert_eq!(
        fs::read_to_string(told).unwrap(),
        home.downloads().to_str().unwrap()
    );
}
