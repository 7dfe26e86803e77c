//! A browser on the sample site, for each test its own.

use std::path::{Path, PathBuf};

use serde_json::json;
use thirtyfour::WindowHandle;
use tokio::time::{Duration, Instant};
use weir_tests::browser::process::of_home;
use weir_tests::browser::{Browser, Kind, Options, Programs, Window};
use weir_tests::program;
use weir_tests::site::{Page, Site};

/// How long killed processes may take to be gone.
const ENDING: Duration = Duration::from_secs(5);

/// Makes a test for each browser of an async function that takes a [`Kind`].
macro_rules! in_both {
    ($($test:ident),+ $(,)?) => {$(
        mod $test {
            use weir_tests::browser::Kind;

            #[tokio::test]
            async fn chromium() {
                super::$test(Kind::Chromium).await;
            }

            #[tokio::test]
            async fn firefox() {
                super::$test(Kind::Firefox).await;
            }
        }
    )+};
}

pub(crate) use in_both;

/// Whether the native host is registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Host {
    Registered,
    Missing,
}

/// A browser and the site it looks at.
pub(crate) struct Harness {
    pub(crate) browser: Browser,
    pub(crate) site: Site,
}

impl Harness {
    /// None, with a line that says so, where there is no browser.
    pub(crate) async fn start(kind: Kind, host: Host) -> Option<Self> {
        Self::start_with(kind, host, program::extension(kind.name()).unwrap()).await
    }

    /// The same with an extension of the test's own.
    pub(crate) async fn start_with(kind: Kind, host: Host, extension: PathBuf) -> Option<Self> {
        let Some(programs) = Programs::find(kind) else {
            println!("skipped: {kind:?} or its driver is not installed");
            return None;
        };
        let options = Options {
            extension,
            host: (host == Host::Registered).then(|| program::weir().unwrap()),
            window: Window::Headless,
            home: None,
        };
        let browser = Browser::start(&programs, &options).await.unwrap();
        Some(Self {
            browser,
            site: Site::start().unwrap(),
        })
    }

    /// Captures the stream that the popup shows, and leaves for a page without a line to the worker while it runs: its end is
    /// for no page to show.
    pub(crate) async fn capture_unseen(&self) -> String {
        let browser = &self.browser;
        browser.click("capture").await.unwrap();
        browser
            .wait_for("[data-testid=job][data-state=running]")
            .await
            .unwrap();
        let job = browser.jobs().await.unwrap().remove(0).job;
        let page = browser.page("manifest.json");
        browser.driver().goto(page).await.unwrap();
        job
    }

    /// Opens a page of the site and waits until its player has asked for all it wants.
    pub(crate) async fn play(&self, page: Page) -> WindowHandle {
        let tab = self.browser.open(&self.site.page_url(page)).await.unwrap();
        self.browser.wait_for("[data-player]").await.unwrap();
        let text = self.browser.text().await.unwrap();
        assert!(!text.contains("Error"), "the player failed: {text}");
        tab
    }

    /// Plays a page and opens the popup for it.
    pub(crate) async fn popup_of(&self, page: Page) {
        self.play(page).await;
        self.browser.open_popup(&self.site.page_url(page)).await.unwrap();
    }

    /// Plays a page, opens the popup for it, and waits for its stream.
    pub(crate) async fn stream_of(&self, page: Page) {
        self.popup_of(page).await;
        self.browser.wait_for("[data-testid=stream]").await.unwrap();
    }

    /// The host asks for one segment at a time.
    pub(crate) fn one_by_one(&self) {
        self.settings("concurrency = 1\n");
    }

    /// The host's settings, from its next start on.
    pub(crate) fn settings(&self, text: &str) {
        let settings = self.browser.home().join(".config/weir/settings.toml");
        std::fs::create_dir_all(settings.parent().unwrap()).unwrap();
        std::fs::write(settings, text).unwrap();
    }

    pub(crate) async fn close(self) {
        let home = self.browser.home().to_owned();
        self.browser.close().await.unwrap();
        // What was killed takes a moment to be gone, longer on a busy machine.
        let until = Instant::now() + ENDING;
        while !of_home(&home).is_empty() && Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(of_home(&home), [], "processes are left");
    }
}

/// Every file below `folder`.
pub(crate) fn files_below(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut files = Vec::new();
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files
}

/// Waits until a script of the page returns a text with these words.
pub(crate) async fn wait_until_said(browser: &Browser, script: &str, words: &str) {
    let said = browser.until(|| async {
        let said = browser.call(script).await?;
        Ok(said
            .as_str()
            .is_some_and(|said| said.contains(words))
            .then_some(()))
    });
    let said = said.await.unwrap();
    assert!(said.is_some(), "{words}: {}", browser.text().await.unwrap());
}

/// What was copied; None in Firefox, which lets no page read it without asking.
pub(crate) async fn clipboard(browser: &Browser, kind: Kind) -> Option<String> {
    if kind == Kind::Firefox {
        return None;
    }
    let origin = browser.page("").trim_end_matches('/').to_owned();
    let permissions =
        json!({"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"], "origin": origin});
    browser
        .command("Browser.grantPermissions", permissions)
        .await
        .unwrap();
    let read = "return navigator.clipboard.readText()";
    Some(browser.call(read).await.unwrap().as_str().unwrap().to_owned())
}
