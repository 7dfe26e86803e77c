//! A part of a stream, cut at segment borders.

use std::fmt;

use crate::protocol::{CapturePlan, ErrorCode, PlannedSegment, PlannedTrack};
use crate::url::AbsoluteUrl;

/// Sums of durations differ by rounding: a segment that reaches less than this into a span is not of it.
const ROUNDING_SECONDS: f64 = 0.001;

/// A segment of another track that reaches less than this into the main one's part is not of it: borders of sound are
/// where its frames end, some hundredths of a second beside those of the picture. A frame less is better than a segment
/// of sound ahead of the first picture.
const SLACK_SECONDS: f64 = 0.1;

/// What is wanted of a stream, in seconds from its beginning.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Span {
    /// The first moment.
    pub start_seconds: f64,
    /// The moment behind the last; None: to the end.
    pub end_seconds: Option<f64>,
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "from {:.1} s", self.start_seconds)?;
        match self.end_seconds {
            Some(end) => write!(f, " to {end:.1} s"),
            None => f.write_str(" on"),
        }
    }
}

/// Why a stream is not cut. Apart from [`super::PlanError`], which the extension shows: printing fractions is a tenth of
/// what its wasm module may be.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CutError {
    /// A span with nothing in it.
    #[error("nothing of the stream is {span}: it is {seconds:.1} s long")]
    Outside {
        /// What was asked for.
        span: Span,
        /// How long the main track is.
        seconds: f64,
    },
    /// A playlist that tells no duration at all.
    #[error("{0} does not say how long its segments are: it cannot be cut by time")]
    NoDurations(AbsoluteUrl),
}

impl CutError {
    /// The code that the user interface translates.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Outside { .. } | Self::NoDurations(_) => ErrorCode::NothingToCapture,
        }
    }
}

/// Where a stream was cut.
#[derive(Debug, Clone, PartialEq)]
pub struct Cut {
    /// Where the main track's first segment begins.
    pub start_seconds: f64,
    /// Where its last one ends.
    pub end_seconds: f64,
    /// The tracks that have nothing there, and are gone.
    pub empty: Vec<PlannedTrack>,
}

/// Keeps of the main track the segments that overlap `span`, and of the others those that play with them. Nothing else
/// has to change: each is complete in itself.
///
/// # Errors
/// [`CutError::Outside`] when the main track has none there, [`CutError::NoDurations`] when nobody can tell.
pub fn cut(plan: &mut CapturePlan, span: Span) -> Result<Cut, CutError> {
    let mut cut = None;
    let mut empty = Vec::new();
    for mut track in std::mem::take(&mut plan.tracks) {
        let (kept, seconds) = match cut {
            None => kept(&track, span, ROUNDING_SECONDS)?,
            Some((start_seconds, end)) => {
                let main = Span {
                    start_seconds,
                    end_seconds: span.end_seconds.map(|_| end),
                };
                kept(&track, main, SLACK_SECONDS)?
            }
        };
        match (&kept[..], cut) {
            ([], None) => return Err(CutError::Outside { span, seconds }),
            ([], Some(_)) => empty.push(track),
            ([first, ..], _) => {
                let last = kept.last().unwrap_or(first);
                cut = cut.or(Some((first.start, last.end)));
                let range = first.index..=last.index;
                track.segments = track.segments.drain(range).collect();
                plan.tracks.push(track);
            }
        }
    }
    let (start_seconds, end_seconds) = cut.unwrap_or_default();
    Ok(Cut {
        start_seconds,
        end_seconds,
        empty,
    })
}

/// When a segment is played, in seconds.
#[derive(Debug, Clone, Copy)]
struct Place {
    index: usize,
    start: f64,
    end: f64,
}

/// The segments that reach more than `tolerance` seconds into `span`, and how long the track is.
fn kept(track: &PlannedTrack, span: Span, tolerance: f64) -> Result<(Vec<Place>, f64), CutError> {
    let usual =
        mean_duration(&track.segments).ok_or_else(|| CutError::NoDurations(track.playlist.clone()))?;
    let mut now = 0.0;
    let places = track.segments.iter().enumerate().map(|(index, segment)| {
        let start = now;
        now += segment.duration_seconds.unwrap_or(usual);
        Place {
            index,
            start,
            end: now,
        }
    });
    let is_in = |place: &Place| {
        place.end > span.start_seconds + tolerance
            && span.end_seconds.is_none_or(|end| place.start < end - tolerance)
    };
    let kept = places.filter(is_in).collect();
    Ok((kept, now))
}

/// What a segment without a known duration is taken for.
#[expect(clippy::cast_precision_loss, reason = "a million segments at most")]
fn mean_duration(segments: &[PlannedSegment]) -> Option<f64> {
    let (sum, count) = segments
        .iter()
        .filter_map(|segment| segment.duration_seconds)
        .fold((0.0, 0_u64), |(sum, count), seconds| (sum + seconds, count + 1));
    (count > 0).then(|| sum / count as f64)
}
