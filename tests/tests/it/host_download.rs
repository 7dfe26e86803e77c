//! Batches: files of a page that are saved as they are.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should say so at once"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use weir_tests::binary::Home;
use weir_tests::origin::{Gate, Origin, Reply};

use crate::host::{check_error, greeted};

/// A picture of one pixel, told from others by what stands behind its end.
fn png(mark: &str) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x02\0\0\0".to_vec();
    bytes.extend(mark.as_bytes());
    bytes
}

fn download(id: u32, job: &str, origin: &Origin, items: &Value) -> Value {
    json!({"type": "download", "id": id, "job": job, "title": "Weirs: a page", "items": items,
           "context": {"headers": [{"name": "Referer", "value": origin.url("/page")}],
                       "cookies": [{"name": "sid", "value": "7", "domain": "127.0.0.1", "hostOnly": true, "path": "/", "secure": false}],
                       "page": origin.url("/page?token=secret")}})
}

fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, fs::read(path).unwrap())
        })
        .collect()
}

#[test]
fn files_are_saved_side_by_side_each_content_once_and_what_fails_is_named() {
    let origin = Origin::start().unwrap();
    for (path, mark) in [
        ("/a/one.png", "1"),
        ("/b/one.png", "2"),
        ("/c/copy.png", "1"),
        ("/d/3", "3"),
    ] {
        origin.reply(path, Reply::ok(png(mark)).with_type("image/png"));
    }
    origin.reply("/gone.png", Reply::status(404));
    origin.reply("/login.png", Reply::ok("<!doctype html><p>Log in"));
    let page = origin.url("/page");
    origin.guard("/", move |request| {
        let as_page = request.header("referer") == Some(&page) && request.has_cookie("sid", "7");
        (!as_page).then(|| Reply::status(403))
    });
    let (home, mut host) = greeted();
    let url = |path: &str| json!({"url": origin.url(path)});
    let mut items = [
        "/a/one.png",
        "/b/one.png",
        "/c/copy.png",
        "/gone.png",
        "/login.png",
    ]
    .map(url)
    .to_vec();
    items.push(json!({"url": origin.url("/d/3?size=large"), "name": "../The third / last"}));
    items.push(json!({"url": "data:image/png;base64,iVBORw0KGgo=", "name": "small"}));
    let answer = host.ask(&download(1, "images", &origin, &json!(items))).unwrap();
    assert_eq!(answer, json!({"type": "done", "re": 1}));
    let finished = host.finished("images").unwrap();
    assert_eq!(finished["verdict"], "incomplete", "{finished}");
    let segments = &finished["segments"];
    assert_eq!((&segments["total"], &segments["fetched"]), (&json!(7), &json!(5)));
    assert_eq!(finished["error"]["code"], "http-status", "{finished}");
    assert!(
        finished["error"]["message"]
            .as_str()
            .unwrap()
            .starts_with("2 of 7 files were not saved"),
        "{finished}"
    );
    let warnings: Vec<&str> = finished["warnings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one.as_str().unwrap())
        .collect();
    assert_eq!(warnings.len(), 3, "{warnings:?}");
    assert!(
        warnings[0].starts_with(&format!("not saved: {}: ", origin.url("/gone.png")))
            && warnings[0].contains("404"),
        "{warnings:?}"
    );
    assert_eq!(warnings[0].matches("gone.png").count(), 1, "{warnings:?}");
    assert!(
        warnings[1].contains("/login.png") && warnings[1].contains("web page"),
        "{warnings:?}"
    );
    assert_eq!(warnings[2], "1 files are the same as others and were saved once");

    let output = Path::new(finished["output"].as_str().unwrap());
    assert_eq!(output, home.downloads().join("Weirs- a page"));
    let expected = [
        ("The third - last.png", png("3")),
        ("one (2).png", png("2")),
        ("one.png", png("1")),
        ("small.png", b"\x89PNG\r\n\x1a\n".to_vec()),
    ];
    let found = contents(output);
    let expected: BTreeMap<String, Vec<u8>> = expected
        .into_iter()
        .map(|(name, bytes)| (name.to_owned(), bytes))
        .collect();
    assert_eq!(found, expected);
    let bytes: usize = found.values().map(Vec::len).sum();
    assert_eq!(finished["bytes"], bytes);
    assert_eq!(fs::read_dir(home.downloads()).unwrap().count(), 1);

    // The same once more takes nobody's place.
    let one = json!([{"url": origin.url("/a/one.png")}]);
    host.ask(&download(2, "again", &origin, &one)).unwrap();
    let finished = host.finished("again").unwrap();
    assert_eq!(finished["verdict"], "complete", "{finished}");
    assert_eq!(
        finished["output"],
        home.downloads().join("Weirs- a page (2)").to_str().unwrap()
    );
    let listed = host.ask(&json!({"type": "jobs", "id": 3})).unwrap();
    assert_eq!(listed["jobs"][0]["title"], "Weirs: a page");
    assert_eq!(listed["jobs"][1]["job"], "images");
    host.close();
    host.wait().unwrap();
    let log = fs::read_to_string(home.path().join(".local/state/weir/weir.log")).unwrap();
    assert!(
        !log.contains("secret") && !log.contains("sid") && !log.contains("size=large"),
        "{log}"
    );
}

#[test]
fn a_public_page_reaches_no_private_network_and_no_http() {
    let origin = Origin::start().unwrap();
    origin.reply("/a.png", Reply::ok(png("1")));
    let (home, mut host) = greeted();
    let mut request = download(
        1,
        "images",
        &origin,
        &json!([{"url": origin.url("/a.png")}, {"url": "http://cdn.example/b.png"}]),
    );
    request["context"]["page"] = json!("https://page.example/");
    host.ask(&request).unwrap();
    let finished = host.finished("images").unwrap();
    assert_eq!(finished["verdict"], "failed", "{finished}");
    assert_eq!(finished["error"]["code"], "private-address", "{finished}");
    assert!(
        finished["warnings"][1]
            .as_str()
            .unwrap()
            .contains("not encrypted"),
        "{finished}"
    );
    assert_eq!(origin.requests().len(), 0);
    assert_eq!(home.files(&home.downloads()).unwrap(), [""; 0]);
}

/// A batch whose first file has come and whose second never does.
fn stuck() -> (Origin, Gate, Home, weir_tests::binary::Host) {
    let origin = Origin::start().unwrap();
    let gate = Gate::new();
    origin.reply("/1.png", Reply::ok(png("1")));
    origin.reply("/2.png", Reply::ok(png("2")).after(&gate));
    let (home, mut host) = greeted();
    let items = json!([{"url": origin.url("/1.png")}, {"url": origin.url("/2.png")}]);
    host.ask(&download(1, "images", &origin, &items)).unwrap();
    host.expect(|frame| frame["type"] == "progress" && frame["segments"]["fetched"] == 1)
        .unwrap();
    (origin, gate, home, host)
}

#[test]
fn a_batch_that_is_cancelled_leaves_nothing() {
    let (_origin, _gate, home, mut host) = stuck();
    host.ask(&json!({"type": "cancel", "id": 2, "job": "images"}))
        .unwrap();
    let finished = host.finished("images").unwrap();
    assert_eq!(finished["verdict"], "cancelled", "{finished}");
    assert_eq!(fs::read_dir(home.downloads()).unwrap().count(), 0);
}

/// What the journal has, the newest first.
fn history(host: &mut weir_tests::binary::Host) -> Vec<Value> {
    let answer = host.ask(&json!({"type": "history", "id": 90})).unwrap();
    answer["captures"].as_array().unwrap().clone()
}

/// How a host comes to its end, or a batch before it.
#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    Pause,
    BrowserGone,
    Kill,
}

