//! Pictures of the extension's pages, in `target/screenshots`, for a person to look at; and what programs can see of
//! how they look and how they are read aloud (axe-core).

use std::fs;
use std::path::PathBuf;

use serde_json::json;
use thirtyfour::Key;
use weir_tests::browser::{Browser, ColourScheme, Kind};
use weir_tests::program;
use weir_tests::site::Page;
use weir_tests::site::live::SEGMENT_SECONDS;
use weir_tests::site::trace::Loader;

use crate::harness::{Harness, Host};
use crate::recording::{record, record_with_a_gap, recorded};
use crate::trace;

pub(crate) const SCHEMES: [(ColourScheme, &str); 2] =
    [(ColourScheme::Light, "light"), (ColourScheme::Dark, "dark")];

/// The popup's size, in CSS pixels.
const POPUP: (u32, u32) = (420, 560);

#[tokio::test]
async fn pictures_of_popup_and_options_are_taken_in_light_and_dark() {
    let Some(harness) = Harness::start(Kind::Chromium, Host::Registered).await else {
        return;
    };
    let browser = &harness.browser;
    harness.stream_of(Page::Xhr).await;
    take(browser, "popup", POPUP).await;
    browser.click("capture").await.unwrap();
    browser.finished_job().await.unwrap();
    take(browser, "popup-finished", POPUP).await;
    browser.open(&browser.page("ui/options.html")).await.unwrap();
    browser
        .wait_for("[data-testid=output-folder]:not(:disabled)")
        .await
        .unwrap();
    take(browser, "options", (720, 520)).await;
    harness.close().await;
}

#[tokio::test]
async fn pictures_of_a_recording_are_taken_in_light_and_dark() {
    let Some(harness) = Harness::start(Kind::Chromium, Host::Registered).await else {
        return;
    };
    let browser = &harness.browser;
    record(&harness).await;
    take(browser, "recording", POPUP).await;
    browser.click("finish").await.unwrap();
    browser.finished_job().await.unwrap();
    take(browser, "recording-finished", POPUP).await;
    browser.clear_jobs().await.unwrap();
    browser.click("capture").await.unwrap();
    recorded(&harness, 2 * SEGMENT_SECONDS).await;
    browser.click("cancel").await.unwrap();
    browser.finished_job().await.unwrap();
    take(browser, "recording-discarded", POPUP).await;
    harness.close().await;
}

#[tokio::test]
async fn pictures_of_a_recording_with_a_gap_are_taken_in_light_and_dark() {
    let Some(harness) = Harness::start(Kind::Chromium, Host::Registered).await else {
        return;
    };
    let browser = &harness.browser;
    record_with_a_gap(&harness).await;
    let summary = browser.wait_for("[data-testid=details] summary").await.unwrap();
    summary.click().await.unwrap();
    take(browser, "recording-with-a-gap", POPUP).await;
    harness.close().await;
}

#[tokio::test]
async fn every_state_of_a_card_is_whole_and_readable_in_both_languages() {
    let Some(harness) = Harness::start(Kind::Chromium, Host::Registered).await else {
        return;
    };
    let browser = &harness.browser;
    for locale in ["en", "zh_CN"] {
        harness.popup_of(Page::Empty).await;
        draw_gallery(browser, locale).await;
        take(browser, &format!("cards-{locale}"), (420, 2900)).await;
        // As wide as a window of 640 pixels at 200 %.
        take(browser, &format!("cards-narrow-{locale}"), (320, 3400)).await;
    }
    harness.close().await;
}

#[tokio::test]
async fn the_cards_are_walked_through_by_keyboard_with_a_ring_to_see() {
    let Some(harness) = Harness::start(Kind::Chromium, Host::Registered).await else {
        return;
    };
    let browser = &harness.browser;
    harness.popup_of(Page::Empty).await;
    draw_gallery(browser, "en").await;
    let mut walked = Vec::new();
    loop {
        let body = browser.driver().active_element().await.unwrap();
        body.send_keys(Key::Tab + "").await.unwrap();
        let place =
            "const at = document.activeElement, { outlineStyle, outlineWidth } = getComputedStyle(at);
            return [at.closest('[data-job]')?.dataset.job ?? '', at.dataset.testid ?? at.localName,
                `${outlineStyle} ${outlineWidth}`]";
        let place: [String; 3] = serde_json::from_value(browser.call(place).await.unwrap()).unwrap();
        let [job, button, ring] = place;
        if job.is_empty() && !walked.is_empty() {
            break;
        }
        if job == "recording" && button == "finish" {
            take(browser, "cards-focus", POPUP).await;
        }
        if !job.is_empty() {
            assert_eq!(ring, "solid 2px", "{job} {button}");
            walked.push(format!("{job} {button}"));
        }
    }
    let wanted = [
        "running pause",
        "running cancel",
        "refreshing pause",
        "refreshing cancel",
        "recording finish",
        "recording cancel",
        "recording-long-title finish",
        "recording-long-title cancel",
        "recording-finishing cancel",
        "discarded again",
        "complete summary",
        "complete reveal",
        "recording-with-a-gap summary",
        "recording-with-a-gap again",
        "recording-with-a-gap reveal",
        "recording-with-a-gap copy-error",
        "stalled summary",
        "stalled again",
        "stalled reveal",
        "stalled copy-error",
        "failed summary",
        "failed again",
        "failed copy-error",
        "paused again",
        "paused reveal",
        "saving pause",
        "saving cancel",
        "saved-not-all summary",
        "saved-not-all reveal",
        "saved-not-all copy-error",
        "failed-tab-gone summary",
        "failed-tab-gone again",
        "failed-tab-gone copy-error",
    ];
    assert_eq!(walked, wanted);
    harness.close().await;
}

