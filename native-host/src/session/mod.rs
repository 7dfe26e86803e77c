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
mod requests;
mod starting;
mod turns;
mod wire;

use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::MissedTickBehavior;
use weir_core::protocol::limits::{MAX_FRAME_TO_HOST_BYTES, MAX_JOBS};
use weir_core::protocol::{
    ErrorCode, Event, Failure, Finished, Request, RequestId, VERSION, WhenBrowserCloses,
};

use crate::error::Coded as _;
use crate::fetch::Network;
use crate::job::{Ask, Refresher, StopReason};
use crate::journal::Journal;
use crate::port::{self, FrameError, PortError};
use crate::settings::SettingsFile;
use error::RequestError;
use handover::HandOver;
pub(crate) use handover::{FINISH_CAPTURES, detach};
use jobs::Jobs;
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
