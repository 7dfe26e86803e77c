//! File names from page titles, and files that never replace another.
//!
//! A job writes to `NAME.mp4.part` and gets its name when it is whole. The page's title is a wish: what
//! becomes of it is decided here, by the rules of the strictest file system (Windows), so that a
//! file can be moved anywhere.

mod beside;
mod episode;
mod error;
mod files;
mod replacement;
mod slot;
mod subfolder;
mod target;
mod template;
mod title;

pub use beside::Beside;
pub use error::OutputError;
pub(crate) use files::{bytes_of, is_same_file, rename_without_replacing};
pub use replacement::Replacement;
pub use slot::Slot;
pub use subfolder::{Subfolder, SubfolderError};
pub use target::{Content, Target};
pub(crate) use target::{folded, numbered};
pub use template::{NameFields, NameTemplate, TemplateError};

pub(crate) use title::stem_from_title;

/// Longest file name, in bytes (ext4, APFS, NTFS: 255).
const MAX_NAME_BYTES: usize = 255;

/// What is added to a name while its file is not whole.
const PART_SUFFIX: &str = ".part";

/// Highest number that is tried when a name is taken.
const MAX_COUNTER: u32 = 9_999;

/// Room kept for ` (9999)`.
const COUNTER_BYTES: usize = 7;

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use weir_core::protocol::{Container, ErrorCode};

    use super::*;
    use crate::error::Coded as _;

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
                .map(|target| Slot::new(target, 1).whole().display().to_string())
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
