//! When audio frames begin.

use serde::{Deserialize, Serialize};

use super::{CLOCK_HZ, Timestamps};
use crate::demux::rescale;

/// A timestamp this near to where the frames before it end is only rounded differently (90 kHz, or milliseconds).
const ROUNDING: i64 = CLOCK_HZ as i64 * 8 / 10_000;

/// How long a picture lasts while nothing else is known: 25 a second.
const ASSUMED_DURATION: i64 = CLOCK_HZ as i64 / 25;

/// Counts samples, and follows the timestamps where these say that time is missing or drifts.
#[derive(Debug, Default, Serialize, Deserialize)]
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
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct FrameClock {
    last: Option<Timestamps>,
    last_mark: Option<i64>,
    /// The latest distance of two timestamps: a first guess, because several pictures may share one.
    mark_distance: Option<i64>,
    /// Decoding time of the last picture that had a timestamp, and how many pictures came since.
    last_timed: Option<(i64, i64)>,
    /// The latest distance of two pictures.
    distance: Option<i64>,
    /// What the stream's parameters say that it is.
    expected: Option<i64>,
}

impl FrameClock {
    /// Pictures last so long by the stream's parameters.
    pub(super) fn expect(&mut self, ticks: Option<i64>) {
        self.expected = ticks.filter(|&ticks| is_pace(ticks));
    }

    /// A PES packet has this decoding time.
    pub(super) fn mark(&mut self, dts: i64) {
        let distance = self.last_mark.map(|last| dts.saturating_sub(last));
        self.mark_distance = distance
            .filter(|&distance| is_pace(distance))
            .or(self.mark_distance);
        self.last_mark = Some(dts);
    }

    /// The times of the next picture.
    pub(super) fn frame(&mut self, timestamps: Option<Timestamps>) -> Timestamps {
        if let Some(times) = timestamps {
            let since_timed = self.last_timed.map(|(dts, pictures)| {
                let distance = times.dts.saturating_sub(dts);
                distance / pictures.max(1)
            });
            self.distance = since_timed
                .filter(|&distance| is_pace(distance))
                .or(self.distance);
            self.last_timed = Some((times.dts, 0));
        }
        if let Some((_, pictures)) = &mut self.last_timed {
            *pictures += 1;
        }
        let counted = self.last.map(|Timestamps { pts, dts }| {
            // Timestamps that several pictures share are no guess at the distance of two.
            let distance = self.distance.or(self.expected).unwrap_or(ASSUMED_DURATION);
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
        self.distance
            .or(self.mark_distance)
            .or(self.expected)
            .unwrap_or(ASSUMED_DURATION)
    }

    /// When the next picture is expected to be decoded: after the last of which a time is known.
    pub(super) fn end(&self) -> Option<i64> {
        // A mark may be that of a second field, which lasts half as long.
        let after_mark = self.last_mark.map(|mark| {
            let distance = self.mark_distance.unwrap_or(i64::MAX);
            mark.saturating_add(distance.min(self.frame_duration()))
        });
        let after_picture = self
            .last
            .map(|last| last.dts.saturating_add(self.frame_duration()));
        after_mark.max(after_picture)
    }
}

/// Whether pictures may follow each other at this distance, in ticks.
fn is_pace(distance: i64) -> bool {
    (1..i64::from(CLOCK_HZ)).contains(&distance)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(dts: i64) -> Timestamps {
        Timestamps { pts: dts, dts }
    }

    /// Three pictures in each PES packet, of which the first has the timestamp.
    #[test]
    fn pictures_share_a_timestamp() {
        let mut clock = FrameClock::default();
        let mut times = Vec::new();
        for packet in 0..4 {
            clock.mark(packet * 10_800);
            times.push(clock.frame(Some(at(packet * 10_800))).dts);
            times.push(clock.frame(None).dts);
            times.push(clock.frame(None).dts);
        }
        // Before the second timestamp the rate is not known.
        assert_eq!(
            times.get(3..),
            Some(
                &[
                    10_800, 14_400, 18_000, 21_600, 25_200, 28_800, 32_400, 36_000, 39_600
                ][..]
            )
        );
        assert_eq!(clock.frame_duration(), 3_600);
        assert_eq!(clock.end(), Some(43_200));
    }

    #[test]
    fn a_pause_is_no_pace() {
        let mut clock = FrameClock::default();
        for dts in [0, 3_600, 7_200, 900_000] {
            clock.mark(dts);
            clock.frame(Some(at(dts)));
        }
        assert_eq!((clock.frame_duration(), clock.end()), (3_600, Some(903_600)));
    }
}
