//! The file that the settings are in, and what it may look like.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use toml::Table;
use weir_core::protocol::SettingsChange;

use super::{Loaded, Settings, SettingsError, project_folders, table};

/// Where the settings are.
#[derive(Debug, Clone)]
pub struct SettingsFile {
    path: PathBuf,
}

impl SettingsFile {
    /// `settings.toml` in the user's configuration folder (`$XDG_CONFIG_HOME/weir` on Linux).
    ///
    /// # Errors
    /// [`SettingsError::NoHome`].
    pub fn of_the_user() -> Result<Self, SettingsError> {
        let folders = project_folders().ok_or(SettingsError::NoHome)?;
        Ok(Self::at(folders.config_dir().join("settings.toml")))
    }

    /// Settings in any file.
    #[must_use]
    pub fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the settings; a missing file is one that sets nothing. The default output folder is made
    /// when it is not there; one that the user chose has to be there.
    ///
    /// # Errors
    /// [`SettingsError`] naming the line or the key.
    pub fn load(&self) -> Result<Loaded, SettingsError> {
        let table = self.read()?;
        let warnings = table::unknown(&table)
            .map(|key| format!("{}: unknown key {key:?} is ignored", self.path.display()))
            .collect();
        Ok(Loaded {
            settings: table::read(&table)?,
            warnings,
        })
    }

    /// Changes what `change` holds, checks the result and writes it.
    ///
    /// # Errors
    /// [`SettingsError`]; nothing is written then.
    pub fn change(&self, change: &SettingsChange) -> Result<Settings, SettingsError> {
        let mut table = self.read()?;
        table::apply(change, &mut table);
        let settings = table::read(&table)?;
        self.write(&table.to_string())
            .map_err(|source| SettingsError::File {
                action: "write",
                path: self.path.clone(),
                source,
            })?;
        Ok(settings)
    }

    fn read(&self) -> Result<Table, SettingsError> {
        let text = match fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(source) => {
                return Err(SettingsError::File {
                    action: "read",
                    path: self.path.clone(),
                    source,
                });
            }
        };
        text.parse::<Table>().map_err(|error| {
            let (line, column) = position(&text, error.span().map_or(0, |span| span.start));
            SettingsError::Syntax {
                path: self.path.clone(),
                line,
                column,
                message: error.message().to_owned(),
            }
        })
    }

    /// Through a file beside it and a rename: a crash leaves the old settings or the new ones.
    fn write(&self, text: &str) -> std::io::Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let beside = self.path.with_extension(format!("toml.{}", std::process::id()));
        let mut file = fs::File::create(&beside)?;
        let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
        let moved = written.and_then(|()| fs::rename(&beside, &self.path));
        if moved.is_err() {
            let _ = fs::remove_file(&beside);
        }
        moved
    }
}

/// 1-based line and column (in characters) of a byte of `text`.
fn position(text: &str, byte: usize) -> (usize, usize) {
    let before = text.get(..byte).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    (line, column)
}

#[cfg(test)]
mod tests {
    use weir_core::protocol::{ErrorCode, WhenBrowserCloses};

    use super::super::Concurrency;
    use super::*;
    use crate::error::Coded as _;

    fn file_with(text: &str) -> (tempfile::TempDir, SettingsFile) {
        let folder = tempfile::tempdir().unwrap();
        let file = SettingsFile::at(folder.path().join("weir/settings.toml"));
        fs::create_dir_all(folder.path().join("weir")).unwrap();
        fs::write(file.path(), text).unwrap();
        (folder, file)
    }

    #[track_caller]
    fn check_refused(text: &str, code: ErrorCode, words: &str) {
        let (_folder, file) = file_with(text);
        let error = file.load().unwrap_err();
        assert_eq!(error.code(), code);
        assert!(error.to_string().contains(words), "{error}");
    }

    #[test]
    fn bad_toml_names_line_and_column() {
        check_refused(
            "concurrency = 8\noutput_folder = \n",
            ErrorCode::BadSettings,
            "line 2, column 1",
        );
    }

