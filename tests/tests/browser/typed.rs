//! What comes from elsewhere than a tab's player: addresses, texts, files and lists on the page of all captures; and all
//! streams of a page at once. Controls are found by role and name.

use std::fs;
use std::path::{Path, PathBuf};

use weir_tests::browser::process::Process;
use weir_tests::browser::{Browser, Kind};
use weir_tests::demo;
use weir_tests::origin::{Gate, Origin, Reply};
use weir_tests::site::{Page, Quality, TITLE};
use weir_tests::streams::committed_stream;
use weir_tests::streams::encrypt::{Encryption, IvRule, Names, encrypt};

use crate::dashboard::wait_for_words;
use crate::harness::{Harness, Host, clipboard, files_below, in_both, wait_until_said};
use crate::keys::{check_no_key_on_the_disk, check_not_on_the_disk};

in_both! {
    an_address_and_a_text_are_captured,
    the_files_of_a_list_are_chosen_and_saved,
    all_streams_of_a_page_are_captured_at_once,
    headers_and_a_key_go_along,
    headers_go_along_with_the_files_of_a_list,
    files_are_paused_and_go_on,
    what_waits_is_found_by_the_next_browser,
    files_that_are_handed_over_are_found_by_the_next_browser,
}

async fn an_address_and_a_text_are_captured(kind: Kind) {
    let Some(harness) = Harness::start(kind, Host::Registered).await else {
        return;
    };
    let browser = &harness.browser;
    let origin = Origin::start().unwrap();
    origin.directory("/the%20mill/", committed_stream().join("high"));
    origin.directory("/low/", committed_stream().join("low"));
    open(browser).await;

    // A menu of links and videos that cannot be opened here has its item.
    let item = "return await chrome.contextMenus.update('capture', {enabled: true})";
    browser.call(item).await.unwrap();

    for (typed, said) in [
        (
            "ftp://a.example/x.m3u8",
            "names an address that cannot be fetched",
        ),
        ("just words", "The text names its files without their server."),
    ] {
        look_up(browser, typed).await;
        wait_for_problem(browser, said).await;
    }
    look_up(browser, &origin.url("/nothing.m3u8")).await;
    wait_for_problem(browser, "The server refused the request").await;

    look_up(browser, &origin.url("/the%20mill/index.m3u8")).await;
    browser
        .press("button", "Capture the mill", Some("the mill"))
        .await
        .unwrap();
    let card = wait_for_words(browser, "the mill", "Complete").await;
    assert!(card.contains("the mill.mp4"), "{card}");

    let text = fs::read_to_string(committed_stream().join("low/index.m3u8")).unwrap();
    drop_file(browser, &text).await;
    wait_for_problem(browser, "The text names its files without their server.").await;
    let base = browser
        .control("textbox", "The address that the text came from", None)
        .await
        .unwrap();
    base.send_keys(origin.url("/low/dropped.m3u8")).await.unwrap();
    browser.press("button", "Look", None).await.unwrap();
    browser
        .press("button", "Capture dropped", Some("dropped"))
        .await
        .unwrap();
    wait_for_words(browser, "dropped", "Complete").await;
    assert_eq!(
        origin.requests_for("/low/dropped.m3u8").len(),
        0,
        "the text is at hand"
    );
    assert_eq!(saved(browser, "mp4").len(), 2);
    harness.close().await;
}

