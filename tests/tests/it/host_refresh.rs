//! faults.md, 6: links that expire in mid-capture. The host asks for others, takes only those of the same capture, and goes on.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should say so at once"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use weir::session::{self, Peer, SessionEnd};
use weir::settings::SettingsFile;
use weir_tests::binary::{Home, Host};
use weir_tests::origin::{Origin, Reply, Tokens};
use weir_tests::streams::committed_stream;
use weir_tests::streams::encrypt::{Encryption, IvRule, Names, encrypt};

use super::host::{check_error, start};

/// Of the stream: the committed one, four times over.
const SEGMENTS: usize = 16;

/// An AES-128 stream whose links, those of the keys too, live for a time.
struct Stream {
    origin: Origin,
    tokens: Tokens,
    /// Off, every link is good.
    is_guarded: Arc<AtomicBool>,
}

impl Stream {
    fn new(lifetime: Duration, pace: Duration) -> Self {
        let origin = Origin::start().unwrap();
        let encryption = Encryption {
            first_sequence: 0,
            iv: IvRule::Implicit,
            segments_per_key: Some(1),
        };
        let names = Names {
            segments: "",
            keys: "",
        };
        let playlist = committed_stream().join("low/index.m3u8");
        let encrypted = encrypt(&playlist, encryption, names).unwrap();
        for n in 0..SEGMENTS {
            let (_, bytes) = &encrypted.segments[n % encrypted.segments.len()];
            origin.reply(
                &format!("/high/seg{n}.ts"),
                Reply::ok(bytes.clone()).with_delay(pace),
            );
        }
        for (n, (_, key)) in encrypted.keys.into_iter().enumerate() {
            origin.reply(&format!("/keys/{n}"), Reply::ok(key));
        }
        let (tokens, is_guarded) = (Tokens::living(lifetime), Arc::new(AtomicBool::new(true)));
        let (guarding, guarded) = (tokens.clone(), Arc::clone(&is_guarded));
        origin.guard("/", move |request| {
            guarded
                .load(Ordering::Relaxed)
                .then(|| guarding.refuse(request))
                .flatten()
        });
        Self {
            origin,
            tokens,
            is_guarded,
        }
    }

    /// With links from now.
    fn plan(&self) -> Value {
        let link = |path: String| self.origin.url(&self.tokens.link(&path));
        let segment = |n: usize| {
            json!({
                "sequence": n,
                "url": link(format!("/high/seg{n}.ts")),
                "durationSeconds": 2.0,
                "discontinuity": n > 0 && n.is_multiple_of(4),
                "key": {"method": "AES-128", "url": link(format!("/keys/{}", n % 4)), "iv": format!("{:032x}", n % 4)},
            })
        };
        let segments: Vec<Value> = (0..SEGMENTS).map(segment).collect();
        let playlist = self.origin.url("/high/index.m3u8");
        let track = json!({"kind": "video", "playlist": playlist, "segments": segments});
        json!({"source": playlist, "title": "film", "live": false, "tracks": [track]})
    }

    /// The file of the same stream when its links live for ever.
    fn unguarded(&self) -> Vec<u8> {
        self.is_guarded.store(false, Ordering::Relaxed);
        let (home, mut host) = refreshing();
        host.ask(&start(1, "whole", &self.plan())).unwrap();
        assert_eq!(host.finished("whole").unwrap()["verdict"], "complete");
        self.is_guarded.store(true, Ordering::Relaxed);
        film(&home)
    }

    fn segments_taken(&self) -> BTreeMap<String, usize> {
        let mut taken = self.tokens.taken();
        taken.retain(|path, _| path.starts_with("/high/"));
        taken
    }
}

/// A host that knows that its extension answers `refresh`.
pub(super) fn refreshing() -> (Home, Host) {
    let home = Home::new().unwrap();
    let mut host = home.host().unwrap();
    host.ask(&hello()).unwrap();
    (home, host)
}

