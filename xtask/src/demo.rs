//! `cargo xtask demo`: from click to file, on a sample site, in a real browser.

use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::build::{self, Profile};
use crate::say;
use crate::setup;
use crate::workspace::Workspace;

/// How to show it.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Arguments {
    /// Without a window, even where there is a display
    #[arg(long, conflicts_with = "headed")]
    headless: bool,
    /// With a window, even where no display was found
    #[arg(long)]
    headed: bool,
}

/// Sets up, builds, and runs the demo; its exit code is the task's.
///
/// # Errors
/// When something is missing, does not compile or cannot be started.
pub(crate) fn run(workspace: &Workspace, arguments: Arguments) -> Result<ExitCode> {
    let toolchain = setup::run(workspace)?;
    build::host(workspace, Profile::Dev)?;
    build::extension(workspace, &toolchain)?;
    let program = workspace
        .target()
        .join(format!("debug/weir-demo{}", std::env::consts::EXE_SUFFIX));
    let mut demo = Command::new(&program);
    demo.current_dir(workspace.root());
    demo.args(arguments.headless.then_some("--headless"))
        .args(arguments.headed.then_some("--headed"));
    say::line("");
    let status = demo
        .status()
        .with_context(|| format!("cannot start {}", program.display()))?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}
