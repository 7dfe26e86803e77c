//! The thread that merges: parsing and disk writes stay off the threads that fetch.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use weir_core::protocol::{ErrorCode, Gap};

use super::points::{self, Fetching, Merging, Points, State};
use super::{JobError, meter::Meter};
use crate::failpoint::Failpoint;
use crate::fetch::Spare;
use crate::journal::SavedHole;
use crate::merge::{Merged, Merger, SegmentInput};

/// Segments that wait for the merger: enough that it never waits for the scheduler.
const QUEUED_SEGMENTS: usize = 1;

/// What a segment means that the merger cannot read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OnBroken {
    /// The job fails.
    Fail,
    /// It is missing, and the job goes on.
    Skip,
}

/// The merger's thread and the way to it.
#[derive(Debug)]
pub(super) struct MergeThread {
    commands: mpsc::Sender<Command>,
    thread: JoinHandle<Result<Option<Finish>, JobError>>,
}

/// What was merged, and what could not be.
#[derive(Debug)]
pub(super) struct Finish {
    pub(super) merged: Merged,
    pub(super) broken: Vec<(Gap, String)>,
}

enum Command {
    /// What is missing if it cannot be read, the segment, and where the side that fetches is behind it.
    Push(Gap, Box<SegmentInput>, Option<Box<Fetching>>),
    /// A hole begins here, and is as this says, the merger apart.
    Hole(Box<SavedHole>),
    /// Whether something is missing.
    Finish(bool),
}

impl MergeThread {
    /// Starts it from there on.
    pub(super) fn start(
        merger: Merger,
        on_broken: OnBroken,
        meter: Arc<Meter>,
        at: Merging,
        points: Option<Points>,
        spare: Arc<Spare>,
    ) -> Self {
        let (commands, receiver) = mpsc::channel(QUEUED_SEGMENTS);
        let work = Work {
            merger,
            on_broken,
            meter,
            at,
            points,
            spare,
            saved: true,
            fetching: None,
        };
        Self {
            commands,
            thread: tokio::task::spawn_blocking(move || work.run(receiver)),
        }
    }

    /// Hands a segment over; waits while the merger is behind. `place` is what is missing if it cannot be read. An error
    /// means that the merger has stopped: [`Self::abandon`] tells why.
    /// `fetching` is where the other side is behind the segment, when the job can be resumed.
    pub(super) async fn push(
        &mut self,
        place: Gap,
        segment: SegmentInput,
        fetching: Option<Fetching>,
    ) -> Result<(), JobError> {
        let command = Command::Push(place, Box::new(segment), fetching.map(Box::new));
        self.commands
            .send(command)
            .await
            .map_err(|_| JobError::internal("the merger has stopped"))
    }

    /// A hole is behind what came so far; the merger knows where it begins.
    pub(super) async fn hole(&mut self, hole: SavedHole) {
        // A merger that has stopped says so at the next segment.
        let _ = self.commands.send(Command::Hole(Box::new(hole))).await;
    }

    /// Ends without an index. The merger's own error, if it had one.
    pub(super) async fn abandon(self) -> Result<(), JobError> {
        drop(self.commands);
        self.thread.await.map_err(JobError::internal)?.map(|_| ())
    }

    /// Writes what is held back and the index. Where something is missing, it can be filled in later.
    pub(super) async fn finish(self, has_gaps: bool) -> Result<Finish, JobError> {
        let _ = self.commands.send(Command::Finish(has_gaps)).await;
        drop(self.commands);
        let finish = self.thread.await.map_err(JobError::internal)??;
        finish.ok_or_else(|| JobError::internal("the merger has not finished"))
    }
}

/// What the thread has.
struct Work {
    merger: Merger,
    on_broken: OnBroken,
    meter: Arc<Meter>,
    at: Merging,
    /// None where nothing is saved.
    points: Option<Points>,
    /// Takes the memory of merged segments back.
    spare: Arc<Spare>,
    /// The last segment is in a point.
    saved: bool,
    /// Where the other side was behind the last segment.
    fetching: Option<Box<Fetching>>,
}

