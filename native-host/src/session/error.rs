//! Why a request is not carried out.

use weir_core::protocol::limits::MAX_JOBS;
use weir_core::protocol::{ErrorCode, JobId, VERSION};

use crate::batch::BatchError;
use crate::error::Coded;
use crate::job::JobError;
use crate::journal::JournalError;
use crate::settings::SettingsError;

/// Why a request is not carried out.
#[derive(Debug, thiserror::Error)]
pub(super) enum RequestError {
    #[error("hello comes first")]
    HelloFirst,
    #[error("hello comes once")]
    HelloOnce,
    #[error("update the host: the extension speaks protocol {0}, this host speaks {VERSION}")]
    UpdateHost(u32),
    #[error("update the extension: it speaks protocol {0}, this host speaks {VERSION}")]
    UpdateExtension(u32),
    #[error("job id {0} is in use")]
    DuplicateJob(JobId),
    #[error("no job {0}")]
    UnknownJob(JobId),
    #[error("job {0} records no live stream: it ends by itself, or is cancelled")]
    NoRecording(JobId),
    #[error("job {0} does not wait for other links")]
    NotWaiting(JobId),
    #[error("job {0} has left no file")]
    NoFile(JobId),
    #[error("busy: {MAX_JOBS} jobs are running or waiting; let one finish")]
    Busy,
    #[error("cannot show the folder: {0}")]
    Reveal(String),
    #[error("cannot open the file: {0}")]
    Open(String),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error("context.page: files are of a page, and it is not named")]
    NoPage,
    #[error(transparent)]
    Job(#[from] JobError),
    #[error(transparent)]
    Batch(#[from] BatchError),
}

impl Coded for RequestError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::HelloFirst | Self::HelloOnce => ErrorCode::HelloFirst,
            Self::UpdateHost(_) => ErrorCode::UpdateHost,
            Self::UpdateExtension(_) => ErrorCode::UpdateExtension,
            Self::DuplicateJob(_) => ErrorCode::DuplicateJob,
            Self::UnknownJob(_) => ErrorCode::UnknownJob,
            Self::NoRecording(_) | Self::NotWaiting(_) => ErrorCode::Usage,
            Self::Busy => ErrorCode::Busy,
            Self::NoFile(_) | Self::Reveal(_) | Self::Open(_) => ErrorCode::File,
            Self::Journal(error) => error.code(),
            Self::Settings(error) => error.code(),
            Self::NoPage => ErrorCode::BadField,
            Self::Job(error) => error.code(),
            Self::Batch(error) => error.code(),
        }
    }
}
