//! Files that are saved as they are: the images of a page, the entries of a list. A stage of its own: nothing is decrypted
//! or merged.
//!
//! They come many at a time, by the same rules as segments (`fetch`), and go into a folder of their own, which gets its
//! name at the end. Each is whole or not there; what could not be had is named, and the others are kept:
//!
//! | end | what is left |
//! |---|---|
//! | all came | the folder |
//! | some did not | the folder with those that came |
//! | paused, the browser went away, the disk is full, killed | `NAME.part`, in which the same batch goes on |
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
use crate::job::{
    Attended, JobError, Meter, Stop, StopReason, attend, blocking, check_context, counting, refused, rule,
};
use crate::journal::{self, Asker, Beginning, Claim, Entry, Identity, Journal, JournalError};
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
    /// Where it is kept how far it is.
    pub journal: Option<Journal>,
    /// How to ask for it again from a command line, for the journal.
    pub command: Option<journal::Command>,
    /// The batch of the journal that this one has to be.
    pub resume: Option<journal::Number>,
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

    /// Its place in the journal before it has begun, which it keeps for as long as it has the claim; None where there is none.
    #[must_use]
    pub fn waiting(&self) -> Option<Claim> {
        self.journal.as_ref()?.claim(&self.beginning(), self.resume).ok()
    }

    fn beginning(&self) -> Beginning {
        Beginning {
            identity: Identity::of_files(&self.items, &self.target.wanted()),
            title: self.title.clone(),
            source: self.source.to_string(),
            container: None,
            command: self.command.clone(),
            segments: self.len() as u64,
            browser: self.id.clone().map(|job| Asker {
                job,
                page: Some(self.source.to_string()),
                playlist: None,
            }),
            patience: None,
        }
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

/// Runs a batch to its end. `progress` always holds the latest; `stop` ends it early. Where another process is at the same
/// batch it is watched.
pub async fn run(batch: Batch, progress: watch::Sender<Progress>, mut stop: Stop) -> Finished {
    let meter = Arc::new(Meter::new(progress));
    let finished = loop {
        let error = match begin(&batch).await {
            Ok(Start::At(begun)) => break save_begun(&batch, *begun, &meter, &mut stop).await,
            Ok(Start::Over(finished)) => {
                break Finished {
                    job: batch.id.clone(),
                    ..*finished
                };
            }
            Err(error) => error,
        };
        let (BatchError::Job(JobError::Journal(JournalError::Running(number))), Some(journal)) =
            (&error, &batch.journal)
        else {
            return refused(batch.id, error.failure());
        };
        match attend(journal, *number, &meter, &mut stop).await {
            Ok(Attended::Ended(finished)) if !can_go_on(&finished) => {
                break Finished {
                    job: batch.id.clone(),
                    ..*finished
                };
            }
            Ok(Attended::Ended(_) | Attended::Interrupted) => {}
            Ok(Attended::Stopped(reason)) => break refused(batch.id, JobError::Stopped(reason).failure()),
            Err(error) => break refused(batch.id, error.failure()),
        }
    };
    meter.state(JobState::Finished);
    finished
}

/// A batch that was left where another process goes on.
fn can_go_on(finished: &Finished) -> bool {
    finished.verdict == Verdict::Failed && finished.output.is_some()
}

/// How a batch begins.
enum Start {
    /// With something to do.
    At(Box<Begun>),
    /// With an end that an earlier process has come to.
    Over(Box<Finished>),
}

struct Begun {
    folder: Folder,
    client: Client,
    /// What a person should know.
    notes: Vec<String>,
}

async fn begin(batch: &Batch) -> Result<Start, BatchError> {
    batch.check()?;
    let client = batch.client()?;
    let (target, journal, resume) = (batch.target.clone(), batch.journal.clone(), batch.resume);
    let beginning = batch.beginning();
    let total = batch.len();
    let start = blocking(move || {
        let mut notes = Vec::new();
        let claim = journal
            .map(|journal| journal.claim(&beginning, resume))
            .transpose();
        let entry = match claim {
            Ok(Some(Claim::Unfinished(unfinished))) => match Folder::resume(*unfinished) {
                Ok(folder) => {
                    let number = folder.entry().map_or(0, Entry::id);
                    let came = folder.len();
                    notes.push(format!(
                        "batch {number} was interrupted and went on behind {came} of {total} files"
                    ));
                    return Ok(Start::At(Box::new(Begun {
                        folder,
                        client,
                        notes,
                    })));
                }
                Err(failed) => {
                    let (entry, error) = *failed;
                    if resume.is_some() {
                        return Err(error.into());
                    }
                    entry.begin_again()?;
                    notes.push(format!("{error}; the capture was begun anew"));
                    Some(entry)
                }
            },
            Ok(Some(Claim::New(entry, _))) => Some(entry),
            Ok(Some(Claim::Over(over))) => {
                over.entry.end(&over.ending.finished)?;
                return Ok(Start::Over(Box::new(over.ending.finished)));
            }
            Ok(None) => None,
            Err(error @ JournalError::Running(_)) => return Err(error.into()),
            Err(error) if resume.is_some() => return Err(error.into()),
            Err(error) => {
                notes.push(format!(
                    "this capture cannot be resumed if it is interrupted: {error}"
                ));
                None
            }
        };
        let folder = Folder::make(&target, entry)?;
        Ok(Start::At(Box::new(Begun {
            folder,
            client,
            notes,
        })))
    });
    Ok(start.await?)
}

async fn save_begun(
    batch: &Batch,
    Begun {
        folder,
        client,
        notes,
    }: Begun,
    meter: &Arc<Meter>,
    stop: &mut Stop,
) -> Finished {
    let mut missing = Missing::default();
    for (what, message) in &batch.left_out {
        let (code, message) = (ErrorCode::BadUrl, message.clone());
        missing.add(what, Failure { code, message });
    }
    meter.resumed(folder.len() as u64, 0);
    let folder = Arc::new(Mutex::new(folder));
    meter.state(JobState::Running);
    let stopped = tokio::select! {
        saved = save_all(batch, &client, meter, &folder, &mut missing) => saved.err(),
        reason = stop.stopped() => Some(JobError::Stopped(reason)),
    };
    meter.state(JobState::Finishing);
    conclude(batch, folder, stopped, missing, notes, meter.segments()).await
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
    for (number, item) in batch.items.iter().enumerate() {
        if lock(folder).has(number) {
            continue;
        }
        match batch.policy().check(&item.url, &[&batch.source]) {
            Ok(()) => allowed.push((number, item)),
            Err(error) => missing.add(&item.url, error.failure()),
        }
    }
    let resources: Vec<Resource> = allowed.iter().map(|(_, item)| resource(&item.url)).collect();
    let window = Window::new(NonZeroUsize::new(batch.concurrency.get()).unwrap_or(NonZeroUsize::MIN));
    let mut downloads = ordered(client, resources, window, meter.received());
    for (number, item) in allowed {
        let fetched = counting(meter, downloads.next()).await;
        match fetched.ok_or_else(|| JobError::internal("a file was not fetched"))? {
            Ok(fetched) => {
                save(folder, number, item, fetched).await?;
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
async fn save(folder: &Shared, number: usize, item: &DownloadItem, fetched: Fetched) -> Result<(), JobError> {
    let (folder, wish) = (Arc::clone(folder), item.name.clone());
    blocking(move || lock(&folder).save(number, wish.as_deref(), &fetched)).await
}

async fn conclude(
    batch: &Batch,
    folder: Shared,
    stopped: Option<JobError>,
    missing: Missing,
    notes: Vec<String>,
    segments: SegmentCounts,
) -> Finished {
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
    let warnings = notes.into_iter().chain(missing.warnings()).collect();
    let id = batch.id.clone();
    let ended = blocking(move || {
        Ok(end(
            &mut lock(&folder),
            id,
            stopped.as_ref(),
            failure,
            warnings,
            segments,
        ))
    })
    .await;
    ended.unwrap_or_else(|error| refused(batch.id.clone(), error.failure()))
}

/// What becomes of the folder, and of the batch in the journal.
fn end(
    folder: &mut Folder,
    id: Option<JobId>,
    stopped: Option<&JobError>,
    failure: Option<Failure>,
    mut warnings: Vec<String>,
    segments: SegmentCounts,
) -> Finished {
    if folder.copies() > 0 {
        let copies = folder.copies();
        warnings.push(format!(
            "{copies} files are the same as others and were saved once"
        ));
    }
    let finished = Finished {
        job: id.clone(),
        verdict: if failure.is_none() {
            Verdict::Complete
        } else {
            Verdict::Incomplete
        },
        output: None,
        bytes: folder.bytes(),
        duration_seconds: 0.0,
        tracks: Vec::new(),
        warnings,
        segments,
        gaps: Vec::new(),
        error: failure.clone(),
    };
    let is_wanted_later = stopped
        .is_some_and(|error| !matches!(error, JobError::Stopped(StopReason::User | StopReason::Enough)));
    // Enough is enough: what came stays.
    let is_cancelled = matches!(stopped, Some(JobError::Stopped(StopReason::User)));
    let left = if is_wanted_later { folder.leave() } else { None };
    let finished = match left {
        Some(part) => {
            let part = std::path::absolute(&part).unwrap_or(part);
            Finished {
                verdict: Verdict::Failed,
                output: Some(part.to_string_lossy().into_owned()),
                ..finished
            }
        }
        None => match folder.publish(!is_cancelled, finished.clone()) {
            Ok(Some(finished)) => finished,
            Ok(None) => Finished {
                warnings: finished.warnings,
                segments,
                ..refused(id, failure.unwrap_or_else(|| BatchError::Empty.failure()))
            },
            Err(error) => refused(id, error.failure()),
        },
    };
    if let Some(Err(error)) = folder.entry().map(|entry| entry.end(&finished)) {
        tracing::warn!("{error}");
    }
    finished
}
