//! Captures on Windows' command line: each is to have the bytes that it has where Weir is at home, also after a kill and
//! after a repair.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use weir::failpoint::Failpoint;
use weir_tests::binary::Home;
use weir_tests::media;
use weir_tests::origin::{Gate, Origin, Reply};

use crate::machine::Machine;

/// Eight segments of a second with AES-128, as `index.m3u8`.
struct Stream {
    folder: tempfile::TempDir,
    origin: Origin,
}

impl Stream {
    /// None where there is no ffmpeg, which is said.
    fn new(test: &str) -> Option<Self> {
        if media::skip_without_ffmpeg(test) {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        fs::write(path("key"), b"a key of no use!").unwrap();
        fs::write(path("key.info"), format!("key\n{}\n", path("key"))).unwrap();
        let options = "-f lavfi -i testsrc2=size=160x90:rate=10 -f lavfi -i sine=sample_rate=44100 -t 8 -c:v libx264 \
             -preset ultrafast -pix_fmt yuv420p -bf 2 -g 10 -keyint_min 10 -sc_threshold 0 -c:a aac -b:a 48k -f hls \
             -hls_time 1 -hls_playlist_type vod -hls_key_info_file";
        let more = [path("key.info"), path("index.m3u8")];
        media::ffmpeg(options.split_whitespace().map(str::to_owned).chain(more)).unwrap();
        let origin = Origin::start().unwrap();
        origin.directory("/", folder.path());
        Some(Self { folder, origin })
    }

    fn url(&self) -> String {
        self.origin.url("/index.m3u8")
    }

    /// What Linux makes of it: a file, or the files of a folder.
    fn on_linux(&self, output: &str, more: &[&str]) -> BTreeMap<String, Vec<u8>> {
        let home = Home::new().unwrap();
        let url = self.url();
        let arguments = [&["get", &url, "--allow-private", "-q", "-o", output], more].concat();
        let run = home.run(arguments).unwrap();
        assert!(run.status.success(), "{run:?}");
        files(&home.path().join(output))
    }
}

/// A file, or the files of a folder.
fn files(path: &Path) -> BTreeMap<String, Vec<u8>> {
    if path.is_file() {
        return BTreeMap::from([(String::new(), fs::read(path).unwrap())]);
    }
    let entries = fs::read_dir(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    entries
        .map(|entry| {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read(entry.path()).unwrap())
        })
        .collect()
}

/// What is in a folder.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn job(machine: &Machine) -> Value {
    let mut jobs = machine.lines(0, &["jobs", "--json"]);
    assert!(jobs.len() < 2, "{jobs:?}");
    jobs.pop().unwrap_or_default()
}

#[test]
#[ignore = "cargo xtask test --only windows"]
fn what_is_captured_has_the_bytes_that_it_has_on_linux() {
    let Some(stream) = Stream::new("what_is_captured_has_the_bytes_that_it_has_on_linux") else {
        return;
    };
    let machine = Machine::new();
    let url = stream.url();
    for (output, more) in [
        ("film.mp4", &[][..]),
        ("film.mkv", &[]),
        ("film.ts", &[]),
        ("kept", &["--container", "segments"]),
    ] {
        let arguments = [&["get", &url, "--allow-private", "--json", "-o", output], more].concat();
        let finished = machine.lines(0, &arguments).pop().unwrap();
        let named = machine.path(finished["output"].as_str().unwrap());
        assert_eq!(named, machine.folder().join(output), "{finished}");
        assert!(files(&named) == stream.on_linux(output, more), "{output}");
    }
    assert_eq!(
        names(machine.folder()),
        ["film.mkv", "film.mp4", "film.ts", "kept"]
    );
}

#[test]
#[ignore = "cargo xtask test --only windows"]
fn what_was_killed_goes_on() {
    let Some(stream) = Stream::new("what_was_killed_goes_on") else {
        return;
    };
    let machine = Machine::new();
    let (gate, killed) = (Gate::new(), Arc::new(AtomicBool::new(false)));
    let is_killed = Arc::clone(&killed);
    stream.origin.guard("/index4.ts", move |_| {
        (!is_killed.load(Ordering::Relaxed)).then(|| Reply::status(404).after(&gate))
    });
    let url = stream.url();
    let mut child = machine
        .weir()
        .args(["get", &url, "--allow-private", "-q", "-o", "film.mp4"])
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    wait_until("four segments are in the file", || {
        job(&machine)["segments"]["merged"].as_u64() >= Some(4)
    });
    assert_eq!(job(&machine)["state"], "running");
    child.kill().unwrap();
    child.wait().unwrap();
    killed.store(true, Ordering::Relaxed);
    let interrupted = job(&machine);
    assert_eq!(interrupted["state"], "interrupted", "{interrupted}");
    assert!(machine.folder().join("film.mp4.part").is_file());
    let number = interrupted["id"].to_string();
    machine.says(0, &["resume", &number]);
    assert!(
        files(&machine.folder().join("film.mp4")) == stream.on_linux("film.mp4", &[]),
        "the file has other bytes"
    );
    assert!(!machine.folder().join("film.mp4.part").exists());
    assert_eq!(
        stream.origin.requests_for("/index0.ts").len(),
        2,
        "once here, once on Linux"
    );
    // The journal is in the folder for data of this machine, and forgets.
    assert!(machine.app_data("Local").join("weir-hls/weir/data").is_dir());
    assert_eq!(job(&machine)["state"], "complete");
    machine.says(0, &["forget", &number]);
    assert_eq!(job(&machine), Value::Null);
    assert!(machine.folder().join("film.mp4").is_file());
}

