//! Recording a live stream: its playlists are read again and again, and what they list is written until the stream
//! ends, a time is reached, or the user has enough.
//!
//! ```text
//! follow (a task a track): reload -> weir_core::plan::live -> Inbox
//! Recorder:                Inbox -> fetch ahead -> decrypt -> merge, by time over all tracks
//! ```
//!
//! Whatever ends it but a full disk, the file is finished: what came until then is kept.

mod follow;
mod inbox;
mod recorder;
mod reload;

use std::sync::Arc;
use std::time::Duration;

use tokio_util::task::AbortOnDropHandle;

pub use reload::LoadError;

use super::gaps::Gaps;
use super::merging::MergeThread;
use super::meter::Meter;
use super::points::Fetching;
use super::segments::Preparer;
use super::{Job, JobError, Stop, StopReason, check};
use crate::fetch::Client;
use follow::{Follow, Following};
use inbox::Inbox;
use recorder::Recorder;

/// How a live stream is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LiveOptions {
    /// Where it begins.
    pub from: LiveFrom,
    /// How much of the stream is recorded; None: until it ends.
    pub duration: Option<Duration>,
    /// How long is waited for a stream that brings nothing.
    pub outage: Duration,
}

/// Where a recording begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum LiveFrom {
    /// With the oldest segment that the playlist lists.
    #[default]
    Start,
    /// With the newest.
    Now,
}

impl LiveOptions {
    /// How long is waited by default for a stream that brings nothing.
    pub const DEFAULT_OUTAGE: Duration = Duration::from_secs(600);
}

impl Default for LiveOptions {
    fn default() -> Self {
        Self {
            from: LiveFrom::default(),
            duration: None,
            outage: Self::DEFAULT_OUTAGE,
        }
    }
}

/// Why nothing more comes, of one track or of all.
#[derive(Debug)]
pub(super) enum End {
    /// EXT-X-ENDLIST.
    List,
    /// As much as was wanted has come.
    Duration,
    /// The user has enough.
    User,
    /// The stream is there and does not go on, or is not there.
    Lost(JobError),
}

/// What a recording came to.
#[derive(Debug)]
pub(super) struct Recorded {
    /// Nothing was merged.
    pub(super) is_empty: bool,
    pub(super) gaps: Gaps,
    pub(super) end: End,
}

/// Records until the end. Takes the segments out of the job's plan.
pub(super) async fn run(
    job: &mut Job,
    options: LiveOptions,
    client: Client,
    meter: &Arc<Meter>,
    merging: &mut MergeThread,
    stop: &mut Stop,
    from: Fetching,
) -> Result<Recorded, JobError> {
    let preparer = Preparer::new(job, client.clone(), meter);
    let mut segments = Vec::new();
    for track in &mut job.plan.tracks {
        segments.push(std::mem::take(&mut track.segments));
    }
    let inbox = Arc::new(Inbox::new(segments.len(), options.duration, Arc::clone(meter)));
    meter.listed(from.listed());
    let mut follows = Vec::new();
    for (number, (track, mut segments)) in job.plan.tracks.iter().zip(segments).enumerate() {
        let following = Following {
            track: number,
            source: job.plan.source.clone(),
            rules: check::rules(job),
            client: client.clone(),
            inbox: Arc::clone(&inbox),
            outage: options.outage,
        };
        if let Some(heard) = from.heard.get(number).copied().flatten() {
            let follow = Follow::again(following, track.clone(), &segments, heard, from.age());
            follows.push(follow);
            inbox.reopen(number, heard.clock_seconds);
        } else {
            follows.push(Follow::new(following, track.clone(), &mut segments));
            inbox.open(number, segments, options.from);
        }
    }
    let tasks: Vec<_> = follows
        .into_iter()
        .map(|follow| AbortOnDropHandle::new(tokio::spawn(follow.run())))
        .collect();
    let mut recorder = Recorder::new(job, options, merging, Arc::clone(&inbox), preparer, from);
    let end = tokio::select! {
        ran = recorder.run() => {
            ran?;
            inbox.end_of_all()
        }
        reason = stop.stopped() => match reason {
            StopReason::Enough => End::User,
            StopReason::User | StopReason::BrowserGone => return Err(JobError::Stopped(reason)),
        },
    };
    drop(tasks);
    let (is_empty, gaps) = recorder.into_result();
    Ok(Recorded { is_empty, gaps, end })
}
