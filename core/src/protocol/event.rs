//! What the host tells: answers to requests, and what happens to jobs. The job events are also the
//! lines of `weir get --json`.

use serde::{Deserialize, Serialize};

use super::code::ErrorCode;
use super::history::Capture;
use super::ids::{JobId, MediaSequence, RequestId, TrackKind};
use super::request::WhenBrowserCloses;
use crate::url::AbsoluteUrl;

/// One frame from the host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Event {
    /// Answers `hello`.
    Hello {
        /// The request.
        re: RequestId,
        /// [`super::VERSION`] of the host.
        protocol: u32,
        /// The host's own version, for people.
        host_version: String,
        /// `linux`, `macos` or `windows`.
        platform: String,
        /// Longest frame that the host reads, in bytes.
        max_frame_bytes: u32,
        /// Most jobs at a time.
        max_jobs: u32,
    },
    /// The request was carried out.
    Done {
        /// The request.
        re: RequestId,
    },
    /// The request was not carried out, or, with `re` null, a frame could not be read at all.
    Error {
        /// The request, where it could be told.
        re: Option<RequestId>,
        /// Why.
        error: Failure,
    },
    /// Answers `jobs`.
    Jobs {
        /// The request.
        re: RequestId,
        /// Running jobs first, then finished ones, newest first; at most [`super::limits::MAX_JOBS`] finished ones.
        jobs: Vec<JobStatus>,
    },
    /// Answers `history`.
    History {
        /// The request.
        re: RequestId,
        /// The newest first; at most [`super::limits::MAX_HISTORY`].
        captures: Vec<Capture>,
    },
    /// Answers `settings`.
    Settings {
        /// The request.
        re: RequestId,
        /// The settings as they are now.
        settings: Settings,
    },
    /// Answers `exampleName`.
    ExampleName {
        /// The request.
        re: RequestId,
        /// What such a file is called, while no other has that name.
        name: String,
    },
    /// The server refuses a running job's links: they have expired. The job waits for
    /// [`super::Request::Refreshed`] or [`super::Request::RefreshFailed`], for half a minute. Sent to an extension only that
    /// said in `hello` that it answers.
    Refresh {
        /// The job.
        job: JobId,
        /// Index of the plan's track.
        track: u32,
        /// The track's playlist, as the job knows it.
        playlist: AbsoluteUrl,
        /// The segment that was refused.
        sequence: MediaSequence,
        /// The HTTP status: 403 or 410.
        status: u16,
    },
    /// A job goes on. Only the latest counts; the host leaves out what the browser is too slow for.
    Progress(Progress),
    /// A job has ended. Never left out.
    Finished(Finished),
}

/// An error as it is sent: the code decides the words that people read, the message is for details.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// What went wrong.
    pub code: ErrorCode,
    /// What, where, and what to do next; without secrets.
    pub message: String,
}

/// How far a job is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// The job; null on the command line, where there is only one.
    pub job: Option<JobId>,
    /// What it is doing.
    pub state: JobState,
    /// Segments merged, out of all.
    pub segments: SegmentCounts,
    /// Bytes received so far, as they came over the wire.
    #[cfg_attr(feature = "typescript", ts(type = "number"))]
    pub bytes: u64,
    /// Recent speed.
    pub bytes_per_second: f64,
    /// Seconds left at this speed, null when unknown.
    pub eta_seconds: Option<f64>,
    /// How much of a live stream is recorded; null for a stream that has an end.
    #[serde(default)]
    pub recorded_seconds: Option<f64>,
}

/// What a job is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    /// Waiting for its turn.
    Queued,
    /// Fetching and merging.
    Running,
    /// Writing the index, checking the result.
    Finishing,
    /// Over: see the verdict.
    Finished,
}

/// Segment counters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct SegmentCounts {
    /// In the plan; of a live stream those that were listed so far.
    #[cfg_attr(feature = "typescript", ts(type = "number"))]
    pub total: u64,
    /// Received and merged.
    #[cfg_attr(feature = "typescript", ts(type = "number"))]
    pub fetched: u64,
    /// Tries beyond the first.
    #[cfg_attr(feature = "typescript", ts(type = "number"))]
    pub retried: u64,
}

/// How a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Every segment and every sample is in the file.
    Complete,
    /// Playable, with the gaps that are listed.
    Incomplete,
    /// Not finished; the error says why.
    Failed,
    /// Stopped by the user.
    Cancelled,
}

/// The end of a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Finished {
    /// The job; null on the command line.
    pub job: Option<JobId>,
    /// How it ended.
    pub verdict: Verdict,
    /// The absolute path of the file (of the folder, for segments); null when nothing usable was written.
    pub output: Option<String>,
    /// The output's size.
    #[cfg_attr(feature = "typescript", ts(type = "number"))]
    pub bytes: u64,
    /// How long it plays.
    pub duration_seconds: f64,
    /// What is in it.
    pub tracks: Vec<TrackSummary>,
    /// What a person should know though the output is whole, one sentence each, in English.
    pub warnings: Vec<String>,
    /// Segment counters.
    pub segments: SegmentCounts,
    /// What is missing.
    pub gaps: Vec<Gap>,
    /// Why it is not complete; null when it is.
    pub error: Option<Failure>,
}

/// One track of the output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct TrackSummary {
    /// What it carries.
    pub kind: TrackKind,
    /// RFC 6381 codec string, such as `avc1.64001f`.
    pub codec: String,
    /// Samples (access units) written; PES packets of a transport stream.
    #[cfg_attr(feature = "typescript", ts(type = "number"))]
    pub samples: u64,
    /// BCP 47 tag, where known.
    pub language: Option<String>,
}

/// A segment that is not in the output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Gap {
    /// Index of the plan's track.
    pub track: u32,
    /// The segment.
    pub sequence: MediaSequence,
    /// Where it would be in the output.
    pub start_seconds: f64,
    /// How long it would be.
    pub duration_seconds: f64,
}

/// A job as the host remembers it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct JobStatus {
    /// Which one.
    pub job: JobId,
    /// The title it was started with.
    pub title: Option<String>,
    /// Its latest progress.
    pub progress: Progress,
    /// Its end, once there.
    pub finished: Option<Finished>,
}

/// The host's settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    /// The absolute path of the folder that files go to.
    pub output_folder: String,
    /// Segments in flight at a time.
    pub concurrency: u32,
    /// What becomes of captures.
    pub when_browser_closes: WhenBrowserCloses,
    /// How files are named.
    pub name_template: String,
    /// The fastest that all jobs together fetch; 0 for as fast as they can.
    pub limit_bytes_per_second: u32,
    /// Jobs that fetch at a time.
    pub jobs_at_once: u32,
}
