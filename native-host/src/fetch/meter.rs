//! What has arrived so far, for progress.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts across all the fetches that share it, while they run. Counters only rise.
#[derive(Debug, Default)]
pub struct Meter {
    bytes: AtomicU64,
    retries: AtomicU64,
}

impl Meter {
    /// Bytes of bodies received, those of failed tries included.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Tries beyond the first.
    #[must_use]
    pub fn retries(&self) -> u64 {
        self.retries.load(Ordering::Relaxed)
    }

    pub(super) fn add_bytes(&self, count: u64) {
        self.bytes.fetch_add(count, Ordering::Relaxed);
    }

    pub(super) fn add_retry(&self) {
        self.retries.fetch_add(1, Ordering::Relaxed);
    }
}
