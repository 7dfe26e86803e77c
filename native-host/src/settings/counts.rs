//! How many segments and jobs at a time.

use super::SettingsError;

/// Most segments in flight at a time: more helps nobody and gets one banned.
pub const MAX_CONCURRENCY: u8 = 64;

/// Most segments in flight unless the settings say otherwise. How many a host is really asked for is found out.
const DEFAULT_CONCURRENCY: u8 = 32;

/// Most jobs that fetch at a time: each keeps up to 64 MiB of segments in memory.
pub const MAX_JOBS_AT_ONCE: u8 = 8;

/// Jobs that fetch at a time unless the settings say otherwise.
const DEFAULT_JOBS_AT_ONCE: u8 = 4;

/// How many segments are in flight at a time, at most: 1 to [`MAX_CONCURRENCY`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Concurrency(pub(super) u8);

/// How many jobs fetch at a time: 1 to [`MAX_JOBS_AT_ONCE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobsAtOnce(pub(super) u8);

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
