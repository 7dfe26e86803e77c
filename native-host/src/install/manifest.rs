//! The manifest by which a browser finds the host: written whole or not at all, read as a browser reads it,
//! and taken away.
//!
//! `native_messaging` would write it in place, and with that through a symbolic link, and leaves half of it
//! behind on a full disk; where one file serves several browsers (Windows), it takes that from all of them.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::browsers::{Browser, Family, all};
use crate::caller::{CHROMIUM_ORIGINS, FIREFOX_IDS, HOST_NAME};

const DESCRIPTION: &str = "Weir: saves the HLS streams that its browser extension finds";

/// Most bytes of a manifest: hosts' manifests have some hundred.
const MAX_BYTES: u64 = 64 * 1024;

/// Why a manifest leads to no program.
#[derive(Debug, thiserror::Error)]
pub(super) enum ManifestError {
    #[error("not registered: {} is not there", .0.display())]
    Missing(PathBuf),
    #[error("{} cannot be read: {reason}", .path.display())]
    Unreadable { path: PathBuf, reason: String },
    #[error("{} {what}", .path.display())]
    Broken { path: PathBuf, what: &'static str },
    #[error("{} does not list the extension", .0.display())]
    WrongExtension(PathBuf),
    #[error("the registry does not name {}", .0.display())]
    Registry(PathBuf),
}

/// Registers `program` with `browser`. What is right already is not touched.
pub(super) fn write(browser: &Browser, program: &Path) -> io::Result<()> {
    let text = text(browser.family, program)?;
    for path in &browser.manifests {
        let is_right = is_file(path) && read(path).is_ok_and(|found| found == text);
        if !is_right {
            replace(path, &text)?;
        }
    }
    browser
        .registry
        .iter()
        .try_for_each(|key| registry::set(key, browser.manifest()))
}

/// Takes the registration of `browser` away, but for what one of `kept` has as its own. True where there was one.
pub(super) fn remove(browser: &Browser, kept: &[Browser]) -> io::Result<bool> {
    let mut was_there = false;
    for key in &browser.registry {
        let is_kept = kept.iter().any(|other| other.registry.first() == Some(key));
        if !is_kept {
            was_there |= registry::remove(key)?;
        }
    }
    // On Windows many browsers have one manifest, and the registry knows which of them are registered.
    let is_named = |path: &Path| {
        let keys = all().into_iter().flat_map(|other| other.registry);
        keys.into_iter().any(|key| registry::names(&key, path))
    };
    for path in &browser.manifests {
        let is_kept = kept.iter().any(|other| other.manifest() == path) || is_named(path);
        if !is_kept && fs::symlink_metadata(path).is_ok() {
            fs::remove_file(path)?;
            remove_empty_folders(path);
            was_there = true;
        }
    }
    Ok(was_there)
}

/// True where there is a registration, whole or broken. On Windows a manifest is many browsers', and a key tells of a browser
/// where it is not that of another one that is here.
pub(super) fn is_there(browser: &Browser) -> bool {
    let Some(key) = browser.registry.first() else {
        return fs::symlink_metadata(browser.manifest()).is_ok();
    };
    let others = all().into_iter().filter(|other| other != browser);
    registry::is_set(key)
        && !others
            .into_iter()
            .any(|other| other.registry.contains(key) && other.is_here())
}

/// The program that `browser` is told to start.
pub(super) fn program(browser: &Browser) -> Result<PathBuf, ManifestError> {
    let mut program = None;
    for path in &browser.manifests {
        let named = program_of(browser.family, path)?;
        program.get_or_insert(named);
    }
    let path = browser.manifest();
    if browser.registry.iter().any(|key| !registry::names(key, path)) {
        return Err(ManifestError::Registry(path.to_owned()));
    }
    program.ok_or_else(|| ManifestError::Missing(path.to_owned()))
}

fn program_of(family: Family, path: &Path) -> Result<PathBuf, ManifestError> {
    let broken = |what| ManifestError::Broken {
        path: path.to_owned(),
        what,
    };
    let text = match read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(ManifestError::Missing(path.to_owned()));
        }
        Err(error) if error.kind() == io::ErrorKind::InvalidData => return Err(broken("is not text")),
        Err(error) => {
            return Err(ManifestError::Unreadable {
                path: path.to_owned(),
                reason: error.to_string(),
            });
        }
    };
    let manifest: Value = serde_json::from_str(&text).map_err(|_| broken("is not JSON"))?;
    let field = |key: &str| manifest.get(key).and_then(Value::as_str);
    if field("name") != Some(HOST_NAME) || field("type") != Some("stdio") {
        return Err(broken("is not a manifest of this host"));
    }
    let (key, wanted) = extensions(family);
    let listed = manifest.get(key).and_then(Value::as_array);
    let lists =
        |id: &&str| listed.is_some_and(|listed| listed.iter().any(|entry| entry.as_str() == Some(*id)));
    if !wanted.iter().all(lists) {
        return Err(ManifestError::WrongExtension(path.to_owned()));
    }
    let program = field("path")
        .map(PathBuf::from)
        .ok_or_else(|| broken("names no program"))?;
    if program.is_absolute() {
        Ok(program)
    } else {
        Err(broken("names a program without its folder"))
    }
}

