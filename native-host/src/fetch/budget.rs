//! How many tries after a failure a host gets: a token bucket for each.
//!
//! A first request puts in a fifth of what another try costs, so a host that fails is asked at most a fifth more often
//! than if it did not. The bucket begins full: a short capture has hardly any first requests, and has to get over a fault
//! too. An empty one holds the next try back and never refuses it, because what passes by itself must not end a job; it
//! fills with time as well, or a job whose first requests all wait for a failed one would stand still for ever.

use std::time::Duration;

use tokio::time::Instant;
use weir_core::url::AbsoluteUrl;

use super::hosts::{Host, Hosts};

/// Tries that a full bucket holds.
const FULL: u32 = 10;

/// First requests that earn another try.
const REQUESTS_PER_TRY: u32 = 5;

/// A bucket for each host. What a try costs is a time: that in which an empty bucket earns one.
#[derive(Debug, Default)]
pub(super) struct Budgets(Hosts<Bucket>);

/// What a host's further tries are paid with: it grows by itself, as time does.
#[derive(Debug)]
struct Bucket {
    /// What it lacks to be full.
    spent: Duration,
    counted: Instant,
}

impl Host for Bucket {
    fn new(now: Instant) -> Self {
        Self {
            spent: Duration::ZERO,
            counted: now,
        }
    }

    fn is_at_rest(&self, now: Instant) -> bool {
        self.spent <= now.duration_since(self.counted)
    }
}

impl Bucket {
    fn add(&mut self, earned: Duration, now: Instant) {
        let by_itself = now.duration_since(self.counted);
        self.spent = self.spent.saturating_sub(by_itself).saturating_sub(earned);
        self.counted = now;
    }

    /// Pays for a try, or says what is missing.
    fn pay(&mut self, cost: Duration) -> Option<Duration> {
        let spent = self.spent.saturating_add(cost);
        let missing = spent.saturating_sub(cost.saturating_mul(FULL));
        if missing > Duration::ZERO {
            return Some(missing);
        }
        self.spent = spent;
        None
    }
}

impl Budgets {
    /// A first request goes to this URL's host, where another try costs `cost`.
    pub(super) fn asked(&self, url: &AbsoluteUrl, cost: Duration) {
        self.0.with(&url.origin(), |bucket, now| {
            bucket.add(cost / REQUESTS_PER_TRY, now);
        });
    }

    /// Returns when its host may be asked again.
    pub(super) async fn wait_for_another(&self, url: &AbsoluteUrl, cost: Duration) {
        let pay = |bucket: &mut Bucket, now| {
            bucket.add(Duration::ZERO, now);
            bucket.pay(cost)
        };
        while let Some(missing) = self.0.with(&url.origin(), pay) {
            tracing::debug!(%url, ?missing, "its host has failed too often to be asked again at once");
            tokio::time::sleep(missing).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COST: Duration = Duration::from_secs(1);

    fn url(text: &str) -> AbsoluteUrl {
        AbsoluteUrl::parse(text).unwrap()
    }

    /// How many tries are let through at once after so many first requests.
    async fn tries_at_once(budgets: &Budgets, url: &AbsoluteUrl, requests: u32) -> u32 {
        for _ in 0..requests {
            budgets.asked(url, COST);
        }
        let mut tries = 0;
        while futures_util::poll!(std::pin::pin!(budgets.wait_for_another(url, COST))).is_ready() {
            tries += 1;
        }
        tries
    }

    #[tokio::test(start_paused = true)]
    async fn tries_are_a_fifth_of_the_requests_and_a_few() {
        let (failing, other) = (url("https://a.example/1.ts"), url("https://b.example/1.ts"));
        let budgets = Budgets::default();
        assert_eq!(tries_at_once(&budgets, &failing, 0).await, FULL);
        assert_eq!(tries_at_once(&budgets, &failing, 4).await, 0);
        assert_eq!(tries_at_once(&budgets, &failing, 1).await, 1);
        assert_eq!(tries_at_once(&budgets, &failing, 25).await, 5);
        assert_eq!(
            tries_at_once(&budgets, &failing, 10_000).await,
            FULL,
            "no more is saved"
        );
        assert_eq!(
            tries_at_once(&budgets, &other, 0).await,
            FULL,
            "each host has its own"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn an_empty_bucket_holds_back_and_refuses_nobody() {
        let failing = url("https://a.example/1.ts");
        let budgets = Budgets::default();
        let begin = Instant::now();
        let all = (0..FULL + 30).map(|_| budgets.wait_for_another(&failing, COST));
        futures_util::future::join_all(all).await;
        assert_eq!(begin.elapsed(), Duration::from_secs(30), "one a second");
    }
}
