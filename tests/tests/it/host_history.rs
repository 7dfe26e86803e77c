//! The journal on the port: captures are listed, paused, gone on with, repaired, shown, opened and forgotten.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should say so at once"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use weir_tests::binary::{EXTENSION_ORIGIN, Home, Host};
use weir_tests::origin::{Gate, Reply};
use weir_tests::streams::committed_stream;

use super::host::{check_error, greeted, origin_and_plan, start};

/// The captures of the journal.
fn history(host: &mut Host) -> Vec<Value> {
    let answer = host.ask(&json!({"type": "history", "id": 90})).unwrap();
    assert_eq!(answer["type"], "history", "{answer}");
    answer["captures"].as_array().unwrap().clone()
}

fn of_capture(message: &str, capture: &Value) -> Value {
    json!({"type": message, "id": 91, "capture": capture["capture"]})
}

/// A host whose opener writes down what it is asked to open.
#[cfg(unix)]
struct Opener {
    home: Home,
    host: Host,
    told: PathBuf,
}

#[cfg(unix)]
impl Opener {
    fn start() -> Self {
        use std::os::unix::fs::PermissionsExt as _;
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
        let mut host = Host::start(home.weir().arg(EXTENSION_ORIGIN).env("PATH", path)).unwrap();
        host.greet().unwrap();
        Self { home, host, told }
    }

    /// Carries out a request, and returns what the opener was asked to open for it.
    fn opened(&mut self, request: &Value) -> String {
        let answer = self.host.ask(request).unwrap();
        assert_eq!(answer["type"], "done", "{answer}");
        let deadline = Instant::now() + Duration::from_secs(30);
        while !self.told.exists() {
            assert!(Instant::now() < deadline, "the opener was not started");
            std::thread::yield_now();
        }
        let opened = fs::read_to_string(&self.told).unwrap();
        fs::remove_file(&self.told).unwrap();
        opened
    }
}

#[cfg(unix)]
#[test]
fn a_capture_is_listed_shown_opened_and_forgotten() {
    let (origin, mut plan) = origin_and_plan("shown");
    plan["tracks"][0]["playlist"] = json!(origin.url("/high/index.m3u8?token=secret"));
    let mut opener = Opener::start();
    check_error(
        &opener
            .host
            .ask(&json!({"type": "reveal", "id": 1, "job": "s"}))
            .unwrap(),
        "unknown-job",
        "s",
    );
    assert_eq!(history(&mut opener.host), [] as [Value; 0]);
    let mut request = start(2, "s", &plan);
    request["context"] =
        json!({"headers": [], "cookies": [], "page": "http://page.example/watch?token=secret"});
    opener.host.ask(&request).unwrap();
    let finished = opener.host.finished("s").unwrap();
    let downloads = opener.home.downloads().to_str().unwrap().to_owned();
    let film = opener.home.downloads().join("shown.mp4");
    assert_eq!(
        opener.opened(&json!({"type": "reveal", "id": 3, "job": "s"})),
        downloads
    );

    let [capture] = &history(&mut opener.host)[..] else {
        panic!("one capture is listed")
    };
    assert_eq!(capture["job"], "s");
    assert_eq!(capture["state"], "complete");
    assert_eq!(capture["title"], "shown");
    assert_eq!(
        capture["page"], "http://page.example/watch?...",
        "without its token"
    );
    assert_eq!(
        capture["playlist"],
        origin.url("/high/index.m3u8?..."),
        "without its token, and another than the first-level one"
    );
    assert_eq!(capture["output"], film.to_str().unwrap());
    assert_eq!(capture["bytes"], finished["bytes"]);
    assert_eq!(
        capture["finished"]["durationSeconds"],
        finished["durationSeconds"]
    );
    assert_eq!(capture["can"], json!(["reveal", "open"]));
    assert_eq!(opener.opened(&of_capture("revealCapture", capture)), downloads);
    assert_eq!(
        opener.opened(&of_capture("openCapture", capture)),
        film.to_str().unwrap()
    );

    let again = |message: &str| json!({"type": message, "id": 5, "job": "n", "capture": capture["capture"]});
    check_error(&opener.host.ask(&again("resume")).unwrap(), "usage", "finished");
    check_error(
        &opener.host.ask(&again("repair")).unwrap(),
        "usage",
        "nothing to repair",
    );
    assert_eq!(
        opener.host.ask(&of_capture("forget", capture)).unwrap()["type"],
        "done"
    );
    assert_eq!(history(&mut opener.host), [] as [Value; 0]);
    assert!(film.exists(), "the file stays");
    let listed = opener.host.ask(&json!({"type": "jobs", "id": 6})).unwrap();
    assert_eq!(listed["jobs"], json!([]), "it is forgotten by the session too");
    for message in ["forget", "revealCapture", "openCapture"] {
        let answer = opener.host.ask(&of_capture(message, capture)).unwrap();
        check_error(&answer, "unknown-job", "no capture");
    }
}

