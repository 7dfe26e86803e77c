//! The jobs of a session.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};
use weir_core::protocol::limits::MAX_JOBS;
use weir_core::protocol::{Event, Finished, JobId, JobStatus, Progress};

use super::RequestError;
use super::again::Once;
use super::handover::StartFrame;
use super::turns::{Turn, Turns};
use crate::batch::{self, Batch};
use crate::error::Coded as _;
use crate::job::{self, Ask, Expired, Job, JobError, Offer, Stop, StopHandle, StopReason};
use crate::journal::Claim;
use crate::settings::JobsAtOnce;

/// What a job does.
#[derive(Debug)]
pub(super) enum Work {
    /// It captures a stream.
    Capture(Box<Job>),
    /// It saves files.
    Download(Box<Batch>),
    /// A command line has asked for it before, and asks again.
    Again(Box<Once>),
}

impl Work {
    fn id(&self) -> Option<&JobId> {
        match self {
            Self::Capture(job) => job.id.as_ref(),
            Self::Download(batch) => batch.id.as_ref(),
            Self::Again(once) => Some(&once.id),
        }
    }

    fn title(&self) -> Option<&String> {
        match self {
            Self::Capture(job) => job.plan.title.as_ref(),
            Self::Download(batch) => batch.title.as_ref(),
            Self::Again(once) => once.title.as_ref(),
        }
    }

    fn queued(&self) -> Progress {
        match self {
            Self::Capture(job) => job.queued(),
            Self::Download(batch) => batch.queued(),
            Self::Again(once) => once.queued(),
        }
    }

    fn is_recording(&self) -> bool {
        matches!(self, Self::Capture(job) if job.recording().is_some())
    }

    /// Whether another process can go on with it where this one was.
    fn can_be_handed_over(&self) -> bool {
        matches!(self, Self::Capture(_) | Self::Download(_)) && !self.is_recording()
    }

    /// Its place in the journal, held while it waits for its turn: a browser that goes away meanwhile finds it there.
    fn waiting(&self) -> Option<Claim> {
        match self {
            Self::Capture(job) => job.waiting(),
            Self::Download(batch) => batch.waiting(),
            Self::Again(_) => None,
        }
    }

    async fn run(self, progress: watch::Sender<Progress>, stop: Stop) -> Finished {
        match self {
            Self::Capture(job) => job::run(*job, progress, stop).await,
            Self::Download(batch) => batch::run(*batch, progress, stop).await,
            Self::Again(once) => once.run(progress, stop).await,
        }
    }
}

/// A job has ended.
pub(super) type Ended = (JobId, Finished);

/// Running and ended jobs.
#[derive(Debug)]
pub(super) struct Jobs {
    running: HashMap<JobId, Running>,
    /// Newest first, at most [`MAX_JOBS`].
    finished: VecDeque<JobStatus>,
    turns: Arc<Turns>,
    ended: mpsc::UnboundedSender<Ended>,
    /// Numbers jobs in the order in which they came.
    started: u64,
}

#[derive(Debug)]
struct Running {
    number: u64,
    title: Option<String>,
    /// It records a live stream.
    records: bool,
    /// Another process can go on with it.
    can_be_handed_over: bool,
    progress: watch::Receiver<Progress>,
    stop: StopHandle,
    /// Where other links go that it has asked for.
    offers: Option<mpsc::Sender<Offer>>,
    /// How it was asked for.
    request: StartFrame,
}

impl Jobs {
    pub(super) fn new(ended: mpsc::UnboundedSender<Ended>) -> Self {
        let turns = Turns::new(JobsAtOnce::default().get());
        Self {
            running: HashMap::new(),
            finished: VecDeque::new(),
            turns,
            ended,
            started: 0,
        }
    }

    /// Whether a job of this id can be started.
    pub(super) fn admit(&self, id: &JobId) -> Result<(), RequestError> {
        if self.running.contains_key(id) || self.finished.iter().any(|status| status.job == *id) {
            return Err(RequestError::DuplicateJob(id.clone()));
        }
        if self.running.len() >= MAX_JOBS {
            Err(RequestError::Busy)
        } else {
            Ok(())
        }
    }

