//! A better version of a file that is there: made beside it, and then in its place.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use super::files::{refuse_symlink, sync_folder};
use super::{OutputError, PART_SUFFIX};

/// The file that takes another's place. It goes when it is dropped before.
#[derive(Debug)]
pub struct Replacement {
    output: PathBuf,
    part: PathBuf,
}

impl Replacement {
    /// Begins one with the first `length` bytes of `output`. `id` tells it from those of other files, and whoever has the
    /// right to it is alone: what an earlier process has left of it is no more.
    ///
    /// # Errors
    /// [`OutputError`].
    pub fn begin(output: &Path, id: i64, length: u64) -> Result<Self, OutputError> {
        refuse_symlink(output)?;
        // A name of its own, because a longer one than the file's may be too long.
        let part = output.with_file_name(format!(".weir-repair-{id}{PART_SUFFIX}"));
        match fs::remove_file(&part) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(OutputError::at(&part, error)),
            _ => {}
        }
        let copy = || -> io::Result<Self> {
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
            OpenOptions::new().write(true).open(&self.part)?.sync_all()?;
            fs::rename(&self.part, &self.output)?;
            self.output.parent().map_or(Ok(()), sync_folder)
        };
        replace().map_err(|error| OutputError::at(&self.output, error))
    }
}

impl Drop for Replacement {
    fn drop(&mut self) {
        // It has another name when all went well.
        let _ = fs::remove_file(&self.part);
    }
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
