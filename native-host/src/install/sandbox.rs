//! Browsers in a sandbox, which start no program of the system: snaps and flatpaks, on Linux.
//!
//! Chromium and its relatives have no way out of theirs
//! (<https://forum.snapcraft.io/t/native-messaging-support-in-strictly-confined-browser-snaps/26849>,
//! <https://github.com/keepassxreboot/keepassxc/issues/12741>). Firefox has one as a snap: it asks the desktop's portal, which reads the
//! manifest where it is for every Firefox (<https://github.com/flatpak/xdg-desktop-portal/pull/705>,
//! <https://github.com/keepassxreboot/keepassxc/pull/8756>).

use std::path::{Path, PathBuf};

use directories::BaseDirs;

use super::browsers::{is_of_snaps, on_the_path};

/// Where snaps' programs are, on the search path or not.
const SNAP_FOLDERS: &[&str] = &["/snap/bin", "/var/lib/snapd/snap/bin"];

/// Where flatpaks for all users are.
const FLATPAK_FOLDER: &str = "/var/lib/flatpak/app";

/// A browser, the name of its snap and that of its flatpak.
const NAMES: &[(&str, Option<&str>, &str)] = &[
    ("brave", Some("brave"), "com.brave.Browser"),
    ("chrome", None, "com.google.Chrome"),
    ("chromium", Some("chromium"), "org.chromium.Chromium"),
    ("edge", None, "com.microsoft.Edge"),
    ("firefox", Some("firefox"), "org.mozilla.firefox"),
    ("librewolf", Some("librewolf"), "io.gitlab.librewolf-community"),
    ("opera", Some("opera"), "com.opera.Opera"),
    ("vivaldi", Some("vivaldi"), "com.vivaldi.Vivaldi"),
];

/// How a browser is shut in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sandbox {
    Snap,
    Flatpak,
}

impl Sandbox {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Snap => "snap",
            Self::Flatpak => "flatpak",
        }
    }

    /// True where the browser gets a program started by the desktop.
    pub(super) fn has_a_way_out(self, browser: &str) -> bool {
        self == Self::Snap && browser == "firefox"
    }
}

/// The sandboxes in which a browser is installed here.
pub(super) fn of(browser: &str) -> Vec<Sandbox> {
    let Some((_, snap, flatpak)) = NAMES.iter().find(|(name, ..)| *name == browser) else {
        return Vec::new();
    };
    let is_snap = snap.is_some_and(|snap| {
        on_the_path(snap, is_of_snaps)
            || SNAP_FOLDERS
                .iter()
                .any(|folder| Path::new(folder).join(snap).exists())
    });
    let is_flatpak = flatpak_folders()
        .iter()
        .any(|folder| folder.join(flatpak).is_dir());
    [(is_snap, Sandbox::Snap), (is_flatpak, Sandbox::Flatpak)]
        .into_iter()
        .filter_map(|(is_here, sandbox)| is_here.then_some(sandbox))
        .collect()
}

fn flatpak_folders() -> Vec<PathBuf> {
    let own = BaseDirs::new().map(|bases| bases.data_dir().join("flatpak/app"));
    [PathBuf::from(FLATPAK_FOLDER)].into_iter().chain(own).collect()
}
