//! Who may change what: permissions of files and folders.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The file, or the folder it is in, whichever another user could change.
pub(super) fn writable_by_others(path: &Path) -> Option<PathBuf> {
    [Some(path), path.parent()]
        .into_iter()
        .flatten()
        .find(|path| is_writable_by_others(path))
        .map(Path::to_owned)
}

/// Can a file be made in this folder? One is, and is taken away again: permissions alone do not tell, on a
/// file system that is mounted for reading or for whoever is root.
pub(super) fn try_to_write_in(folder: &Path) -> io::Result<()> {
    let file = folder.join(format!(".weir-doctor-{}", std::process::id()));
    fs::File::create_new(&file)?;
    fs::remove_file(&file)
}

#[cfg(unix)]
mod imp {
    use std::os::unix::fs::PermissionsExt as _;

    use super::{Path, fs, io};

    const OTHERS_WRITE: u32 = 0o002;
    const NOT_THE_OWNER: u32 = 0o077;
    const STICKY: u32 = 0o1000; // in such a folder, /tmp for one, only a file's owner replaces it
    const EXECUTE: u32 = 0o111;

    pub(in super::super) fn is_executable(file: &fs::Metadata) -> bool {
        file.permissions().mode() & EXECUTE != 0
    }

    pub(super) fn is_writable_by_others(path: &Path) -> bool {
        path.metadata().is_ok_and(|found| {
            let mode = found.permissions().mode();
            mode & OTHERS_WRITE != 0 && !(found.is_dir() && mode & STICKY != 0)
        })
    }

    /// Takes the right to write from other users.
    pub(in super::super) fn close_to_others(path: &Path) -> io::Result<()> {
        let mode = path.metadata()?.permissions().mode();
        fs::set_permissions(path, fs::Permissions::from_mode(mode & !OTHERS_WRITE))
    }

    /// Has nobody but the owner a way into this folder?
    pub(in super::super) fn is_private(folder: &fs::Metadata) -> bool {
        folder.permissions().mode() & NOT_THE_OWNER == 0
    }

    /// Gives the owner all rights in this folder, and nobody else any.
    pub(in super::super) fn make_private(folder: &Path) -> io::Result<()> {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
    }
}

/// The user's profile is private by its access control list, and what is a program is told by its name.
#[cfg(not(unix))]
mod imp {
    use super::{Path, fs, io};

    pub(in super::super) fn is_executable(_file: &fs::Metadata) -> bool {
        true
    }

    pub(super) fn is_writable_by_others(_path: &Path) -> bool {
        false
    }

    pub(in super::super) fn close_to_others(_path: &Path) -> io::Result<()> {
        Err(by_hand())
    }

    pub(in super::super) fn is_private(_folder: &fs::Metadata) -> bool {
        true
    }

    pub(in super::super) fn make_private(_folder: &Path) -> io::Result<()> {
        Err(by_hand())
    }

    fn by_hand() -> io::Error {
        let words = "Weir does not change access control lists";
        io::Error::new(io::ErrorKind::Unsupported, words)
    }
}

use imp::is_writable_by_others;
pub(super) use imp::{close_to_others, is_executable, is_private, make_private};