async fn the_files_of_a_list_are_chosen_and_saved(kind: Kind) {
    let Some(harness) = Harness::start(kind, Host::Registered).await else {
        return;
    };
    let browser = &harness.browser;
    let origin = Origin::start().unwrap();
    for name in ["one", "two", "three"] {
        origin.reply(
            &format!("/music/{name}.mp3"),
            Reply::ok(format!("ID3 the song {name}")),
        );
    }
    let list = "#EXTM3U\n#EXTINF:60,The first\none.mp3\n#EXTINF:61,\ntwo.mp3\n#EXTINF:62,The third\nthree.mp3\nftp://a.example/x.mp3\n";
    origin.reply("/music/songs.m3u", Reply::ok(list).with_type("audio/x-mpegurl"));
    open(browser).await;
    look_up(browser, &origin.url("/music/songs.m3u")).await;
    browser
        .control("heading", "A list of 3 files; 1 more cannot be saved", None)
        .await
        .unwrap();
    browser.press("button", "Select none", None).await.unwrap();
    let save = browser
        .wait_for("[data-testid=list-save]:disabled")
        .await
        .unwrap();
    assert_eq!(save.text().await.unwrap(), "Save 0 files");
    for name in ["The first", "two.mp3"] {
        let host = origin.address();
        browser
            .press("checkbox", &format!("{name}{host}"), None)
            .await
            .unwrap();
    }
    browser.press("button", "Copy for aria2", None).await.unwrap();
    let said = browser.until(|| async {
        let said = browser.wait_for("#announcements").await?.text().await?;
        Ok((said == "Copied").then_some(()))
    });
    assert!(said.await.unwrap().is_some());
    if let Some(command) = clipboard(browser, kind).await {
        let files: Vec<_> = command.lines().filter(|line| line.starts_with("http")).collect();
        let chosen = ["one", "two"].map(|name| origin.url(&format!("/music/{name}.mp3")));
        assert_eq!(files, chosen, "{command}");
        let referer = format!(" header=Referer: {}", origin.url("/"));
        assert!(command.lines().any(|line| line == referer), "{command}");
    }
    browser.press("button", "Save 2 files", None).await.unwrap();
    wait_for_words(browser, "songs", "Complete").await;
    let mut names: Vec<_> = saved(browser, "mp3")
        .iter()
        .map(|file| file.strip_prefix(downloads(browser)).unwrap().to_owned())
        .collect();
    names.sort();
    assert_eq!(
        names,
        [Path::new("songs/The first.mp3"), Path::new("songs/two.mp3")]
    );

    // One file of media is a list of one.
    look_up(browser, &origin.url("/music/three.mp3")).await;
    browser.press("button", "Save 1 file", None).await.unwrap();
    wait_for_words(browser, "three", "Complete").await;
    let file = downloads(browser).join("three/three.mp3");
    assert_eq!(fs::read_to_string(file).unwrap(), "ID3 the song three");
    harness.close().await;
}

/// A list of two songs, of which the second comes when the gate opens.
fn songs(gate: &Gate) -> Origin {
    let origin = Origin::start().unwrap();
    origin.reply("/one.mp3", Reply::ok("ID3 one"));
    origin.reply("/two.mp3", Reply::ok("ID3 two").after(gate));
    let list = "#EXTM3U\n#EXTINF:1,\none.mp3\n#EXTINF:1,\ntwo.mp3\n";
    origin.reply("/songs.m3u", Reply::ok(list).with_type("audio/x-mpegurl"));
    origin
}

async fn save_songs(browser: &Browser, origin: &Origin) {
    look_up(browser, &origin.url("/songs.m3u")).await;
    browser.press("button", "Save 2 files", None).await.unwrap();
}

