//! File names from page titles, and files that never replace another.
//!
//! A job writes to `NAME.mp4.part` and gets its name when it is whole. The page's title is a wish: what
//! becomes of it is decided here, by the rules of the strictest file system (Windows), so that a
//! file can be moved anywhere.

mod beside;
mod episode;
mod replacement;
mod subfolder;
mod template;
mod title;

use std::collections::HashSet;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;
use weir_core::protocol::{Container, ErrorCode};

pub use beside::Beside;
pub use replacement::Replacement;
pub use subfolder::{Subfolder, SubfolderError};
pub use template::{NameFields, NameTemplate, TemplateError};

use crate::error::{Coded, is_full};
use title::split_suffix;
pub(crate) use title::stem_from_title;

/// Longest file name, in bytes (ext4, APFS, NTFS: 255).
const MAX_NAME_BYTES: usize = 255;

/// What is added to a name while its file is not whole.
const PART_SUFFIX: &str = ".part";

/// Highest number that is tried when a name is taken.
const MAX_COUNTER: u32 = 9_999;

/// Room kept for ` (9999)`.
const COUNTER_BYTES: usize = 7;

/// Where a job's output goes, before it is known which name is free.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    folder: PathBuf,
    stem: String,
    /// With its dot; empty for a folder of segments.
    extension: String,
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

/// One free name: where to write, and what it will be called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    target: Target,
    counter: u32,
}

/// Why there is no output.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutputError {
    /// The folder is missing or nothing can be written there.
    #[error("choose a folder: {} {problem}", .path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The target, or the file that it is made in, is a symbolic link.
    #[error("refusing a symlink: {}", .0.display())]
    Symlink(PathBuf),
    /// `-o` names a file of another kind than `--container` makes.
    #[error("{}: the name does not fit the container, which needs {wanted}", .path.display())]
    Extension {
        /// As given.
        path: PathBuf,
        /// The extensions that fit.
        wanted: &'static str,
    },
    /// Thousands of files of this name.
    #[error("no free name for {stem:?} in {}", .folder.display())]
    NoFreeName {
        /// The folder.
        folder: PathBuf,
        /// The name.
        stem: String,
    },
    /// No more bytes fit on the disk.
    #[error("the disk is full: {}", .0.display())]
    Full(PathBuf),
    /// Another file error.
    #[error("{}: {source}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl Coded for OutputError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Folder { .. } => ErrorCode::OutputFolder,
            Self::Symlink(_) => ErrorCode::SymlinkRefused,
            Self::Extension { .. } => ErrorCode::Usage,
            Self::Full(_) => ErrorCode::DiskFull,
            Self::NoFreeName { .. } | Self::File { .. } => ErrorCode::File,
        }
    }
}

