//! What `weir doctor --json` prints: what was looked at, and where something is wrong, what to do about it.
//! Every field is always there, null where it means nothing.

use serde::Serialize;

/// The one object that `weir doctor --json` prints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Examination {
    /// Of the program that looked.
    pub version: String,
    /// In the order in which they were looked at.
    pub findings: Vec<Finding>,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// How it is.
    pub state: FindingState,
    /// Stable word for what was found.
    pub code: FindingCode,
    /// The browser that it is about, by its short name.
    pub browser: Option<String>,
    /// What was found, for people.
    pub message: String,
    /// Of a problem, what to do; of what was mended, what was done.
    pub cure: Option<String>,
}

/// How a thing is that was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FindingState {
    /// As it should be.
    Ok,
    /// It works, but something is worth knowing.
    Note,
    /// It does not work.
    Problem,
    /// It did not work, and does now.
    Mended,
}

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FindingCode {
    /// A browser finds the program.
    Registered,
    /// A browser finds another copy of the program, of the same version.
    OtherCopy,
    /// There is no browser that Weir knows.
    NoBrowser,
    /// A browser has no manifest of the host.
    NotRegistered,
    /// The manifest cannot be read.
    ManifestUnreadable,
    /// The manifest is not one of this host.
    ManifestBroken,
    /// The manifest lets another extension in, and Weir's not.
    WrongExtension,
    /// The program is not where the manifest says.
    ProgramMissing,
    /// The system does not start what the manifest names.
    ProgramNotExecutable,
    /// What the manifest names does not say that it is Weir.
    ProgramForeign,
    /// The browser starts another version than this one.
    VersionMismatch,
    /// Another user could change the manifest or the program.
    UnsafePermissions,
    /// The browser is in a sandbox that keeps programs from it.
    SandboxedBrowser,
    /// The settings cannot be read, or hold what means nothing.
    Settings,
    /// Where captures go.
    OutputFolder,
    /// Where the journal of captures is.
    Journal,
    /// Where settings and log are.
    Files,
}
