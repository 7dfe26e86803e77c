//! The keys of the file, and what each may be.

use std::fs;
use std::path::{Path, PathBuf};

use directories::UserDirs;
use toml::{Table, Value};
use weir_core::protocol::{SettingsChange, WhenBrowserCloses};

use super::{Concurrency, JobsAtOnce, Settings, SettingsError};
use crate::fetch::BytesPerSecond;
use crate::output_path::NameTemplate;

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

/// The keys that mean nothing here.
pub(super) fn unknown(table: &Table) -> impl Iterator<Item = &String> {
    table.keys().filter(|key| !KEYS.contains(&key.as_str()))
}

/// Puts what is to be changed in its place; the result is not checked.
pub(super) fn apply(change: &SettingsChange, table: &mut Table) {
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
}

/// The settings that a file holds.
///
/// # Errors
/// [`SettingsError`] naming the key.
pub(super) fn read(table: &Table) -> Result<Settings, SettingsError> {
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
