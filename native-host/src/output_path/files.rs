//! What is done with files, safely: never through a symlink, never over another file, and durably.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

use super::OutputError;

pub(super) fn refuse_symlink(path: &Path) -> Result<(), OutputError> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_symlink() => Err(OutputError::Symlink(path.to_owned())),
        _ => Ok(()),
    }
}

/// One step where the system has it. Else a hard link, which fails when the name is taken, which `rename` does not. Where
/// there are none (FAT, folders) the name is taken by an empty file or folder first, which the rename then replaces.
pub(crate) fn rename_without_replacing(part: &Path, whole: &Path) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_vendor = "apple"))]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        match renameat_with(CWD, part, CWD, whole, RenameFlags::NOREPLACE) {
            Ok(()) => return Ok(()),
            Err(error) if error == rustix::io::Errno::EXIST => return Err(error.into()),
            // Not every file system can.
            Err(_) => {}
        }
    }
    if part.is_dir() {
        if cfg!(windows) {
            // There a folder takes the place of none, not everywhere of an empty one.
            return match fs::symlink_metadata(whole) {
                Ok(_) => Err(ErrorKind::AlreadyExists.into()),
                Err(error) if error.kind() == ErrorKind::NotFound => fs::rename(part, whole),
                Err(error) => Err(error),
            };
        }
        fs::create_dir(whole)?;
    } else {
        match fs::hard_link(part, whole) {
            Ok(()) => return fs::remove_file(part),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return Err(error),
            Err(_) => drop(fs::OpenOptions::new().write(true).create_new(true).open(whole)?),
        }
    }
    fs::rename(part, whole)
}

/// Two folders get each other's names, in one step where the system has it. Elsewhere a kill in between leaves both, neither
/// with the name of the second.
pub(super) fn exchange(one: &Path, other: &Path) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_vendor = "apple"))]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        if renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE).is_ok() {
            return Ok(());
        }
    }
    let aside = one.with_extension("old");
    fs::rename(other, &aside)?;
    if let Err(error) = fs::rename(one, other) {
        fs::rename(&aside, other)?;
        return Err(error);
    }
    fs::rename(&aside, one)
}

/// Brings a file, or a folder and the files in it, to the disk.
pub(super) fn sync_tree(path: &Path) -> io::Result<()> {
    if !path.is_dir() {
        return fs::OpenOptions::new().write(true).open(path)?.sync_all();
    }
    for entry in fs::read_dir(path)? {
        sync_tree(&entry?.path())?;
    }
    sync_folder(path)
}

/// Whether two names are of one file.
pub(crate) fn is_same_file(one: &Path, other: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let place = |path| {
            fs::symlink_metadata(path)
                .map(|found| (found.dev(), found.ino()))
                .ok()
        };
        place(one).is_some_and(|found| Some(found) == place(other))
    }
    #[cfg(not(unix))]
    {
        same_file::is_same_file(one, other).unwrap_or(false)
    }
}

/// The size of a file, or of all files of a folder. What cannot be looked at is too large for anything.
pub(crate) fn bytes_of(path: &Path) -> u64 {
    let size = || -> io::Result<u64> {
        let found = fs::symlink_metadata(path)?;
        if !found.is_dir() {
            return Ok(if found.is_file() { found.len() } else { u64::MAX });
        }
        let mut sum = 0_u64;
        for entry in fs::read_dir(path)? {
            sum = sum.saturating_add(bytes_of(&entry?.path()));
        }
        Ok(sum)
    };
    size().unwrap_or(u64::MAX)
}

/// Brings a folder's names to the disk; Windows does so by itself and cannot open folders as files.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    if cfg!(unix) {
        fs::File::open(path)?.sync_all()
    } else {
        Ok(())
    }
}
