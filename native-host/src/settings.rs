//! What the user set: the output folder, how files are named, how many segments and jobs at a time and how fast, what becomes of captures
//! without the browser.
//! One small TOML file in the user's configuration folder, written whole or not at all.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use directories::{ProjectDirs, UserDirs};
use toml::{Table, Value};
use weir_core::protocol::{ErrorCode, SettingsChange, WhenBrowserCloses};

use crate::error::Coded;
use crate::fetch::BytesPerSecond;
use crate::output_path::{NameTemplate, SubfolderError, TemplateError};

/// Most segments in flight at a time: more helps nobody and gets one banned.
pub const MAX_CONCURRENCY: u8 = 64;

/// Most segments in flight unless the settings say otherwise. How many a host is really asked for is found out.
const DEFAULT_CONCURRENCY: u8 = 32;

const OUTPUT_FOLDER: &str = "output_folder";
const CONCURRENCY: &str = "concurrency";
const WHEN_BROWSER_CLOSES: &str = "when_browser_closes";
const NAME_TEMPLATE: &str = "name_template";
const LIMIT_RATE: &str = "limit_rate";
const JOBS_AT_ONCE: &str = "jobs_at_once";

/// All of them.
const KEYS: [&str; 6] = [
    OUTPUT_FOLDER,
    CONCURRENCY,
    WHEN_BROWSER_CLOSES,
    NAME_TEMPLATE,
    LIMIT_RATE,
    JOBS_AT_ONCE,
];

/// Most jobs that fetch at a time: each keeps up to 64 MiB of segments in memory.
pub const MAX_JOBS_AT_ONCE: u8 = 8;

/// Jobs that fetch at a time unless the settings say otherwise.
const DEFAULT_JOBS_AT_ONCE: u8 = 4;

/// How many segments are in flight at a time, at most: 1 to [`MAX_CONCURRENCY`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Concurrency(u8);

/// How many jobs fetch at a time: 1 to [`MAX_JOBS_AT_ONCE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobsAtOnce(u8);

/// What the user set, every value checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// An absolute folder that exists.
    pub output_folder: PathBuf,
    /// Segments in flight at a time, at most.
    pub concurrency: Concurrency,
    /// What becomes of captures under way.
    pub when_browser_closes: WhenBrowserCloses,
    /// How files are named.
    pub name_template: NameTemplate,
    /// The fastest that all jobs together fetch; None for as fast as they can.
    pub limit_rate: Option<BytesPerSecond>,
    /// Jobs of a browser that fetch at a time; live recordings do not count.
    pub jobs_at_once: JobsAtOnce,
}

/// Settings as they were read, and what was passed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// The settings in force.
    pub settings: Settings,
    /// One for each key that means nothing here.
    pub warnings: Vec<String>,
}

/// Where the settings are.
#[derive(Debug, Clone)]
pub struct SettingsFile {
    path: PathBuf,
}