fn hello() -> Value {
    json!({"type": "hello", "id": 0, "protocol": 1, "extensionVersion": "0.1.0", "refresh": true})
}

fn film(home: &Home) -> Vec<u8> {
    fs::read(home.downloads().join("film.mp4")).unwrap()
}

fn one_by_one(id: u32, job: &str, plan: &Value) -> Value {
    let mut request = start(id, job, plan);
    request["options"] = json!({"container": "mp4", "concurrency": 1});
    request
}

pub(super) fn refreshed(id: u32, job: &str, plan: &Value) -> Value {
    json!({"type": "refreshed", "id": id, "job": job, "plan": plan})
}

pub(super) fn failed(id: u32, job: &str, reason: &str) -> Value {
    json!({"type": "refreshFailed", "id": id, "job": job, "reason": reason})
}

pub(super) fn is_refresh(frame: &Value) -> bool {
    frame["type"] == "refresh"
}

#[track_caller]
fn check_expired(finished: &Value, words: &str) {
    assert_eq!(finished["verdict"], "failed", "{finished}");
    assert_eq!(finished["error"]["code"], "link-expired", "{finished}");
    let message = finished["error"]["message"].as_str().unwrap();
    assert!(
        message.contains(words) && message.contains("capture again"),
        "{message}"
    );
}

/// Captures, and gives other links whenever the host asks. How often it did.
fn capture_with_other_links(stream: &Stream, host: &mut Host, concurrency: usize) -> u32 {
    let mut request = start(1, "film", &stream.plan());
    request["options"] = json!({"container": "mp4", "concurrency": concurrency});
    host.ask(&request).unwrap();
    for asked in 0.. {
        let frame = host
            .expect(|frame| is_refresh(frame) || frame["type"] == "finished")
            .unwrap();
        if frame["type"] == "finished" {
            assert_eq!(frame["verdict"], "complete", "{frame}");
            assert_eq!(frame["segments"]["fetched"], SEGMENTS, "{frame}");
            return asked;
        }
        assert_eq!(
            (&frame["job"], &frame["track"], &frame["status"]),
            (&json!("film"), &json!(0), &json!(403)),
            "{frame}"
        );
        assert_eq!(frame["playlist"], stream.origin.url("/high/index.m3u8"));
        let answer = host.ask(&refreshed(asked + 2, "film", &stream.plan())).unwrap();
        assert_eq!(answer, json!({"type": "done", "re": asked + 2}));
    }
    0
}

/// Tokens that live 3 s, a capture that takes three times as long.
#[test]
fn a_capture_goes_on_with_other_links_each_time_that_they_expire() {
    let stream = Stream::new(Duration::from_secs(3), Duration::from_millis(600));
    let (home, mut host) = refreshing();
    let asked = capture_with_other_links(&stream, &mut host, 1);
    assert!((2..=8).contains(&asked), "asked {asked} times");
    let taken = stream.segments_taken();
    assert_eq!(taken.len(), SEGMENTS);
    assert!(taken.values().all(|&count| count == 1), "{taken:?}");
    assert!(film(&home) == stream.unguarded(), "the file has other bytes");
    // The secrets that came with the plans are in no log.
    let log = fs::read_to_string(home.path().join(".local/state/weir/weir.log")).unwrap();
    assert!(
        log.contains("asking for others") && !log.contains("signature"),
        "{log}"
    );
}

/// Several that are under way expire together, and what has come ahead of its turn is kept.
#[test]
fn several_that_expire_at_once_are_asked_for_once() {
    let stream = Stream::new(Duration::from_secs(1), Duration::from_millis(900));
    let (home, mut host) = refreshing();
    let asked = capture_with_other_links(&stream, &mut host, 4);
    let refused = stream
        .origin
        .requests()
        .iter()
        .filter(|request| request.path().starts_with("/high/"))
        .count()
        - SEGMENTS;
    assert!((1..=8).contains(&asked), "asked {asked} times");
    // Nothing more is begun once one was refused.
    let most = usize::try_from(asked).unwrap() * 5;
    assert!(refused <= most, "{refused} refused, asked {asked} times");
    let taken = stream.segments_taken();
    assert!(taken.values().all(|&count| count == 1), "{taken:?}");
    assert!(film(&home) == stream.unguarded(), "the file has other bytes");
}

