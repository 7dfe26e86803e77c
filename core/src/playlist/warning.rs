//! What was read around.

/// One thing that the reader had to work around.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// 1-based; None for the whole playlist.
    pub line: Option<usize>,
    /// Stable word.
    pub code: WarningCode,
    /// For people, with the offending value where it is no secret.
    pub message: String,
}

/// Stable words for warnings; kebab-case in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WarningCode {
    /// More warnings were dropped.
    MoreWarnings,
}
