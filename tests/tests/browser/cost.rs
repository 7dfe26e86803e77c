//! What the extension costs a page: a benchmark, with and without the hook, side by side in one run.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use url::Url;
use weir_tests::browser::{Browser, Kind};
use weir_tests::origin::Reply;
use weir_tests::program;
use weir_tests::site::Page;

use crate::harness::{Harness, Host};

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

/// Pages of each kind that are opened in a process of their own, and frames of each kind in a process that runs.
const PAGES: usize = 120;
const FRAMES: usize = 300;

/// Batches of requests of each kind, and how many requests are under way at once in one.
const BATCHES: usize = 200;
const BATCH: usize = 50;

/// Turns that the browser takes by itself: a longer script is given up.
const AT_ONCE: usize = 20;

/// What runs in the pages of a folder: they differ in nothing else, and take turns in one browser.
const KINDS: [&str; 4] = ["nothing", "relay", "empty", "hook"];

/// Each of them has an empty page, and one with a script that asks for something: a page without one has nothing that could
/// be seen, and much that a hook needs (`Response`, `JSON`, `URL`) is made by the browser when it is first named, by whom
/// does not matter.
const PAGES_OF_A_KIND: [(&str, &str); 2] = [
    ("page", "<!doctype html><title>-</title><p>"),
    (
        "asking",
        "<!doctype html><title>-</title><script>
            const request = new XMLHttpRequest();
            request.open('GET', new URL('../cost.json', location.href));
            request.onload = () => JSON.parse(request.responseText);
            request.send();
            fetch('../cost.json?' + encodeURIComponent('a b')).then((answer) => answer.json());
            new TextDecoder().decode(new Uint8Array([0x61]));
        </script><p>",
    ),
];

/// From a page's first byte until it has been read: what runs before its first script comes in between.
const PAGE: &str = "
    const [page] = performance.getEntriesByType('navigation');
    return page.domInteractive - page.responseStart;";

/// Frames of each kind in turns: of each turn, what each took, read as [`PAGE`] is.
const IN_FRAMES: &str = "
    const [kinds, turns, , name] = arguments;
    const one = (kind) => new Promise((resolve) => {
        const frame = document.createElement('iframe');
        frame.onload = () => {
            const [page] = frame.contentWindow.performance.getEntriesByType('navigation');
            frame.remove();
            resolve(page.domInteractive - page.responseStart);
        };
        frame.src = `/${kind}/${name}.html`;
        document.body.append(frame);
    });
    const all = [];
    for (let turn = 0; turn < turns; turn += 1) {
        const took = [];
        for (let at = 0; at < kinds.length; at += 1) {
            const kind = (at + turn) % kinds.length;
            took[kind] = await one(kinds[kind]);
        }
        all.push(took);
    }
    return all;";

/// Requests of a frame of each kind, a batch each in turns: of each turn, what each took.
const IN_BATCHES: &str = "
    const [kinds, turns, batch] = arguments;
    const script = `
        const byXhr = () => new Promise((resolve) => {
            const request = new XMLHttpRequest();
            request.open('GET', '/cost.json');
            request.onload = () => resolve(JSON.parse(request.responseText));
            request.send();
        });
        const byFetch = async () => (await fetch('/cost.json')).json();
        globalThis.ask = async (requests) => {
            const from = performance.now();
            await Promise.all(Array.from({ length: requests }, (_, at) => (at % 2 ? byXhr() : byFetch())));
            return performance.now() - from;
        };`;
    globalThis.asking ??= await Promise.all(kinds.map(async (kind) => {
        const frame = document.createElement('iframe');
        frame.src = `/${kind}/page.html`;
        await new Promise((resolve) => { frame.onload = resolve; document.body.append(frame); });
        const element = frame.contentDocument.createElement('script');
        element.textContent = script;
        frame.contentDocument.head.append(element);
        return frame.contentWindow;
    }));
    const all = [];
    for (let turn = 0; turn < turns; turn += 1) {
        const took = [];
        for (let at = 0; at < kinds.length; at += 1) {
            const kind = (at + turn) % kinds.length;
            took[kind] = await globalThis.asking[kind].ask(batch);
        }
        all.push(took);
    }
    return all;";

