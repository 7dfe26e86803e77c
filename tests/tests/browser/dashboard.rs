//! The page of all captures: what is under way, and the history, whoever asked for it. Its controls are found by role and name.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use thirtyfour::Key;
use weir_tests::browser::{Browser, Kind};
use weir_tests::demo;
use weir_tests::origin::{Gate, Origin, Reply};
use weir_tests::program;
use weir_tests::site::{Page, TITLE};
use weir_tests::streams::committed_stream;

use crate::harness::{Harness, Host, in_both};

in_both! {
    a_capture_is_paused_resumed_and_found_in_the_history,
    a_failed_capture_is_tried_again,
    captures_of_the_command_line_are_resumed_repaired_and_forgotten,
    the_next_browser_finds_what_this_one_left,
}

/// Opens the page of all captures from the popup that is shown. chromedriver lists no tab that an extension opened, so that
/// one makes room for one of the test's own.
pub(crate) async fn open_from_popup(browser: &Browser) {
    browser.press("button", "All captures", None).await.unwrap();
    let close = "const tabs = await chrome.tabs.query({});
        const opened = tabs.filter(({ url }) => url?.endsWith('/ui/dashboard.html'));
        await chrome.tabs.remove(opened.map(({ id }) => id));
        return opened.length";
    let opened =
        browser.until(|| async { Ok(browser.call(close).await?.as_u64().filter(|count| *count > 0)) });
    assert_eq!(opened.await.unwrap(), Some(1));
    browser.open(&browser.page("ui/dashboard.html")).await.unwrap();
    browser.control("heading", "All captures", None).await.unwrap();
}

/// Waits until a card of the history says so.
pub(crate) async fn wait_for_words(browser: &Browser, title: &str, wanted: &str) -> String {
    let script = format!(
        "const card = [...document.querySelectorAll('#history li')]
            .find((one) => one.querySelector('h3').textContent === {title:?});
        return card?.innerText ?? null"
    );
    let found = browser.until(|| async {
        let text = browser.call(&script).await?;
        Ok(text
            .as_str()
            .filter(|text| text.contains(wanted))
            .map(str::to_owned))
    });
    let found = found.await.unwrap();
    let text = browser.text().await.unwrap();
    assert!(found.is_some(), "{title:?} does not say {wanted:?}: {text}");
    found.unwrap_or_default()
}

/// How many captures the history shows.
async fn count(browser: &Browser) -> u64 {
    let script = "return document.querySelectorAll('#history > li').length";
    browser.call(script).await.unwrap().as_u64().unwrap()
}

/// A program that opens files, and where it writes down which.
pub(crate) fn opener(home: &Path) -> PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    let (folder, told) = (home.join("bin"), home.join("told"));
    fs::create_dir_all(&folder).unwrap();
    let script = format!(
        "#!/bin/sh\nprintf %s \"$1\" > {0}.new && mv {0}.new {0}\n",
        told.display()
    );
    fs::write(folder.join("xdg-open"), script).unwrap();
    fs::set_permissions(folder.join("xdg-open"), fs::Permissions::from_mode(0o755)).unwrap();
    told
}

/// What it was asked to open.
pub(crate) async fn opened(browser: &Browser, told: &Path) -> String {
    let opened = browser.until(|| async { Ok(fs::read_to_string(told).ok()) });
    let opened = opened.await.unwrap().expect("nothing was opened");
    fs::remove_file(told).unwrap();
    opened
}