fn come_to(end: End, host: &mut weir_tests::binary::Host) {
    match end {
        End::Pause => {
            let pause = json!({"type": "pause", "id": 80, "job": "images"});
            assert_eq!(host.ask(&pause).unwrap()["type"], "done");
            let finished = host.finished("images").unwrap();
            assert_eq!(finished["error"]["code"], "paused", "{finished}");
            assert!(
                finished["output"].as_str().unwrap().contains("a page.part"),
                "{finished}"
            );
            host.close();
        }
        End::BrowserGone => host.close(),
        End::Kill => host.kill().unwrap(),
    }
    host.wait().unwrap();
}

#[test]
fn a_batch_goes_on_where_it_was_however_it_was_interrupted() {
    for end in [End::Pause, End::BrowserGone, End::Kill] {
        let (origin, gate, home, mut host) = stuck();
        come_to(end, &mut host);
        let part = home.downloads().join("Weirs- a page.part");
        // What was being written when the process was killed.
        fs::write(part.join("file.weir-part"), "half").unwrap();
        let mut next = home.host().unwrap();
        next.greet().unwrap();
        let known = history(&mut next).remove(0);
        assert_eq!(
            (&known["kind"], &known["state"], &known["job"], &known["can"]),
            (
                &json!("files"),
                &json!("interrupted"),
                &json!("images"),
                &json!(["reveal"])
            ),
            "{end:?}: {known}"
        );
        assert_eq!(known["segments"]["fetched"], 1, "{end:?}: {known}");
        assert_eq!(known["page"], origin.url("/page?..."), "no token is kept");
        gate.open();
        let items = json!([{"url": origin.url("/1.png")}, {"url": origin.url("/2.png")}]);
        next.ask(&download(1, "more", &origin, &items)).unwrap();
        let finished = next.finished("more").unwrap();
        assert_eq!(finished["verdict"], "complete", "{end:?}: {finished}");
        let said = &finished["warnings"];
        assert_eq!(
            said,
            &json!(["batch 1 was interrupted and went on behind 1 of 2 files"]),
            "{end:?}"
        );
        assert_eq!(origin.requests_for("/1.png").len(), 1, "{end:?}: it was there");
        let both = ["1", "2"].map(|mark| (format!("{mark}.png"), png(mark)));
        assert_eq!(
            contents(&home.downloads().join("Weirs- a page")),
            BTreeMap::from(both),
            "{end:?}"
        );
        assert_eq!(fs::read_dir(home.downloads()).unwrap().count(), 1, "{end:?}");
        let known = history(&mut next);
        assert_eq!(
            (known.len(), &known[0]["state"]),
            (1, &json!("complete")),
            "{end:?}: {known:?}"
        );
        let journal = fs::read(home.path().join(".local/share/weir/journal.sqlite")).unwrap();
        let has_secret = journal.windows(6).any(|bytes| bytes == b"secret");
        assert!(!has_secret, "the page's token is in the journal");
    }
}

