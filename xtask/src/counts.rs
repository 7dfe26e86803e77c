//! The step `counts`: instructions of the engine's parts, which say what the code costs on a machine that is busy too.

use anyhow::Result;

use crate::command;
use crate::say;
use crate::workspace::Workspace;

/// Weir's own code as it is shipped, near enough; the dependencies as the tests have built them, which saves minutes.
const OPTIMISED: [&str; 2] = ["weir", "weir-core"];

/// Builds the parts and counts them; `native-host/examples/parts` has the budgets.
///
/// # Errors
/// When one takes more than its budget.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    if !ensure_valgrind()? {
        say::line("valgrind counts on Linux only: left out");
        return Ok(());
    }
    let options = OPTIMISED.iter().flat_map(|package| {
        ["opt-level=3", "debug-assertions=false", "overflow-checks=false"]
            .map(|option| format!("--config=profile.dev.package.{package}.{option}"))
    });
    say::timed("the parts: cargo build", || {
        command::run(
            command::cargo()
                .current_dir(workspace.root())
                // Not with fewer packages, which would have other features.
                .args(["build", "--quiet", "--workspace", "--example", "parts"])
                .args(options)
                // What is built piece by piece is inlined less.
                .env("CARGO_INCREMENTAL", "0"),
        )
    })?;
    let parts = workspace.target().join("debug/examples/parts");
    command::run(std::process::Command::new(parts).arg("--counts"))
}

/// Finds valgrind or installs it; false where there is none.
#[cfg(target_os = "linux")]
fn ensure_valgrind() -> Result<bool> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    if command::find("valgrind", &path).is_none() {
        crate::setup::apt_install(&["valgrind"])?;
    }
    Ok(true)
}

#[cfg(not(target_os = "linux"))]
fn ensure_valgrind() -> Result<bool> {
    Ok(false)
}