async fn a_capture_is_paused_resumed_and_found_in_the_history(kind: Kind) {
    let Some(harness) = Harness::start(kind, Host::Registered).await else {
        return;
    };
    let Harness { browser, site } = &harness;
    let told = opener(browser.home());
    site.hold_segments(2);
    harness.stream_of(Page::Xhr).await;
    browser
        .press("button", &format!("Capture {TITLE}"), None)
        .await
        .unwrap();
    browser
        .wait_for("[data-testid=job][data-state=running]")
        .await
        .unwrap();
    // Segments are merged: there is something to go on with.
    let share = "return /[1-9]\\d?%/.test(document.querySelector('[data-testid=job] .figures').innerText)";
    let begun = browser.until(|| async { Ok(browser.call(share).await?.as_bool().filter(|is| *is)) });
    assert!(
        begun.await.unwrap().is_some(),
        "{}",
        browser.text().await.unwrap()
    );
    browser.press("button", "Pause", Some(TITLE)).await.unwrap();
    browser
        .wait_for("[data-testid=job][data-verdict=paused]")
        .await
        .unwrap();
    browser.control("button", "Resume", Some(TITLE)).await.unwrap();

    open_from_popup(browser).await;
    let card = wait_for_words(browser, TITLE, "Paused").await;
    assert!(card.contains("localhost") && card.contains(".mp4.part"), "{card}");
    assert!(
        !browser.has_control("button", "Open", Some(TITLE)).await.unwrap(),
        "it is not whole"
    );
    browser.press("button", "Resume", Some(TITLE)).await.unwrap();
    browser.wait_for("#underway [data-state=running]").await.unwrap();
    browser.press("button", "Pause", Some(TITLE)).await.unwrap();
    wait_for_words(browser, TITLE, "Paused").await;
    site.release();
    browser.press("button", "Resume", Some(TITLE)).await.unwrap();
    let card = wait_for_words(browser, TITLE, "Complete").await;
    assert_eq!(count(browser).await, 1, "it is one capture: {card}");
    let path = browser
        .home()
        .join(format!("Downloads/Weir/{}.mp4", TITLE.replace(':', "-")));
    assert!(card.contains(path.to_str().unwrap()), "{card}");
    demo::compare(&path, site).unwrap();

    browser.press("button", "Open", Some(TITLE)).await.unwrap();
    assert_eq!(opened(browser, &told).await, path.to_str().unwrap());
    browser
        .press("button", "Show in folder", Some(TITLE))
        .await
        .unwrap();
    assert_eq!(
        opened(browser, &told).await,
        path.parent().unwrap().to_str().unwrap()
    );

    search(browser).await;
    delete_record(browser).await;
    assert!(path.exists(), "the file stays");
    harness.close().await;
}

/// Looks for the one capture that there is.
async fn search(browser: &Browser) {
    let search = browser
        .control("searchbox", "Search by title or site", None)
        .await
        .unwrap();
    for (sought, found) in [("weir localhost", 1), ("nothing like it", 0), ("LECTURE", 1)] {
        search.send_keys(Key::Control + "a").await.unwrap();
        search.send_keys(sought).await.unwrap();
        let shown = browser.until(|| async { Ok((count(browser).await == found).then_some(())) });
        assert!(
            shown.await.unwrap().is_some(),
            "{sought:?} finds {}",
            count(browser).await
        );
        let says_so = browser
            .text()
            .await
            .unwrap()
            .contains("No capture fits the search.");
        assert_eq!(says_so, found == 0, "{sought:?}");
    }
    search.send_keys(Key::Control + "a").await.unwrap();
    search.send_keys(Key::Delete + "").await.unwrap();
    browser
        .control("button", "Delete record", Some(TITLE))
        .await
        .unwrap();
}

/// It is asked first; *Keep* and Escape keep.
async fn delete_record(browser: &Browser) {
    for key in ["Keep", "Escape"] {
        browser
            .press("button", "Delete record", Some(TITLE))
            .await
            .unwrap();
        browser.control("dialog", "Delete record", None).await.unwrap();
        let keep = browser
            .control("button", "Keep", Some("Delete record"))
            .await
            .unwrap();
        assert!(
            browser
                .text()
                .await
                .unwrap()
                .contains("The file stays where it is")
        );
        if key == "Keep" {
            keep.click().await.unwrap();
        } else {
            keep.send_keys(Key::Escape + "").await.unwrap();
        }
        browser.wait_gone("dialog[open]").await.unwrap();
        assert_eq!(count(browser).await, 1);
    }
    browser
        .press("button", "Delete record", Some(TITLE))
        .await
        .unwrap();
    browser
        .press("button", "Delete record", Some("Delete record"))
        .await
        .unwrap();
    browser.wait_gone("#history > li").await.unwrap();
}

