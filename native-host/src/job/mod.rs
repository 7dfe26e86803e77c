//! One plan, from start to verdict.
//!
//! Tasks fetch and decrypt segments ahead, bounded in number and in bytes; one thread merges them in
//! order. Whatever happens, nothing gets a final name that is not whole:
//!
//! | end | what is left |
//! |---|---|
//! | complete, incomplete | the file under its final name |
//! | failed, browser gone | `NAME.part` when media was merged into it (`output` names it), else nothing |
//! | cancelled | nothing |
//!
//! A live stream is recorded until it ends (`live`), and what ends it is no failure: the file is finished.

mod attend;
mod beginning;
mod check;
mod ending;
mod error;
mod gaps;
mod live;
mod maps;
mod merging;
mod meter;
mod order;
mod points;
mod pump;
mod refresh;
mod repair;
mod segments;
mod shortfall;
mod stop;

use std::sync::Arc;

use tokio::sync::watch;
use weir_core::plan::Chapter;
use weir_core::protocol::{
    CapturePlan, Container, ErrorCode, Failure, Finished, JobId, JobState, Progress, RequestContext,
    SegmentCounts, TrackKind, Verdict,
};

pub(crate) use attend::{Attended, attend};
pub(crate) use check::{context as check_context, rule};
pub use error::JobError;
pub use live::{LiveFrom, LiveOptions, LoadError};
pub use refresh::{Ask, Expired, Offer, Outlook, PATIENCE, Refresher};
pub use stop::{Stop, StopHandle, StopReason};

use crate::error::Coded as _;
use crate::fetch::{Client, ClientOptions, Network, Permission};
use crate::journal::{self, Claim, Ending, Entry, Identity, Journal, JournalError, Manner};
use crate::keys::GivenKeys;
use crate::merge::SubtitleFormat;
use crate::output_path::{Content, Slot, Target};
use crate::settings::Concurrency;
use beginning::{Begin, Start};
use ending::{Captured, Made};
use live::{End, Recorded};
use merging::{Finish, MergeThread, OnBroken};
pub(crate) use meter::Meter;
use points::{Fetching, Points};
pub(crate) use pump::counting;

/// What is to be captured, how, and where it goes.
#[derive(Debug)]
pub struct Job {
    /// Its name on the port; None on the command line.
    pub id: Option<JobId>,
    /// What to fetch. Shared with what works its way through it, so that a long one is there once.
    pub plan: Arc<CapturePlan>,
    /// Headers and cookies.
    pub context: RequestContext,
    /// The kind of output.
    pub container: Container,
    /// Segments in flight at a time.
    pub concurrency: Concurrency,
    /// The output.
    pub target: Target,
    /// Files of the subtitles beside it, in this format.
    pub subtitle_files: Option<SubtitleFormat>,
    /// Where its chapters begin.
    pub chapters: Vec<Chapter>,
    /// What a segment that is gone means; in a live stream it is always only missing.
    pub on_gap: OnGap,
    /// How a live stream is recorded; None: only what its playlist lists, which cannot be asked for again.
    pub live: Option<LiveOptions>,
    /// A recording of it was interrupted: that goes on, even when the stream has ended meanwhile.
    pub was_recorded: bool,
    /// Keys and IV in the place of the playlist's.
    pub keys: GivenKeys,
    /// `--allow-private`.
    pub private_addresses: Permission,
    /// `--allow-downgrade`.
    pub downgrades: Permission,
    /// `--proxy`.
    pub proxy: Option<String>,
    /// What it shares with other jobs, `--limit-rate` included.
    pub network: Arc<Network>,
    /// Where it is kept how far the job is, so that it can be resumed.
    pub journal: Option<Journal>,
    /// How to ask for it again from a command line, for the journal.
    pub command: Option<journal::Command>,
    /// The job of the journal that this one has to be.
    pub resume: Option<journal::Number>,
    /// The job of the journal whose file is mended: only what it is missing is fetched.
    pub repair: Option<journal::Number>,
    /// Who is asked for other links when those of the plan expire.
    pub refresher: Option<Refresher>,
    /// What the report says of how the plan was made, such as where the stream was cut. One sentence each.
    pub notes: Vec<String>,
}

