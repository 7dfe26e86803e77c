//! Hours of a live stream, fast: a server that answers each request at once with one more segment.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Instant;

use serde_json::Value;
use weir_tests::binary::Home;
use weir_tests::live::{Live, Options};
use weir_tests::media;
use weir_tests::origin::Origin;
use weir_tests::streams::{self, Kind};

/// What several hours may take.
const MEMORY_LIMIT_BYTES: u64 = 100 * 1000 * 1000;

#[test]
fn hours_of_a_live_stream_take_little_memory() {
    if !PathBuf::from("/proc/self/status").exists() {
        println!("skipped the hours of a live stream: no /proc to read memory from");
        return;
    }
    if media::skip_without_ffmpeg("the hours of a live stream") {
        return;
    }
    let Some(stream) = streams::stream(Kind::Long).unwrap() else {
        return;
    };
    let origin = Origin::start().unwrap();
    origin.directory("/", &stream.folder);
    let options = Options {
        window: 20,
        begin: 20,
        low_latency: true,
        ..Options::default()
    };
    let live = Live::of(&fs::read_to_string(stream.playlist_path()).unwrap(), options);
    live.serve(&origin, "/live.m3u8");
    let home = Home::new().unwrap();
    let begin = Instant::now();
    let mut child = home
        .weir()
        .args([
            "get",
            &origin.url("/live.m3u8"),
            "--allow-private",
            "--json",
            "-o",
            "out.mp4",
        ])
        .stdin(Stdio::null())
        .stdout(fs::File::create(home.path().join("events")).unwrap())
        .spawn()
        .unwrap();
    let status = PathBuf::from(format!("/proc/{}/status", child.id()));
    let mut peak_bytes = 0;
    let code = loop {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let kilobytes = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        if let Some(kilobytes) =
            kilobytes.and_then(|text| text.split_whitespace().next()?.parse::<u64>().ok())
        {
            peak_bytes = kilobytes * 1024;
        }
        if let Some(status) = child.try_wait().unwrap() {
            break status.code();
        }
        assert!(begin.elapsed().as_secs() < 600, "it does not end");
        std::thread::sleep(std::time::Duration::from_millis(20));
    };
    let events = fs::read_to_string(home.path().join("events")).unwrap();
    let finished: Value = serde_json::from_str(events.lines().last().unwrap()).unwrap();
    assert_eq!(
        (code, &finished["verdict"]),
        (Some(0), &Value::from("complete")),
        "{finished}"
    );
    assert_eq!(finished["segments"]["fetched"], live.len(), "{finished}");
    assert!(live.len() >= 3_600);
    println!(
        "{} segments, {peak_bytes} bytes at most, {:?}",
        live.len(),
        begin.elapsed()
    );
    assert!(peak_bytes < MEMORY_LIMIT_BYTES, "{peak_bytes} bytes");
    let seconds = finished["durationSeconds"].as_f64().unwrap();
    assert!((seconds - 3_600.0).abs() < 1.0, "{seconds}");
}
