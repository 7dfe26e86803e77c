//! A browser on the port: handshake, requests, jobs and their events.
//!
//! One loop owns everything. A thread reads frames, a thread writes them, a task runs each job; what
//! waits for a slow browser is bounded: answers and ends of jobs are kept in order and stop the reading of
//! new requests when there are many, progress is sent only when nothing else waits, the latest alone.

mod again;
mod error;
mod handover;
mod history;
mod jobs;
mod outbox;
mod turns;
mod wire;

use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::MissedTickBehavior;
use weir_core::protocol::limits::{MAX_FRAME_TO_HOST_BYTES, MAX_HISTORY, MAX_JOBS};
use weir_core::protocol::{
    CaptureNumber, CapturePlan, Container, DownloadItem, ErrorCode, Event, Failure, Finished, JobId,
    JobOptions, Request, RequestContext, RequestId, SettingsChange, VERSION, WhenBrowserCloses,
};
use weir_core::url::AbsoluteUrl;

use crate::batch::Batch;
use crate::error::Coded as _;
use crate::fetch::{Network, Permission};
use crate::job::{Ask, Job, JobError, LiveOptions, Offer, OnGap, Refresher, StopReason};
use crate::journal::{Again, Journal, JournalError};
use crate::keys::GivenKeys;
use crate::output_path::{NameFields, NameTemplate, Subfolder, Target};
use crate::port::{self, FrameError, PortError};
use crate::settings::{Concurrency, Settings, SettingsError, SettingsFile};
use again::Once;
use error::RequestError;
use handover::HandOver;
pub(crate) use handover::{FINISH_CAPTURES, detach};
use jobs::{Jobs, Work};
use outbox::Outbox;
use wire::Incoming;

/// How often progress is told.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(250);

/// How long jobs may take to end, and the last answers to be read, when the port is closed: Chromium kills
/// after two seconds.
const LAST_WORDS_TIME: Duration = Duration::from_millis(900);

/// Answers that may wait for the browser before no more requests are read.
const MAX_WAITING_ANSWERS: usize = 256;

/// How a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionEnd {
    /// The browser closed the port.
    Closed,
    /// The input broke off inside a frame, or could not be read.
    Broken,
    /// The two sides do not speak the same protocol.
    Incompatible,
}

/// Who is at the other end of the port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// A browser. When it closes the port, jobs stop where they can go on.
    Browser,
    /// A host whose browser has gone, and which hands its jobs over. When it closes the port, that was all of them, and
    /// they are finished.
    LeavingHost,
}

/// What a session needs of the machine.
#[derive(Debug)]
pub struct Host {
    /// Where the settings are.
    pub settings: SettingsFile,
    /// Where it is kept how far jobs are.
    pub journal: Option<Journal>,
    /// How long a job waits each time for other links in the place of expired ones.
    pub refresh_patience: Duration,
}

/// Serves one browser until it closes the port, or what one has left until it is finished.
pub async fn run(
    input: impl Read + Send + 'static,
    output: impl Write + Send + 'static,
    peer: Peer,
    host: Host,
) -> SessionEnd {
    let (ended_sender, ended) = mpsc::unbounded_channel();
    let (refresher, asked) = Refresher::new(host.refresh_patience);
    let (taken_sender, taken) = mpsc::unbounded_channel();
    let mut session = Session {
        peer,
        host,
        jobs: Jobs::new(ended_sender),
        outbox: Outbox::default(),
        greeted: None,
        refresher,
        taken: taken_sender,
        network: Arc::default(),
    };
    let news = News { ended, asked, taken };
    let end = session.serve(wire::read(input), wire::write(output), news).await;
    tracing::info!(?end, "session ended");
    end
}

struct Session {
    peer: Peer,
    host: Host,
    jobs: Jobs,
    outbox: Outbox,
    /// How the extension has said hello.
    greeted: Option<Greeted>,
    refresher: Refresher,
    taken: mpsc::UnboundedSender<Taken>,
    /// Of all jobs together.
    network: Arc<Network>,
}

/// What an extension can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Greeted {
    /// All that this protocol has.
    Refreshing,
    /// It knows nothing of `refresh`.
    Plainly,
}

/// Whether a job has taken the plan that this request holds.
type Taken = (RequestId, Result<(), RequestError>);

/// What jobs tell.
struct News {
    ended: mpsc::UnboundedReceiver<jobs::Ended>,
    asked: mpsc::UnboundedReceiver<Ask>,
    taken: mpsc::UnboundedReceiver<Taken>,
}

