//! One track's playlist, read again and again: when, and what is done when it fails.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use weir_core::plan::live::{Course, Follower, Update, rendition_for, variant_for};
use weir_core::protocol::{PlannedSegment, PlannedTrack};
use weir_core::url::AbsoluteUrl;

use super::inbox::Inbox;
use super::reload::LivePlaylist;
use super::{End, LoadError};
use crate::error::Coded as _;
use crate::fetch::Client;
use crate::job::points::Heard;
use crate::job::{JobError, Outlook, check, order};

/// A playlist that fails this often in a row is looked for elsewhere.
const FAILURES_BEFORE_STAND_IN: u32 = 2;

/// A server that refuses this often in a row, the multivariant playlist too, will not change its mind.
const REFUSALS: u32 = 3;

/// What a first wait is when no segment tells.
const FIRST_WAIT: Duration = Duration::from_secs(2);

/// What a track is followed with.
#[derive(Debug)]
pub(super) struct Following {
    /// Its number in the plan.
    pub(super) track: usize,
    /// The playlist that the user chose.
    pub(super) source: AbsoluteUrl,
    /// Where its segments may lead.
    pub(super) rules: check::Rules,
    pub(super) client: Client,
    pub(super) inbox: Arc<Inbox>,
    /// How long nothing may come.
    pub(super) outage: Duration,
}

/// Follows one track.
#[derive(Debug)]
pub(super) struct Follow {
    with: Following,
    /// What it is; without its segments.
    planned: PlannedTrack,
    follower: Follower,
    playlist: LivePlaylist,
    /// How long a segment is: the target duration until the playlist tells it.
    target: Duration,
    /// When a segment came last.
    news: Instant,
    /// How long nobody followed it before: what went by meanwhile is missed. It is read at once.
    away: Option<Duration>,
    failures: Failures,
}

/// What went wrong since the last reading that did not.
#[derive(Debug, Default)]
struct Failures {
    in_a_row: u32,
    refusals: u32,
    last: Option<LoadError>,
    /// Playlists that are gone.
    gone: Vec<AbsoluteUrl>,
}

impl Follow {
    /// Follows a track whose segments so far are `segments`. Those that are listed twice are taken out.
    pub(super) fn new(with: Following, planned: PlannedTrack, segments: &mut Vec<PlannedSegment>) -> Self {
        let follower = Follower::new(segments);
        Self::with(with, planned, segments, follower)
    }

    /// Follows a track that an earlier process followed until there, so long ago. What it lists now is read once more.
    pub(super) fn again(
        with: Following,
        planned: PlannedTrack,
        segments: &[PlannedSegment],
        heard: Heard,
        away: Duration,
    ) -> Self {
        let follower = Follower::behind(heard.last, heard.next);
        Self {
            away: Some(away),
            ..Self::with(with, planned, segments, follower)
        }
    }

    fn with(with: Following, planned: PlannedTrack, segments: &[PlannedSegment], follower: Follower) -> Self {
        let longest = segments.iter().filter_map(order::known).fold(0.0, f64::max);
        let target = Duration::from_secs_f64(longest.min(60.0));
        Self {
            follower,
            playlist: LivePlaylist::new(planned.playlist.clone(), with.source.clone()),
            target: if target.is_zero() { FIRST_WAIT } else { target },
            news: Instant::now(),
            away: None,
            failures: Failures::default(),
            planned,
            with,
        }
    }

    /// Follows until nothing more comes or is wanted.
    pub(super) async fn run(mut self) {
        let end = self.follow().await;
        tracing::info!(
            track = self.with.track,
            ?end,
            "the playlist is not followed any more"
        );
        self.with.inbox.end(self.with.track, end);
    }

    /// RFC 8216bis, 6.3.4: after a change a target duration, counted from the beginning of the last request, else half
    /// of it. A server that answers when there is something new is asked at once.
    async fn follow(&mut self) -> End {
        // The plan was made a moment ago.
        let mut begun = Instant::now();
        let mut wait = if self.away.is_some() {
            Duration::ZERO
        } else {
            self.target
        };
        loop {
            let deadline = self.news + self.with.outage.max(self.target.mul_f64(1.5));
            tokio::time::sleep_until(deadline.min(begun + wait)).await;
            begun = Instant::now();
            let read = tokio::time::timeout_at(deadline, self.read()).await;
            wait = match read {
                Ok(Ok(Some(end))) => return end,
                Ok(Ok(None)) if self.playlist.blocks() && self.news >= begun => Duration::ZERO,
                Ok(Ok(None)) if self.news >= begun => self.target,
                Ok(Ok(None)) => self.target / 2,
                Ok(Err(error)) => match self.failed(error).await {
                    Ok(wait) => wait,
                    Err(end) => return end,
                },
                Err(_) => Duration::ZERO,
            };
            if Instant::now() >= deadline {
                return End::Lost(self.silent());
            }
        }
    }

