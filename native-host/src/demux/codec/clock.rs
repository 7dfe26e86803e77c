//! When audio frames begin.

use super::{CLOCK_HZ, Timestamps};
use crate::demux::rescale;

/// A timestamp this near to where the frames before it end is only rounded differently (90 kHz, or milliseconds).
const ROUNDING: i64 = CLOCK_HZ as i64 * 8 / 10_000;

/// Counts samples, and follows the timestamps where these say that time is missing or drifts.
#[derive(Debug, Default)]
pub(super) struct AudioClock {
    sample_rate: u32,
    /// When the next frame begins, in samples.
    next: Option<i64>,
}

impl AudioClock {
    pub(super) fn set_rate(&mut self, sample_rate: u32) {
        self.next = self.next.map(|next| rescale(next, self.sample_rate, sample_rate));
        self.sample_rate = sample_rate;
    }

    /// When a frame of this many samples begins, in samples. `timestamp` is what the stream says, in 90 kHz ticks.
    pub(super) fn frame(&mut self, timestamp: Option<i64>, samples: u32) -> i64 {
        let near =
            |next: i64, time: i64| (rescale(next, self.sample_rate, CLOCK_HZ) - time).abs() <= ROUNDING;
        let begin = match (self.next, timestamp) {
            (Some(next), Some(time)) if near(next, time) => next,
            (_, Some(time)) => rescale(time, CLOCK_HZ, self.sample_rate),
            (Some(next), None) => next,
            (None, None) => 0,
        };
        self.next = Some(begin.saturating_add(i64::from(samples)));
        begin
    }

    /// When the next frame begins, in 90 kHz ticks.
    pub(super) fn end(&self) -> Option<i64> {
        self.next.map(|next| rescale(next, self.sample_rate, CLOCK_HZ))
    }
}

/// Gives every picture its times, also those whose PES packet has none.
#[derive(Debug, Default)]
pub(super) struct FrameClock {
    last: Option<Timestamps>,
    last_mark: Option<i64>,
    /// The latest distance of two timestamps.
    distance: Option<i64>,
}

impl FrameClock {
    /// A PES packet has this decoding time.
    pub(super) fn mark(&mut self, dts: i64) {
        let distance = self.last_mark.map(|last| dts - last);
        self.distance = distance
            .filter(|distance| (1..i64::from(CLOCK_HZ)).contains(distance))
            .or(self.distance);
        self.last_mark = Some(dts);
    }

    /// The times of the next picture.
    pub(super) fn frame(&mut self, timestamps: Option<Timestamps>) -> Timestamps {
        let counted = self.last.map(|Timestamps { pts, dts }| {
            let distance = self.frame_duration();
            Timestamps {
                pts: pts.saturating_add(distance),
                dts: dts.saturating_add(distance),
            }
        });
        let times = timestamps.or(counted).unwrap_or(Timestamps { pts: 0, dts: 0 });
        self.last = Some(times);
        times
    }

    /// How long a picture lasts, in 90 kHz ticks.
    pub(super) fn frame_duration(&self) -> i64 {
        const ASSUMED_RATE: u32 = 25;
        self.distance.unwrap_or(i64::from(CLOCK_HZ / ASSUMED_RATE))
    }

    /// When the next picture is expected to be decoded: after the last of which a time is known.
    pub(super) fn end(&self) -> Option<i64> {
        let last = self.last.map(|last| last.dts).max(self.last_mark)?;
        Some(last.saturating_add(self.frame_duration()))
    }
}
