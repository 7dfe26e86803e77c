//! Where things are, and what the manifests say.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::command;

/// The checkout that this xtask belongs to.
#[derive(Debug)]
pub(crate) struct Workspace {
    root: PathBuf,
    target: PathBuf,
    metadata: Value,
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
        let metadata: Value = serde_json::from_str(&metadata).context("cargo metadata")?;
        let folder = |field: &str| {
            let path = metadata.get(field).and_then(Value::as_str);
            path.map(PathBuf::from)
                .with_context(|| format!("cargo metadata has no {field}"))
        };
        let (root, target) = (folder("workspace_root")?, folder("target_directory")?);
        Ok(Self {
            root,
            target,
            metadata,
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

    /// The packages by name, and the version of each.
    pub(crate) fn versions(&self) -> Vec<(String, String)> {
        let packages = self.metadata.get("packages").and_then(Value::as_array);
        let text =
            |package: &Value, field: &str| package.get(field).and_then(Value::as_str).map(str::to_owned);
        packages
            .into_iter()
            .flatten()
            .filter_map(|package| Some((text(package, "name")?, text(package, "version")?)))
            .collect()
    }

    /// The names of the integration tests of all packages that have them run natively.
    pub(crate) fn integration_tests(&self) -> Vec<String> {
        let list = |value: &Value, field: &str| {
            value
                .get(field)
                .and_then(Value::as_array)
                .cloned()
                .unwrap_or_default()
        };
        let packages = list(&self.metadata, "packages");
        let targets = packages.iter().flat_map(|package| list(package, "targets"));
        let tests = targets.filter(|target| list(target, "kind").iter().any(|kind| kind == "test"));
        tests
            .filter_map(|target| target.get("name")?.as_str().map(str::to_owned))
            .collect()
    }
}
