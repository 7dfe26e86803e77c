//! Interrupted captures go on where they were: killed, their browser gone, their disk or journal damaged. What comes of
//! them has the same bytes as what was never interrupted.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should say so at once"
)]

#[cfg(target_os = "linux")]
mod alone;
mod expired;
#[cfg(unix)]
mod failpoints;
mod kills;
mod refused;
mod sample_keys;
mod secrets;
mod suspend;
mod together;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use weir_tests::binary::{Home, last_event, stderr};
use weir_tests::media;
use weir_tests::origin::{Gate, Origin, Reply};
use weir_tests::streams::committed_stream;

use crate::cli::{check_exit, get};
use crate::host::{self, greeted, origin_and_plan};

const KEY: [u8; 16] = *b"a key of no use!";

/// A folder with `index.m3u8`: so many segments of a second, with AES-128.
fn encrypted_stream(seconds: usize) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("key"), KEY).unwrap();
    fs::write(path("key.info"), format!("key\n{}\n", path("key"))).unwrap();
    let options = format!(
        "-f lavfi -i testsrc2=size=160x90:rate=10 -f lavfi -i sine=sample_rate=44100 -t {seconds} -c:v libx264 -preset ultrafast \
         -pix_fmt yuv420p -bf 2 -g 10 -keyint_min 10 -sc_threshold 0 -c:a aac -b:a 48k -f hls -hls_time 1 \
         -hls_playlist_type vod -hls_key_info_file"
    );
    let more = [path("key.info"), path("index.m3u8")];
    media::ffmpeg(options.split_whitespace().map(str::to_owned).chain(more)).unwrap();
    folder
}

fn is_segment(name: &str) -> bool {
    Path::new(name)
        .extension()
        .is_some_and(|extension| extension == "ts")
}

/// Serves the folder, a segment no faster than this.
fn paced(folder: &Path, pace: Duration) -> Origin {
    let origin = Origin::start().unwrap();
    let folder = folder.to_owned();
    origin.route_under("/", move |request| {
        let name = request.path().trim_start_matches('/');
        match fs::read(folder.join(name)) {
            Ok(bytes) if is_segment(name) => Reply::ok(bytes).with_delay(pace),
            Ok(bytes) => Reply::ok(bytes),
            Err(_) => Reply::status(404),
        }
    });
    origin
}