impl OutputError {
    pub(crate) fn at(path: &Path, source: io::Error) -> Self {
        if is_full(&source) {
            Self::Full(path.to_owned())
        } else {
            Self::File {
                path: path.to_owned(),
                source,
            }
        }
    }
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
    /// [`OutputError::Extension`]; [`OutputError::Folder`] when the path names no file.
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
        let first = Slot {
            target: self.clone(),
            counter: 1,
        };
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
        let first = Slot {
            target: self.clone(),
            counter: 1,
        };
        refuse_symlink(&first.whole())?;
        refuse_symlink(&first.part())?;
        let target = self.clone();
        Ok((1..=MAX_COUNTER)
            .map(move |counter| Slot {
                target: target.clone(),
                counter,
            })
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

impl Slot {
    /// Where to write.
    #[must_use]
    pub fn part(&self) -> PathBuf {
        self.target.folder.join(format!("{}{PART_SUFFIX}", self.name()))
    }

    /// Gives the whole file its name: data to the disk first, then the name, then the folder. The next
    /// free name is taken when another file got this one in the meantime, or when the content asks for another. Each name
    /// is announced before it is tried.
    ///
    /// # Errors
    /// [`OutputError`]; the file keeps its `.part` name then.
    pub fn publish(&self, content: Content, mut announce: impl FnMut(&Path)) -> Result<PathBuf, OutputError> {
        let part = self.part();
        sync_tree(&part).map_err(|error| OutputError::at(&part, error))?;
        let target = self.target.clone().of(content);
        let first = if target == self.target { self.counter } else { 1 };
        for counter in first..=MAX_COUNTER {
            let whole = Self {
                target: target.clone(),
                counter,
            }
            .whole();
            announce(&whole);
            match rename_without_replacing(&part, &whole) {
                Ok(()) => {
                    sync_folder(&self.target.folder)
                        .map_err(|error| OutputError::at(&self.target.folder, error))?;
                    return Ok(whole);
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(OutputError::at(&whole, error)),
            }
        }
        Err(self.target.no_free_name())
    }

    /// Brings what was written to the disk.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn sync(&self) -> io::Result<()> {
        sync_tree(&self.part())
    }

    /// How many bytes were written; [`u64::MAX`] where that cannot be known, and of anything but files.
    #[must_use]
    pub fn written(&self) -> u64 {
        bytes_of(&self.part())
    }

    /// Removes what was written.
    pub fn discard(&self) {
        let part = self.part();
        let removed = match fs::symlink_metadata(&part) {
            Ok(found) if found.is_dir() => fs::remove_dir_all(&part),
            Ok(_) => fs::remove_file(&part),
            Err(error) => Err(error),
        };
        if let Err(error) = removed
            && error.kind() != ErrorKind::NotFound
        {
            tracing::warn!("cannot remove {}: {error}", part.display());
        }
    }

    fn whole(&self) -> PathBuf {
        self.target.folder.join(self.name())
    }

    fn name(&self) -> String {
        let Target { stem, extension, .. } = &self.target;
        numbered(stem, extension, self.counter)
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

fn refuse_symlink(path: &Path) -> Result<(), OutputError> {
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

/// Brings a file, or a folder and the files in it, to the disk.
fn sync_tree(path: &Path) -> io::Result<()> {
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
        let _ = (one, other);
        false
    }
}

/// The size of a file, or of all files of a folder. What cannot be looked at is too large for anything.
fn bytes_of(path: &Path) -> u64 {
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
fn sync_folder(path: &Path) -> io::Result<()> {
    if cfg!(unix) {
        fs::File::open(path)?.sync_all()
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn row_77_symlinks_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let target = Target::titled(folder.path(), Some("film"), Container::Mp4);
        for name in ["film.mp4", "film.mp4.part"] {
            let link = folder.path().join(name);
            std::os::unix::fs::symlink("/nowhere", &link).unwrap();
            assert_eq!(target.check().unwrap_err().code(), ErrorCode::SymlinkRefused);
            let error = target.slots().err().unwrap();
            assert_eq!(
                error.to_string(),
                format!("refusing a symlink: {}", link.display())
            );
            fs::remove_file(link).unwrap();
        }
        target.check().unwrap();
    }

    #[test]
    fn row_78_clashes_get_a_suffix() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("FILM e\u{301}.mp4"), "nfd, upper case").unwrap();
        fs::write(folder.path().join("film é (2).mp4.part"), "another job").unwrap();
        let target = Target::titled(folder.path(), Some("film é"), Container::Mp4);
        let slot = target.slots().unwrap().next().unwrap();
        assert_eq!(slot.name(), "film é (3).mp4");
    }

    #[test]
    fn publishing_never_replaces() {
        let folder = tempfile::tempdir().unwrap();
        let target = Target::titled(folder.path(), Some("film"), Container::Mp4);
        let slot = target.slots().unwrap().next().unwrap();
        fs::write(slot.part(), "new").unwrap();
        fs::write(folder.path().join("film.mp4"), "came in between").unwrap();
        let published = slot.publish(Content::Picture, |_| {}).unwrap();
        assert_eq!(published, folder.path().join("film (2).mp4"));
        assert_eq!(fs::read(published).unwrap(), b"new");
        assert_eq!(
            fs::read(folder.path().join("film.mp4")).unwrap(),
            b"came in between"
        );
        assert!(!slot.part().exists());
    }

    #[test]
    fn sound_alone_is_an_m4a_unless_the_user_says_otherwise() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("song.m4a"), "another").unwrap();
        let publish = |target: Target| {
            let slot = target.slots().unwrap().next().unwrap();
            fs::write(slot.part(), "new").unwrap();
            slot.publish(Content::Sound, |_| {}).unwrap()
        };
        let titled = || Target::titled(folder.path(), Some("song"), Container::Mp4);
        assert_eq!(publish(titled()), folder.path().join("song (2).m4a"));
        let known = titled().of(Content::Sound);
        assert_eq!(publish(known), folder.path().join("song (3).m4a"));
        let named = folder.path().join("song.mp4");
        assert_eq!(publish(Target::named(&named, Container::Mp4).unwrap()), named);
    }

    #[test]
    fn a_folder_of_segments_is_published_whole() {
        let folder = tempfile::tempdir().unwrap();
        let target = Target::titled(folder.path(), Some("film"), Container::Segments);
        let slot = target.slots().unwrap().next().unwrap();
        fs::create_dir(slot.part()).unwrap();
        fs::write(slot.part().join("0.ts"), "x").unwrap();
        fs::create_dir(folder.path().join("film")).unwrap();
        let published = slot.publish(Content::Sound, |_| {}).unwrap();
        assert_eq!(published, folder.path().join("film (2)"));
        assert_eq!(fs::read(folder.path().join("film (2)/0.ts")).unwrap(), b"x");
    }

    #[test]
    fn a_missing_folder_is_refused() {
        let target = Target::titled(Path::new("/no/such"), Some("film"), Container::Mp4);
        assert!(
            target
                .check()
                .unwrap_err()
                .to_string()
                .starts_with("choose a folder: /no/such")
        );
    }

    #[test]
    fn a_named_file_keeps_its_name() {
        let check = |path: &str, container| {
            Target::named(Path::new(path), container)
                .map(|target| Slot { target, counter: 1 }.whole().display().to_string())
                .map_err(|error| error.code())
        };
        assert_eq!(check("/tmp/-x.M4V", Container::Mp4), Ok("/tmp/-x.M4V".to_owned()));
        assert_eq!(check("x", Container::Mp4), Ok("./x.mp4".to_owned()));
        assert_eq!(check("/tmp/x", Container::Segments), Ok("/tmp/x".to_owned()));
        assert_eq!(check("/tmp/x", Container::Mkv), Ok("/tmp/x.mkv".to_owned()));
        assert_eq!(check("/tmp/x.mka", Container::Mkv), Ok("/tmp/x.mka".to_owned()));
        assert_eq!(check("/tmp/x.mp4", Container::Mkv), Err(ErrorCode::Usage));
        assert_eq!(check("/tmp/x.avi", Container::Mp4), Err(ErrorCode::Usage));
        assert_eq!(check("/tmp/x.mp4", Container::Ts), Err(ErrorCode::Usage));
    }
}
