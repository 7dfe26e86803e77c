//! The toolchain's own components.

use anyhow::{Context, Result};

use crate::command;
use crate::say;

/// Finds or installs rustfmt and clippy.
///
/// # Errors
/// When one is missing and rustup cannot add it.
pub(super) fn components() -> Result<()> {
    for (component, subcommand) in [("rustfmt", "fmt"), ("clippy", "clippy")] {
        if command::succeeds(command::cargo().args([subcommand, "--version"])) {
            continue;
        }
        say::timed(&format!("{component}: adding the rustup component"), || {
            command::run(std::process::Command::new("rustup").args(["component", "add", component]))
        })
        .with_context(|| format!("{component} is missing: install it for the Rust toolchain in use"))?;
    }
    Ok(())
}
