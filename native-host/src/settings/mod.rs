//! What the user set: the output folder, how files are named, how many segments and jobs at a time and how fast, what becomes of captures
//! without the browser.
//! One small TOML file in the user's configuration folder, written whole or not at all.

mod counts;
mod error;
mod file;
mod table;

use std::path::PathBuf;

use directories::ProjectDirs;
use weir_core::protocol::WhenBrowserCloses;

pub use self::counts::{Concurrency, JobsAtOnce, MAX_CONCURRENCY, MAX_JOBS_AT_ONCE};
pub use self::error::SettingsError;
pub use self::file::SettingsFile;
use crate::fetch::BytesPerSecond;
use crate::output_path::NameTemplate;

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

/// The folders that belong to Weir; None without a home.
pub(crate) fn project_folders() -> Option<ProjectDirs> {
    ProjectDirs::from("io.github", "weir-hls", "weir")
}

/// Where data of the user goes that is no setting.
pub(crate) fn data_folder() -> Option<PathBuf> {
    Some(project_folders()?.data_local_dir().to_owned())
}
