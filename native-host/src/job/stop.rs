//! Ending a job early, with the reason.

use tokio::sync::watch;

/// Why a job is ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// The user cancelled it.
    User,
    /// The browser closed the port.
    BrowserGone,
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

    /// Ends the job; the first reason stands.
    pub fn stop(&self, reason: StopReason) {
        self.0
            .send_if_modified(|current| current.is_none() && current.replace(reason).is_none());
    }
}

impl Stop {
    /// Waits until the job is to end, maybe for ever.
    pub async fn stopped(&mut self) -> StopReason {
        if let Ok(reason) = self.0.wait_for(Option::is_some).await
            && let Some(reason) = *reason
        {
            return reason;
        }
        std::future::pending().await
    }
}
