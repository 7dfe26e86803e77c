//! A better version of a file or a folder that is there: made beside it, and then in its place.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use super::files::{exchange, refuse_symlink, sync_folder, sync_tree};
use super::{OutputError, PART_SUFFIX};

/// The file or folder that takes another's place. It goes when it is dropped before.
#[derive(Debug)]
pub struct Replacement {
    output: PathBuf,
    part: PathBuf,
}

impl Replacement {
    /// Begins one with the first `length` bytes of `output`, or with all files of the folder. `id` tells it from those of
    /// other files, and whoever has the right to it is alone: what an earlier process has left of it is no more.
    ///
    /// # Errors
    /// [`OutputError`].
    pub fn begin(output: &Path, id: i64, length: u64) -> Result<Self, OutputError> {
        refuse_symlink(output)?;
        let part = part_of(output, id);
        remove(&part).map_err(|error| OutputError::at(&part, error))?;
        let copy = || -> io::Result<Self> {
            if output.is_dir() {
                fs::create_dir(&part)?;
                let replacement = Self {
                    output: output.to_owned(),
                    part: part.clone(),
                };
                link_files(output, &part)?;
                return Ok(replacement);
            }
            let mut source = File::open(output)?;
            let mut copy = OpenOptions::new().write(true).create_new(true).open(&part)?;
            let replacement = Self {
                output: output.to_owned(),
                part: part.clone(),
            };
            io::copy(&mut source.by_ref().take(length), &mut copy)?;
            copy.set_permissions(source.metadata()?.permissions())?;
            Ok(replacement)
        };
        copy().map_err(|error| OutputError::at(&part, error))
    }

    /// Clears away what a process has left of one that was killed.
    pub(crate) fn clear(output: &Path, id: i64) {
        let part = part_of(output, id);
        if let Err(error) = remove(&part) {
            tracing::warn!("cannot remove {}: {error}", part.display());
        }
    }

    /// What it is to replace.
    #[must_use]
    pub fn output(&self) -> &Path {
        &self.output
    }

    /// Where to write.
    #[must_use]
    pub fn part(&self) -> &Path {
        &self.part
    }

    /// Puts it in the place of the file: its data to the disk first, then the name, then the folder.
    ///
    /// # Errors
    /// [`OutputError`]; the file is as it was then.
    pub fn replace(self) -> Result<(), OutputError> {
        let replace = || -> io::Result<()> {
            sync_tree(&self.part)?;
            if self.part.is_dir() {
                // What was there goes with this.
                exchange(&self.part, &self.output)?;
            } else {
                fs::rename(&self.part, &self.output)?;
            }
            self.output.parent().map_or(Ok(()), sync_folder)
        };
        replace().map_err(|error| OutputError::at(&self.output, error))
    }
}

impl Drop for Replacement {
    fn drop(&mut self) {
        // It has another name when all went well.
        let _ = remove(&self.part);
    }
}

/// A name of its own, because a longer one than the file's may be too long.
fn part_of(output: &Path, id: i64) -> PathBuf {
    output.with_file_name(format!(".weir-repair-{id}{PART_SUFFIX}"))
}

fn remove(part: &Path) -> io::Result<()> {
    let removed = match fs::symlink_metadata(part) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(part),
        Ok(_) => fs::remove_file(part),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Has the files of one folder in another, without copying them where the file system can.
fn link_files(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let link = to.join(entry.file_name());
        if fs::hard_link(entry.path(), &link).is_err() {
            fs::copy(entry.path(), &link)?;
        }
    }
    fs::set_permissions(to, fs::metadata(from)?.permissions())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_stays_until_the_other_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("film.mp4");
        fs::write(&output, "before").unwrap();
        let names = || fs::read_dir(folder.path()).unwrap().count();

        let replacement = Replacement::begin(&output, 7, 3).unwrap();
        assert_eq!(fs::read_to_string(replacement.part()).unwrap(), "bef");
        drop(replacement);
        assert_eq!(
            (fs::read_to_string(&output).unwrap().as_str(), names()),
            ("before", 1)
        );

        // A process that was killed has left one.
        std::mem::forget(Replacement::begin(&output, 7, 6).unwrap());
        let replacement = Replacement::begin(&output, 7, 2).unwrap();
        fs::write(replacement.part(), "after").unwrap();
        replacement.replace().unwrap();
        assert_eq!(
            (fs::read_to_string(&output).unwrap().as_str(), names()),
            ("after", 1)
        );
    }
}
