//! Recording a live stream: its playlists are read again and again, and what they list is written until the stream
//! ends, a time is reached, or the user has enough.
//!
//! ```text
//! follow (a task a track): reload -> weir_core::plan::live -> Inbox
//! Recorder:                Inbox -> fetch ahead -> decrypt -> merge, by time over all tracks
//! ```
//!
//! Whatever ends it but a full disk, the file is finished: what came until then is kept. Links that expire do not end it
//! where others are to be had: with those it goes on as a recording does that was interrupted.

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
use super::pump::counting;
use super::refresh::{Expired, Refreshes};
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

/// Where a recording begins or goes on.
struct Start {
    at: Fetching,
    client: Client,
    asking: Asking,
}

/// How far a recording got with the links that it had.
struct Round {
    at: Fetching,
    end: End,
    /// The track that ended it.
    track: usize,
    /// One refused segment has ended it: it could do without.
    is_early: bool,
}

/// When other links are asked for because a segment was refused: when the third is, in a row, two are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asking {
    /// With the third.
    Late,
    /// With the first, once something came.
    OnceMoreCame,
    /// With the first.
    AtOnce,
}

/// Records until the end. Takes the segments out of the job's plan.
pub(super) async fn run(
    job: &mut Job,
    options: LiveOptions,
    mut client: Client,
    meter: &Arc<Meter>,
    merging: &mut MergeThread,
    stop: &mut Stop,
    mut at: Fetching,
) -> Result<Recorded, JobError> {
    let mut refreshes = Refreshes::default();
    let mut asking = if job.refresher.is_some() {
        Asking::AtOnce
    } else {
        Asking::Late
    };
    let end = loop {
        let before = at.pushed;
        let start = Start {
            at,
            client: client.clone(),
            asking,
        };
        let round = round(job, options, meter, merging, stop, start).await?;
        at = round.at;
        if at.pushed > before {
            refreshes.worked();
        }
        let error = match round.end {
            End::Lost(error) if job.refresher.is_some() => error,
            end => break end,
        };
        let Some(expired) = expired(job, round.track, &error) else {
            break End::Lost(error);
        };
        let asked = tokio::select! {
            asked = counting(meter, refreshes.next(job, &client, expired)) => asked,
            reason = stop.stopped() => match reason {
                StopReason::Enough => break End::User,
                StopReason::User | StopReason::BrowserGone | StopReason::Paused => return Err(JobError::Stopped(reason)),
            },
        };
        match asked {
            Ok(renewed) => {
                client = renewed;
                meter.retried();
                // What is refused now is refused for another reason.
                asking = Asking::OnceMoreCame;
            }
            Err(outlook) if round.is_early => {
                tracing::warn!("no other links: {outlook}");
                asking = Asking::Late;
            }
            Err(outlook) => break End::Lost(error.with_outlook(outlook)),
        }
    };
    let is_empty = at.pushed == 0;
    Ok(Recorded {
        is_empty,
        gaps: at.into_gaps(),
        end,
    })
}

/// What has expired, if that is what has happened to a track.
fn expired(job: &Job, track: usize, error: &JobError) -> Option<Expired> {
    let (sequence, status) = error.expired_at()?;
    Some(Expired {
        track: u32::try_from(track).unwrap_or(u32::MAX),
        playlist: job.plan.tracks.get(track)?.playlist.clone(),
        sequence,
        status,
    })
}

/// Records with the links that the job has now.
async fn round(
    job: &mut Job,
    options: LiveOptions,
    meter: &Arc<Meter>,
    merging: &mut MergeThread,
    stop: &mut Stop,
    Start { at, client, asking }: Start,
) -> Result<Round, JobError> {
    let preparer = Preparer::new(job, client.clone(), meter);
    let mut segments = Vec::new();
    for track in &mut Arc::make_mut(&mut job.plan).tracks {
        segments.push(std::mem::take(&mut track.segments));
    }
    let inbox = Arc::new(Inbox::new(segments.len(), options.duration, Arc::clone(meter)));
    meter.known(at.listed());
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
        if let Some(heard) = at.heard.get(number).copied().flatten() {
            let follow = Follow::again(following, track.clone(), &segments, heard, at.age());
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
    let mut recorder = Recorder::new(job, options, merging, Arc::clone(&inbox), preparer, at, asking);
    let (track, end) = tokio::select! {
        ran = recorder.run() => {
            ran?;
            inbox.end_of_all()
        }
        reason = stop.stopped() => match reason {
            StopReason::Enough => (0, End::User),
            StopReason::User | StopReason::BrowserGone | StopReason::Paused => return Err(JobError::Stopped(reason)),
        },
    };
    drop(tasks);
    let is_early = recorder.is_early();
    Ok(Round {
        at: recorder.into_place().now(),
        end,
        track,
        is_early,
    })
}
