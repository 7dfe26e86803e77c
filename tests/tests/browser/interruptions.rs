//! A capture that does not come to its end.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use weir_tests::browser::Kind;
use weir_tests::browser::process::{self, Process};
use weir_tests::site::Page;

use crate::detection::kill_worker;
use crate::harness::{Harness, Host, files_below, in_both};

in_both! {
    a_browser_that_closes_leaves_a_capture_that_is_finished,
}

/// Starts a capture whose third segment never comes, and waits until the host has merged the first ones.
async fn stuck_capture(harness: &Harness) {
    harness.site.hold_segments(2);
    harness.stream_of(Page::Xhr).await;
    harness.browser.click("capture").await.unwrap();
    harness
        .browser
        .wait_for("[data-testid=job][data-state=running]")
        .await
        .unwrap();
    let home = harness.browser.home();
    let written = harness
        .browser
        .until(|| async { Ok(parts(home).first().cloned()) });
    assert!(
        written.await.unwrap().is_some(),
        "nothing is written: {:?}",
        files_below(home)
    );
    assert_eq!(harness.browser.hosts().len(), 1);
}

/// Unfinished outputs.
fn parts(home: &Path) -> Vec<PathBuf> {
    with_extension(home, "part")
}

/// Files that claim to be complete.
fn complete(home: &Path) -> Vec<PathBuf> {
    with_extension(home, "mp4")
}

fn with_extension(home: &Path, extension: &str) -> Vec<PathBuf> {
    let is_it = |path: &PathBuf| path.extension().is_some_and(|own| own == extension);
    files_below(&home.join("Downloads"))
        .into_iter()
        .filter(is_it)
        .collect()
}

/// The browser closes in order, in the middle of a capture. With the setting, which is made where a person makes it, the
/// file is finished all the same, by a process that ends with it.
async fn a_browser_that_closes_leaves_a_capture_that_is_finished(kind: Kind) {
    let Some(harness) = Harness::start(kind, Host::Registered).await else {
        return;
    };
    let browser = &harness.browser;
    browser.open(&browser.page("ui/options.html")).await.unwrap();
    let choice = "#fields:not(:disabled) [data-testid=when-browser-closes] option[value=finish]";
    browser.wait_for(choice).await.unwrap().click().await.unwrap();
    browser.click("save").await.unwrap();
    browser.wait_for("#saved:not(:empty)").await.unwrap();

    stuck_capture(&harness).await;
    let home = browser.home().to_owned();
    browser.driver().clone().quit().await.unwrap();
    let alone = browser.until(|| async {
        let hosts = browser.hosts();
        let is_alone = |host: &Process| host.arguments.iter().any(|word| word == "finish-captures");
        Ok((hosts.len() == 1 && hosts.iter().all(is_alone)).then_some(()))
    });
    assert!(alone.await.unwrap().is_some(), "{:?}", browser.hosts());
    let is_left = browser.processes().iter().any(Process::is_browser);
    assert!(!is_left, "{:?}", browser.processes());

    harness.site.release();
    let done = browser.until(|| async { Ok(browser.hosts().is_empty().then_some(())) });
    assert!(done.await.unwrap().is_some(), "{:?}", browser.hosts());
    assert_eq!(parts(&home), [] as [PathBuf; 0]);
    let files = complete(&home);
    assert_eq!(files.len(), 1, "{files:?}");
    weir_tests::demo::compare(&files[0], &harness.site).unwrap();
    drop(harness);
    assert_eq!(process::of_home(&home), []);
}

#[tokio::test]
async fn killing_the_browser_leaves_no_host_and_no_complete_file() {
    let Some(harness) = Harness::start(Kind::Chromium, Host::Registered).await else {
        return;
    };
    stuck_capture(&harness).await;
    let Harness { browser, .. } = &harness;
    let home = browser.home().to_owned();
    let main: Vec<Process> = browser
        .processes()
        .into_iter()
        .filter(Process::is_browser)
        .collect();
    assert_eq!(main.len(), 1, "{main:?}");
    main[0].kill();
    let gone = browser.until(|| async { Ok(browser.hosts().is_empty().then_some(())) });
    assert!(
        gone.await.unwrap().is_some(),
        "a host outlives its browser: {:?}",
        browser.hosts()
    );
    assert_eq!(complete(&home), [] as [PathBuf; 0]);
    // There is no browser that could be closed in order.
    drop(harness);
    assert_eq!(process::of_home(&home), []);
}

