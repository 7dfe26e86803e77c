//! Segments that play shorter than their playlist says.
//!
//! A server that ends a body early without having said how long it is cannot be caught by HTTP (faults.md, 12), and a
//! cache may keep a body that was cut and announce it as whole. EXTINF, on the other hand, is often wrong. What decides
//! is the next segment: when its time goes on where the short one ended, nothing is missing.

use serde::{Deserialize, Serialize};
use weir_core::protocol::{Gap, PlannedSegment};

use super::order;
use crate::demux::Extent;

/// How a segment compares with its EXTINF.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Measured {
    /// From when to when it plays, where that can be told.
    pub(super) extent: Option<Extent>,
    /// The server said how long the body is, or marked its end.
    pub(super) delimited: bool,
}

/// Seconds by which a segment may be shorter than its EXTINF: timestamps of audio may lie half a second apart, and
/// durations are rounded.
fn tolerance(seconds: f64) -> f64 {
    const SECONDS: f64 = 0.5;
    const RATIO: f64 = 0.1;
    SECONDS.max(seconds * RATIO)
}

impl Measured {
    /// How many seconds are missing from what EXTINF says, when that is more than may be.
    fn short_by(&self, segment: &PlannedSegment) -> Option<f64> {
        let expected = order::known(segment)?;
        let missing = expected - self.extent?.seconds();
        (missing > tolerance(expected)).then_some(missing)
    }

    /// Whether it is worth another try: bytes may be missing.
    pub(super) fn is_suspicious(&self, segment: &PlannedSegment) -> bool {
        self.short_by(segment).is_some()
            || (!self.delimited && self.extent.is_some_and(|extent| extent.is_cut()))
    }
}

/// A segment that was short on every try.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Short {
    /// All of it.
    whole: Gap,
    measured: Measured,
    seconds: f64,
}

/// What is known of one track's last segment.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub(super) struct Shortfalls {
    /// By track.
    last: Vec<Option<Short>>,
}

impl Shortfalls {
    /// For this many tracks.
    pub(super) fn new(tracks: usize) -> Self {
        Self {
            last: vec![None; tracks],
        }
    }

    /// A segment comes, which would leave the gap `whole`. What is missing at the end of the one before it in its track, and
    /// why.
    pub(super) fn add(
        &mut self,
        whole: &Gap,
        segment: &PlannedSegment,
        measured: Measured,
    ) -> Option<(Gap, String)> {
        let track = usize::try_from(whole.track).unwrap_or(usize::MAX);
        let last = self.last.get_mut(track)?;
        let short = last.take();
        *last = measured.short_by(segment).map(|seconds| Short {
            whole: whole.clone(),
            measured,
            seconds,
        });
        let short = short?;
        let hole = match (short.measured.extent, measured.extent) {
            (Some(before), Some(next)) if !segment.discontinuity => before.hole_before(&next),
            _ => None,
        };
        short.missing(hole).map(|seconds| gap(&short.whole, seconds))
    }

    /// Nothing comes any more. What is missing at the end, and why.
    pub(super) fn end(self) -> impl Iterator<Item = (Gap, String)> {
        let short = self.last.into_iter().flatten();
        short.filter_map(|short| short.missing(None).map(|seconds| gap(&short.whole, seconds)))
    }
}

impl Short {
    /// Seconds that are missing, given the hole up to the next segment where the two have a clock in common.
    fn missing(&self, hole: Option<f64>) -> Option<f64> {
        match hole {
            // Where time goes on the playlist is wrong. A hole that is longer than what is short was there before.
            Some(hole) => (hole > self.seconds / 2.0).then(|| hole.min(self.seconds)),
            // Without a next segment only the server's word counts.
            None => (!self.measured.delimited).then_some(self.seconds),
        }
    }
}

/// The end of a segment as missing, with the reason.
fn gap(whole: &Gap, missing_seconds: f64) -> (Gap, String) {
    let kept = (whole.duration_seconds - missing_seconds).max(0.0);
    let reason = format!(
        "segment {} is cut short: {kept:.1} of {:.1} s came, also when it was asked for again",
        whole.sequence.0, whole.duration_seconds
    );
    let gap = Gap {
        start_seconds: whole.start_seconds + kept,
        duration_seconds: missing_seconds,
        ..whole.clone()
    };
    (gap, reason)
}