/// Links without a token, and a cookie that expires.
#[test]
fn other_cookies_and_headers_are_taken_too() {
    let stream = Stream::new(Duration::from_secs(1), Duration::from_millis(10));
    stream.is_guarded.store(false, Ordering::Relaxed);
    let is_late = Arc::new(AtomicBool::new(false));
    let late = Arc::clone(&is_late);
    stream.origin.guard("/high/seg5.ts", move |_| {
        late.store(true, Ordering::Relaxed);
        None
    });
    stream.origin.guard("/", move |request| {
        let wanted = if is_late.load(Ordering::Relaxed) {
            "second"
        } else {
            "first"
        };
        let is_let_in = request.has_cookie("sid", wanted) && request.header("x-page") == Some(wanted);
        (!is_let_in).then(|| Reply::status(403))
    });
    let context = |value: &str| {
        json!({
            "headers": [{"name": "X-Page", "value": value}],
            "cookies": [{"name": "sid", "value": value, "domain": "127.0.0.1", "hostOnly": true, "path": "/", "secure": false}],
        })
    };
    let (_home, mut host) = refreshing();
    let mut request = one_by_one(1, "film", &stream.plan());
    request["context"] = context("first");
    host.ask(&request).unwrap();
    host.expect(is_refresh).unwrap();
    let mut request = refreshed(2, "film", &stream.plan());
    request["context"] = context("second");
    assert_eq!(host.ask(&request).unwrap()["type"], "done");
    let finished = host.finished("film").unwrap();
    assert_eq!(finished["verdict"], "complete", "{finished}");
}

/// A stream whose links expire behind its third segment for good.
fn expired_for_good() -> Stream {
    let stream = Stream::new(Duration::from_secs(600), Duration::ZERO);
    stream.origin.guard("/high/seg3.ts", |_| Some(Reply::status(403)));
    stream
}

#[test]
fn another_stream_and_what_leads_astray_are_not_taken() {
    let stream = expired_for_good();
    let (home, mut host) = refreshing();
    host.ask(&one_by_one(1, "film", &stream.plan())).unwrap();
    host.expect(is_refresh).unwrap();

    let mut shorter = stream.plan();
    shorter["tracks"][0]["segments"].as_array_mut().unwrap().pop();
    // The same names, another quality.
    let text = stream.plan().to_string().replace("/high/", "/low/");
    let low: Value = serde_json::from_str(&text).unwrap();
    let mut live = stream.plan();
    live["live"] = json!(true);
    for (id, other) in [(2, &shorter), (3, &low), (4, &live)] {
        let answer = host.ask(&refreshed(id, "film", other)).unwrap();
        check_error(&answer, "cannot-resume", "another stream");
    }
    let mut astray = stream.plan();
    astray["source"] = json!("https://public.example/master.m3u8");
    let answer = host.ask(&refreshed(5, "film", &astray)).unwrap();
    check_error(&answer, "private-address", "127.0.0.1");
    let mut request = refreshed(6, "film", &stream.plan());
    request["context"] = json!({"headers": [{"name": "Host", "value": "a.example"}]});
    check_error(&host.ask(&request).unwrap(), "bad-header", "");
    let asked = stream.origin.requests_for("/high/seg3.ts").len();
    assert_eq!(asked, 1, "nothing was fetched with them");

    let answer = host.ask(&failed(7, "film", "other-stream")).unwrap();
    assert_eq!(answer["type"], "done");
    check_expired(&host.finished("film").unwrap(), "is another one now");
    assert_eq!(home.files(&home.downloads()).unwrap(), ["film.mp4.part"]);
    let late = host.ask(&refreshed(8, "film", &stream.plan())).unwrap();
    check_error(&late, "usage", "does not wait");
    let unknown = host.ask(&failed(9, "other", "tab-gone")).unwrap();
    check_error(&unknown, "unknown-job", "other");
}

