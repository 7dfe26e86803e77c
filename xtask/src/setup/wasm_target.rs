//! The `wasm32-unknown-unknown` target: rustup's, or one made from Debian's packages.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{debian_wasm, programs};
use crate::command;
use crate::say;
use crate::workspace::Workspace;

/// The target triple.
pub(super) const TARGET: &str = "wasm32-unknown-unknown";

/// Set (to anything) to do as if rustup could not be reached; CI has to pass with it.
const NO_RUSTUP: &str = "WASM_NO_RUSTUP";

/// The compiler that builds the wasm crate. Everything else is built by the toolchain in use.
#[derive(Debug)]
pub(crate) enum WasmToolchain {
    /// The toolchain in use.
    InUse,
    /// A folder with the `bin` and `lib` of another one.
    Folder(PathBuf),
}

impl WasmToolchain {
    /// A program that will find this toolchain's `cargo` and `rustc`, and the tools of `setup`, on `PATH`.
    ///
    /// # Errors
    /// When a folder's name holds the separator of `PATH`, or the program is not there.
    pub(crate) fn command(&self, workspace: &Workspace, program: &str) -> Result<Command> {
        let tools = workspace.tools().join("bin");
        let path = match self {
            Self::InUse => command::path_with([tools])?,
            Self::Folder(folder) => command::path_with([folder.join("bin"), tools])?,
        };
        let program = command::find(program, &path).with_context(|| format!("{program} is not on PATH"))?;
        let mut command = Command::new(program);
        command.env("PATH", path);
        if let Self::Folder(folder) = self {
            // clippy-driver takes the place of rustc, but not of the script that adds the option.
            command.env("SYSROOT", folder);
            // The cargo that started this task left these for its own children.
            for variable in ["CARGO", "RUSTC", "RUSTUP_TOOLCHAIN", "LD_LIBRARY_PATH"] {
                command.env_remove(variable);
            }
        }
        Ok(command)
    }
}

/// Finds the target, or gets it from rustup, or makes it from Debian's packages.
///
/// # Errors
/// When none of these is possible here.
pub(super) fn ensure(workspace: &Workspace) -> Result<WasmToolchain> {
    let may_use_rustup = std::env::var_os(NO_RUSTUP).is_none();
    if may_use_rustup && (toolchain_in_use_has(TARGET) || added_by_rustup()) {
        return Ok(WasmToolchain::InUse);
    }
    if !programs::has_apt() {
        bail!("  the Rust target {TARGET} is missing. With rustup: rustup target add {TARGET}");
    }
    debian_wasm::ensure(workspace).map(WasmToolchain::Folder)
}

/// Has the toolchain in use the standard library of a target?
pub(super) fn toolchain_in_use_has(target: &str) -> bool {
    let libraries =
        command::output(Command::new("rustc").args(["--print", "target-libdir", "--target", target]));
    libraries.is_ok_and(|folder| has_core(Path::new(folder.trim())))
}

fn has_core(folder: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return false;
    };
    entries
        .flatten()
        .any(|entry| entry.file_name().to_string_lossy().starts_with("libcore-"))
}

/// One try; where rustup has no server to ask it fails within seconds, and that is no error.
fn added_by_rustup() -> bool {
    let is_there = command::succeeds(Command::new("rustup").arg("--version"));
    is_there
        && say::timed(&format!("{TARGET}: rustup target add"), || {
            command::run(Command::new("rustup").args(["target", "add", TARGET]))
        })
        .is_ok()
        && toolchain_in_use_has(TARGET)
}
