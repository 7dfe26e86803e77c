//! The native host over real pipes: jobs from start to verdict, settings, and how it ends. The frames
//! themselves are in `host_frames`.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should say so at once"
)]

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use weir_tests::binary::{EXTENSION_ORIGIN, Home, Host};
use weir_tests::origin::{Gate, Origin, Reply};
use weir_tests::streams::{committed_origin_and_plan, committed_stream};

/// A host that has said hello, in a home of its own.
pub(super) fn greeted() -> (Home, Host) {
    let home = Home::new().unwrap();
    let mut host = home.host().unwrap();
    host.greet().unwrap();
    (home, host)
}

/// The committed stream's four segments at an origin, and the plan for them.
pub(super) fn origin_and_plan(title: &str) -> (Origin, Value) {
    committed_origin_and_plan(title).unwrap()
}

pub(super) fn start(id: u32, job: &str, plan: &Value) -> Value {
    json!({"type": "start", "id": id, "job": job, "plan": plan})
}

#[track_caller]
pub(super) fn check_error(answer: &Value, code: &str, words: &str) {
    assert_eq!(answer["type"], "error", "{answer}");
    assert_eq!(answer["error"]["code"], code, "{answer}");
    assert!(
        answer["error"]["message"].as_str().unwrap().contains(words),
        "{answer}"
    );
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
fn a_job_that_waits_may_be_next_and_more_may_run_at_a_time() {
    let (origin, mut plan) = origin_and_plan("");
    let gate = Gate::new();
    let last = fs::read(committed_stream().join("high/seg003.ts")).unwrap();
    origin.reply("/high/seg003.ts", Reply::ok(last).after(&gate));
    let (_home, mut host) = greeted();
    let at_once = |count: u32| json!({"type": "settings", "id": 1, "change": {"jobsAtOnce": count}});
    for count in [0, 9] {
        check_error(
            &host.ask(&at_once(count)).unwrap(),
            "bad-settings",
            "it is 1 to 8",
        );
    }
    assert_eq!(host.ask(&at_once(1)).unwrap()["settings"]["jobsAtOnce"], 1);
    for (id, job) in (2..).zip(["a", "b", "c", "d"]) {
        plan["title"] = json!(job);
        assert_eq!(host.ask(&start(id, job, &plan)).unwrap()["type"], "done");
    }
    let next = |id: u32, job: &str| json!({"type": "next", "id": id, "job": job});
    assert_eq!(host.ask(&next(7, "c")).unwrap()["type"], "done");
    assert_eq!(
        host.ask(&next(8, "a")).unwrap()["type"],
        "done",
        "it has its turn"
    );
    check_error(&host.ask(&next(9, "e")).unwrap(), "unknown-job", "e");
    // A segment that is long in coming is asked for twice: requests do not tell how many jobs run.
    let waiting = |host: &mut Host| {
        let listed = host.ask(&json!({"type": "jobs", "id": 10})).unwrap();
        let mut waiting = Vec::new();
        for one in listed["jobs"].as_array().unwrap() {
            if one["progress"]["state"] == "queued" {
                waiting.push(one["job"].as_str().unwrap().to_owned());
            }
        }
        waiting.sort();
        waiting
    };
    host.expect(|frame| frame["segments"]["fetched"] == 3).unwrap();
    assert_eq!(waiting(&mut host), ["b", "c", "d"]);
    // What waits gets a turn at once.
    host.ask(&at_once(2)).unwrap();
    host.expect(|frame| frame["job"] == "c" && frame["segments"]["fetched"] == 3)
        .unwrap();
    assert_eq!(waiting(&mut host), ["b", "d"]);
    gate.open();
    let mut ends = Vec::new();
    while ends.len() < 4 {
        let finished = host.expect(|frame| frame["type"] == "finished").unwrap();
        assert_eq!(finished["verdict"], "complete", "{finished}");
        ends.push(finished["job"].as_str().unwrap().to_owned());
    }
    ends.sort();
    assert_eq!(ends, ["a", "b", "c", "d"]);
}

#[test]
fn all_jobs_together_are_no_faster_than_the_setting() {
    let (origin, mut plan) = origin_and_plan("");
    let sizes = (0..4).map(|n| {
        fs::metadata(committed_stream().join(format!("high/seg00{n}.ts")))
            .unwrap()
            .len()
    });
    let bytes: u64 = sizes.sum();
    let (_home, mut host) = greeted();
    let limit = |speed: u64| json!({"type": "settings", "id": 1, "change": {"limitBytesPerSecond": speed}});
    assert_eq!(
        host.ask(&limit(bytes)).unwrap()["settings"]["limitBytesPerSecond"],
        bytes
    );
    let mut both = |id: u32| {
        let begin = Instant::now();
        let jobs = [format!("a{id}"), format!("b{id}")];
        for job in &jobs {
            plan["title"] = json!(job);
            host.ask(&start(id, job, &plan)).unwrap();
        }
        for _ in jobs {
            let finished = host.expect(|frame| frame["type"] == "finished").unwrap();
            assert_eq!(finished["verdict"], "complete", "{finished}");
        }
        begin.elapsed()
    };
    let slow = both(2);
    assert!(
        slow >= Duration::from_millis(1_700),
        "two seconds' worth of bytes in {slow:?}"
    );
    host.ask(&limit(0)).unwrap();
    assert_eq!(origin.requests_for("/high/seg000.ts").len(), 2);
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

/// A host whose stdout is read by nobody but the test.
fn unread(home: &Home) -> Child {
    home.weir()
        .arg(EXTENSION_ORIGIN)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn write_frames(child: &mut Child, messages: &[Value]) {
    let stdin = child.stdin.as_mut().unwrap();
    for message in messages {
        let body = serde_json::to_vec(message).unwrap();
        stdin
            .write_all(&u32::try_from(body.len()).unwrap().to_ne_bytes())
            .unwrap();
        stdin.write_all(&body).unwrap();
    }
}

fn hello() -> Value {
    json!({"type": "hello", "id": 0, "protocol": 1, "extensionVersion": "0.1.0"})
}

/// faults.md, 37: the same as the end of the input, and no panic.
#[test]
fn row_37_nobody_reads() {
    let (origin, plan) = origin_and_plan("unread");
    let gate = Gate::new();
    origin.reply("/high/seg003.ts", Reply::ok("late").after(&gate));
    let home = Home::new().unwrap();
    let mut child = unread(&home);
    drop(child.stdout.take());
    let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        write_frames(&mut child, &[hello(), start(1, "u", &plan)]);
    }));
    let begin = Instant::now();
    // Its stdin stays open.
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        assert!(begin.elapsed() < Duration::from_secs(20), "it does not end");
        std::thread::sleep(Duration::from_millis(5));
    };
    assert_eq!(status.code(), Some(0));
    let mut words = String::new();
    child.stderr.take().unwrap().read_to_string(&mut words).unwrap();
    assert!(!words.contains("panicked"), "{words}");
}

