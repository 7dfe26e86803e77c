//! Interrupted captures go on where they were: killed, their browser gone, their disk or journal damaged. What comes of
//! them has the same bytes as what was never interrupted.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should say so at once"
)]

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

/// Kills at moments that are anything but chosen. `WEIR_KILLS` makes more of them: 200 take some minutes.
#[test]
fn kills_in_a_row_leave_no_trace_in_the_file() {
    if media::skip_without_ffmpeg("kills_in_a_row_leave_no_trace_in_the_file") {
        return;
    }
    let kills: usize = std::env::var("WEIR_KILLS").map_or(12, |kills| kills.parse().unwrap());
    let segments = kills * 3 / 2 + 12;
    let stream = encrypted_stream(segments);
    let home = Home::new().unwrap();
    let origin = paced(stream.path(), Duration::from_millis(50));
    let url = origin.url("/index.m3u8");
    let mut random = fastrand::Rng::with_seed(7);
    let mut killed = 0;
    while killed < kills {
        let mut child = start(&home, &url, "film.mp4", &["--concurrency", "2"]);
        let before = origin.requests().len();
        // Playlist and key are the first two.
        let patience = random.usize(2..8);
        let is_over = || jobs(&home).iter().any(|job| job["state"] == "complete");
        wait_until(&format!("it fetches: {:?}", jobs(&home)), || {
            origin.requests().len() >= before + patience || is_over()
        });
        std::thread::sleep(Duration::from_millis(random.u64(0..60)));
        child.kill().unwrap();
        child.wait().unwrap();
        killed += 1;
        if is_over() {
            break;
        }
    }
    let output = get(&home, &url, &["-o", "film.mp4"]);
    check_exit(&output, 0);
    let event = last_event(&output).unwrap();
    assert_eq!(event["segments"]["total"], segments, "{event}");
    assert_eq!(event["segments"]["fetched"], segments, "{event}");
    let interrupted = asked(&origin);

    let other = Home::new().unwrap();
    let output = get(&other, &url, &["-o", "film.mp4"]);
    check_exit(&output, 0);
    let whole = fs::read(other.path().join("film.mp4")).unwrap();
    assert!(
        fs::read(home.path().join("film.mp4")).unwrap() == whole,
        "after {killed} kills the file has other bytes"
    );
    assert_eq!(
        home.files(home.path())
            .unwrap()
            .iter()
            .filter(|name| name.contains("film"))
            .count(),
        1
    );
    let again = interrupted.values().map(|count| count - 1).sum::<usize>();
    println!("{killed} kills, {segments} segments, {again} requests for segments again");
    assert!(
        killed * 3 >= kills,
        "only {killed} kills: the stream is too short"
    );
    // What was in flight, what had come before what it has to wait for, and what had come since the last point.
    assert!(again <= killed * 5, "{again} requests again after {killed} kills");
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
    let stream = encrypted_stream(10);
    let origin = paced(stream.path(), Duration::from_millis(40));
    let home = Home::new().unwrap();
    interrupted(
        &home,
        &origin,
        "/index.m3u8",
        "film.mp4",
        3,
        &["--concurrency", "1"],
    );
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

/// faults.md, 43, and an output that somebody moved: told, and what was written is kept.
#[test]
fn a_playlist_or_an_output_that_is_not_what_it_was() {
    if media::skip_without_ffmpeg("a_playlist_or_an_output_that_is_not_what_it_was") {
        return;
    }
    let stream = encrypted_stream(10);
    let origin = paced(stream.path(), Duration::from_millis(40));
    let home = Home::new().unwrap();
    interrupted(
        &home,
        &origin,
        "/index.m3u8",
        "film.mp4",
        3,
        &["--concurrency", "1"],
    );
    let part = home.path().join("film.mp4.part");
    let written = fs::read(&part).unwrap();

    let playlist = fs::read_to_string(stream.path().join("index.m3u8")).unwrap();
    let other = playlist.replacen("index5.ts", "index6.ts", 1);
    origin.reply("/index.m3u8", Reply::ok(other));
    let output = home.run(["resume", "1"]).unwrap();
    check_exit(&output, 1);
    let event = last_event(&output).unwrap();
    assert_eq!(event["error"]["code"], "cannot-resume", "{event}");
    assert!(fs::read(&part).unwrap() == written, "what was written is kept");

    origin.reply("/index.m3u8", Reply::ok(playlist));
    fs::rename(&part, home.path().join("elsewhere.mp4")).unwrap();
    check_exit(&home.run(["resume", "1"]).unwrap(), 1);
    assert_eq!(jobs(&home).len(), 1);
    // Asked for as at first it begins anew.
    let output = get(&home, &origin.url("/index.m3u8"), &["-o", "film.mp4"]);
    check_exit(&output, 0);
    assert!(fs::read(home.path().join("elsewhere.mp4")).unwrap() == written);
}

/// What was on the air meanwhile is gone: that is said, and what was recorded is kept.
#[test]
fn a_recording_is_not_resumed() {
    let origin = Origin::start().unwrap();
    origin.directory("/", committed_stream());
    let playlist = fs::read_to_string(committed_stream().join("high/index.m3u8")).unwrap();
    let live = playlist
        .replace("#EXT-X-ENDLIST", "")
        .replace("#EXT-X-PLAYLIST-TYPE:VOD", "");
    origin.reply("/high/live.m3u8", Reply::ok(live));
    let home = Home::new().unwrap();
    let mut child = start(&home, &origin.url("/high/live.m3u8"), "film.mp4", &[]);
    let part = home.path().join("film.mp4.part");
    wait_until("it records", || {
        fs::metadata(&part).is_ok_and(|part| part.len() > 50_000)
    });
    child.kill().unwrap();
    child.wait().unwrap();
    let written = fs::read(&part).unwrap();
    assert_eq!(jobs(&home)[0]["state"], "interrupted");
    let output = home.run(["resume", "1"]).unwrap();
    check_exit(&output, 1);
    let event = last_event(&output).unwrap();
    assert_eq!(event["error"]["code"], "cannot-resume", "{event}");
    assert!(
        event["error"]["message"]
            .as_str()
            .unwrap()
            .contains("it was a recording"),
        "{event}"
    );
    assert!(fs::read(&part).unwrap() == written);
}

/// faults.md, 42: bits that flip, a journal that is cut short, one of a newer version. The capture that is asked for comes
/// about all the same, and what was written is never touched.
#[test]
fn a_journal_that_is_damaged_costs_no_capture() {
    if media::skip_without_ffmpeg("a_journal_that_is_damaged_costs_no_capture") {
        return;
    }
    let stream = encrypted_stream(8);
    let origin = paced(stream.path(), Duration::from_millis(40));
    let url = origin.url("/index.m3u8");
    let home = Home::new().unwrap();
    interrupted(
        &home,
        &origin,
        "/index.m3u8",
        "film.mp4",
        3,
        &["--concurrency", "1"],
    );
    let part = home.path().join("film.mp4.part");
    let written = fs::read(&part).unwrap();
    let journal = home.path().join(".local/share/weir/journal.sqlite");
    // All that SQLite has to itself goes into the one file.
    let connection = rusqlite::Connection::open(&journal).unwrap();
    connection.pragma_update(None, "journal_mode", "DELETE").unwrap();
    drop(connection);
    let whole = fs::read(&journal).unwrap();

    let mut newer = whole.clone();
    newer[60..64].copy_from_slice(&99_u32.to_be_bytes());
    let mut flipped = whole.clone();
    for at in (100..flipped.len()).step_by(97) {
        flipped[at] ^= 0x10;
    }
    for (name, damaged, word) in [
        ("newer", newer, "newer Weir"),
        ("flipped", flipped, ""),
        ("cut short", whole[..whole.len() / 2].to_vec(), ""),
        (
            "no database",
            b"not a database, but long enough to be taken for one".repeat(40),
            "",
        ),
    ] {
        fs::write(&journal, &damaged).unwrap();
        let output = home.run(["resume", "1"]).unwrap();
        check_exit(&output, 1);
        assert!(stderr(&output).contains(word), "{name}: {}", stderr(&output));
        let output = get(&home, &url, &["-o", "film.mp4"]);
        check_exit(&output, 0);
        let event = last_event(&output).unwrap();
        let file = event["output"].as_str().unwrap();
        assert_eq!(media::decode_errors(Path::new(file)).unwrap(), "", "{name}");
        assert!(
            fs::read(&part).unwrap() == written,
            "{name}: what was written is kept"
        );
        for left in home.files(journal.parent().unwrap()).unwrap() {
            fs::remove_file(journal.parent().unwrap().join(left)).unwrap();
        }
    }
}

/// Nothing secret is in any file that a run leaves: an interrupted one, a resumed one, a finished one.
#[test]
fn no_secret_is_on_the_disk() {
    if media::skip_without_ffmpeg("no_secret_is_on_the_disk") {
        return;
    }
    let stream = encrypted_stream(10);
    let origin = paced(stream.path(), Duration::from_millis(40));
    let url = origin.url("/index.m3u8?token=s3cr3t-token");
    let home = Home::new().unwrap();
    let cookies = tempfile::NamedTempFile::new().unwrap();
    fs::write(
        cookies.path(),
        "127.0.0.1\tFALSE\t/\tFALSE\t0\tsession\ts3cr3t-cookie\n",
    )
    .unwrap();
    let secrets = [
        "-H",
        "Authorization: Bearer s3cr3t-header",
        "--cookies",
        cookies.path().to_str().unwrap(),
        "--concurrency",
        "1",
    ];
    let nothing_secret = |when: &str| {
        let mut folders = vec![home.path().to_owned()];
        let mut seen = 0;
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                seen += 1;
                let bytes = fs::read(&path).unwrap();
                let has = |secret: &[u8]| bytes.windows(secret.len()).any(|window| window == secret);
                assert!(!has(b"s3cr3t"), "{when}: {}", path.display());
                assert!(!has(&KEY), "{when}: the key is in {}", path.display());
            }
        }
        assert!(seen >= 3, "{when}: {seen} files");
    };
    let link = "/index.m3u8?token=s3cr3t-token";
    interrupted(&home, &origin, link, "film.mp4", 3, &secrets);
    nothing_secret("interrupted");
    // By its number it cannot be asked for again; the same command goes on.
    let output = home.run(["resume", "1"]).unwrap();
    check_exit(&output, 1);
    assert!(
        stderr(&output).contains("the same `weir get` command"),
        "{}",
        stderr(&output)
    );
    let before = asked(&origin).values().sum::<usize>();
    check_exit(
        &get(&home, &url, &[&secrets[..], &["-o", "film.mp4"]].concat()),
        0,
    );
    assert!(
        asked(&origin).values().sum::<usize>() - before <= 7,
        "it went on where it was"
    );
    nothing_secret("finished");
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
    let file = |home: &Home| fs::read(home.path().join("film.mp4")).unwrap();
    assert!(file(&home) == file(&other), "the file has other bytes");
}

/// faults.md, 35: after a power loss only the points count that were brought to the disk behind the output.
#[test]
fn a_machine_that_lost_its_power_goes_back_to_what_was_on_the_disk() {
    if media::skip_without_ffmpeg("a_machine_that_lost_its_power_goes_back_to_what_was_on_the_disk") {
        return;
    }
    let stream = encrypted_stream(12);
    let origin = paced(stream.path(), Duration::from_millis(300));
    let (home, other) = (Home::new().unwrap(), Home::new().unwrap());
    interrupted(
        &home,
        &origin,
        "/index.m3u8",
        "film.mp4",
        9,
        &["--concurrency", "1"],
    );
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
    let file = |home: &Home| fs::read(home.path().join("film.mp4")).unwrap();
    assert!(file(&home) == file(&other), "the file has other bytes");
}
