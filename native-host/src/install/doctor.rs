//! Looks for what keeps a browser from starting the host, and says what to do about each.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Browser, CHROMIUM_ORIGINS, FIREFOX_IDS, HOST_NAME, all, writable_by_others};
use crate::settings::SettingsFile;

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// It is as it should be.
    Good(String),
    /// It works, but something is worth knowing.
    Note(String),
    /// It does not work.
    Problem {
        /// What is wrong.
        cause: String,
        /// What to do.
        cure: String,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Good(what) => write!(f, "ok: {what}"),
            Self::Note(what) => write!(f, "note: {what}"),
            Self::Problem { cause, cure } => write!(f, "problem: {cause}: {cure}"),
        }
    }
}

/// Looks at the registration with every browser that is here, at the program and at the settings.
#[must_use]
pub fn examine(settings: &SettingsFile) -> Vec<Finding> {
    let mut findings = Vec::new();
    let browsers: Vec<Browser> = all()
        .into_iter()
        .filter(|browser| browser.is_here() || browser.manifest().exists())
        .collect();
    if browsers.is_empty() {
        findings.push(problem(
            "no browser was found",
            "name yours: `weir install --browser NAME`",
        ));
    }
    for browser in &browsers {
        findings.push(registration(browser).unwrap_or_else(|problem| problem));
    }
    match settings.load() {
        Ok(loaded) => {
            findings.extend(loaded.warnings.into_iter().map(Finding::Note));
            let folder = loaded.settings.output_folder;
            findings.push(Finding::Good(format!("files go to {}", folder.display())));
        }
        Err(error) => findings.push(problem(error, "see `weir help` for where settings are")),
    }
    findings
}

fn problem(cause: impl fmt::Display, cure: &str) -> Finding {
    Finding::Problem {
        cause: cause.to_string(),
        cure: cure.to_owned(),
    }
}

/// Follows the way that the browser takes: manifest, its content, the program it names.
fn registration(browser: &Browser) -> Result<Finding, Finding> {
    let (name, path) = (browser.name(), browser.manifest());
    let register = format!("run `weir install --browser {name}`");
    let again = format!("run `weir install --browser {name}` again");
    let text = fs::read_to_string(path).map_err(|error| {
        problem(
            format!("{name}: not registered ({}: {error})", path.display()),
            &register,
        )
    })?;
    let wrong = |what: &str| problem(format!("{name}: {} {what}", path.display()), &again);
    let manifest: Value = serde_json::from_str(&text).map_err(|_| wrong("is not JSON"))?;
    let field = |key: &str| manifest.get(key).and_then(Value::as_str);
    if field("name") != Some(HOST_NAME) || field("type") != Some("stdio") {
        return Err(wrong("is not a manifest of this host"));
    }
    let lists = |key: &str, wanted: &[&str]| {
        let listed = manifest.get(key).and_then(Value::as_array);
        listed.is_some_and(|listed| {
            wanted
                .iter()
                .all(|id| listed.iter().any(|entry| entry.as_str() == Some(id)))
        })
    };
    if !lists("allowed_origins", CHROMIUM_ORIGINS) && !lists("allowed_extensions", FIREFOX_IDS) {
        return Err(wrong("does not list the extension"));
    }
    let program = field("path")
        .map(PathBuf::from)
        .ok_or_else(|| wrong("names no program"))?;
    check_program(name, &program, &again)?;
    for path in [path, program.as_path()] {
        if let Some(open) = writable_by_others(path) {
            let cause = format!(
                "{name}: unsafe permissions: other users can change {}",
                open.display()
            );
            return Err(problem(cause, &format!("run `chmod o-w {}`", open.display())));
        }
    }
    let own = std::env::current_exe().ok();
    if own.is_some_and(|own| own != program) {
        let what = format!(
            "{name}: starts another copy, {}; to change that, {register}",
            program.display()
        );
        return Ok(Finding::Note(what));
    }
    Ok(Finding::Good(format!("{name}: registered")))
}

fn check_program(browser: &str, program: &Path, again: &str) -> Result<(), Finding> {
    let shown = program.display();
    let found = fs::metadata(program).map_err(|_| {
        problem(
            format!("{browser}: the manifest points to {shown}, which is not there"),
            again,
        )
    })?;
    if !found.is_file() {
        return Err(problem(
            format!("{browser}: the manifest points to {shown}, which is no program"),
            again,
        ));
    }
    if !is_executable(&found) {
        let cure = format!("run `chmod +x {shown}`");
        return Err(problem(format!("{browser}: {shown} is not executable"), &cure));
    }
    Ok(())
}

#[cfg(unix)]
fn is_executable(file: &fs::Metadata) -> bool {
    std::os::unix::fs::PermissionsExt::mode(&file.permissions()) & 0o111 != 0
}

#[cfg(not(unix))]
fn is_executable(_file: &fs::Metadata) -> bool {
    true
}
