//! Which browsers there are, and where each looks for manifests. `native_messaging` knows most of it; what it
//! does not know is here.

use std::path::{Path, PathBuf};

use directories::BaseDirs;
use native_messaging::Scope;
use native_messaging::install::paths;

#[cfg(windows)]
use super::windows;
use crate::caller::HOST_NAME;

/// Browsers, and the programs by which they are found where they have not run yet.
#[cfg(not(windows))]
const PROGRAMS: &[(&str, &[&str])] = &[
    ("brave", &["brave", "brave-browser"]),
    ("chrome", &["google-chrome", "google-chrome-stable"]),
    ("chromium", &["chromium", "chromium-browser"]),
    ("edge", &["microsoft-edge", "microsoft-edge-stable"]),
    (FIREFOX, &["firefox", "firefox-esr"]),
    (LIBREWOLF, &["librewolf"]),
    (OPERA, &["opera", "opera-stable"]),
    ("vivaldi", &["vivaldi", "vivaldi-stable"]),
];

const CHROME: &str = "chrome";
const FIREFOX: &str = "firefox";
const LIBREWOLF: &str = "librewolf";
const OPERA: &str = "opera";

/// Where Opera keeps its profile, below the user's configuration folder.
#[cfg(target_os = "macos")]
const OPERA_PROFILE: &str = "com.operasoftware.Opera";
#[cfg(not(target_os = "macos"))]
const OPERA_PROFILE: &str = "opera";

/// Browsers that look for Chrome's registration on Windows, whatever key is named for them:
/// <https://github.com/keepassxreboot/keepassxc-browser/issues/48> (Vivaldi),
/// <https://github.com/keepassxreboot/keepassxc/issues/5111> (Chromium), and `KeePassXC`'s installer (Brave).
const ON_WINDOWS_AS_CHROME: &[&str] = &["brave", "chromium", "vivaldi"];

/// Whose extensions a browser takes, and so what its manifests hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Family {
    Chromium,
    Firefox,
}

/// A browser that can be registered with on this system.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Browser {
    name: &'static str,
    pub(super) family: Family,
    /// Its own first; those of another browser which it reads too come after.
    pub(super) manifests: Vec<PathBuf>,
    /// Keys below `HKEY_CURRENT_USER` that name the manifest, its own first; on Windows alone.
    pub(super) registry: Vec<String>,
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
        self.manifests.first().map_or(Path::new(""), PathBuf::as_path)
    }

    /// True when it has a profile, or a program that is in no sandbox.
    #[must_use]
    pub fn is_here(&self) -> bool {
        self.has_a_profile() || self.has_a_program()
    }

    #[cfg(windows)]
    fn has_a_profile(&self) -> bool {
        windows::has_a_profile(self.name)
    }

    #[cfg(windows)]
    pub(super) fn has_a_program(&self) -> bool {
        windows::has_a_program(self.name)
    }

    /// True when the folder in which that of manifests is holds anything else: that one may be of Weir's making.
    #[cfg(not(windows))]
    fn has_a_profile(&self) -> bool {
        let manifests = self.manifest().parent();
        let Some((manifests, profile)) = manifests.and_then(|folder| Some((folder, folder.parent()?))) else {
            return false;
        };
        let entries = std::fs::read_dir(profile).into_iter().flatten().flatten();
        entries
            .into_iter()
            .any(|entry| Some(entry.file_name().as_os_str()) != manifests.file_name())
    }

    /// True when one of its programs is on the search path, those of snaps left out.
    #[cfg(not(windows))]
    pub(super) fn has_a_program(&self) -> bool {
        programs_of(self.name)
            .iter()
            .any(|program| on_the_path(program, |folder| !is_of_snaps(folder)))
    }

    fn known(name: &'static str) -> Option<Self> {
        let family = match paths::browser_cfg(name).ok()?.family.as_str() {
            "firefox" => Family::Firefox,
            _ => Family::Chromium,
        };
        // The key that names it is Firefox's: <https://github.com/ltguillaume/librewolf-portable/issues/13>.
        let place = if cfg!(windows) && name == LIBREWOLF {
            FIREFOX
        } else {
            name
        };
        let manifest = native_messaging::manifest_path(place, Scope::User, HOST_NAME).ok()?;
        let mut registry = registry_keys(name);
        if ON_WINDOWS_AS_CHROME.contains(&name) {
            registry.extend(registry_keys(CHROME));
        }
        Some(Self {
            name,
            family,
            // The library's have slashes in them on Windows too, and there Firefox opens none that does (`nsLocalFile`).
            manifests: vec![manifest.components().collect()],
            registry,
        })
    }

    /// Opera documents Chrome's places
    /// (<https://github.com/operasoftware/devopera/blob/master/src/_extensions/message-passing.md>); Chromium, which it is
    /// made of, looks in the folder of the profile; on Windows a key of its own was seen to work
    /// (<https://github.com/keepassxreboot/keepassxc/issues/2879>). It is registered in all of them.
    fn opera() -> Option<Self> {
        let chrome = Self::known(CHROME)?;
        let mut manifests = chrome.manifests;
        let mut registry = chrome.registry;
        if cfg!(windows) {
            registry.insert(
                0,
                format!("Software\\Opera Software\\NativeMessagingHosts\\{HOST_NAME}"),
            );
        } else {
            let profile = BaseDirs::new()?.config_dir().join(OPERA_PROFILE);
            let own = format!("NativeMessagingHosts/{HOST_NAME}.json");
            manifests.insert(0, profile.join(own));
        }
        Some(Self {
            name: OPERA,
            family: Family::Chromium,
            manifests,
            registry,
        })
    }
}

/// Every browser that this system could have, by name.
#[must_use]
pub fn all() -> Vec<Browser> {
    let known = paths::config().browsers.keys();
    let mut browsers: Vec<Browser> = known
        .filter_map(|name| Browser::known(name))
        .chain(Browser::opera())
        .collect();
    browsers.sort();
    browsers
}

/// True where a search folder holds the programs of snaps.
pub(super) fn is_of_snaps(folder: &Path) -> bool {
    folder.ends_with("snap/bin")
}

/// True when a program is in one of the search path's folders for which `counts` is true.
pub(super) fn on_the_path(program: &str, counts: impl Fn(&Path) -> bool) -> bool {
    let search = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&search).any(|folder| counts(&folder) && folder.join(program).is_file())
}

#[cfg(not(windows))]
fn programs_of(name: &str) -> &'static [&'static str] {
    PROGRAMS
        .iter()
        .find(|(known, _)| *known == name)
        .map_or(&[], |(_, programs)| programs)
}

#[cfg(windows)]
fn registry_keys(name: &str) -> Vec<String> {
    paths::winreg_key_path(name, Scope::User, HOST_NAME)
        .into_iter()
        .collect()
}

#[cfg(not(windows))]
fn registry_keys(_name: &str) -> Vec<String> {
    Vec::new()
}
