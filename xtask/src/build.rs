//! `cargo xtask build`: the host, and the extension as folders that browsers load.

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::command;
use crate::extension::{self, Folders};
use crate::say;
use crate::setup::{self, WasmToolchain};
use crate::workspace::Workspace;

/// How to build.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub(crate) struct Arguments {
    /// Build the host with optimisations (the wasm module always has them)
    #[arg(long)]
    release: bool,
}

/// The profile of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// Quick to build.
    Dev,
    /// Quick to run.
    Release,
}

/// Sets up, then builds the host and the extension.
///
/// # Errors
/// When something is missing or does not compile.
pub(crate) fn run(workspace: &Workspace, arguments: Arguments) -> Result<ExitCode> {
    let toolchain = setup::run(workspace)?;
    let profile = if arguments.release {
        Profile::Release
    } else {
        Profile::Dev
    };
    let host = host(workspace, profile)?;
    let extension = extension(workspace, &toolchain)?;
    say::line(&format!(
        "host:      {}\nextension: {}\n           {}",
        host.display(),
        extension.chromium.display(),
        extension.firefox.display()
    ));
    Ok(ExitCode::SUCCESS)
}

/// Builds `weir` and returns its path.
///
/// # Errors
/// When it does not compile.
pub(crate) fn host(workspace: &Workspace, profile: Profile) -> Result<PathBuf> {
    let mut cargo = command::cargo();
    cargo.arg("build").current_dir(workspace.root());
    let folder = match profile {
        Profile::Dev => {
            // Cargo joins the features of what is built together: with fewer packages, most of the
            // dependencies would be built once for this and once more for the tests.
            cargo.args(["--workspace", "--bins"]);
            "debug"
        }
        Profile::Release => {
            cargo.args(["--release", "--package", "weir", "--bin", "weir"]);
            "release"
        }
    };
    say::timed("weir, the host: cargo build", || command::run(&mut cargo))?;
    Ok(workspace
        .target()
        .join(folder)
        .join(format!("weir{}", std::env::consts::EXE_SUFFIX)))
}

/// Builds the wasm module and lays out the extension; returns the folders to load.
///
/// # Errors
/// When it does not compile or a file of the extension is missing.
pub(crate) fn extension(workspace: &Workspace, toolchain: &WasmToolchain) -> Result<Folders> {
    wasm(workspace, toolchain)?;
    extension::lay_out(workspace)
}

/// Builds the wasm module with its glue into `extension/generated`.
///
/// wasm-pack would do as much, but has no way to ask for `__wbg_reset_state`, with which the extension
/// starts the module again after a trap. wasm-opt takes a tenth off what the compiler leaves, and most
/// of the difference between one compiler and the next.
///
/// # Errors
/// When it does not compile.
pub(crate) fn wasm(workspace: &Workspace, toolchain: &WasmToolchain) -> Result<()> {
    let module = workspace
        .target()
        .join("wasm32-unknown-unknown/wasm-release/weir_wasm.wasm");
    let generated = workspace.root().join("extension/generated");
    say::timed("weir-wasm: cargo build, wasm-bindgen and wasm-opt", || {
        command::run(
            toolchain
                .command(workspace, "cargo")?
                .args(["build", "--quiet", "--package", "weir-wasm", "--lib"])
                .args(["--target", "wasm32-unknown-unknown", "--profile", "wasm-release"])
                .current_dir(workspace.root()),
        )?;
        command::run(
            toolchain
                .command(workspace, "wasm-bindgen")?
                .args(["--target", "web", "--experimental-reset-state-function"])
                .args(["--remove-name-section", "--remove-producers-section", "--out-dir"])
                .arg(&generated)
                .arg(module),
        )?;
        let bound = generated.join("weir_wasm_bg.wasm");
        command::run(
            Command::new("node")
                .arg(
                    workspace
                        .root()
                        .join("extension/node_modules/binaryen/bin/wasm-opt"),
                )
                // The linker puts the stack first: nothing that the module reads or writes is in the first KiB.
                .args(["-Oz", "--low-memory-unused"])
                .arg(&bound)
                .arg("--output")
                .arg(&bound),
        )
    })
}
