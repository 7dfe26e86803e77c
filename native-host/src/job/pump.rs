//! Fetched ahead, decrypted and handed to the merger in order.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;
use weir_core::protocol::{CapturePlan, PlannedSegment};

use super::gaps::Gaps;
use super::merging::MergeThread;
use super::meter::Meter;
use super::order::{self, Interleaved, planned};
use super::points::Fetching;
use super::refresh::Refreshes;
use super::segments::{self, Prepared, Preparer};
use super::shortfall::Measured;
use super::{Expired, Job, JobError, OnGap};
use crate::fetch::{Client, Ordered, Resource, Window, ordered};
use crate::journal::SavedHole;

/// How often bytes that came in are counted while a segment is under way.
const COUNT_INTERVAL: Duration = Duration::from_millis(100);

/// Every segment of the plan through fetch, decrypt and merge, from there on. What is missing, and how many segments were
/// merged.
pub(super) async fn run(
    job: &mut Job,
    client: Client,
    meter: &Arc<Meter>,
    merging: &mut MergeThread,
    mut at: Fetching,
) -> Result<(Gaps, usize), JobError> {
    let on_gap = job.on_gap;
    let mut rest = Interleaved::new(&job.plan);
    rest.by_ref().take(at.done).for_each(drop);
    let mut pump = Pump::new(job, client, meter, &rest);
    while let Some(entry) = rest.next() {
        at.done += 1;
        let Some(segment) = planned(&pump.job.plan, entry).cloned() else {
            continue;
        };
        let place = order::gap(entry, &segment);
        if segment.gap {
            let reason = format!(
                "segment {}: the playlist says that it is missing",
                segment.sequence.0
            );
            at.gaps.add(place, segment.discontinuity, reason);
            continue;
        }
        let (input, measured) = match pump.next(entry, &rest).await {
            Ok(input) => input,
            // A gap where that is wanted and it is one.
            Err(error) if on_gap == OnGap::Keep && error.is_gap() => {
                tracing::warn!("gap: {error}");
                at.gaps.add(place, segment.discontinuity, error.to_string());
                continue;
            }
            Err(error) => return Err(error),
        };
        let missing = at.gaps.missing(entry.track);
        if let Some((gap, reason)) = at.shortfalls.add(&place, &segment, measured) {
            at.gaps.add(gap, false, reason);
        }
        let gap = at.gaps.close(entry.track);
        if let Some(first) = missing {
            merging
                .hole(SavedHole {
                    track: entry.track,
                    first,
                    behind: segment.sequence.0,
                    lead: input.lead(&segment),
                    merger: Vec::new(),
                })
                .await;
        }
        at.pushed += 1;
        merging
            .push(
                place,
                input.into_merger(entry.track, &segment, gap),
                Some(at.clone()),
            )
            .await?;
    }
    let pushed = at.pushed;
    Ok((at.into_gaps(), pushed))
}

/// Fetches ahead, and makes one segment after the other ready to merge.
struct Pump<'a> {
    job: &'a mut Job,
    client: Client,
    fetches: Ordered,
    preparer: Preparer,
    refreshes: Refreshes,
    meter: &'a Arc<Meter>,
}

impl<'a> Pump<'a> {
    fn new(job: &'a mut Job, client: Client, meter: &'a Arc<Meter>, rest: &Interleaved) -> Self {
        let window = Window::new(NonZeroUsize::new(job.concurrency.get()).unwrap_or(NonZeroUsize::MIN));
        let preparer = Preparer::new(job, client.clone(), meter);
        let resources = resources(&job.plan, rest, preparer.ahead());
        let mut fetches = ordered(&client, resources, window, meter.received());
        if job.refresher.is_some() {
            fetches.hold_when_refused();
        }
        Self {
            job,
            client,
            fetches,
            preparer,
            refreshes: Refreshes::default(),
            meter,
        }
    }

    /// The segment whose turn it is, ready to merge. When its link has expired, those of the whole rest are asked for.
    async fn next(
        &mut self,
        entry: order::Entry,
        behind: &Interleaved,
    ) -> Result<(Prepared, Measured), JobError> {
        let missing = || JobError::internal("a segment was not fetched");
        let fetched = counting(self.meter, self.fetches.next()).await;
        let mut fetched = fetched.ok_or_else(missing)?;
        let mut has_body = false;
        loop {
            let segment = planned(&self.job.plan, entry).ok_or_else(missing)?;
            if fetched.is_ok() && !has_body {
                has_body = true;
                self.refreshes.worked();
            }
            let mut body = None;
            let prepared = match fetched {
                Ok(fetched) => {
                    let fetched = body.insert(fetched);
                    self.preparer.prepare_measured(segment, fetched).await
                }
                Err(error) => Err(self.preparer.failed(segment.sequence, error)),
            };
            let error = match prepared {
                Ok(prepared) => {
                    self.refreshes.worked();
                    return Ok(prepared);
                }
                Err(error) => error,
            };
            let Some(expired) = self.expired(entry, &error) else {
                return Err(error);
            };
            let refreshed = self.refreshes.next(self.job, &self.client, expired);
            match counting(self.meter, refreshed).await {
                Ok(client) => self.renew(client, behind),
                Err(outlook) => return Err(error.with_outlook(outlook)),
            }
            // A body stays good when the link of its key or map is not.
            if let Some(body) = body.filter(|body| !body.bytes.is_empty()) {
                fetched = Ok(body);
                continue;
            }
            let segment = planned(&self.job.plan, entry).ok_or_else(missing)?;
            self.fetches.again(segments::resource(segment));
            let again = counting(self.meter, self.fetches.next()).await;
            fetched = again.ok_or_else(missing)?;
        }
    }

    /// What has expired, if that is what has happened.
    fn expired(&self, entry: order::Entry, error: &JobError) -> Option<Expired> {
        let status = error.expired()?;
        let track = self.job.plan.tracks.get(entry.track)?;
        Some(Expired {
            track: u32::try_from(entry.track).unwrap_or(u32::MAX),
            playlist: track.playlist.clone(),
            sequence: track.segments.get(entry.segment)?.sequence,
            status,
        })
    }

    /// Goes on with the links that the job has now.
    fn renew(&mut self, client: Client, behind: &Interleaved) {
        self.preparer.renew(client.clone());
        let resources = resources(&self.job.plan, behind, self.preparer.ahead());
        self.fetches.renew(&client, resources);
        self.client = client;
        self.meter.retried();
    }
}

/// What is fetched of these, under the links of this plan. `ahead` is told of each when it is its turn.
fn resources<F: Fn(&PlannedSegment)>(
    plan: &Arc<CapturePlan>,
    entries: &Interleaved,
    ahead: F,
) -> impl Iterator<Item = Resource> + use<F> {
    let (entries, plan) = (entries.renewed(plan), Arc::clone(plan));
    entries.filter_map(move |entry| {
        let segment = planned(&plan, entry).filter(|segment| !segment.gap)?;
        ahead(segment);
        Some(segments::resource(segment))
    })
}

/// Counts bytes that came in while something is waited for.
pub(crate) async fn counting<T>(meter: &Meter, waited_for: impl Future<Output = T>) -> T {
    let mut ticks = tokio::time::interval(COUNT_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tokio::pin!(waited_for);
    loop {
        tokio::select! {
            outcome = &mut waited_for => return outcome,
            _ = ticks.tick() => meter.count(),
        }
    }
}