/// What a segment means that the server does not have, or not whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum OnGap {
    /// The job fails and names the segment.
    #[default]
    Fail,
    /// The segment is recorded as missing, and the job goes on.
    Keep,
}

impl Job {
    /// Checks everything that can be checked before the network is touched: the plan, the context, the
    /// folder.
    ///
    /// # Errors
    /// [`JobError`].
    pub fn check(&self) -> Result<(), JobError> {
        check::job(self)?;
        self.client()?;
        Ok(self.target.check()?)
    }

    /// The recording that this job is, if it is one.
    #[must_use]
    pub fn recording(&self) -> Option<LiveOptions> {
        self.live.filter(|_| self.plan.live || self.was_recorded)
    }

    /// The progress of this job before it has begun.
    #[must_use]
    pub fn queued(&self) -> Progress {
        let recording = self.recording();
        Progress {
            job: self.id.clone(),
            state: JobState::Queued,
            segments: SegmentCounts {
                total: recording.map_or_else(|| check::segment_count(&self.plan), |_| 0),
                fetched: 0,
                retried: 0,
            },
            bytes: 0,
            bytes_per_second: 0.0,
            eta_seconds: None,
            recorded_seconds: recording.map(|_| 0.0),
        }
    }

    /// Its place in the journal before it has begun, which it keeps for as long as it has the claim; None where there is none.
    #[must_use]
    pub fn waiting(&self) -> Option<Claim> {
        beginning::claim(self).ok()?.ok()?
    }

    /// What tells this capture from others, would it have this plan.
    fn identity(&self, plan: &CapturePlan) -> Identity {
        match self.recording() {
            Some(_) => self.identity_of_recording(plan),
            None => Identity::of(plan, self.manner(&self.target.wanted())),
        }
    }

    /// The same, of what it records.
    fn identity_of_recording(&self, plan: &CapturePlan) -> Identity {
        Identity::of_recording(plan, self.manner(&self.target.wanted()))
    }

    fn manner<'a>(&'a self, target: &'a str) -> Manner<'a> {
        Manner {
            container: self.container,
            target,
            subtitle_files: self.subtitle_files,
            chapters: &self.chapters,
            keys: &self.keys,
        }
    }

    fn client(&self) -> Result<Client, JobError> {
        let options = ClientOptions {
            context: self.context.clone(),
            source: self.plan.source.clone(),
            private_addresses: self.private_addresses,
            downgrades: self.downgrades,
            proxy: self.proxy.clone(),
            network: Arc::clone(&self.network),
        };
        Ok(Client::new(&options)?)
    }
}

/// Runs a job to its end. `progress` always holds the latest; `stop` ends the job early. Where another process is at the
/// same capture it is watched.
pub async fn run(mut job: Job, progress: watch::Sender<Progress>, mut stop: Stop) -> Finished {
    let meter = Arc::new(Meter::new(progress));
    let id = job.id.clone();
    let mut kept = Kept {
        notes: job.notes.clone(),
        ..Kept::default()
    };
    let captured = loop {
        let captured = match job.repair {
            Some(number) => mend(&job, number, &meter, &mut stop, &mut kept).await,
            None => capture(&mut job, &meter, &mut stop, &mut kept).await,
        };
        let (Err(JobError::Journal(JournalError::Running(number))), Some(journal)) =
            (&captured, job.journal.as_ref().filter(|_| job.repair.is_none()))
        else {
            break captured;
        };
        match attend(journal, *number, &meter, &mut stop).await {
            // Its browser is gone, not this job's.
            Ok(Attended::Ended(finished)) if is_browser_gone(&finished) => {}
            Ok(Attended::Ended(finished)) => {
                meter.state(JobState::Finished);
                let mut finished = *finished;
                finished.job = id;
                finished.warnings.push(format!(
                    "capture {number} was under way in another process: this is how it ended there"
                ));
                return finished;
            }
            Ok(Attended::Interrupted) => {}
            Ok(Attended::Stopped(reason)) => break Err(JobError::Stopped(reason)),
            Err(error) => break Err(error),
        }
    };
    let segments = meter.segments();
    let concluded = match captured {
        Ok(Outcome::Captured(mut captured)) => {
            captured.merged.warnings.splice(..0, kept.notes);
            ending::conclude(id.clone(), *captured, segments, kept.entry.clone()).await
        }
        Ok(Outcome::Over(ending)) => blocking(|| Ok(ending::catch_up(*ending)?)).await,
        Err(error) => Err(error),
    };
    meter.state(JobState::Finished);
    let finished = match concluded {
        Ok(finished) => Finished { job: id, ..finished },
        Err(error) => {
            tracing::info!(job = id.as_ref().map(JobId::as_str), code = %error.code(), "job ended: {error}");
            ending::failed(id, &error, kept.slot.as_ref(), segments)
        }
    };
    if let Some(entry) = kept.entry
        && let Err(error) = entry.end(&finished)
    {
        tracing::warn!("{error}");
    }
    finished
}

