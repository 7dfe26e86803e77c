//! The thread that merges: parsing and disk writes stay off the threads that fetch.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use weir_core::protocol::{ErrorCode, Gap};

use super::gaps::Gaps;
use super::{JobError, meter::Meter};
use crate::merge::{Merged, Merger, SegmentInput};

/// Segments that wait for the merger: enough that it never waits for the scheduler.
const QUEUED_SEGMENTS: usize = 2;

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
    Push(Gap, Box<SegmentInput>),
    Finish,
}

impl MergeThread {
    /// Starts it for an output of this many tracks.
    pub(super) fn start(merger: Merger, tracks: usize, on_broken: OnBroken, meter: Arc<Meter>) -> Self {
        let (commands, receiver) = mpsc::channel(QUEUED_SEGMENTS);
        let work = Work {
            merger,
            on_broken,
            meter,
            gaps: Gaps::new(tracks),
            broken: Vec::new(),
        };
        Self {
            commands,
            thread: tokio::task::spawn_blocking(move || work.run(receiver)),
        }
    }

    /// Hands a segment over; waits while the merger is behind. `place` is what is missing if it cannot be read. An error
    /// means that the merger has stopped: [`Self::abandon`] tells why.
    pub(super) async fn push(&mut self, place: Gap, segment: SegmentInput) -> Result<(), JobError> {
        let command = Command::Push(place, Box::new(segment));
        self.commands
            .send(command)
            .await
            .map_err(|_| JobError::internal("the merger has stopped"))
    }

    /// Ends without an index. The merger's own error, if it had one.
    pub(super) async fn abandon(self) -> Result<(), JobError> {
        drop(self.commands);
        self.thread.await.map_err(JobError::internal)?.map(|_| ())
    }

    /// Writes what is held back and the index.
    pub(super) async fn finish(self) -> Result<Finish, JobError> {
        let _ = self.commands.send(Command::Finish).await;
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
    /// What is to stay open before the next segment of each track.
    gaps: Gaps,
    broken: Vec<(Gap, String)>,
}

impl Work {
    fn run(mut self, mut commands: mpsc::Receiver<Command>) -> Result<Option<Finish>, JobError> {
        while let Some(command) = commands.blocking_recv() {
            match command {
                Command::Push(place, segment) => self.push(place, *segment)?,
                Command::Finish => {
                    return Ok(Some(Finish {
                        merged: self.merger.finish()?,
                        broken: self.broken,
                    }));
                }
            }
        }
        Ok(None)
    }

    fn push(&mut self, place: Gap, mut segment: SegmentInput) -> Result<(), JobError> {
        if let Some(open) = self.gaps.close(segment.track) {
            segment.missing_seconds += open.seconds;
            segment.discontinuity |= open.discontinuity;
        }
        let (discontinuity, before) = (segment.discontinuity, segment.missing_seconds);
        let Err(error) = self.merger.push(segment) else {
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
        self.gaps.add(whole, discontinuity, String::new());
        self.broken.push((place, error.to_string()));
        Ok(())
    }
}