async fn a_failed_capture_is_tried_again(kind: Kind) {
    let Some(harness) = Harness::start(kind, Host::Registered).await else {
        return;
    };
    let Harness { browser, site } = &harness;
    let refused = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    let is_refused = std::sync::Arc::clone(&refused);
    harness.stream_of(Page::Xhr).await;
    site.media().guard("/", move |request| {
        let is_segment = request.path().contains("seg");
        (is_segment && is_refused.load(std::sync::atomic::Ordering::Relaxed)).then(|| Reply::status(404))
    });
    browser
        .press("button", &format!("Capture {TITLE}"), None)
        .await
        .unwrap();
    let job = browser.finished_job().await.unwrap();
    assert_eq!(job.verdict, "failed", "{job:?}");
    open_from_popup(browser).await;
    let card = wait_for_words(browser, TITLE, "Failed").await;
    assert!(card.contains("The server refused the request"), "{card}");
    browser.press("button", "Copy error", Some(TITLE)).await.unwrap();
    browser.control("button", "Copied", Some(TITLE)).await.unwrap();
    refused.store(false, std::sync::atomic::Ordering::Relaxed);
    browser.press("button", "Try again", Some(TITLE)).await.unwrap();
    let card = wait_for_words(browser, TITLE, "Complete").await;
    let path = browser
        .home()
        .join(format!("Downloads/Weir/{}.mp4", TITLE.replace(':', "-")));
    assert!(card.contains(path.to_str().unwrap()), "{card}");
    demo::compare(&path, site).unwrap();
    harness.close().await;
}

/// The card of the history that has `words` in it.
const CARD: &str = "const card = (words) => [...document.querySelectorAll('#history li')]
    .find((one) => one.innerText.includes(words));";

/// Waits until the card of a file says so.
async fn said(browser: &Browser, file: &str, wanted: &str) -> String {
    let script = format!("{CARD} return card({file:?})?.innerText ?? null");
    let found = browser.until(|| async {
        let text = browser.call(&script).await?;
        Ok(text
            .as_str()
            .filter(|text| text.contains(wanted))
            .map(str::to_owned))
    });
    found.await.unwrap().expect("it never says so")
}

/// Has the history show what has a word in it, once it shows so many.
async fn look_for(browser: &Browser, word: &str, wanted: u64) {
    let search = browser
        .control("searchbox", "Search by title or site", None)
        .await
        .unwrap();
    search.send_keys(Key::Control + "a").await.unwrap();
    search.send_keys(word).await.unwrap();
    let found = browser.until(|| async { Ok((count(browser).await == wanted).then_some(())) });
    assert!(
        found.await.unwrap().is_some(),
        "{word} finds {}",
        count(browser).await
    );
}

/// `weir get` of the committed stream, in the home of the browser.
fn get(browser: &Browser, origin: &Origin, name: &str, more: &[&str]) -> Child {
    let folder = browser.home().join("typed");
    fs::create_dir_all(&folder).unwrap();
    Command::new(program::weir().unwrap())
        .env("HOME", browser.home())
        .env_remove("XDG_DATA_HOME")
        .current_dir(folder)
        .args([
            "get",
            &origin.url("/high/index.m3u8"),
            "-o",
            name,
            "--allow-private",
            "--quiet",
        ])
        .args(more)
        .stdin(Stdio::null())
        .spawn()
        .unwrap()
}

