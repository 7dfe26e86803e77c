//! Files that belong to an output and lie beside it, under its name.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use super::{MAX_COUNTER, MAX_NAME_BYTES, OutputError, PART_SUFFIX, rename_without_replacing, sync_folder};

/// A file beside an output, written whole and without its final name. It goes when it is dropped before it gets one.
#[derive(Debug)]
pub struct Beside {
    part: PathBuf,
    /// What stands behind the output's stem: `.en`.
    tag: String,
    /// `.vtt`
    extension: &'static str,
}

impl Beside {
    /// Writes the file in the output's folder. `tag` tells it from others of its kind; of a language tag, what may be
    /// in a file's name is used.
    ///
    /// # Errors
    /// [`OutputError`].
    pub fn write(
        output: &Path,
        tag: Option<&str>,
        extension: &'static str,
        content: &str,
    ) -> Result<Self, OutputError> {
        const LONGEST_TAG: usize = 35;
        let is_harmless = |c: &char| c.is_ascii_alphanumeric() || *c == '-';
        let tag: String = tag
            .unwrap_or_default()
            .chars()
            .filter(is_harmless)
            .take(LONGEST_TAG)
            .collect();
        let tag = format!(".{}", if tag.is_empty() { "und" } else { &tag });
        let mut last = ErrorKind::AlreadyExists.into();
        for counter in 1..=MAX_COUNTER {
            let mut part = name(output, &tag, extension, counter);
            part.as_mut_os_string().push(PART_SUFFIX);
            let created = fs::OpenOptions::new().write(true).create_new(true).open(&part);
            match created {
                Ok(mut file) => {
                    let beside = Self {
                        part: part.clone(),
                        tag,
                        extension,
                    };
                    file.write_all(content.as_bytes())
                        .and_then(|()| file.sync_all())
                        .map_err(|error| OutputError::at(&part, error))?;
                    return Ok(beside);
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => last = error,
                Err(error) => return Err(OutputError::at(&part, error)),
            }
        }
        Err(OutputError::at(output, last))
    }

    /// Gives it the name of the output, which has its own by now, or the next free one.
    ///
    /// # Errors
    /// [`OutputError`].
    pub fn publish(self, output: &Path) -> Result<PathBuf, OutputError> {
        let mut last = ErrorKind::AlreadyExists.into();
        for counter in 1..=MAX_COUNTER {
            let whole = name(output, &self.tag, self.extension, counter);
            match rename_without_replacing(&self.part, &whole) {
                Ok(()) => {
                    let folder = whole.parent().unwrap_or(Path::new("."));
                    sync_folder(folder).map_err(|error| OutputError::at(folder, error))?;
                    return Ok(whole);
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => last = error,
                Err(error) => return Err(OutputError::at(&whole, error)),
            }
        }
        Err(OutputError::at(output, last))
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        // There is none when it has got its name.
        let _ = fs::remove_file(&self.part);
    }
}

fn name(output: &Path, tag: &str, extension: &str, counter: u32) -> PathBuf {
    let counter = match counter {
        1 => String::new(),
        counter => format!(" ({counter})"),
    };
    let end = format!("{tag}{counter}{extension}");
    let stem = output.file_stem().unwrap_or_default().to_string_lossy();
    let room = MAX_NAME_BYTES.saturating_sub(end.len() + PART_SUFFIX.len());
    let cut = (0..=stem.len().min(room)).rev().find_map(|end| stem.get(..end));
    output.with_file_name(format!("{}{end}", cut.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_takes_the_outputs_name_and_replaces_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("a film.mp4");
        fs::write(folder.path().join("a film.pt-BR.vtt"), "another").unwrap();
        let write = |tag| Beside::write(&output, tag, ".vtt", "WEBVTT\n").unwrap();
        let published = write(Some("pt-BR")).publish(&output).unwrap();
        assert_eq!(published, folder.path().join("a film.pt-BR (2).vtt"));
        assert_eq!(fs::read(published).unwrap(), b"WEBVTT\n");
        let two = [write(Some("../../é")), write(None)];
        let [first, second] = two.map(|beside| beside.publish(&output).unwrap());
        assert_eq!(first, folder.path().join("a film.und.vtt"));
        assert_eq!(second, folder.path().join("a film.und (2).vtt"));
        drop(write(Some("de")));
        let mut names: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        let expected = [
            "a film.pt-BR (2).vtt",
            "a film.pt-BR.vtt",
            "a film.und (2).vtt",
            "a film.und.vtt",
        ];
        assert_eq!(names, expected);
    }

    #[test]
    fn long_names_are_cut() {
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join(format!("{}.mp4", "é".repeat(120)));
        let beside = Beside::write(&output, Some("en"), ".srt", "").unwrap();
        let name = beside.publish(&output).unwrap();
        assert!(name.to_string_lossy().ends_with("é.en.srt"), "{}", name.display());
    }
}