fn extensions(family: Family) -> (&'static str, &'static [&'static str]) {
    match family {
        Family::Chromium => ("allowed_origins", CHROMIUM_ORIGINS),
        Family::Firefox => ("allowed_extensions", FIREFOX_IDS),
    }
}

fn text(family: Family, program: &Path) -> io::Result<String> {
    let program = program.to_str().ok_or_else(|| {
        let words = format!("{} is no UTF-8, which a manifest has to be", program.display());
        io::Error::new(io::ErrorKind::InvalidInput, words)
    })?;
    let (key, ids) = extensions(family);
    let manifest = json!({
        "name": HOST_NAME,
        "description": DESCRIPTION,
        "path": program,
        "type": "stdio",
        key: ids,
    });
    Ok(serde_json::to_string_pretty(&manifest)? + "\n")
}

/// A pipe would never end, and a file of another size is none of ours.
fn read(path: &Path) -> io::Result<String> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let mut text = String::new();
    fs::File::open(path)?.take(MAX_BYTES).read_to_string(&mut text)?;
    Ok(text)
}

fn is_file(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_file())
}

/// Through a file beside it and a rename, which takes the place of a link or of a file that cannot be read.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let beside = path.with_extension(format!("json.{}", std::process::id()));
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o644);
    let written = options.open(&beside).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    let moved = written.and_then(|()| fs::rename(&beside, path));
    if moved.is_err() {
        let _ = fs::remove_file(&beside);
    }
    moved
}

/// Of a browser that is not here, the folders were made for the manifest. One that holds anything stays.
fn remove_empty_folders(path: &Path) {
    let bases = directories::BaseDirs::new();
    let stays = |folder: &Path| {
        bases
            .as_ref()
            .is_none_or(|bases| folder == bases.home_dir() || folder == bases.config_dir())
    };
    for folder in path.ancestors().skip(1).take_while(|folder| !stays(folder)) {
        if fs::remove_dir(folder).is_err() {
            return;
        }
    }
}

#[cfg(windows)]
mod registry {
    use std::io;
    use std::path::Path;

    use native_messaging::Scope;
    use native_messaging::install::{
        read_manifest_path_from_reg, remove_manifest_reg, write_manifest_path_to_reg,
    };

    pub(super) fn set(key: &str, manifest: &Path) -> io::Result<()> {
        write_manifest_path_to_reg(Scope::User, key, manifest)
    }

    pub(super) fn names(key: &str, manifest: &Path) -> bool {
        read_manifest_path_from_reg(Scope::User, key).is_ok_and(|named| named.as_deref() == Some(manifest))
    }

    /// True for a key that is there, whatever it holds.
    pub(super) fn is_set(key: &str) -> bool {
        !matches!(read_manifest_path_from_reg(Scope::User, key), Ok(None))
    }

    pub(super) fn remove(key: &str) -> io::Result<bool> {
        let was_there = is_set(key);
        remove_manifest_reg(Scope::User, key)?;
        Ok(was_there)
    }
}

/// Only Windows has one, and no browser a key in it elsewhere.
#[cfg(not(windows))]
#[expect(clippy::unnecessary_wraps, reason = "on Windows it may fail")]
mod registry {
    use std::io;
    use std::path::Path;

    pub(super) fn set(_key: &str, _manifest: &Path) -> io::Result<()> {
        Ok(())
    }

    pub(super) fn names(_key: &str, _manifest: &Path) -> bool {
        true
    }

    pub(super) fn is_set(_key: &str) -> bool {
        false
    }

    pub(super) fn remove(_key: &str) -> io::Result<bool> {
        Ok(false)
    }
}
