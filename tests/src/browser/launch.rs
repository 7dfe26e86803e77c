//! How a browser is started: its home folder, chromedriver, its flags.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, bail};
use serde_json::json;
use tempfile::TempDir;
use thirtyfour::{ChromiumLikeCapabilities as _, DesiredCapabilities, WebDriver};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::process::{self, Process};
use super::{HOST_NAME, PATIENCE, extension_page};
use crate::program;

/// What to start.
#[derive(Debug, Clone)]
pub struct Options {
    /// The unpacked extension.
    pub extension: PathBuf,
    /// The `weir` program to register as native host; None: the host is missing.
    pub host: Option<PathBuf>,
    /// Whether a window is shown.
    pub window: Window,
    /// The home folder, emptied at the start and kept at the end; None: a temporary one.
    pub home: Option<PathBuf>,
}

/// Whether a window is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// No.
    Headless,
    /// Yes, on the display of the environment.
    Headed,
}

/// The programs that a browser test needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Programs {
    /// Chromium.
    pub chromium: PathBuf,
    /// Its WebDriver server, of the same version.
    pub chromedriver: PathBuf,
}

impl Programs {
    /// Finds them: the environment variables `CHROMIUM` and `CHROMEDRIVER`, else PATH.
    /// None when one is missing.
    #[must_use]
    pub fn find() -> Option<Self> {
        let find = |variable: &str, names: &[&str]| {
            std::env::var_os(variable)
                .map(PathBuf::from)
                .or_else(|| names.iter().find_map(|name| program::find(name)))
        };
        Some(Self {
            chromium: find("CHROMIUM", &["chromium", "chromium-browser"])?,
            chromedriver: find("CHROMEDRIVER", &["chromedriver"])?,
        })
    }
}

/// The profile's folder in the home folder.
const PROFILE: &str = "profile";

/// A browser's home folder.
#[derive(Debug)]
pub(super) enum Home {
    Temporary(TempDir),
    /// Only the profile in it goes at the end.
    Kept(PathBuf),
}

impl Home {
    /// An empty folder, with the host's manifest in its profile.
    pub(super) fn make(options: &Options) -> anyhow::Result<Self> {
        let home = Self::empty(options.home.as_deref())?;
        std::fs::create_dir_all(home.profile())?;
        if let Some(host) = &options.host {
            write_host_manifest(&home.profile().join("NativeMessagingHosts"), host)?;
        }
        Ok(home)
    }

    fn empty(kept: Option<&Path>) -> anyhow::Result<Self> {
        let Some(folder) = kept else {
            return Ok(Self::Temporary(
                tempfile::Builder::new().prefix("weir-browser-").tempdir()?,
            ));
        };
        if folder.exists() {
            std::fs::remove_dir_all(folder)?;
        }
        std::fs::create_dir_all(folder)?;
        Ok(Self::Kept(std::fs::canonicalize(folder)?))
    }

    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Temporary(folder) => folder.path(),
            Self::Kept(folder) => folder,
        }
    }

    fn profile(&self) -> PathBuf {
        self.path().join(PROFILE)
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if let Self::Kept(folder) = self {
            let _ = std::fs::remove_dir_all(folder.join(PROFILE));
        }
    }
}

/// chromedriver and what it started; all of it ends with this value.
#[derive(Debug)]
pub(super) struct Processes {
    chromedriver: Child,
    port: u16,
    home: PathBuf,
}

impl Processes {
    /// Starts chromedriver on a free port.
    pub(super) async fn start(programs: &Programs, home: &Home) -> anyhow::Result<Self> {
        let (chromedriver, port) = start_chromedriver(programs, home.path()).await?;
        Ok(Self {
            chromedriver,
            port,
            home: home.path().to_owned(),
        })
    }

    /// Has it start Chromium.
    pub(super) async fn session(
        &self,
        programs: &Programs,
        options: &Options,
        home: &Home,
    ) -> anyhow::Result<WebDriver> {
        install_crypto();
        let server = format!("http://127.0.0.1:{}", self.port);
        let session = WebDriver::new(server, capabilities(programs, options, &home.profile())?).await;
        session.context("chromedriver did not start Chromium")
    }

    /// What runs now.
    pub(super) fn running(&self) -> Vec<Process> {
        process::of_home(&self.home)
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        let _ = self.chromedriver.start_kill();
        // Twice, because a process may start another while the list is read.
        for _ in 0..2 {
            self.running().iter().for_each(Process::kill);
        }
    }
}

/// thirtyfour's HTTP client and the tests use rustls without a default provider.
fn install_crypto() {
    // An error means that another test of this process was first.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

fn write_host_manifest(folder: &Path, host: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder)?;
    let manifest = json!({
        "name": HOST_NAME,
        "description": "Weir",
        "path": host,
        "type": "stdio",
        "allowed_origins": [extension_page("")],
    });
    Ok(std::fs::write(
        folder.join(format!("{HOST_NAME}.json")),
        manifest.to_string(),
    )?)
}

async fn start_chromedriver(programs: &Programs, home: &Path) -> anyhow::Result<(Child, u16)> {
    let mut command = Command::new(&programs.chromedriver);
    command.arg("--port=0").env("HOME", home);
    for variable in [
        "XDG_CONFIG_HOME",
        "XDG_DATA_HOME",
        "XDG_CACHE_HOME",
        "XDG_STATE_HOME",
        "XDG_VIDEOS_DIR",
    ] {
        command.env_remove(variable);
    }
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    let mut child = command
        .spawn()
        .with_context(|| format!("cannot start {}", programs.chromedriver.display()))?;
    let mut lines = BufReader::new(child.stdout.take().context("chromedriver has no output")?).lines();
    let port = timeout(PATIENCE, async {
        while let Some(line) = lines.next_line().await? {
            let port = line
                .split_once("started successfully on port ")
                .map(|(_, port)| port.trim_end_matches('.'));
            if let Some(port) = port {
                return Ok(port.parse::<u16>()?);
            }
        }
        bail!("chromedriver ended before it named its port")
    });
    let port = port
        .await
        .context("chromedriver did not name its port in time")??;
    // Read on, so that the pipe never fills.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    Ok((child, port))
}

fn capabilities(
    programs: &Programs,
    options: &Options,
    profile: &Path,
) -> anyhow::Result<thirtyfour::Capabilities> {
    let mut capabilities = DesiredCapabilities::chrome();
    capabilities.set_binary(&programs.chromium.to_string_lossy())?;
    let extension = std::fs::canonicalize(&options.extension).with_context(|| {
        format!(
            "no extension at {}: run `cargo xtask build`",
            options.extension.display()
        )
    })?;
    for argument in [
        format!("--user-data-dir={}", profile.display()),
        format!("--load-extension={}", extension.display()),
    ] {
        capabilities.add_arg(&argument)?;
    }
    for argument in [
        "--no-first-run",
        "--no-default-browser-check",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-quic",
        "--mute-audio",
        "--autoplay-policy=no-user-gesture-required",
        "--lang=en-US",
        "--window-size=1000,760",
    ] {
        capabilities.add_arg(argument)?;
    }
    // The sample site's player sends its cookie to another site, as many do. Headless Chromium blocks that by default,
    // other than most browsers that people use.
    let preferences = json!({"profile": {"cookie_controls_mode": 0, "block_third_party_cookies": false}});
    capabilities.add_experimental_option("prefs", preferences)?;
    if options.window == Window::Headless {
        capabilities.add_arg("--headless=new")?;
    }
    Ok(capabilities.into())
}
