//! What was listed, through fetch, decrypt and merge; and what becomes of what cannot be had.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior};
use weir_core::plan::live::Place;
use weir_core::protocol::{ErrorCode, MediaSequence, PlannedSegment};

use super::inbox::{Entry, Feed, Inbox, What};
use super::{Asking, End, LiveOptions};
use crate::fetch::{Client, FetchError, Fetched, Ordered, Window, ordered};
use crate::job::merging::MergeThread;
use crate::job::meter::Meter;
use crate::job::points::{Fetching, Heard};
use crate::job::segments::{Prepared, Preparer, resource};
use crate::job::shortfall::Measured;
use crate::job::{Job, JobError};
use crate::keys::KeyError;

/// What waits for its turn. A live stream comes as fast as it plays: this is for a window of hours at the start.
const BUFFERED_BYTES: u64 = 32 * 1024 * 1024;

/// How often bytes that came in are counted while a segment is under way.
const COUNT_INTERVAL: Duration = Duration::from_millis(100);

/// Between two looks at a server that does not give a segment.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// How long the next reading of a playlist is waited for that tells whether a segment is gone or its server is away.
const READING_PATIENCE: Duration = Duration::from_secs(60);

/// So many refused segments in a row are no accident.
const REFUSALS: u32 = 3;

/// Takes what the inbox holds to the merger.
pub(super) struct Recorder<'a> {
    options: LiveOptions,
    client: Client,
    meter: Arc<Meter>,
    merging: &'a mut MergeThread,
    inbox: Arc<Inbox>,
    fetches: Ordered,
    preparer: Preparer,
    /// How far it is: what is missing, and where each track's next segment is.
    at: Fetching,
    asking: Asking,
    refusals: u32,
    gone_in_a_row: u32,
    /// It makes no sense to go on.
    is_over: bool,
}

/// What is known of a segment that could not be had.
struct Hope {
    since: Instant,
    /// Readings of its playlist until then.
    reading: u64,
    /// If the server is there and does not have it now, it is gone.
    last_chance: bool,
}

/// What a failure means for the segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weight {
    /// It may pass: the network, an overloaded server.
    Passing,
    /// The server does not have it, or not whole.
    Gone,
    /// The server does not let Weir in.
    Refused,
    /// It is so for every segment.
    Fatal,
}

impl<'a> Recorder<'a> {
    pub(super) fn new(
        job: &Job,
        options: LiveOptions,
        merging: &'a mut MergeThread,
        inbox: Arc<Inbox>,
        preparer: Preparer,
        at: Fetching,
        asking: Asking,
    ) -> Self {
        let (client, meter) = (preparer.client().clone(), Arc::clone(preparer.meter()));
        let window = Window {
            concurrency: NonZeroUsize::new(job.concurrency.get()).unwrap_or(NonZeroUsize::MIN),
            buffered_bytes: BUFFERED_BYTES,
        };
        Self {
            options,
            fetches: ordered(&client, Feed(Arc::clone(&inbox)), window, meter.received()),
            preparer,
            client,
            meter,
            merging,
            inbox,
            at,
            asking,
            refusals: 0,
            gone_in_a_row: 0,
            is_over: false,
        }
    }

