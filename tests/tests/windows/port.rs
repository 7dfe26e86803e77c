//! The native host as a browser on Windows starts it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use weir_tests::binary::{EXTENSION_ORIGIN, Host};
use weir_tests::origin::{Gate, Reply};
use weir_tests::streams::{committed_origin_and_plan, committed_stream};

use crate::machine::{HOST, Machine};

fn start(host: &mut Host, id: u32, plan: &Value) {
    let request = json!({"type": "start", "id": id, "job": format!("job-{id}"), "plan": plan});
    let answer = host.ask(&request).unwrap();
    assert_eq!(answer["type"], "done", "{answer}");
}

/// A host of Chromium's, which tells the window too.
fn greeted(machine: &Machine) -> Host {
    let mut host = Host::start(machine.weir().args([EXTENSION_ORIGIN, "--parent-window=65794"])).unwrap();
    let welcome = host.greet().unwrap();
    assert_eq!(welcome["platform"], "windows", "{welcome}");
    host
}

#[test]
#[ignore = "cargo xtask test --only windows"]
fn a_browser_of_either_kind_is_answered_and_nobody_else() {
    let machine = Machine::new();
    drop(greeted(&machine));
    let manifest = format!("C:\\users\\me\\AppData\\Roaming\\Mozilla\\NativeMessagingHosts\\{HOST}.json");
    let firefox = |id: &str| Host::start(machine.weir().args([&manifest, id])).unwrap();
    let welcome = firefox("weir@weir-hls.github.io").greet().unwrap();
    assert_eq!(welcome["hostVersion"], env!("CARGO_PKG_VERSION"), "{welcome}");
    let mut stranger = firefox("other@example.org");
    let refused = stranger.next_frame().unwrap().unwrap();
    assert_eq!(refused["error"]["code"], "unauthorised-caller", "{refused}");
    assert_eq!(stranger.wait().unwrap().0.code(), Some(2));
}

/// Text of Windows ends lines in two bytes, and itself at a third: a length may be any of them.
#[test]
#[ignore = "cargo xtask test --only windows"]
fn frames_are_bytes() {
    let machine = Machine::new();
    let mut host = greeted(&machine);
    for length in [0x0a0a, 0x0d0a, 0x0a0d, 0x1a1a, 0x1a_0d0a] {
        let mut request = br#"{"type": "jobs", "id": 1}"#.to_vec();
        request.resize(length, b'\n');
        host.send_bytes(&request).unwrap();
        let answer = host.expect(|frame| frame["re"] == 1).unwrap();
        assert_eq!(answer["jobs"], json!([]), "{length:#x}");
    }
    // The first byte of an answer's length is each of them once.
    let mut lengths = Vec::new();
    for count in 1..=239 {
        let title = "x".repeat(count);
        let request = json!({"type": "exampleName", "id": 1, "template": "{title}", "title": title, "page": "https://a.example/"});
        let answer = host.ask(&request).unwrap();
        assert_eq!(answer["name"], format!("{title}.mp4"), "{answer}");
        lengths.push(answer.to_string().len() % 256);
    }
    for byte in [0x0a, 0x0d, 0x1a] {
        assert!(lengths.contains(&byte), "{byte:#x}: {lengths:?}");
    }
}

#[test]
#[ignore = "cargo xtask test --only windows"]
fn titles_become_names_of_files_in_one_folder() {
    let machine = Machine::new();
    let (_origin, mut plan) = committed_origin_and_plan("film").unwrap();
    let mut host = greeted(&machine);
    let long = "講".repeat(79);
    for (id, (title, name)) in (1..).zip([
        ("CON", "_CON.mp4"),
        ("NUL", "_NUL.mp4"),
        ("COM¹.mp4", "_COM¹.mp4"),
        ("lpt9.txt", "_lpt9.txt.mp4"),
        ("title. . ", "title.mp4"),
        (r"..\..\x", "x.mp4"),
        (r"C:\x", "C--x.mp4"),
        (r"\\srv\share\x", "srv-share-x.mp4"),
        ("a:stream", "a-stream.mp4"),
        ("what? <*>|\"x\"", "what- -----x-.mp4"),
        ("Über – 講義 🎬", "Über – 講義 🎬.mp4"),
        ("x.lnk", "x.lnk.mp4"),
        (&"講".repeat(100), &format!("{long}.mp4")),
    ]) {
        plan["title"] = json!(title);
        start(&mut host, id, &plan);
        let finished = host.finished(&format!("job-{id}")).unwrap();
        assert_eq!(finished["verdict"], "complete", "{finished}");
        let output = machine.path(finished["output"].as_str().unwrap());
        assert_eq!(output, machine.downloads().join(name), "{title:?}");
        let left: Vec<_> = fs::read_dir(machine.downloads())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(left, [name], "{title:?}");
        fs::remove_file(output).unwrap();
    }
}

/// A program that has a host in a job of its own, as Firefox has, and ends the job when the host is gone.
fn browser(machine: &Machine, more: &[&str]) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/windows/browser.c");
    let program = machine.folder().join("browser.exe");
    let compiled = Command::new("x86_64-w64-mingw32-gcc")
        .args(["-Wall", "-Werror", "-municode", "-O1", "-o"])
        .arg(&program)
        .arg(source)
        .args(more)
        .output()
        .unwrap();
    assert!(compiled.status.success(), "{compiled:?}");
    program
}

/// What is there of a film after its browser has gone, that was to be finished without it.
fn after_the_browser(machine: &Machine, browser: &Path) -> bool {
    let settings = machine
        .app_data("Roaming")
        .join("weir-hls/weir/config/settings.toml");
    fs::create_dir_all(settings.parent().unwrap()).unwrap();
    fs::write(settings, "when_browser_closes = \"finish\"\n").unwrap();
    let (origin, plan) = committed_origin_and_plan("film").unwrap();
    let gate = Gate::new();
    let last = fs::read(committed_stream().join("high/seg003.ts")).unwrap();
    origin.reply("/high/seg003.ts", Reply::ok(last).after(&gate));
    let mut host = Host::start(
        machine
            .start(browser)
            .args([&machine.program(), EXTENSION_ORIGIN]),
    )
    .unwrap();
    host.greet().unwrap();
    start(&mut host, 1, &plan);
    host.expect(|frame| frame["type"] == "progress" && frame["segments"]["fetched"] == 3)
        .unwrap();
    host.close();
    host.wait().unwrap();
    gate.open();
    let film = machine.downloads().join("film.mp4");
    let begin = Instant::now();
    while !film.exists() {
        let jobs = machine.lines(0, &["jobs", "--json"]);
        if jobs[0]["state"] == "interrupted" && begin.elapsed() > Duration::from_secs(5) {
            return false;
        }
        assert!(begin.elapsed() < Duration::from_secs(60), "{jobs:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
    let jobs = machine.lines(0, &["jobs", "--json"]);
    assert_eq!(jobs[0]["state"], "complete", "{jobs:?}");
    true
}

#[test]
#[ignore = "cargo xtask test --only windows"]
fn the_end_of_the_browsers_job_is_not_that_of_a_capture() {
    let machine = Machine::new();
    assert!(after_the_browser(&machine, &browser(&machine, &[])));
    // A job that lets nobody out ends it, and so would the other one if nobody asked: what was captured waits.
    drop(machine);
    let machine = Machine::new();
    assert!(!after_the_browser(
        &machine,
        &browser(&machine, &["-DNO_WAY_OUT"])
    ));
}