    #[test]
    fn concurrency_out_of_range() {
        let here = format!("output_folder = {:?}\n", std::env::temp_dir());
        for value in ["0", "65", "1000000", "-1"] {
            check_refused(
                &format!("{here}concurrency = {value}"),
                ErrorCode::BadSettings,
                "1 to 64",
            );
        }
        check_refused(
            &format!("{here}concurrency = \"8\""),
            ErrorCode::BadSettings,
            "concurrency: expected",
        );
    }

    #[test]
    fn folder_relative_or_missing() {
        check_refused(
            "output_folder = \"videos\"",
            ErrorCode::OutputFolder,
            "choose a folder",
        );
        check_refused(
            "output_folder = \"/no/such/folder\"",
            ErrorCode::OutputFolder,
            "choose a folder",
        );
        check_refused(
            "output_folder = \"/etc/passwd\"",
            ErrorCode::OutputFolder,
            "not a folder",
        );
    }

    #[test]
    fn what_becomes_of_captures_is_one_of_two() {
        let here = format!("output_folder = {:?}\n", std::env::temp_dir());
        for value in ["\"stop\"", "true", "\"\""] {
            let text = format!("{here}when_browser_closes = {value}");
            check_refused(
                &text,
                ErrorCode::BadSettings,
                "when_browser_closes: expected \"pause\" or",
            );
        }
        for value in [WhenBrowserCloses::Finish, WhenBrowserCloses::Pause] {
            let (_folder, file) = file_with(&here);
            let change = SettingsChange {
                when_browser_closes: Some(value),
                ..SettingsChange::default()
            };
            assert_eq!(file.change(&change).unwrap().when_browser_closes, value);
            assert_eq!(file.load().unwrap().settings.when_browser_closes, value);
        }
    }

    #[test]
    fn unknown_key_is_a_warning() {
        let (_folder, file) = file_with(&format!("output_folder = {:?}\ncolour = 1", std::env::temp_dir()));
        let loaded = file.load().unwrap();
        assert_eq!(loaded.warnings.len(), 1);
        assert!(loaded.warnings.concat().contains("\"colour\""));
        assert_eq!(loaded.settings.concurrency, Concurrency::default());
    }

    #[test]
    fn names_speed_and_jobs_at_once_out_of_their_range() {
        let here = format!("output_folder = {:?}\n", std::env::temp_dir());
        for (text, words) in [
            ("name_template = \"{titel}\"", "no field \"titel\""),
            ("name_template = 7", "name_template: expected a template"),
            ("limit_rate = -1", "bytes per second, 0 for no limit"),
            ("limit_rate = \"2M\"", "limit_rate: expected bytes per second"),
            ("jobs_at_once = 9", "1 to 8"),
        ] {
            check_refused(&format!("{here}{text}"), ErrorCode::BadSettings, words);
        }
    }

    #[test]
    fn change_is_checked_written_and_keeps_the_rest() {
        let (folder, file) = file_with("colour = 1");
        let chosen = folder.path().to_str().unwrap().to_owned();
        let change = SettingsChange {
            output_folder: Some(chosen.clone()),
            concurrency: Some(3),
            name_template: Some("{date} {title}".to_owned()),
            limit_bytes_per_second: Some(2_000_000),
            jobs_at_once: Some(2),
            ..SettingsChange::default()
        };
        file.change(&change).unwrap();
        let refused = SettingsChange {
            concurrency: Some(65),
            ..SettingsChange::default()
        };
        file.change(&refused).unwrap_err();
        let loaded = file.load().unwrap();
        assert_eq!(loaded.settings.output_folder, Path::new(&chosen));
        assert_eq!(loaded.settings.concurrency.get(), 3);
        assert_eq!(loaded.settings.name_template.to_string(), "{date} {title}");
        assert_eq!(loaded.settings.limit_rate.unwrap().get(), 2_000_000);
        assert_eq!(loaded.settings.jobs_at_once.get(), 2);
        assert_eq!(loaded.warnings.len(), 1);
        assert_eq!(
            fs::read_dir(folder.path().join("weir")).unwrap().count(),
            1,
            "nothing is left beside it"
        );
    }
}
