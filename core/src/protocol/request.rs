//! What the extension asks of the host.

use serde::{Deserialize, Serialize};

use super::context::RequestContext;
use super::ids::{CaptureNumber, JobId, RequestId};
use super::plan::CapturePlan;
use crate::url::AbsoluteUrl;

/// One frame from the extension. Every one has an `id`, which its answer repeats as `re`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(
    tag = "type",
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub enum Request {
    /// Comes first, once. Answered by [`super::Event::Hello`], or by an error and the end of the port.
    Hello {
        /// Answer to this.
        id: RequestId,
        /// [`super::VERSION`] of the extension.
        protocol: u32,
        /// The extension's own version, for people.
        extension_version: String,
        /// It answers [`super::Event::Refresh`].
        #[serde(default)]
        refresh: bool,
    },
    /// Starts a job. Answered by `done` once it is accepted; its events follow.
    Start {
        /// Answer to this.
        id: RequestId,
        /// The new job's id, chosen by the extension.
        job: JobId,
        /// What to capture.
        plan: CapturePlan,
        /// How to ask for it.
        #[serde(default)]
        context: RequestContext,
        /// How to write it.
        #[serde(default)]
        options: JobOptions,
    },
    /// Starts a job that saves files as they are, such as the images of a page. Answered by `done` once it is accepted; then
    /// the events of any job: `segments` counts the files, and `output` is the folder that they are in.
    Download {
        /// Answer to this.
        id: RequestId,
        /// The new job's id, chosen by the extension.
        job: JobId,
        /// The wish for the folder's name.
        #[serde(default)]
        title: Option<String>,
        /// The files, at most [`super::limits::MAX_BATCH_FILES`].
        items: Vec<DownloadItem>,
        /// How to ask for them. `page` is where they were found.
        #[serde(default)]
        context: RequestContext,
    },
    /// Cancels a job. Answered by `done`; the job's `finished` follows.
    Cancel {
        /// Answer to this.
        id: RequestId,
        /// Which one.
        job: JobId,
    },
    /// Lets a job that waits for its turn have the next one. Answered by `done`, also for one that does not wait any more.
    Next {
        /// Answer to this.
        id: RequestId,
        /// Which one.
        job: JobId,
    },
    /// Stops a job where it can go on: what was captured is kept, and the same capture goes on with it. Answered by `done`; the
    /// job's `finished` follows.
    Pause {
        /// Answer to this.
        id: RequestId,
        /// Which one.
        job: JobId,
    },
    /// Ends the recording of a live stream in order: what was recorded is finished and kept. Answered by `done`; the job's
    /// `finished` follows.
    Finish {
        /// Answer to this.
        id: RequestId,
        /// Which one.
        job: JobId,
    },
    /// Answers [`super::Event::Refresh`]: the same stream, planned anew. Answered by `done` when the job goes on with it, by
    /// an error when it does not; another plan may follow while the job waits.
    Refreshed {
        /// Answer to this.
        id: RequestId,
        /// Which one.
        job: JobId,
        /// The same capture with links that are good now.
        plan: CapturePlan,
        /// How to ask for it from now on.
        #[serde(default)]
        context: RequestContext,
    },
    /// Answers [`super::Event::Refresh`]: there are no other links. Answered by `done`; the job's `finished` follows.
    RefreshFailed {
        /// Answer to this.
        id: RequestId,
        /// Which one.
        job: JobId,
        /// Why.
        reason: RefreshFailure,
    },
    /// Asks for every job that this host knows. Answered by `jobs`.
    Jobs {
        /// Answer to this.
        id: RequestId,
    },
    /// Shows a finished job's file in the file manager. Answered by `done`.
    Reveal {
        /// Answer to this.
        id: RequestId,
        /// Which one.
        job: JobId,
    },
    /// Asks for the captures of the host's journal. Answered by `history`.
    History {
        /// Answer to this.
        id: RequestId,
    },
    /// Goes on with a capture that was interrupted and that the host can ask for by itself. Answered by `done` once it is
    /// accepted; the events of the job follow.
    Resume {
        /// Answer to this.
        id: RequestId,
        /// The new job's id, chosen by the extension.
        job: JobId,
        /// Which one.
        capture: CaptureNumber,
    },
    /// Fetches what a finished capture is missing, and puts it in its place. Answered as `resume` is.
    Repair {
        /// Answer to this.
        id: RequestId,
        /// The new job's id, chosen by the extension.
        job: JobId,
        /// Which one.
        capture: CaptureNumber,
    },
    /// Strikes a capture out of the journal. Its files stay. Answered by `done`.
    Forget {
        /// Answer to this.
        id: RequestId,
        /// Which one.
        capture: CaptureNumber,
    },
    /// Shows a capture's file in the file manager. Answered by `done`.
    RevealCapture {
        /// Answer to this.
        id: RequestId,
        /// Which one.
        capture: CaptureNumber,
    },
    /// Opens a capture's file, if it is the one that Weir made, with the program that the user has for such files. Answered
    /// by `done`.
    OpenCapture {
        /// Answer to this.
        id: RequestId,
        /// Which one.
        capture: CaptureNumber,
    },
    /// Reads the settings, after changing what `change` holds. Answered by `settings`.
    Settings {
        /// Answer to this.
        id: RequestId,
        /// What to change, if anything.
        #[serde(default)]
        change: Option<SettingsChange>,
    },
    /// Asks what a file would be called: whether a template is one, and how it turns out. Answered by `exampleName`.
    ExampleName {
        /// Answer to this.
        id: RequestId,
        /// The template.
        template: String,
        /// The page's title.
        title: String,
        /// The page.
        page: AbsoluteUrl,
        /// The picture's size: width, height.
        #[serde(default)]
        resolution: Option<(u32, u32)>,
        /// The folder in the output folder.
        #[serde(default)]
        folder: Option<String>,
    },
}