/// Gives the job other links as often as it asks. How it ends, and how often that was.
fn answered(host: &mut Host, plan: impl Fn() -> Value) -> (Value, u32) {
    let mut asked = 0;
    loop {
        let frame = host
            .expect(|frame| is_refresh(frame) || frame["type"] == "finished")
            .unwrap();
        if frame["type"] == "finished" {
            return (frame, asked);
        }
        asked += 1;
        host.ask(&refreshed(asked + 1, "film", &plan())).unwrap();
    }
}

#[test]
fn links_that_are_refused_too_are_not_asked_for_without_end() {
    let stream = expired_for_good();
    let (_home, mut host) = refreshing();
    host.ask(&one_by_one(1, "film", &stream.plan())).unwrap();
    let (finished, asked) = answered(&mut host, || stream.plan());
    assert_eq!(asked, 3);
    check_expired(&finished, "those that the page gave in its place too");
}

/// Each segment comes, and the link of its key has expired meanwhile: that is progress, also before the first is whole.
#[test]
fn a_key_whose_link_expires_while_its_segment_comes_is_asked_for_again() {
    let stream = Stream::new(Duration::from_millis(600), Duration::from_secs(1));
    let (_home, mut host) = refreshing();
    let mut plan = stream.plan();
    // Both behind one key each, and no more.
    let cut = |plan: &mut Value| plan["tracks"][0]["segments"].as_array_mut().unwrap().truncate(2);
    cut(&mut plan);
    let stale = plan.to_string().replace("signature=", "signature=0");
    host.ask(&one_by_one(1, "film", &serde_json::from_str(&stale).unwrap()))
        .unwrap();
    let (finished, asked) = answered(&mut host, || {
        let mut plan = stream.plan();
        cut(&mut plan);
        plan
    });
    assert_eq!(finished["verdict"], "complete", "{finished}");
    assert!(asked >= 2, "{asked}");
    let taken = stream.segments_taken();
    assert!(taken.values().all(|&count| count == 1), "{taken:?}");
}

/// The page may have read its playlist long before the click.
#[test]
fn links_that_had_expired_before_the_capture_began_are_asked_for() {
    let stream = Stream::new(Duration::from_secs(600), Duration::ZERO);
    let (_home, mut host) = refreshing();
    let stale = stream.plan().to_string().replace("signature=", "signature=0");
    let stale: Value = serde_json::from_str(&stale).unwrap();
    host.ask(&one_by_one(1, "film", &stale)).unwrap();
    host.expect(is_refresh).unwrap();
    // What the page has read meanwhile may have expired as well.
    host.ask(&refreshed(2, "film", &stale)).unwrap();
    host.expect(is_refresh).unwrap();
    host.ask(&refreshed(3, "film", &stream.plan())).unwrap();
    assert_eq!(host.finished("film").unwrap()["verdict"], "complete");

    // Who is not let in at all is told soon.
    let (_home, mut host) = refreshing();
    host.ask(&one_by_one(1, "film", &stale)).unwrap();
    let (finished, asked) = answered(&mut host, || stale.clone());
    assert_eq!(asked, 2);
    assert_eq!(finished["error"]["code"], "http-status", "{finished}");
}

