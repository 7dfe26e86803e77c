//! Where the media of a track comes twice: its decoding times go back, but not so far that its clock has jumped.
//!
//! Nothing is left out: such samples are decoded behind each other, and presented when they say.

use serde::{Deserialize, Serialize};
use weir_core::protocol::TrackKind;

use crate::demux::{CLOCK_HZ, rescale, seconds};

/// Going back by less is no overlap: audio frames do not end where pictures do.
const TOLERANCE: i64 = CLOCK_HZ as i64 / 10;

/// As many are told with their times.
const MAX_TOLD: usize = 4;

/// The overlaps of one track.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Overlaps {
    /// The latest decoding time so far.
    latest: Option<i64>,
    /// The last sample was before it.
    inside: bool,
    told: Vec<Overlap>,
    /// Those that are not told.
    more: u64,
}

/// Times in the track's ticks.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Overlap {
    /// Decoding time of the first sample that comes twice.
    begin: i64,
    /// That of the last before it.
    end: i64,
}

impl Overlaps {
    /// Those of a track whose first sample has this decoding time.
    pub(super) fn beginning(dts: i64) -> Self {
        Self {
            latest: Some(dts),
            ..Self::default()
        }
    }

    /// A sample comes: `dts` is what its source says.
    pub(super) fn pass(&mut self, dts: i64, timescale: u32) {
        let Some(latest) = self.latest.filter(|&latest| dts < latest) else {
            self.latest = Some(dts);
            self.inside = false;
            return;
        };
        let back = rescale(latest.saturating_sub(dts), timescale, CLOCK_HZ);
        if back < TOLERANCE || std::mem::replace(&mut self.inside, true) {
            return;
        }
        if self.told.len() < MAX_TOLD {
            self.told.push(Overlap {
                begin: dts,
                end: latest,
            });
        } else {
            self.more += 1;
        }
    }

    /// What is to be said of a kind of media of one of the plan's tracks, for each overlap; `start` is where the output
    /// begins, in ticks.
    pub(super) fn words(&self, (track, kind): (usize, TrackKind), start: i64, timescale: u32) -> Vec<String> {
        let told = self.told.iter().map(|&Overlap { begin, end }| {
            let at = seconds(begin.saturating_sub(start).max(0), timescale);
            let length = seconds(end.saturating_sub(begin), timescale);
            format!("track {track} ({kind}): {length:.1} s overlap at {at:.1} s")
        });
        let more = Some(self.more).filter(|&more| more > 0);
        let more = more.map(|more| format!("track {track} ({kind}): {more} more overlaps"));
        told.chain(more).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(times: impl IntoIterator<Item = i64>) -> Vec<String> {
        let mut overlaps = Overlaps::default();
        times.into_iter().for_each(|dts| overlaps.pass(dts, 1000));
        overlaps.words((0, TrackKind::Video), 500, 1000)
    }

    #[test]
    fn a_stretch_that_comes_twice_is_one_overlap() {
        let twice = (0..=3000).step_by(40).chain((2000..5000).step_by(40));
        assert_eq!(words(twice), ["track 0 (video): 1.0 s overlap at 1.5 s"]);
    }

    #[test]
    fn a_little_is_none() {
        assert_eq!(words([0, 40, 80, 0, 40, 80, 120]), Vec::<String>::new());
    }

    #[test]
    fn one_that_begins_with_a_little_is_found() {
        assert_eq!(
            words([500, 1000, 950, 600, 700, 1000, 1040]),
            ["track 0 (video): 0.4 s overlap at 0.1 s"]
        );
    }

    #[test]
    fn many_are_counted() {
        let times = (1..=10).flat_map(|number| [number * 1000, number * 1000 - 300]);
        let words = words(times);
        assert_eq!(words.len(), 5);
        assert_eq!(words[0], "track 0 (video): 0.3 s overlap at 0.2 s");
        assert_eq!(words[4], "track 0 (video): 6 more overlaps");
    }
}