    /// Starts an admitted job, or lets it wait for its turn. A live stream does not wait.
    pub(super) fn start(&mut self, work: Work, frame: Vec<u8>) {
        let Some(id) = work.id().cloned() else { return };
        let (sender, progress) = watch::channel(work.queued());
        let (handle, stop) = StopHandle::new();
        self.started += 1;
        let running = Running {
            number: self.started,
            title: work.title().cloned(),
            records: work.is_recording(),
            can_be_handed_over: work.can_be_handed_over(),
            progress,
            stop: handle,
            offers: None,
            request: StartFrame::new(frame),
        };
        self.running.insert(id.clone(), running);
        // Asked for here: of tasks nobody knows which begins first.
        let turn = (!work.is_recording()).then(|| self.turns.ask(id.clone()));
        let ended = self.ended.clone();
        tokio::spawn(async move {
            let finished = in_turn(&id, work, sender, stop, turn).await;
            let _ = ended.send((id, finished));
        });
    }

    /// How many fetch at a time from now on; the others wait.
    pub(super) fn at_once(&self, count: JobsAtOnce) {
        self.turns.limit(count.get());
    }

    /// A job that waits gets the next turn. One that has its turn has it.
    pub(super) fn next(&self, id: &JobId) -> Result<(), RequestError> {
        let is_known = self.running.contains_key(id) || self.finished.iter().any(|status| status.job == *id);
        if !self.turns.next(id) && !is_known {
            return Err(RequestError::UnknownJob(id.clone()));
        }
        Ok(())
    }

    /// Stops a job where it can go on.
    pub(super) fn pause(&self, id: &JobId) -> Result<(), RequestError> {
        self.stop(id, StopReason::Paused)
    }

    pub(super) fn cancel(&self, id: &JobId) -> Result<(), RequestError> {
        self.stop(id, StopReason::User)
    }

    fn stop(&self, id: &JobId, reason: StopReason) -> Result<(), RequestError> {
        match self.running.get(id) {
            Some(job) => job.stop.stop(reason),
            // Its `finished` is on the way or was sent: there is nothing left to stop.
            None if self.finished.iter().any(|status| status.job == *id) => {}
            None => return Err(RequestError::UnknownJob(id.clone())),
        }
        Ok(())
    }

    /// Ends a recording in order.
    pub(super) fn finish(&self, id: &JobId) -> Result<(), RequestError> {
        match self.running.get(id) {
            Some(job) if job.records => job.stop.stop(StopReason::Enough),
            Some(_) => return Err(RequestError::NoRecording(id.clone())),
            // It has ended by itself meanwhile.
            None if self.finished.iter().any(|status| status.job == *id) => {}
            None => return Err(RequestError::UnknownJob(id.clone())),
        }
        Ok(())
    }

    /// A job's links have expired. What the extension is told; None when the job has ended meanwhile.
    pub(super) fn ask(&mut self, ask: Ask) -> Option<Event> {
        let Ask { job, expired, offers } = ask;
        self.running.get_mut(&job)?.offers = Some(offers);
        let Expired {
            track,
            playlist,
            sequence,
            status,
        } = expired;
        Some(Event::Refresh {
            job,
            track,
            playlist,
            sequence,
            status,
        })
    }

    /// Answers a job that has asked for other links.
    pub(super) fn offer(&self, id: &JobId, offer: Offer) -> Result<(), RequestError> {
        let not_waiting = || RequestError::NotWaiting(id.clone());
        match self.running.get(id) {
            // Full: it looks at another offer; closed: it waits for none any more.
            Some(job) => match &job.offers {
                Some(offers) => offers.try_send(offer).map_err(|_| not_waiting()),
                None => Err(not_waiting()),
            },
            None if self.finished.iter().any(|status| status.job == *id) => Err(not_waiting()),
            None => Err(RequestError::UnknownJob(id.clone())),
        }
    }

    pub(super) fn stop_all(&self, reason: StopReason) {
        for job in self.running.values() {
            job.stop.stop(reason);
        }
    }

