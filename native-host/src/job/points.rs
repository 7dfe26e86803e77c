//! Saving where a job is, so that another process can go on there.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use weir_core::plan::live::Place;
use weir_core::protocol::{Gap, MediaSequence};

use super::JobError;
use super::gaps::Gaps;
use super::shortfall::Shortfalls;
use crate::journal::{Entry, JournalError, SavedHole};
use crate::merge::{Merger, Point};

/// Of the time, points take a fortieth at most: one that took a millisecond is paid for after forty. So much may be owed
/// when the next is saved, so that segments that come at once are saved one by one.
const TIME_RATIO: u32 = 40;
const MOST_OWED: Duration = Duration::from_millis(400);

/// Of what is written, points are a 250th at most, but for these bytes, and but for [`LONGEST`].
const BYTES_RATIO: u64 = 250;
const FREE_BYTES: u64 = 1 << 20;

/// SQLite writes what it is given into its log, and from there into its file.
const TIMES_WRITTEN: u64 = 2;

/// A point is due after this long in any case.
const LONGEST: Duration = Duration::from_secs(5);

/// So often one outlives the machine.
const DURABLE_EVERY: Duration = Duration::from_secs(2);

/// When nothing comes for so long, a point takes nobody's time and is not paid for.
const IDLE: Duration = Duration::from_millis(20);

/// When nothing comes for so long, there is time for one that outlives the machine.
pub(super) const PAUSE: Duration = Duration::from_millis(200);

/// The side that fetches, between two segments.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Fetching {
    /// How many of the plan's segments, in order, are done with; of a recording's, all that were listed.
    pub(super) done: usize,
    /// How many of them were handed to the merger.
    pub(super) pushed: usize,
    pub(super) gaps: Gaps,
    pub(super) shortfalls: Shortfalls,
    /// Of a recording: how far each track is; None before its first segment.
    pub(super) heard: Vec<Option<Heard>>,
    /// When, in milliseconds since 1970.
    pub(super) at_milliseconds: u64,
}

/// How far a track of a recording is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Heard {
    /// The last segment that was listed, merged or lost.
    pub(super) last: Place,
    /// The number of the next.
    pub(super) next: MediaSequence,
    /// Where that begins.
    pub(super) clock_seconds: f64,
}

impl Fetching {
    /// Before the first segment of a plan with this many tracks.
    pub(super) fn begin(tracks: usize) -> Self {
        Self {
            done: 0,
            pushed: 0,
            gaps: Gaps::new(tracks),
            shortfalls: Shortfalls::new(tracks),
            heard: vec![None; tracks],
            at_milliseconds: 0,
        }
    }

    /// How many segments of a recording there were until here.
    pub(super) fn listed(&self) -> u64 {
        self.done as u64
    }

    /// What is missing, in the end.
    pub(super) fn into_gaps(self) -> Gaps {
        let Self {
            mut gaps, shortfalls, ..
        } = self;
        for (gap, reason) in shortfalls.end() {
            gaps.add_late(gap, reason);
        }
        gaps
    }

    /// The same, so now.
    pub(super) fn now(&self) -> Self {
        Self {
            at_milliseconds: u64::try_from(since_1970().as_millis()).unwrap_or(0),
            ..self.clone()
        }
    }

    /// How long ago it was so.
    pub(super) fn age(&self) -> Duration {
        since_1970().saturating_sub(Duration::from_millis(self.at_milliseconds))
    }
}

fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// The side that merges, between two segments.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Merging {
    /// What is to stay open before the next segment of each track.
    pub(super) gaps: Gaps,
    /// What could not be read.
    pub(super) broken: Vec<(Gap, String)>,
}

impl Merging {
    /// Before the first segment of a plan with this many tracks.
    pub(super) fn begin(tracks: usize) -> Self {
        Self {
            gaps: Gaps::new(tracks),
            broken: Vec::new(),
        }
    }
}

/// A job beside its merger. It is saved as JSON, because that is what the protocol's types are made for.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct State {
    pub(super) fetching: Fetching,
    pub(super) merging: Merging,
    /// Segments in the output.
    pub(super) merged: u64,
    pub(super) retried: u64,
}

impl State {
    pub(super) fn read(saved: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(saved)
    }
}

/// How a point is saved: [`Points::pass`], [`Points::idle`], [`Points::rest`] or [`Points::end`].
pub(super) type Save = fn(&mut Points, &mut Merger, &dyn Fn() -> State) -> Result<bool, JobError>;

/// Saves points of a job, as often as it costs next to nothing.
#[derive(Debug)]
pub(super) struct Points {
    entry: Arc<Entry>,
    /// When the last point was done, and when all are paid for.
    last: Instant,
    paid: Instant,
    /// When the last was done that outlives the machine.
    durable: Instant,
    /// The last is one of those.
    on_disk: bool,
    /// Bytes, of all of them and of the last.
    written: u64,
    written_last: u64,
    /// How many there were, and what they took.
    count: u32,
    spent: Duration,
}

