//! Files that belong to an output and lie beside it, under its name.

use std::fs;
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::files::sync_folder;
use super::{MAX_COUNTER, MAX_NAME_BYTES, OutputError, PART_SUFFIX, Slot, rename_without_replacing};

/// A file beside an output, written whole and without its final name.
#[derive(Debug, Serialize, Deserialize)]
pub struct Beside {
    part: PathBuf,
    /// What stands behind the output's stem: `.en`.
    tag: String,
    /// `.vtt`
    extension: String,
}

impl Beside {
    /// Writes the file where the output is being written. `number` tells it from the others there: what an earlier process
    /// has left of it is no more. `tag` is what its name tells; of a language tag, what may be in a file's name is used.
    ///
    /// # Errors
    /// [`OutputError`].
    pub fn write(
        slot: &Slot,
        number: usize,
        tag: Option<&str>,
        extension: &str,
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
        // The whole name of the output is in it, which is this job's alone.
        let mut part = name(&slot.part(), &format!(".{number}"), extension, 1);
        part.as_mut_os_string().push(PART_SUFFIX);
        let write = || -> io::Result<()> {
            match fs::remove_file(&part) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let mut file = fs::OpenOptions::new().write(true).create_new(true).open(&part)?;
            file.write_all(content.as_bytes())?;
            file.sync_all()
        };
        if let Err(error) = write() {
            let _ = fs::remove_file(&part);
            return Err(OutputError::at(&part, error));
        }
        Ok(Self {
            part,
            tag: format!(".{}", if tag.is_empty() { "und" } else { &tag }),
            extension: extension.to_owned(),
        })
    }

    /// Removes it, when it has not got its name.
    pub fn discard(&self) {
        let _ = fs::remove_file(&self.part);
    }

    /// Gives it the name of the output, which has its own by now, or the next free one. One that has its name has it.
    ///
    /// # Errors
    /// [`OutputError`].
    pub fn publish(self, output: &Path) -> Result<(), OutputError> {
        if !self.part.exists() {
            return Ok(());
        }
        let mut last = ErrorKind::AlreadyExists.into();
        for counter in 1..=MAX_COUNTER {
            let whole = name(output, &self.tag, &self.extension, counter);
            match rename_without_replacing(&self.part, &whole) {
                Ok(()) => {
                    let folder = whole.parent().unwrap_or(Path::new("."));
                    return sync_folder(folder).map_err(|error| OutputError::at(folder, error));
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => last = error,
                Err(error) => return Err(OutputError::at(&whole, error)),
            }
        }
        Err(OutputError::at(output, last))
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
    use weir_core::protocol::Container;

    use super::*;
    use crate::output_path::Target;

    fn slot(output: &Path) -> Slot {
        let target = Target::named(output, Container::Mp4).unwrap();
        target.slots().unwrap().next().unwrap()
    }

    #[test]
    fn it_takes_the_outputs_name_and_replaces_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("a film.mp4");
        let slot = slot(&output);
        fs::write(folder.path().join("a film.pt-BR.vtt"), "another").unwrap();
        let write = |number, tag, text| Beside::write(&slot, number, tag, ".vtt", text).unwrap();
        // What a process that was killed has left is written anew.
        write(1, Some("pt-BR"), "WEB");
        let written = [
            write(0, Some("pt-BR"), "WEBVTT 0\n"),
            write(1, Some("../../é"), "WEBVTT 1\n"),
            write(2, None, "WEBVTT 2\n"),
        ];
        write(3, Some("de"), "WEBVTT 3\n").discard();
        for beside in written {
            beside.publish(&output).unwrap();
        }
        let mut found: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .map(|path| {
                let name = path.file_name().unwrap().to_str().unwrap().to_owned();
                (name, fs::read_to_string(path).unwrap())
            })
            .collect();
        found.sort();
        let expected = [
            ("a film.pt-BR (2).vtt", "WEBVTT 0\n"),
            ("a film.pt-BR.vtt", "another"),
            ("a film.und (2).vtt", "WEBVTT 2\n"),
            ("a film.und.vtt", "WEBVTT 1\n"),
        ];
        assert_eq!(
            found,
            expected.map(|(name, text)| (name.to_owned(), text.to_owned()))
        );
    }

    #[test]
    fn long_names_are_cut() {
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join(format!("{}.mp4", "é".repeat(120)));
        let beside = Beside::write(&slot(&output), 0, Some("en"), ".srt", "").unwrap();
        beside.publish(&output).unwrap();
        let found = fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap();
        let name = found.file_name().into_string().unwrap();
        assert!(name.ends_with("é.en.srt"), "{name}");
    }
}
