//! A folder within the output folder, as a rule for a site wants it: names, and never a way to elsewhere.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use unicode_normalization::UnicodeNormalization as _;

use super::OutputError;
use super::files::refuse_symlink;
use super::title::stem_from_title;

/// Most folders in one another.
const MAX_DEPTH: usize = 8;

/// Names of folders, the outermost first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subfolder(Vec<String>);

/// Why a text names no folder in the output folder.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubfolderError {
    /// What stands between two slashes is empty, leads elsewhere, or is no name on every system.
    #[error(
        "folder {text:?}: {name:?} cannot be a folder's name; expected names with / between them, such as Lectures/Physics"
    )]
    Name {
        /// All of it.
        text: String,
        /// The name.
        name: String,
    },
    /// More names than it may have.
    #[error("folder {0:?}: over {MAX_DEPTH} folders in one another")]
    Deep(String),
}

impl FromStr for Subfolder {
    type Err = SubfolderError;

    fn from_str(text: &str) -> Result<Self, SubfolderError> {
        let normal: String = text.nfc().collect();
        let names: Vec<String> = normal.split('/').map(str::to_owned).collect();
        // A name that would be changed before it is a file's is none: what is written is what is made.
        if let Some(name) = names.iter().find(|name| stem_from_title(name, "") != **name) {
            return Err(SubfolderError::Name {
                text: text.to_owned(),
                name: name.clone(),
            });
        }
        if names.len() > MAX_DEPTH {
            return Err(SubfolderError::Deep(text.to_owned()));
        }
        Ok(Self(names))
    }
}

impl Subfolder {
    /// Makes what is not there of it. A link in its place is refused: it may lead anywhere.
    ///
    /// # Errors
    /// [`OutputError`].
    pub fn make(&self, folder: &Path) -> Result<PathBuf, OutputError> {
        let mut path = folder.to_owned();
        for name in &self.0 {
            path.push(name);
            refuse_symlink(&path)?;
            match fs::create_dir(&path) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(OutputError::at(&path, error)),
            }
        }
        Ok(path)
    }

    /// What a file of this name in it is called.
    #[must_use]
    pub fn with(&self, file: &str) -> String {
        format!("{}/{file}", self.0.join("/"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_are_folders() {
        for text in ["Lectures", "Lectures/Physics 2", "講義/水力学", "a/b/c/d/e/f/g/h"] {
            let folder: Subfolder = text.parse().unwrap();
            assert_eq!(folder.with("x.mp4"), format!("{text}/x.mp4"));
        }
        for text in [
            "",
            "/",
            "/etc",
            "a/",
            "a//b",
            ".",
            "..",
            "a/../b",
            "../a",
            r"a\b",
            "C:",
            "C:/x",
            "CON",
            ".ssh",
            "-rf",
            "a ",
            "a.",
            "a\0b",
            "~/x:",
            "a/b/c/d/e/f/g/h/i",
        ] {
            assert!(text.parse::<Subfolder>().is_err(), "{text:?}");
        }
    }
}