fn is_browser_gone(finished: &Finished) -> bool {
    let error = finished.error.as_ref();
    error.is_some_and(|error| error.code == ErrorCode::BrowserGone)
}

/// What outlives the capture, however it ends.
#[derive(Debug, Default)]
struct Kept {
    slot: Option<Slot>,
    entry: Option<Arc<Entry>>,
    notes: Vec<String>,
}

/// The end of a job that has left nothing.
#[must_use]
pub fn refused(id: Option<JobId>, failure: Failure) -> Finished {
    let cancelled = failure.code == ErrorCode::Cancelled;
    Finished {
        job: id,
        verdict: if cancelled {
            Verdict::Cancelled
        } else {
            Verdict::Failed
        },
        output: None,
        bytes: 0,
        duration_seconds: 0.0,
        tracks: Vec::new(),
        warnings: Vec::new(),
        segments: SegmentCounts::default(),
        gaps: Vec::new(),
        error: Some(failure),
    }
}

/// What a job has come to.
enum Outcome {
    /// A whole output that has not its name.
    Captured(Box<Captured>),
    /// An end that an earlier process has come to.
    Over(Box<Ending>),
}

async fn capture(
    job: &mut Job,
    meter: &Arc<Meter>,
    stop: &mut Stop,
    kept: &mut Kept,
) -> Result<Outcome, JobError> {
    job.check()?;
    job.was_recorded = !job.plan.live && job.live.is_some() && beginning::was_recorded(job);
    let client = job.client()?;
    let Begin {
        slot,
        merger,
        fetching,
        merging,
        merged,
        retried,
        notes,
    } = match beginning::begin(job, &client, meter, stop, kept).await? {
        Start::At(begin) => *begin,
        Start::Over(ending) => return Ok(Outcome::Over(ending)),
    };
    kept.notes.extend(notes);
    let free = kept.slot.insert(slot).clone();
    meter.resumed(merged, retried);
    meter.state(JobState::Running);
    let on_broken = match job.recording() {
        Some(_) => OnBroken::Skip,
        None => OnBroken::Fail,
    };
    let points = kept.entry.clone().map(Points::new);
    let spare = Arc::clone(client.spare());
    let mut thread = MergeThread::start(merger, on_broken, Arc::clone(meter), merging, points, spare);
    let recorded = match job.recording() {
        Some(options) => record(job, options, client, meter, &mut thread, stop, fetching).await,
        None => pump_all(job, client, meter, &mut thread, stop, fetching).await,
    };
    let Recorded { mut gaps, end, .. } = match recorded {
        Ok(recorded) if recorded.is_empty => {
            thread.abandon().await?;
            return Err(nothing_left(recorded.end));
        }
        Ok(recorded) => recorded,
        Err(error) => return Err(thread.abandon().await.err().unwrap_or(error)),
    };
    meter.state(JobState::Finishing);
    let broken_off = async {
        match job.recording() {
            Some(_) => stop.broken_off().await,
            None => stop.stopped().await,
        }
    };
    let finish = tokio::select! {
        biased;
        reason = broken_off => Err(JobError::Stopped(reason)),
        finish = thread.finish(gaps.len() > 0 && job.recording().is_none()) => finish,
    };
    let Finish { merged, broken } = finish?;
    for (gap, reason) in broken {
        gaps.add_late(gap, reason);
    }
    for warning in &merged.warnings {
        tracing::warn!("{warning}");
    }
    let content = match merged.instead {
        Some(container) => Content::Other(container),
        None => content(merged.tracks.iter().map(|track| track.kind)),
    };
    Ok(Outcome::Captured(Box::new(Captured {
        made: Made::New(free, content),
        merged,
        gaps,
        shortfall: shortfall(job, end),
    })))
}

