//! What the extension costs a page: a benchmark, with and without the hook, side by side in one run.

use std::fs;
use std::path::{Path, PathBuf};

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

/// The whole extension, without what runs in the page's own world, and without both content scripts.
const VARIANTS: [(&str, usize); 3] = [("all", 2), ("without the hook", 1), ("without both", 0)];

/// New frames one after the other, and requests fifty at a time: milliseconds for each frame, and for all requests.
const MEASURE: &str = "
    const frames = 200;
    const requests = 10_000;
    const frame = () => new Promise((resolve) => {
        const made = document.createElement('iframe');
        made.onload = () => { made.remove(); resolve(); };
        made.srcdoc = '<p>';
        document.body.append(made);
    });
    for (let one = 0; one < 20; one += 1) await frame();
    let from = performance.now();
    for (let one = 0; one < frames; one += 1) await frame();
    const perFrame = (performance.now() - from) / frames;
    const byXhr = () => new Promise((resolve) => {
        const request = new XMLHttpRequest();
        request.open('GET', '/cost.json');
        request.onload = () => resolve(JSON.parse(request.responseText));
        request.send();
    });
    const byFetch = async () => (await fetch('/cost.json')).json();
    from = performance.now();
    for (let done = 0; done < requests; done += 50)
        await Promise.all(Array.from({ length: 50 }, (_, at) => (at % 2 ? byXhr() : byFetch())));
    return [perFrame, performance.now() - from];";

async fn measure(kind: Kind) {
    let Some(programs) = Programs::find(kind) else {
        println!("skipped: {kind:?} or its driver is not installed");
        return;
    };
    let site = Site::start().unwrap();
    let small =
        Reply::ok(r#"{"views":12,"title":"a small answer"}"#.to_owned()).with_type("application/json");
    site.pages().reply("/cost.json", small);
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
        browser.open(&site.page_url(Page::Empty)).await.unwrap();
        browsers.push(browser);
    }
    let mut figures = vec![Vec::new(); VARIANTS.len()];
    for _ in 0..ROUNDS {
        for (browser, figures) in browsers.iter().zip(&mut figures) {
            let measured = browser.call(MEASURE).await.unwrap();
            figures.push([number(&measured, 0), number(&measured, 1)]);
        }
    }
    println!(
        "{:10} {:18} {:>12} {:>18}",
        "browser", "extension", "ms a frame", "ms 10,000 requests"
    );
    for ((name, _), figures) in VARIANTS.iter().zip(&figures) {
        let median = |which: usize| {
            let mut all: Vec<f64> = figures.iter().map(|one| one[which]).collect();
            all.sort_by(f64::total_cmp);
            all[all.len() / 2]
        };
        println!(
            "{:10} {name:18} {:>12.2} {:>18.0}",
            kind.name(),
            median(0),
            median(1)
        );
    }
    for browser in browsers {
        browser.close().await.unwrap();
    }
}

fn number(measured: &Value, at: usize) -> f64 {
    measured[at].as_f64().unwrap()
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
