//! The pages as they look, whole, in both languages and both colour schemes: pictures of those beside the popup, wide and
//! narrow, and what programs can see of them (`looks.js`, axe-core). In Firefox axe-core alone.

use std::fs;
use std::path::Path;

use serde_json::json;
use tempfile::TempDir;
use weir_tests::browser::{Browser, Kind};
use weir_tests::program;

use crate::harness::{Harness, Host};
use crate::pictures::{SCHEMES, take};

const LANGUAGES: [&str; 2] = ["en", "zh_CN"];

/// In CSS pixels. The second is a phone's, the third the first one at 200 %.
const WIDTHS: [(u32, &str); 3] = [(1200, ""), (320, "-narrow"), (600, "-zoomed")];

/// A page in one of its states.
struct Played {
    /// Of its pictures.
    name: &'static str,
    /// Below the extension's folder.
    path: &'static str,
    /// Whether the host answers.
    host: &'static str,
    /// Whether there is something on it.
    shown: &'static str,
    /// What is there when it is drawn.
    drawn: &'static str,
}

const PAGES: [Played; 12] = [
    page(
        "welcome-missing",
        "ui/welcome.html?tab=7",
        "missing",
        "some",
        "[data-state=failed]",
    ),
    page(
        "welcome-ready",
        "ui/welcome.html?tab=7",
        "ready",
        "some",
        "[data-state=ready]",
    ),
    page(
        "dashboard",
        "ui/dashboard.html?tab=7",
        "ready",
        "some",
        "#history li:nth-child(6)",
    ),
    page(
        "dashboard-empty",
        "ui/dashboard.html?tab=7",
        "ready",
        "none",
        "#none:not([hidden])",
    ),
    page(
        "options-missing",
        "ui/options.html?tab=7",
        "missing",
        "some",
        "[data-state=failed]",
    ),
    page(
        "options-ready",
        "ui/options.html?tab=7",
        "ready",
        "some",
        "#fields:not(:disabled)",
    ),
    page(
        "popup-empty",
        "ui/popup.html?tab=7",
        "ready",
        "none",
        "#empty:not([hidden])",
    ),
    page(
        "popup-missing",
        "ui/popup.html?tab=7",
        "missing",
        "none",
        "#notice:not([hidden])",
    ),
    page(
        "popup-ignored",
        "ui/popup.html?tab=7",
        "ready",
        "hidden",
        "#ignored:not([hidden])",
    ),
    page(
        "popup-streams",
        "ui/popup.html?tab=7",
        "ready",
        "some",
        "#streams li:nth-child(5)",
    ),
    page(
        "trace-found",
        "ui/trace.html?tab=7",
        "ready",
        "some",
        "#chains > *",
    ),
    page("images-played", "ui/images.html?tab=7", "ready", "some", ".lost"),
];

const fn page(
    name: &'static str,
    path: &'static str,
    host: &'static str,
    shown: &'static str,
    drawn: &'static str,
) -> Played {
    Played {
        name,
        path,
        host,
        shown,
        drawn,
    }
}

#[tokio::test]
async fn every_page_is_whole_readable_and_accessible_in_both_languages() {
    let folder = tempfile::tempdir().unwrap();
    let Some(harness) = start(Kind::Chromium, &folder).await else {
        return;
    };
    let browser = &harness.browser;
    for page in &PAGES {
        for locale in LANGUAGES {
            open(browser, page, locale).await;
            take_all(browser, page.name, locale).await;
            if page.name == "dashboard" {
                ask_to_forget(browser).await;
                take(browser, &format!("dashboard-forget-{locale}"), (320, 600)).await;
            }
        }
    }
    harness.close().await;
}

#[tokio::test]
async fn every_page_is_accessible_in_both_languages_in_firefox() {
    let folder = tempfile::tempdir().unwrap();
    let Some(harness) = start(Kind::Firefox, &folder).await else {
        return;
    };
    let browser = &harness.browser;
    let mut problems = Vec::new();
    for page in &PAGES {
        for locale in LANGUAGES {
            open(browser, page, locale).await;
            problems.extend(look(browser, page.name, locale).await);
            if page.name == "dashboard" {
                ask_to_forget(browser).await;
                problems.extend(look(browser, "dashboard-forget", locale).await);
            }
        }
    }
    assert_eq!(problems, [] as [String; 0]);
    harness.close().await;
}

/// Opens the dialog of the page of all captures.
async fn ask_to_forget(browser: &Browser) {
    browser.click("forget").await.unwrap();
    browser.wait_for("dialog[open]").await.unwrap();
}

/// A browser with an extension whose pages are played to.
async fn start(kind: Kind, folder: &TempDir) -> Option<Harness> {
    copy_played(&program::extension(kind.name()).unwrap(), folder.path());
    Harness::start_with(kind, Host::Missing, folder.path().to_owned()).await
}

/// Copies the extension. Each of its pages has what plays to it before its own scripts.
fn copy_played(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap().flatten() {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            fs::create_dir(&to).unwrap();
            copy_played(&from, &to);
        } else if from.extension().is_some_and(|end| end == "html") {
            let html = fs::read_to_string(from).unwrap();
            let played = html.replacen("<script", "<script src=\"../played.js\"></script><script", 1);
            assert_ne!(html, played);
            fs::write(to, played).unwrap();
        } else {
            fs::copy(from, to).unwrap();
        }
    }
    if from.join("manifest.json").is_file() {
        let script = format!(
            "const asked = new URL(location.href).searchParams, locale = asked.get('locale');
            if (locale !== null) {{
                const texts = {{en: {}, zh_CN: {}}}[locale], host = asked.get('host'), shown = asked.get('shown');
                {}
            }}",
            include_str!("../../../extension/_locales/en/messages.json"),
            include_str!("../../../extension/_locales/zh_CN/messages.json"),
            include_str!("played.js"),
        );
        fs::write(to.join("played.js"), script).unwrap();
    }
}

/// Opens a page in the current tab.
async fn open(browser: &Browser, page: &Played, locale: &str) {
    let Played {
        path, host, shown, ..
    } = page;
    let address = browser.page(&format!("{path}&locale={locale}&host={host}&shown={shown}"));
    browser.driver().goto(address).await.unwrap();
    browser.wait_for(page.drawn).await.unwrap();
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

/// What axe-core says of a page in each colour scheme.
async fn look(browser: &Browser, name: &str, locale: &str) -> Vec<String> {
    let mut problems = Vec::new();
    for (scheme, suffix) in SCHEMES {
        browser.set_colour_scheme(scheme).await.unwrap();
        let is_told = format!("return matchMedia('(prefers-color-scheme: {suffix})').matches");
        let told = browser.until(|| async { Ok((browser.call(&is_told).await? == true).then_some(())) });
        assert!(told.await.unwrap().is_some(), "{suffix} is not told");
        let found = browser.violations().await.unwrap();
        problems.extend(
            found
                .into_iter()
                .map(|one| format!("{name} {locale} {suffix}: {one}")),
        );
    }
    problems
}