/// A file that was changed or taken away meanwhile is asked for again, and takes nobody's place.
#[test]
fn what_is_not_there_any_more_comes_again() {
    let (origin, gate, home, mut host) = stuck();
    come_to(End::BrowserGone, &mut host);
    let part = home.downloads().join("Weirs- a page.part");
    fs::write(part.join("1.png"), "mine").unwrap();
    gate.open();
    let mut next = home.host().unwrap();
    next.greet().unwrap();
    let items = json!([{"url": origin.url("/1.png")}, {"url": origin.url("/2.png")}]);
    next.ask(&download(1, "more", &origin, &items)).unwrap();
    assert_eq!(next.finished("more").unwrap()["verdict"], "complete");
    let found = contents(&home.downloads().join("Weirs- a page"));
    let expected = [
        ("1.png", b"mine".to_vec()),
        ("1 (2).png", png("1")),
        ("2.png", png("2")),
    ];
    assert_eq!(
        found,
        BTreeMap::from(expected.map(|(name, bytes)| (name.to_owned(), bytes)))
    );
}

/// What waits for its turn is in the journal too: the next browser finds it.
#[test]
fn what_waits_is_found_again_and_what_was_cancelled_is_over() {
    for end in [End::BrowserGone, End::Kill] {
        let (origin, _gate, home, mut host) = stuck();
        let one = json!({"type": "settings", "id": 2, "change": {"jobsAtOnce": 1}});
        assert_eq!(host.ask(&one).unwrap()["type"], "settings");
        for job in ["second", "third"] {
            let items = json!([{"url": origin.url(&format!("/{job}.png"))}]);
            host.ask(&download(3, job, &origin, &items)).unwrap();
        }
        let state = |captures: &[Value], job: &str| {
            let known = captures.iter().find(|capture| capture["job"] == job);
            known.map(|capture| capture["state"].clone())
        };
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while state(&history(&mut host), "third") != Some(json!("running")) {
            assert!(
                std::time::Instant::now() < deadline,
                "{end:?}: {:?}",
                history(&mut host)
            );
        }
        host.ask(&json!({"type": "cancel", "id": 4, "job": "third"}))
            .unwrap();
        assert_eq!(host.finished("third").unwrap()["verdict"], "cancelled");
        come_to(end, &mut host);
        let mut next = home.host().unwrap();
        next.greet().unwrap();
        let known = history(&mut next);
        let found = ["images", "second", "third"].map(|job| state(&known, job).unwrap());
        assert_eq!(
            found,
            ["interrupted", "interrupted", "cancelled"],
            "{end:?}: {known:?}"
        );
        // It begins when it is asked for again, and is the same one.
        origin.reply("/second.png", Reply::ok(png("4")));
        let items = json!([{"url": origin.url("/second.png")}]);
        next.ask(&download(1, "again", &origin, &items)).unwrap();
        assert_eq!(next.finished("again").unwrap()["verdict"], "complete");
        let known = history(&mut next);
        assert_eq!(
            (known.len(), state(&known, "again")),
            (3, Some(json!("complete"))),
            "{known:?}"
        );
    }
}

