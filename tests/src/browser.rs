//! A real Chromium or Firefox with the built extension and the real native host, in a home folder of its own.
//!
//! [`Browser::start`] starts chromedriver or geckodriver on a free port, which starts the browser. HOME is a temporary
//! folder: the profile, the host's manifest, its settings and the captured files are all inside, and no process
//! outlives the [`Browser`].

mod axe;
mod chromium;
mod firefox;
mod interface;
mod launch;
pub mod popup;
pub mod process;
mod roles;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use thirtyfour::common::types::WindowHandle;
use thirtyfour::{By, WebDriver, WebElement};
use tokio::time::{Instant, sleep, timeout};

use self::launch::{Home, Processes};
pub use self::launch::{Options, Programs, Window};
use self::process::Process;

/// The native host's name.
pub const HOST_NAME: &str = "io.github.weir_hls.weir";

/// How long a page may take to show what it should, on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// How long the extension may take to answer after a start.
const START_PATIENCE: Duration = Duration::from_secs(10);

/// How often a browser is started. On a busy machine 6 of 48 starts of Chromium 156 with the extension hung before any
/// page of ours: the new-tab page was given up and chromedriver waited for it. An extension with the same permissions
/// and an empty worker does it too (3 of 18), one without does not (0 of 48). With a blank first page none of 40 did;
/// should one do it after all, it is told.
const STARTS: usize = 3;

/// Between two looks at a page: short for a person, long for a CPU.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Which browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Chromium.
    Chromium,
    /// Firefox, its extended support release.
    Firefox,
}

impl Kind {
    /// Its name in file names: the folder of the extension that is made for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Chromium => "chromium",
            Self::Firefox => "firefox",
        }
    }

    /// The address of a page of the extension.
    #[must_use]
    pub fn page(self, path: &str) -> String {
        match self {
            Self::Chromium => format!("chrome-extension://{}/{path}", chromium::EXTENSION_ID),
            Self::Firefox => format!("moz-extension://{}/{path}", firefox::EXTENSION_UUID),
        }
    }
}

/// The colour scheme that the system asks of pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColourScheme {
    /// Dark text on a light ground.
    Light,
    /// Light text on a dark ground.
    Dark,
}

/// A running browser. [`Browser::close`] ends it in order; a drop ends it by force.
#[derive(Debug)]
pub struct Browser {
    kind: Kind,
    programs: Programs,
    options: Options,
    driver: WebDriver,
    // Dropped in this order: the processes end before the folder that they write to goes.
    processes: Processes,
    home: Home,
}