async fn captures_of_the_command_line_are_resumed_repaired_and_forgotten(kind: Kind) {
    let Some(harness) = Harness::start(kind, Host::Registered).await else {
        return;
    };
    let browser = &harness.browser;
    let (origin, gate) = (Origin::start().unwrap(), Gate::new());
    origin.directory("/", committed_stream());
    origin.reply("/high/seg002.ts", Reply::status(404));
    let code = get(browser, &origin, "gap.mp4", &["--on-gap", "keep"])
        .wait()
        .unwrap()
        .code();
    assert_eq!(code, Some(3), "a segment is missing");
    let segment = |name: &str| fs::read(committed_stream().join("high").join(name)).unwrap();
    origin.reply("/high/seg002.ts", Reply::ok(segment("seg002.ts")));
    origin.reply("/high/seg003.ts", Reply::ok(segment("seg003.ts")).after(&gate));
    let mut typed = get(browser, &origin, "long.mp4", &[]);

    browser.open(&browser.page("ui/options.html")).await.unwrap();
    browser.press("link", "All captures", None).await.unwrap();
    // What another process is at is shown, and left alone.
    let running = browser
        .wait_for("#underway li[data-state=running]")
        .await
        .unwrap();
    assert!(
        running
            .text()
            .await
            .unwrap()
            .contains("In another browser, or on a command line")
    );
    assert!(
        !browser
            .has_control("button", "Cancel", Some("high"))
            .await
            .unwrap()
    );
    let merged = browser.until(|| async { Ok(browser.text().await?.contains("75%").then_some(())) });
    assert!(
        merged.await.unwrap().is_some(),
        "{}",
        browser.text().await.unwrap()
    );
    typed.kill().unwrap();
    typed.wait().unwrap();

    // The page notices by itself.
    look_for(browser, "long.mp4", 1).await;
    said(browser, "long.mp4.part", "Paused").await;
    browser.press("button", "Resume", None).await.unwrap();
    browser
        .wait_for("#underway li[data-state=running] [data-testid=pause]")
        .await
        .unwrap();
    gate.open();
    let whole = said(browser, "long.mp4", "Complete").await;
    assert!(
        whole.contains("typed/long.mp4") && !whole.contains(".part"),
        "{whole}"
    );

    look_for(browser, "gap.mp4", 1).await;
    let gap = said(browser, "gap.mp4", "Incomplete").await;
    assert!(gap.contains("missing parts: 1"), "{gap}");
    browser.press("button", "Repair", None).await.unwrap();
    said(browser, "gap.mp4", "Complete").await;
    let [long, repaired] = ["long.mp4", "gap.mp4"]
        .map(|name| weir_tests::samples::sample_list(&browser.home().join("typed").join(name)).unwrap());
    assert_eq!(repaired, long, "the file becomes the one without a gap");
    browser.press("button", "Delete record", None).await.unwrap();
    browser
        .press("button", "Delete record", Some("Delete record"))
        .await
        .unwrap();
    look_for(browser, "gap.mp4", 0).await;
    look_for(browser, ".mp4", 1).await;
    assert!(browser.home().join("typed/gap.mp4").exists());
    harness.close().await;
}

async fn the_next_browser_finds_what_this_one_left(kind: Kind) {
    let Some(mut harness) = Harness::start(kind, Host::Registered).await else {
        return;
    };
    harness.stream_of(Page::Xhr).await;
    harness.browser.click("capture").await.unwrap();
    let job = harness.browser.finished_job().await.unwrap();
    assert_eq!(job.verdict, "complete");
    let keep = "await chrome.runtime.sendMessage({ type: 'rules', rules: [
        { site: 'weir.example', capture: 'never', quality: 'best', audio: null, subtitles: null, nameTemplate: null, folder: null },
    ] })";
    harness.browser.call(keep).await.unwrap();
    harness.browser.restart().await.unwrap();
    let browser = &harness.browser;
    browser.open(&browser.page("ui/dashboard.html")).await.unwrap();
    let card = wait_for_words(browser, TITLE, "Complete").await;
    assert!(card.contains(&job.output) && card.contains("localhost"), "{card}");
    browser
        .control(
            "link",
            card.lines()
                .filter(|line| !line.is_empty())
                .nth(1)
                .unwrap()
                .split(" · ")
                .next()
                .unwrap(),
            Some(TITLE),
        )
        .await
        .unwrap();
    let kept = "return (await chrome.runtime.sendMessage({ type: 'rules' })).value.map(({ site }) => site)";
    assert_eq!(
        browser.call(kept).await.unwrap(),
        serde_json::json!(["weir.example"])
    );
    // What has taken the file's place is not opened.
    fs::write(&job.output, "another").unwrap();
    browser.driver().refresh().await.unwrap();
    wait_for_words(browser, TITLE, "Complete").await;
    browser
        .control("button", "Show in folder", Some(TITLE))
        .await
        .unwrap();
    assert!(!browser.has_control("button", "Open", Some(TITLE)).await.unwrap());
    harness.close().await;
}