/// Fetches what the file of another job is missing.
async fn mend(
    job: &Job,
    number: journal::Number,
    meter: &Arc<Meter>,
    stop: &mut Stop,
    kept: &mut Kept,
) -> Result<Outcome, JobError> {
    let journal = job.journal.as_ref().ok_or(JournalError::NoHome)?;
    tokio::select! {
        mended = repair::run(job, journal, number, meter, kept) => mended.map(Outcome::Captured),
        reason = stop.stopped() => Err(JobError::Stopped(reason)),
    }
}

/// Captures all that the plan lists.
async fn pump_all(
    job: &mut Job,
    client: Client,
    meter: &Arc<Meter>,
    thread: &mut MergeThread,
    stop: &mut Stop,
    from: Fetching,
) -> Result<Recorded, JobError> {
    let (gaps, pushed) = tokio::select! {
        pumped = pump::run(job, client, meter, thread, from) => pumped?,
        reason = stop.stopped() => return Err(JobError::Stopped(reason)),
    };
    // The merger has all of them. Where there are many, the index that it writes now has their place.
    if let Some(plan) = Arc::get_mut(&mut job.plan) {
        plan.tracks
            .iter_mut()
            .for_each(|track| track.segments = Vec::new());
    }
    Ok(Recorded {
        is_empty: pushed == 0,
        gaps,
        end: End::List,
    })
}

/// Records a live stream. Only what breaks it off is an error: what ends it is not.
async fn record(
    job: &mut Job,
    options: LiveOptions,
    client: Client,
    meter: &Arc<Meter>,
    thread: &mut MergeThread,
    stop: &mut Stop,
    from: Fetching,
) -> Result<Recorded, JobError> {
    let mut broken_off = stop.clone();
    tokio::select! {
        biased;
        reason = broken_off.broken_off() => Err(JobError::Stopped(reason)),
        recorded = live::run(job, options, client, meter, thread, stop, from) => recorded,
    }
}

/// Why a job that has come to its end has nothing to finish.
fn nothing_left(end: End) -> JobError {
    match end {
        End::Lost(error) => error,
        End::User => JobError::Stopped(StopReason::Enough),
        End::List | End::Duration => JobError::NothingLeft,
    }
}

/// Why a capture that has come to its end is not whole, gaps apart.
fn shortfall(job: &Job, end: End) -> Option<Failure> {
    match end {
        End::Lost(error) => Some(error.failure()),
        End::List if job.plan.live && job.live.is_none() => Some(Failure {
            code: ErrorCode::LiveWindow,
            message: "the stream is live and its playlist is a file: what the file lists was captured"
                .to_owned(),
        }),
        End::List | End::Duration | End::User => None,
    }
}

/// What tracks of these kinds are together. Of segments that are kept as they are, none are known.
fn content(kinds: impl IntoIterator<Item = TrackKind>) -> Content {
    let kinds: Vec<_> = kinds.into_iter().collect();
    if kinds.contains(&TrackKind::Audio) && !kinds.contains(&TrackKind::Video) {
        Content::Sound
    } else {
        Content::Picture
    }
}

pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, JobError> + Send + 'static,
) -> Result<T, JobError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(JobError::internal)?
}
