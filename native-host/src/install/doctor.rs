//! Looks for what keeps a browser from starting the host, says what to do about each, and does it where that
//! was asked for.

use std::fs;
use std::path::{Path, PathBuf};

use weir_core::protocol::doctor::{Examination, Finding, FindingCode, FindingState};

use super::answer::{self, Answer};
use super::browsers::{Browser, all};
use super::manifest::{self, ManifestError};
use super::mend::Remedy;
use super::{access, folders, is_found, sandbox};
use crate::journal::Journal;
use crate::settings::SettingsFile;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Most things that are mended about one browser: a manifest, its folder, a program and its folder.
const MOST_MENDED: usize = 6;

/// Whether what is wrong is mended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mending {
    /// It is only looked at.
    Look,
    /// What may be mended is.
    Mend,
}

/// Something that is wrong, and what mends it where that may be done unasked.
#[derive(Debug)]
pub(super) struct Trouble {
    code: FindingCode,
    message: String,
    cure: String,
    remedy: Option<Box<Remedy>>,
}

impl Trouble {
    pub(super) fn new(code: FindingCode, message: String, cure: String) -> Self {
        Self {
            code,
            message,
            cure,
            remedy: None,
        }
    }

    pub(super) fn mended_by(self, remedy: Remedy) -> Self {
        Self {
            remedy: Some(Box::new(remedy)),
            ..self
        }
    }

    fn finding(self, state: FindingState) -> Finding {
        Finding {
            state,
            code: self.code,
            browser: None,
            message: self.message,
            cure: Some(self.cure),
        }
    }
}

/// Looks at the registration with every browser that is here, at the program, the settings and the folders.
#[must_use]
pub fn examine(settings: &SettingsFile, journal: Option<&Journal>, mending: Mending) -> Examination {
    let mut findings = Vec::new();
    let browsers = all();
    for browser in &browsers {
        if is_found(browser) || manifest::is_there(browser) {
            findings.extend(about(browser, mend(mending, || registration(browser))));
        }
        findings.extend(about(browser, shut_in(browser)));
    }
    if findings.is_empty() {
        let cure = "name yours: `weir install --browser NAME`".to_owned();
        let trouble = Trouble::new(FindingCode::NoBrowser, "no browser was found".to_owned(), cure);
        findings.push(trouble.finding(FindingState::Problem));
    }
    findings.extend(mend(mending, || folders::output(settings)));
    if let Some(journal) = journal {
        findings.extend(mend(mending, || folders::journal(journal)));
    }
    Examination {
        version: VERSION.to_owned(),
        findings,
    }
}

pub(super) fn ok(code: FindingCode, message: String) -> Finding {
    without_cure(FindingState::Ok, code, message)
}

pub(super) fn note(code: FindingCode, message: String) -> Finding {
    without_cure(FindingState::Note, code, message)
}

fn without_cure(state: FindingState, code: FindingCode, message: String) -> Finding {
    Finding {
        state,
        code,
        browser: None,
        message,
        cure: None,
    }
}

fn about(browser: &Browser, findings: Vec<Finding>) -> Vec<Finding> {
    let of_it = |finding| Finding {
        browser: Some(browser.name().to_owned()),
        ..finding
    };
    findings.into_iter().map(of_it).collect()
}

/// Looks, mends what was found and may be mended, and looks again: behind one trouble there may be another.
fn mend(mending: Mending, look: impl Fn() -> Result<Vec<Finding>, Trouble>) -> Vec<Finding> {
    let mut findings = Vec::new();
    loop {
        let trouble = match look() {
            Ok(found) => {
                findings.extend(found);
                return findings;
            }
            Err(trouble) => trouble,
        };
        let remedy = match (&trouble.remedy, mending) {
            (Some(remedy), Mending::Mend) if findings.len() < MOST_MENDED => remedy,
            _ => {
                findings.push(trouble.finding(FindingState::Problem));
                return findings;
            }
        };
        match remedy.apply() {
            Ok(done) => {
                let mended = Trouble {
                    cure: done,
                    ..trouble
                };
                findings.push(mended.finding(FindingState::Mended));
            }
            Err(reason) => {
                let cure = format!("it could not be mended ({reason}); {}", trouble.cure);
                findings.push(Trouble { cure, ..trouble }.finding(FindingState::Problem));
                return findings;
            }
        }
    }
}

