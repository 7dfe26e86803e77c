//! What becomes of captures when the browser closes: they pause, or, where the user has chosen it, the host finishes them in
//! a process that the browser's end does not reach.

use std::os::unix::process::CommandExt as _;

use weir_tests::binary::{EXTENSION_ORIGIN, Host};
use weir_tests::browser::process;

use super::secrets::check_nothing_secret;
use super::*;

/// Captures whose last segment is not given before the gate opens, and the browser of them.
struct Held {
    origin: Origin,
    plan: Value,
    home: Home,
    host: Host,
    gate: Gate,
}

/// A host as a browser starts it, in a process group of its own, with or without the setting.
fn browser(home: &Home) -> Host {
    let mut host = Host::start(home.weir().arg(EXTENSION_ORIGIN).process_group(0)).unwrap();
    host.greet().unwrap();
    host
}

fn held(when_browser_closes: Option<&str>) -> Held {
    let (origin, mut plan) = origin_and_plan("film");
    let gate = Gate::new();
    let last = fs::read(committed_stream().join("high/seg003.ts")).unwrap();
    origin.reply("/high/seg003.ts", Reply::ok(last).after(&gate));
    for segment in plan["tracks"][0]["segments"].as_array_mut().unwrap() {
        let url = format!("{}?token=s3cr3t-token", segment["url"].as_str().unwrap());
        segment["url"] = json!(url);
    }
    let home = Home::new().unwrap();
    if let Some(chosen) = when_browser_closes {
        fs::create_dir_all(home.settings().parent().unwrap()).unwrap();
        fs::write(home.settings(), format!("when_browser_closes = \"{chosen}\"\n")).unwrap();
    }
    let host = browser(&home);
    Held {
        origin,
        plan,
        home,
        host,
        gate,
    }
}

impl Held {
    fn start(&mut self, id: u32, title: &str) {
        self.plan["title"] = json!(title);
        let mut request = host::start(id, &format!("job-{id}"), &self.plan);
        request["context"] = json!({
            "headers": [{"name": "Authorization", "value": "Bearer s3cr3t-header"}],
            "cookies": [{"name": "sid", "value": "s3cr3t-cookie", "domain": "127.0.0.1", "hostOnly": true, "path": "/", "secure": false}],
        });
        assert_eq!(self.host.ask(&request).unwrap()["type"], "done");
    }

    /// The first three segments are in the file.
    fn wait_for_three(&mut self) {
        self.host
            .expect(|frame| frame["type"] == "progress" && frame["segments"]["fetched"] == 3)
            .unwrap();
    }

    /// As Chromium and Firefox do it: the pipes are closed, and what has not ended then is killed, with its group.
    fn close_browser(&mut self) {
        self.host.close();
        let (status, took) = self.host.wait().unwrap();
        assert_eq!(status.code(), Some(0));
        assert!(
            took < Duration::from_secs(2),
            "{took:?}: Chromium kills after two seconds"
        );
        let group = format!("-{}", self.host.id());
        let _ = std::process::Command::new("kill")
            .args(["-KILL", "--", &group])
            .stderr(Stdio::null())
            .status()
            .unwrap();
    }

    /// How many processes of Weir there are.
    fn processes(&self) -> usize {
        process::of_home(self.home.path()).len()
    }

    fn wait_for_the_last_process(&self) {
        wait_until("no process is left", || self.processes() == 0);
    }

    /// That is the browser's.
    fn wait_for_one_process(&self) {
        wait_until("the other process ends", || self.processes() == 1);
    }

    /// The file has the bytes that it has where the browser stays.
    fn check_film(&self) {
        assert_eq!(self.home.files(&self.home.downloads()).unwrap(), ["film.mp4"]);
        let (other, mut host) = greeted();
        host.ask(&host::start(1, "whole", &self.plan)).unwrap();
        assert_eq!(host.finished("whole").unwrap()["verdict"], "complete");
        let file = |home: &Home| fs::read(home.downloads().join("film.mp4")).unwrap();
        assert!(file(&self.home) == file(&other), "the file has other bytes");
    }

    /// The capture of `film` goes on in another process.
    fn hand_over(&mut self) {
        self.start(1, "film");
        self.wait_for_three();
        self.close_browser();
        wait_until("another process is at it", || {
            jobs(&self.home)[0]["state"] == "running"
        });
    }

