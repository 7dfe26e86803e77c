//! Links that expire while a job runs: whoever started it is asked for others, and they are taken for the same capture or not
//! at all.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};
use weir_core::protocol::{CapturePlan, JobId, MediaSequence, RefreshFailure, RequestContext};
use weir_core::url::AbsoluteUrl;

use super::{Job, JobError, check};
use crate::fetch::Client;

/// How long other links are waited for: a page is read again in less than a second, and a person needs some to reload it.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// So often in a row other links may be refused before anything came through one.
const MAX_IN_VAIN: u32 = 3;

/// The same before anything came at all. The page may have read its playlist long before the click, and what it has read
/// since may be too old again: the second time it is read for this capture. But who is not let in for another reason is
/// told soon.
const MAX_AT_FIRST: u32 = 2;

/// Asks for other links.
#[derive(Debug, Clone)]
pub struct Refresher {
    asks: mpsc::UnboundedSender<Ask>,
    patience: Duration,
}

/// A job's question. It waits for one offer at a time, and takes the first that is of the same capture.
#[derive(Debug)]
pub struct Ask {
    /// Who asks.
    pub job: JobId,
    /// What was refused.
    pub expired: Expired,
    /// Where answers go; closed when none is waited for any more.
    pub offers: mpsc::Sender<Offer>,
}

/// A link that a server refuses after it had taken others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expired {
    /// Index of the plan's track.
    pub track: u32,
    /// The track's playlist.
    pub playlist: AbsoluteUrl,
    /// The segment.
    pub sequence: MediaSequence,
    /// 403 or 410.
    pub status: u16,
}

/// An answer.
#[derive(Debug)]
pub enum Offer {
    /// The same stream, planned anew.
    Plan {
        /// With links that are good now.
        plan: Box<CapturePlan>,
        /// Headers and cookies for them.
        context: RequestContext,
        /// Told whether the job goes on with it.
        answer: oneshot::Sender<Result<(), JobError>>,
    },
    /// There are none.
    Nothing(RefreshFailure),
}

/// Why there is no other link in the place of one that has expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Outlook {
    /// There is nobody to ask.
    #[default]
    NotAsked,
    /// The same, and whoever reads it typed a command.
    CommandLine,
    /// The extension says so.
    Failed(RefreshFailure),
    /// No answer came in this time.
    Silence(Duration),
    /// What came was refused too.
    InVain,
}

impl Refresher {
    /// Both ends. `patience` bounds how long a job waits each time.
    #[must_use]
    pub fn new(patience: Duration) -> (Self, mpsc::UnboundedReceiver<Ask>) {
        let (asks, asked) = mpsc::unbounded_channel();
        (Self { asks, patience }, asked)
    }
}

/// Other links for a job, each time that its own have expired.
#[derive(Debug, Default)]
pub(super) struct Refreshes {
    /// Since anything was had.
    in_vain: u32,
    has_worked: bool,
}

impl Refreshes {
    /// Something was had.
    pub(super) fn worked(&mut self) {
        *self = Self {
            in_vain: 0,
            has_worked: true,
        };
    }

    /// Gives the job other links, and returns the client for them. Waits for them, but not for ever.
    pub(super) async fn next(
        &mut self,
        job: &mut Job,
        client: &Client,
        expired: Expired,
    ) -> Result<Client, Outlook> {
        let (Some(refresher), Some(id)) = (job.refresher.clone(), job.id.clone()) else {
            return Err(if job.id.is_some() {
                Outlook::NotAsked
            } else {
                Outlook::CommandLine
            });
        };
        let most = if self.has_worked {
            MAX_IN_VAIN
        } else {
            MAX_AT_FIRST
        };
        if self.in_vain >= most {
            return Err(Outlook::InVain);
        }
        self.in_vain += 1;
        tracing::info!(
            job = id.as_str(),
            status = expired.status,
            "links have expired: asking for others"
        );
        let deadline = Instant::now() + refresher.patience;
        let (offers, mut offered) = mpsc::channel(1);
        let ask = Ask {
            job: id,
            expired,
            offers,
        };
        let mut outlook = Outlook::Silence(refresher.patience);
        if refresher.asks.send(ask).is_err() {
            return Err(outlook);
        }
        while let Ok(Some(offer)) = timeout_at(deadline, offered.recv()).await {
            match offer {
                Offer::Nothing(reason) => return Err(Outlook::Failed(reason)),
                Offer::Plan {
                    plan,
                    context,
                    answer,
                } => match take(job, client, *plan, context) {
                    Ok(client) => {
                        let _ = answer.send(Ok(()));
                        return Ok(client);
                    }
                    Err(error) => {
                        tracing::warn!("a plan with other links is not taken: {error}");
                        if matches!(error, JobError::OtherStream) {
                            outlook = Outlook::Failed(RefreshFailure::OtherStream);
                        }
                        let _ = answer.send(Err(error));
                    }
                },
            }
        }
        Err(outlook)
    }
}

/// Takes a plan in the place of the job's, checked as strictly as the first, if it is of the same capture: then what is
/// known of a place in the one is true of the other.
fn take(
    job: &mut Job,
    client: &Client,
    plan: CapturePlan,
    context: RequestContext,
) -> Result<Client, JobError> {
    check::fresh(&plan, &context, check::rules(job))?;
    let is_recording = job.recording().is_some();
    if plan.live && !is_recording || job.identity(&plan) != job.identity(&job.plan) {
        return Err(JobError::OtherStream);
    }
    let client = client.renewed(context.clone(), plan.source.clone())?;
    // The title stays: the output has its name.
    job.plan = Arc::new(CapturePlan {
        title: job.plan.title.clone(),
        ..plan
    });
    // Its stream may have ended meanwhile.
    job.was_recorded |= is_recording;
    job.context = context;
    Ok(client)
}

impl fmt::Display for Outlook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const AGAIN: &str = "reopen the page and capture again";
        match self {
            Self::NotAsked => write!(f, ": {AGAIN}"),
            Self::CommandLine => f.write_str(
                ": get a fresh link from the page and give the same command with it, and it goes on where it is",
            ),
            Self::Failed(RefreshFailure::TabGone) => {
                write!(f, ", and the tab that the stream came from is gone: {AGAIN}")
            }
            Self::Failed(RefreshFailure::OtherStream) => {
                write!(f, ", and the playlist of the page is another one now: {AGAIN}")
            }
            Self::Failed(RefreshFailure::Unreadable) => {
                write!(f, ", and the page's playlist cannot be read again: {AGAIN}")
            }
            Self::Silence(time) => {
                write!(f, ", and no other came within {} s: {AGAIN}", time.as_secs())
            }
            Self::InVain => write!(f, ", and those that the page gave in its place too: {AGAIN}"),
        }
    }
}