/// Why the extension has no other links for a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "kebab-case")]
pub enum RefreshFailure {
    /// The tab that the stream came from is closed, or shows another page.
    TabGone,
    /// The page plays another stream now.
    OtherStream,
    /// The playlists cannot be read again.
    Unreadable,
}

/// A file of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DownloadItem {
    /// Where it is.
    pub url: AbsoluteUrl,
    /// The wish for its name, without an extension; null for the one in its address.
    #[serde(default)]
    pub name: Option<String>,
}

/// How a job's output is written.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JobOptions {
    /// The container; MP4 by default.
    #[serde(default)]
    pub container: Container,
    /// Segments in flight at a time, 1 to 64; null for the host's setting.
    #[serde(default)]
    pub concurrency: Option<u8>,
    /// How the file is named; null for the host's setting.
    #[serde(default)]
    pub name_template: Option<String>,
    /// The folder in the output folder: names with `/` between them; null for the output folder itself.
    #[serde(default)]
    pub folder: Option<String>,
}

/// The kinds of output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum Container {
    /// One MP4 file.
    #[default]
    Mp4,
    /// One Matroska file.
    Mkv,
    /// One transport stream: the packets of the decrypted segments, with continuous time and counters.
    Ts,
    /// A folder of decrypted segments with a local playlist.
    Segments,
}

/// A change of the host's settings; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SettingsChange {
    /// The absolute path of the folder that files go to.
    #[serde(default)]
    pub output_folder: Option<String>,
    /// Segments in flight at a time, 1 to 64.
    #[serde(default)]
    pub concurrency: Option<u32>,
    /// What becomes of captures.
    #[serde(default)]
    pub when_browser_closes: Option<WhenBrowserCloses>,
    /// How files are named.
    #[serde(default)]
    pub name_template: Option<String>,
    /// The fastest that all jobs together fetch; 0 for as fast as they can.
    #[serde(default)]
    pub limit_bytes_per_second: Option<u32>,
    /// Jobs that fetch at a time, 1 to 8.
    #[serde(default)]
    pub jobs_at_once: Option<u32>,
}

/// What becomes of captures under way when the browser closes the port. A recording ends in either case.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum WhenBrowserCloses {
    /// They stay as they are, and go on when they are asked for again.
    #[default]
    Pause,
    /// The host finishes them in a process of its own.
    Finish,
}