/// What has taken a capture's place is not opened: it may be anything.
#[cfg(unix)]
#[test]
fn only_the_media_file_that_was_made_is_opened() {
    let (_origin, plan) = origin_and_plan("film");
    let (home, mut host) = greeted();
    host.ask(&start(1, "f", &plan)).unwrap();
    host.finished("f").unwrap();
    let film = home.downloads().join("film.mp4");
    let whole = fs::read(&film).unwrap();
    let refused = |host: &mut Host, what: &str| {
        let capture = history(host).remove(0);
        assert_eq!(capture["can"], json!(["reveal"]), "{what}");
        check_error(
            &host.ask(&of_capture("openCapture", &capture)).unwrap(),
            "file",
            "film.mp4",
        );
    };
    fs::write(&film, "#!/bin/sh\n").unwrap();
    refused(&mut host, "another length");
    let elsewhere = home.downloads().join("elsewhere");
    fs::write(&elsewhere, &whole).unwrap();
    fs::remove_file(&film).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &film).unwrap();
    refused(&mut host, "a link, though to the same bytes");
    fs::remove_file(&film).unwrap();
    refused(&mut host, "gone");
    fs::write(&film, &whole).unwrap();
    assert_eq!(history(&mut host).remove(0)["can"], json!(["reveal", "open"]));
}

/// Paused, it is as if the browser had gone: nothing is lost, and the file is the one of an uninterrupted capture.
#[test]
fn a_paused_capture_goes_on_when_it_is_asked_for_again() {
    let (origin, plan) = origin_and_plan("paused");
    let gate = Gate::new();
    let last = fs::read(committed_stream().join("high/seg003.ts")).unwrap();
    origin.reply("/high/seg003.ts", Reply::ok(last).after(&gate));
    let (home, mut host) = greeted();
    host.ask(&start(1, "first", &plan)).unwrap();
    host.expect(|frame| frame["segments"]["fetched"] == 3).unwrap();
    assert_eq!(
        host.ask(&json!({"type": "pause", "id": 2, "job": "first"}))
            .unwrap()["type"],
        "done"
    );
    let finished = host.finished("first").unwrap();
    assert_eq!(
        (&finished["verdict"], &finished["error"]["code"]),
        (&json!("failed"), &json!("paused"))
    );
    let part = home.downloads().join("paused.mp4.part");
    assert_eq!(finished["output"], part.to_str().unwrap());
    let capture = history(&mut host).remove(0);
    assert_eq!(
        (
            &capture["state"],
            &capture["segments"]["fetched"],
            &capture["can"]
        ),
        (&json!("interrupted"), &json!(3), &json!(["reveal"]))
    );
    // Its links and cookies are the browser's: the host cannot ask for it by itself.
    let resume = json!({"type": "resume", "id": 3, "job": "x", "capture": capture["capture"]});
    check_error(&host.ask(&resume).unwrap(), "cannot-resume", "");
    check_error(
        &host.ask(&json!({"type": "pause", "id": 4, "job": "x"})).unwrap(),
        "unknown-job",
        "x",
    );

    gate.open();
    host.ask(&start(5, "second", &plan)).unwrap();
    let finished = host.finished("second").unwrap();
    assert_eq!(finished["verdict"], "complete", "{finished}");
    assert_eq!(
        origin.requests_for("/high/seg000.ts").len(),
        1,
        "what was there is not asked for again"
    );
    let [capture] = &history(&mut host)[..] else {
        panic!("it is the same capture")
    };
    assert_eq!(
        (&capture["job"], &capture["state"]),
        (&json!("second"), &json!("complete"))
    );
    assert!(!part.exists());
}

