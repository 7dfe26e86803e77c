//! How a browser is started: its home folder, and the WebDriver server that starts it.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, bail};
use serde_json::json;
use tempfile::TempDir;
use thirtyfour::WebDriver;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::process::{self, Process};
use super::{HOST_NAME, Kind, PATIENCE, chromium, firefox};
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
    /// Which browser it is.
    pub kind: Kind,
    /// The browser.
    pub browser: PathBuf,
    /// Its WebDriver server.
    pub driver: PathBuf,
}

impl Programs {
    /// Finds them: the environment variables `CHROMIUM` and `CHROMEDRIVER`, or `FIREFOX` and `GECKODRIVER`, else
    /// PATH and the tools of `cargo xtask setup`. None when one is missing.
    #[must_use]
    pub fn find(kind: Kind) -> Option<Self> {
        let find = |variable: &str, names: &[&str]| {
            std::env::var_os(variable)
                .map(PathBuf::from)
                .or_else(|| names.iter().find_map(|name| program::find(name)))
        };
        let (browser, driver) = match kind {
            Kind::Chromium => (
                find("CHROMIUM", &["chromium", "chromium-browser"])?,
                find("CHROMEDRIVER", &["chromedriver"])?,
            ),
            Kind::Firefox => (
                find("FIREFOX", &["firefox-esr", "firefox"])?,
                find("GECKODRIVER", &["geckodriver"]).or_else(|| program::tool("geckodriver"))?,
            ),
        };
        Some(Self {
            kind,
            browser,
            driver,
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
    /// An empty folder, with the host's manifest where the browser looks for it.
    pub(super) fn make(kind: Kind, options: &Options) -> anyhow::Result<Self> {
        let home = Self::empty(options.home.as_deref())?;
        std::fs::create_dir_all(home.profile())?;
        if let Some(host) = &options.host {
            home.register(kind, host)?;
        }
        Ok(home)
    }

    /// Writes the host's manifest where the browser looks for it.
    pub(super) fn register(&self, kind: Kind, host: &Path) -> anyhow::Result<()> {
        let folder = match kind {
            Kind::Chromium => self.profile().join(chromium::HOSTS),
            Kind::Firefox => self.path().join(firefox::HOSTS),
        };
        write_host_manifest(kind, &folder, host)
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

/// The WebDriver server and what it started; all of it ends with this value.
#[derive(Debug)]
pub(super) struct Processes {
    server: Child,
    port: u16,
    home: PathBuf,
}

impl Processes {
    /// Starts the WebDriver server on a free port.
    pub(super) async fn start(programs: &Programs, home: &Home) -> anyhow::Result<Self> {
        let (server, port) = start_server(programs, home).await?;
        Ok(Self {
            server,
            port,
            home: home.path().to_owned(),
        })
    }

    /// Another server in the place of this one.
    pub(super) async fn restart(&mut self, programs: &Programs, home: &Home) -> anyhow::Result<()> {
        // The one before is killed when it is dropped here.
        (self.server, self.port) = start_server(programs, home).await?;
        Ok(())
    }

    /// Has it start the browser with the extension.
    pub(super) async fn session(
        &self,
        programs: &Programs,
        options: &Options,
        home: &Home,
    ) -> anyhow::Result<WebDriver> {
        install_crypto();
        let extension = std::fs::canonicalize(&options.extension).with_context(|| {
            format!(
                "no extension at {}: run `cargo xtask build`",
                options.extension.display()
            )
        })?;
        let capabilities = match programs.kind {
            Kind::Chromium => {
                chromium::capabilities(&programs.browser, options, &extension, &home.profile())?
            }
            Kind::Firefox => firefox::capabilities(&programs.browser, options, &home.profile())?,
        };
        let server = format!("http://127.0.0.1:{}", self.port);
        let session = WebDriver::new(server, capabilities)
            .await
            .with_context(|| format!("{} did not start the browser", programs.driver.display()))?;
        session.set_script_timeout(PATIENCE).await?;
        session.set_page_load_timeout(PATIENCE).await?;
        if programs.kind == Kind::Firefox {
            firefox::install(&session, &extension).await?;
        }
        Ok(session)
    }

    /// What runs now.
    pub(super) fn running(&self) -> Vec<Process> {
        process::of_home(&self.home)
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        let _ = self.server.start_kill();
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

fn write_host_manifest(kind: Kind, folder: &Path, host: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder)?;
    let (allowed, caller) = match kind {
        Kind::Chromium => ("allowed_origins", kind.page("")),
        Kind::Firefox => ("allowed_extensions", firefox::EXTENSION_ID.to_owned()),
    };
    let manifest = json!({
        "name": HOST_NAME,
        "description": "Weir",
        "path": host,
        "type": "stdio",
        allowed: [caller],
    });
    Ok(std::fs::write(
        folder.join(format!("{HOST_NAME}.json")),
        manifest.to_string(),
    )?)
}

/// How often a WebDriver server is started before it is given up: chromedriver takes a port that is free on IPv6, and ends
/// where anything has the same one on IPv4, as the origins of other tests have.
const STARTS: usize = 5;

async fn start_server(programs: &Programs, home: &Home) -> anyhow::Result<(Child, u16)> {
    let name = programs.driver.display();
    let mut said = Vec::new();
    for _ in 0..STARTS {
        let mut child = server_command(programs, home)?
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        let output = child
            .stdout
            .take()
            .with_context(|| format!("{name} has no output"))?;
        let mut lines = BufReader::new(output).lines();
        let port = timeout(PATIENCE, async {
            while let Some(line) = lines.next_line().await? {
                if let Some(port) = port_in(&line) {
                    return Ok(Some(port));
                }
                said.push(line);
            }
            anyhow::Ok(None)
        });
        let port = port
            .await
            .with_context(|| format!("{name} did not name its port in time: {said:#?}"))??;
        if let Some(port) = port {
            // Read on, so that the pipe never fills.
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return Ok((child, port));
        }
    }
    bail!("{name} ended {STARTS} times before it named its port: {said:#?}")
}

fn server_command(programs: &Programs, home: &Home) -> anyhow::Result<Command> {
    let mut command = Command::new(&programs.driver);
    // Programs of the home come first: a test may put one there.
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(
        [home.path().join("bin")]
            .into_iter()
            .chain(std::env::split_paths(&path)),
    )?;
    command.arg("--port=0").env("HOME", home.path()).env("PATH", path);
    if programs.kind == Kind::Firefox {
        command
            // Without it, a session may not open an extension's pages.
            .arg("--allow-system-access")
            .arg("--websocket-port=0");
    }
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
    Ok(command)
}

/// The port in the line with which a WebDriver server says that it is ready.
fn port_in(line: &str) -> Option<u16> {
    let (_, port) = line
        .split_once("started successfully on port ")
        .or_else(|| line.split_once("Listening on 127.0.0.1:"))?;
    port.trim_end_matches('.').parse().ok()
}
