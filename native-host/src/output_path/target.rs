//! Where a job's output is to go, and which names are free there.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;
use weir_core::protocol::Container;

use super::files::refuse_symlink;
use super::title::{is_reserved, split_suffix};
use super::{MAX_COUNTER, NameFields, NameTemplate, OutputError, PART_SUFFIX, Slot, stem_from_title};
use crate::error::is_full;

/// Where a job's output goes, before it is known which name is free.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    pub(super) folder: PathBuf,
    pub(super) stem: String,
    /// With its dot; empty for a folder of segments.
    pub(super) extension: String,
    named_by: NamedBy,
    /// The name that tells this capture from others, where a template has made another of it: that holds a date, and what goes
    /// on tomorrow is the same capture. Not of a saved one, which is known already.
    #[serde(skip)]
    titled: Option<String>,
}

/// Whose choice a name is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum NamedBy {
    User,
    Weir,
}

/// What is in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// A picture, and maybe more.
    Picture,
    /// Sound alone.
    Sound,
    /// Not what was asked for, but this.
    Other(Container),
}

impl Target {
    /// A file in `folder` named after a page's title.
    #[must_use]
    pub fn titled(folder: &Path, title: Option<&str>, container: Container) -> Self {
        let extension = extension_of(container);
        Self {
            folder: folder.to_owned(),
            stem: stem_from_title(title.unwrap_or(""), extension),
            extension: extension.to_owned(),
            named_by: NamedBy::Weir,
            titled: None,
        }
    }

    /// The same with a name as the user wants it, where the name is not the user's choice already.
    #[must_use]
    pub fn like(mut self, template: &NameTemplate, fields: &NameFields) -> Self {
        if self.named_by == NamedBy::Weir {
            let stem = stem_from_title(&template.fill(fields, &self.extension), &self.extension);
            self.titled = Some(std::mem::replace(&mut self.stem, stem));
        }
        self
    }

    /// The same with the extension that fits its content; of sound alone, where the name is not the user's choice.
    #[must_use]
    pub fn of(mut self, content: Content) -> Self {
        match content {
            Content::Sound if self.named_by == NamedBy::Weir && self.extension == ".mp4" => {
                ".m4a".clone_into(&mut self.extension);
            }
            Content::Other(container) => extension_of(container).clone_into(&mut self.extension),
            Content::Picture | Content::Sound => {}
        }
        self
    }

    /// The file that the user named. Its name is the user's business; only its extension is checked,
    /// and added when there is none.
    ///
    /// # Errors
    /// [`OutputError::Extension`]; [`OutputError::NoFile`]; [`OutputError::Folder`] when the path names no file.
    pub fn named(path: &Path, container: Container) -> Result<Self, OutputError> {
        let folder = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .ok_or_else(|| OutputError::Folder {
                path: path.to_owned(),
                problem: "names no file, or one that is not UTF-8".to_owned(),
            })?;
        if cfg!(windows) && (is_reserved(name) || name.contains(':')) {
            return Err(OutputError::NoFile(path.to_owned()));
        }
        let fitting: &[&str] = match container {
            Container::Mp4 => &[".mp4", ".m4v", ".m4a"],
            Container::Mkv => &[".mkv", ".mka"],
            Container::Ts => &[".ts"],
            Container::Segments => &[],
        };
        for extension in fitting {
            if let Some((stem, written)) = split_suffix(name, extension) {
                return Ok(Self {
                    folder,
                    stem: stem.to_owned(),
                    extension: written.to_owned(),
                    named_by: NamedBy::User,
                    titled: None,
                });
            }
        }
        if container != Container::Segments && Path::new(name).extension().is_some() {
            let wanted = match container {
                Container::Mp4 => ".mp4, .m4v or .m4a",
                Container::Mkv => ".mkv or .mka",
                Container::Ts | Container::Segments => ".ts",
            };
            return Err(OutputError::Extension {
                path: path.to_owned(),
                wanted,
            });
        }
        Ok(Self {
            folder,
            stem: name.to_owned(),
            extension: extension_of(container).to_owned(),
            named_by: NamedBy::User,
            titled: None,
        })
    }