#[test]
fn a_list_of_the_command_line_goes_on_by_its_number() {
    let origin = Origin::start().unwrap();
    let gate = Gate::new();
    origin.reply("/1.mp3", Reply::ok("ID3 one"));
    origin.reply("/2.mp3", Reply::ok("ID3 two").after(&gate));
    origin.reply(
        "/songs.m3u",
        Reply::ok("#EXTM3U\n#EXTINF:1,\n1.mp3\n#EXTINF:1,\n2.mp3\n"),
    );
    let home = Home::new().unwrap();
    let mut typed = home
        .weir()
        .args(["get", &origin.url("/songs.m3u"), "--allow-private", "--quiet"])
        .spawn()
        .unwrap();
    let part = home.path().join("songs.part/1.mp3");
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while !part.exists() {
        assert!(std::time::Instant::now() < deadline, "nothing is written");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    typed.kill().unwrap();
    typed.wait().unwrap();
    gate.open();
    let output = home.run(["resume", "1"]).unwrap();
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        weir_tests::binary::stderr(&output)
    );
    assert_eq!(contents(&home.path().join("songs")).len(), 2);
    assert_eq!(origin.requests_for("/1.mp3").len(), 1);
    let output = home.run(["repair", "1"]).unwrap();
    assert_ne!(output.status.code(), Some(0));
}

#[test]
fn batches_that_make_no_sense_are_refused_at_once() {
    let origin = Origin::start().unwrap();
    let (home, mut host) = greeted();
    let one = json!({"url": "https://cdn.example/1.png"});
    let empty = host.ask(&download(1, "a", &origin, &json!([]))).unwrap();
    check_error(&empty, "nothing-to-capture", "nothing to save");
    let many = host
        .ask(&download(2, "a", &origin, &json!(vec![one.clone(); 10_001])))
        .unwrap();
    check_error(&many, "bad-field", "10000 at a time");
    let mut nowhere = download(3, "a", &origin, &json!([one]));
    nowhere["context"]["page"] = Value::Null;
    check_error(&host.ask(&nowhere).unwrap(), "bad-field", "context.page");
    let file = download(4, "a", &origin, &json!([{"url": "file:///etc/passwd"}]));
    assert_eq!(host.ask(&file).unwrap()["type"], "error");
    assert_eq!(fs::read_dir(home.downloads()).map_or(0, Iterator::count), 0);
}