/// A capture of the command line is the host's to go on with, where it was typed.
#[test]
fn a_capture_of_the_command_line_is_gone_on_with_paused_and_cancelled() {
    let (origin, _) = origin_and_plan("");
    let gate = Gate::new();
    let last = fs::read(committed_stream().join("high/seg003.ts")).unwrap();
    origin.reply("/high/seg003.ts", Reply::ok(last).after(&gate));
    let (home, mut host) = greeted();
    let folder = home.path().join("typed here");
    fs::create_dir(&folder).unwrap();
    let mut command = home.weir();
    command.current_dir(&folder).args([
        "get",
        &origin.url("/high/index.m3u8"),
        "-o",
        "film.mp4",
        "--allow-private",
        "--quiet",
    ]);
    let mut typed = command.spawn().unwrap();
    let merged = |host: &mut Host| {
        history(host)
            .first()
            .map_or(0, |one| one["segments"]["fetched"].as_u64().unwrap())
    };
    let deadline = Instant::now() + Duration::from_secs(30);
    while merged(&mut host) < 3 {
        assert!(Instant::now() < deadline, "{:?}", history(&mut host));
        std::thread::sleep(Duration::from_millis(20));
    }
    let running = history(&mut host).remove(0);
    assert_eq!(
        (&running["state"], &running["job"], &running["page"]),
        (&json!("running"), &Value::Null, &Value::Null)
    );
    check_error(
        &host.ask(&of_capture("forget", &running)).unwrap(),
        "already-running",
        "",
    );
    typed.kill().unwrap();
    typed.wait().unwrap();
    let capture = history(&mut host).remove(0);
    assert_eq!(
        (&capture["state"], &capture["can"]),
        (&json!("interrupted"), &json!(["reveal", "resume"]))
    );

    let resume =
        |id: u32, job: &str| json!({"type": "resume", "id": id, "job": job, "capture": capture["capture"]});
    assert_eq!(host.ask(&resume(1, "a")).unwrap()["type"], "done");
    check_error(&host.ask(&resume(2, "a")).unwrap(), "duplicate-job", "a");
    let progress = host.expect(|frame| frame["segments"]["fetched"] == 3).unwrap();
    assert_eq!(
        (&progress["job"], &progress["state"]),
        (&json!("a"), &json!("running"))
    );
    host.ask(&json!({"type": "pause", "id": 3, "job": "a"})).unwrap();
    assert_eq!(host.finished("a").unwrap()["error"]["code"], "paused");
    assert_eq!(history(&mut host).remove(0)["state"], "interrupted");

    host.ask(&resume(4, "b")).unwrap();
    host.expect(|frame| frame["job"] == "b" && frame["segments"]["fetched"] == 3)
        .unwrap();
    gate.open();
    let finished = host.finished("b").unwrap();
    assert_eq!(finished["verdict"], "complete", "{finished}");
    assert_eq!(finished["output"], folder.join("film.mp4").to_str().unwrap());
    assert_eq!(home.files(&folder).unwrap(), ["film.mp4"]);
    assert_eq!(history(&mut host).len(), 1);
    assert_eq!(
        host.ask(&json!({"type": "jobs", "id": 5})).unwrap()["jobs"][0]["title"],
        Value::Null
    );
}

