//! What the host's journal keeps of captures, beyond the life of a host.

use serde::{Deserialize, Serialize};

use super::event::{Finished, SegmentCounts};
use super::ids::{CaptureNumber, JobId};

/// A capture of the journal, whoever asked for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Capture {
    /// Its number.
    pub capture: CaptureNumber,
    /// The job that a browser last asked for it with; null for one of the command line.
    pub job: Option<JobId>,
    /// What it saves.
    pub kind: CaptureKind,
    /// How it is.
    pub state: CaptureState,
    /// For people.
    pub title: Option<String>,
    /// The page that it came from, without what may be a secret.
    pub page: Option<String>,
    /// The playlist, without what may be a secret.
    pub source: String,
    /// The media playlist that was chosen of it, without what may be a secret; null for a capture that no browser asked for.
    pub playlist: Option<String>,
    /// The absolute path of the output, finished or not.
    pub output: Option<String>,
    /// When it began, in seconds since 1970.
    #[cfg_attr(feature = "typescript", ts(type = "number"))]
    pub began_epoch_seconds: i64,
    /// When it was last heard of.
    #[cfg_attr(feature = "typescript", ts(type = "number"))]
    pub changed_epoch_seconds: i64,
    /// How far it is.
    pub segments: SegmentCounts,
    /// The output's size.
    #[cfg_attr(feature = "typescript", ts(type = "number"))]
    pub bytes: u64,
    /// The report of its end; null before.
    pub finished: Option<Finished>,
    /// What the host would do with it now.
    pub can: Vec<CaptureAction>,
}

/// What a capture saves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum CaptureKind {
    /// A stream.
    Stream,
    /// Files as they are, in a folder.
    Files,
}

/// What can be asked of the host with a capture's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum CaptureAction {
    /// [`super::Request::RevealCapture`]: its folder is there.
    Reveal,
    /// [`super::Request::OpenCapture`]: its file is the one that was made.
    Open,
    /// [`super::Request::Resume`]: it was interrupted, and the host can ask for it by itself.
    Resume,
    /// [`super::Request::Repair`]: the same, for what it is missing.
    Repair,
}

/// How a capture of the journal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum CaptureState {
    /// A process is at it.
    Running,
    /// It can go on.
    Interrupted,
    /// Whole.
    Complete,
    /// Playable, with gaps.
    Incomplete,
    /// Ended by an error.
    Failed,
    /// Ended by the user.
    Cancelled,
}
