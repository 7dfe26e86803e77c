//! Registers the native host with browsers. `native_messaging` knows where each browser looks and what its
//! manifest holds; which browsers are there, and what may be trusted, is decided here.

mod doctor;

use std::path::{Path, PathBuf};

use native_messaging::Scope;
use native_messaging::install::paths;
use weir_core::protocol::ErrorCode;

pub use doctor::{Finding, examine};

use crate::caller::{CHROMIUM_ORIGINS, FIREFOX_IDS, HOST_NAME};
use crate::error::Coded;

const DESCRIPTION: &str = "Weir: saves the HLS streams that its browser extension finds";

/// Browsers, and the programs by which they are found where they have not run yet.
const PROGRAMS: &[(&str, &[&str])] = &[
    ("brave", &["brave", "brave-browser"]),
    ("chrome", &["google-chrome", "google-chrome-stable"]),
    ("chromium", &["chromium", "chromium-browser"]),
    ("edge", &["microsoft-edge", "microsoft-edge-stable"]),
    ("firefox", &["firefox", "firefox-esr"]),
    ("librewolf", &["librewolf"]),
    ("vivaldi", &["vivaldi", "vivaldi-stable"]),
];

/// A browser that can be registered with on this system.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Browser {
    name: &'static str,
    manifest: PathBuf,
}

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

impl Browser {
    /// Its short name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Where its manifest for this host belongs.
    #[must_use]
    pub fn manifest(&self) -> &Path {
        &self.manifest
    }

    /// True when it has a profile, or its program is on the search path.
    #[must_use]
    pub fn is_here(&self) -> bool {
        let profile = self.manifest.parent().and_then(Path::parent);
        profile.is_some_and(Path::is_dir) || programs_of(self.name).iter().any(|program| on_the_path(program))
    }
}

/// Registers this program with browsers, for this user. Doing it again changes nothing.
///
/// # Errors
/// [`InstallError`].
pub fn install(choice: &Choice) -> Result<Vec<Browser>, InstallError> {
    let program = std::env::current_exe().map_err(InstallError::Program)?;
    if let Some(path) = writable_by_others(&program) {
        return Err(InstallError::UnsafePermissions(path));
    }
    let owned = |list: &[&str]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
    let (origins, ids) = (owned(CHROMIUM_ORIGINS), owned(FIREFOX_IDS));
    let chosen = choose(choice)?;
    for browser in &chosen {
        native_messaging::install(
            HOST_NAME,
            DESCRIPTION,
            &program,
            &origins,
            &ids,
            &[browser.name],
            Scope::User,
        )
        .map_err(|source| InstallError::Manifest {
            browser: browser.name,
            source,
        })?;
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
    let registered: Vec<Browser> = chosen
        .into_iter()
        .filter(|browser| browser.manifest.exists())
        .collect();
    for browser in &registered {
        native_messaging::remove(HOST_NAME, &[browser.name], Scope::User).map_err(|source| {
            InstallError::Manifest {
                browser: browser.name,
                source,
            }
        })?;
    }
    Ok(registered)
}

/// Every browser that this system could have, by name.
#[must_use]
pub fn all() -> Vec<Browser> {
    let mut browsers: Vec<Browser> = paths::config()
        .browsers
        .keys()
        .filter_map(|name| {
            let manifest = native_messaging::manifest_path(name, Scope::User, HOST_NAME).ok()?;
            Some(Browser { name, manifest })
        })
        .collect();
    browsers.sort();
    browsers
}

fn choose(choice: &Choice) -> Result<Vec<Browser>, InstallError> {
    let all = all();
    match choice {
        Choice::All => Ok(all),
        Choice::Found => {
            let found: Vec<Browser> = all.into_iter().filter(Browser::is_here).collect();
            if found.is_empty() {
                Err(InstallError::NoBrowser)
            } else {
                Ok(found)
            }
        }
        Choice::Named(names) => names
            .iter()
            .map(|name| {
                let known = all.iter().find(|browser| browser.name == name).cloned();
                known.ok_or_else(|| InstallError::UnknownBrowser(name.clone()))
            })
            .collect(),
    }
}

fn names(browsers: &[Browser]) -> Vec<&'static str> {
    browsers.iter().map(|browser| browser.name).collect()
}

fn programs_of(name: &str) -> &'static [&'static str] {
    PROGRAMS
        .iter()
        .find(|(known, _)| *known == name)
        .map_or(&[], |(_, programs)| programs)
}

fn on_the_path(program: &str) -> bool {
    let search = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&search).any(|folder| folder.join(program).is_file())
}

/// The file, or the folder it is in, whichever another user could change.
fn writable_by_others(path: &Path) -> Option<PathBuf> {
    [Some(path), path.parent()]
        .into_iter()
        .flatten()
        .find(|path| is_writable_by_others(path))
        .map(Path::to_owned)
}

#[cfg(unix)]
fn is_writable_by_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    const OTHERS_WRITE: u32 = 0o002;
    const STICKY: u32 = 0o1000; // in such a folder, /tmp for one, only a file's owner replaces it
    path.metadata().is_ok_and(|found| {
        let mode = found.permissions().mode();
        mode & OTHERS_WRITE != 0 && !(found.is_dir() && mode & STICKY != 0)
    })
}

#[cfg(not(unix))]
fn is_writable_by_others(_path: &Path) -> bool {
    false // the user's profile is private by its access control list
}
