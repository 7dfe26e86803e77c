//! Ending a job early, with the reason.

use tokio::sync::watch;

/// Why a job is ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// The user cancelled it: nothing is kept.
    User,
    /// The user has enough: a live recording ends in order and keeps its file, another job is cancelled.
    Enough,
    /// The browser closed the port.
    BrowserGone,
    /// The user wants it to go on later: what there is is kept.
    Paused,
}

/// The end that stops a job. Dropping it stops nothing.
#[derive(Debug)]
pub struct StopHandle(watch::Sender<Option<StopReason>>);

/// The end that a job listens to.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<Option<StopReason>>);

impl StopHandle {
    /// Both ends.
    #[must_use]
    pub fn new() -> (Self, Stop) {
        let (sender, receiver) = watch::channel(None);
        (Self(sender), Stop(receiver))
    }

    /// Ends the job; the first reason stands, but a recording that ends in order can still be cancelled.
    pub fn stop(&self, reason: StopReason) {
        self.0.send_if_modified(|current| {
            let stands = match current {
                None => false,
                Some(StopReason::Enough) => reason == StopReason::Enough,
                Some(StopReason::User | StopReason::BrowserGone | StopReason::Paused) => true,
            };
            if !stands {
                *current = Some(reason);
            }
            !stands
        });
    }
}

impl Stop {
    /// Waits until the job is to end, maybe for ever.
    pub async fn stopped(&mut self) -> StopReason {
        self.stopped_for(|_| true).await
    }

    /// The same, but what ends a recording in order is not waited for.
    pub(super) async fn broken_off(&mut self) -> StopReason {
        self.stopped_for(|reason| reason != StopReason::Enough).await
    }

    async fn stopped_for(&mut self, counts: impl Fn(StopReason) -> bool) -> StopReason {
        if let Ok(reason) = self.0.wait_for(|reason| reason.is_some_and(&counts)).await
            && let Some(reason) = *reason
        {
            return reason;
        }
        std::future::pending().await
    }
}
