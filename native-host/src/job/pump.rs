//! Fetched ahead, decrypted and handed to the merger in order.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;
use weir_core::protocol::{Gap, PlannedSegment};

use super::merging::MergeThread;
use super::meter::Meter;
use super::order::{self, Entry};
use super::segments::{self, OpenGap, Preparer};
use super::{Job, JobError, OnGap};
use crate::fetch::{Client, Ordered, Window, ordered};

/// How often bytes that came in are counted while a segment is under way.
const COUNT_INTERVAL: Duration = Duration::from_millis(100);

/// Every segment of the plan through fetch, decrypt and merge. The gaps, each with its reason.
pub(super) async fn run(
    job: &Job,
    client: Client,
    meter: &Arc<Meter>,
    merging: &mut MergeThread,
) -> Result<Vec<(Gap, String)>, JobError> {
    let entries = order::interleaved(&job.plan);
    let planned = |entry: &Entry| job.plan.tracks.get(entry.track)?.segments.get(entry.segment);
    let wanted = entries
        .iter()
        .filter_map(planned)
        .filter(|segment| !segment.gap)
        .map(segments::resource);
    let window = Window::new(NonZeroUsize::new(job.concurrency.get()).unwrap_or(NonZeroUsize::MIN));
    // Collected, because the fetches outlive this borrow of the plan.
    let mut fetches = ordered(&client, wanted.collect::<Vec<_>>(), window, meter.received());
    let mut preparer = Preparer::new(client, Arc::clone(meter));
    let mut gaps = Gaps {
        on_gap: job.on_gap,
        found: Vec::new(),
        open: vec![None; job.plan.tracks.len()],
    };
    for entry in &entries {
        let Some(segment) = planned(entry) else { continue };
        let input = match next(segment, &mut fetches, &mut preparer, meter).await {
            Ok(Some(input)) => input,
            Ok(None) => {
                let reason = format!(
                    "segment {}: the playlist says that it is missing",
                    segment.sequence.0
                );
                gaps.add(*entry, segment, reason);
                continue;
            }
            Err(error) => {
                gaps.accept(*entry, segment, error)?;
                continue;
            }
        };
        let gap = gaps.close(entry.track);
        merging
            .push(segment.sequence, input.into_merger(entry.track, segment, gap))
            .await?;
    }
    Ok(gaps.found)
}

/// The next segment, ready to merge; None for one that the playlist marks as missing.
async fn next(
    segment: &PlannedSegment,
    downloads: &mut Ordered,
    preparer: &mut Preparer,
    meter: &Meter,
) -> Result<Option<segments::Prepared>, JobError> {
    if segment.gap {
        return Ok(None);
    }
    let mut ticks = tokio::time::interval(COUNT_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let fetched = loop {
        tokio::select! {
            fetched = downloads.next() => break fetched,
            _ = ticks.tick() => meter.count(),
        }
    };
    let fetched = fetched.ok_or_else(|| JobError::internal("a segment was not fetched"))?;
    let bytes = fetched
        .map_err(|error| preparer.failed(segment.sequence, error))?
        .bytes;
    preparer.prepare(segment, bytes).await.map(Some)
}

/// What is missing so far.
struct Gaps {
    on_gap: OnGap,
    found: Vec<(Gap, String)>,
    /// By track: what was left out since its last segment.
    open: Vec<Option<OpenGap>>,
}

impl Gaps {
    fn add(&mut self, entry: Entry, segment: &PlannedSegment, reason: String) {
        self.found.push((order::gap(entry, segment), reason));
        if let Some(open) = self.open.get_mut(entry.track) {
            let gap = open.get_or_insert_default();
            gap.seconds += order::known(segment).unwrap_or(0.0);
            gap.discontinuity |= segment.discontinuity;
        }
    }

    /// Takes an error as a gap, where that is wanted and it is one.
    fn accept(&mut self, entry: Entry, segment: &PlannedSegment, error: JobError) -> Result<(), JobError> {
        if self.on_gap == OnGap::Fail || !error.is_gap() {
            return Err(error);
        }
        tracing::warn!("gap: {error}");
        self.add(entry, segment, error.to_string());
        Ok(())
    }

    /// What was left out before the segment that comes now.
    fn close(&mut self, track: usize) -> Option<OpenGap> {
        self.open.get_mut(track)?.take()
    }
}