/// Follows the way that the browser takes: manifest, its content, the program it names, and what that answers.
fn registration(browser: &Browser) -> Result<Vec<Finding>, Trouble> {
    let name = browser.name();
    let register = format!("run `weir install --browser {name}`");
    let trouble = |code, message: String| {
        Trouble::new(code, message, register.clone()).mended_by(Remedy::Register(browser.clone()))
    };
    let program = manifest::program(browser).map_err(|error| match &error {
        ManifestError::Unreadable { path, .. } if path.is_dir() => {
            let cure = format!("move {} away, then {register}", path.display());
            Trouble::new(code_of(&error), error.to_string(), cure)
        }
        error => trouble(code_of(error), error.to_string()),
    })?;
    is_a_program(&program).map_err(|(code, what)| {
        trouble(
            code,
            format!("the manifest points to {}, {what}", program.display()),
        )
    })?;
    let paths = browser.manifests.iter().map(PathBuf::as_path);
    for path in paths.chain([program.as_path()]) {
        if let Some(open) = access::writable_by_others(path) {
            let shown = open.display();
            return Err(Trouble::new(
                FindingCode::UnsafePermissions,
                format!("unsafe permissions: other users can change {shown}"),
                format!("run `chmod o-w {shown}`"),
            )
            .mended_by(Remedy::CloseToOthers(open)));
        }
    }
    if is_this_program(&program) {
        return Ok(vec![ok(FindingCode::Registered, "registered".to_owned())]);
    }
    // Nobody else could have changed it: the browser starts it too.
    another_copy(&program, &register, trouble).map(|finding| vec![finding])
}

fn code_of(error: &ManifestError) -> FindingCode {
    match error {
        ManifestError::Missing(_) | ManifestError::Registry(_) => FindingCode::NotRegistered,
        ManifestError::Unreadable { .. } => FindingCode::ManifestUnreadable,
        ManifestError::Broken { .. } => FindingCode::ManifestBroken,
        ManifestError::WrongExtension(_) => FindingCode::WrongExtension,
    }
}

fn is_a_program(program: &Path) -> Result<(), (FindingCode, &'static str)> {
    let found = fs::metadata(program).map_err(|_| (FindingCode::ProgramMissing, "which is not there"))?;
    if !found.is_file() {
        return Err((FindingCode::ProgramNotExecutable, "which is no program"));
    }
    if !access::is_executable(&found) {
        return Err((FindingCode::ProgramNotExecutable, "which is not executable"));
    }
    Ok(())
}

fn is_this_program(program: &Path) -> bool {
    let own = std::env::current_exe().and_then(fs::canonicalize);
    let other = fs::canonicalize(program);
    own.is_ok_and(|own| other.is_ok_and(|other| own == other))
}

/// Judges a program that is not this one by what it answers.
fn another_copy(
    program: &Path,
    register: &str,
    trouble: impl Fn(FindingCode, String) -> Trouble,
) -> Result<Finding, Trouble> {
    let shown = program.display();
    match answer::ask(program) {
        Answer::Version(version) if version == VERSION => Ok(note(
            FindingCode::OtherCopy,
            format!("starts another copy, {shown}; to change that, {register}"),
        )),
        Answer::Version(version) => {
            let message = format!("starts {shown}, which is version {version}, and this is {VERSION}");
            let found = trouble(FindingCode::VersionMismatch, message);
            // A newer one is not replaced by an older one unasked.
            if answer::parts(&version) < answer::parts(VERSION) {
                Err(found)
            } else {
                let cure = format!("use that one, or, to go back to this one, {register}");
                Err(Trouble::new(found.code, found.message, cure))
            }
        }
        Answer::Foreign(said) => Err(trouble(
            FindingCode::ProgramForeign,
            format!("starts {shown}, which is not Weir: asked for its version, it says {said:?}"),
        )),
        Answer::Nothing => Err(trouble(
            FindingCode::ProgramForeign,
            format!("starts {shown}, which does not say within 5 s what version it is"),
        )),
        Answer::NotStarted(error) => Err(trouble(
            FindingCode::ProgramNotExecutable,
            format!("the manifest points to {shown}, which cannot be started: {error}"),
        )),
    }
}

/// What a browser's sandboxes mean for it.
fn shut_in(browser: &Browser) -> Vec<Finding> {
    let name = browser.name();
    let words = |sandbox: sandbox::Sandbox| {
        let kind = sandbox.name();
        if sandbox.has_a_way_out(name) {
            let message = format!(
                "the {kind} asks you once whether Weir may be started; that needs the desktop's portal for extensions \
                 (xdg-desktop-portal, as Ubuntu 22.04 and later have it)"
            );
            return note(FindingCode::SandboxedBrowser, message);
        }
        let message = format!("it is a {kind}, and no program of the system can be started from its sandbox");
        if browser.has_a_program() {
            let message = format!("{message}; the {name} that is no {kind} can start Weir");
            return note(FindingCode::SandboxedBrowser, message);
        }
        let cure = format!("install {name} from its maker or your distribution, not as a {kind}");
        Trouble::new(FindingCode::SandboxedBrowser, message, cure).finding(FindingState::Problem)
    };
    sandbox::of(name).into_iter().map(words).collect()
}
