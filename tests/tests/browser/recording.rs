//! A live stream from click to file: the card while it records, *Stop and save*, and *Discard*.

use std::path::Path;

use thirtyfour::Key;
use weir_tests::browser::Kind;
use weir_tests::demo::{self, Witness};
use weir_tests::site::Page;
use weir_tests::site::live::{SEGMENT_SECONDS, TITLE};

use crate::harness::{Harness, Host, files_below, in_both};

in_both! {
    stop_and_save_ends_a_recording_with_the_frames_of_the_source,
    discard_leaves_no_file_of_a_recording,
    a_gap_is_told_from_when_to_when,
    a_playlist_whose_token_expires_is_followed_under_the_one_that_the_page_has_then,
}

async fn stop_and_save_ends_a_recording_with_the_frames_of_the_source(kind: Kind) {
    let Some(harness) = Harness::start(kind, Host::Registered).await else {
        return;
    };
    let Harness { browser, site } = &harness;
    record(&harness).await;
    // All that the source has, bit by bit: the file is compared with the whole of it.
    for segments in 3..=site.live().len() {
        site.live().publish(1);
        recorded(&harness, segments * SEGMENT_SECONDS).await;
    }
    // By keyboard: who works so is led on to what the finished card offers, and hears how it ended.
    let stop = browser.wait_for("[data-testid=finish]").await.unwrap();
    stop.send_keys(Key::Enter + "").await.unwrap();
    let job = browser.finished_job().await.unwrap();
    let told = "return [document.activeElement.dataset.testid, document.querySelector('#announcements').textContent]";
    assert_eq!(
        browser.call(told).await.unwrap(),
        serde_json::json!(["reveal", format!("{TITLE}: Complete.")])
    );
    assert_eq!(job.verdict, "complete", "{job:?}");
    let length = format!("0:{:02}", site.live().len() * SEGMENT_SECONDS);
    assert!(
        job.text.contains("Complete") && job.text.contains(&length) && job.text.contains(&job.output),
        "{job:?}"
    );
    let output = Path::new(&job.output);
    assert_eq!(files_below(&browser.home().join("Downloads")), [output]);
    let witness = demo::compare(output, site).unwrap();
    assert!(!matches!(witness, Witness::Samples { samples: 0 }));
    harness.close().await;
}

async fn discard_leaves_no_file_of_a_recording(kind: Kind) {
    let Some(harness) = Harness::start(kind, Host::Registered).await else {
        return;
    };
    let browser = &harness.browser;
    record(&harness).await;
    let folder = browser.home().join("Downloads");
    assert_eq!(files_below(&folder).len(), 1, "it is being written");
    browser.click("cancel").await.unwrap();
    let job = browser.finished_job().await.unwrap();
    assert_eq!(
        (job.verdict.as_str(), job.output.as_str()),
        ("cancelled", ""),
        "{job:?}"
    );
    assert!(job.text.contains("Discarded"), "{job:?}");
    assert_eq!(files_below(&folder), [] as [&Path; 0]);
    harness.close().await;
}

async fn a_gap_is_told_from_when_to_when(kind: Kind) {
    let Some(harness) = Harness::start(kind, Host::Registered).await else {
        return;
    };
    let browser = &harness.browser;
    record_with_a_gap(&harness).await;
    let job = browser.jobs().await.unwrap().remove(0);
    assert!(job.text.contains("missing parts: 1"), "{job:?}");
    assert!(!job.text.contains("0:04"), "it is folded away: {job:?}");
    let summary = browser.wait_for("[data-testid=details] summary").await.unwrap();
    summary.click().await.unwrap();
    let missing = browser.wait_for("[data-testid=missing]").await.unwrap();
    assert_eq!(missing.text().await.unwrap(), "0:04 to 0:06");
    assert!(Path::new(&job.output).is_file(), "what is there is kept");
    harness.close().await;
}

/// Records the live page's stream without its third segment, and saves it.
pub(crate) async fn record_with_a_gap(harness: &Harness) {
    let Harness { browser, site } = harness;
    site.lose_live_segment(2);
    record(harness).await;
    site.live().publish(2);
    // The gap has its time in the file, and so in the recording.
    recorded(harness, 4 * SEGMENT_SECONDS).await;
    browser.click("finish").await.unwrap();
    browser
        .wait_for("[data-testid=job][data-verdict=incomplete]")
        .await
        .unwrap();
}

/// Starts to record the live page's stream, and waits until all that is published at first is recorded.
pub(crate) async fn record(harness: &Harness) {
    let Harness { browser, site } = harness;
    harness.stream_of(Page::Live).await;
    let streams = browser.streams().await.unwrap();
    assert_eq!(streams.len(), 1, "{streams:#?}");
    assert_eq!(
        (streams[0].url.as_str(), streams[0].live.as_str()),
        (site.live_url().as_str(), "true")
    );
    assert!(
        streams[0].text.contains(TITLE) && streams[0].text.contains("Live"),
        "{streams:#?}"
    );
    browser.click("capture").await.unwrap();
    recorded(harness, 2 * SEGMENT_SECONDS).await;
}

async fn a_playlist_whose_token_expires_is_followed_under_the_one_that_the_page_has_then(kind: Kind) {
    let Some(harness) = Harness::start(kind, Host::Registered).await else {
        return;
    };
    let Harness { browser, site } = &harness;
    let page = harness.play(Page::Live).await;
    let popup = browser.open_popup(&site.page_url(Page::Live)).await.unwrap();
    browser.click("capture").await.unwrap();
    recorded(&harness, 2 * SEGMENT_SECONDS).await;
    site.want_live_token("token=second");
    // As its player does when its own token has expired.
    browser.switch_to(&page).await.unwrap();
    let read = format!(
        "return fetch('{}?token=second').then((answer) => answer.status)",
        site.live_url()
    );
    assert_eq!(browser.call(&read).await.unwrap(), 200);
    browser.switch_to(&popup).await.unwrap();
    for segments in 3..=site.live().len() {
        site.live().publish(1);
        recorded(&harness, segments * SEGMENT_SECONDS).await;
    }
    browser.click("finish").await.unwrap();
    let job = browser.finished_job().await.unwrap();
    assert_eq!(job.verdict, "complete", "{job:?}");
    let witness = demo::compare(Path::new(&job.output), site).unwrap();
    assert!(!matches!(witness, Witness::Samples { samples: 0 }));
    harness.close().await;
}

/// Waits until the card of the recording says that so much is recorded.
pub(crate) async fn recorded(harness: &Harness, seconds: usize) {
    let browser = &harness.browser;
    let clock = format!("0:{seconds:02}");
    let shown = browser.until(|| async {
        let jobs = browser.jobs().await?;
        let job = jobs.first().filter(|job| job.state == "running");
        Ok(job
            .filter(|job| job.text.contains("Recording") && job.text.contains(&clock))
            .cloned())
    });
    let shown = shown.await.unwrap();
    let jobs = browser.jobs().await.unwrap();
    assert!(shown.is_some(), "no recording of {clock}: {jobs:?}");
}