#[cfg(unix)]
#[test]
fn a_resumed_capture_that_is_cancelled_leaves_nothing() {
    let (origin, _) = origin_and_plan("");
    let gate = Gate::new();
    origin.reply("/high/seg003.ts", Reply::ok("late").after(&gate));
    let (home, mut host) = greeted();
    let film = home.downloads().join("film.mp4");
    fs::create_dir_all(home.downloads()).unwrap();
    let address = origin.url("/high/index.m3u8");
    let mut command = home.weir();
    command.args([
        "get",
        &address,
        "-o",
        film.to_str().unwrap(),
        "--allow-private",
        "--quiet",
    ]);
    let mut typed = command.spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    while history(&mut host)
        .first()
        .is_none_or(|one| one["segments"]["fetched"] != 3)
    {
        assert!(Instant::now() < deadline);
        std::thread::sleep(Duration::from_millis(20));
    }
    typed.kill().unwrap();
    typed.wait().unwrap();
    let capture = history(&mut host).remove(0);
    let resume = json!({"type": "resume", "id": 1, "job": "a", "capture": capture["capture"]});
    host.ask(&resume).unwrap();
    host.expect(|frame| frame["segments"]["fetched"] == 3).unwrap();
    host.ask(&json!({"type": "cancel", "id": 2, "job": "a"})).unwrap();
    assert_eq!(host.finished("a").unwrap()["verdict"], "cancelled");
    assert_eq!(home.files(&home.downloads()).unwrap(), [""; 0]);
    assert_eq!(history(&mut host).remove(0)["state"], "cancelled");
}

/// What is missing from a file is listed, and fetched when it is to be had.
#[test]
fn an_incomplete_capture_is_repaired() {
    let (origin, _) = origin_and_plan("");
    let third = fs::read(committed_stream().join("high/seg002.ts")).unwrap();
    origin.reply("/high/seg002.ts", Reply::status(404));
    let (home, mut host) = greeted();
    fs::create_dir_all(home.downloads()).unwrap();
    let film = home.downloads().join("film.mp4");
    let address = origin.url("/high/index.m3u8");
    let words = [
        "get",
        &address,
        "-o",
        film.to_str().unwrap(),
        "--allow-private",
        "--on-gap",
        "keep",
    ];
    assert_eq!(home.run(words).unwrap().status.code(), Some(3));
    let capture = history(&mut host).remove(0);
    assert_eq!(capture["state"], "incomplete");
    assert_eq!(capture["finished"]["gaps"][0]["sequence"], 2, "{capture}");
    assert_eq!(capture["can"], json!(["reveal", "open", "repair"]));
    let repair =
        |id: u32, job: &str| json!({"type": "repair", "id": id, "job": job, "capture": capture["capture"]});
    host.ask(&repair(1, "early")).unwrap();
    let finished = host.finished("early").unwrap();
    assert_eq!(
        (&finished["verdict"], &finished["error"]["code"]),
        (&json!("failed"), &json!("gaps"))
    );
    assert_eq!(
        history(&mut host).remove(0)["state"],
        "incomplete",
        "the file is as it was"
    );

    origin.reply("/high/seg002.ts", Reply::ok(third));
    host.ask(&repair(2, "late")).unwrap();
    let finished = host.finished("late").unwrap();
    assert_eq!(finished["verdict"], "complete", "{finished}");
    let capture = history(&mut host).remove(0);
    assert_eq!(
        (&capture["state"], &capture["can"]),
        (&json!("complete"), &json!(["reveal", "open"]))
    );
    assert_eq!(
        fs::metadata(Path::new(&film)).unwrap().len(),
        capture["bytes"].as_u64().unwrap()
    );
}
