//! How many tries after a failure a host gets: a token bucket for each.
//!
//! A first request puts in a fifth of what another try costs, so a host that fails is asked at most a fifth more often
//! than if it did not. The bucket begins full: a short capture has hardly any first requests, and has to get over a fault
//! too. An empty one holds the next try back and never refuses it, because what passes by itself must not end a job; it
//! fills with time as well, or a job whose first requests all wait for a failed one would stand still for ever.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use weir_core::url::AbsoluteUrl;

/// Tries that a full bucket holds.
const FULL: u32 = 10;

/// First requests that earn another try.
const REQUESTS_PER_TRY: u32 = 5;

/// The hosts of one job, by origin.
#[derive(Debug)]
pub(super) struct Budgets {
    /// What a try costs: the time in which an empty bucket earns one.
    cost: Duration,
    buckets: Mutex<HashMap<String, Bucket>>,
}

/// What a host's further tries are paid with: it grows by itself, as time does.
#[derive(Debug)]
struct Bucket {
    saved: Duration,
    counted: Instant,
}

impl Bucket {
    fn add(&mut self, earned: Duration, full: Duration, now: Instant) {
        let by_itself = now.duration_since(self.counted);
        self.saved = self
            .saved
            .saturating_add(by_itself)
            .saturating_add(earned)
            .min(full);
        self.counted = now;
    }
}

impl Budgets {
    /// With full buckets in which a try costs `cost`.
    pub(super) fn new(cost: Duration) -> Self {
        Self {
            cost,
            buckets: Mutex::default(),
        }
    }

    /// A first request goes to this URL's host.
    pub(super) fn asked(&self, url: &AbsoluteUrl) {
        self.after(url, self.cost / REQUESTS_PER_TRY, |_| ());
    }

    /// Returns when its host may be asked again.
    pub(super) async fn wait_for_another(&self, url: &AbsoluteUrl) {
        let pay = |bucket: &mut Bucket| match bucket.saved.checked_sub(self.cost) {
            Some(left) => {
                bucket.saved = left;
                None
            }
            None => Some(self.cost.saturating_sub(bucket.saved)),
        };
        while let Some(missing) = self.after(url, Duration::ZERO, pay) {
            tracing::debug!(%url, ?missing, "its host has failed too often to be asked again at once");
            tokio::time::sleep(missing).await;
        }
    }

    fn after<T>(&self, url: &AbsoluteUrl, earned: Duration, act: impl FnOnce(&mut Bucket) -> T) -> T {
        let (full, now) = (self.cost.saturating_mul(FULL), Instant::now());
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = buckets.entry(url.origin()).or_insert(Bucket {
            saved: full,
            counted: now,
        });
        bucket.add(earned, full, now);
        act(bucket)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> AbsoluteUrl {
        AbsoluteUrl::parse(text).unwrap()
    }

    /// How many tries are let through at once after so many first requests.
    async fn tries_at_once(budgets: &Budgets, url: &AbsoluteUrl, requests: u32) -> u32 {
        for _ in 0..requests {
            budgets.asked(url);
        }
        let mut tries = 0;
        while futures_util::poll!(std::pin::pin!(budgets.wait_for_another(url))).is_ready() {
            tries += 1;
        }
        tries
    }

    #[tokio::test(start_paused = true)]
    async fn tries_are_a_fifth_of_the_requests_and_a_few() {
        let (failing, other) = (url("https://a.example/1.ts"), url("https://b.example/1.ts"));
        let budgets = Budgets::new(Duration::from_secs(1));
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
        let budgets = Budgets::new(Duration::from_secs(1));
        let begin = Instant::now();
        let all = (0..FULL + 30).map(|_| budgets.wait_for_another(&failing));
        futures_util::future::join_all(all).await;
        assert_eq!(begin.elapsed(), Duration::from_secs(30), "one a second");
    }
}
