//! Programs of this machine that tests use when they are there.

use std::path::PathBuf;

/// The file that `name` starts, from PATH.
#[must_use]
pub fn find(name: &str) -> Option<PathBuf> {
    let name = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join(&name))
        .find(|file| file.is_file())
}
