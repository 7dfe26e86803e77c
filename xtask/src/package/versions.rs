//! One version everywhere: what is shipped together says the same of itself.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::command;
use crate::workspace::Workspace;

/// Where a version is written, and which.
type Written = (String, String);

/// The version of this release.
///
/// # Errors
/// When two places disagree: all are named, with what they say.
pub(super) fn check(workspace: &Workspace, host: &Path) -> Result<String> {
    let root = workspace.root();
    let mut release = workspace.versions();
    release.push(of_json(root, "extension/manifests/base.json")?);
    let answer = command::output(Command::new(host).arg("--version"))?;
    let said = answer.trim().trim_start_matches("weir ").to_owned();
    release.push((format!("{} --version", host.display()), said));
    agree("version", &release)?;
    let protocol = [
        of_source(root, "core/src/protocol/mod.rs", "pub const VERSION: u32 = ")?,
        of_source(root, "extension/native/frames.js", "PROTOCOL = ")?,
    ];
    agree("protocol", &protocol)?;
    let first = release.into_iter().next().map(|(_, version)| version);
    first.context("the workspace has no package")
}

fn agree(what: &str, written: &[Written]) -> Result<()> {
    let first = written.first().map(|(_, version)| version);
    if written.iter().all(|(_, version)| Some(version) == first) {
        return Ok(());
    }
    let lines: Vec<String> = written
        .iter()
        .map(|(place, version)| format!("    {version}  {place}"))
        .collect();
    bail!("the {what} is not the same everywhere:\n{}", lines.join("\n"));
}

fn of_json(root: &Path, name: &str) -> Result<Written> {
    let text = std::fs::read_to_string(root.join(name)).with_context(|| name.to_owned())?;
    let json: Value = serde_json::from_str(&text).with_context(|| name.to_owned())?;
    let version = json.get("version").and_then(Value::as_str);
    let version = version.with_context(|| format!("{name} has no version"))?;
    Ok((name.to_owned(), version.to_owned()))
}

/// What stands behind `before`, up to the semicolon.
fn of_source(root: &Path, name: &str, before: &str) -> Result<Written> {
    let text = std::fs::read_to_string(root.join(name)).with_context(|| name.to_owned())?;
    let after = text
        .split_once(before)
        .and_then(|(_, after)| after.split_once(';'));
    let (version, _) = after.with_context(|| format!("{name} has no `{before}`"))?;
    Ok((name.to_owned(), version.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::agree;

    #[test]
    fn places_that_disagree_are_named() {
        let written = |versions: &[(&str, &str)]| {
            let owned = |&(place, version): &(&str, &str)| (place.to_owned(), version.to_owned());
            versions.iter().map(owned).collect::<Vec<_>>()
        };
        assert!(agree("version", &written(&[("core", "0.1.0"), ("base.json", "0.1.0")])).is_ok());
        let error = agree("version", &written(&[("core", "0.2.0"), ("base.json", "0.1.0")]));
        let error = error.err().map(|error| error.to_string()).unwrap_or_default();
        assert!(
            error.contains("0.2.0  core") && error.contains("0.1.0  base.json"),
            "{error}"
        );
    }
}
