//! What the extension costs a page: a benchmark, with and without the hook, side by side in one run.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use weir_tests::browser::{Browser, Kind, Options, Programs, Window};
use weir_tests::origin::Reply;
use weir_tests::program;
use weir_tests::site::{Page, Site};

#[tokio::test]
#[ignore = "a benchmark, for a quiet machine: minutes"]
async fn the_hook_costs_a_page_little_in_chromium() {
    measure(Kind::Chromium).await;
}

#[tokio::test]
#[ignore = "a benchmark, for a quiet machine: minutes"]
async fn the_hook_costs_a_page_little_in_firefox() {
    measure(Kind::Firefox).await;
}

/// How often everything is measured; medians are compared.
const ROUNDS: usize = 7;

/// Requests take the longest by far.
const ROUNDS_OF_REQUESTS: usize = 3;

/// How long all requests of a round may take.
const PATIENCE: Duration = Duration::from_secs(600);

/// Pages a round.
const PAGES: usize = 20;

/// The whole extension, without what runs in the page's own world, and without both content scripts.
const VARIANTS: [(&str, usize); 3] = [("all", 2), ("without the hook", 1), ("without both", 0)];

/// From a page's first byte until it has been read: what runs before its first script comes in between.
const PAGE: &str = "
    const [page] = performance.getEntriesByType('navigation');
    return page.domInteractive - page.responseStart;";

/// New frames one after the other: milliseconds for each.
const FRAMES: &str = "
    const frames = 200;
    const frame = () => new Promise((resolve) => {
        const made = document.createElement('iframe');
        made.onload = () => { made.remove(); resolve(); };
        made.srcdoc = '<p>';
        document.body.append(made);
    });
    for (let one = 0; one < 20; one += 1) await frame();
    const from = performance.now();
    for (let one = 0; one < frames; one += 1) await frame();
    return (performance.now() - from) / frames;";

/// Requests, fifty at a time: milliseconds for all.
const REQUESTS: &str = "
    const requests = 10_000;
    const byXhr = () => new Promise((resolve) => {
        const request = new XMLHttpRequest();
        request.open('GET', '/cost.json');
        request.onload = () => resolve(JSON.parse(request.responseText));
        request.send();
    });
    const byFetch = async () => (await fetch('/cost.json')).json();
    const from = performance.now();
    for (let done = 0; done < requests; done += 50)
        await Promise.all(Array.from({ length: 50 }, (_, at) => (at % 2 ? byXhr() : byFetch())));
    return performance.now() - from;";

/// What was measured of one variant, in milliseconds.
#[derive(Default)]
struct Figures {
    pages: Vec<f64>,
    frames: Vec<f64>,
    requests: Vec<f64>,
}

async fn measure(kind: Kind) {
    let Some(programs) = Programs::find(kind) else {
        println!("skipped: {kind:?} or its driver is not installed");
        return;
    };
    let site = Site::start().unwrap();
    let small =
        Reply::ok(r#"{"views":12,"title":"a small answer"}"#.to_owned()).with_type("application/json");
    site.pages().reply("/cost.json", small);
    let here = site.page_url(Page::Empty);
    // Another site to a browser, which gives it a process of its own: the hook is new there.
    let elsewhere = here.replace("localhost", "127.0.0.1");
    assert_ne!(here, elsewhere);
    let folder = tempfile::tempdir().unwrap();
    let mut browsers = Vec::new();
    for (number, (_, scripts)) in VARIANTS.iter().enumerate() {
        let options = Options {
            extension: variant(kind, &folder.path().join(number.to_string()), *scripts),
            host: None,
            window: Window::Headless,
            home: None,
        };
        let browser = Browser::start(&programs, &options).await.unwrap();
        browser.driver().set_script_timeout(PATIENCE).await.unwrap();
        browsers.push((browser, Figures::default()));
    }
    for round in 0..ROUNDS {
        for (browser, figures) in &mut browsers {
            for page in 0..PAGES {
                let url = if page % 2 == 0 { &elsewhere } else { &here };
                browser.driver().goto(url).await.unwrap();
                figures.pages.push(milliseconds(browser, PAGE).await);
            }
        }
        for (browser, figures) in &mut browsers {
            figures.frames.push(milliseconds(browser, FRAMES).await);
        }
        if round < ROUNDS_OF_REQUESTS {
            for (browser, figures) in &mut browsers {
                figures.requests.push(milliseconds(browser, REQUESTS).await);
            }
        }
    }
    println!(
        "{:10} {:18} {:>9} {:>9} {:>18}",
        "browser", "extension", "ms a page", "ms a frame", "ms 10,000 requests"
    );
    for ((name, _), (browser, figures)) in VARIANTS.iter().zip(browsers) {
        println!(
            "{:10} {name:18} {:>9.2} {:>9.2} {:>18.0}",
            kind.name(),
            median(figures.pages),
            median(figures.frames),
            median(figures.requests)
        );
        browser.close().await.unwrap();
    }
}

async fn milliseconds(browser: &Browser, script: &str) -> f64 {
    browser.call(script).await.unwrap().as_f64().unwrap()
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

/// The built extension with the first of its content scripts only.
fn variant(kind: Kind, folder: &Path, scripts: usize) -> PathBuf {
    copy(&program::extension(kind.name()).unwrap(), folder);
    let path = folder.join("manifest.json");
    let mut manifest: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    manifest["content_scripts"]
        .as_array_mut()
        .unwrap()
        .truncate(scripts);
    fs::write(path, manifest.to_string()).unwrap();
    folder.to_owned()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (from, to) = {
            let entry = entry.unwrap();
            (entry.path(), to.join(entry.file_name()))
        };
        if from.is_dir() {
            copy(&from, &to);
        } else {
            fs::copy(from, to).unwrap();
        }
    }
}