/// The server wants a header for the list and for each of its files. It goes along where the batch goes on, too, and nowhere
/// onto the disk.
async fn headers_go_along_with_the_files_of_a_list(kind: Kind) {
    let Some(harness) = Harness::start(kind, Host::Registered).await else {
        return;
    };
    let browser = &harness.browser;
    harness.one_by_one();
    let gate = Gate::new();
    let origin = songs(&gate);
    origin.guard("/", |request| {
        (request.header("x-ticket") != Some("T-4712")).then(|| Reply::status(403))
    });
    open(browser).await;
    look_up(browser, &origin.url("/songs.m3u")).await;
    wait_for_problem(browser, "The server refused the request").await;
    browser
        .call("document.querySelector('[data-testid=typed-given]').click()")
        .await
        .unwrap();
    fill(
        browser,
        "Headers",
        "X-Ticket: T-4712\nReferer: http://list.example/",
    )
    .await;
    look_up(browser, &origin.url("/songs.m3u")).await;
    browser.control("button", "Save 2 files", None).await.unwrap();
    // What counts is what the list was looked at with.
    fill(browser, "Headers", "X-Ticket: T-0000").await;
    browser.press("button", "Save 2 files", None).await.unwrap();
    let card = "return document.querySelector('#underway li')?.innerText ?? ''";
    wait_until_said(browser, card, "1 of 2 files").await;
    browser.press("button", "Pause", Some("songs")).await.unwrap();
    wait_for_words(browser, "songs", "Paused").await;
    gate.open();
    browser.press("button", "Resume", Some("songs")).await.unwrap();
    wait_for_words(browser, "songs", "Complete").await;
    for song in ["/one.mp3", "/two.mp3"] {
        for request in origin.requests_for(song) {
            assert_eq!(request.header("x-ticket"), Some("T-4712"), "{song}");
            assert_eq!(request.header("referer"), Some("http://list.example/"), "{song}");
        }
    }
    assert_eq!(saved(browser, "mp3").len(), 2);
    check_not_on_the_disk(&harness, &[b"T-4712"]);
    // Nor has the extension kept them where the browser keeps what outlives it.
    let kept = "return JSON.stringify(await chrome.storage.local.get(null))";
    let kept = browser.call(kept).await.unwrap();
    assert!(!kept.as_str().unwrap().contains("T-4712"), "{kept}");
    // Nor the browser, in any file of its profile, once it has ended.
    harness.browser.driver().clone().quit().await.unwrap();
    let profile = files_below(&browser.home().join("profile"));
    assert!(profile.len() > 20, "{profile:?}");
    for file in profile {
        let Ok(bytes) = fs::read(&file) else { continue };
        let has = bytes.windows(6).any(|window| window == b"T-4712");
        assert!(!has, "a secret is in {}", file.display());
    }
}

async fn files_are_paused_and_go_on(kind: Kind) {
    let Some(harness) = Harness::start(kind, Host::Registered).await else {
        return;
    };
    let browser = &harness.browser;
    let gate = Gate::new();
    let origin = songs(&gate);
    open(browser).await;
    save_songs(browser, &origin).await;
    let card = "return document.querySelector('#underway li')?.innerText ?? ''";
    wait_until_said(browser, card, "1 of 2 files").await;
    browser.press("button", "Pause", Some("songs")).await.unwrap();
    wait_for_words(browser, "songs", "Paused").await;
    assert!(downloads(browser).join("songs.part/one.mp3").exists());
    gate.open();
    browser.press("button", "Resume", Some("songs")).await.unwrap();
    wait_for_words(browser, "songs", "Complete").await;
    let note = "return document.querySelector('#history [data-testid=notes]')?.textContent ?? ''";
    wait_until_said(browser, note, "1 of 2 had been saved").await;
    assert_eq!(origin.requests_for("/one.mp3").len(), 1, "it was there");
    assert_eq!(saved(browser, "mp3").len(), 2);
    let cards = "return String(document.querySelectorAll('#history > li').length)";
    wait_until_said(browser, cards, "1").await;
    harness.close().await;
}

/// The browser is closed while a stream is captured and files wait for their turn. Started again with the same profile it has
/// both, and they go on.
async fn what_waits_is_found_by_the_next_browser(kind: Kind) {
    let Some(mut harness) = Harness::start(kind, Host::Registered).await else {
        return;
    };
    harness.settings("jobs_at_once = 1\nconcurrency = 1\n");
    harness.site.hold_segments(2);
    harness.stream_of(Page::Xhr).await;
    harness.browser.click("capture").await.unwrap();
    let part = downloads(&harness.browser).join(format!("{}.mp4.part", TITLE.replace(':', "-")));
    let begun = harness
        .browser
        .until(|| async { Ok(part.exists().then_some(())) });
    assert!(begun.await.unwrap().is_some());
    let gate = Gate::new();
    gate.open();
    let origin = songs(&gate);
    open(&harness.browser).await;
    save_songs(&harness.browser, &origin).await;
    harness
        .browser
        .control("button", "Start next", Some("songs"))
        .await
        .unwrap();
    harness.browser.restart().await.unwrap();
    assert_eq!(origin.requests_for("/one.mp3").len(), 0, "it has waited");

    let Harness { browser, site } = &harness;
    site.release();
    browser.open(&site.page_url(Page::Xhr)).await.unwrap();
    browser.wait_for("[data-player]").await.unwrap();
    open(browser).await;
    wait_for_words(browser, TITLE, "Paused").await;
    wait_for_words(browser, "songs", "Paused").await;
    browser.press("button", "Resume", Some("songs")).await.unwrap();
    let problem = "return document.querySelector('.problem[data-code]')?.innerText ?? ''";
    wait_until_said(browser, problem, "Choose them again").await;
    // It lies over the page for a while.
    browser.wait_gone(".problem[data-code]").await.unwrap();
    save_songs(browser, &origin).await;
    wait_for_words(browser, "songs", "Complete").await;
    browser.press("button", "Resume", Some(TITLE)).await.unwrap();
    wait_for_words(browser, TITLE, "Complete").await;
    let cards = "return String(document.querySelectorAll('#history > li').length)";
    wait_until_said(browser, cards, "2").await;
    demo::compare(&part.with_extension(""), site).unwrap();
    harness.close().await;
}

