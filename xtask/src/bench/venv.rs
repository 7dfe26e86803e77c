//! Programs from `PyPI`, in a folder of their own.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::command;
use crate::say;

/// Python's virtual environment under target/bench.
#[derive(Debug)]
pub(super) struct Venv(PathBuf);

impl Venv {
    pub(super) fn new(bench: &Path) -> Self {
        Self(bench.join("venv"))
    }

    /// A program of it.
    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.0.join("bin").join(name)
    }

    /// Makes it and installs packages into it where `program` is not there.
    ///
    /// # Errors
    /// When Python or pip fails.
    pub(super) fn ensure(&self, program: &str, packages: &[&str]) -> Result<PathBuf> {
        let path = self.program(program);
        if path.exists() {
            return Ok(path);
        }
        say::timed(&format!("{}: installing with pip", packages.join(", ")), || {
            if !self.program("pip").exists() {
                command::run(Command::new("python3").args(["-m", "venv"]).arg(&self.0))?;
            }
            let pip = self.program("pip");
            command::output(
                Command::new(pip)
                    .args(["install", "--quiet", "--disable-pip-version-check"])
                    .args(packages),
            )
        })?;
        Ok(path)
    }

    /// A Python that has `module`, of the `PyPI` package `package`.
    ///
    /// # Errors
    /// When it cannot be installed.
    pub(super) fn python_with(&self, module: &str, package: &str) -> Result<PathBuf> {
        let has =
            |python: &Path| command::succeeds(Command::new(python).args(["-c", &format!("import {module}")]));
        let system = PathBuf::from("python3");
        if has(&system) {
            return Ok(system);
        }
        let python = self.program("python");
        if !has(&python) {
            self.ensure("a module", &[package])?;
        }
        Ok(python)
    }
}
