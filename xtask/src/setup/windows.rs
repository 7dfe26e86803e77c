//! What builds the host for Windows and runs it here: asked for by the one step that does so, and not by `setup`.

use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::programs::{apt_install, has_apt};
use super::wasm_target::toolchain_in_use_has;
use crate::command;
use crate::say;

/// The target triple.
pub(crate) const TARGET: &str = "x86_64-pc-windows-gnu";

/// Programs, and the packages of Debian that have them.
const PROGRAMS: &[(&str, &str)] = &[
    ("wine", "wine"),
    ("wineboot", "wine"),
    ("wineserver", "wine"),
    ("x86_64-w64-mingw32-gcc", "gcc-mingw-w64-x86-64"),
];

/// Finds wine, mingw and Rust's target, or installs what is missing.
///
/// # Errors
/// Names what is missing and how to get it.
pub(crate) fn ensure() -> Result<()> {
    let mut packages = missing();
    if !packages.is_empty() && has_apt() {
        // Debian's `wine` has scripts, and this the programs.
        packages.push("wine64");
        apt_install(&packages)?;
    }
    let still = missing();
    if !still.is_empty() {
        bail!("missing: {} (the names of Debian's packages)", still.join(", "));
    }
    if toolchain_in_use_has(TARGET) {
        return Ok(());
    }
    say::timed(&format!("{TARGET}: rustup target add"), || {
        command::run(Command::new("rustup").args(["target", "add", TARGET]))
    })
    .with_context(|| {
        format!("the Rust target {TARGET} is missing, which only rustup has: rustup target add {TARGET}")
    })
}

fn missing() -> Vec<&'static str> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_missing = |(name, _): &&(&str, &str)| command::find(name, &path).is_none();
    let mut packages: Vec<_> = PROGRAMS.iter().filter(is_missing).map(|(_, of)| *of).collect();
    packages.dedup();
    packages
}
