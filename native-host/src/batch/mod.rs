//! Files that are saved as they are: the images of a page, the entries of a list. A stage of its own: nothing is decrypted
//! or merged.
//!
//! They come many at a time, by the same rules as segments (`fetch`), and go into a folder of their own, which gets its
//! name at the end. Each is whole or not there; what could not be had is named, and the others are kept:
//!
//! | end | what is left |
//! |---|---|
//! | all came | the folder |
//! | some did not, the browser went away, the disk is full | the folder with those that came |
//! | none came, cancelled | nothing |

mod folder;
mod name;

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use weir_core::plan::CheckPolicy;
use weir_core::protocol::limits::{MAX_BATCH_FILES, MAX_TITLE_BYTES};
use weir_core::protocol::{
    DownloadItem, ErrorCode, Failure, Finished, JobId, JobState, Progress, RequestContext, SegmentCounts,
    Verdict,
};
use weir_core::url::AbsoluteUrl;

use crate::error::Coded as _;
use crate::fetch::{
    Client, ClientOptions, Fetched, Network, Permission, Resource, ResourceKind, Window, ordered,
};
use crate::job::{JobError, Meter, Stop, StopReason, blocking, check_context, counting, refused, rule};
use crate::output_path::Target;
use crate::settings::Concurrency;
use folder::Folder;

/// Most files that the report names one by one: it has to fit into a frame.
const MAX_NAMED: usize = 200;

/// What is to be saved, and where it goes.
#[derive(Debug)]
pub struct Batch {
    /// Its name on the port; None on the command line.
    pub id: Option<JobId>,
    /// For people.
    pub title: Option<String>,
    /// The files.
    pub items: Vec<DownloadItem>,
    /// What else was named, and is no file that can be asked for; and why.
    pub left_out: Vec<(String, String)>,
    /// Headers and cookies.
    pub context: RequestContext,
    /// The page or the list that names them: what is public does not lead into a private network.
    pub source: AbsoluteUrl,
    /// The folder.
    pub target: Target,
    /// Files in flight at a time.
    pub concurrency: Concurrency,
    /// `--allow-private`.
    pub private_addresses: Permission,
    /// `--allow-downgrade`.
    pub downgrades: Permission,
    /// `--proxy`.
    pub proxy: Option<String>,
    /// What it shares with other jobs, `--limit-rate` included.
    pub network: Arc<Network>,
}

/// Why a batch cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// There is nothing in it.
    #[error("there is nothing to save")]
    Empty,
    /// Over [`MAX_BATCH_FILES`].
    #[error("{0} files are too many: {MAX_BATCH_FILES} at a time")]
    TooMany(usize),
    /// Over [`MAX_TITLE_BYTES`].
    #[error("a title of {0} bytes is too long")]
    Title(usize),
    /// As of any job.
    #[error(transparent)]
    Job(#[from] JobError),
}

impl crate::error::Coded for BatchError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Empty => ErrorCode::NothingToCapture,
            Self::TooMany(_) | Self::Title(_) => ErrorCode::BadField,
            Self::Job(error) => error.code(),
        }
    }
}

impl Batch {
    /// Checks everything that can be checked before the network is touched. A file that may not be asked for is no error:
    /// it is told with those that cannot be had.
    ///
    /// # Errors
    /// [`BatchError`].
    pub fn check(&self) -> Result<(), BatchError> {
        let length = self.title.as_ref().map_or(0, String::len);
        if self.items.is_empty() {
            Err(BatchError::Empty)
        } else if self.items.len() > MAX_BATCH_FILES {
            Err(BatchError::TooMany(self.items.len()))
        } else if length > MAX_TITLE_BYTES {
            Err(BatchError::Title(length))
        } else {
            check_context(&self.context)?;
            self.client()?;
            Ok(self.target.check().map_err(JobError::from)?)
        }
    }

    /// The progress of this batch before it has begun.
    #[must_use]
    pub fn queued(&self) -> Progress {
        Progress {
            job: self.id.clone(),
            state: JobState::Queued,
            segments: SegmentCounts {
                total: self.len() as u64,
                fetched: 0,
                retried: 0,
            },
            bytes: 0,
            bytes_per_second: 0.0,
            eta_seconds: None,
            recorded_seconds: None,
        }
    }

    fn len(&self) -> usize {
        self.items.len() + self.left_out.len()
    }

    fn client(&self) -> Result<Client, JobError> {
        Ok(Client::new(&ClientOptions {
            context: self.context.clone(),
            // A token of the page's own address is not for its files.
            source: self.source.join("?").unwrap_or_else(|_| self.source.clone()),
            private_addresses: self.private_addresses,
            downgrades: self.downgrades,
            proxy: self.proxy.clone(),
            network: Arc::clone(&self.network),
        })?)
    }

    fn policy(&self) -> CheckPolicy {
        CheckPolicy {
            private_addresses: rule(self.private_addresses),
            downgrades: rule(self.downgrades),
        }
    }
}

/// The folder, of which one thread at a time has the use.
type Shared = Arc<Mutex<Folder>>;

fn lock(folder: &Shared) -> MutexGuard<'_, Folder> {
    folder.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What could not be saved.
#[derive(Debug, Default)]
struct Missing {
    count: usize,
    named: Vec<String>,
    first: Option<Failure>,
}