async fn measure(kind: Kind) {
    let folder = tempfile::tempdir().unwrap();
    let extension = by_folder(kind, folder.path());
    let Some(Harness { browser, site }) = Harness::start_with(kind, Host::Missing, extension).await else {
        return;
    };
    browser.patient().await.unwrap();
    let small =
        Reply::ok(r#"{"views":12,"title":"a small answer"}"#.to_owned()).with_type("application/json");
    site.pages().reply("/cost.json", small);
    for kind in KINDS {
        for (name, html) in PAGES_OF_A_KIND {
            let page = Reply::ok(html.to_owned()).with_type("text/html");
            site.pages().reply(&format!("/{kind}/{name}.html"), page);
        }
    }
    let empty = site.page_url(Page::Empty);
    let here = Url::parse(&empty).unwrap();
    // Another site to a browser, which gives it a process of its own: all is new there.
    let elsewhere = Url::parse(&empty.replace("localhost", "127.0.0.1")).unwrap();
    assert_ne!(here, elsewhere);
    let mut pages = PAGES_OF_A_KIND.map(|_| Vec::new());
    for round in 0..PAGES {
        for (of_kind, (name, _)) in PAGES_OF_A_KIND.into_iter().enumerate() {
            let mut took = vec![0.0; KINDS.len()];
            for place in 0..KINDS.len() {
                // Each kind in each place and after each other: the end of the last process is paid by the page that comes
                // after it.
                let at = if round.is_multiple_of(2) {
                    place
                } else {
                    KINDS.len() - 1 - place
                };
                let kind = (at + round / 2) % KINDS.len();
                // Never twice on the same: that would be the same process.
                let site = [&here, &elsewhere][place % 2];
                let url = site.join(&format!("/{}/{name}.html", KINDS[kind])).unwrap();
                browser.driver().goto(url.as_str()).await.unwrap();
                took[kind] = browser.call(PAGE).await.unwrap().as_f64().unwrap();
            }
            pages[of_kind].push(took);
        }
    }
    browser.driver().goto(&empty).await.unwrap();
    let mut frames = Vec::new();
    for (name, _) in PAGES_OF_A_KIND {
        frames.push(turns(&browser, IN_FRAMES, FRAMES, name).await);
    }
    let batches = turns(&browser, IN_BATCHES, BATCHES, "page").await;
    browser.close().await.unwrap();

    println!(
        "{}: milliseconds, and how much more than the line above, with its standard error",
        kind.name()
    );
    for (at, what) in ["an empty page", "a page that asks for something"]
        .into_iter()
        .enumerate()
    {
        table(&format!("{what}, in a new process"), &pages[at], 1.0);
        table(&format!("{what}, a frame in a running one"), &frames[at], 1.0);
    }
    table(&format!("{} requests", BATCHES * BATCH), &batches, count(BATCHES));
}

/// What a script returns: of each turn, what each kind took. The first turns are there to get warm.
async fn turns(browser: &Browser, script: &str, count: usize, page: &str) -> Vec<Vec<f64>> {
    let mut all = Vec::new();
    while all.len() < count + AT_ONCE {
        let arguments = vec![json!(KINDS), json!(AT_ONCE), json!(BATCH), json!(page)];
        let more = browser.call_with(script, arguments).await.unwrap();
        all.extend(serde_json::from_value::<Vec<Vec<f64>>>(more).unwrap());
    }
    all.split_off(AT_ONCE)
}

/// Prints the medians, and the means of the differences within a turn. The slowest tenth of the turns is left out: something else ran.
fn table(what: &str, turns: &[Vec<f64>], times: f64) {
    println!("{what}");
    for kind in 0..KINDS.len() {
        let all = turns.iter().map(|turn| turn[kind]).collect();
        print!("  {:8} {:>10.2}", KINDS[kind], median(all) * times);
        if kind > 0 {
            let more = turns.iter().map(|turn| turn[kind] - turn[kind - 1]).collect();
            let (mean, error) = trimmed(more);
            let [mean, error] = [mean, error].map(|one| one * times);
            print!(" {mean:>+10.2} ± {error:.2}");
        }
        println!();
    }
}

fn count(things: usize) -> f64 {
    f64::from(u32::try_from(things).unwrap())
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

/// The mean without the lowest and the highest tenth, and its standard error.
fn trimmed(mut all: Vec<f64>) -> (f64, f64) {
    all.sort_by(f64::total_cmp);
    let cut = all.len() / 10;
    let kept = &all[cut..all.len() - cut];
    let count = count(kept.len());
    let mean = kept.iter().sum::<f64>() / count;
    let square = kept.iter().map(|one| (one - mean).powi(2)).sum::<f64>() / (count - 1.0);
    (mean, (square / count).sqrt())
}

/// The built extension, with what runs in a page told by the folder that the page is in.
fn by_folder(kind: Kind, folder: &Path) -> PathBuf {
    copy(&program::extension(kind.name()).unwrap(), folder);
    fs::write(folder.join("empty.js"), "").unwrap();
    let path = folder.join("manifest.json");
    let mut manifest: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let scripts = manifest["content_scripts"].as_array().unwrap();
    assert_eq!(scripts.len(), 2, "the relay and the hook");
    let [relay, hook] = [&scripts[0], &scripts[1]];
    assert_eq!(hook["world"], "MAIN");
    let mut empty = hook.clone();
    empty["js"] = json!(["empty.js"]);
    let only = |script: &Value, kinds: &[&str]| {
        let matches: Vec<_> = kinds.iter().map(|kind| format!("*://*/{kind}/*")).collect();
        let mut script = script.clone();
        script["matches"] = json!(matches);
        // A pattern that names a folder is refused with it.
        script["match_origin_as_fallback"] = json!(false);
        script
    };
    manifest["content_scripts"] = json!([
        only(relay, &["relay", "empty", "hook"]),
        only(&empty, &["empty"]),
        only(hook, &["hook"]),
    ]);
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
