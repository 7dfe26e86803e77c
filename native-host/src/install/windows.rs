//! How browsers are found on Windows: most have never a program on the search path, and their manifests are in one
//! folder, which tells nothing of any.

use std::path::PathBuf;

use directories::BaseDirs;
use native_messaging::Scope;
use native_messaging::install::read_manifest_path_from_reg;

/// Where each program that is installed says where it is.
const APP_PATHS: &str = r"Software\Microsoft\Windows\CurrentVersion\App Paths";

/// In which of the user's folders a browser has its profiles.
#[derive(Debug, Clone, Copy)]
enum Base {
    Local,
    Roaming,
}

/// A browser, where its profiles are, and its program; None where that has the name of another browser's.
const PLACES: &[(&str, Base, &str, Option<&str>)] = &[
    (
        "brave",
        Base::Local,
        r"BraveSoftware\Brave-Browser\User Data",
        Some("brave.exe"),
    ),
    (
        "chrome",
        Base::Local,
        r"Google\Chrome\User Data",
        Some("chrome.exe"),
    ),
    (
        "chrome_for_testing",
        Base::Local,
        r"Google\Chrome for Testing\User Data",
        None,
    ),
    ("chromium", Base::Local, r"Chromium\User Data", None),
    (
        "edge",
        Base::Local,
        r"Microsoft\Edge\User Data",
        Some("msedge.exe"),
    ),
    ("firefox", Base::Roaming, r"Mozilla\Firefox", Some("firefox.exe")),
    ("librewolf", Base::Roaming, "librewolf", Some("librewolf.exe")),
    (
        "opera",
        Base::Roaming,
        r"Opera Software\Opera Stable",
        Some("opera.exe"),
    ),
    ("vivaldi", Base::Local, r"Vivaldi\User Data", Some("vivaldi.exe")),
];

/// True when the browser has run for this user.
pub(super) fn has_a_profile(browser: &str) -> bool {
    let place = PLACES.iter().find(|(name, ..)| *name == browser);
    place
        .zip(BaseDirs::new())
        .is_some_and(|((_, base, folder, _), bases)| {
            let base = match base {
                Base::Local => bases.data_local_dir(),
                Base::Roaming => bases.data_dir(),
            };
            base.join(folder).is_dir()
        })
}

/// True when the browser is installed, for this user or for all.
pub(super) fn has_a_program(browser: &str) -> bool {
    let place = PLACES.iter().find(|(name, ..)| *name == browser);
    place.and_then(|(.., program)| *program).is_some_and(|program| {
        let key = format!(r"{APP_PATHS}\{program}");
        [Scope::User, Scope::System]
            .into_iter()
            .any(|scope| default_value(scope, &key).is_some_and(|path| path.is_file()))
    })
}

/// The library's call for manifests reads the default value of any key. Some programs put quotes around it.
fn default_value(scope: Scope, key: &str) -> Option<PathBuf> {
    let value = read_manifest_path_from_reg(scope, key).ok()??;
    Some(PathBuf::from(value.to_str()?.trim_matches('"')))
}
