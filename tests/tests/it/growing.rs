//! The file plays while it grows: the origin holds the stream back, and what is there is read by ffmpeg and Chromium.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should say so at once"
)]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use weir_tests::origin::{Gate, Origin, Reply};
use weir_tests::streams::{self, Kind};
use weir_tests::{media, program};

/// Segments of two seconds that come before the origin holds the rest back; the stream has six.
const COME: u64 = 4;

/// A capture that waits for its origin.
struct Held {
    _origin: Origin,
    _folder: tempfile::TempDir,
    gate: Gate,
    child: Child,
    events: BufReader<ChildStdout>,
    output: std::path::PathBuf,
}

impl Held {
    /// None, with a word, when ffmpeg is not installed.
    fn start(test: &str, name: &str) -> Option<Self> {
        if media::skip_without_ffmpeg(test) {
            return None;
        }
        let stream = streams::stream(Kind::TsClear).unwrap()?;
        let (origin, gate) = (Origin::start().unwrap(), Gate::new());
        origin.directory("/", &stream.folder);
        for number in COME..6 {
            let name = format!("seg{number:03}.ts");
            let (data, gate) = (fs::read(stream.folder.join(&name)).unwrap(), gate.clone());
            origin.route(&format!("/{name}"), move |_| Reply::ok(data.clone()).after(&gate));
        }
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join(name);
        let url = origin.url(&format!("/{}", stream.playlist));
        let mut child = Command::new(program::weir().unwrap())
            .args([
                "get",
                &url,
                "--allow-private",
                "--json",
                "--concurrency",
                "1",
                "-o",
            ])
            .arg(&output)
            .env("HOME", folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let events = BufReader::new(child.stdout.take().unwrap());
        let mut held = Self {
            _origin: origin,
            _folder: folder,
            gate,
            child,
            events,
            output,
        };
        held.until(|event| event["segments"]["fetched"] == COME);
        Some(held)
    }

    fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let mut line = String::new();
            assert!(self.events.read_line(&mut line).unwrap() > 0, "weir has ended");
            let event: Value = serde_json::from_str(&line).unwrap();
            if wanted(&event) {
                return event;
            }
        }
    }

    fn part(&self) -> std::path::PathBuf {
        let mut name = self.output.clone().into_os_string();
        name.push(".part");
        name.into()
    }

    /// Lets the rest come; the capture must end well.
    fn finish(&mut self) {
        self.gate.open();
        let finished = self.until(|event| event["type"] == "finished");
        assert_eq!(finished["verdict"], "complete", "{finished}");
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn check(test: &str, name: &str) {
    let Some(mut held) = Held::start(test, name) else {
        return;
    };
    let (part, copy) = (held.part(), held.output.with_extension("copy"));
    // ffmpeg reads it under a name that grows, as a player does.
    assert_eq!(media::decode_errors(&part).unwrap(), "");
    fs::copy(&part, &copy).unwrap();
    let growing = media::packets(&copy).unwrap();
    // Seven of eight seconds: a second is on its way.
    assert!(
        growing[0].packets.len() >= 170,
        "{} pictures",
        growing[0].packets.len()
    );
    held.finish();
    let mut whole = media::packets(&held.output).unwrap();
    for (whole, growing) in whole.iter_mut().zip(&growing) {
        whole.packets.truncate(growing.packets.len());
    }
    media::compare_streams(&growing, &whole).unwrap();
}

#[test]
fn an_mp4_plays_while_it_grows() {
    check("an_mp4_plays_while_it_grows", "film.mp4");
}

#[test]
fn a_matroska_file_plays_while_it_grows() {
    check("a_matroska_file_plays_while_it_grows", "film.mkv");
}

#[test]
fn a_transport_stream_plays_while_it_grows() {
    check("a_transport_stream_plays_while_it_grows", "film.ts");
}

const PAGE: &str = "<!doctype html><video id=v muted src=/growing.mp4></video><script>
const tell = (word) => fetch('/seen?' + word);
v.onerror = () => tell('error=' + v.error.code + ' ' + v.error.message);
v.ontimeupdate = () => { if (v.currentTime > 3) { tell(`played=${v.videoWidth}x${v.videoHeight}`); v.pause(); } };
v.playbackRate = 4;
v.play().catch((error) => tell('refused=' + error));
</script>";

#[test]
fn chromium_plays_an_mp4_that_grows() {
    let Some(chromium) = program::find("chromium") else {
        eprintln!("skipped chromium_plays_an_mp4_that_grows: chromium is not installed");
        return;
    };
    let Some(mut held) = Held::start("chromium_plays_an_mp4_that_grows", "film.mp4") else {
        return;
    };
    let (site, part) = (Origin::start().unwrap(), held.part());
    site.route("/", |_| Reply::ok(PAGE).with_type("text/html"));
    site.route("/growing.mp4", move |_| {
        Reply::ok(fs::read(&part).unwrap()).with_type("video/mp4")
    });
    site.route("/seen", |_| Reply::ok("ok"));
    let profile = tempfile::tempdir().unwrap();
    let seen = in_chromium(&chromium, profile.path(), &site);
    assert_eq!(seen, "played=320x180");
    held.finish();
}

/// What the page told first.
fn in_chromium(chromium: &Path, profile: &Path, site: &Origin) -> String {
    let mut browser = Command::new(chromium)
        .args([
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
        ])
        .args([
            "--autoplay-policy=no-user-gesture-required",
            "--disable-dev-shm-usage",
        ])
        .arg(format!("--user-data-dir={}", profile.display()))
        .arg(site.url("/"))
        .env("HOME", profile)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(90);
    let told = || Some(site.requests_for("/seen").first()?.query()?.to_owned());
    let mut seen = None;
    while seen.is_none() && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(100));
        seen = told();
    }
    let _ = browser.kill();
    let _ = browser.wait();
    seen.unwrap_or_else(|| "nothing within 90 s".to_owned())
}