/// The browser is closed while files are saved, and the host finishes them without it: the next browser tells so.
async fn files_that_are_handed_over_are_found_by_the_next_browser(kind: Kind) {
    let Some(mut harness) = Harness::start(kind, Host::Registered).await else {
        return;
    };
    harness.settings("when_browser_closes = 'finish'\nconcurrency = 1\n");
    let gate = Gate::new();
    let origin = songs(&gate);
    open(&harness.browser).await;
    save_songs(&harness.browser, &origin).await;
    let card = "return document.querySelector('#underway li')?.innerText ?? ''";
    wait_until_said(&harness.browser, card, "1 of 2 files").await;
    let browser = &harness.browser;
    browser.driver().clone().quit().await.unwrap();
    let alone = browser.until(|| async {
        let hosts = browser.hosts();
        let is_alone = |host: &Process| host.arguments.iter().any(|word| word == "finish-captures");
        let is_left = browser.processes().iter().any(Process::is_browser);
        Ok((!is_left && hosts.len() == 1 && hosts.iter().all(is_alone)).then_some(()))
    });
    assert!(alone.await.unwrap().is_some(), "{:?}", browser.processes());
    assert!(downloads(browser).join("songs.part/one.mp3").exists());
    gate.open();
    harness.browser.start_again().await.unwrap();
    let browser = &harness.browser;
    open(browser).await;
    wait_for_words(browser, "songs", "Complete").await;
    assert_eq!(origin.requests_for("/one.mp3").len(), 1, "it was there");
    assert_eq!(saved(browser, "mp3").len(), 2);
    harness.close().await;
}

async fn all_streams_of_a_page_are_captured_at_once(kind: Kind) {
    let Some(harness) = Harness::start(kind, Host::Registered).await else {
        return;
    };
    let browser = &harness.browser;
    let origin = Origin::start().unwrap();
    for quality in ["one", "two"] {
        origin.directory(&format!("/{quality}/"), committed_stream().join("high"));
    }
    let page = "<!doctype html><title>Two weirs</title><script>
        Promise.all(['one', 'two'].map((name) => fetch(`/${name}/index.m3u8`).then((answer) => answer.text())))
            .then(() => { document.body.dataset.player = 'ready'; });
        </script><body>";
    origin.reply("/", Reply::ok(page).with_type("text/html"));
    let url = origin.url("/");
    browser.open(&url).await.unwrap();
    browser.wait_for("[data-player]").await.unwrap();
    browser.open_popup(&url).await.unwrap();
    browser.press("button", "Capture all 2", None).await.unwrap();
    let done = browser.until(|| async {
        let jobs = browser.jobs().await?;
        let is_done = jobs.len() == 2 && jobs.iter().all(|job| job.verdict == "complete");
        Ok(is_done.then_some(()))
    });
    assert!(
        done.await.unwrap().is_some(),
        "{:?}",
        browser.jobs().await.unwrap()
    );
    assert_eq!(saved(browser, "mp4").len(), 2);
    harness.close().await;
}