/// Why settings cannot be read or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// No home folder.
    #[error("no home folder is known: set HOME")]
    NoHome,
    /// The file is no TOML.
    #[error("{}: line {line}, column {column}: {message}; correct or delete the file", .path.display())]
    Syntax {
        /// The settings file.
        path: PathBuf,
        /// 1-based.
        line: usize,
        /// 1-based, in characters.
        column: usize,
        /// What the TOML reader says.
        message: String,
    },
    /// A key holds a value of another type.
    #[error("{key}: expected {expected}")]
    Type {
        /// The key.
        key: &'static str,
        /// What it takes.
        expected: &'static str,
    },
    /// Concurrency out of its range.
    #[error("concurrency {0}: it is 1 to 64")]
    Concurrency(i64),
    /// Jobs at once out of their range.
    #[error("jobs at once {0}: it is 1 to {MAX_JOBS_AT_ONCE}")]
    JobsAtOnce(i64),
    /// A speed below 0.
    #[error("limit rate {0}: it is bytes per second, 0 for no limit")]
    LimitRate(i64),
    /// The template of file names is none.
    #[error(transparent)]
    NameTemplate(#[from] TemplateError),
    /// A folder in the output folder that is none.
    #[error(transparent)]
    Subfolder(#[from] SubfolderError),
    /// The output folder is relative, missing, or no folder.
    #[error("choose a folder: {} {problem}", .path.display())]
    Folder {
        /// As it was given.
        path: PathBuf,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The file cannot be read or written.
    #[error("cannot {action} {}: {source}", .path.display())]
    File {
        /// `read` or `write`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

impl Coded for SettingsError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Folder { .. } => ErrorCode::OutputFolder,
            Self::File { .. } => ErrorCode::File,
            Self::NoHome
            | Self::Syntax { .. }
            | Self::Type { .. }
            | Self::Concurrency(_)
            | Self::JobsAtOnce(_)
            | Self::LimitRate(_)
            | Self::NameTemplate(_)
            | Self::Subfolder(_) => ErrorCode::BadSettings,
        }
    }
}

impl Concurrency {
    /// Checks the range.
    ///
    /// # Errors
    /// [`SettingsError::Concurrency`] outside 1 to 64.
    pub fn new(value: i64) -> Result<Self, SettingsError> {
        match u8::try_from(value) {
            Ok(count @ 1..=MAX_CONCURRENCY) => Ok(Self(count)),
            _ => Err(SettingsError::Concurrency(value)),
        }
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> usize {
        usize::from(self.0)
    }
}

impl JobsAtOnce {
    /// Checks the range.
    ///
    /// # Errors
    /// [`SettingsError::JobsAtOnce`] outside 1 to [`MAX_JOBS_AT_ONCE`].
    pub fn new(value: i64) -> Result<Self, SettingsError> {
        match u8::try_from(value) {
            Ok(count @ 1..=MAX_JOBS_AT_ONCE) => Ok(Self(count)),
            _ => Err(SettingsError::JobsAtOnce(value)),
        }
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> usize {
        usize::from(self.0)
    }
}

impl Default for JobsAtOnce {
    fn default() -> Self {
        Self(DEFAULT_JOBS_AT_ONCE)
    }
}

impl Default for Concurrency {
    fn default() -> Self {
        Self(DEFAULT_CONCURRENCY)
    }
}

impl std::str::FromStr for Concurrency {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse()
            .ok()
            .and_then(|value| Self::new(value).ok())
            .ok_or_else(|| format!("{text:?}: it is 1 to {MAX_CONCURRENCY}"))
    }
}

impl Settings {
    /// As the port sends them.
    #[must_use]
    pub fn to_message(&self) -> weir_core::protocol::Settings {
        weir_core::protocol::Settings {
            output_folder: self.output_folder.to_string_lossy().into_owned(),
            concurrency: u32::from(self.concurrency.0),
            when_browser_closes: self.when_browser_closes,
            name_template: self.name_template.to_string(),
            // What is faster than a port can say is no limit.
            limit_bytes_per_second: self
                .limit_rate
                .and_then(|limit| u32::try_from(limit.get()).ok())
                .unwrap_or_default(),
            jobs_at_once: u32::from(self.jobs_at_once.0),
        }
    }
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
        let warnings = table
            .keys()
            .filter(|key| !KEYS.contains(&key.as_str()))
            .map(|key| format!("{}: unknown key {key:?} is ignored", self.path.display()))
            .collect();
        Ok(Loaded {
            settings: from_table(&table)?,
            warnings,
        })
    }

    /// Changes what `change` holds, checks the result and writes it.
    ///
    /// # Errors
    /// [`SettingsError`]; nothing is written then.
    pub fn change(&self, change: &SettingsChange) -> Result<Settings, SettingsError> {
        let mut table = self.read()?;
        if let Some(folder) = &change.output_folder {
            table.insert(OUTPUT_FOLDER.to_owned(), Value::String(folder.clone()));
        }
        if let Some(concurrency) = change.concurrency {
            table.insert(CONCURRENCY.to_owned(), Value::Integer(i64::from(concurrency)));
        }
        if let Some(Ok(chosen)) = change.when_browser_closes.map(Value::try_from) {
            table.insert(WHEN_BROWSER_CLOSES.to_owned(), chosen);
        }
        if let Some(limit) = change.limit_bytes_per_second {
            table.insert(LIMIT_RATE.to_owned(), Value::Integer(i64::from(limit)));
        }
        if let Some(count) = change.jobs_at_once {
            table.insert(JOBS_AT_ONCE.to_owned(), Value::Integer(i64::from(count)));
        }
        if let Some(template) = &change.name_template {
            table.insert(NAME_TEMPLATE.to_owned(), Value::String(template.clone()));
        }
        let settings = from_table(&table)?;
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

/// The folders that belong to Weir; None without a home.
pub(crate) fn project_folders() -> Option<ProjectDirs> {
    ProjectDirs::from("io.github", "weir-hls", "weir")
}

/// Where data of the user goes that is no setting.
pub(crate) fn data_folder() -> Option<PathBuf> {
    Some(project_folders()?.data_local_dir().to_owned())
}

fn from_table(table: &Table) -> Result<Settings, SettingsError> {
    let output_folder = match table.get(OUTPUT_FOLDER) {
        Some(Value::String(folder)) => chosen_folder(Path::new(folder))?,
        Some(_) => {
            return Err(SettingsError::Type {
                key: OUTPUT_FOLDER,
                expected: "a path in quotes",
            });
        }
        None => default_folder()?,
    };
    let concurrency = match whole(table, CONCURRENCY, "a whole number, 1 to 64")? {
        Some(value) => Concurrency::new(value)?,
        None => Concurrency::default(),
    };
    Ok(Settings {
        output_folder,
        concurrency,
        when_browser_closes: when_browser_closes(table)?,
        name_template: name_template(table)?,
        limit_rate: limit_rate(table)?,
        jobs_at_once: match whole(table, JOBS_AT_ONCE, "a whole number, 1 to 8")? {
            Some(value) => JobsAtOnce::new(value)?,
            None => JobsAtOnce::default(),
        },
    })
}

fn limit_rate(table: &Table) -> Result<Option<BytesPerSecond>, SettingsError> {
    match whole(
        table,
        LIMIT_RATE,
        "bytes per second, a whole number; 0 for no limit",
    )? {
        Some(value) => match u64::try_from(value) {
            Ok(bytes) => Ok(BytesPerSecond::new(bytes)),
            Err(_) => Err(SettingsError::LimitRate(value)),
        },
        None => Ok(None),
    }
}

fn whole(table: &Table, key: &'static str, expected: &'static str) -> Result<Option<i64>, SettingsError> {
    match table.get(key) {
        Some(Value::Integer(value)) => Ok(Some(*value)),
        Some(_) => Err(SettingsError::Type { key, expected }),
        None => Ok(None),
    }
}

fn name_template(table: &Table) -> Result<NameTemplate, SettingsError> {
    match table.get(NAME_TEMPLATE) {
        Some(Value::String(template)) => Ok(template.parse()?),
        Some(_) => Err(SettingsError::Type {
            key: NAME_TEMPLATE,
            expected: "a template in quotes, such as \"{title}\"",
        }),
        None => Ok(NameTemplate::default()),
    }
}

fn when_browser_closes(table: &Table) -> Result<WhenBrowserCloses, SettingsError> {
    let Some(written) = table.get(WHEN_BROWSER_CLOSES) else {
        return Ok(WhenBrowserCloses::default());
    };
    written.clone().try_into().map_err(|_| SettingsError::Type {
        key: WHEN_BROWSER_CLOSES,
        expected: "\"pause\" or \"finish\"",
    })
}

fn chosen_folder(path: &Path) -> Result<PathBuf, SettingsError> {
    let refuse = |problem| {
        Err(SettingsError::Folder {
            path: path.to_owned(),
            problem,
        })
    };
    if !path.is_absolute() {
        return refuse("is not an absolute path");
    }
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => Ok(path.to_owned()),
        Ok(_) => refuse("is not a folder"),
        Err(_) => refuse("is not there"),
    }
}

/// `Weir` in the user's download folder, which is `~/Downloads` where the desktop names none.
fn default_folder() -> Result<PathBuf, SettingsError> {
    let user = UserDirs::new().ok_or(SettingsError::NoHome)?;
    let downloads = user
        .download_dir()
        .map_or_else(|| user.home_dir().join("Downloads"), Path::to_owned);
    let folder = downloads.join("Weir");
    fs::create_dir_all(&folder).map_err(|_| SettingsError::Folder {
        path: folder.clone(),
        problem: "cannot be made",
    })?;
    Ok(folder)
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
    use super::*;

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
