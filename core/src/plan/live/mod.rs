//! A live media playlist, read again and again: what each reading brings that was not there before.
//!
//! Media sequence numbers say which segments are new, as the specification has it. Real servers number anew after a
//! restart, forget to count, answer from caches that lag, and list a segment twice: where the numbers contradict
//! the names of the files, the names decide, and nothing is taken twice.

mod known;
mod stand_in;

use super::PlanError;
use super::build::Context;
use crate::playlist::Media;
use crate::protocol::{MediaSequence, PlannedSegment};
use crate::url::AbsoluteUrl;

use known::{Known, Listing, Past};

pub use known::Place;
pub use stand_in::{rendition_for, variant_for};

/// A playlist that seems to have gone back is believed when it has said so this often, and goes on.
const RESTART_READINGS: u32 = 3;

/// What is remembered of the segments that were listed before, in windows of the playlist.
const REMEMBERED_WINDOWS: usize = 3;

/// The window of a playlist is taken for at least this long.
const SMALLEST_WINDOW: usize = 16;

/// Follows one media playlist. Its memory is bounded by a few windows of the playlist.
#[derive(Debug, Clone, Default)]
pub struct Follower {
    /// What was listed when the playlist last went on.
    listing: Listing,
    /// What had been listed before.
    past: Past,
    /// The number after the newest segment.
    next: u64,
    /// Says that the stream was started again; not believed yet.
    suspect: Option<Suspect>,
    /// File names change from reading to reading: only numbers count.
    names_mean_nothing: bool,
    /// The next reading is of another playlist of the same programme.
    moved: bool,
    /// A discontinuity stands before the next new segment.
    broken: bool,
}

/// What a reading brought.
#[derive(Debug, Clone, PartialEq)]
pub struct Update {
    /// The new segments, in order.
    pub segments: Vec<PlannedSegment>,
    /// What left the playlist unread, just before `segments`.
    pub missed: Option<Missed>,
    /// How the playlist went on.
    pub course: Course,
    /// EXT-X-ENDLIST: nothing more will come.
    pub ended: bool,
}

/// How a playlist went on from one reading to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Course {
    /// It says something new.
    Changed,
    /// It says what it said.
    Unchanged,
    /// It is older than what was read before: from a cache that lags, or the stream was started again.
    Stale,
    /// The stream was started again: its numbers have nothing to do with those before.
    Restarted,
}

/// Segments that were never seen listed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Missed {
    /// The first of them.
    pub first: MediaSequence,
    /// How many.
    pub count: u64,
    /// How long each is, as far as the others tell.
    pub segment_seconds: f64,
}

/// A listing that does not fit what was read before.
#[derive(Debug, Clone)]
struct Suspect {
    listing: Listing,
    /// The last number of the first such listing.
    first_last: u64,
    /// Readings that agree with each other.
    readings: u32,
    /// Readings that agreed with nothing, not even each other.
    quarrels: u32,
}

/// Where a listing joins what was taken.
enum Joint {
    /// The segments from this index on are new.
    At(usize),
    /// Nothing of it can be used.
    Stale,
    /// All of it is new, and has nothing to do with what was before.
    Anew,
}

impl Follower {
    /// Follows a playlist whose segments so far are known. Those that it lists twice are taken out.
    #[must_use]
    pub fn new(segments: &mut Vec<PlannedSegment>) -> Self {
        let listing: Listing = segments.iter().map(Known::of_planned).collect();
        let mut repeated = listing
            .repeated(segments.iter().map(|segment| segment.discontinuity))
            .into_iter();
        segments.retain(|_| !repeated.next().unwrap_or(false));
        Self {
            next: listing.last().map_or(0, |last| last.sequence.saturating_add(1)),
            listing,
            ..Self::default()
        }
    }

    /// Follows a playlist of which an earlier process took everything before `next`; `last` was the last segment of it.
    #[must_use]
    pub fn behind(last: Place, next: MediaSequence) -> Self {
        Self {
            listing: [last.known()].into_iter().collect(),
            next: next.0,
            ..Self::default()
        }
    }

    /// The number that the next segment should have.
    #[must_use]
    pub fn next(&self) -> MediaSequence {
        MediaSequence(self.next)
    }

    /// The next reading is of another playlist that shows the same programme: its numbers count on, its names are
    /// others.
    pub fn moved(&mut self) {
        self.moved = true;
    }

