//! What the popup lists, and what it must not.

use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep};
use weir_tests::browser::{Browser, Kind};
use weir_tests::site::Page;

use crate::harness::{Harness, Host, in_both};

in_both! {
    a_video_that_plays_unseen_is_told,
    what_only_looks_like_a_stream_is_not_listed,
    another_page_in_the_tab_clears_the_list_and_the_badge,
}

/// Longer than the extension waits before it reads a candidate for itself (0.7 s).
const SETTLING: Duration = Duration::from_secs(2);

async fn what_only_looks_like_a_stream_is_not_listed(kind: Kind) {
    let Some(harness) = Harness::start(kind, Host::Registered).await else {
        return;
    };
    let Harness { browser, site } = &harness;
    // The page asks for its decoys first and for a stream last: once that is listed, the decoys were judged or are
    // about to be.
    harness.stream_of(Page::Decoys).await;
    let until = Instant::now() + SETTLING;
    while Instant::now() < until {
        let listed: Vec<String> = browser
            .streams()
            .await
            .unwrap()
            .into_iter()
            .map(|stream| stream.url)
            .collect();
        assert_eq!(listed, [site.master_url()]);
        sleep(Duration::from_millis(100)).await;
    }
    let asked = |path: &str| !site.media().requests_for(path).is_empty();
    for decoy in [
        "/decoys/login.m3u8",
        "/decoys/gone.m3u8",
        "/decoys/collect",
        "/decoys/words.txt",
    ] {
        assert!(asked(decoy), "the page did not ask for {decoy}");
    }
    harness.close().await;
}

/// A page that feeds a video by script, of whose playlist nothing was seen: the last witness.
async fn a_video_that_plays_unseen_is_told(kind: Kind) {
    let Some(harness) = Harness::start(kind, Host::Registered).await else {
        return;
    };
    let Harness { browser, site } = &harness;
    let page = site.page_url(Page::Empty);
    let tab = browser.open(&page).await.unwrap();
    let popup = browser.open_popup(&page).await.unwrap();
    browser.wait_for("#hint:not([hidden])").await.unwrap();
    browser.wait_for("#unseen[hidden]").await.unwrap();

    browser.switch_to(&tab).await.unwrap();
    let feed = "const video = document.createElement('video');
        video.src = URL.createObjectURL(new MediaSource());
        document.body.append(video);
        await new Promise((resolve) => setTimeout(resolve, 100));
        return video.currentSrc.startsWith('blob:')";
    assert_eq!(browser.call(feed).await.unwrap(), true);
    browser.switch_to(&popup).await.unwrap();
    browser.driver().refresh().await.unwrap();
    browser.wait_for("#unseen:not([hidden])").await.unwrap();
    browser.wait_for("#hint[hidden]").await.unwrap();
    assert!(
        browser
            .text()
            .await
            .unwrap()
            .contains("no playlist of it was seen")
    );
    harness.close().await;
}

async fn another_page_in_the_tab_clears_the_list_and_the_badge(kind: Kind) {
    let Some(harness) = Harness::start(kind, Host::Registered).await else {
        return;
    };
    let Harness { browser, site } = &harness;
    let page = harness.play(Page::Xhr).await;
    let popup = browser.open_popup(&site.page_url(Page::Xhr)).await.unwrap();
    browser.wait_for("[data-testid=stream]").await.unwrap();
    assert_eq!(badge(browser).await, "1");

    browser.switch_to(&page).await.unwrap();
    browser.driver().goto(site.page_url(Page::Empty)).await.unwrap();
    browser.switch_to(&popup).await.unwrap();
    browser.wait_gone("[data-testid=stream]").await.unwrap();
    browser.wait_for("#empty:not([hidden])").await.unwrap();
    let cleared = browser.until(|| async { Ok((badge(browser).await == "").then_some(())) });
    assert!(cleared.await.unwrap().is_some(), "the badge stays");
    harness.close().await;
}