impl Browser {
    /// Starts the browser with an empty profile, and waits until the extension answers.
    ///
    /// # Errors
    /// Whatever keeps the browser from starting.
    #[expect(
        clippy::print_stderr,
        reason = "a start that is given up may be a defect, and is not to be hidden"
    )]
    pub async fn start(programs: &Programs, options: &Options) -> anyhow::Result<Self> {
        for start in 1..=STARTS {
            let browser = Self::launch(programs, options).await?;
            if browser.extension_answers().await {
                browser.close_first_run_page().await?;
                return Ok(browser);
            }
            eprintln!("start {start} of {STARTS}: the extension did not answer, and the browser is ended");
        }
        bail!(
            "the extension in {} does not answer, after {STARTS} starts",
            options.extension.display()
        )
    }

    async fn launch(programs: &Programs, options: &Options) -> anyhow::Result<Self> {
        let home = Home::make(programs.kind, options)?;
        let processes = Processes::start(programs, &home).await?;
        let driver = processes.session(programs, options, &home).await?;
        Ok(Self {
            kind: programs.kind,
            programs: programs.clone(),
            options: options.clone(),
            driver,
            processes,
            home,
        })
    }

    /// Closes the browser in order and starts it again with the same profile.
    ///
    /// # Errors
    /// It does not end, or does not start.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        self.driver.clone().quit().await?;
        self.start_again().await
    }

    /// Waits until the browser, which was told to end, is gone with its hosts, and starts it again with the same profile.
    ///
    /// # Errors
    /// It does not end, or does not start.
    pub async fn start_again(&mut self) -> anyhow::Result<()> {
        let is_over = || {
            let mut left = self.processes().into_iter();
            left.all(|process| process.program.file_stem() == self.programs.driver.file_stem())
        };
        let over = self.until(|| async { Ok(is_over().then_some(())) }).await?;
        over.with_context(|| format!("the browser does not end: {:?}", self.processes()))?;
        self.processes.restart(&self.programs, &self.home).await?;
        self.driver = self
            .processes
            .session(&self.programs, &self.options, &self.home)
            .await?;
        anyhow::ensure!(
            self.extension_answers().await,
            "the extension does not answer after a restart"
        );
        Ok(())
    }

    /// Chromium loads the extension while it starts: a page that is opened too early misses its content scripts.
    async fn extension_answers(&self) -> bool {
        let manifest = self.until(|| async {
            // Not loaded yet is an error of `goto`.
            let opened = self.driver.goto(self.kind.page("manifest.json")).await.is_ok();
            Ok((opened && self.text().await?.contains("manifest_version")).then_some(()))
        });
        matches!(timeout(START_PATIENCE, manifest).await, Ok(Ok(Some(()))))
    }

    /// The extension opens a page when it is installed. It has to be there, and makes room for the tabs of the test.
    async fn close_first_run_page(&self) -> anyhow::Result<()> {
        let close = "const tabs = await chrome.tabs.query({});
            const opened = tabs.filter(({ url }) => url?.endsWith('/ui/welcome.html'));
            await chrome.tabs.remove(opened.map(({ id }) => id));
            return opened.length";
        let closed = self
            .until(|| async { Ok(self.call(close).await?.as_u64().filter(|count| *count > 0)) })
            .await?;
        match closed {
            Some(1) => Ok(()),
            closed => bail!("the first-run page was opened {} times", closed.unwrap_or(0)),
        }
    }

    /// Registers `weir` as native host while the browser runs.
    ///
    /// # Errors
    /// The manifest cannot be written.
    pub fn register_host(&self, weir: &Path) -> anyhow::Result<()> {
        self.home.register(self.kind, weir)
    }

    /// Ends the browser in order, then by force what is left.
    ///
    /// # Errors
    /// Those of the WebDriver session's end.
    pub async fn close(self) -> anyhow::Result<()> {
        // The drop that follows ends what is left.
        Ok(self.driver.clone().quit().await?)
    }

    /// Which browser it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The address of a page of the extension.
    #[must_use]
    pub fn page(&self, path: &str) -> String {
        self.kind.page(path)
    }

    /// The WebDriver session, for what this type has no word for.
    #[must_use]
    pub fn driver(&self) -> &WebDriver {
        &self.driver
    }

    /// The browser's home folder: everything that it and the host write is inside.
    #[must_use]
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Every process of this browser that runs now, its native hosts included.
    #[must_use]
    pub fn processes(&self) -> Vec<Process> {
        self.processes.running()
    }

    /// The native hosts that run now.
    #[must_use]
    pub fn hosts(&self) -> Vec<Process> {
        let is_host = |process: &Process| process.program.file_stem().is_some_and(|name| name == "weir");
        self.processes().into_iter().filter(is_host).collect()
    }

    /// Opens `url` in a new tab and makes it the current one.
    ///
    /// # Errors
    /// Those of the WebDriver session.
    pub async fn open(&self, url: &str) -> anyhow::Result<WindowHandle> {
        let tab = self.driver.new_tab().await?;
        self.driver.switch_to_window(tab.clone()).await?;
        self.driver
            .goto(url)
            .await
            .with_context(|| format!("cannot open {url}"))?;
        Ok(tab)
    }

    /// Makes an open tab the current one.
    ///
    /// # Errors
    /// The tab is gone.
    pub async fn switch_to(&self, tab: &WindowHandle) -> anyhow::Result<()> {
        Ok(self.driver.switch_to_window(tab.clone()).await?)
    }

    /// The browser's own numbers of its tabs, and what they show. Opens a page of the extension for it, where
    /// `chrome.tabs` is, and leaves that the current tab.
    ///
    /// # Errors
    /// Those of the WebDriver session.
    pub async fn tab_numbers(&self) -> anyhow::Result<Vec<(i64, String)>> {
        self.open(&self.page("ui/popup.html")).await?;
        let tabs = self
            .call("const tabs = await chrome.tabs.query({}); return tabs.map(({id, url}) => [id, url]);")
            .await?;
        Ok(serde_json::from_value(tabs)?)
    }

    /// The browser's own number of the tab that shows `url`; the rest as in [`Browser::tab_numbers`].
    ///
    /// # Errors
    /// No tab shows it.
    pub async fn tab_number(&self, url: &str) -> anyhow::Result<i64> {
        let tabs = self.tab_numbers().await?;
        let found = tabs.iter().find(|(_, tab)| tab == url);
        found
            .map(|(number, _)| *number)
            .with_context(|| format!("no tab shows {url}: {tabs:?}"))
    }

    /// Opens the popup as a page, for the tab that shows `url`, in a new tab, and makes that the current one.
    ///
    /// # Errors
    /// No tab shows `url`, or the extension is not there.
    pub async fn open_popup(&self, url: &str) -> anyhow::Result<WindowHandle> {
        let number = self.tab_number(url).await?;
        self.open_popup_of(number).await?;
        Ok(self.driver.window().await?)
    }

    /// Shows the popup as a page, for the tab of that number, in the current tab.
    ///
    /// # Errors
    /// The extension is not there.
    pub async fn open_popup_of(&self, number: i64) -> anyhow::Result<()> {
        self.driver
            .goto(self.page(&format!("ui/popup.html?tab={number}")))
            .await?;
        Ok(())
    }

    /// From now on a script may take as long as an answer of the driver may.
    ///
    /// # Errors
    /// The driver does not take it.
    pub async fn patient(&self) -> anyhow::Result<()> {
        Ok(self.driver.set_script_timeout(Duration::from_secs(110)).await?)
    }

    /// Runs the body of an async function in the current tab and returns its result.
    ///
    /// # Errors
    /// What the script threw.
    pub async fn call(&self, body: &str) -> anyhow::Result<Value> {
        self.call_with(body, Vec::new()).await
    }

    /// [`Self::call`] of a body that reads `arguments`.
    ///
    /// # Errors
    /// What the script threw.
    pub async fn call_with(&self, body: &str, arguments: Vec<Value>) -> anyhow::Result<Value> {
        let script = format!(
            "const done = arguments[arguments.length - 1];
             (async () => {{ {body} }})().then((value) => done({{value}}), (error) => done({{error: String(error)}}));"
        );
        let answer = self.driver.execute_async(script, arguments).await?;
        let answer = answer.json();
        match answer.get("error") {
            Some(error) => bail!("the page's script failed: {error}"),
            None => Ok(answer.get("value").cloned().unwrap_or(Value::Null)),
        }
    }

    /// Waits for an element in the current tab.
    ///
    /// # Errors
    /// None came within [`PATIENCE`]: with the page's text.
    pub async fn wait_for(&self, css: &str) -> anyhow::Result<WebElement> {
        let found = self.until(|| async {
            Ok(self
                .driver
                .find_all(By::Css(css.to_owned()))
                .await?
                .into_iter()
                .next())
        });
        match found.await? {
            Some(element) => Ok(element),
            None => bail!(
                "no {css} after {PATIENCE:?}; the page says:\n{}",
                self.text().await?
            ),
        }
    }

    /// Waits until no element of the current tab matches.
    ///
    /// # Errors
    /// One was still there after [`PATIENCE`].
    pub async fn wait_gone(&self, css: &str) -> anyhow::Result<()> {
        let gone = self.until(|| async {
            Ok(self
                .driver
                .find_all(By::Css(css.to_owned()))
                .await?
                .is_empty()
                .then_some(()))
        });
        gone.await?
            .with_context(|| format!("{css} is still there after {PATIENCE:?}"))
    }

    /// Asks again and again until an answer comes; None after [`PATIENCE`].
    ///
    /// # Errors
    /// The first error of a question.
    pub async fn until<T, F>(&self, mut question: impl FnMut() -> F) -> anyhow::Result<Option<T>>
    where
        F: Future<Output = anyhow::Result<Option<T>>>,
    {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(answer) = question().await? {
                return Ok(Some(answer));
            }
            if Instant::now() >= deadline {
                return Ok(None);
            }
            sleep(POLL_INTERVAL).await;
        }
    }

    /// The visible text of the current tab.
    ///
    /// # Errors
    /// Those of the WebDriver session.
    pub async fn text(&self) -> anyhow::Result<String> {
        let text = self
            .driver
            .execute("return document.body?.innerText ?? ''", Vec::new())
            .await?;
        Ok(text.json().as_str().unwrap_or_default().to_owned())
    }

    /// Makes the current tab believe in a colour scheme; in Firefox every tab does.
    ///
    /// # Errors
    /// Those of the `DevTools` protocol, or of Firefox' preferences.
    pub async fn set_colour_scheme(&self, scheme: ColourScheme) -> anyhow::Result<()> {
        let value = match scheme {
            ColourScheme::Light => "light",
            ColourScheme::Dark => "dark",
        };
        if self.kind == Kind::Firefox {
            return firefox::set_colour_scheme(&self.driver, scheme).await;
        }
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": value}]});
        self.command("Emulation.setEmulatedMedia", features).await?;
        Ok(())
    }

    /// Sends a command of the Chrome `DevTools` protocol to the current tab: Chromium only.
    ///
    /// # Errors
    /// The browser refused it, or knows no such protocol.
    pub async fn command(&self, method: &str, parameters: Value) -> anyhow::Result<Value> {
        Ok(self.driver.cdp().send_raw(method, parameters).await?)
    }

    /// Saves a picture of the current tab in a window of the given size, in CSS pixels; Firefox counts its frame.
    ///
    /// # Errors
    /// The picture cannot be made or written.
    pub async fn screenshot(&self, path: &Path, width: u32, height: u32) -> anyhow::Result<()> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        match self.kind {
            Kind::Chromium => {
                let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
                self.command("Emulation.setDeviceMetricsOverride", size).await?;
            }
            Kind::Firefox => self.driver.set_window_rect(0, 0, width, height).await?,
        }
        // What moves is waited for: a picture taken in the middle is another one each time.
        let still = "const ends = (one) => Number.isFinite(one.effect.getComputedTiming().endTime);
            await Promise.allSettled(document.getAnimations().filter(ends).map((one) => one.finished))";
        self.call(still).await?;
        self.driver.screenshot(path).await?;
        if self.kind == Kind::Chromium {
            self.command("Emulation.clearDeviceMetricsOverride", json!({}))
                .await?;
        }
        Ok(())
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // An error means that it was closed in order. Else thirtyfour would ask chromedriver to end the session from
        // within this drop, and wait two minutes for an answer that the blocked runtime cannot receive.
        let _ = self.driver.clone().leak();
    }
}

/// The selector of `data-testid`.
#[must_use]
pub fn testid(id: &str) -> String {
    format!("[data-testid={id}]")
}