    /// How those jobs were asked for that another process can go on with, in the order in which they came. Recordings are not
    /// of them: without a browser nobody could end them.
    pub(super) fn requests(&self) -> Vec<StartFrame> {
        let mut running: Vec<_> = self
            .running
            .values()
            .filter(|job| job.can_be_handed_over)
            .collect();
        running.sort_by_key(|job| job.number);
        running.into_iter().map(|job| job.request.clone()).collect()
    }

    pub(super) fn running(&self) -> usize {
        self.running.len()
    }

    /// Files an ended job.
    pub(super) fn end(&mut self, (id, finished): Ended) -> Finished {
        if let Some(job) = self.running.remove(&id) {
            let progress = job.progress.borrow().clone();
            let status = JobStatus {
                job: id,
                title: job.title,
                progress,
                finished: Some(finished.clone()),
            };
            self.finished.push_front(status);
            self.finished.truncate(MAX_JOBS);
        }
        finished
    }

    /// Files a job that has ended in another process, unless it was watched from here.
    pub(super) fn adopt(&mut self, status: JobStatus) {
        let output = |status: &JobStatus| status.finished.as_ref().and_then(|end| end.output.clone());
        let is_known = |known: &JobStatus| {
            known.job == status.job || (output(known).is_some() && output(known) == output(&status))
        };
        if !self.running.contains_key(&status.job) && !self.finished.iter().any(is_known) {
            self.finished.push_front(status);
            self.finished.truncate(MAX_JOBS);
        }
    }

    /// What is struck out of the journal is not remembered here either.
    pub(super) fn forget(&mut self, output: &str) {
        let is_of = |status: &JobStatus| {
            let end = status.finished.as_ref();
            end.is_some_and(|end| end.output.as_deref() == Some(output))
        };
        self.finished.retain(|status| !is_of(status));
    }

    /// The job that ended last.
    pub(super) fn last_ended(&self) -> Option<&JobStatus> {
        self.finished.front()
    }

    /// The progress of jobs that went on since the last call.
    pub(super) fn changed(&mut self) -> Vec<Progress> {
        let changed = |job: &mut Running| {
            let news = job.progress.has_changed().unwrap_or(false);
            news.then(|| job.progress.borrow_and_update().clone())
        };
        self.running.values_mut().filter_map(changed).collect()
    }

    /// Running jobs in the order in which they came, then ended ones, newest first.
    pub(super) fn list(&self) -> Vec<JobStatus> {
        let mut running: Vec<_> = self.running.iter().collect();
        running.sort_by_key(|(_, job)| job.number);
        let status = |(id, job): (&JobId, &Running)| JobStatus {
            job: id.clone(),
            title: job.title.clone(),
            progress: job.progress.borrow().clone(),
            finished: None,
        };
        running
            .into_iter()
            .map(status)
            .chain(self.finished.iter().cloned())
            .collect()
    }

    /// The file of an ended job.
    pub(super) fn output(&self, id: &JobId) -> Result<&str, RequestError> {
        let status = self.finished.iter().find(|status| status.job == *id);
        let status = status.ok_or_else(|| RequestError::UnknownJob(id.clone()))?;
        let output = status
            .finished
            .as_ref()
            .and_then(|finished| finished.output.as_deref());
        output.ok_or_else(|| RequestError::NoFile(id.clone()))
    }
}

async fn in_turn(
    id: &JobId,
    work: Work,
    progress: watch::Sender<Progress>,
    mut stop: Stop,
    turn: Option<oneshot::Receiver<Turn>>,
) -> Finished {
    let Some(mut turn) = turn else {
        return work.run(progress, stop).await;
    };
    let _turn = if let Ok(turn) = turn.try_recv() {
        Some(turn)
    } else {
        let waiting = work.waiting();
        // Only the waiting is given up here: a job that runs ends itself, and cleans up.
        tokio::select! {
            turn = turn => turn.ok(),
            reason = stop.stopped() => {
                let finished = job::refused(Some(id.clone()), JobError::Stopped(reason).failure());
                if let (Some(Claim::New(entry, _)), StopReason::User | StopReason::Enough) = (waiting, reason)
                    && let Err(error) = entry.end(&finished)
                {
                    tracing::warn!("{error}");
                }
                return finished;
            }
        }
    };
    work.run(progress, stop).await
}