/// To a page, an extension that starts anew is one that comes later: what was known of it is gone. In Firefox only: an
/// extension of Chromium's command line does not come back from a reload.
#[tokio::test]
async fn a_page_that_was_open_before_the_extension_is_looked_into() {
    let Some(harness) = Harness::start(Kind::Firefox, Host::Missing).await else {
        return;
    };
    let Harness { browser, site } = &harness;
    let page = harness.play(Page::Xhr).await;
    let popup = browser.open_popup(&site.page_url(Page::Xhr)).await.unwrap();
    browser.wait_for("[data-testid=stream]").await.unwrap();
    // Its own tab goes with it.
    let reload = "setTimeout(() => chrome.runtime.reload(), 100)";
    browser.call(reload).await.unwrap();
    let closed = browser.until(|| async {
        let open = browser.driver().windows().await?;
        Ok((!open.contains(&popup)).then_some(()))
    });
    assert!(
        closed.await.unwrap().is_some(),
        "the extension was not started anew"
    );
    browser.switch_to(&page).await.unwrap();
    let back = browser.until(|| async { Ok(browser.tab_numbers().await.ok().map(drop)) });
    assert!(back.await.unwrap().is_some(), "the extension does not come back");
    browser.open_popup(&site.page_url(Page::Xhr)).await.unwrap();
    browser.wait_for("[data-testid=stream]").await.unwrap();
    let streams = browser.streams().await.unwrap();
    assert_eq!(streams.len(), 1, "{streams:#?}");
    assert_eq!(streams[0].url, site.master_url());

    // And from now on it sees what the page reads, in an address that tells nothing.
    browser.switch_to(&page).await.unwrap();
    let read = format!(
        "return (await fetch('{}')).text()",
        site.media().url("/delivery/xhr-text/video.bin")
    );
    assert!(
        browser
            .call(&read)
            .await
            .unwrap()
            .as_str()
            .unwrap()
            .starts_with("#EXTM3U")
    );
    browser.open_popup(&site.page_url(Page::Xhr)).await.unwrap();
    browser
        .wait_for("[data-testid=stream]:nth-child(2)")
        .await
        .unwrap();
    assert_eq!(browser.streams().await.unwrap().len(), 2);
    harness.close().await;
}

#[tokio::test]
async fn streams_are_still_listed_after_the_worker_was_killed() {
    let Some(harness) = Harness::start(Kind::Chromium, Host::Registered).await else {
        return;
    };
    let Harness { browser, site } = &harness;
    harness.stream_of(Page::Xhr).await;
    let before = browser.streams().await.unwrap();
    let popup = browser.driver().current_url().await.unwrap().to_string();
    let old = worker(browser).await;
    assert!(old.is_string(), "no worker: {old}");

    // The popup's port would wake it at once, so the tab shows something else meanwhile.
    browser.driver().goto("about:blank").await.unwrap();
    kill_worker(browser).await;
    browser.driver().goto(&popup).await.unwrap();
    browser.wait_for("[data-testid=stream]").await.unwrap();
    assert_eq!(browser.streams().await.unwrap(), before);
    let new = worker(browser).await;
    assert!(
        new.is_string() && new != old,
        "the worker was not killed: {old}, {new}"
    );

    browser.click("capture").await.unwrap();
    let job = browser.finished_job().await.unwrap();
    assert_eq!(job.verdict, "complete", "{job:?}");
    weir_tests::demo::compare(job.output.as_ref(), site).unwrap();
    harness.close().await;
}

/// The badge of the popup's tab.
pub(crate) async fn badge(browser: &Browser) -> Value {
    let script = "const tab = Number(new URL(location).searchParams.get('tab'));
        return chrome.action.getBadgeText({tabId: tab})";
    browser.call(script).await.unwrap()
}

/// What names the worker that runs now; another one has another name.
async fn worker(browser: &Browser) -> Value {
    let script = "const contexts = await chrome.runtime.getContexts({contextTypes: ['BACKGROUND']});
        return contexts[0]?.contextId ?? null";
    browser.call(script).await.unwrap()
}

/// Ends the extension's worker as the browser does when it likes: Chromium only.
pub(crate) async fn kill_worker(browser: &Browser) {
    let targets = browser
        .command("Target.getTargets", serde_json::json!({}))
        .await
        .unwrap();
    let worker = targets["targetInfos"].as_array().unwrap().iter().find(|target| {
        target["type"] == "service_worker"
            && target["url"].as_str().unwrap().starts_with("chrome-extension://")
    });
    let id = &worker.expect("the worker runs")["targetId"];
    browser
        .command("Target.closeTarget", serde_json::json!({"targetId": id}))
        .await
        .unwrap();
}
