//! Programs of this machine that tests use when they are there, and those of this workspace.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// The file that `name` starts, from PATH.
#[must_use]
pub fn find(name: &str) -> Option<PathBuf> {
    let name = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join(&name))
        .find(|file| file.is_file())
}

/// The `weir` program that was built beside the running one.
///
/// # Errors
/// It was not built.
pub fn weir() -> anyhow::Result<PathBuf> {
    let this = std::env::current_exe()?;
    // Programs are in `target/debug`, tests in `target/debug/deps`.
    let folder = this.parent().context("a program is in a folder")?;
    let folder = if folder.ends_with("deps") {
        folder.parent().unwrap_or(folder)
    } else {
        folder
    };
    built(folder.join(format!("weir{}", std::env::consts::EXE_SUFFIX)))
}

/// The unpacked extension for a browser, `chromium` or `firefox`.
///
/// # Errors
/// It was not built.
pub fn extension(browser: &str) -> anyhow::Result<PathBuf> {
    built(target_folder().join("extension").join(browser))
}

/// A tool that `cargo xtask setup` has built.
#[must_use]
pub fn tool(name: &str) -> Option<PathBuf> {
    let name = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    Some(target_folder().join("tools/bin").join(name)).filter(|file| file.is_file())
}

/// The workspace's folder for what is made.
#[must_use]
pub fn target_folder() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("target"),
        PathBuf::from,
    )
}

fn built(path: PathBuf) -> anyhow::Result<PathBuf> {
    anyhow::ensure!(
        path.exists(),
        "{} is not there: run `cargo xtask build` first",
        path.display()
    );
    Ok(path)
}
