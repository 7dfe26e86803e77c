//! What is begun in the browser's own interface: menus of links, keyboard shortcuts, notifications. In Firefox these are the
//! browser's; in Chromium the worker is told what it would be told (`weir_tests::browser::interface`).

use serde_json::json;
use thirtyfour::By;
use weir_tests::browser::{Browser, Kind};
use weir_tests::origin::{Gate, Origin, Reply};
use weir_tests::site::Page;
use weir_tests::streams::committed_stream;

use crate::dashboard::{opened, opener, wait_for_words};
use crate::detection::kill_worker;
use crate::harness::{Harness, Host, in_both, wait_until_said};

in_both! {
    a_link_is_captured_from_its_menu,
    the_keys_for_all_captures_open_them,
    a_click_on_how_a_capture_ended_shows_its_folder,
}

/// A page with links, of which the first is a stream, and the second a list of files.
fn links(origin: &Origin) -> String {
    origin.directory("/stream/", committed_stream().join("low"));
    origin.reply("/list.m3u", Reply::ok("#EXTM3U\n#EXTINF:1,The first\none.mp3\n"));
    let page =
        "<!doctype html><title>Links</title><a id=stream href='/stream/index.m3u8?token=secret'>A stream</a>
        <a id=list href=/list.m3u?token=secret>A list</a>";
    origin.reply("/", Reply::ok(page).with_type("text/html"));
    origin.url("/")
}

/// Right-clicks a link of the page that is shown, and chooses *Capture with Weir*.
async fn choose(browser: &Browser, page: &str, id: &str, target: &str) {
    if browser.kind() == Kind::Firefox {
        let link = browser.driver().find(By::Id(id)).await.unwrap();
        browser.choose_in_menu(&link, "Capture with Weir").await.unwrap();
        return;
    }
    let tab = browser.tab_number(page).await.unwrap();
    let clicked = json!({"menuItemId": "capture", "linkUrl": target, "pageUrl": page, "editable": false});
    let tab = json!({"id": tab, "url": page});
    browser
        .tell_worker("chrome.contextMenus.onClicked", &[clicked, tab])
        .await
        .unwrap();
}

/// What the page says that was opened for a click, as soon as it says so.
async fn wait_until_opened(browser: &Browser, path: &str, words: &str) {
    browser.open(&browser.page("manifest.json")).await.unwrap();
    let script = format!(
        "const pages = chrome.extension.getViews({{ type: 'tab' }});
        return pages.filter(({{ location }}) => location.pathname === '/{path}').map(({{ document }}) => document.body.innerText).join('')"
    );
    wait_until_said(browser, &script, words).await;
}

/// The addresses of the extension's own pages, and closes those that it opened.
async fn close_opened(browser: &Browser) -> Vec<String> {
    let script = "const tabs = await chrome.tabs.query({});
        const opened = tabs.filter(({ url }) => url?.includes('/ui/dashboard.html'));
        await chrome.tabs.remove(opened.map(({ id }) => id));
        return opened.map(({ url }) => url)";
    serde_json::from_value(browser.call(script).await.unwrap()).unwrap()
}

async fn a_link_is_captured_from_its_menu(kind: Kind) {
    let Some(harness) = Harness::start(kind, Host::Registered).await else {
        return;
    };
    let browser = &harness.browser;
    let origin = Origin::start().unwrap();
    let page = links(&origin);
    let tab = browser.open(&page).await.unwrap();
    choose(browser, &page, "list", &origin.url("/list.m3u?token=secret")).await;
    wait_until_opened(browser, "ui/dashboard.html", "A list of 1 file").await;
    let addresses = close_opened(browser).await;
    assert!(
        !addresses.concat().contains("secret") && addresses.len() == 1,
        "{addresses:?}"
    );

    browser.switch_to(&tab).await.unwrap();
    choose(
        browser,
        &page,
        "stream",
        &origin.url("/stream/index.m3u8?token=secret"),
    )
    .await;
    wait_until_opened(browser, "ui/dashboard.html", "stream").await;
    browser.open(&browser.page("ui/dashboard.html")).await.unwrap();
    browser
        .press("button", "Capture stream", Some("stream"))
        .await
        .unwrap();
    wait_for_words(browser, "stream", "Complete").await;
    let asked = origin.requests_for("/stream/index.m3u8");
    assert!(
        asked
            .iter()
            .all(|request| request.header("referer") == Some(&page)),
        "{asked:?}"
    );
    harness.close().await;
}

/// The worker is ended while it looks at what was clicked.
#[tokio::test]
async fn a_worker_that_is_ended_loses_no_click() {
    let Some(harness) = Harness::start(Kind::Chromium, Host::Registered).await else {
        return;
    };
    let browser = &harness.browser;
    let (origin, gate) = (Origin::start().unwrap(), Gate::new());
    let page = links(&origin);
    let list = Reply::ok("#EXTM3U\n#EXTINF:1,The first\none.mp3\n");
    origin.reply("/list.m3u", list.after(&gate));
    browser.open(&page).await.unwrap();
    choose(browser, &page, "list", &origin.url("/list.m3u?token=secret")).await;
    let asked = browser.until(|| async { Ok((!origin.requests_for("/list.m3u").is_empty()).then_some(())) });
    assert!(asked.await.unwrap().is_some());
    kill_worker(browser).await;
    let asked = browser.until(|| async { Ok((origin.requests_for("/list.m3u").len() > 1).then_some(())) });
    assert!(asked.await.unwrap().is_some(), "the next worker does not look");
    gate.open();
    wait_until_opened(browser, "ui/dashboard.html", "A list of 1 file").await;
    harness.close().await;
}

async fn the_keys_for_all_captures_open_them(kind: Kind) {
    let Some(harness) = Harness::start(kind, Host::Registered).await else {
        return;
    };
    let browser = &harness.browser;
    browser.open(&browser.page("manifest.json")).await.unwrap();
    if kind == Kind::Firefox {
        browser.press_keys('a').await.unwrap();
    } else {
        browser
            .tell_worker("chrome.commands.onCommand", &[json!("dashboard")])
            .await
            .unwrap();
    }
    wait_until_opened(browser, "ui/dashboard.html", "All captures").await;
    harness.close().await;
}

async fn a_click_on_how_a_capture_ended_shows_its_folder(kind: Kind) {
    let Some(harness) = Harness::start(kind, Host::Registered).await else {
        return;
    };
    let Harness { browser, site } = &harness;
    let told = opener(browser.home());
    browser.show_notifications().await.unwrap();
    site.hold_segments(2);
    harness.stream_of(Page::Xhr).await;
    let job = harness.capture_unseen().await;
    site.release();
    browser.click_notification(&job).await.unwrap();
    let folder = browser.home().join("Downloads/Weir");
    assert_eq!(opened(browser, &told).await, folder.to_str().unwrap());
    harness.close().await;
}
