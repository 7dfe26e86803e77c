//! Tools that cargo builds from crates.io, into `target/tools`.

use std::process::Command;

use anyhow::Result;

use crate::command;
use crate::say;
use crate::workspace::Workspace;

/// One tool, in exactly one version.
#[derive(Debug)]
pub(super) struct CargoTool {
    package: &'static str,
    program: &'static str,
    version: String,
    arguments: &'static [&'static str],
}

/// Builds and tests the wasm crate with the tools that are there (`--mode no-install`).
pub(super) fn wasm_pack() -> CargoTool {
    CargoTool {
        package: "wasm-pack",
        program: "wasm-pack",
        version: "0.15.1".to_owned(),
        arguments: &["--locked"],
    }
}

/// The command line of the locked `wasm-bindgen`: module and glue must be of one version. Without
/// `--locked`: its lock names a crate that is not to be had everywhere.
///
/// # Errors
/// When Cargo.lock does not list the crate.
pub(super) fn wasm_bindgen(workspace: &Workspace) -> Result<CargoTool> {
    Ok(CargoTool {
        package: "wasm-bindgen-cli",
        program: "wasm-bindgen",
        version: workspace.locked_version("wasm-bindgen")?,
        arguments: &["--no-default-features"],
    })
}

/// Drives Firefox. Debian's own is of another version in each release, or missing.
pub(super) fn geckodriver() -> CargoTool {
    CargoTool {
        package: "geckodriver",
        program: "geckodriver",
        version: "0.37.1".to_owned(),
        arguments: &["--locked"],
    }
}

/// Finds the tool on `PATH` or in `target/tools`, else builds it.
///
/// # Errors
/// When cargo cannot build it.
pub(super) fn ensure(workspace: &Workspace, tool: &CargoTool) -> Result<()> {
    if is_there(workspace, tool)? {
        return Ok(());
    }
    let CargoTool { package, version, .. } = tool;
    say::timed(
        &format!("{package} {version}: building with cargo install into target/tools"),
        || {
            command::run(
                command::cargo()
                    .args([
                        "install",
                        package,
                        "--version",
                        version,
                        "--debug",
                        "--quiet",
                        "--force",
                        "--root",
                    ])
                    .arg(workspace.tools())
                    .args(tool.arguments)
                    // Unoptimised, they take less than half as long to build and are still quick.
                    .env("CARGO_PROFILE_DEV_DEBUG", "0")
                    .env_remove("RUSTFLAGS"),
            )
        },
    )
}

fn is_there(workspace: &Workspace, tool: &CargoTool) -> Result<bool> {
    let Some(program) = command::find(tool.program, &workspace.path()?) else {
        return Ok(false);
    };
    let Ok(answer) = command::output(Command::new(program).arg("--version")) else {
        return Ok(false);
    };
    // geckodriver goes on to say where it comes from.
    let mut words = answer.split_whitespace();
    Ok(words.next() == Some(tool.program) && words.next() == Some(&tool.version))
}
