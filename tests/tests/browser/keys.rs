//! Pages that change a stream's key before they play it: the key that they made is found, proven and used.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use weir_tests::browser::Kind;
use weir_tests::demo;
use weir_tests::site::keys::KeyWay;
use weir_tests::site::players::packages;

use crate::harness::{Harness, Host, files_below, in_both};

in_both! {
    a_key_that_the_page_makes_is_found_proven_and_used,
}

async fn a_key_that_the_page_makes_is_found_proven_and_used(kind: Kind) {
    let Some(packages) = packages() else {
        println!("skipped: the players are not installed (cargo xtask setup)");
        return;
    };
    let Some(harness) = Harness::start(kind, Host::Registered).await else {
        return;
    };
    let keys = harness.site.serve_keys(&packages).unwrap();
    let mut broken = Vec::new();
    for way in KeyWay::ALL {
        let problem = capture(&harness, way).await.err();
        println!(
            "{:10} {way:10?} {}",
            kind.name(),
            problem.as_deref().unwrap_or("ok")
        );
        broken.extend(problem);
    }
    assert_eq!(broken, [] as [String; 0]);
    check_no_key_on_the_disk(&harness, &keys);
    harness.close().await;
}

/// Captures from the page of one way; says what is wrong with that.
async fn capture(harness: &Harness, way: KeyWay) -> Result<(), String> {
    let Harness { browser, site } = harness;
    let url = site.key_page_url(way);
    let tab = browser.open(&url).await.unwrap();
    browser.wait_for("body[data-player]").await.unwrap();
    let text = browser.text().await.unwrap();
    if !text.contains("played") {
        return Err(format!("{way:?}: the page is broken: {text}"));
    }
    let before = site.key_readings(way);
    let popup = browser.open_popup(&url).await.unwrap();
    browser.wait_for("[data-testid=stream]").await.unwrap();
    browser.click("capture").await.unwrap();
    let job = browser.finished_job().await.unwrap();
    let said = browser
        .call("return [...document.querySelectorAll('[data-testid=notes]')].map((note) => note.textContent).join()")
        .await
        .unwrap();
    // The next one is alone in the list, also when something is wrong with this one.
    browser
        .call("document.getElementById('clear').click()")
        .await
        .unwrap();
    for window in [popup, tab] {
        browser.switch_to(&window).await.unwrap();
        browser.driver().close_window().await.unwrap();
    }
    let left = browser.driver().windows().await.unwrap();
    browser.switch_to(&left[0]).await.unwrap();
    if job.verdict != "complete" {
        return Err(format!("{way:?}: {job:?}"));
    }
    demo::compare(job.output.as_ref(), site).map_err(|error| format!("{way:?}: {error}"))?;
    // Once by the host, where the address has the key; else to see that it has not.
    let readings = site.key_readings(way) - before;
    if readings != 1 {
        return Err(format!("{way:?}: the key was asked for {readings} times"));
    }
    if said.to_string().contains("changes this stream's key") == (way == KeyWay::Plain) {
        return Err(format!("{way:?}: the popup says: {said}"));
    }
    Ok(())
}

/// The host's own files, its journal and its logs, have none of these keys in any form.
#[track_caller]
pub(crate) fn check_no_key_on_the_disk(harness: &Harness, keys: &[Bytes]) {
    for key in keys {
        let hex = format!("{:032x}", u128::from_be_bytes(key[..].try_into().unwrap()));
        let upper = hex.to_uppercase();
        let base64 = STANDARD.encode(key);
        check_not_on_the_disk(
            harness,
            &[&key[..], hex.as_bytes(), upper.as_bytes(), base64.as_bytes()],
        );
    }
}

/// The same of any secrets.
#[track_caller]
pub(crate) fn check_not_on_the_disk(harness: &Harness, secrets: &[&[u8]]) {
    let home = harness.browser.home();
    let files: Vec<_> = [".local/share/weir", ".local/state/weir", ".config/weir"]
        .iter()
        .flat_map(|folder| files_below(&home.join(folder)))
        .collect();
    assert!(
        files.iter().any(|path| path.ends_with("journal.sqlite")),
        "{files:?}"
    );
    for path in &files {
        let bytes = fs::read(path).unwrap();
        for secret in secrets {
            let has = bytes.windows(secret.len()).any(|window| window == *secret);
            assert!(!has, "a secret is in {}", path.display());
        }
    }
}