#[tokio::test]
async fn cancel_ends_the_job_and_leaves_no_complete_file() {
    let Some(harness) = Harness::start(Kind::Chromium, Host::Registered).await else {
        return;
    };
    stuck_capture(&harness).await;
    harness.browser.click("cancel").await.unwrap();
    let job = harness.browser.finished_job().await.unwrap();
    assert_eq!(job.verdict, "cancelled", "{job:?}");
    assert_eq!(complete(harness.browser.home()), [] as [PathBuf; 0]);

    // The next capture is none the worse for it.
    harness.site.release();
    harness.browser.click("capture").await.unwrap();
    harness
        .browser
        .wait_for("[data-testid=job][data-verdict=complete]")
        .await
        .unwrap();
    let jobs = harness.browser.jobs().await.unwrap();
    let done = jobs.iter().find(|job| job.verdict == "complete").unwrap();
    weir_tests::demo::compare(Path::new(&done.output), &harness.site).unwrap();
    harness.close().await;
}

/// So often the worker is ended while it captures. `WEIR_WORKER_KILLS=50` makes it a long series.
const KILLS: usize = 12;

/// How long each segment takes.
const SEGMENT: Duration = Duration::from_millis(80);

/// The browser may end the worker at any moment: while it plans, while it hands over, while the host works, and the host
/// ends with its port. The next worker goes on with it.
#[tokio::test]
async fn a_worker_that_is_ended_at_any_moment_loses_no_stream_and_no_capture() {
    let Some(harness) = Harness::start(Kind::Chromium, Host::Registered).await else {
        return;
    };
    let Harness { browser, site } = &harness;
    harness.one_by_one();
    site.media().guard("/hls/", |_| {
        std::thread::sleep(SEGMENT);
        None
    });
    harness.stream_of(Page::Xhr).await;
    let listed = browser.streams().await.unwrap();
    let kills = std::env::var("WEIR_WORKER_KILLS").ok();
    let kills = kills.map_or(KILLS, |kills| kills.parse().unwrap());
    let mut random = fastrand::Rng::with_seed(11);
    // What one asks for, and gives, that nothing interrupts.
    let before = site.media().requests().len();
    browser.click("capture").await.unwrap();
    let whole = browser.finished_job().await.unwrap();
    let asked = site.media().requests().len() - before;
    let whole = Path::new(&whole.output);
    weir_tests::demo::compare(whole, site).unwrap();
    let first = fs::read(whole).unwrap();
    fs::remove_file(whole).unwrap();
    browser.clear_jobs().await.unwrap();

    let [mut in_the_middle, mut resumed] = [0; 2];
    for kill in 0..kills {
        let before = site.media().requests().len();
        browser.click("capture").await.unwrap();
        // A moment of the work, however long the work takes here: while one of the requests is answered, or before them.
        let of_request = random.usize(0..=asked);
        let come = browser.until(|| async {
            let come = site.media().requests().len() - before;
            Ok((come >= of_request).then_some(()))
        });
        assert!(
            come.await.unwrap().is_some(),
            "kill {kill}: request {of_request} of {asked}"
        );
        tokio::time::sleep(SEGMENT.mul_f64(random.f64())).await;
        let jobs = browser.jobs().await.unwrap();
        in_the_middle += usize::from(jobs.iter().all(|job| job.state != "finished"));
        kill_worker(browser).await;
        let job = browser.finished_job().await.unwrap();
        assert_eq!(job.verdict, "complete", "kill {kill}: {job:?}");
        assert_eq!(browser.jobs().await.unwrap().len(), 1, "kill {kill}");
        assert_eq!(browser.streams().await.unwrap(), listed, "kill {kill}");
        let said = "return document.querySelector('[data-testid=notes]')?.textContent ?? ''";
        let said = browser.call(said).await.unwrap();
        resumed += usize::from(said.as_str().unwrap().contains("was interrupted"));
        let output = Path::new(&job.output);
        let bytes = fs::read(output).unwrap();
        assert!(first == bytes, "kill {kill}: the file is another");
        fs::remove_file(output).unwrap();
        browser.clear_jobs().await.unwrap();
    }
    println!(
        "{kills} kills, at one of {asked} requests: {in_the_middle} in the middle, {resumed} captures went on where they were"
    );
    assert!(in_the_middle > kills / 3, "{in_the_middle}");
    assert!(resumed > 0);
    assert_eq!(parts(browser.home()), [] as [PathBuf; 0]);
    harness.close().await;
}
