//! One fetch of an ordered stream, from its start until it is handed out. When it holds all others back, a second
//! request for the same is made on another connection; the first that is complete wins.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::task::JoinError;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::body::{Lane, Route};
use super::buffer::Share;
use super::{Client, FetchError, Fetched, Meter, Resource};

/// A fetch is not doubled before it has taken this long.
const MIN_PATIENCE: Duration = Duration::from_secs(2);

/// Nor before it has taken this many times as long as those before it took on average.
const PATIENCE_FACTOR: u32 = 4;

/// A fetch that has taken this many times as long as those before it is late, if it has taken [`MIN_LATENESS`].
const LATENESS_FACTOR: u32 = 2;
const MIN_LATENESS: Duration = Duration::from_millis(100);

pub(super) type Task = AbortOnDropHandle<Result<Fetched, FetchError>>;

/// One fetch.
pub(super) struct Slot {
    resource: Resource,
    began: Instant,
    first: Option<Task>,
    second: Second,
    /// Why the first has failed, while the second still runs.
    failed: Option<FetchError>,
    /// What came of it, where that was looked at before its turn.
    outcome: Option<Result<Fetched, FetchError>>,
    /// It was begun with a link in whose place there is another now.
    is_outdated: bool,
    /// Keeps the room of a finished body until it is handed out.
    share: Arc<Share>,
}

/// The second request for the same.
enum Second {
    NotYet,
    Running(Task),
    Failed,
}

impl Slot {
    pub(super) fn new(resource: Resource, first: Task, share: Arc<Share>) -> Self {
        Self {
            resource,
            began: Instant::now(),
            first: Some(first),
            second: Second::NotYet,
            failed: None,
            outcome: None,
            is_outdated: false,
            share,
        }
    }

    /// There is another link to the same. What has come is kept, and what is under way may still come. True when it was
    /// refused: [`Slot::restart`] is due.
    pub(super) fn renew(&mut self, resource: Resource) -> bool {
        self.resource = resource;
        self.is_outdated = true;
        if let (None, Some(first)) = (&self.outcome, self.first.as_mut()) {
            let mut now = Context::from_waker(Waker::noop());
            if let Poll::Ready(result) = Pin::new(first).poll(&mut now) {
                self.first = None;
                self.outcome = Some(self.settled(result));
            }
        }
        matches!(&self.outcome, Some(Err(error)) if error.is_expired_link())
    }

    /// Whether what has come of it is a refusal of a link in whose place there is another now.
    pub(super) fn may_restart(&self, result: &Result<Fetched, FetchError>) -> bool {
        self.is_outdated && matches!(result, Err(error) if error.is_expired_link())
    }

    /// Begins again, with the latest link.
    pub(super) fn restart(&mut self, start: impl FnOnce(&Resource, &Arc<Share>) -> Task) {
        self.share.reset();
        self.began = Instant::now();
        self.first = Some(start(&self.resource, &self.share));
        self.second = Second::NotYet;
        (self.failed, self.outcome) = (None, None);
        self.is_outdated = false;
    }

    /// Whether it only waits to be handed out.
    pub(super) fn is_finished(&self) -> bool {
        self.first.as_ref().is_none_or(AbortOnDropHandle::is_finished)
    }

    /// From when on it is late, where fetches like this take `typical`; None when it is finished.
    pub(super) fn late_from(&self, typical: Duration) -> Option<Instant> {
        let patience = typical.saturating_mul(LATENESS_FACTOR).max(MIN_LATENESS);
        (!self.is_finished()).then(|| self.began + patience)
    }

    /// When a second request is due, where fetches like this take `typical`; None when there was one.
    pub(super) fn second_due(&self, typical: Duration) -> Option<Instant> {
        let patience = typical.saturating_mul(PATIENCE_FACTOR).max(MIN_PATIENCE);
        matches!(self.second, Second::NotYet).then(|| self.began + patience)
    }

    /// Makes the second request.
    pub(super) fn start_second(&mut self, client: &Client, meter: &Arc<Meter>) {
        tracing::debug!(url = %self.resource.url, "asking a second time on another connection");
        let (client, meter, resource) = (client.clone(), Arc::clone(meter), self.resource.clone());
        meter.add_retry();
        let task = tokio::spawn(async move {
            let lane = Lane {
                meter: Some(&meter),
                route: Route::Apart,
                ..Lane::default()
            };
            client.get_in(&resource, lane).await
        });
        self.second = Second::Running(AbortOnDropHandle::new(task));
    }

    /// The body, whichever request brings it; the first one's error when neither does. Cancel safe.
    pub(super) async fn outcome(&mut self) -> Result<Fetched, FetchError> {
        if let Some(outcome) = self.outcome.take() {
            return outcome;
        }
        loop {
            tokio::select! {
                biased;
                result = ended(self.first.as_mut()) => {
                    self.first = None;
                    match (self.settled(result), &self.second) {
                        (Err(error), Second::Running(_)) => self.failed = Some(error),
                        (result, _) => return result,
                    }
                }
                result = ended(self.second.task()) => {
                    self.second = Second::Failed;
                    match (self.settled(result), self.failed.take()) {
                        (Ok(fetched), _) => return Ok(fetched),
                        (Err(_), Some(error)) => return Err(error),
                        (Err(error), None) => tracing::debug!(%error, "the second request failed"),
                    }
                }
            }
        }
    }

    fn settled(&self, result: Result<Result<Fetched, FetchError>, JoinError>) -> Result<Fetched, FetchError> {
        result.unwrap_or_else(|_| {
            Err(FetchError::Internal {
                url: Box::new(self.resource.url.clone()),
            })
        })
    }
}

impl Second {
    fn task(&mut self) -> Option<&mut Task> {
        match self {
            Self::Running(task) => Some(task),
            Self::NotYet | Self::Failed => None,
        }
    }
}

/// The end of a task; never, without one.
async fn ended(task: Option<&mut Task>) -> Result<Result<Fetched, FetchError>, JoinError> {
    match task {
        Some(task) => task.await,
        None => std::future::pending().await,
    }
}
