//! When samples are written: in pieces of a second, which is what a crash costs and how finely tracks interleave.

use super::track::Track;
use crate::demux::CLOCK_HZ;

/// How long a piece lasts, in timeline ticks.
const PIECE_TICKS: i64 = CLOCK_HZ as i64;

/// Samples are held back for at most this many bytes while a track is waited for.
const MAX_PENDING_BYTES: usize = 16 << 20;

/// What is known of the samples to come of one input.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expectation {
    /// How long it lasts.
    pub(super) seconds: Option<f64>,
    /// All of it has come.
    pub(super) ended: bool,
}

/// The timeline time up to which samples are to be written now; None while too few have come.
pub(super) fn due(tracks: &[Track], inputs: &[Expectation]) -> Option<i64> {
    let queued = || tracks.iter().filter_map(Track::queued);
    let begin = queued().map(|(first, _)| first).min()?;
    let latest = queued().map(|(_, last)| last).max()?;
    let pending: usize = tracks.iter().map(Track::pending_bytes).sum();
    if pending >= MAX_PENDING_BYTES {
        return Some(latest.saturating_add(1));
    }
    // All that go on must have come past the boundary, so that what belongs together lies together.
    let mut reached = latest;
    for (index, _) in inputs.iter().enumerate().filter(|(_, input)| !input.ended) {
        let of_input = tracks
            .iter()
            .filter(|track| track.input == index && track.has_samples() && track.goes_on());
        reached = reached.min(of_input.map(Track::reached).min()?);
    }
    let boundary = begin.saturating_add(PIECE_TICKS);
    (reached >= boundary).then_some(boundary)
}

/// The earliest decode time of all tracks, on the timeline.
pub(super) fn first_time(tracks: &[Track]) -> i64 {
    let present = tracks.iter().filter(|track| track.has_samples());
    present
        .map(|track| track.to_timeline(track.first_dts()))
        .min()
        .unwrap_or(0)
}
