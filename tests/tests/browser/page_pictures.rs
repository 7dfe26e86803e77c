//! Pictures of the pages beside the popup, whole, in both languages, both colour schemes, wide and narrow, and what a program
//! can see of how they look.

use serde_json::json;
use weir_tests::browser::{Browser, Kind};

use crate::harness::{Harness, Host};
use crate::pictures::take;

const LANGUAGES: [(&str, &str); 2] = [
    ("en", include_str!("../../../extension/_locales/en/messages.json")),
    (
        "zh_CN",
        include_str!("../../../extension/_locales/zh_CN/messages.json"),
    ),
];

/// In CSS pixels. The second is a phone's, and a window of 640 at 200 %.
const WIDTHS: [(u32, &str); 2] = [(1200, ""), (320, "-narrow")];

/// Opens a page whose background is played, in a language, and returns how high it is in each width.
async fn open(browser: &Browser, path: &str, (locale, texts): (&str, &str), host: &str) {
    let played = format!(
        "{{ const texts = {texts}; const locale = '{locale}'; const host = '{host}'; {} }}",
        include_str!("played.js")
    );
    let tab = browser.open("about:blank").await.unwrap();
    browser.switch_to(&tab).await.unwrap();
    browser.command("Page.enable", json!({})).await.unwrap();
    browser
        .command("Page.addScriptToEvaluateOnNewDocument", json!({"source": played}))
        .await
        .unwrap();
    browser.driver().goto(browser.page(path)).await.unwrap();
}

async fn take_all(browser: &Browser, name: &str, locale: &str) {
    for (width, suffix) in WIDTHS {
        let size = json!({"width": width, "height": 600, "deviceScaleFactor": 1, "mobile": false});
        browser
            .command("Emulation.setDeviceMetricsOverride", size)
            .await
            .unwrap();
        let height = browser
            .call("return document.documentElement.scrollHeight")
            .await
            .unwrap();
        let height = u32::try_from(height.as_u64().unwrap()).unwrap().max(600);
        take(browser, &format!("{name}{suffix}-{locale}"), (width, height)).await;
    }
}

#[tokio::test]
async fn the_first_run_page_is_whole_and_readable_in_both_languages() {
    let Some(harness) = Harness::start(Kind::Chromium, Host::Missing).await else {
        return;
    };
    let browser = &harness.browser;
    for language in LANGUAGES {
        for host in ["missing", "ready"] {
            open(browser, "ui/welcome.html", language, host).await;
            let state = if host == "ready" { "ready" } else { "failed" };
            browser
                .wait_for(&format!("[data-testid=host-state][data-state={state}]"))
                .await
                .unwrap();
            take_all(browser, &format!("welcome-{host}"), language.0).await;
        }
    }
    harness.close().await;
}

#[tokio::test]
async fn all_captures_are_whole_and_readable_in_both_languages() {
    let Some(harness) = Harness::start(Kind::Chromium, Host::Missing).await else {
        return;
    };
    let browser = &harness.browser;
    for language in LANGUAGES {
        open(browser, "ui/dashboard.html", language, "ready").await;
        browser.wait_for("#history li:nth-child(5)").await.unwrap();
        take_all(browser, "dashboard", language.0).await;
        browser
            .wait_for("#history [data-testid=forget]")
            .await
            .unwrap()
            .click()
            .await
            .unwrap();
        browser.wait_for("dialog[open]").await.unwrap();
        take(browser, &format!("dashboard-forget-{}", language.0), (320, 600)).await;
    }
    harness.close().await;
}
