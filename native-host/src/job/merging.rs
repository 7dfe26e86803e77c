//! The thread that merges: parsing and disk writes stay off the threads that fetch.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use weir_core::protocol::MediaSequence;

use super::{JobError, meter::Meter};
use crate::merge::{Merged, Merger, SegmentInput};

/// Segments that wait for the merger: enough that it never waits for the scheduler.
const QUEUED_SEGMENTS: usize = 2;

/// The merger's thread and the way to it.
#[derive(Debug)]
pub(super) struct MergeThread {
    commands: mpsc::Sender<Command>,
    thread: JoinHandle<Result<Option<Merged>, JobError>>,
}

enum Command {
    Push(MediaSequence, SegmentInput),
    Finish,
}

impl MergeThread {
    pub(super) fn start(merger: Merger, meter: Arc<Meter>) -> Self {
        let (commands, receiver) = mpsc::channel(QUEUED_SEGMENTS);
        Self {
            commands,
            thread: tokio::task::spawn_blocking(move || work(merger, receiver, &meter)),
        }
    }

    /// Hands a segment over; waits while the merger is behind. An error means that the merger has
    /// stopped: [`Self::abandon`] tells why.
    pub(super) async fn push(
        &mut self,
        sequence: MediaSequence,
        segment: SegmentInput,
    ) -> Result<(), JobError> {
        let command = Command::Push(sequence, segment);
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
    pub(super) async fn finish(self) -> Result<Merged, JobError> {
        let _ = self.commands.send(Command::Finish).await;
        drop(self.commands);
        let merged = self.thread.await.map_err(JobError::internal)??;
        merged.ok_or_else(|| JobError::internal("the merger has not finished"))
    }
}

fn work(
    mut merger: Merger,
    mut commands: mpsc::Receiver<Command>,
    meter: &Meter,
) -> Result<Option<Merged>, JobError> {
    while let Some(command) = commands.blocking_recv() {
        match command {
            Command::Push(sequence, segment) => {
                merger
                    .push(segment)
                    .map_err(|error| JobError::of_segment(sequence, error))?;
                meter.merged();
            }
            Command::Finish => return Ok(Some(merger.finish()?)),
        }
    }
    Ok(None)
}
