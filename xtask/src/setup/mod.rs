//! `cargo xtask setup`: finds what the other tasks need and installs what is missing. What is there
//! costs a look and no line of output.

mod cargo_tool;
mod debian_wasm;
mod npm;
mod programs;
mod rustup;
mod wasm_target;
pub(crate) mod windows;

use std::time::Instant;

use anyhow::{Result, bail};

#[cfg(target_os = "linux")]
pub(crate) use programs::apt_install;
pub(crate) use wasm_target::WasmToolchain;

use crate::say;
use crate::workspace::Workspace;

/// Makes everything ready and says which toolchain builds the wasm module.
///
/// # Errors
/// When something is missing and cannot be installed; the message says what to install by hand.
pub(crate) fn run(workspace: &Workspace) -> Result<WasmToolchain> {
    let begin = Instant::now();
    let mut missing = Vec::new();
    let mut keep_going =
        |outcome: Result<()>| missing.extend(outcome.err().map(|error| format!("{error:#}")));

    keep_going(rustup::components());
    let toolchain = wasm_target::ensure(workspace);
    keep_going(cargo_tool::ensure(
        workspace,
        &cargo_tool::wasm_bindgen(workspace)?,
    ));
    keep_going(cargo_tool::ensure(workspace, &cargo_tool::wasm_pack()));
    keep_going(cargo_tool::ensure(workspace, &cargo_tool::geckodriver()));
    keep_going(programs::ensure());
    keep_going(npm::ensure(workspace));
    let toolchain = toolchain.map_err(|error| missing.push(format!("{error:#}"))).ok();

    match toolchain {
        Some(toolchain) if missing.is_empty() => {
            say::line(&format!(
                "setup: everything is there ({})",
                say::seconds(begin.elapsed())
            ));
            Ok(toolchain)
        }
        _ => bail!("setup is not complete:\n{}", missing.join("\n")),
    }
}
