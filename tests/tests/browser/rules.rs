//! Players that ask for segments elsewhere than their playlists say, where nothing answers: they are followed.

use std::path::Path;

use weir_tests::browser::Kind;
use weir_tests::demo::{self, Witness};
use weir_tests::media;
use weir_tests::origin::{Origin, Request};
use weir_tests::site::rules::Join;
use weir_tests::site::{Quality, Site};

use crate::detection::kill_worker;
use crate::harness::{Harness, Host, in_both};

in_both! {
    segments_on_another_host_are_found,
    segments_below_other_folders_are_found,
    segments_that_want_a_query_get_it,
    each_level_is_found_on_its_host,
    so_is_a_quality_that_the_page_does_not_play,
    a_page_that_asks_as_its_playlist_says_costs_no_request,
}

/// Plays a page and opens the popup for it.
async fn play(harness: &Harness, join: Join) {
    let Harness { browser, site } = harness;
    let page = site.join_url(join);
    browser.open(&page).await.unwrap();
    browser.wait_for("[data-player]").await.unwrap();
    let text = browser.text().await.unwrap();
    assert!(!text.contains("Error"), "the player failed: {text}");
    browser.open_popup(&page).await.unwrap();
    browser.wait_for("[data-testid=stream]").await.unwrap();
}

/// Captures the stream, compares the file with the source, and returns what the popup says.
async fn capture(harness: &Harness, quality: Quality) -> String {
    let Harness { browser, site } = harness;
    browser.click("capture").await.unwrap();
    let job = browser.finished_job().await.unwrap();
    assert_eq!(job.verdict, "complete", "{job:?}");
    let output = Path::new(&job.output);
    let witness = match quality {
        Quality::High => demo::compare(output, site),
        Quality::Low => demo::same_when_decoded(output, &site.source(quality)),
    };
    let witness = witness.unwrap();
    assert!(!matches!(witness, Witness::Samples { samples: 0 }));
    let said = "return [...document.querySelectorAll('[data-testid=notes]')].map((note) => note.textContent)";
    browser.call(said).await.unwrap().to_string()
}

/// The requests for segments in a join's folder, wherever it is on that host.
fn segments(origin: &Origin, join: Join) -> Vec<Request> {
    let requests = origin.requests().into_iter();
    requests
        .filter(|request| request.path().contains(&join.folder()) && !request.path().ends_with("/index.m3u8"))
        .collect()
}

/// Of the address that the playlist names one byte is asked for, once; of the others one that the page had not.
fn check_probes(site: &Site, join: Join) {
    let all = [segments(site.media(), join), segments(site.other_host(), join)].concat();
    let probes = all
        .iter()
        .filter(|request| request.header("range") == Some("bytes=0-0"))
        .count();
    assert_eq!(probes, 2, "{all:#?}");
}

async fn segments_on_another_host_are_found(kind: Kind) {
    let Some(harness) = Harness::start(kind, Host::Registered).await else {
        return;
    };
    play(&harness, Join::Host).await;
    let said = capture(&harness, Quality::High).await;
    let host = |origin: &Origin| origin.url("").trim_start_matches("http://").to_owned();
    for origin in [harness.site.media(), harness.site.other_host()] {
        assert!(said.contains(&host(origin)), "{said}");
    }
    check_probes(&harness.site, Join::Host);
    harness.close().await;
}

async fn segments_below_other_folders_are_found(kind: Kind) {
    let Some(harness) = Harness::start(kind, Host::Registered).await else {
        return;
    };
    play(&harness, Join::Prefix).await;
    let said = capture(&harness, Quality::High).await;
    assert!(said.contains("127.0.0.1"), "{said}");
    check_probes(&harness.site, Join::Prefix);
    harness.close().await;
}

async fn segments_that_want_a_query_get_it(kind: Kind) {
    let Some(harness) = Harness::start(kind, Host::Registered).await else {
        return;
    };
    play(&harness, Join::Query).await;
    let said = capture(&harness, Quality::High).await;
    assert!(said.contains("127.0.0.1") && !said.contains("token"), "{said}");
    check_probes(&harness.site, Join::Query);
    harness.close().await;
}

async fn each_level_is_found_on_its_host(kind: Kind) {
    let Some(harness) = Harness::start(kind, Host::Registered).await else {
        return;
    };
    play(&harness, Join::Levels).await;
    let said = capture(&harness, Quality::High).await;
    assert!(said.contains("localhost"), "{said}");
    harness.close().await;
}

async fn so_is_a_quality_that_the_page_does_not_play(kind: Kind) {
    if media::skip_without_ffmpeg("a quality that the page does not play") {
        return;
    }
    let Some(harness) = Harness::start(kind, Host::Registered).await else {
        return;
    };
    play(&harness, Join::Levels).await;
    harness.browser.choose_quality("90p").await.unwrap();
    capture(&harness, Quality::Low).await;
    harness.close().await;
}

/// The browser ends the worker: what the page had asked for was seen by the last one alone.
#[tokio::test]
async fn what_a_page_has_asked_for_outlives_the_worker() {
    let Some(harness) = Harness::start(Kind::Chromium, Host::Registered).await else {
        return;
    };
    play(&harness, Join::Host).await;
    let kept = "return JSON.stringify(await chrome.storage.session.get()).includes('\"asked:')";
    let kept = harness
        .browser
        .until(|| async { Ok((harness.browser.call(kept).await? == true).then_some(())) });
    assert!(kept.await.unwrap().is_some(), "nothing is kept");
    kill_worker(&harness.browser).await;
    capture(&harness, Quality::High).await;
    harness.close().await;
}

async fn a_page_that_asks_as_its_playlist_says_costs_no_request(kind: Kind) {
    let Some(harness) = Harness::start(kind, Host::Registered).await else {
        return;
    };
    play(&harness, Join::Plain).await;
    assert_eq!(capture(&harness, Quality::High).await, "[]");
    let mut asked: Vec<String> = segments(harness.site.media(), Join::Plain)
        .iter()
        .map(|request| request.path().to_owned())
        .collect();
    let total = asked.len();
    asked.sort();
    asked.dedup();
    // The page's three, and each once for the host.
    assert_eq!(total, asked.len() + 3);
    harness.close().await;
}