#[tokio::test]
async fn every_state_of_a_trace_is_whole_and_readable_in_both_languages() {
    let Some(harness) = Harness::start(Kind::Chromium, Host::Missing).await else {
        return;
    };
    let Harness { browser, site } = &harness;
    let tab = trace::traced(&harness, Loader::WorkerFile).await;
    assert_eq!(trace::ended(browser).await, "found");
    take(browser, "trace", (620, 1100)).await;
    browser
        .driver()
        .goto(browser.page(&format!("ui/trace.html?tab={tab}")))
        .await
        .unwrap();
    browser.wait_for("[data-testid=start]:not(:empty)").await.unwrap();
    take(browser, "trace-before", (620, 400)).await;
    trace::traced(&harness, Loader::Polling).await;
    browser.wait_for("[data-role=only]").await.unwrap();
    assert!(site.polls() > 0);
    take(browser, "trace-running", (620, 700)).await;
    for locale in ["en", "zh_CN"] {
        browser.open(&browser.page("ui/trace.html?tab=-5")).await.unwrap();
        browser.wait_for("[data-testid=start]:not(:empty)").await.unwrap();
        let script = format!("const locale = '{locale}';\n{}", include_str!("trace_gallery.js"));
        browser.call(&script).await.unwrap();
        take(browser, &format!("trace-states-{locale}"), (620, 1900)).await;
        // As wide as a window of 640 pixels at 200 %.
        take(browser, &format!("trace-states-narrow-{locale}"), (320, 2600)).await;
    }
    harness.close().await;
}

#[tokio::test]
async fn the_images_of_a_page_are_whole_and_readable_in_both_languages() {
    let Some(harness) = Harness::start(Kind::Chromium, Host::Registered).await else {
        return;
    };
    let Harness { browser, site } = &harness;
    harness.play(Page::Images).await;
    let tab = browser.tab_number(&site.page_url(Page::Images)).await.unwrap();
    for (locale, texts) in LANGUAGES {
        speak(browser, locale, texts).await;
        let page = browser.page(&format!("ui/images.html?tab={tab}"));
        browser.driver().goto(page).await.unwrap();
        browser.wait_for("[data-testid=image]").await.unwrap();
        browser.wait_for(".lost").await.unwrap();
        take(browser, &format!("images-{locale}"), (1200, 900)).await;
        // As wide as a window of 640 pixels at 200 %.
        take(browser, &format!("images-narrow-{locale}"), (320, 1400)).await;
    }
    browser.click("save-images").await.unwrap();
    browser.finished_job().await.unwrap();
    let summary = browser.wait_for("[data-testid=details] summary").await.unwrap();
    summary.click().await.unwrap();
    take(browser, "images-saved", (1200, 900)).await;
    take(browser, "images-saved-narrow", (320, 1400)).await;
    harness.close().await;
}

/// Languages, and what each of them says.
pub(crate) const LANGUAGES: [(&str, &str); 2] = [
    ("en", include_str!("../../../extension/_locales/en/messages.json")),
    (
        "zh_CN",
        include_str!("../../../extension/_locales/zh_CN/messages.json"),
    ),
];

/// Pages that are opened from now on speak a language: a browser speaks only those that are installed with it.
pub(crate) async fn speak(browser: &Browser, locale: &str, texts: &str) {
    browser.open("about:blank").await.unwrap();
    // Before the page's own scripts.
    let speaks = format!(
        "const texts = {texts};
        chrome.i18n.getMessage = (key, values = []) =>
            (texts[key]?.message ?? '').replaceAll(/\\$(\\d)/g, (_, number) => values[number - 1] ?? '');
        chrome.i18n.getUILanguage = () => '{}';",
        locale.replace('_', "-")
    );
    browser
        .command("Page.addScriptToEvaluateOnNewDocument", json!({"source": speaks}))
        .await
        .unwrap();
}

async fn draw_gallery(browser: &Browser, locale: &str) {
    let script = format!("const locale = '{locale}';\n{}", include_str!("gallery.js"));
    browser.call(&script).await.unwrap();
}

/// Takes a picture in each colour scheme, and looks for what is wrong in it, by `looks.js` and by axe-core.
pub(crate) async fn take(browser: &Browser, name: &str, size: (u32, u32)) {
    picture(browser, name, size).await;
    for (scheme, suffix) in SCHEMES {
        browser.set_colour_scheme(scheme).await.unwrap();
        let violations = browser.violations().await.unwrap();
        assert_eq!(violations, [] as [String; 0], "{name} {suffix}");
    }
}

/// The same without axe-core.
async fn picture(browser: &Browser, name: &str, (width, height): (u32, u32)) {
    let mut pictures = Vec::new();
    let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
    for (scheme, suffix) in SCHEMES {
        browser.set_colour_scheme(scheme).await.unwrap();
        let path = folder().join(format!("{name}-{suffix}.png"));
        // A picture sets the size for its own time only.
        browser
            .command("Emulation.setDeviceMetricsOverride", size.clone())
            .await
            .unwrap();
        let problems = browser.call(include_str!("looks.js")).await.unwrap();
        browser.screenshot(&path, width, height).await.unwrap();
        assert_eq!(problems, json!([]), "{}", path.display());
        pictures.push(fs::read(path).unwrap());
    }
    // A picture of another scheme is another picture: a page that ignores the scheme is found out here.
    assert!(
        pictures[0] != pictures[1],
        "{name} looks the same in light and dark"
    );
}

fn folder() -> PathBuf {
    program::target_folder().join("screenshots")
}
