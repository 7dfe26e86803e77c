//! The extension's pages beside the list of streams: what they say without a host, and the options.

use std::path::Path;

use weir_tests::browser::{Browser, Kind};
use weir_tests::program;
use weir_tests::site::Page;

use crate::harness::{Harness, Host, in_both};

in_both! {
    without_a_host_the_popup_names_the_command_that_installs_it,
    the_options_page_changes_the_folder_and_refuses_a_bad_one,
    the_first_run_page_turns_to_ready_when_the_host_is_installed,
    how_a_capture_ended_is_told_when_no_page_is_open,
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
    assert_eq!(command.await.unwrap().as_deref(), Some("./install.sh"));
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

/// That it opens by itself is seen at the start of every browser.
async fn the_first_run_page_turns_to_ready_when_the_host_is_installed(kind: Kind) {
    let Some(harness) = Harness::start(kind, Host::Missing).await else {
        return;
    };
    let browser = &harness.browser;
    browser.open(&browser.page("ui/welcome.html")).await.unwrap();
    browser.control("heading", "Welcome to Weir", None).await.unwrap();
    browser.press("button", "Try again", None).await.unwrap();
    let text = browser.text().await.unwrap();
    assert!(
        text.contains("cargo xtask install") && text.contains("Host not connected"),
        "{text}"
    );
    // Chromium gives an extension that is loaded from a folder at its start no keys; Firefox does.
    let keys = "const all = await chrome.commands.getAll();
        return [all.find(({ name }) => name === '_execute_action').shortcut, document.getElementById('shortcut').innerText]";
    let keys: [String; 2] = serde_json::from_value(browser.call(keys).await.unwrap()).unwrap();
    let wanted = match (kind, keys[0].as_str()) {
        (Kind::Firefox, keys) => {
            assert_eq!(keys, "Alt+Shift+W");
            "By keyboard, Alt+Shift+W opens the popup."
        }
        (Kind::Chromium, "") => "No keyboard shortcut is set.",
        (Kind::Chromium, keys) => keys,
    };
    assert!(keys[1].contains(wanted), "{keys:?}");
    let unexplained =
        "return [...document.querySelectorAll('#permissions dd')].filter((one) => !one.textContent).length";
    assert_eq!(browser.call(unexplained).await.unwrap(), 0);
    for permission in ["Access to all sites", "nativeMessaging", "notifications"] {
        assert!(text.contains(permission), "{permission}: {text}");
    }
    browser.control("link", "Settings", None).await.unwrap();

    browser.register_host(&program::weir().unwrap()).unwrap();
    browser
        .wait_for("[data-testid=host-state][data-state=ready]")
        .await
        .unwrap();
    let text = browser.text().await.unwrap();
    assert!(
        text.contains("Nothing more to install.") && !text.contains("cargo xtask install"),
        "{text}"
    );
    browser.press("link", "All captures", None).await.unwrap();
    browser.control("heading", "All captures", None).await.unwrap();
    harness.close().await;
}

async fn how_a_capture_ended_is_told_when_no_page_is_open(kind: Kind) {
    let Some(harness) = Harness::start(kind, Host::Registered).await else {
        return;
    };
    let Harness { browser, site } = &harness;
    site.hold_segments(2);
    harness.stream_of(Page::Xhr).await;
    let job = harness.capture_unseen().await;
    let under_way = "return await chrome.action.getBadgeText({})";
    assert_eq!(browser.call(under_way).await.unwrap(), "1");
    // Where nothing can show it, it is closed at once.
    let listen = "const heard = document.documentElement.dataset;
        for (const event of ['onShown', 'onClosed'])
            chrome.notifications[event]?.addListener((id) => { heard.told = id; })";
    browser.call(listen).await.unwrap();
    site.release();
    let told = "const { told } = document.documentElement.dataset;
        return told === undefined ? Object.keys(await chrome.notifications.getAll()) : [told]";
    let told = browser.until(|| async {
        let told = browser.call(told).await?;
        Ok(told.as_array().filter(|all| !all.is_empty()).cloned())
    });
    assert_eq!(told.await.unwrap().unwrap(), [job]);
    assert_eq!(browser.call(under_way).await.unwrap(), "");
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
