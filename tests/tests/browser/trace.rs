//! "Trace requests": which functions ask for the playlists and the first segment, and that no page stays paused.

use thirtyfour::Key;
use weir_tests::browser::{Browser, Kind};
use weir_tests::site::Site;
use weir_tests::site::trace::{Loader, SCRIPT, STARTER};

use crate::detection::kill_worker;
use crate::harness::{Harness, Host, in_both};

in_both! {
    a_loader_is_traced_wherever_it_runs,
    the_popup_opens_a_trace_that_can_be_copied,
    a_trace_ends_in_order_whatever_happens_to_its_tab,
}

/// One step of a chain, as the page shows it: what it is, its address, and the functions, innermost first.
#[derive(Debug, PartialEq, Eq)]
struct Step {
    role: String,
    url: String,
    /// `name path:line`, and `* cause` between the parts.
    stack: Vec<String>,
}

async fn a_loader_is_traced_wherever_it_runs(kind: Kind) {
    let Some(harness) = Harness::start(kind, Host::Missing).await else {
        return;
    };
    let Harness { browser, site } = &harness;
    for loader in Loader::PLAYING {
        traced(&harness, loader).await;
        assert_eq!(ended(browser).await, "found", "{loader:?}");
        // The address of a blob is another one each time.
        let shown = chains(browser).await;
        let blob = shown.iter().flatten().find(|step| step.role == "worker");
        let worker = match (loader, blob) {
            (Loader::WorkerBlob, Some(step)) => step.url.clone(),
            _ => site.trace_file("player.js"),
        };
        assert_eq!(shown, [wanted(kind, site, loader, &worker)], "{loader:?}");
        let trace = browser.driver().window().await.unwrap();
        played(browser, site, loader).await;
        browser.switch_to(&trace).await.unwrap();
        browser.driver().close_window().await.unwrap();
        let left = browser.driver().windows().await.unwrap();
        browser.switch_to(&left[0]).await.unwrap();
    }
    harness.close().await;
}

async fn the_popup_opens_a_trace_that_can_be_copied(kind: Kind) {
    let Some(harness) = Harness::start(kind, Host::Missing).await else {
        return;
    };
    let Harness { browser, site } = &harness;
    let url = site.trace_url(Loader::Page);
    browser.open(&url).await.unwrap();
    browser.wait_for("[data-player=ready]").await.unwrap();
    let tab = browser.tab_number(&url).await.unwrap();
    browser.open_popup_of(tab).await.unwrap();
    browser.click("trace").await.unwrap();
    // A window of its own kind, which chromedriver does not know: the extension's pages know each other.
    let end = "const view = chrome.extension.getViews().find(({location}) => location.pathname === '/ui/trace.html');
        return [view?.location.search, view?.document.querySelector('[data-testid=trace-state]').dataset.end]";
    let end = browser.until(|| async {
        let end = browser.call(end).await?;
        Ok((end[1].as_str().is_some_and(|code| !code.is_empty())).then_some(end))
    });
    let end = end.await.unwrap().expect("the trace's window opens");
    assert_eq!(end, serde_json::json!([format!("?tab={tab}"), "found"]));

    // Another page that shows it, where a person can paste.
    let page = browser.page(&format!("ui/trace.html?tab={tab}"));
    browser.driver().goto(page).await.unwrap();
    assert_eq!(ended(browser).await, "found");
    browser.click("copy").await.unwrap();
    let place = "document.body.append(Object.assign(document.createElement('textarea'), {id: 'paste'}))";
    browser.call(place).await.unwrap();
    let paste = browser.wait_for("#paste").await.unwrap();
    paste.click().await.unwrap();
    paste.send_keys(Key::Control + "v").await.unwrap();
    let pasted = paste.prop("value").await.unwrap().unwrap_or_default();
    // Columns are the browsers' own affair: one counts to the name, the other to the bracket.
    let pasted: Vec<&str> = pasted
        .lines()
        .map(|line| {
            line.strip_prefix("    ")
                .and_then(|line| line.rsplit_once(':'))
                .map_or(line, |(place, _)| place)
        })
        .collect();
    let script = site.trace_file("player.js");
    let [first, ..] = site.traced_urls(Loader::Page).unwrap();
    let begin = [
        format!("Page: {url}"),
        format!("Script: {script}"),
        // A token is nothing to hand on.
        format!("First-level playlist: {}?...", first.split('?').next().unwrap()),
        format!("ask  {script}:{}", line_of(SCRIPT, "request.send()")),
        format!("requestText  {script}:{}", line_of(SCRIPT, "function ask")),
        format!("openStream  {script}:{}", line_of(SCRIPT, "return requestText")),
    ];
    assert_eq!(pasted[..begin.len()], begin, "{pasted:#?}");
    harness.close().await;
}