#[test]
fn a_tab_that_is_gone_ends_the_capture_at_once_and_it_goes_on_when_captured_again() {
    let stream = Stream::new(Duration::from_secs(600), Duration::ZERO);
    let is_expired = Arc::new(AtomicBool::new(true));
    let expired = Arc::clone(&is_expired);
    stream.origin.guard("/high/seg3.ts", move |_| {
        expired.load(Ordering::Relaxed).then(|| Reply::status(410))
    });
    let (home, mut host) = refreshing();
    host.ask(&one_by_one(1, "film", &stream.plan())).unwrap();
    assert_eq!(host.expect(is_refresh).unwrap()["status"], 410);
    host.ask(&failed(2, "film", "tab-gone")).unwrap();
    check_expired(
        &host.finished("film").unwrap(),
        "the tab that the stream came from is gone",
    );
    is_expired.store(false, Ordering::Relaxed);
    host.ask(&one_by_one(3, "again", &stream.plan())).unwrap();
    let finished = host.finished("again").unwrap();
    assert_eq!(finished["verdict"], "complete", "{finished}");
    let taken = stream.segments_taken();
    assert_eq!(taken["/high/seg0.ts"], 1, "{taken:?}");
    assert!(film(&home) == stream.unguarded(), "the file has other bytes");
}

#[test]
fn a_capture_that_waits_can_be_cancelled_and_its_browser_can_go() {
    let stream = expired_for_good();
    let (home, mut host) = refreshing();
    host.ask(&one_by_one(1, "film", &stream.plan())).unwrap();
    host.expect(is_refresh).unwrap();
    let begin = Instant::now();
    host.ask(&json!({"type": "cancel", "id": 2, "job": "film"}))
        .unwrap();
    assert_eq!(host.finished("film").unwrap()["verdict"], "cancelled");
    assert_eq!(home.files(&home.downloads()).unwrap(), [""; 0]);

    host.ask(&one_by_one(3, "second", &stream.plan())).unwrap();
    host.expect(|frame| is_refresh(frame) && frame["job"] == "second")
        .unwrap();
    host.close();
    assert_eq!(host.wait().unwrap().0.code(), Some(0));
    assert!(begin.elapsed() < Duration::from_secs(20), "it was waited for");
    assert_eq!(home.files(&home.downloads()).unwrap(), ["film.mp4.part"]);
}

/// With a short patience: the session without its process.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_not_waited_for_without_end() {
    let stream = expired_for_good();
    let folder = tempfile::tempdir().unwrap();
    let settings = folder.path().join("settings.toml");
    fs::write(&settings, format!("output_folder = {:?}\n", folder.path())).unwrap();
    let (input, mut requests) = std::io::pipe().unwrap();
    let (events, output) = std::io::pipe().unwrap();
    let host = session::Host {
        settings: SettingsFile::at(settings),
        journal: None,
        refresh_patience: Duration::from_millis(300),
    };
    let session = tokio::spawn(session::run(input, output, Peer::Browser, host));
    let plan = stream.plan();
    let finished = tokio::task::spawn_blocking(move || {
        for request in [hello(), one_by_one(1, "film", &plan)] {
            write_frame(&mut requests, &request);
        }
        let mut events = events;
        let frames = std::iter::from_fn(|| read_frame(&mut events));
        let mut frames = frames.skip_while(|frame| !is_refresh(frame));
        assert!(frames.next().is_some(), "it asks");
        let begin = Instant::now();
        let finished = frames.find(|frame| frame["type"] == "finished");
        assert!(begin.elapsed() < Duration::from_secs(20), "it was waited for");
        drop(requests);
        finished
    });
    check_expired(&finished.await.unwrap().unwrap(), "no other came within");
    assert_eq!(session.await.unwrap(), SessionEnd::Closed);
    assert!(Path::new(&folder.path().join("film.mp4.part")).exists());
}

fn write_frame(pipe: &mut impl std::io::Write, frame: &Value) {
    let body = serde_json::to_vec(frame).unwrap();
    pipe.write_all(&u32::try_from(body.len()).unwrap().to_ne_bytes())
        .unwrap();
    pipe.write_all(&body).unwrap();
}

fn read_frame(pipe: &mut impl std::io::Read) -> Option<Value> {
    let mut header = [0; 4];
    pipe.read_exact(&mut header).ok()?;
    let mut body = vec![0; usize::try_from(u32::from_ne_bytes(header)).unwrap()];
    pipe.read_exact(&mut body).ok()?;
    serde_json::from_slice(&body).ok()
}