fn start(home: &Home, url: &str, output: &str, more: &[&str]) -> Child {
    home.weir()
        .args(["get", url, "--allow-private", "--json", "-o", output])
        .args(more)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// How often each segment was asked for.
fn asked(origin: &Origin) -> BTreeMap<String, usize> {
    let mut asked = BTreeMap::new();
    for request in origin.requests() {
        if is_segment(request.path()) {
            *asked.entry(request.path().to_owned()).or_insert(0) += 1;
        }
    }
    asked
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// What `weir jobs --json` says.
fn jobs(home: &Home) -> Vec<Value> {
    let output = home.run(["jobs", "--json"]).unwrap();
    check_exit(&output, 0);
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Captures until so many segments are in the output, and kills. The next one does not come before that.
fn interrupted(home: &Home, origin: &Origin, stream: &str, output: &str, segments: u64, more: &[&str]) {
    let (gate, killed) = (Gate::new(), Arc::new(AtomicBool::new(false)));
    let is_killed = Arc::clone(&killed);
    origin.guard(&format!("/index{segments}.ts"), move |_| {
        (!is_killed.load(Ordering::Relaxed)).then(|| Reply::status(404).after(&gate))
    });
    let mut child = start(home, &origin.url(stream), output, more);
    wait_until("the capture is under way", || {
        jobs(home)
            .first()
            .is_some_and(|job| job["segments"]["merged"].as_u64() >= Some(segments))
    });
    child.kill().unwrap();
    child.wait().unwrap();
    killed.store(true, Ordering::Relaxed);
}

/// A capture into `film.mp4` that was killed.
struct Killed {
    stream: tempfile::TempDir,
    origin: Origin,
    home: Home,
}

/// Behind so many of its segments, none of which comes faster than this.
fn killed(segments: usize, behind: u64, pace_milliseconds: u64) -> Killed {
    let stream = encrypted_stream(segments);
    let origin = paced(stream.path(), Duration::from_millis(pace_milliseconds));
    let home = Home::new().unwrap();
    let one_by_one = ["--concurrency", "1"];
    interrupted(&home, &origin, "/index.m3u8", "film.mp4", behind, &one_by_one);
    Killed { stream, origin, home }
}

/// The film that a process has made there.
fn film(home: &Home) -> Vec<u8> {
    fs::read(home.path().join("film.mp4")).unwrap()
}

#[test]
fn every_container_is_resumed() {
    if media::skip_without_ffmpeg("every_container_is_resumed") {
        return;
    }
    let stream = encrypted_stream(12);
    let origin = paced(stream.path(), Duration::from_millis(40));
    let url = origin.url("/index.m3u8");
    for (name, more) in [
        ("film.mkv", &["--container", "mkv"][..]),
        ("film.ts", &["--container", "ts"]),
        ("film", &["--container", "segments"]),
    ] {
        let (home, other) = (Home::new().unwrap(), Home::new().unwrap());
        let more = [more, &["--concurrency", "1"]].concat();
        interrupted(&home, &origin, "/index.m3u8", name, 4, &more);
        let before = asked(&origin).values().sum::<usize>();
        let output = get(&home, &url, &[&more[..], &["-o", name]].concat());
        check_exit(&output, 0);
        let fetched = asked(&origin).values().sum::<usize>() - before;
        assert!(
            fetched <= 8,
            "{name}: {fetched} of 12 segments were fetched to go on behind 4"
        );
        check_exit(&get(&other, &url, &[&more[..], &["-o", name]].concat()), 0);
        assert!(
            content(&home.path().join(name)) == content(&other.path().join(name)),
            "{name} has other bytes"
        );
    }
}

/// The file, or the files of the folder by name.
fn content(path: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    if path.is_file() {
        return BTreeMap::from([(PathBuf::new(), fs::read(path).unwrap())]);
    }
    let entry = |entry: std::io::Result<fs::DirEntry>| {
        let path = entry.unwrap().path();
        (PathBuf::from(path.file_name().unwrap()), fs::read(path).unwrap())
    };
    fs::read_dir(path).unwrap().map(entry).collect()
}

#[test]
fn by_its_number_from_anywhere() {
    if media::skip_without_ffmpeg("by_its_number_from_anywhere") {
        return;
    }
    let Killed {
        stream: _stream,
        origin: _origin,
        home,
    } = killed(10, 3, 40);
    let job = &jobs(&home)[0];
    assert_eq!(
        (&job["state"], &job["id"]),
        (&json!("interrupted"), &json!(1)),
        "{job}"
    );
    assert_eq!(job["output"], home.path().join("film.mp4.part").to_str().unwrap());
    assert_eq!(job["segments"]["total"], 10);

    let elsewhere = tempfile::tempdir().unwrap();
    let output = home
        .weir()
        .args(["resume", "1"])
        .current_dir(elsewhere.path())
        .output()
        .unwrap();
    check_exit(&output, 0);
    assert_eq!(media::decode_errors(&home.path().join("film.mp4")).unwrap(), "");
    let job = &jobs(&home)[0];
    assert_eq!(
        (&job["state"], &job["segments"]["merged"]),
        (&json!("complete"), &json!(10)),
        "{job}"
    );

    let over = home.run(["resume", "1"]).unwrap();
    check_exit(&over, 2);
    assert!(
        stderr(&over).contains("capture 1 is finished"),
        "{}",
        stderr(&over)
    );
    check_exit(&home.run(["forget", "1"]).unwrap(), 0);
    assert_eq!(jobs(&home), Vec::<Value>::new());
    assert!(home.path().join("film.mp4").exists(), "its file stays");
    let unknown = home.run(["forget", "1"]).unwrap();
    check_exit(&unknown, 1);
    assert!(
        stderr(&unknown).contains("there is no capture 1"),
        "{}",
        stderr(&unknown)
    );
}

/// faults.md, 36: the browser goes, and the capture waits for it; asked for again it goes on.
#[test]
fn a_browser_that_comes_back_goes_on_with_its_capture() {
    let (origin, plan) = origin_and_plan("film");
    let gate = Gate::new();
    let last = fs::read(committed_stream().join("high/seg003.ts")).unwrap();
    origin.reply("/high/seg003.ts", Reply::ok(last).after(&gate));
    let (home, mut host) = greeted();
    host.ask(&host::start(1, "first", &plan)).unwrap();
    host.expect(|frame| frame["type"] == "progress" && frame["segments"]["fetched"] == 3)
        .unwrap();
    host.close();
    assert_eq!(host.wait().unwrap().0.code(), Some(0));
    assert_eq!(home.files(&home.downloads()).unwrap(), ["film.mp4.part"]);
    assert_eq!(jobs(&home)[0]["state"], "interrupted");

    gate.open();
    let mut host = home.host().unwrap();
    host.greet().unwrap();
    host.ask(&host::start(1, "second", &plan)).unwrap();
    let finished = host.finished("second").unwrap();
    assert_eq!(finished["verdict"], "complete", "{finished}");
    assert_eq!(finished["segments"]["fetched"], 4, "{finished}");
    let note = finished["warnings"][0].as_str().unwrap();
    assert!(note.contains("went on behind segment 3 of 4"), "{note}");
    for number in 0..3 {
        assert_eq!(
            origin.requests_for(&format!("/high/seg00{number}.ts")).len(),
            1,
            "segment {number}"
        );
    }
    let (other, mut host) = greeted();
    host.ask(&host::start(1, "whole", &plan)).unwrap();
    assert_eq!(host.finished("whole").unwrap()["verdict"], "complete");
    let file = |home: &Home| fs::read(home.downloads().join("film.mp4")).unwrap();
    assert!(file(&home) == file(&other), "the file has other bytes");
}

/// faults.md, 32: what was written until the disk was full is gone on with when there is room again.
#[cfg(unix)]
#[test]
fn a_full_disk_is_no_end() {
    if media::skip_without_ffmpeg("a_full_disk_is_no_end") {
        return;
    }
    let stream = encrypted_stream(30);
    let origin = paced(stream.path(), Duration::from_millis(20));
    let url = origin.url("/index.m3u8");
    let (home, other) = (Home::new().unwrap(), Home::new().unwrap());
    // Files of at most so many blocks of 512 bytes: writing more fails with EFBIG, which is treated as a full disk is.
    let script = format!(
        "trap '' XFSZ; ulimit -f 1000; exec \"$0\" get {url} --allow-private --json -o film.mp4 --concurrency 1"
    );
    let weir = home.weir();
    let output = std::process::Command::new("sh")
        .args(["-c", &script])
        .arg(weir.get_program())
        .current_dir(home.path())
        .env("HOME", home.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    check_exit(&output, 1);
    let event = last_event(&output).unwrap();
    assert_eq!(event["error"]["code"], "disk-full", "{event}");
    assert_eq!(jobs(&home)[0]["state"], "interrupted");
    let before = asked(&origin).values().sum::<usize>();
    check_exit(&get(&home, &url, &["-o", "film.mp4"]), 0);
    let again = asked(&origin).values().sum::<usize>() - before;
    assert!(again < 30, "{again} of 30 segments were fetched to go on");
    check_exit(&get(&other, &url, &["-o", "film.mp4"]), 0);
    assert!(film(&home) == film(&other), "the file has other bytes");
}

/// faults.md, 35: after a power loss only the points count that were brought to the disk behind the output.
#[test]
fn a_machine_that_lost_its_power_goes_back_to_what_was_on_the_disk() {
    if media::skip_without_ffmpeg("a_machine_that_lost_its_power_goes_back_to_what_was_on_the_disk") {
        return;
    }
    let Killed {
        stream: _stream,
        origin,
        home,
    } = killed(12, 9, 300);
    let other = Home::new().unwrap();
    let journal = rusqlite::Connection::open(home.path().join(".local/share/weir/journal.sqlite")).unwrap();
    let points = "SELECT count(*) FROM point WHERE merger IS NOT NULL AND boot IS NULL";
    let durable: i64 = journal.query_row(points, [], |row| row.get(0)).unwrap();
    assert_eq!(durable, 1, "one point to go back to");
    // Another start of the machine, and an output whose end never got to the disk.
    journal
        .execute("UPDATE point SET boot = 'another' WHERE boot IS NOT NULL", [])
        .unwrap();
    let length: u64 = journal
        .query_row("SELECT max(length) FROM point WHERE boot IS NULL", [], |row| {
            row.get(0)
        })
        .unwrap();
    drop(journal);
    let part = fs::OpenOptions::new()
        .write(true)
        .open(home.path().join("film.mp4.part"))
        .unwrap();
    part.set_len(length).unwrap();
    drop(part);
    let before = asked(&origin).values().sum::<usize>();
    let url = origin.url("/index.m3u8");
    check_exit(&get(&home, &url, &["-o", "film.mp4"]), 0);
    let again = asked(&origin).values().sum::<usize>() - before;
    assert!(
        (3..12).contains(&again),
        "{again} of 12 segments were fetched to go on"
    );
    check_exit(&get(&other, &url, &["-o", "film.mp4"]), 0);
    assert!(film(&home) == film(&other), "the file has other bytes");
}

/// Killed before it had come to anything: the name is still its own.
#[test]
fn a_name_is_not_lost_before_the_first_point() {
    let (origin, home, gate) = (Origin::start().unwrap(), Home::new().unwrap(), Gate::new());
    origin.directory("/", committed_stream());
    let first = fs::read(committed_stream().join("high/seg000.ts")).unwrap();
    let held = gate.clone();
    origin.route("/high/seg000.ts", move |_| Reply::ok(first.clone()).after(&held));
    let url = origin.url("/high/index.m3u8");
    let outputs = [
        ("film.mkv", "mkv"),
        ("film.mp4", "mp4"),
        ("film.ts", "ts"),
        ("folder", "segments"),
    ];
    for (output, container) in outputs {
        let mut child = start(&home, &url, output, &["--container", container]);
        let part = home.path().join(format!("{output}.part"));
        wait_until("its file is begun", || part.exists());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(part.exists());
    }
    gate.open();
    for (output, container) in outputs {
        check_exit(&get(&home, &url, &["-o", output, "--container", container]), 0);
        assert!(home.path().join(output).exists());
    }
    let mut made: Vec<String> = fs::read_dir(home.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.starts_with('.'))
        .collect();
    made.sort();
    assert_eq!(made, outputs.map(|(output, _)| output));
}