impl Work {
    fn run(mut self, mut commands: mpsc::Receiver<Command>) -> Result<Option<Finish>, JobError> {
        while let Some(command) = self.next(&mut commands) {
            match command {
                Command::Push(place, segment, fetching) => {
                    self.push(place, *segment)?;
                    self.fetching = fetching;
                    self.saved = false;
                    Failpoint::Merged.pass();
                    self.save(Points::pass);
                }
                Command::Hole(hole) => {
                    if let Some(points) = &self.points
                        && let Err(error) = points.keep_hole(&self.merger, *hole)
                    {
                        tracing::warn!("what is missing here cannot be filled in later: {error}");
                    }
                }
                Command::Finish(has_gaps) => {
                    Failpoint::Last.pass();
                    if has_gaps {
                        self.save(Points::keep_mendable);
                    }
                    return Ok(Some(Finish {
                        merged: self.merger.finish()?,
                        broken: self.at.broken,
                    }));
                }
            }
        }
        self.save(Points::end);
        Ok(None)
    }

    /// The next command. While none comes there is time to save what is not saved, and then to have it on the disk.
    fn next(&mut self, commands: &mut mpsc::Receiver<Command>) -> Option<Command> {
        let mut wait = |time| {
            let soon = async { tokio::time::timeout(time, commands.recv()).await };
            Handle::current().block_on(soon)
        };
        if let Some(points) = self.points.as_ref().filter(|_| !self.saved) {
            match wait(points.idle_in()) {
                Ok(command) => return command,
                Err(_) => self.save(Points::idle),
            }
        }
        let is_durable = |points: &Points| self.saved && points.is_durable();
        if self.fetching.is_some() && self.points.as_ref().is_some_and(|points| !is_durable(points)) {
            match wait(points::PAUSE) {
                Ok(command) => return command,
                Err(_) => self.save(Points::rest),
            }
        }
        commands.blocking_recv()
    }

    /// Saves where the job is. A job that cannot be saved goes on: it can be resumed from the last point, or not at all.
    fn save(&mut self, how: points::Save) {
        let (Some(points), Some(fetching)) = (&mut self.points, &self.fetching) else {
            return;
        };
        let segments = self.meter.segments();
        let state = || State {
            fetching: Fetching::clone(fetching),
            merging: self.at.clone(),
            merged: segments.fetched,
            retried: segments.retried,
        };
        match how(points, &mut self.merger, &state) {
            Ok(saved) => self.saved |= saved,
            Err(error) => {
                tracing::warn!("an interruption from here on costs what comes from here on: {error}");
                // The next point would lack what this one has.
                self.points = None;
            }
        }
    }

    fn push(&mut self, place: Gap, mut segment: SegmentInput) -> Result<(), JobError> {
        if let Some(open) = self.at.gaps.close(segment.track) {
            segment.missing_seconds += open.seconds;
            segment.discontinuity |= open.discontinuity;
        }
        let (discontinuity, before) = (segment.discontinuity, segment.missing_seconds);
        // Samples are decrypted in place, where nobody else has a handle to them.
        let used = segment.cipher.is_none().then(|| segment.data.clone());
        let pushed = self.merger.push(segment);
        if let Some(used) = used {
            self.spare.give(used);
        }
        let Err(error) = pushed else {
            self.meter.merged(place.start_seconds + place.duration_seconds);
            return Ok(());
        };
        let error = JobError::of_segment(place.sequence, error);
        let is_broken = matches!(
            &error,
            JobError::Media {
                code: ErrorCode::BadMedia,
                ..
            }
        );
        if self.on_broken == OnBroken::Fail || !is_broken {
            return Err(error);
        }
        tracing::warn!("gap: {error}");
        // What was left out before it is left out before the next too.
        let whole = Gap {
            duration_seconds: place.duration_seconds + before,
            ..place.clone()
        };
        self.at.gaps.add(whole, discontinuity, String::new());
        self.at.broken.push((place, error.to_string()));
        Ok(())
    }
}