    fn check_no_secret(&self) {
        check_nothing_secret(&self.home, "handed over", &[b"s3cr3t"]);
    }
}

#[test]
fn the_host_finishes_alone_when_it_is_told_to() {
    let mut held = held(Some("finish"));
    held.hand_over();
    assert_eq!(held.processes(), 1);
    held.check_no_secret();
    held.gate.open();
    held.wait_for_the_last_process();
    let listed = &jobs(&held.home)[0];
    assert_eq!(listed["state"], "complete", "{listed}");
    let note = listed["finished"]["warnings"][0].as_str().unwrap();
    assert!(note.contains("went on behind segment 3 of 4"), "{note}");
    for number in 0..3 {
        let path = format!("/high/seg00{number}.ts");
        assert_eq!(held.origin.requests_for(&path).len(), 1, "segment {number}");
    }
    let asked = held.origin.requests_for("/high/seg003.ts");
    let asked = asked.last().unwrap();
    assert!(asked.has_cookie("sid", "s3cr3t-cookie"));
    assert_eq!(asked.header("authorization"), Some("Bearer s3cr3t-header"));
    held.check_no_secret();

    // The next browser is told, and it alone.
    let expected = json!(held.home.downloads().join("film.mp4"));
    for is_told in [true, false] {
        let mut next = browser(&held.home);
        let listed = next.ask(&json!({"type": "jobs", "id": 1})).unwrap()["jobs"].clone();
        assert_eq!(listed.as_array().unwrap().len(), usize::from(is_told), "{listed}");
        if is_told {
            assert_eq!(listed[0]["title"], "film");
            assert_eq!(listed[0]["progress"]["state"], "finished");
            assert_eq!(listed[0]["finished"]["verdict"], "complete");
            assert_eq!(listed[0]["finished"]["output"], expected);
        }
    }
    held.check_film();
}

/// Also those that wait for their turn, and those that have nothing yet.
#[test]
fn it_finishes_all_of_them() {
    const CAPTURES: u32 = 6;
    let mut held = held(Some("finish"));
    for number in 0..CAPTURES {
        held.start(number, &format!("film {number}"));
    }
    held.close_browser();
    held.gate.open();
    held.wait_for_the_last_process();
    let films: Vec<String> = (0..CAPTURES).map(|number| format!("film {number}.mp4")).collect();
    assert_eq!(held.home.files(&held.home.downloads()).unwrap(), films);
    let whole = jobs(&held.home);
    let whole = whole.iter().filter(|job| job["state"] == "complete");
    assert_eq!(whole.count(), CAPTURES as usize);
    let mut next = browser(&held.home);
    let listed = next.ask(&json!({"type": "jobs", "id": 1})).unwrap();
    let mut told: Vec<&str> = listed["jobs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|job| job["title"].as_str().unwrap())
        .collect();
    told.sort_unstable();
    let expected: Vec<&str> = films.iter().map(|film| film.trim_end_matches(".mp4")).collect();
    assert_eq!(told, expected);
}

/// A browser that is back, and asks for the same, watches what is under way.
#[test]
fn a_browser_that_is_back_watches() {
    let mut held = held(Some("finish"));
    held.hand_over();
    held.host = browser(&held.home);
    held.start(2, "film");
    held.wait_for_three();
    held.gate.open();
    let finished = held.host.finished("job-2").unwrap();
    assert_eq!(finished["verdict"], "complete", "{finished}");
    let notes = finished["warnings"].to_string();
    assert!(notes.contains("was under way in another process"), "{notes}");
    held.wait_for_one_process();
    let listed = held.host.ask(&json!({"type": "jobs", "id": 3})).unwrap();
    assert_eq!(
        listed["jobs"].as_array().unwrap().len(),
        1,
        "one capture: {listed}"
    );
    held.close_browser();
    held.wait_for_the_last_process();
    held.check_film();
}

/// faults.md, 36: unless the user has chosen otherwise, and in the words of the setting.
#[test]
fn captures_pause_by_default() {
    for setting in [None, Some("pause")] {
        let mut held = held(setting);
        held.start(1, "film");
        held.wait_for_three();
        held.close_browser();
        assert_eq!(held.processes(), 0);
        held.gate.open();
        assert_eq!(
            held.home.files(&held.home.downloads()).unwrap(),
            ["film.mp4.part"]
        );
        assert_eq!(jobs(&held.home)[0]["state"], "interrupted");
    }
}
