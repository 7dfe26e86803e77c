//! Fetched ahead, decrypted and handed to the merger in order.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;
use weir_core::protocol::PlannedSegment;

use super::gaps::Gaps;
use super::merging::MergeThread;
use super::meter::Meter;
use super::order;
use super::points::Fetching;
use super::segments::{self, Preparer};
use super::shortfall::Measured;
use super::{Job, JobError, OnGap};
use crate::fetch::{Client, Ordered, Window, ordered};
use crate::journal::SavedHole;

/// How often bytes that came in are counted while a segment is under way.
const COUNT_INTERVAL: Duration = Duration::from_millis(100);

/// Every segment of the plan through fetch, decrypt and merge, from there on. What is missing, and how many segments were
/// merged.
pub(super) async fn run(
    job: &Job,
    client: Client,
    meter: &Arc<Meter>,
    merging: &mut MergeThread,
    mut at: Fetching,
) -> Result<(Gaps, usize), JobError> {
    let entries = order::interleaved(&job.plan);
    let entries = entries.get(at.done..).unwrap_or_default();
    let planned = |entry: &order::Entry| job.plan.tracks.get(entry.track)?.segments.get(entry.segment);
    let wanted = entries
        .iter()
        .filter_map(planned)
        .filter(|segment| !segment.gap)
        .map(segments::resource);
    let window = Window::new(NonZeroUsize::new(job.concurrency.get()).unwrap_or(NonZeroUsize::MIN));
    // Collected, because the fetches outlive this borrow of the plan.
    let mut fetches = ordered(&client, wanted.collect::<Vec<_>>(), window, meter.received());
    let declaration = segments::declaration(&job.plan);
    let mut preparer = Preparer::new(client, Arc::clone(meter), declaration, job.keys.clone());
    for entry in entries {
        at.done += 1;
        let Some(segment) = planned(entry) else { continue };
        let place = order::gap(*entry, segment);
        let (input, measured) = match next(segment, &mut fetches, &mut preparer, meter).await {
            Ok(Some(input)) => input,
            Ok(None) => {
                let reason = format!(
                    "segment {}: the playlist says that it is missing",
                    segment.sequence.0
                );
                at.gaps.add(place, segment.discontinuity, reason);
                continue;
            }
            // A gap where that is wanted and it is one.
            Err(error) if job.on_gap == OnGap::Keep && error.is_gap() => {
                tracing::warn!("gap: {error}");
                at.gaps.add(place, segment.discontinuity, error.to_string());
                continue;
            }
            Err(error) => return Err(error),
        };
        let missing = at.gaps.missing(entry.track);
        if let Some((gap, reason)) = at.shortfalls.add(&place, segment, measured) {
            at.gaps.add(gap, false, reason);
        }
        let gap = at.gaps.close(entry.track);
        if let Some(first) = missing {
            merging
                .hole(SavedHole {
                    track: entry.track,
                    first,
                    behind: segment.sequence.0,
                    lead: input.lead(segment),
                    merger: Vec::new(),
                })
                .await;
        }
        at.pushed += 1;
        merging
            .push(
                place,
                input.into_merger(entry.track, segment, gap),
                Some(at.clone()),
            )
            .await?;
    }
    let Fetching {
        mut gaps,
        shortfalls,
        pushed,
        ..
    } = at;
    for (gap, reason) in shortfalls.end() {
        gaps.add_late(gap, reason);
    }
    Ok((gaps, pushed))
}

/// The next segment, ready to merge; None for one that the playlist marks as missing.
pub(super) async fn next(
    segment: &PlannedSegment,
    downloads: &mut Ordered,
    preparer: &mut Preparer,
    meter: &Meter,
) -> Result<Option<(segments::Prepared, Measured)>, JobError> {
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
    let fetched = fetched.map_err(|error| preparer.failed(segment.sequence, error))?;
    preparer.prepare_measured(segment, fetched).await.map(Some)
}
