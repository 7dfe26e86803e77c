//! The npm packages that check the extension and make its wasm module small, and the player that is shipped with it.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::command;
use crate::say;
use crate::workspace::Workspace;

/// Folders with a `package-lock.json`, and what it pins.
const FOLDERS: &[(&str, &str)] = &[
    (
        "extension",
        "hls.js, TypeScript, the browser API's types, wasm-opt, axe-core",
    ),
    ("tests/tests/browser/players", "players for the browser tests"),
    ("xtask/web-ext", "the checker of Firefox packages"),
];

/// Installs what each lock file pins into `node_modules` beside it, once per lock file.
///
/// # Errors
/// When npm fails.
pub(super) fn ensure(workspace: &Workspace) -> Result<()> {
    FOLDERS
        .iter()
        .try_for_each(|(folder, what)| install(&workspace.root().join(folder), folder, what))
}

fn install(folder: &Path, name: &str, what: &str) -> Result<()> {
    let lock = read(&folder.join("package-lock.json"))?;
    let stamp = folder.join("node_modules/.weir-lock.json");
    if std::fs::read(&stamp).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    say::timed(&format!("{what}: npm ci in {name}"), || {
        let npm = if cfg!(windows) { "npm.cmd" } else { "npm" };
        let mut command = Command::new(npm);
        command::run(
            command
                .args([
                    "ci",
                    "--ignore-scripts",
                    "--no-audit",
                    "--no-fund",
                    "--loglevel=error",
                ])
                .current_dir(folder),
        )?;
        std::fs::write(&stamp, &lock).with_context(|| stamp.display().to_string())
    })
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| path.display().to_string())
}