async fn a_trace_ends_in_order_whatever_happens_to_its_tab(kind: Kind) {
    let Some(harness) = Harness::start(kind, Host::Missing).await else {
        return;
    };
    let Harness { browser, site } = &harness;

    // By the user.
    traced(&harness, Loader::Polling).await;
    browser.wait_for("[data-role=only]").await.unwrap();
    browser.click("stop").await.unwrap();
    assert_eq!(ended(browser).await, "stopped");
    goes_on(browser, site).await;

    // Its page goes elsewhere.
    let tab = traced(&harness, Loader::Polling).await;
    browser.wait_for("[data-role=only]").await.unwrap();
    let elsewhere = site.trace_url(Loader::Page);
    let go = format!("await chrome.tabs.update({tab}, {{url: '{elsewhere}'}})");
    browser.call(&go).await.unwrap();
    assert_eq!(ended(browser).await, "navigated");

    // Its tab is closed.
    let tab = traced(&harness, Loader::Polling).await;
    browser.wait_for("[data-role=only]").await.unwrap();
    browser
        .call(&format!("await chrome.tabs.remove({tab})"))
        .await
        .unwrap();
    assert_eq!(ended(browser).await, "tab-gone");

    // Pages that are the browser's own.
    let own = "return (await chrome.tabs.create({url: 'about:blank', active: false})).id";
    let own = browser.call(own).await.unwrap().as_i64().unwrap();
    start(browser, own).await;
    assert_eq!(ended(browser).await, "restricted");
    browser
        .call(&format!("await chrome.tabs.remove({own})"))
        .await
        .unwrap();

    // A tab that is in other hands.
    if kind == Kind::Chromium {
        let url = site.trace_url(Loader::Page);
        browser.open(&url).await.unwrap();
        let tab = browser.tab_number(&url).await.unwrap();
        browser.open(&browser.page("ui/options.html")).await.unwrap();
        let attach = format!("await chrome.debugger.attach({{tabId: {tab}}}, '1.3')");
        browser.call(&attach).await.unwrap();
        browser.open(&browser.page("ui/popup.html")).await.unwrap();
        start(browser, tab).await;
        assert_eq!(ended(browser).await, "other-debugger");
    }
    harness.close().await;
}

/// The debugger outlives the worker that has attached it: somebody has to let the page go.
#[tokio::test]
async fn a_page_goes_on_when_the_worker_is_killed_in_the_middle_of_its_trace() {
    let Some(harness) = Harness::start(Kind::Chromium, Host::Missing).await else {
        return;
    };
    let Harness { browser, site } = &harness;
    for _ in 0..3 {
        let tab = traced(&harness, Loader::Polling).await;
        browser.wait_for("[data-role=only]").await.unwrap();
        // Each of its requests pauses it.
        kill_worker(browser).await;
        goes_on(browser, site).await;
        assert_eq!(ended(browser).await, "interrupted");
        let attached = format!(
            "const targets = await chrome.debugger.getTargets();
            return targets.filter(({{tabId}}) => tabId === {tab}).map(({{url}}) => url)"
        );
        let page = browser.call(&attached).await.unwrap();
        assert_eq!(page, serde_json::json!([site.trace_url(Loader::Polling)]));
        // That it can be traced again shows that nobody holds it.
        browser.click("start").await.unwrap();
        browser
            .wait_for("[data-testid=trace-state][data-state=running]")
            .await
            .unwrap();
        browser.wait_for("[data-role=only]").await.unwrap();
        goes_on(browser, site).await;
        browser
            .call(&format!("await chrome.tabs.remove({tab})"))
            .await
            .unwrap();
        assert_eq!(ended(browser).await, "tab-gone");
    }
    harness.close().await;
}

/// Opens a loader's page in a tab and its trace in another, the current one from now on, and clicks *Start*. The tab's
/// number.
pub(crate) async fn traced(harness: &Harness, loader: Loader) -> i64 {
    let Harness { browser, site } = harness;
    let url = site.trace_url(loader);
    browser.open(&url).await.unwrap();
    if loader != Loader::Polling {
        browser.wait_for("[data-player=ready]").await.unwrap();
    }
    let tabs = browser.tab_numbers().await.unwrap();
    let (tab, _) = tabs.iter().rfind(|(_, shown)| *shown == url).unwrap();
    start(browser, *tab).await;
    *tab
}

/// Opens the trace of a tab in the current one, and clicks *Start*.
async fn start(browser: &Browser, tab: i64) {
    let page = browser.page(&format!("ui/trace.html?tab={tab}"));
    browser.driver().goto(page).await.unwrap();
    browser.wait_for("[data-testid=start]:not(:empty)").await.unwrap();
    browser.click("start").await.unwrap();
}

/// Waits for the trace's end: its code.
pub(crate) async fn ended(browser: &Browser) -> String {
    let state = browser
        .wait_for("[data-testid=trace-state][data-state=ended]")
        .await;
    let code = state.unwrap().attr("data-end").await.unwrap();
    code.unwrap_or_default()
}

