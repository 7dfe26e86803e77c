//! Captures of a command line that are asked for once more, by their numbers.
//!
//! What they were asked for with is a command line, typed in some folder, and files that it names are relative to that. So
//! this program is started once more, as a person would start it, and what it prints is the job's.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use weir_core::protocol::{Event, Finished, JobId, JobState, Progress, SegmentCounts};

use crate::error::Coded as _;
use crate::job::{self, JobError, Stop, StopReason};
use crate::journal::Again;

/// A capture of a command line, once more.
#[derive(Debug)]
pub(super) struct Once {
    /// The job's name on the port.
    pub(super) id: JobId,
    /// For people.
    pub(super) title: Option<String>,
    /// Which one, and how.
    pub(super) again: Again,
}

impl Once {
    /// Its progress before it has begun.
    pub(super) fn queued(&self) -> Progress {
        Progress {
            job: Some(self.id.clone()),
            state: JobState::Queued,
            segments: SegmentCounts::default(),
            bytes: 0,
            bytes_per_second: 0.0,
            eta_seconds: None,
            recorded_seconds: None,
        }
    }

    /// Carries it out, to its end.
    pub(super) async fn run(self, progress: watch::Sender<Progress>, stop: Stop) -> Finished {
        run(self.id, self.again, progress, stop).await
    }
}

async fn run(id: JobId, again: Again, progress: watch::Sender<Progress>, mut stop: Stop) -> Finished {
    let ended = |error: &JobError| job::refused(Some(id.clone()), error.failure());
    let mut child = match start(again) {
        Ok(child) => child,
        Err(error) => {
            return ended(&JobError::Internal(format!(
                "weir cannot be started again: {error}"
            )));
        }
    };
    let Some(output) = child.stdout.take() else {
        return ended(&JobError::Internal("it has no output".to_owned()));
    };
    let mut lines = BufReader::new(output).lines();
    let mut finished = None;
    let mut is_cancelled = false;
    loop {
        tokio::select! {
            line = lines.next_line() => match line {
                Ok(Some(line)) => match serde_json::from_str(&line) {
                    Ok(Event::Progress(news)) => {
                        let job = Some(id.clone());
                        progress.send_replace(Progress { job, ..news });
                    }
                    Ok(Event::Finished(end)) => finished = Some(Finished { job: Some(id.clone()), ..end }),
                    _ => {}
                },
                Ok(None) | Err(_) => break,
            },
            reason = stop.stopped(), if !is_cancelled => {
                is_cancelled = matches!(reason, StopReason::User | StopReason::Enough) && cancel(&child);
                if !is_cancelled {
                    // Whatever it was at, it can go on.
                    let _ = child.kill().await;
                    return ended(&JobError::Stopped(reason));
                }
            },
        }
    }
    let _ = child.wait().await;
    progress.send_modify(|progress| progress.state = JobState::Finished);
    finished.unwrap_or_else(|| ended(&JobError::Internal("weir ended without a word".to_owned())))
}

fn start(again: Again) -> std::io::Result<Child> {
    let command = match again {
        Again::Resume(_) => "resume",
        Again::Repair(_) => "repair",
    };
    let mut child = Command::new(std::env::current_exe()?);
    child
        .args([command, "--json", &again.number().to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    child.spawn()
}

/// Asks it to end as Ctrl-C does. False where that cannot be asked.
#[cfg(unix)]
fn cancel(child: &Child) -> bool {
    use rustix::process::{Pid, Signal, kill_process};
    let id = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    id.is_some_and(|id| kill_process(id, Signal::TERM).is_ok())
}

/// There are no signals here: it is killed, and can go on.
#[cfg(not(unix))]
fn cancel(_child: &Child) -> bool {
    false
}
