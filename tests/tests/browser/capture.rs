//! From click to file.

use std::path::Path;

use weir_tests::browser::Kind;
use weir_tests::demo::{self, Witness};
use weir_tests::media;
use weir_tests::site::{HOSTILE_TITLE, Page, Quality, TITLE};

use crate::detection::badge;
use crate::harness::{Harness, Host, clipboard, in_both};

in_both! {
    a_stream_is_copied_as_a_command_that_captures_it,
    a_click_makes_a_file_with_the_frames_of_the_source,
    a_player_that_asks_by_fetch_is_seen_too,
    the_lower_quality_is_captured_when_it_is_chosen,
    a_hostile_title_is_text_in_the_popup_and_harmless_in_the_file_name,
}

async fn a_click_makes_a_file_with_the_frames_of_the_source(kind: Kind) {
    let Some(harness) = Harness::start(kind, Host::Registered).await else {
        return;
    };
    let Harness { browser, site } = &harness;
    harness.stream_of(Page::Xhr).await;
    let streams = browser.streams().await.unwrap();
    assert_eq!(
        streams.len(),
        1,
        "the multivariant playlist and its variants are one: {streams:#?}"
    );
    assert_eq!(streams[0].url, site.master_url());
    let marks = (
        streams[0].kind.as_str(),
        streams[0].live.as_str(),
        streams[0].encrypted.as_str(),
    );
    assert_eq!(marks, ("multivariant", "false", "true"), "{streams:#?}");
    assert!(
        streams[0].text.contains(TITLE) && streams[0].text.contains("127.0.0.1"),
        "{streams:#?}"
    );
    assert_eq!(badge(browser).await, "1");

    browser.click("capture").await.unwrap();
    let job = browser.finished_job().await.unwrap();
    assert_eq!(job.verdict, "complete", "{job:?}");
    let output = Path::new(&job.output);
    assert!(
        output.starts_with(browser.home()) && output.extension().is_some_and(|ext| ext == "mp4"),
        "{job:?}"
    );
    assert!(
        output
            .file_name()
            .unwrap()
            .to_string_lossy()
            .starts_with("Lecture 7"),
        "{job:?}"
    );
    let witness = demo::compare(output, site).unwrap();
    assert!(!matches!(witness, Witness::Samples { samples: 0 }));
    assert!(!output.with_extension("mp4.part").exists());
    harness.close().await;
}

/// What is copied is pasted into a shell, as a person would: it has the page's Referer and the session's cookie.
async fn a_stream_is_copied_as_a_command_that_captures_it(kind: Kind) {
    let Some(harness) = Harness::start(kind, Host::Registered).await else {
        return;
    };
    let Harness { browser, site } = &harness;
    harness.stream_of(Page::Xhr).await;
    browser.click("copy-as").await.unwrap();
    for tool in ["ffmpeg", "yt-dlp", "N_m3u8DL-RE", "weir"] {
        browser.click(&format!("copy-{tool}")).await.unwrap();
        let copied = format!("[data-testid='copy-{tool}']");
        let copied = browser.until(|| async {
            let text = browser.wait_for(&copied).await?.text().await?;
            Ok((text == format!("{tool}: Copied")).then_some(()))
        });
        assert!(copied.await.unwrap().is_some(), "{tool}");
    }
    if let Some(read) = clipboard(browser, kind).await {
        let command = read.replacen("weir get", "weir get --allow-private -o copied.mp4", 1);
        let folder = tempfile::tempdir().unwrap();
        let weir = weir_tests::program::weir().unwrap();
        let path = std::env::var_os("PATH").unwrap();
        let path = std::env::join_paths(
            std::iter::once(weir.parent().unwrap().to_owned()).chain(std::env::split_paths(&path)),
        );
        let shell = std::process::Command::new("sh")
            .args(["-c", &command])
            .current_dir(folder.path())
            .env("HOME", folder.path())
            .env("PATH", path.unwrap())
            .output()
            .unwrap();
        assert!(
            shell.status.success(),
            "{command}\n{}",
            String::from_utf8_lossy(&shell.stderr)
        );
        demo::compare(&folder.path().join("copied.mp4"), site).unwrap();
    }
    harness.close().await;
}

async fn a_player_that_asks_by_fetch_is_seen_too(kind: Kind) {
    let Some(harness) = Harness::start(kind, Host::Registered).await else {
        return;
    };
    harness.stream_of(Page::Fetch).await;
    harness.browser.click("capture").await.unwrap();
    let job = harness.browser.finished_job().await.unwrap();
    assert_eq!(job.verdict, "complete", "{job:?}");
    demo::compare(Path::new(&job.output), &harness.site).unwrap();
    harness.close().await;
}

async fn the_lower_quality_is_captured_when_it_is_chosen(kind: Kind) {
    if media::skip_without_ffmpeg("the lower quality") {
        return;
    }
    let Some(harness) = Harness::start(kind, Host::Registered).await else {
        return;
    };
    harness.stream_of(Page::Xhr).await;
    harness.browser.choose_quality("90p").await.unwrap();
    harness.browser.click("capture").await.unwrap();
    let job = harness.browser.finished_job().await.unwrap();
    assert_eq!(job.verdict, "complete", "{job:?}");
    demo::same_when_decoded(Path::new(&job.output), &harness.site.source(Quality::Low)).unwrap();
    harness.close().await;
}

async fn a_hostile_title_is_text_in_the_popup_and_harmless_in_the_file_name(kind: Kind) {
    let Some(harness) = Harness::start(kind, Host::Registered).await else {
        return;
    };
    let browser = &harness.browser;
    harness.stream_of(Page::HostileTitle).await;
    let text = browser.text().await.unwrap();
    assert!(
        text.contains("<img src=x onerror="),
        "{HOSTILE_TITLE:?} is not shown as text: {text}"
    );
    let hacked = "return document.body.dataset.hacked ?? document.querySelectorAll('img[src=x]').length";
    assert_eq!(browser.call(hacked).await.unwrap(), 0);

    browser.click("capture").await.unwrap();
    let job = browser.finished_job().await.unwrap();
    assert_eq!(job.verdict, "complete", "{job:?}");
    let output = Path::new(&job.output);
    let name = output.file_name().unwrap().to_string_lossy();
    let is_bad = |c: char| c.is_control() || "<>:\"/\\|?*\u{202e}".contains(c);
    assert!(!name.contains(is_bad) && !name.starts_with('.'), "{name:?}");
    assert_eq!(
        output.parent().unwrap(),
        browser.home().join("Downloads/Weir"),
        "it stays in the chosen folder"
    );
    assert_eq!(browser.call(hacked).await.unwrap(), 0);
    harness.close().await;
}
