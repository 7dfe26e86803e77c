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

#[test]
fn what_came_stays_when_the_browser_goes_and_the_next_is_told() {
    let (_origin, _gate, home, mut host) = stuck();
    host.close();
    host.wait().unwrap();
    let folder = home.downloads().join("Weirs- a page");
    assert_eq!(
        contents(&folder),
        BTreeMap::from([("1.png".to_owned(), png("1"))])
    );
    assert_eq!(fs::read_dir(home.downloads()).unwrap().count(), 1);
    let mut next = home.host().unwrap();
    next.greet().unwrap();
    let listed = next.ask(&json!({"type": "jobs", "id": 1})).unwrap();
    let ended = &listed["jobs"][0]["finished"];
    assert_eq!(ended["verdict"], "incomplete", "{listed}");
    assert_eq!(ended["error"]["code"], "browser-gone");
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