impl Session {
    async fn serve(
        &mut self,
        mut incoming: mpsc::Receiver<Incoming>,
        (outgoing, written): (mpsc::Sender<Vec<u8>>, oneshot::Receiver<()>),
        News {
            mut ended,
            mut asked,
            mut taken,
        }: News,
    ) -> SessionEnd {
        let mut ticks = tokio::time::interval(PROGRESS_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let end = loop {
            tokio::select! {
                permit = outgoing.reserve(), if !self.outbox.is_empty() => match (permit, self.outbox.pop()) {
                    (Ok(permit), Some(frame)) => permit.send(frame),
                    _ => break SessionEnd::Closed, // nobody reads: EPIPE is the same as the end of the input
                },
                frame = incoming.recv(), if self.outbox.len() < MAX_WAITING_ANSWERS => match frame {
                    None => break SessionEnd::Closed,
                    Some(Ok(frame)) => if let Some(end) = self.frame(frame) { break end },
                    Some(Err(error)) => {
                        self.outbox.push(&Event::Error { re: None, error: error.failure() });
                        break SessionEnd::Broken;
                    }
                },
                Some(job) = ended.recv() => {
                    let finished = self.end(job);
                    self.outbox.push(&Event::Finished(finished));
                },
                Some(ask) = asked.recv() => {
                    if let Some(event) = self.jobs.ask(ask) {
                        self.outbox.push(&event);
                    }
                },
                Some((re, taken)) = taken.recv() => {
                    let answer = taken.map(|()| Event::Done { re });
                    self.outbox.push(&answer.unwrap_or_else(|error| refusal(re, &error)));
                },
                _ = ticks.tick(), if self.outbox.is_empty() => {
                    for progress in self.jobs.changed() {
                        self.outbox.push(&Event::Progress(progress));
                    }
                },
            }
        };
        if self.peer == Peer::LeavingHost {
            while self.jobs.running() > 0
                && let Some(job) = ended.recv().await
            {
                self.end(job);
            }
            return end;
        }
        // Before they are stopped: whoever takes them over waits for each until it is free.
        let handed_over = self.hand_over();
        self.jobs.stop_all(StopReason::BrowserGone);
        let last_words = async {
            while self.jobs.running() > 0
                && let Some(job) = ended.recv().await
            {
                let finished = self.end(job);
                self.outbox.push(&Event::Finished(finished));
            }
            while let Some(frame) = self.outbox.pop() {
                if outgoing.send(frame).await.is_err() {
                    return;
                }
            }
            drop(outgoing);
            let _ = written.await;
            if let Some(handed_over) = handed_over {
                handed_over.done().await;
            }
        };
        let _ = tokio::time::timeout(LAST_WORDS_TIME, last_words).await;
        end
    }

    /// One frame. The end of the session, if it is one.
    fn frame(&mut self, frame: Result<Vec<u8>, FrameError>) -> Option<SessionEnd> {
        let (request, frame) = match frame
            .map_err(|error| (None, error))
            .and_then(|frame| Ok((port::parse(&frame)?, frame)))
        {
            Ok(read) => read,
            Err((re, error)) => {
                tracing::warn!("frame refused: {error}");
                self.outbox.push(&Event::Error {
                    re,
                    error: error.failure(),
                });
                return None;
            }
        };
        if let Request::Hello {
            id,
            protocol,
            extension_version,
            refresh,
        } = request
        {
            let greeting = if refresh {
                Greeted::Refreshing
            } else {
                Greeted::Plainly
            };
            return self.hello(id, protocol, &extension_version, greeting);
        }
        let re = id_of(&request);
        let answer = if self.greeted.is_some() {
            self.answer(request, frame)
        } else {
            Err(RequestError::HelloFirst)
        };
        match answer {
            Ok(Some(event)) => self.outbox.push(&event),
            // A job answers it.
            Ok(None) => {}
            Err(error) => self.outbox.push(&refusal(re, &error)),
        }
        None
    }

    fn hello(
        &mut self,
        id: RequestId,
        protocol: u32,
        extension_version: &str,
        greeting: Greeted,
    ) -> Option<SessionEnd> {
        let refused = match protocol.cmp(&VERSION) {
            _ if self.greeted.is_some() => Some(RequestError::HelloOnce),
            std::cmp::Ordering::Equal => None,
            std::cmp::Ordering::Greater => Some(RequestError::UpdateHost(protocol)),
            std::cmp::Ordering::Less => Some(RequestError::UpdateExtension(protocol)),
        };
        if let Some(error) = refused {
            self.outbox.push(&refusal(id, &error));
            return self.greeted.is_none().then_some(SessionEnd::Incompatible);
        }
        let shown: String = extension_version
            .chars()
            .filter(|c| !c.is_control())
            .take(32)
            .collect();
        tracing::info!("extension {shown} says hello");
        self.greeted = Some(greeting);
        self.outbox.push(&Event::Hello {
            re: id,
            protocol: VERSION,
            host_version: env!("CARGO_PKG_VERSION").to_owned(),
            platform: std::env::consts::OS.to_owned(),
            max_frame_bytes: u32::try_from(MAX_FRAME_TO_HOST_BYTES).unwrap_or(u32::MAX),
            max_jobs: u32::try_from(MAX_JOBS).unwrap_or(u32::MAX),
        });
        None
    }

    /// If the user wants it so, another process begins to take over what is under way. Without a journal it could not go on
    /// where this one was.
    fn hand_over(&self) -> Option<HandOver> {
        self.host.journal.as_ref()?;
        let requests = self.jobs.requests();
        let chosen = self.host.settings.load().ok()?.settings.when_browser_closes;
        if requests.is_empty() || chosen == WhenBrowserCloses::Pause {
            return None;
        }
        HandOver::begin(requests)
            .inspect_err(|error| tracing::warn!("captures are not finished without the browser: {error}"))
            .ok()
    }

    /// A job has ended. Where no browser is there to be told, the next one is.
    fn end(&mut self, job: jobs::Ended) -> Finished {
        let finished = self.jobs.end(job);
        if self.peer == Peer::LeavingHost {
            self.leave_word();
        }
        finished
    }

    fn leave_word(&self) {
        if let (Some(journal), Some(status)) = (&self.host.journal, self.jobs.last_ended())
            && let Err(error) = journal.leave_word(status)
        {
            tracing::warn!("no browser will be told: {error}");
        }
    }

    /// What ended while no browser was there is a job of this one.
    fn take_words(&mut self) {
        let words = self.host.journal.as_ref().map(Journal::take_words);
        match words.transpose() {
            Ok(words) => words
                .into_iter()
                .flatten()
                .for_each(|status| self.jobs.adopt(status)),
            Err(error) => tracing::warn!("what ended without a browser is not known: {error}"),
        }
    }

    /// Carries out a request; `frame` is how it came. None when its answer comes later.
    fn answer(&mut self, request: Request, frame: Vec<u8>) -> Result<Option<Event>, RequestError> {
        let event = match request {
            Request::Hello { .. } => return Err(RequestError::HelloOnce),
            Request::Start {
                id,
                job,
                plan,
                context,
                options,
            } => {
                self.start(job, plan, context, &options, frame)?;
                Event::Done { re: id }
            }
            Request::Download {
                id,
                job,
                title,
                items,
                context,
            } => {
                self.download(job, title, items, context, frame)?;
                Event::Done { re: id }
            }
            Request::Next { id, job } => {
                self.jobs.next(&job)?;
                Event::Done { re: id }
            }
            Request::Pause { id, job } => {
                self.jobs.pause(&job)?;
                Event::Done { re: id }
            }
            Request::Cancel { id, job } => {
                self.jobs.cancel(&job)?;
                Event::Done { re: id }
            }
            Request::Finish { id, job } => {
                self.jobs.finish(&job)?;
                Event::Done { re: id }
            }
            Request::Refreshed {
                id,
                job,
                plan,
                context,
            } => {
                self.refreshed(id, job, plan, context)?;
                return Ok(None);
            }
            Request::RefreshFailed { id, job, reason } => {
                self.jobs.offer(&job, Offer::Nothing(reason))?;
                Event::Done { re: id }
            }
            Request::Jobs { id } => {
                self.take_words();
                Event::Jobs {
                    re: id,
                    jobs: self.jobs.list(),
                }
            }
            Request::Reveal { id, job } => {
                history::reveal(Path::new(self.jobs.output(&job)?))?;
                Event::Done { re: id }
            }
            Request::History { id } => Event::History {
                re: id,
                captures: self.journal()?.history(MAX_HISTORY)?,
            },
            Request::Resume { id, job, capture } => {
                self.start_again(job, Again::Resume(capture.0.into()), frame)?;
                Event::Done { re: id }
            }
            Request::Repair { id, job, capture } => {
                self.start_again(job, Again::Repair(capture.0.into()), frame)?;
                Event::Done { re: id }
            }
            Request::Forget { id, capture } => {
                self.forget(capture)?;
                Event::Done { re: id }
            }
            Request::RevealCapture { id, capture } => {
                history::reveal_capture(self.journal()?, capture)?;
                Event::Done { re: id }
            }
            Request::OpenCapture { id, capture } => {
                history::open_capture(self.journal()?, capture)?;
                Event::Done { re: id }
            }
            Request::Settings { id, change } => self.settings(id, change)?,
            Request::ExampleName {
                id,
                template,
                title,
                page,
                resolution,
                folder,
            } => {
                let name = example_name(&template, &title, &page, resolution, folder.as_deref())?;
                Event::ExampleName { re: id, name }
            }
        };
        Ok(Some(event))
    }

    /// Strikes a capture out of the journal.
    fn forget(&mut self, capture: CaptureNumber) -> Result<(), RequestError> {
        let record = self.journal()?.forget(capture.0.into())?;
        self.jobs.forget(&record.output.unwrap_or_default());
        Ok(())
    }

    fn journal(&self) -> Result<&Journal, RequestError> {
        self.host
            .journal
            .as_ref()
            .ok_or(RequestError::Journal(JournalError::NoHome))
    }

    /// Changes the settings, if anything is to be changed, and tells them.
    fn settings(&mut self, re: RequestId, change: Option<SettingsChange>) -> Result<Event, RequestError> {
        let settings = match change.filter(|change| *change != SettingsChange::default()) {
            Some(change) => self.host.settings.change(&change)?,
            None => self.host.settings.load()?.settings,
        };
        self.heed(&settings);
        Ok(Event::Settings {
            re,
            settings: settings.to_message(),
        })
    }

    /// What is under way is bound by the settings too.
    fn heed(&self, settings: &Settings) {
        self.network.limit(settings.limit_rate);
        self.jobs.at_once(settings.jobs_at_once);
    }

    /// Starts a job of the journal that the host can ask for by itself.
    fn start_again(&mut self, id: JobId, again: Again, frame: Vec<u8>) -> Result<(), RequestError> {
        self.jobs.admit(&id)?;
        let journal = self.journal()?;
        let record = journal.record_of(again.number())?;
        again.fits(record.state)?;
        journal.command_of(record.id)?;
        let title = record.title;
        self.jobs
            .start(Work::Again(Box::new(Once { id, title, again })), frame);
        Ok(())
    }

    /// Hands a job a plan with other links. The job looks at it, and its answer is this request's.
    fn refreshed(
        &self,
        re: RequestId,
        job: JobId,
        plan: CapturePlan,
        context: RequestContext,
    ) -> Result<(), RequestError> {
        let (answer, answered) = oneshot::channel();
        let offer = Offer::Plan {
            plan: Box::new(plan),
            context,
            answer,
        };
        self.jobs.offer(&job, offer)?;
        let taken = self.taken.clone();
        tokio::spawn(async move {
            let answer = match answered.await {
                Ok(answer) => answer.map_err(RequestError::Job),
                // It was cancelled, or had waited long enough, just before it could look.
                Err(_) => Err(RequestError::NotWaiting(job)),
            };
            let _ = taken.send((re, answer));
        });
        Ok(())
    }

    fn start(
        &mut self,
        id: JobId,
        plan: CapturePlan,
        context: RequestContext,
        options: &JobOptions,
        frame: Vec<u8>,
    ) -> Result<(), RequestError> {
        self.jobs.admit(&id)?;
        let loaded = self.host.settings.load()?;
        for warning in &loaded.warnings {
            tracing::warn!("settings: {warning}");
        }
        self.heed(&loaded.settings);
        let concurrency = match options.concurrency {
            Some(count) => Concurrency::new(i64::from(count))?,
            None => loaded.settings.concurrency,
        };
        let template = match &options.name_template {
            Some(template) => template.parse().map_err(SettingsError::from)?,
            None => loaded.settings.name_template,
        };
        let folder = match subfolder(options.folder.as_deref())? {
            Some(folder) => folder
                .make(&loaded.settings.output_folder)
                .map_err(JobError::from)?,
            None => loaded.settings.output_folder,
        };
        let title = plan.title.as_deref();
        let fields = NameFields::of(&plan, title.unwrap_or_default(), context.page.as_ref());
        let job = Job {
            target: Target::titled(&folder, title, options.container).like(&template, &fields),
            id: Some(id),
            plan,
            context,
            container: options.container,
            concurrency,
            subtitle_files: None,
            chapters: Vec::new(),
            on_gap: OnGap::default(),
            live: Some(LiveOptions::default()),
            private_addresses: Permission::Refused,
            downgrades: Permission::Refused,
            keys: GivenKeys::default(),
            proxy: None,
            network: Arc::clone(&self.network),
            journal: self.host.journal.clone(),
            command: None,
            was_recorded: false,
            resume: None,
            repair: None,
            refresher: (self.greeted == Some(Greeted::Refreshing)).then(|| self.refresher.clone()),
            notes: Vec::new(),
        };
        job.check()?;
        self.jobs.start(Work::Capture(Box::new(job)), frame);
        Ok(())
    }

    fn download(
        &mut self,
        id: JobId,
        title: Option<String>,
        items: Vec<DownloadItem>,
        context: RequestContext,
        frame: Vec<u8>,
    ) -> Result<(), RequestError> {
        self.jobs.admit(&id)?;
        let settings = self.host.settings.load()?.settings;
        self.heed(&settings);
        let Settings {
            output_folder,
            concurrency,
            ..
        } = settings;
        let page = context.page.clone().ok_or(RequestError::NoPage)?;
        let batch = Batch {
            target: Target::titled(&output_folder, title.as_deref(), Container::Segments),
            id: Some(id),
            title,
            items,
            left_out: Vec::new(),
            source: page,
            context,
            concurrency,
            private_addresses: Permission::Refused,
            downgrades: Permission::Refused,
            proxy: None,
            network: Arc::clone(&self.network),
            journal: self.host.journal.clone(),
            command: None,
            resume: None,
        };
        batch.check()?;
        self.jobs.start(Work::Download(Box::new(batch)), frame);
        Ok(())
    }
}

/// The folder in the output folder that is wanted.
fn subfolder(text: Option<&str>) -> Result<Option<Subfolder>, RequestError> {
    Ok(text.map(str::parse).transpose().map_err(SettingsError::from)?)
}

/// What a file is called by a template, in a folder of the output folder.
fn example_name(
    template: &str,
    title: &str,
    page: &AbsoluteUrl,
    resolution: Option<(u32, u32)>,
    folder: Option<&str>,
) -> Result<String, RequestError> {
    let template: NameTemplate = template.parse().map_err(SettingsError::from)?;
    let folder = subfolder(folder)?;
    let target = Target::titled(Path::new(""), Some(title), Container::Mp4);
    let name = target
        .like(&template, &NameFields::new(title, page, resolution))
        .file_name();
    Ok(folder.map_or_else(|| name.clone(), |folder| folder.with(&name)))
}

/// A request that is not carried out, as it is answered.
fn refusal(re: RequestId, error: &RequestError) -> Event {
    Event::Error {
        re: Some(re),
        error: error.failure(),
    }
}

fn id_of(request: &Request) -> RequestId {
    match request {
        Request::Hello { id, .. }
        | Request::Start { id, .. }
        | Request::Download { id, .. }
        | Request::Cancel { id, .. }
        | Request::Finish { id, .. }
        | Request::Refreshed { id, .. }
        | Request::RefreshFailed { id, .. }
        | Request::Jobs { id }
        | Request::Next { id, .. }
        | Request::Pause { id, .. }
        | Request::History { id }
        | Request::Resume { id, .. }
        | Request::Repair { id, .. }
        | Request::Forget { id, .. }
        | Request::RevealCapture { id, .. }
        | Request::OpenCapture { id, .. }
        | Request::Reveal { id, .. }
        | Request::ExampleName { id, .. }
        | Request::Settings { id, .. } => *id,
    }
}

/// The frame that tells a caller who is not on the list why nothing follows.
#[must_use]
pub fn unauthorised() -> Event {
    let message = "unauthorised caller: this extension is not on the list".to_owned();
    Event::Error {
        re: None,
        error: Failure {
            code: ErrorCode::UnauthorisedCaller,
            message,
        },
    }
}

/// Writes one frame and no more.
///
/// # Errors
/// Those of the output.
pub fn write_once(output: &mut impl Write, event: &Event) -> Result<(), PortError> {
    let frame = outbox::encode(event).unwrap_or_default();
    output.write_all(&frame)?;
    Ok(output.flush()?)
}