    /// Whether its name is the user's choice.
    #[must_use]
    pub fn is_named_by_user(&self) -> bool {
        self.named_by == NamedBy::User
    }

    /// What it is called while no other has that name.
    #[must_use]
    pub fn file_name(&self) -> String {
        numbered(&self.stem, &self.extension, 1)
    }

    /// What is wanted, absolute: the same for two jobs that would make the same file.
    #[must_use]
    pub fn wanted(&self) -> String {
        let stem = self.titled.as_ref().unwrap_or(&self.stem);
        let path = self.folder.join(format!("{stem}{}", self.extension));
        let absolute = std::path::absolute(&path).unwrap_or(path);
        absolute.to_string_lossy().into_owned()
    }

    /// Makes sure that something can be written, before anything is fetched.
    ///
    /// # Errors
    /// [`OutputError::Folder`], [`OutputError::Symlink`].
    pub fn check(&self) -> Result<(), OutputError> {
        let refuse = |problem: String| {
            Err(OutputError::Folder {
                path: self.folder.clone(),
                problem,
            })
        };
        match fs::metadata(&self.folder) {
            Ok(found) if found.is_dir() => {}
            Ok(_) => return refuse("is not a folder".to_owned()),
            Err(_) => return refuse("is not there".to_owned()),
        }
        let first = Slot::new(self.clone(), 1);
        refuse_symlink(&first.whole())?;
        refuse_symlink(&first.part())?;
        // Permission bits do not tell (root, read-only mounts, ACLs): only writing does.
        let trial = self
            .folder
            .join(format!(".weir-{}-{:08x}", std::process::id(), fastrand::u32(..)));
        match fs::OpenOptions::new().write(true).create_new(true).open(&trial) {
            Ok(_) => {
                let _ = fs::remove_file(&trial);
                Ok(())
            }
            Err(error) if is_full(&error) => Err(OutputError::Full(self.folder.clone())),
            Err(error) => refuse(format!("cannot be written to ({error})")),
        }
    }

    /// The names that are free now, best first. Another process may take one in between: whoever
    /// creates the file has to insist on creating it, and try the next one.
    ///
    /// # Errors
    /// [`OutputError::Symlink`] when a symbolic link bears one of the first free names.
    pub fn slots(&self) -> Result<impl Iterator<Item = Slot> + use<>, OutputError> {
        let taken: HashSet<String> = match fs::read_dir(&self.folder) {
            Ok(entries) => entries
                .flatten()
                .map(|entry| folded(&entry.file_name().to_string_lossy()))
                .collect(),
            Err(error) => return Err(OutputError::at(&self.folder, error)),
        };
        let first = Slot::new(self.clone(), 1);
        refuse_symlink(&first.whole())?;
        refuse_symlink(&first.part())?;
        let target = self.clone();
        Ok((1..=MAX_COUNTER)
            .map(move |counter| Slot::new(target.clone(), counter))
            .filter(move |slot| {
                let name = slot.name();
                let part = format!("{name}{PART_SUFFIX}");
                !taken.contains(&folded(&name)) && !taken.contains(&folded(&part))
            }))
    }

    /// The error for when none of [`Self::slots`] could be had.
    #[must_use]
    pub fn no_free_name(&self) -> OutputError {
        OutputError::NoFreeName {
            folder: self.folder.clone(),
            stem: self.stem.clone(),
        }
    }
}

/// A name, and those that are taken when it is not free.
pub(crate) fn numbered(stem: &str, extension: &str, counter: u32) -> String {
    match counter {
        1 => format!("{stem}{extension}"),
        counter => format!("{stem} ({counter}){extension}"),
    }
}

fn extension_of(container: Container) -> &'static str {
    match container {
        Container::Mp4 => ".mp4",
        Container::Mkv => ".mkv",
        Container::Ts => ".ts",
        Container::Segments => "",
    }
}

/// One form for all names that some file system takes for the same.
pub(crate) fn folded(name: &str) -> String {
    name.nfc().flat_map(char::to_lowercase).collect()
}