/// The polling page asks on and on.
async fn goes_on(browser: &Browser, site: &Site) {
    let before = site.polls();
    let more = browser.until(|| async { Ok((site.polls() > before + 20).then_some(())) });
    assert!(
        more.await.unwrap().is_some(),
        "the page stands still: {before} requests, then {}",
        site.polls()
    );
}

/// The loader's page has played to its end again.
async fn played(browser: &Browser, site: &Site, loader: Loader) {
    let url = site.trace_url(loader);
    let mut shown = String::new();
    for window in browser.driver().windows().await.unwrap() {
        browser.switch_to(&window).await.unwrap();
        shown = browser.driver().current_url().await.unwrap().to_string();
        if shown == url {
            break;
        }
    }
    assert_eq!(shown, url, "its window is there");
    browser.wait_for("[data-player=ready]").await.unwrap();
}

/// The chains that the page shows.
async fn chains(browser: &Browser) -> Vec<Vec<Step>> {
    let script = "const place = (text) => text.replace(/:\\d+$/, '');
        const frame = (li) => li.matches('.cause') ? `* ${li.textContent}`
            : `${li.dataset.name} ${place(li.querySelector('.place').textContent)}`;
        const step = (li) => [li.dataset.role, li.dataset.url, [...li.querySelectorAll('.stack li')].map(frame)];
        return [...document.querySelectorAll('[data-testid=chain]')]
            .map((chain) => [...chain.querySelectorAll('[data-testid=step]')].map(step))";
    let chains: Vec<Vec<(String, String, Vec<String>)>> =
        serde_json::from_value(browser.call(script).await.unwrap()).unwrap();
    let step = |(role, url, stack)| Step { role, url, stack };
    chains
        .into_iter()
        .map(|chain| chain.into_iter().map(step).collect())
        .collect()
}

/// What a loader's chain should be.
fn wanted(kind: Kind, site: &Site, loader: Loader, worker: &str) -> Vec<Step> {
    let [first, second, segment] = site.traced_urls(loader).unwrap();
    let host = match loader {
        Loader::Frame => site.media().url("/trace"),
        _ => site.trace_file("").trim_end_matches('/').to_owned(),
    };
    let script = match loader {
        Loader::WorkerBlob => worker.to_owned(),
        _ => format!("{host}/player.js"),
    };
    // Firefox tells what is called up to the last await, and puts no hook into workers that have an address.
    let has_hook = !matches!(loader, Loader::WorkerFile | Loader::WorkerModule);
    let is_told = kind == Kind::Chromium || has_hook;
    let at = |name: &str, text: &str| format!("{name} {script}:{}", line_of(SCRIPT, text));
    let starter = |name: &str, text: &str| {
        let place = |text| format!("{host}/page.js:{}", line_of(STARTER, text));
        vec![
            format!("{name} {}", place(text)),
            format!(" {}", place("starts[name]()")),
        ]
    };
    let begin = match loader {
        Loader::Page => starter("onPage", "return startPlayer"),
        Loader::Frame => starter("onFrame", "await startPlayer"),
        _ => vec![at("onStart", "await startPlayer")],
    };
    let later = |call: &str| {
        let mut parts = vec![
            "* await".to_owned(),
            at("startPlayer", call),
            "* await".to_owned(),
        ];
        parts.extend(begin.clone());
        parts
    };
    let step = |role: &str, url: &str, calls: Vec<String>, call: &str| {
        let mut stack = if is_told { calls } else { Vec::new() };
        if kind == Kind::Chromium {
            stack.extend(later(call));
        }
        Step {
            role: role.to_owned(),
            url: url.to_owned(),
            stack,
        }
    };
    let plain = |role: &str, url: &str| Step {
        role: role.to_owned(),
        url: url.to_owned(),
        stack: Vec::new(),
    };
    let mut chain = vec![plain("page", &site.trace_url(loader))];
    match loader {
        Loader::Frame => chain.push(plain("frame", &format!("{host}/in-frame"))),
        Loader::Page => {}
        _ => chain.push(plain("worker", worker)),
    }
    if is_told {
        chain.push(plain("script", &script));
    }
    let xhr = vec![
        at("ask", "request.send()"),
        at("requestText", "function ask"),
        at("openStream", "return requestText"),
    ];
    let fetch = vec![
        at("fetchText", "await fetch(url)"),
        at("openLevel", "return fetchText"),
    ];
    let bytes = vec![
        at("fetchBytes", "await fetch(new URL"),
        at("openSegment", "return fetchBytes"),
    ];
    chain.push(step("first", &first, xhr, "await openStream"));
    chain.push(step("second", &second, fetch, "await openLevel"));
    chain.push(step("segment", &segment, bytes, "await openSegment"));
    chain
}

/// The line of a script that holds `text`, counted from 1.
fn line_of(script: &str, text: &str) -> usize {
    1 + script.lines().position(|line| line.contains(text)).unwrap()
}