impl Missing {
    /// `what` is shown without its query, as everywhere.
    fn add(&mut self, what: impl std::fmt::Display, failure: Failure) {
        let place = format!("{what}: ");
        // Most say themselves what they are about.
        let said = failure.message.strip_prefix(&place).unwrap_or(&failure.message);
        let told = format!("not saved: {what}: {said}");
        tracing::warn!(code = %failure.code, "{told}");
        self.count += 1;
        if self.named.len() < MAX_NAMED {
            self.named.push(told);
        }
        self.first.get_or_insert(failure);
    }

    fn warnings(self) -> Vec<String> {
        let more = self.count - self.named.len();
        let more = (more > 0).then(|| format!("{more} more files were not saved"));
        self.named.into_iter().chain(more).collect()
    }
}

/// Runs a batch to its end. `progress` always holds the latest; `stop` ends it early.
pub async fn run(batch: Batch, progress: watch::Sender<Progress>, mut stop: Stop) -> Finished {
    let meter = Arc::new(Meter::new(progress));
    let mut missing = Missing::default();
    for (what, message) in &batch.left_out {
        let (code, message) = (ErrorCode::BadUrl, message.clone());
        missing.add(what, Failure { code, message });
    }
    let (folder, client) = match begin(&batch).await {
        Ok((folder, client)) => (Arc::new(Mutex::new(folder)), client),
        Err(error) => return refused(batch.id, error.failure()),
    };
    meter.state(JobState::Running);
    let stopped = tokio::select! {
        saved = save_all(&batch, &client, &meter, &folder, &mut missing) => saved.err(),
        reason = stop.stopped() => Some(JobError::Stopped(reason)),
    };
    meter.state(JobState::Finishing);
    let finished = conclude(&batch, folder, stopped, missing, meter.segments()).await;
    meter.state(JobState::Finished);
    finished
}

async fn begin(batch: &Batch) -> Result<(Folder, Client), BatchError> {
    batch.check()?;
    let client = batch.client()?;
    let target = batch.target.clone();
    let folder = blocking(move || Ok(Folder::make(&target)?)).await?;
    Ok((folder, client))
}

/// Saves what can be had. An error ends all of it: nothing more can be written.
async fn save_all(
    batch: &Batch,
    client: &Client,
    meter: &Arc<Meter>,
    folder: &Shared,
    missing: &mut Missing,
) -> Result<(), JobError> {
    let mut allowed = Vec::new();
    for item in &batch.items {
        match batch.policy().check(&item.url, &[&batch.source]) {
            Ok(()) => allowed.push(item),
            Err(error) => missing.add(&item.url, error.failure()),
        }
    }
    let resources: Vec<Resource> = allowed.iter().map(|item| resource(&item.url)).collect();
    let window = Window::new(NonZeroUsize::new(batch.concurrency.get()).unwrap_or(NonZeroUsize::MIN));
    let mut downloads = ordered(client, resources, window, meter.received());
    for item in allowed {
        let fetched = counting(meter, downloads.next()).await;
        match fetched.ok_or_else(|| JobError::internal("a file was not fetched"))? {
            Ok(fetched) => {
                save(folder, item, fetched).await?;
                meter.merged(0.0);
            }
            Err(error) => missing.add(&item.url, error.failure()),
        }
    }
    Ok(())
}

fn resource(url: &AbsoluteUrl) -> Resource {
    Resource {
        url: url.clone(),
        range: None,
        kind: ResourceKind::File,
    }
}

/// Writes a file, elsewhere than on the thread that fetches the others.
async fn save(folder: &Shared, item: &DownloadItem, fetched: Fetched) -> Result<(), JobError> {
    let (folder, wish) = (Arc::clone(folder), item.name.clone());
    blocking(move || Ok(lock(&folder).save(wish.as_deref(), &fetched)?)).await
}

async fn conclude(
    batch: &Batch,
    folder: Shared,
    stopped: Option<JobError>,
    missing: Missing,
    segments: SegmentCounts,
) -> Finished {
    // Enough is enough: what came stays.
    let is_cancelled = matches!(stopped, Some(JobError::Stopped(StopReason::User)));
    let failure = match &stopped {
        Some(error) => Some(error.failure()),
        None => missing.first.clone().map(|first| Failure {
            message: format!(
                "{} of {} files were not saved; the first: {}",
                missing.count,
                batch.len(),
                first.message
            ),
            ..first
        }),
    };
    let published = blocking(move || {
        let mut folder = lock(&folder);
        let output = folder.publish(!is_cancelled)?;
        Ok(output.map(|output| (output, folder.bytes(), folder.copies())))
    })
    .await;
    let (output, bytes, copies) = match published {
        Ok(Some(published)) => published,
        Ok(None) => {
            let failure = failure.unwrap_or_else(|| BatchError::Empty.failure());
            return Finished {
                warnings: missing.warnings(),
                segments,
                ..refused(batch.id.clone(), failure)
            };
        }
        Err(error) => return refused(batch.id.clone(), error.failure()),
    };
    let mut warnings = missing.warnings();
    if copies > 0 {
        warnings.push(format!(
            "{copies} files are the same as others and were saved once"
        ));
    }
    Finished {
        job: batch.id.clone(),
        verdict: if failure.is_none() {
            Verdict::Complete
        } else {
            Verdict::Incomplete
        },
        output: Some(output.to_string_lossy().into_owned()),
        bytes,
        duration_seconds: 0.0,
        tracks: Vec::new(),
        warnings,
        segments,
        gaps: Vec::new(),
        error: failure,
    }
}
