//! The extension's pages beside the list of streams: what they say without a host, and the options.

use std::path::Path;

use weir_tests::browser::{Browser, Kind};
use weir_tests::site::Page;

use crate::harness::{Harness, Host, in_both};

in_both! {
    without_a_host_the_popup_names_the_command_that_installs_it,
    the_options_page_changes_the_folder_and_refuses_a_bad_one,
}

async fn without_a_host_the_popup_names_the_command_that_installs_it(kind: Kind) {
    let Some(harness) = Harness::start(kind, Host::Missing).await else {
        return;
    };
    harness.stream_of(Page::Xhr).await;
    // Each view of the background draws the notice anew, and an element that was found may be gone.
    let browser = &harness.browser;
    let shown = "const command = document.querySelector('[data-testid=install-command]');
        return command?.checkVisibility() ? command.innerText : null";
    let command = browser.until(|| async { Ok(browser.call(shown).await?.as_str().map(str::to_owned)) });
    assert_eq!(command.await.unwrap().as_deref(), Some("cargo xtask install"));
    assert_eq!(
        harness.browser.streams().await.unwrap().len(),
        1,
        "streams are listed without a host too"
    );
    harness.close().await;
}

async fn the_options_page_changes_the_folder_and_refuses_a_bad_one(kind: Kind) {
    let Some(harness) = Harness::start(kind, Host::Registered).await else {
        return;
    };
    let browser = &harness.browser;
    let chosen = browser.home().join("my films");
    std::fs::create_dir(&chosen).unwrap();
    open_options(browser).await;
    save(browser, chosen.to_str().unwrap()).await;
    let saved = browser.until(|| async { Ok((!text_of(browser, "#saved").await.is_empty()).then_some(())) });
    assert!(
        saved.await.unwrap().is_some(),
        "{}",
        browser.text().await.unwrap()
    );

    for bad in ["relative/folder", "/no/such/folder/anywhere"] {
        open_options(browser).await;
        assert_eq!(folder(browser).await, chosen.to_str().unwrap(), "it was kept");
        save(browser, bad).await;
        browser
            .wait_for("[data-testid=settings-error]:not([hidden])")
            .await
            .unwrap();
        let problem = text_of(browser, "[data-testid=settings-error]").await;
        assert!(problem.contains("folder"), "{bad}: {problem}");
    }

    harness.stream_of(Page::Xhr).await;
    browser.click("capture").await.unwrap();
    let job = browser.finished_job().await.unwrap();
    assert_eq!(
        (job.verdict.as_str(), Path::new(&job.output).parent()),
        ("complete", Some(chosen.as_path()))
    );
    harness.close().await;
}

/// Opens the options and waits until the host's settings are in the fields.
async fn open_options(browser: &Browser) {
    browser.open(&browser.page("ui/options.html")).await.unwrap();
    browser
        .wait_for("[data-testid=output-folder]:not(:disabled)")
        .await
        .unwrap();
}

async fn save(browser: &Browser, folder: &str) {
    let field = browser.wait_for("[data-testid=output-folder]").await.unwrap();
    field.clear().await.unwrap();
    field.send_keys(folder).await.unwrap();
    browser.click("save").await.unwrap();
}

async fn folder(browser: &Browser) -> String {
    let field = browser.wait_for("[data-testid=output-folder]").await.unwrap();
    field.prop("value").await.unwrap().unwrap_or_default()
}

async fn text_of(browser: &Browser, css: &str) -> String {
    browser.wait_for(css).await.unwrap().text().await.unwrap()
}
