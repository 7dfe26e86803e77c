//! `weir get` on streams made by ffmpeg: the file holds what `ffmpeg -c copy` makes of the same stream.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on should say so at once"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use weir_tests::origin::Origin;
use weir_tests::streams::{self, Kind, Stream};
use weir_tests::{media, program};

/// A stream, served.
struct Served {
    origin: Origin,
    stream: Stream,
}

fn serve(kind: Kind) -> Option<Served> {
    if media::skip_without_ffmpeg(&format!("a capture of {kind:?}")) {
        return None;
    }
    let stream = streams::stream(kind).unwrap()?;
    let origin = Origin::start().unwrap();
    origin.directory("/", &stream.folder);
    Some(Served { origin, stream })
}

fn weir_get(served: &Served, output: &Path, more: &[&str]) -> Command {
    let mut command = Command::new(program::weir().unwrap());
    command
        .args([
            "get",
            &served.origin.url(&format!("/{}", served.stream.playlist)),
            "--allow-private",
            "--json",
            "-o",
        ])
        .arg(output)
        .args(more)
        .env("HOME", output.parent().unwrap())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// The last line of `--json`.
fn finished(output: &Output) -> Value {
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    let last = stdout
        .lines()
        .last()
        .unwrap_or_else(|| panic!("no event; stderr: {stderr}"));
    let event: Value = serde_json::from_str(last).unwrap_or_else(|error| panic!("{error}: {last}"));
    assert_eq!(event["type"], "finished", "{event}; stderr: {stderr}");
    event
}

/// Captures the stream and compares it with `ffmpeg -c copy` of `source`, a file of the stream's folder.
fn check(kind: Kind, source: &str) {
    let Some(served) = serve(kind) else { return };
    let folder = tempfile::tempdir().unwrap();
    let (ours, reference) = (folder.path().join("out.mp4"), folder.path().join("reference.mp4"));
    let output = weir_get(&served, &ours, &[]).output().unwrap();
    let event = finished(&output);
    assert_eq!(event["verdict"], "complete", "{event}");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(event["output"].as_str().map(PathBuf::from), Some(ours.clone()));
    assert_eq!(event["bytes"].as_u64(), Some(fs::metadata(&ours).unwrap().len()));
    media::remux(&served.stream.folder.join(source), &reference).unwrap();
    media::compare(&ours, &reference).unwrap_or_else(|error| panic!("{kind:?}: {error}"));
    assert_eq!(media::decode_errors(&ours).unwrap(), "", "{kind:?}");
    assert!(!ours.with_extension("mp4.part").exists());
    check_samples(&event, &ours);
}

/// The event tells as many samples as the file has packets.
fn check_samples(event: &Value, file: &Path) {
    let mut told: Vec<u64> = event["tracks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|track| track["samples"].as_u64().unwrap())
        .collect();
    let mut found: Vec<u64> = media::packets(file)
        .unwrap()
        .iter()
        .map(|stream| stream.packets.len() as u64)
        .collect();
    told.sort_unstable();
    found.sort_unstable();
    assert_eq!(told, found, "{event}");
}

#[test]
fn a_clear_transport_stream() {
    check(Kind::TsClear, "index.m3u8");
}

#[test]
fn aes_128_with_ivs_from_the_media_sequence() {
    check(Kind::TsImplicitIv, "index.m3u8");
}

#[test]
fn aes_128_with_key_rotation_and_explicit_ivs() {
    check(Kind::TsRotation, "index.m3u8");
}

#[test]
fn fragmented_mp4() {
    check(Kind::Fmp4, "index.m3u8");
}

#[test]
fn two_levels_take_the_best_quality() {
    check(Kind::TwoLevel, "high/index.m3u8");
}

#[test]
fn audio_of_its_own_becomes_a_track() {
    // The reference is of the multivariant playlist: ffmpeg then keeps the two renditions' common clock.
    check(Kind::SeparateAudio, "master.m3u8");
}

/// What a process has used, by Linux's `/proc`.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Usage {
    pub(crate) peak_memory_bytes: u64,
    /// Bytes of it without what is of files, such as the program itself; looked at now and then.
    pub(crate) peak_anonymous: u64,
    written_bytes: u64,
}

#[test]
fn a_large_stream_takes_little_memory_and_writes_each_byte_once() {
    const MEMORY_LIMIT_BYTES: u64 = 150 * 1000 * 1000;
    if !Path::new("/proc/self/io").exists() {
        println!("skipped the large stream: no /proc to read memory and writes from");
        return;
    }
    let Some(served) = serve(Kind::Large) else { return };
    let folder = tempfile::tempdir_in(program::target_folder()).unwrap();
    let ours = folder.path().join("out.mp4");
    // The events would be counted as written bytes: they go to a file of their own, and are subtracted.
    let events = folder.path().join("events");
    let child = weir_get(&served, &ours, &[])
        .stdout(fs::File::create(&events).unwrap())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (usage, status) = watch(child);
    let text = fs::read_to_string(&events).unwrap();
    let event: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!(
        (event["verdict"].as_str(), status),
        (Some("complete"), Some(0)),
        "{event}"
    );
    assert_eq!(event["segments"]["fetched"], 600, "{event}");
    let size = fs::metadata(&ours).unwrap().len();
    assert!(size > 590_000_000, "{size} bytes");
    println!("{size} bytes, {usage:?}");
    assert!(usage.peak_memory_bytes < MEMORY_LIMIT_BYTES, "{usage:?}");
    // Every byte of the file, and at most 1 % for what is written and then replaced by the final index: the
    // fragments' headers, and what wakes the runtime's threads.
    let written = usage.written_bytes - text.len() as u64;
    assert!(
        written <= size + size / 100,
        "{written} bytes written for a file of {size}"
    );
    check_packet_counts(&event, &served.stream.folder);
}

/// As many samples as the source has packets. (Hashing 600 MB twice would take a minute; the small streams do that.)
fn check_packet_counts(event: &Value, folder: &Path) {
    let output = Command::new("ffprobe")
        .args([
            "-v",
            "error",
            "-count_packets",
            "-show_entries",
            "stream=nb_read_packets",
            "-of",
            "csv=p=0",
        ])
        .arg(folder.join("index.m3u8"))
        .output()
        .unwrap();
    let mut expected: Vec<u64> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| line.trim().parse().ok())
        .collect();
    // ffprobe lists the streams once for the programme and once for the file.
    expected.sort_unstable();
    expected.dedup();
    let mut told: Vec<u64> = event["tracks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|track| track["samples"].as_u64().unwrap())
        .collect();
    told.sort_unstable();
    assert_eq!(told, expected, "{event}");
}

/// Reads what the process uses until it ends.
pub(crate) fn watch(mut child: Child) -> (Usage, Option<i32>) {
    let folder = PathBuf::from(format!("/proc/{}", child.id()));
    let deadline = Instant::now() + Duration::from_secs(300);
    let mut usage = Usage::default();
    loop {
        // A process that has ended and was not waited for yet has no memory, but still tells what it wrote.
        let status = fs::read_to_string(folder.join("status")).unwrap_or_default();
        if let Some(kilobytes) = field(&status, "VmHWM:") {
            usage.peak_memory_bytes = kilobytes * 1024;
        }
        if let Some(kilobytes) = field(&status, "RssAnon:") {
            usage.peak_anonymous = usage.peak_anonymous.max(kilobytes * 1024);
        }
        let io = fs::read_to_string(folder.join("io")).unwrap_or_default();
        usage.written_bytes = field(&io, "wchar:").unwrap_or(usage.written_bytes);
        if status.contains("State:\tZ") {
            return (usage, child.wait().unwrap().code());
        }
        if Instant::now() > deadline {
            child.kill().unwrap();
            panic!("weir has not ended after 300 s: {usage:?}");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}
