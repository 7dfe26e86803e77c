//! Segments that were listed and wait to be fetched, of all tracks; and what is known of each playlist's health.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use weir_core::plan::live::Missed;
use weir_core::protocol::{Gap, MediaSequence, PlannedSegment};

use super::super::meter::Meter;
use super::super::{order, segments};
use super::{End, LiveFrom};
use crate::fetch::Resource;

/// Segments that may wait before no more are taken in: hours of any stream, and a bound for a server that invents
/// segments.
const MAX_WAITING: usize = 20_000;

/// Where the tracks' playlists leave what they list, and the recorder takes it from.
#[derive(Debug)]
pub(super) struct Inbox {
    state: Mutex<State>,
    /// Something came, or ended.
    changed: Notify,
    /// There is room again.
    taken: Notify,
    /// How much of each track is wanted, in seconds.
    wanted_seconds: Option<f64>,
    meter: Arc<Meter>,
}

#[derive(Debug, Default)]
struct State {
    tracks: Vec<Track>,
    /// Asked for, or known to be missing, in the order of the output.
    started: VecDeque<Entry>,
}

#[derive(Debug, Default)]
struct Track {
    waiting: VecDeque<Entry>,
    /// Of all that was listed so far: where the next segment begins.
    clock_seconds: f64,
    /// What a segment without a duration is taken to last.
    usual_seconds: f64,
    end: Option<End>,
    health: Health,
}

/// What the readings of a track's playlist tell of the server.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Health {
    /// How often it was read, or could not be.
    pub(super) readings: u64,
    /// It could not be read the last time.
    pub(super) failing: bool,
    /// The oldest segment that it lists.
    pub(super) oldest: Option<MediaSequence>,
    /// It is not read any more: it has ended.
    pub(super) ended: bool,
    /// Nothing is to be hoped for any more.
    pub(super) lost: bool,
}

/// One segment on its way.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) track: usize,
    pub(super) start_seconds: f64,
    /// How long it plays; what others do, where it does not say.
    pub(super) seconds: f64,
    pub(super) what: What,
}

/// What an entry is.
#[derive(Debug, Clone)]
pub(super) enum What {
    /// To be fetched.
    Segment(Box<PlannedSegment>),
    /// Not to be had.
    Missing {
        sequence: MediaSequence,
        seconds: f64,
        discontinuity: bool,
        reason: &'static str,
    },
}

impl Inbox {
    pub(super) fn new(tracks: usize, wanted: Option<Duration>, meter: Arc<Meter>) -> Self {
        let mut state = State::default();
        state.tracks.resize_with(tracks, Track::default);
        Self {
            state: Mutex::new(state),
            changed: Notify::new(),
            taken: Notify::new(),
            wanted_seconds: wanted.map(|wanted| wanted.as_secs_f64()),
            meter,
        }
    }

    /// Takes in what the plan lists of a track.
    pub(super) fn open(&self, track: usize, mut segments: Vec<PlannedSegment>, from: LiveFrom) {
        if from == LiveFrom::Now {
            segments.drain(..segments.len().saturating_sub(1));
        }
        if let Some(open) = self.state().tracks.get_mut(track) {
            open.health.oldest = segments.first().map(|segment| segment.sequence);
        }
        self.add(track, None, segments);
    }

    /// A track whose next segment begins there: what it is, the next reading tells.
    pub(super) fn reopen(&self, track: usize, clock_seconds: f64) {
        if let Some(open) = self.state().tracks.get_mut(track) {
            open.clock_seconds = clock_seconds;
        }
    }

    /// Takes in what a reading brought. False when no more of this track is wanted.
    pub(super) async fn push(
        &self,
        track: usize,
        missed: Option<Missed>,
        segments: Vec<PlannedSegment>,
    ) -> bool {
        loop {
            let mut taken = std::pin::pin!(self.taken.notified());
            taken.as_mut().enable();
            if self.waiting() < MAX_WAITING {
                break;
            }
            taken.await;
        }
        self.add(track, missed, segments)
    }

    fn add(&self, track: usize, missed: Option<Missed>, segments: Vec<PlannedSegment>) -> bool {
        let mut listed = 0;
        let is_wanted = {
            let mut state = self.state();
            let Some(open) = state.tracks.get_mut(track) else {
                return false;
            };
            if open.health.lost {
                return false;
            }
            if let Some(missed) = missed {
                for number in 0..missed.count {
                    open.add_missing(
                        track,
                        missed.first.0.saturating_add(number),
                        missed.segment_seconds,
                    );
                    listed += 1;
                }
            }
            for segment in segments {
                if self
                    .wanted_seconds
                    .is_some_and(|wanted| open.clock_seconds >= wanted)
                {
                    break;
                }
                open.add(track, segment);
                listed += 1;
            }
            let is_wanted = self
                .wanted_seconds
                .is_none_or(|wanted| open.clock_seconds < wanted);
            if !is_wanted {
                open.end.get_or_insert(End::Duration);
            }
            is_wanted
        };
        self.meter.listed(listed);
        self.changed.notify_one();
        is_wanted
    }

    /// Nothing more of a track comes. When it was lost, nothing more of the others is waited for either.
    pub(super) fn end(&self, track: usize, end: End) {
        let mut state = self.state();
        let is_lost = matches!(end, End::Lost(_));
        if let Some(ended) = state.tracks.get_mut(track) {
            ended.health.ended = true;
            if is_lost || ended.end.is_none() {
                ended.end = Some(end);
            }
        }
        if is_lost {
            for other in &mut state.tracks {
                other.health.ended = true;
                other.health.lost = true;
                other.end.get_or_insert(End::List);
            }
        }
        drop(state);
        self.changed.notify_one();
    }

