//! Hosts that asked to be left alone (`Retry-After`): every request to them waits, not only the one that was told.

use std::time::Duration;

use tokio::time::Instant;
use weir_core::url::AbsoluteUrl;

use super::hosts::{Host, Hosts};

/// When each host may be asked again.
#[derive(Debug, Default)]
pub(super) struct Pauses(Hosts<Until>);

#[derive(Debug)]
struct Until(Instant);

impl Host for Until {
    fn new(now: Instant) -> Self {
        Self(now)
    }

    fn is_at_rest(&self, now: Instant) -> bool {
        self.0 <= now
    }
}

impl Pauses {
    /// This URL's host is left alone for so long.
    pub(super) fn pause(&self, url: &AbsoluteUrl, time: Duration) {
        self.0.with(&url.origin(), |until, now| {
            until.0 = until.0.max(now + time);
        });
    }

    /// Returns when its host may be asked.
    pub(super) async fn wait_for(&self, url: &AbsoluteUrl) {
        let wait = self
            .0
            .with(&url.origin(), |until, now| (until.0 > now).then_some(until.0));
        if let Some(until) = wait {
            tokio::time::sleep_until(until).await;
        }
    }
}
