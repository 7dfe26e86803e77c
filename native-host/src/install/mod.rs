//! Registers the native host with browsers, and says what is wrong where one does not find it (`doctor`).
//! Which browsers there are and where they look is in `browsers`, what they find there in `manifest`.

mod access;
mod answer;
mod browsers;
mod doctor;
mod folders;
mod manifest;
mod mend;
mod sandbox;
#[cfg(windows)]
mod windows;

use std::path::PathBuf;

use weir_core::protocol::ErrorCode;

pub use browsers::{Browser, all};
pub use doctor::{Mending, examine};

use crate::error::Coded;

/// Which browsers to register with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Choice {
    /// Those that are on this machine.
    #[default]
    Found,
    /// Every one that this system could have.
    All,
    /// These.
    Named(Vec<String>),
}

/// Why the host cannot be registered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InstallError {
    /// Not a browser that is known here.
    #[error("unknown browser {0:?}: one of {known} or all", known = names(&all()).join(", "))]
    UnknownBrowser(String),
    /// None was named and none is there.
    #[error("no browser was found: name one with --browser ({known}) or use --browser all", known = names(&all()).join(", "))]
    NoBrowser,
    /// This program's own path is not known.
    #[error("cannot tell where this program is: {0}")]
    Program(std::io::Error),
    /// Another user could replace the program that the browser starts.
    #[error("unsafe permissions: other users can change {}; run `chmod o-w` on it", .0.display())]
    UnsafePermissions(PathBuf),
    /// A manifest could not be written or removed.
    #[error("{browser}: {source}")]
    Manifest {
        /// Which browser.
        browser: &'static str,
        /// What the system says.
        source: std::io::Error,
    },
}

impl Coded for InstallError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::UnknownBrowser(_) | Self::NoBrowser => ErrorCode::Usage,
            Self::Program(_) | Self::UnsafePermissions(_) | Self::Manifest { .. } => ErrorCode::File,
        }
    }
}

/// Registers this program with browsers, for this user. Doing it again changes nothing.
///
/// # Errors
/// [`InstallError`].
pub fn install(choice: &Choice) -> Result<Vec<Browser>, InstallError> {
    let program = own_program()?;
    let chosen = choose(choice)?;
    for browser in &chosen {
        manifest::write(browser, &program).map_err(|source| failed(browser, source))?;
    }
    Ok(chosen)
}

/// Takes the registration back, for this user. Those that had one.
///
/// # Errors
/// [`InstallError`].
pub fn uninstall(choice: &Choice) -> Result<Vec<Browser>, InstallError> {
    let chosen = match choice {
        Choice::Found => all(),
        choice => choose(choice)?,
    };
    // A browser may read the manifest of another, which that one goes on using.
    let kept: Vec<Browser> = all()
        .into_iter()
        .filter(|browser| !chosen.contains(browser) && browser.is_here())
        .collect();
    let mut registered = Vec::new();
    for browser in chosen {
        if manifest::remove(&browser, &kept).map_err(|source| failed(&browser, source))? {
            registered.push(browser);
        }
    }
    Ok(registered)
}

/// This program, which browsers are to start, when it is one that only its user can change.
fn own_program() -> Result<PathBuf, InstallError> {
    let program = std::env::current_exe().map_err(InstallError::Program)?;
    match access::writable_by_others(&program) {
        None => Ok(program),
        Some(open) => Err(InstallError::UnsafePermissions(open)),
    }
}

/// True for a browser that is here and can start programs.
fn is_found(browser: &Browser) -> bool {
    browser.is_here()
        || sandbox::of(browser.name())
            .into_iter()
            .any(|sandbox| sandbox.has_a_way_out(browser.name()))
}

fn failed(browser: &Browser, source: std::io::Error) -> InstallError {
    InstallError::Manifest {
        browser: browser.name(),
        source,
    }
}

fn choose(choice: &Choice) -> Result<Vec<Browser>, InstallError> {
    let all = all();
    match choice {
        Choice::All => Ok(all),
        Choice::Found => {
            let found: Vec<Browser> = all.into_iter().filter(is_found).collect();
            if found.is_empty() {
                Err(InstallError::NoBrowser)
            } else {
                Ok(found)
            }
        }
        Choice::Named(names) => names
            .iter()
            .map(|name| {
                let known = all.iter().find(|browser| browser.name() == name).cloned();
                known.ok_or_else(|| InstallError::UnknownBrowser(name.clone()))
            })
            .collect(),
    }
}

fn names(browsers: &[Browser]) -> Vec<&'static str> {
    browsers.iter().map(Browser::name).collect()
}