    /// Takes a reading in. `elapsed_seconds` is the time since the playlist last went on: more than what can have
    /// happened meanwhile is not believed to be missing.
    ///
    /// # Errors
    /// [`PlanError`] when a new segment cannot be planned; the others of the reading are lost with it.
    pub fn update(
        &mut self,
        playlist: &AbsoluteUrl,
        media: &Media,
        elapsed_seconds: f64,
    ) -> Result<Update, PlanError> {
        let listing: Listing = media.segments.iter().map(Known::of).collect();
        let moved = std::mem::take(&mut self.moved) && !listing.is_empty();
        let joint = if moved {
            self.join_moved(&listing)
        } else {
            self.join(&listing, media.end_list)
        };
        let changed = !listing.is_empty() && listing != self.listing;
        let mut restarted = matches!(joint, Joint::Anew);
        let from = match joint {
            Joint::At(from) => from,
            Joint::Anew => 0,
            Joint::Stale => {
                return Ok(Update {
                    segments: Vec::new(),
                    missed: None,
                    course: Course::Stale,
                    ended: false,
                });
            }
        };
        let mut missed = None;
        let expected = self.next;
        let has_begun = !self.listing.is_empty();
        if let Some(first) = listing
            .get(from)
            .filter(|first| has_begun && !restarted && first.sequence > expected)
        {
            let count = first.sequence - expected;
            let segment_seconds = mean_seconds(media);
            let possible = possible_segments(elapsed_seconds, segment_seconds);
            // Numbers that ran away: the stream was started again, and counts from elsewhere.
            restarted = count > possible.saturating_mul(4).saturating_add(16);
            if !restarted && from == 0 {
                self.past.miss(expected..first.sequence);
                missed = Some(Missed {
                    first: MediaSequence(expected),
                    count: count.min(possible),
                    segment_seconds,
                });
            }
        }
        let context = Context { playlist };
        let repeated = listing.repeated(media.segments.iter().map(|segment| segment.discontinuity));
        let mut segments = Vec::new();
        for (segment, repeated) in media.segments.iter().zip(repeated).skip(from) {
            if !repeated {
                segments.push(context.segment(segment)?);
            }
        }
        self.broken |= restarted || moved;
        if let Some(first) = segments.first_mut() {
            first.discontinuity |= std::mem::take(&mut self.broken);
        }
        let lags = segments.is_empty()
            && listing
                .last()
                .is_some_and(|last| last.sequence.saturating_add(1) < expected);
        let course = match () {
            () if restarted => Course::Restarted,
            () if lags && !media.end_list => Course::Stale,
            () if changed || media.end_list => Course::Changed,
            () => Course::Unchanged,
        };
        if restarted {
            self.past.clear();
        }
        // What lags is not compared with: the newer listing says more.
        if !lags || moved {
            self.take(listing, lags);
        }
        Ok(Update {
            course,
            segments,
            missed,
            ended: media.end_list,
        })
    }

    /// Where the listing of another playlist of the same programme joins: by its numbers, which servers keep in step.
    /// Where they are far from it, with its newest segment.
    fn join_moved(&self, listing: &Listing) -> Joint {
        let after = listing.last().map_or(0, |last| last.sequence.saturating_add(1));
        let windows = listing.len().max(SMALLEST_WINDOW) * REMEMBERED_WINDOWS;
        if self.next.saturating_sub(after) > windows as u64 {
            return Joint::At(listing.len().saturating_sub(1));
        }
        Joint::At(listing.first_from(self.next))
    }

    /// Where a listing joins what was taken.
    fn join(&mut self, listing: &Listing, ended: bool) -> Joint {
        let Some(last) = listing.last() else {
            return Joint::At(0);
        };
        if self.listing.is_empty() || self.names_mean_nothing {
            self.suspect = None;
            return Joint::At(listing.first_from(self.next));
        }
        let overlap = listing.compare(&self.listing);
        if overlap.differ == 0 && overlap.same > 0 {
            self.suspect = None;
            // A cache that lags ends before what was read.
            return Joint::At(listing.first_from(self.next));
        }
        // The numbers say nothing, or another thing than the names.
        if let Some(known) = listing.last_known_in(&self.listing) {
            self.suspect = None;
            return Joint::At(known + 1);
        }
        if overlap.differ == 0 && last.sequence >= self.next {
            // Everything that was listed has left the window.
            self.suspect = None;
            return Joint::At(listing.first_from(self.next));
        }
        if self.past.holds(listing) {
            return Joint::Stale;
        }
        self.suspect(listing, ended)
    }

    /// A listing that lies behind, or calls other files by the same numbers.
    fn suspect(&mut self, listing: &Listing, ended: bool) -> Joint {
        let last = listing.last().map_or(0, |last| last.sequence);
        let mut suspect = Suspect {
            listing: listing.clone(),
            first_last: last,
            readings: 1,
            quarrels: 0,
        };
        if let Some(before) = &self.suspect {
            let overlap = listing.compare(&before.listing);
            let agrees = overlap.differ == 0 && (overlap.same > 0 || last > before.first_last);
            if agrees {
                suspect.first_last = before.first_last;
                suspect.readings = before.readings + 1;
            } else if overlap.differ > 0 {
                suspect.quarrels = before.quarrels + 1;
            }
        }
        if suspect.quarrels >= RESTART_READINGS {
            self.names_mean_nothing = true;
            self.suspect = None;
            return Joint::At(listing.first_from(self.next));
        }
        // A copy in a broken cache stands still; what was started again goes on.
        let is_alive = last > suspect.first_last || ended;
        if suspect.readings >= RESTART_READINGS && is_alive {
            self.suspect = None;
            return Joint::Anew;
        }
        self.suspect = Some(suspect);
        Joint::Stale
    }

    /// Makes a listing the one that the next is compared with.
    fn take(&mut self, listing: Listing, lags: bool) {
        let Some(last) = listing.last() else { return };
        if !lags {
            self.next = last.sequence.saturating_add(1);
        }
        let limit = listing.len().max(SMALLEST_WINDOW) * REMEMBERED_WINDOWS;
        self.past.add(&self.listing, limit);
        self.listing = listing;
    }
}

impl Missed {
    /// How long all of them are.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^53 segments")]
    pub fn seconds(&self) -> f64 {
        self.count as f64 * self.segment_seconds
    }
}

/// The usual length of a playlist's segments.
fn mean_seconds(media: &Media) -> f64 {
    let known = || {
        media
            .segments
            .iter()
            .filter_map(|segment| segment.duration_seconds)
    };
    #[expect(clippy::cast_precision_loss, reason = "a million segments at most")]
    let count = known().count() as f64;
    let mean = known().sum::<f64>() / count;
    if mean.is_finite() && mean > 0.0 {
        mean
    } else {
        media
            .target_duration_seconds
            .filter(|seconds| *seconds > 0.0)
            .unwrap_or(1.0)
    }
}

/// How many segments can have come and gone in a time.
fn possible_segments(seconds: f64, segment_seconds: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a cast of a float saturates, and NaN becomes 0"
    )]
    let count = (seconds / segment_seconds).ceil() as u64;
    count.saturating_add(1)
}