    /// Reads the playlist once. The end, if it is one.
    async fn read(&mut self) -> Result<Option<End>, LoadError> {
        let elapsed = self.news.elapsed() + self.target + self.away.unwrap_or_default();
        let media = self.playlist.load(&self.with.client).await?;
        self.away = None;
        let update = self
            .follower
            .update(&self.planned.playlist, media, elapsed.as_secs_f64());
        let oldest = media.segments.first().map(|segment| segment.sequence);
        self.target = self.playlist.target_duration().unwrap_or(self.target);
        self.failures = Failures::default();
        self.with.inbox.tell(self.with.track, Ok(oldest));
        match update {
            Ok(update) => Ok(self.take(update).await),
            // A reading that names what is not captured, DRM say: it will not get better.
            Err(error) => Ok(Some(End::Lost(error.into()))),
        }
    }

    async fn take(&mut self, update: Update) -> Option<End> {
        let Update {
            segments,
            missed,
            course,
            ended,
        } = update;
        let track = self.with.track;
        match course {
            Course::Restarted => tracing::warn!(track, "the stream was started again"),
            Course::Stale => tracing::debug!(track, "an old playlist is ignored"),
            Course::Changed | Course::Unchanged => {}
        }
        if let Some(missed) = missed {
            tracing::warn!(
                track,
                first = missed.first.0,
                count = missed.count,
                "segments have left the playlist unread"
            );
        }
        if !segments.is_empty() {
            self.news = Instant::now();
            self.planned.segments = segments;
            if let Err(error) = check::more(&self.with.source, &mut self.planned, self.with.rules) {
                return Some(End::Lost(error));
            }
            let segments = std::mem::take(&mut self.planned.segments);
            if !self.with.inbox.push(track, missed, segments).await {
                return Some(End::Duration);
            }
        }
        ended.then_some(End::List)
    }

    /// What is done after a failure: how long to wait, or the end.
    async fn failed(&mut self, error: LoadError) -> Result<Duration, End> {
        tracing::warn!(track = self.with.track, "the playlist cannot be read: {error}");
        self.with.inbox.tell(self.with.track, Err(()));
        if check::is_refused_by_rule(error.code()) {
            return Err(End::Lost(JobError::Playlist(Box::new(error))));
        }
        let status = error.status();
        self.failures.in_a_row += 1;
        self.failures.refusals += u32::from(matches!(status, Some(401 | 403)));
        self.failures.last = Some(error);
        if self.failures.in_a_row >= FAILURES_BEFORE_STAND_IN && self.stand_in().await {
            return Ok(Duration::ZERO);
        }
        match status {
            Some(status @ (401 | 403)) if self.failures.refusals >= REFUSALS => {
                Err(End::Lost(JobError::LinkExpired {
                    sequence: self.follower.next(),
                    status,
                    outlook: Outlook::default(),
                }))
            }
            _ => Ok(self.target / 2),
        }
    }

    /// Looks for another playlist of the same programme in the multivariant one. True when there is one.
    async fn stand_in(&mut self) -> bool {
        let current = self.playlist.url().clone();
        let multivariant = match self.playlist.reload_source(&self.with.client).await {
            Ok(Some(multivariant)) => multivariant,
            Ok(None) => return false,
            Err(error) => {
                tracing::debug!("the multivariant playlist cannot be read either: {error}");
                return false;
            }
        };
        if !self.failures.gone.contains(&current) {
            self.failures.gone.push(current);
        }
        let gone = &self.failures.gone;
        let found = if self.with.track == 0 {
            variant_for(multivariant, &self.planned, gone).map(|chosen| {
                self.planned.codecs = chosen.codecs;
                self.planned.resolution = chosen.resolution;
                chosen.playlist
            })
        } else {
            rendition_for(multivariant, &self.planned, gone)
        };
        let Some(url) = found else {
            // All were tried: from the beginning, the outage may pass.
            self.failures.gone.clear();
            return false;
        };
        tracing::warn!(track = self.with.track, from = %self.playlist.url(), to = %url, "another playlist stands in");
        self.planned.playlist = url.clone();
        self.playlist = LivePlaylist::new(url, self.with.source.clone());
        self.failures.in_a_row = 0;
        self.follower.moved();
        true
    }

    /// Why the recording ends when nothing has come for too long.
    fn silent(&mut self) -> JobError {
        let seconds = self.news.elapsed().as_secs();
        match self.failures.last.take() {
            Some(error) => JobError::Away {
                seconds,
                error: Box::new(error),
            },
            None => JobError::Stalled { seconds },
        }
    }
}