/// faults.md, 38: what is told meanwhile is told once, and no end of a job is lost.
#[test]
fn row_38_a_browser_that_reads_slowly() {
    const JOBS: u32 = 30;
    let (_origin, plan) = origin_and_plan("slow reader");
    let home = Home::new().unwrap();
    let mut child = unread(&home);
    let requests = (1..=JOBS).map(|number| {
        let mut plan = plan.clone();
        plan["title"] = json!(format!("film {number}"));
        start(number, &format!("job-{number}"), &plan)
    });
    write_frames(&mut child, &[vec![hello()], requests.collect()].concat());
    std::thread::sleep(Duration::from_secs(4));
    let mut stdout = child.stdout.take().unwrap();
    let (mut finished, mut progress, mut answers) = (0, 0, 0);
    while finished < JOBS {
        let mut header = [0; 4];
        stdout.read_exact(&mut header).unwrap();
        let mut body = vec![0; usize::try_from(u32::from_ne_bytes(header)).unwrap()];
        stdout.read_exact(&mut body).unwrap();
        let frame: Value = serde_json::from_slice(&body).unwrap();
        match frame["type"].as_str().unwrap() {
            "finished" => finished += 1,
            "progress" => progress += 1,
            _ => answers += 1,
        }
    }
    assert_eq!(answers, JOBS + 1, "hello, and one for each request");
    // Of each of several seconds there would be hundreds.
    assert!(progress <= 10 * JOBS, "{progress}");
    drop(child.stdin.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
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
            .contains("(403): reopen the page"),
        "nobody is asked who does not answer: {finished}"
    );
}

#[test]
fn what_is_not_supported_is_refused_before_anything_is_fetched() {
    let (origin, mut plan) = origin_and_plan("sample");
    let (_home, mut host) = greeted();
    let key = json!({"method": "SAMPLE-AES", "url": origin.url("/key"), "iv": "0".repeat(32)});
    plan["tracks"][0]["segments"][0]["key"] = key;
    plan["tracks"][0]["segments"][0]["map"] = json!({"url": origin.url("/init.mp4")});
    let mut command = start(1, "s", &plan);
    command["options"] = json!({"container": "segments"});
    check_error(
        &host.ask(&command).unwrap(),
        "unsupported",
        "SAMPLE-AES encrypts the samples",
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
fn settings_are_shown_changed_and_checked() {
    let (home, mut host) = greeted();
    let shown = host.ask(&json!({"type": "settings", "id": 1})).unwrap();
    assert_eq!(
        shown["settings"]["outputFolder"],
        home.downloads().to_str().unwrap()
    );
    let videos = home.path().join("Videos");
    assert_eq!(shown["settings"]["whenBrowserCloses"], "pause");
    let change = json!({"outputFolder": videos, "concurrency": 3, "whenBrowserCloses": "finish"});
    let refused = host
        .ask(&json!({"type": "settings", "id": 2, "change": change}))
        .unwrap();
    check_error(&refused, "output-folder", "choose a folder");
    fs::create_dir(&videos).unwrap();
    let changed = host
        .ask(&json!({"type": "settings", "id": 3, "change": change}))
        .unwrap();
    let mut all = change.clone();
    all["nameTemplate"] = json!("{title}");
    all["limitBytesPerSecond"] = json!(0);
    all["jobsAtOnce"] = json!(4);
    assert_eq!(changed["settings"], all);
    let refused = host
        .ask(&json!({"type": "settings", "id": 4, "change": {"concurrency": 0}}))
        .unwrap();
    check_error(&refused, "bad-settings", "1 to 64");
    let refused = host
        .ask(&json!({"type": "settings", "id": 4, "change": {"whenBrowserCloses": "stop"}}))
        .unwrap();
    check_error(&refused, "bad-field", "change.whenBrowserCloses: ");
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
    // The same capture twice at a time is refused (faults.md, 39): this one is shorter.
    let mut shorter = plan.clone();
    shorter["tracks"][0]["segments"].as_array_mut().unwrap().pop();
    for (id, job, plan) in [(1, "one", &plan), (2, "two", &shorter)] {
        host.ask(&start(id, job, plan)).unwrap();
    }
    let mut names =
        ["one", "two"].map(|job| host.finished(job).unwrap()["output"].as_str().unwrap().to_owned());
    names.sort();
    let name = |name: &str| home.downloads().join(name).to_str().unwrap().to_owned();
    assert_eq!(names, [name("same (2).mp4"), name("same.mp4")]);
}
