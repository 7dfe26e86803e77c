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
    /// It is subtitles, which may have nothing for minutes.
    pub(super) sparse: bool,
}

/// The timeline time up to which samples are to be written now; None while too few have come.
pub(super) fn due(tracks: &[Track], inputs: &[Expectation]) -> Option<i64> {
    let pending: usize = tracks.iter().map(Track::pending_bytes).sum();
    if pending >= MAX_PENDING_BYTES {
        let all = tracks.iter().filter_map(Track::queued);
        return all.map(|(_, last)| last.saturating_add(1)).max();
    }
    let queued = || {
        let dense = tracks.iter().filter(|track| !track.is_sparse());
        dense.filter_map(Track::queued)
    };
    let begin = queued().map(|(first, _)| first).min()?;
    let latest = queued().map(|(_, last)| last).max()?;
    // All that go on must have come past the boundary, so that what belongs together lies together.
    let mut reached = latest;
    let awaited = |input: &Expectation| !input.ended && !input.sparse;
    for (index, _) in inputs.iter().enumerate().filter(|(_, input)| awaited(input)) {
        let of_input = tracks.iter().filter(|track| {
            track.input == index && track.has_samples() && track.goes_on() && !track.is_sparse()
        });
        reached = reached.min(of_input.map(Track::reached).min()?);
    }
    let boundary = begin.saturating_add(PIECE_TICKS);
    (reached >= boundary).then_some(boundary)
}

/// The earliest decode time of all tracks, on the timeline: of subtitles only where there is nothing else.
pub(super) fn first_time(tracks: &[Track]) -> i64 {
    let present = tracks.iter().filter(|track| track.has_samples());
    let time = |track: &Track| (track.is_sparse(), track.to_timeline(track.first_dts()));
    present.map(time).min().map_or(0, |(_, time)| time)
}

/// When the media begins and ends, on the timeline, by what has come, subtitles apart; None before its first sample.
pub(super) fn presentation(tracks: &[Track]) -> Option<(i64, i64)> {
    let media = tracks
        .iter()
        .filter(|track| track.has_samples() && !track.is_sparse());
    media
        .map(|track| {
            let (start, end) = track.presentation();
            (track.to_timeline(start), track.to_timeline(end))
        })
        .reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
}