/// The server wants a header, and the playlist names a key that is none.
async fn headers_and_a_key_go_along(kind: Kind) {
    let Some(harness) = Harness::start(kind, Host::Registered).await else {
        return;
    };
    let browser = &harness.browser;
    let origin = Origin::start().unwrap();
    let encryption = Encryption {
        first_sequence: 26,
        iv: IvRule::Implicit,
        segments_per_key: None,
    };
    let names = Names {
        segments: "",
        keys: "",
    };
    let encrypted = encrypt(&harness.site.source(Quality::High), encryption, names).unwrap();
    let playlist = Reply::ok(encrypted.playlist).with_type("application/vnd.apple.mpegurl");
    origin.reply("/locked/index.m3u8", playlist);
    for (name, segment) in encrypted.segments {
        origin.reply(&format!("/locked/{name}"), Reply::ok(segment));
    }
    let (name, key) = encrypted.keys.into_iter().next().unwrap();
    origin.reply(&format!("/locked/{name}"), Reply::ok(vec![7; 16]));
    origin.guard("/locked/", |request| {
        (request.header("x-ticket") != Some("T-4711")).then(|| Reply::status(403))
    });
    open(browser).await;
    let url = origin.url("/locked/index.m3u8");
    look_up(browser, &url).await;
    wait_for_problem(browser, "The server refused the request").await;

    browser
        .call("document.querySelector('[data-testid=typed-given]').click()")
        .await
        .unwrap();
    fill(browser, "Headers", "Cookie: a=b").await;
    look_up(browser, &url).await;
    wait_for_problem(browser, "A header cannot be sent.").await;
    fill(browser, "Headers", "X-Ticket: T-4711").await;
    fill(browser, "Key", "0123").await;
    look_up(browser, &url).await;
    wait_for_problem(browser, "32 or 64 hexadecimal digits").await;
    let hex = format!("{:032X}", u128::from_be_bytes(key[..].try_into().unwrap()));
    fill(browser, "Key", &hex).await;
    look_up(browser, &url).await;
    // A preview has them too: nothing of it plays without.
    browser
        .press("button", "Preview locked", Some("locked"))
        .await
        .unwrap();
    let plays = "return String(document.querySelector('[data-testid=preview-video]').currentTime > 0.2)";
    wait_until_said(browser, plays, "true").await;
    browser.press("button", "Close preview", None).await.unwrap();
    browser
        .press("button", "Capture locked", Some("locked"))
        .await
        .unwrap();
    wait_for_words(browser, "locked", "Complete").await;
    let films = saved(browser, "mp4");
    demo::compare(&films[0], &harness.site).unwrap();
    check_no_key_on_the_disk(&harness, &[key]);
    check_not_on_the_disk(&harness, &[b"T-4711"]);
    harness.close().await;
}

/// Types into a field of a name.
async fn fill(browser: &Browser, name: &str, text: &str) {
    let field = browser.control("textbox", name, None).await.unwrap();
    field.clear().await.unwrap();
    field.send_keys(text).await.unwrap();
}

async fn open(browser: &Browser) {
    browser.open(&browser.page("ui/dashboard.html")).await.unwrap();
    browser
        .control("textbox", "Address, or the text of a playlist", None)
        .await
        .unwrap();
}

async fn look_up(browser: &Browser, typed: &str) {
    fill(browser, "Address, or the text of a playlist", typed).await;
    browser.press("button", "Look", None).await.unwrap();
}

async fn wait_for_problem(browser: &Browser, words: &str) {
    let problem = "const problem = document.querySelector('[data-testid=typed-problem]');
        return problem.checkVisibility() ? problem.textContent : ''";
    wait_until_said(browser, problem, words).await;
}

/// Drops a file on the page.
async fn drop_file(browser: &Browser, text: &str) {
    let script = format!(
        "const dropped = new DataTransfer();
        dropped.items.add(new File([{text:?}], 'dropped.m3u8'));
        document.body.dispatchEvent(new DragEvent('drop', {{ dataTransfer: dropped, bubbles: true, cancelable: true }}));"
    );
    browser.call(&script).await.unwrap();
}

fn downloads(browser: &Browser) -> PathBuf {
    browser.home().join("Downloads/Weir")
}

/// The files of a kind that were saved.
fn saved(browser: &Browser, extension: &str) -> Vec<PathBuf> {
    let mut files = files_below(&downloads(browser));
    files.retain(|file| file.extension().is_some_and(|end| end == extension));
    files
}