#[test]
#[ignore = "cargo xtask test --only windows"]
fn what_is_missing_is_filled_in() {
    let Some(stream) = Stream::new("what_is_missing_is_filled_in") else {
        return;
    };
    let (machine, home) = (Machine::new(), Home::new().unwrap());
    let withheld = Arc::new(AtomicBool::new(true));
    let is_withheld = Arc::clone(&withheld);
    stream.origin.guard("/index4.ts", move |_| {
        is_withheld.load(Ordering::Relaxed).then(|| Reply::status(404))
    });
    let url = stream.url();
    for output in ["film.ts", "film.mp4", "film.mkv"] {
        let get = [
            "get",
            &url,
            "--allow-private",
            "-q",
            "--on-gap",
            "keep",
            "-o",
            output,
        ];
        withheld.store(true, Ordering::Relaxed);
        machine.says(3, &get);
        assert_eq!(home.run(get).unwrap().status.code(), Some(3));
        withheld.store(false, Ordering::Relaxed);
        let number = job(&machine)["id"].to_string();
        machine.says(0, &["repair", &number]);
        machine.says(0, &["forget", &number]);
        let repaired = home.run(["repair", &number]).unwrap();
        assert!(repaired.status.success(), "{repaired:?}");
        assert!(home.run(["forget", &number]).unwrap().status.success());
        assert!(
            files(&machine.folder().join(output)) == files(&home.path().join(output)),
            "{output} has other bytes"
        );
    }
}

/// At each moment at which one of two things is written that belong together.
#[test]
#[ignore = "cargo xtask test --only windows"]
fn what_was_killed_at_any_moment_ends_whole() {
    let Some(stream) = Stream::new("what_was_killed_at_any_moment_ends_whole") else {
        return;
    };
    let machine = Machine::new();
    // There is time to bring a point to the disk.
    let bytes = fs::read(stream.folder.path().join("index5.ts")).unwrap();
    let late = Arc::new(AtomicBool::new(false));
    let is_late = Arc::clone(&late);
    stream.origin.route("/index5.ts", move |_| {
        let seconds = if is_late.load(Ordering::Relaxed) { 6 } else { 0 };
        Reply::ok(bytes.clone()).with_delay(Duration::from_secs(seconds))
    });
    let url = stream.url();
    let naming = [
        Failpoint::Written,
        Failpoint::Announced,
        Failpoint::Published,
        Failpoint::Over,
    ];
    for (output, more, points) in [
        ("film.mp4", &[][..], &Failpoint::ALL[..]),
        ("kept", &["--container", "segments"], &naming),
    ] {
        let whole = stream.on_linux(output, more);
        for point in points {
            let name = point.name();
            let folder = machine.folder().join(format!("{output} {name}"));
            fs::create_dir(&folder).unwrap();
            let get = || {
                let mut weir = machine.weir();
                weir.current_dir(&folder).stdin(Stdio::null());
                weir.args(["get", &url, "--allow-private", "-q", "-o", output]);
                weir.args(more);
                weir
            };
            late.store(
                matches!(point, Failpoint::Synced | Failpoint::Saved),
                Ordering::Relaxed,
            );
            let killed = get().env("WEIR_FAILPOINT", &name).output().unwrap();
            assert!(!killed.status.success(), "{output}: {name} is not passed");
            late.store(false, Ordering::Relaxed);
            // From then on it is over, whether the journal knows it already or finds it out.
            if matches!(point, Failpoint::Published | Failpoint::Over | Failpoint::Told) {
                assert_eq!(job(&machine)["state"], "complete", "{output}: {name}");
            } else {
                let again = get().output().unwrap();
                assert!(again.status.success(), "{output}: {name}: {again:?}");
            }
            machine.says(0, &["forget", &job(&machine)["id"].to_string()]);
            assert_eq!(names(&folder), [output], "{name}");
            assert!(
                files(&folder.join(output)) == whole,
                "{output}: {name}: other bytes"
            );
        }
    }
}

/// No name of a device, nothing that is no file, and nothing over another file: in a folder of a name that is no ASCII.
#[test]
#[ignore = "cargo xtask test --only windows"]
fn names_are_those_of_files() {
    let Some(stream) = Stream::new("names_are_those_of_files") else {
        return;
    };
    let machine = Machine::new();
    let folder = machine.folder().join("Filme – 講義");
    fs::create_dir(&folder).unwrap();
    let url = stream.url();
    for (template, name) in [
        ("NUL", "_NUL.mp4"),
        ("com1.{title}", "_com1.index.mp4"),
        ("{title} 講義. . ", "index 講義.mp4"),
        ("{title} 講義. . ", "index 講義 (2).mp4"),
    ] {
        let arguments = ["get", &url, "--allow-private", "--name-template", template];
        machine.says(0, &[&arguments[..], &["-q", "-o", "Filme – 講義"]].concat());
        assert!(folder.join(name).is_file(), "{template}: {:?}", names(&folder));
    }
    // The user's own names are the user's business, but not where nothing would be kept.
    for name in ["NUL.mp4", "film.mp4:stream", "con"] {
        let said = machine.says(2, &["get", &url, "--allow-private", "-o", name]);
        assert!(said.contains(name), "{said}");
    }
}