    /// A playlist was read, and lists segments from `oldest` on; or could not be read.
    pub(super) fn tell(&self, track: usize, reading: Result<Option<MediaSequence>, ()>) {
        if let Some(track) = self.state().tracks.get_mut(track) {
            track.health.readings += 1;
            track.health.failing = reading.is_err();
            if let Ok(Some(oldest)) = reading {
                track.health.oldest = Some(oldest);
            }
        }
        self.changed.notify_one();
    }

    pub(super) fn health(&self, track: usize) -> Health {
        let state = self.state();
        let health = state.tracks.get(track).map(|track| track.health);
        health.unwrap_or_default()
    }

    /// Waits until something comes or ends.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Nothing waits, nothing was asked for, and nothing more comes.
    pub(super) fn is_over(&self) -> bool {
        let state = self.state();
        let is_done = |track: &Track| track.end.is_some() && track.waiting.is_empty();
        state.started.is_empty() && state.tracks.iter().all(is_done)
    }

    /// The next entry that was asked for or is missing, in the order of the output.
    pub(super) fn next_started(&self) -> Option<Entry> {
        self.state().started.pop_front()
    }

    /// The next one, if it is missing.
    pub(super) fn next_missing(&self) -> Option<Entry> {
        let mut state = self.state();
        let front = state.started.front()?;
        if matches!(front.what, What::Missing { .. }) {
            state.started.pop_front()
        } else {
            None
        }
    }

    /// Why nothing more comes, and of which track: what was lost says more than what has ended.
    pub(super) fn end_of_all(&self) -> (usize, End) {
        let mut state = self.state();
        let mut ends: Vec<(usize, End)> = (0..)
            .zip(&mut state.tracks)
            .filter_map(|(number, track)| Some((number, track.end.take()?)))
            .collect();
        let worst = ends.iter().position(|(_, end)| matches!(end, End::Lost(_)));
        let longest = || ends.iter().position(|(_, end)| matches!(end, End::Duration));
        match worst.or_else(longest) {
            Some(index) => ends.swap_remove(index),
            None => (0, End::List),
        }
    }

    fn waiting(&self) -> usize {
        self.state().tracks.iter().map(|track| track.waiting.len()).sum()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is to be fetched next, as long as something waits: the segment that begins first of all tracks.
#[derive(Debug)]
pub(super) struct Feed(pub(super) Arc<Inbox>);

impl Iterator for Feed {
    type Item = Resource;

    fn next(&mut self) -> Option<Resource> {
        let mut state = self.0.state();
        loop {
            let entry = state.pop()?;
            let resource = match &entry.what {
                What::Segment(segment) => Some(segments::resource(segment)),
                What::Missing { .. } => None,
            };
            state.started.push_back(entry);
            if resource.is_some() {
                self.0.taken.notify_waiters();
                return resource;
            }
        }
    }
}

impl State {
    /// The waiting entry that begins first.
    fn pop(&mut self) -> Option<Entry> {
        let begin = |track: &Track| track.waiting.front().map(|entry| entry.start_seconds);
        let (_, first) = self
            .tracks
            .iter_mut()
            .filter_map(|track| Some((begin(track)?, track)))
            .min_by(|(a, _), (b, _)| a.total_cmp(b))?;
        first.waiting.pop_front()
    }
}

impl Track {
    fn add(&mut self, track: usize, segment: PlannedSegment) {
        let known = order::known(&segment);
        self.usual_seconds = known.unwrap_or(self.usual_seconds);
        let seconds = known.unwrap_or(self.usual_seconds);
        let what = if segment.gap {
            What::Missing {
                sequence: segment.sequence,
                seconds,
                discontinuity: segment.discontinuity,
                reason: "the playlist says that it is missing",
            }
        } else {
            What::Segment(Box::new(segment))
        };
        self.queue(track, what, seconds);
    }

    fn add_missing(&mut self, track: usize, sequence: u64, seconds: f64) {
        let what = What::Missing {
            sequence: MediaSequence(sequence),
            seconds,
            discontinuity: false,
            reason: "it left the playlist before it could be read",
        };
        self.queue(track, what, seconds);
    }

    fn queue(&mut self, track: usize, what: What, seconds: f64) {
        self.waiting.push_back(Entry {
            track,
            start_seconds: self.clock_seconds,
            seconds,
            what,
        });
        self.clock_seconds += seconds;
    }
}

impl Entry {
    pub(super) fn sequence(&self) -> MediaSequence {
        match &self.what {
            What::Segment(segment) => segment.sequence,
            What::Missing { sequence, .. } => *sequence,
        }
    }

    /// This entry as missing.
    pub(super) fn gap(&self) -> Gap {
        let duration_seconds = match &self.what {
            What::Segment(segment) => order::known(segment).unwrap_or(0.0),
            What::Missing { seconds, .. } => *seconds,
        };
        Gap {
            track: u32::try_from(self.track).unwrap_or(u32::MAX),
            sequence: self.sequence(),
            start_seconds: self.start_seconds,
            duration_seconds,
        }
    }

    /// Where the next one of its track begins.
    pub(super) fn end_seconds(&self) -> f64 {
        self.start_seconds + self.seconds
    }

    pub(super) fn discontinuity(&self) -> bool {
        match &self.what {
            What::Segment(segment) => segment.discontinuity,
            What::Missing { discontinuity, .. } => *discontinuity,
        }
    }
}
