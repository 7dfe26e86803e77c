//! `cargo xtask install`: the host where the browsers find it, and the extension to load.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::build::{self, Profile};
use crate::command;
use crate::say;
use crate::setup;
use crate::workspace::Workspace;

/// Where to.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Arguments {
    /// The folder whose `bin` gets `weir` [default: where cargo installs, ~/.cargo]
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
}

/// Builds with optimisations, copies `weir` and registers it with every browser that is found.
///
/// # Errors
/// When something is missing, does not compile, or the host cannot be registered.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<ExitCode> {
    let toolchain = setup::run(workspace)?;
    let host = build::host(workspace, Profile::Release)?;
    let extension = build::extension(workspace, &toolchain)?;
    let root = match &arguments.root {
        Some(root) => std::path::absolute(root)?,
        None => cargo_home()?,
    };
    let installed = copy_program(&host, &root.join("bin"))?;
    say::line(&format!("installed {}", installed.display()));
    // It names itself in the browsers' manifests: it has to run from where it will stay.
    command::run(Command::new(&installed).arg("install"))?;
    say::line(&format!(
        "\nNow load the extension.\n\n\
         Chromium, Chrome: once. Open chrome://extensions, switch on \"Developer mode\",\n\
         click \"Load unpacked\" and choose\n\n    {}\n\n\
         Firefox: after each start. Open about:debugging#/runtime/this-firefox, click\n\
         \"Load Temporary Add-on\" and choose\n\n    {}\n",
        extension.chromium.display(),
        extension.firefox.join("manifest.json").display()
    ));
    Ok(ExitCode::SUCCESS)
}

/// Replaces the program in one step: the old one may be running.
fn copy_program(program: &Path, folder: &Path) -> Result<PathBuf> {
    std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let target = folder.join(program.file_name().context("the program has no name")?);
    let copy = tempfile::Builder::new()
        .prefix(".weir-")
        .tempfile_in(folder)?
        .into_temp_path();
    std::fs::copy(program, &copy).with_context(|| copy.display().to_string())?;
    copy.persist(&target)
        .with_context(|| target.display().to_string())?;
    Ok(target)
}

fn cargo_home() -> Result<PathBuf> {
    std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(std::env::home_dir()?.join(".cargo")))
        .context("there is no home folder: say where to install with --root DIR")
}
