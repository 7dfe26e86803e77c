//! faults.md, 6: links that live for three seconds, and captures that take longer.

use std::path::Path;
use std::time::{Duration, Instant};

use weir_tests::browser::Kind;
use weir_tests::demo::{self, Witness};
use weir_tests::site::Page;
use weir_tests::site::expiring::LIFETIME;

use crate::harness::{Harness, Host, in_both};

in_both! {
    links_that_expire_are_read_again_and_the_file_is_whole,
    what_the_page_reads_itself_renews_links_that_only_it_can_get,
    a_tab_that_is_closed_is_told,
}

/// Captures from a page with one segment at a time.
async fn capture_slowly(harness: &Harness, page: Page) {
    harness.one_by_one();
    harness.stream_of(page).await;
    // What the page had when it was opened is of no use any more.
    tokio::time::sleep(LIFETIME).await;
    harness.browser.click("capture").await.unwrap();
}

async fn check_whole(harness: &Harness) {
    let job = harness.browser.finished_job().await.unwrap();
    assert_eq!(job.verdict, "complete", "{job:?}");
    let witness = demo::compare(Path::new(&job.output), &harness.site).unwrap();
    assert!(!matches!(witness, Witness::Samples { samples: 0 }));
}

async fn links_that_expire_are_read_again_and_the_file_is_whole(kind: Kind) {
    let Some(harness) = Harness::start(kind, Host::Registered).await else {
        return;
    };
    capture_slowly(&harness, Page::Expiring).await;
    harness
        .browser
        .wait_for("[data-testid=job][data-state=running]")
        .await
        .unwrap();
    check_whole(&harness).await;
    // Once for the page, and then each time that the links had expired.
    let readings = harness.site.expiring_readings();
    assert!((3..=9).contains(&readings), "{readings}");
    let taken = harness.site.expiring_taken();
    let segments = taken.iter().filter(|(path, _)| path.contains("/segments/"));
    for (path, count) in segments {
        assert!(
            *count <= 2,
            "the page's player and the host, and no other: {path} {count}"
        );
    }
    harness.close().await;
}

async fn what_the_page_reads_itself_renews_links_that_only_it_can_get(kind: Kind) {
    let Some(harness) = Harness::start(kind, Host::Registered).await else {
        return;
    };
    capture_slowly(&harness, Page::Tickets).await;
    check_whole(&harness).await;
    harness.close().await;
}

async fn a_tab_that_is_closed_is_told(kind: Kind) {
    let Some(harness) = Harness::start(kind, Host::Registered).await else {
        return;
    };
    let browser = &harness.browser;
    let page = harness.play(Page::Expiring).await;
    harness.one_by_one();
    let popup = browser
        .open_popup(&harness.site.page_url(Page::Expiring))
        .await
        .unwrap();
    browser.click("capture").await.unwrap();
    let begun = "[data-testid=job][data-state=running]";
    browser.wait_for(begun).await.unwrap();
    browser.switch_to(&page).await.unwrap();
    browser.driver().close_window().await.unwrap();
    let closed = Instant::now();
    browser.switch_to(&popup).await.unwrap();
    let job = browser.finished_job().await.unwrap();
    assert_eq!(job.verdict, "failed", "{job:?}");
    let error = browser.wait_for("[data-testid=error]").await.unwrap();
    let code = error.attr("data-code").await.unwrap();
    assert_eq!(code.as_deref(), Some("tab-gone"), "{job:?}");
    assert!(
        closed.elapsed() < Duration::from_secs(20),
        "it was looked for in vain"
    );
    harness.close().await;
}
