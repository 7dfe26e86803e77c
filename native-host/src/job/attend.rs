//! Another process is at the same capture: its progress is told as the job's own, and so is its end.

use std::time::Duration;

use tokio::time::MissedTickBehavior;
use weir_core::protocol::Finished;

use super::meter::Meter;
use super::{JobError, Stop, StopReason};
use crate::journal::{Journal, JournalError, Number, State};

/// Between two looks at the journal.
const INTERVAL: Duration = Duration::from_millis(500);

/// How attending ends.
#[derive(Debug)]
pub(crate) enum Attended {
    /// The other process has finished.
    Ended(Box<Finished>),
    /// It has gone away: whoever watches may go on where it was.
    Interrupted,
    /// Nobody wants to watch any more. The other goes on.
    Stopped(StopReason),
}

/// Watches a job of another process, such as another browser's, until it ends.
pub(crate) async fn attend(
    journal: &Journal,
    id: Number,
    meter: &Meter,
    stop: &mut Stop,
) -> Result<Attended, JobError> {
    tracing::info!(id, "another process is at it");
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            reason = stop.stopped() => return Ok(Attended::Stopped(reason)),
            _ = ticks.tick() => {}
        }
        let reader = journal.clone();
        let record = tokio::task::spawn_blocking(move || reader.record_of(id))
            .await
            .map_err(JobError::internal)?;
        let record = match record {
            Ok(record) => record,
            Err(JournalError::Unknown(_)) => return Ok(Attended::Interrupted),
            Err(error) => return Err(error.into()),
        };
        match (record.state, record.finished) {
            (State::Running, _) => meter.watched(record.segments.merged, record.bytes),
            (_, Some(finished)) => return Ok(Attended::Ended(Box::new(finished))),
            (_, None) => return Ok(Attended::Interrupted),
        }
    }
}