    /// Takes everything until nothing more comes.
    pub(super) async fn run(&mut self) -> Result<(), JobError> {
        let mut ticks = tokio::time::interval(COUNT_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                Some(fetched) = self.fetches.next() => self.fetched(fetched).await?,
                () = self.inbox.changed() => {}
                _ = ticks.tick() => self.meter.count(),
            }
            while let Some(missing) = self.inbox.next_missing() {
                self.missing(&missing);
            }
            if self.is_over || self.inbox.is_over() {
                return Ok(());
            }
        }
    }

    /// Whether one refused segment has ended it, which could be left out.
    pub(super) fn is_early(&self) -> bool {
        self.is_over && (1..REFUSALS).contains(&self.refusals)
    }

    /// How far it is.
    pub(super) fn into_place(self) -> Fetching {
        self.at
    }

    /// The next segment in order has come, or has not.
    async fn fetched(&mut self, fetched: Result<Fetched, FetchError>) -> Result<(), JobError> {
        let (entry, segment) = loop {
            let entry = self.inbox.next_started();
            let entry = entry.ok_or_else(|| JobError::internal("a segment that nobody asked for"))?;
            match &entry.what {
                What::Segment(segment) => break (entry.clone(), segment.clone()),
                What::Missing { .. } => self.missing(&entry),
            }
        };
        let fetched = fetched.map_err(|error| self.preparer.failed(segment.sequence, error));
        let (prepared, measured) = match self.prepare(entry.track, &segment, fetched).await {
            Ok(prepared) => prepared,
            Err(error) => {
                self.lost(&entry, error);
                return Ok(());
            }
        };
        (self.refusals, self.gone_in_a_row) = (0, 0);
        if self.asking == Asking::OnceMoreCame {
            self.asking = Asking::AtOnce;
        }
        let place = entry.gap();
        if let Some((gap, reason)) = self.at.shortfalls.add(&place, &segment, measured) {
            tracing::warn!("gap: {reason}");
            self.at.gaps.add(gap, false, reason);
        }
        let gap = self.at.gaps.close(entry.track);
        self.at.pushed += 1;
        self.heard(&entry);
        let input = prepared.into_merger(entry.track, &segment, gap);
        self.merging.push(place, input, Some(self.at.now())).await
    }

    /// A track is behind this entry.
    fn heard(&mut self, entry: &Entry) {
        self.at.done += 1;
        let Some(heard) = self.at.heard.get_mut(entry.track) else {
            return;
        };
        let last = match &entry.what {
            What::Segment(segment) => Some(Place::of(segment)),
            What::Missing { .. } => heard.map(|heard| heard.last),
        };
        *heard = last.map(|last| Heard {
            last,
            next: MediaSequence(entry.sequence().0.saturating_add(1)),
            clock_seconds: entry.end_seconds(),
        });
    }

    /// Decrypts what was fetched; asks again for what was not, as long as there is hope.
    async fn prepare(
        &mut self,
        track: usize,
        segment: &PlannedSegment,
        fetched: Result<Fetched, JobError>,
    ) -> Result<(Prepared, Measured), JobError> {
        let mut hope = Hope {
            since: Instant::now(),
            reading: self.inbox.health(track).readings,
            last_chance: self.gone_in_a_row > 0,
        };
        let (mut body, mut failure) = match fetched {
            Ok(fetched) => (Some(fetched), None),
            Err(error) => (None, Some(error)),
        };
        loop {
            let error = match (failure.take(), &body) {
                (Some(error), _) => error,
                (None, Some(fetched)) => {
                    match self
                        .preparer
                        .prepare_measured(segment, &mut fetched.clone())
                        .await
                    {
                        Ok(prepared) => return Ok(prepared),
                        Err(error) => error,
                    }
                }
                (None, None) => match self
                    .client
                    .get_metered(&resource(segment), self.meter.received())
                    .await
                {
                    Ok(fetched) => {
                        body = Some(fetched);
                        continue;
                    }
                    Err(error) => self.preparer.failed(segment.sequence, error),
                },
            };
            if !self
                .is_hopeful(track, segment.sequence, weigh(&error), &mut hope)
                .await
            {
                return Err(error);
            }
            tracing::info!("asking again: {error}");
            // A key that was not to be had is asked for again too.
            self.preparer.forget_failures();
        }
    }

    /// Waits as long as the server is away. Whether to ask again.
    async fn is_hopeful(
        &mut self,
        track: usize,
        sequence: MediaSequence,
        weight: Weight,
        hope: &mut Hope,
    ) -> bool {
        loop {
            let health = self.inbox.health(track);
            let waited = hope.since.elapsed();
            if health.lost || waited >= self.options.outage {
                return false;
            }
            hope.last_chance &= !health.failing;
            match weight {
                Weight::Refused | Weight::Fatal => return false,
                Weight::Gone if hope.last_chance => return false,
                // Its playlist tells when the server is back, or, if it has not been read since, whether it is away.
                _ if health.failing => {}
                Weight::Gone
                    if health.readings == hope.reading && !health.ended && waited < READING_PATIENCE => {}
                Weight::Gone => {
                    hope.last_chance = true;
                    return true;
                }
                // What the last reading lists stays.
                Weight::Passing => {
                    let is_listed = health.oldest.is_none_or(|oldest| oldest <= sequence);
                    if is_listed {
                        self.pause().await;
                    }
                    return is_listed;
                }
            }
            self.pause().await;
        }
    }

    /// Waits a little. What is listed meanwhile is fetched ahead.
    async fn pause(&mut self) {
        let end = Instant::now() + RETRY_PAUSE;
        loop {
            self.fetches.fill();
            tokio::select! {
                () = self.inbox.changed() => {}
                () = tokio::time::sleep_until(end) => return,
            }
        }
    }

    /// A segment that cannot be had is a gap, unless no other can be had either.
    fn lost(&mut self, entry: &Entry, error: JobError) {
        let weight = weigh(&error);
        self.refusals = if weight == Weight::Refused {
            self.refusals + 1
        } else {
            0
        };
        self.gone_in_a_row = if weight == Weight::Gone {
            self.gone_in_a_row + 1
        } else {
            0
        };
        let most = if self.asking == Asking::AtOnce {
            1
        } else {
            REFUSALS
        };
        if weight == Weight::Fatal || self.refusals >= most {
            self.inbox.end(entry.track, End::Lost(error));
            self.is_over = true;
        } else {
            self.left_out(entry, error.to_string());
        }
    }

    fn missing(&mut self, entry: &Entry) {
        if let What::Missing { reason, .. } = entry.what {
            self.left_out(entry, format!("segment {}: {reason}", entry.sequence().0));
        }
    }

    /// Before the first segment of a track nothing is missing: the recording begins later.
    fn left_out(&mut self, entry: &Entry, reason: String) {
        if self.at.heard.get(entry.track).is_some_and(Option::is_some) {
            tracing::warn!("gap: {reason}");
            self.at.gaps.add(entry.gap(), entry.discontinuity(), reason);
            self.heard(entry);
        } else {
            tracing::info!("not recorded: {reason}");
            self.meter.unlisted();
        }
    }
}

fn weigh(error: &JobError) -> Weight {
    let fetch = match error {
        JobError::Segment { error, .. }
        | JobError::Key {
            error: KeyError::Fetch(error),
            ..
        } => Some(error),
        _ => None,
    };
    let passes = |error: &FetchError| {
        let by_status = error
            .status()
            .is_some_and(|status| matches!(status, 408 | 425 | 429 | 500..=599));
        by_status || matches!(error.code(), ErrorCode::Network | ErrorCode::Dns)
    };
    let refuses = |error: &FetchError| matches!(error.status(), Some(401 | 403));
    match error {
        JobError::LinkExpired { status, .. } if *status != 410 => Weight::Refused,
        JobError::Key {
            error: KeyError::Refused { .. },
            ..
        } => Weight::Refused,
        _ if fetch.is_some_and(passes) => Weight::Passing,
        _ if fetch.is_some_and(refuses) => Weight::Refused,
        _ if error.is_gap() => Weight::Gone,
        _ => Weight::Fatal,
    }
}
