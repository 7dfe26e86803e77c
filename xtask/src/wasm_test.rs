//! The wasm tests: in a dedicated worker of headless Chromium, against a loopback origin.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::json;

use crate::command;
use crate::setup::WasmToolchain;
use crate::workspace::Workspace;

/// Chromium asks nothing of the world outside: tests are about the loopback origin.
const CHROMIUM: &[&str] = &[
    "--headless=new",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
];

/// Runs `wasm-pack test` while the origin serves.
///
/// # Errors
/// When a test fails, or the origin or the browser does not start.
pub(crate) fn run(workspace: &Workspace, toolchain: &WasmToolchain) -> Result<()> {
    let origin = Origin::start(workspace)?;
    let webdriver = workspace.target().join("wasm-webdriver.json");
    std::fs::write(&webdriver, capabilities()?)?;
    command::run(
        toolchain
            .command(workspace, "wasm-pack")?
            .args([
                "test",
                "--headless",
                "--chrome",
                "--release",
                "--mode",
                "no-install",
            ])
            .arg(workspace.root().join("wasm"))
            .env("WASM_BINDGEN_TEST_WEBDRIVER_JSON", webdriver)
            .env("WEIR_TEST_ORIGIN", &origin.url)
            // One test waits for a deadline of 20 s, which is the default for all of them.
            .env("WASM_BINDGEN_TEST_TIMEOUT", "120"),
    )
}

fn capabilities() -> Result<String> {
    let mut arguments = CHROMIUM.to_vec();
    if command::is_root() {
        // Chromium has no sandbox for root.
        arguments.push("--no-sandbox");
    }
    Ok(serde_json::to_string(
        &json!({ "goog:chromeOptions": { "args": arguments } }),
    )?)
}

/// `weir-wasm-origin`; it stops when its stdin closes.
struct Origin {
    child: Child,
    url: String,
}

impl Origin {
    fn start(workspace: &Workspace) -> Result<Self> {
        let program = workspace
            .target()
            .join(format!("debug/weir-wasm-origin{}", std::env::consts::EXE_SUFFIX));
        let mut child = Command::new(&program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let mut url = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut url)?;
        }
        let url = url.trim().to_owned();
        let origin = Self { child, url };
        if origin.url.is_empty() {
            bail!("{} did not say where it listens", program.display());
        }
        Ok(origin)
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
