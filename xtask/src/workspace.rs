//! Where things are, and what the manifests say.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::command;

/// The checkout that this xtask belongs to.
#[derive(Debug)]
pub(crate) struct Workspace {
    root: PathBuf,
    target: PathBuf,
}

impl Workspace {
    /// Asks cargo, so that `CARGO_TARGET_DIR` and `build.target-dir` count.
    ///
    /// # Errors
    /// When cargo cannot read the workspace.
    pub(crate) fn find() -> Result<Self> {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        let metadata = command::output(
            command::cargo()
                .args([
                    "metadata",
                    "--no-deps",
                    "--format-version",
                    "1",
                    "--manifest-path",
                ])
                .arg(manifest),
        )?;
        let metadata: serde_json::Value = serde_json::from_str(&metadata).context("cargo metadata")?;
        let folder = |field: &str| {
            let path = metadata.get(field).and_then(serde_json::Value::as_str);
            path.map(PathBuf::from)
                .with_context(|| format!("cargo metadata has no {field}"))
        };
        Ok(Self {
            root: folder("workspace_root")?,
            target: folder("target_directory")?,
        })
    }

    /// The top folder of the checkout.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Cargo's target folder.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// The tools that `setup` builds; cached between runs.
    pub(crate) fn tools(&self) -> PathBuf {
        self.target.join("tools")
    }

    /// `PATH` with the tools of `setup` in front.
    ///
    /// # Errors
    /// When a folder's name holds the list separator.
    pub(crate) fn path(&self) -> Result<OsString> {
        command::path_with([self.tools().join("bin")])
    }

    /// The version of a locked package; the tools that must match it take theirs from here.
    ///
    /// # Errors
    /// When Cargo.lock does not list it.
    pub(crate) fn locked_version(&self, package: &str) -> Result<String> {
        let path = self.root.join("Cargo.lock");
        let lock = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let mut lines = lock
            .lines()
            .skip_while(|line| *line != format!("name = \"{package}\""));
        let version = lines
            .nth(1)
            .and_then(|line| line.strip_prefix("version = \"")?.strip_suffix('"'));
        version
            .map(str::to_owned)
            .with_context(|| format!("Cargo.lock lists no {package}"))
    }
}