impl Points {
    pub(super) fn new(entry: Arc<Entry>) -> Self {
        let now = Instant::now();
        Self {
            entry,
            last: now,
            paid: now,
            durable: now,
            on_disk: false,
            written: 0,
            written_last: 0,
            count: 0,
            spent: Duration::ZERO,
        }
    }

    /// Saves a point, if one is due. Whether it did, as with the others.
    pub(super) fn pass(&mut self, merger: &mut Merger, state: &dyn Fn() -> State) -> Result<bool, JobError> {
        if !self.due_in().is_zero() {
            return Ok(false);
        }
        self.save(merger, state, self.last.elapsed() >= LONGEST)
    }

    /// When a point may be saved again.
    fn due_in(&self) -> Duration {
        let owed = self.paid.saturating_duration_since(Instant::now());
        owed.saturating_sub(MOST_OWED)
    }

    /// How long the merger waits for something to do before [`Self::idle`].
    pub(super) fn idle_in(&self) -> Duration {
        self.due_in().min(IDLE)
    }

    /// Saves a point while there is nothing else to do. One that is due is paid for as any other.
    pub(super) fn idle(&mut self, merger: &mut Merger, state: &dyn Fn() -> State) -> Result<bool, JobError> {
        if self.due_in().is_zero() {
            return self.pass(merger, state);
        }
        let paid = self.paid;
        let saved = self.save(merger, state, false);
        self.paid = paid;
        saved
    }

    /// Whether the last point outlives the machine.
    pub(super) fn is_durable(&self) -> bool {
        self.on_disk
    }

    /// Saves a point that outlives the machine, while there is nothing else to do.
    pub(super) fn rest(&mut self, merger: &mut Merger, state: &dyn Fn() -> State) -> Result<bool, JobError> {
        self.make_durable();
        self.save(merger, state, false)
    }

    /// Saves the last point of this process.
    pub(super) fn end(&mut self, merger: &mut Merger, state: &dyn Fn() -> State) -> Result<bool, JobError> {
        self.make_durable();
        self.save(merger, state, true)
    }

    /// Keeps what it takes to fill a hole that begins here.
    pub(super) fn keep_hole(&self, merger: &Merger, hole: SavedHole) -> Result<(), JobError> {
        if let Some(merger) = merger.hole()? {
            self.entry.keep_hole(&SavedHole { merger, ..hole })?;
        }
        Ok(())
    }

    /// Saves the last point of a job that ends with something missing.
    pub(super) fn keep_mendable(
        &mut self,
        merger: &mut Merger,
        state: &dyn Fn() -> State,
    ) -> Result<bool, JobError> {
        if merger.hole()?.is_none() {
            return Ok(false);
        }
        let saved = self.end(merger, state)?;
        if saved {
            self.entry.keep_mendable();
        }
        Ok(saved)
    }

    /// The next point outlives the machine.
    fn make_durable(&mut self) {
        self.durable = self.durable.checked_sub(DURABLE_EVERY).unwrap_or(self.durable);
    }

    fn save(
        &mut self,
        merger: &mut Merger,
        state: &dyn Fn() -> State,
        in_any_case: bool,
    ) -> Result<bool, JobError> {
        let begin = Instant::now();
        let budget = |length: u64| FREE_BYTES + length / BYTES_RATIO;
        // The next will be about as large as the last. Of small ones the last may go over what there is; a large one, in which
        // media waits for that of the other track, is paid for before.
        let next = self.written_last;
        let due = self.written + if next > FREE_BYTES { next } else { 0 };
        if !in_any_case && due > budget(merger.length().map_err(JobError::from)?) {
            return Ok(false);
        }
        let Some(point) = merger.point()? else {
            return Ok(false);
        };
        let state = state();
        let saved = serde_json::to_vec(&state).map_err(JobError::internal)?;
        let bytes = (point.merger.len() + point.added.len() + saved.len()) as u64;
        self.written_last = bytes * TIMES_WRITTEN;
        self.written += self.written_last;
        let committed = self.commit(&point, &saved, state.merged);
        self.last = Instant::now();
        self.count += 1;
        self.spent += self.last - begin;
        self.paid = self.paid.max(self.last) + (self.last - begin) * TIME_RATIO;
        committed?;
        Ok(true)
    }

    fn commit(&mut self, point: &Point, state: &[u8], merged: u64) -> Result<(), JournalError> {
        self.on_disk = self.durable.elapsed() >= DURABLE_EVERY;
        if !self.on_disk {
            return self.entry.save(point, state, merged);
        }
        self.entry.save_durably(point, state, merged)?;
        self.durable = Instant::now();
        Ok(())
    }
}

impl Drop for Points {
    /// `cargo xtask bench` reads this line.
    fn drop(&mut self) {
        let microseconds = u64::try_from(self.spent.as_micros()).unwrap_or(u64::MAX);
        tracing::debug!(self.count, self.written, microseconds, "points of this run");
    }
}
