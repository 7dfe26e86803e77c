//! A job's progress, from what was received and what was merged.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use weir_core::protocol::{JobState, Progress, SegmentCounts};

use crate::fetch;

/// What "recent" means for the speed that is shown.
const SPEED_WINDOW: Duration = Duration::from_secs(5);

/// A job's progress; every change is seen by whoever watches.
#[derive(Debug)]
pub(crate) struct Meter {
    progress: watch::Sender<Progress>,
    received: Arc<fetch::Meter>,
    /// Fetched again because they did not decrypt.
    fetched_again: AtomicU64,
    /// Segments that were in the output before this process.
    before: AtomicU64,
    started: Instant,
    /// When, and how many bytes until then; one for each count.
    marks: Mutex<VecDeque<(Instant, u64)>>,
}

impl Meter {
    pub(crate) fn new(progress: watch::Sender<Progress>) -> Self {
        let now = Instant::now();
        Self {
            progress,
            received: Arc::default(),
            fetched_again: AtomicU64::new(0),
            before: AtomicU64::new(0),
            started: now,
            marks: Mutex::new(VecDeque::from([(now, 0)])),
        }
    }

    /// Counts what comes in.
    pub(crate) fn received(&self) -> &Arc<fetch::Meter> {
        &self.received
    }

    pub(crate) fn state(&self, state: JobState) {
        self.count();
        self.progress.send_modify(|progress| progress.state = state);
    }

    pub(crate) fn segments(&self) -> SegmentCounts {
        self.progress.borrow().segments
    }

    pub(super) fn retried(&self) {
        self.fetched_again.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes over what came in until now.
    pub(crate) fn count(&self) {
        let bytes = self.received.bytes();
        let retried = self.received.retries() + self.fetched_again.load(Ordering::Relaxed);
        let bytes_per_second = self.speed(Instant::now(), bytes);
        self.progress.send_modify(|progress| {
            progress.bytes = bytes;
            progress.segments.retried = retried;
            progress.bytes_per_second = bytes_per_second;
        });
    }

    /// So many are in the output already.
    pub(crate) fn resumed(&self, merged: u64, retried: u64) {
        self.fetched_again.fetch_add(retried, Ordering::Relaxed);
        self.before.store(merged, Ordering::Relaxed);
        self.progress.send_modify(|progress| {
            progress.segments.fetched = merged;
            progress.segments.retried = retried;
        });
    }

    /// So much is in the output of a process that is watched.
    pub(super) fn watched(&self, merged: u64, bytes: u64) {
        let bytes_per_second = self.speed(Instant::now(), bytes);
        self.progress.send_modify(|progress| {
            progress.state = JobState::Running;
            progress.segments.fetched = merged;
            progress.bytes = bytes;
            progress.bytes_per_second = bytes_per_second;
        });
    }

    /// So many segments of a live stream were known until here.
    pub(super) fn known(&self, count: u64) {
        self.progress
            .send_modify(|progress| progress.segments.total = count);
    }

    /// So many more segments of a live stream are known.
    pub(super) fn listed(&self, count: u64) {
        self.progress
            .send_modify(|progress| progress.segments.total += count);
    }

    /// A segment of a live stream that was known is not recorded, and not missed either.
    pub(super) fn unlisted(&self) {
        self.progress
            .send_modify(|progress| progress.segments.total = progress.segments.total.saturating_sub(1));
    }

    /// One more segment is in the output; it ends at this time of the recording.
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    pub(crate) fn merged(&self, end_seconds: f64) {
        let elapsed = self.started.elapsed().as_secs_f64();
        self.progress.send_modify(|progress| {
            let segments = &mut progress.segments;
            segments.fetched += 1;
            // Nobody knows how long a live stream goes on.
            if let Some(recorded) = &mut progress.recorded_seconds {
                *recorded = recorded.max(end_seconds);
                return;
            }
            let left = segments.total.saturating_sub(segments.fetched);
            let own = segments
                .fetched
                .saturating_sub(self.before.load(Ordering::Relaxed))
                .max(1);
            progress.eta_seconds = Some(elapsed / own as f64 * left as f64);
        });
    }

    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    fn speed(&self, now: Instant, bytes: u64) -> f64 {
        let Ok(mut marks) = self.marks.lock() else {
            return 0.0;
        };
        marks.push_back((now, bytes));
        let old = |mark: Option<&(Instant, u64)>| {
            mark.is_some_and(|(then, _)| now.duration_since(*then) > SPEED_WINDOW)
        };
        while marks.len() > 2 && old(marks.get(1)) {
            marks.pop_front();
        }
        let Some((then, before)) = marks.front() else {
            return 0.0;
        };
        let seconds = now.duration_since(*then).as_secs_f64().max(0.001);
        bytes.saturating_sub(*before) as f64 / seconds
    }
}
