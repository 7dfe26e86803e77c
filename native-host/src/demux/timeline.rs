//! One clock for all tracks of a capture.
//!
//! Sources restart their clocks at discontinuities, wrap at 33 bits, and jump without a word. An [`Epoch`] is a stretch
//! of source time that is joined to the output with one offset; all streams of all playlists share the epochs, so that
//! what was in step stays in step.

use super::StreamId;

/// Ticks a second of the timeline: the transport stream's own (ISO/IEC 13818-1, 2.4.3.7).
pub const CLOCK_HZ: u32 = 90_000;

/// A transport stream's timestamps have 33 bits.
const WRAP: i64 = 1 << 33;
/// A segment may begin this much before the end of the last without being taken for a jump: audio frames overlap, and
/// the length of the last frame is an estimate. As ffmpeg does.
const OVERLAP: i64 = CLOCK_HZ as i64 / 10;
/// A segment that begins later than this after the end of the last has jumped.
const JUMP: i64 = CLOCK_HZ as i64;

/// How a segment joins the one before.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Edge {
    /// EXT-X-DISCONTINUITY stands between.
    pub discontinuity: bool,
    /// Length of the segments that are left out between, in timeline ticks: a hole of this length stays.
    pub missing: i64,
}

/// A stretch of source time. A copy is used while a segment is read.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Epoch {
    /// Its number on the timeline.
    index: usize,
    /// Output time minus source time.
    pub(in crate::demux) offset: i64,
    /// The latest source time seen: what 33-bit times are nearest to.
    reference: Option<i64>,
}

/// Where one playlist is.
#[derive(Debug, Default)]
struct Position {
    epoch: usize,
    /// Output time at which each stream's next sample is expected.
    ends: Vec<(StreamId, i64)>,
}

/// The clock that all demuxers of a capture share.
#[derive(Debug)]
pub struct Timeline {
    epochs: Vec<Epoch>,
    positions: Vec<Position>,
}

impl Timeline {
    /// A timeline for this many playlists. It begins with the source's own time.
    #[must_use]
    pub fn new(playlists: usize) -> Self {
        let positions = std::iter::repeat_with(Position::default)
            .take(playlists)
            .collect();
        Self {
            epochs: vec![Epoch::default()],
            positions,
        }
    }

    /// Begins a segment of a playlist: finds, or opens, the epoch it belongs to. `firsts` are the source times at which
    /// its streams begin.
    pub(crate) fn enter(
        &mut self,
        playlist: usize,
        firsts: &[(StreamId, i64)],
        clock: SourceClock,
        edge: Edge,
    ) -> Epoch {
        let (current, ends) = match self.positions.get(playlist) {
            Some(position) => (position.epoch, &position.ends[..]),
            None => (0, &[][..]),
        };
        let joint = Joint::new(firsts, ends, clock);
        let goes_on_in = |epoch: &&Epoch| match &joint {
            Some(joint) => joint.fits(epoch, edge, epoch.index == current),
            None => true,
        };
        let chosen = self.epochs.iter().skip(current).find(goes_on_in).copied();
        let epoch = chosen.unwrap_or_else(|| {
            let index = self.epochs.len();
            let epoch = joint.map_or_else(Epoch::default, |joint| joint.open(edge));
            self.epochs.push(Epoch { index, ..epoch });
            Epoch { index, ..epoch }
        });
        if let Some(position) = self.positions.get_mut(playlist) {
            position.epoch = epoch.index;
        }
        epoch
    }

    /// Ends a segment: `ends` is where the next samples of its streams are expected, in output time.
    pub(crate) fn leave(
        &mut self,
        playlist: usize,
        epoch: Epoch,
        ends: impl IntoIterator<Item = (StreamId, i64)>,
    ) {
        if let Some(known) = self.epochs.get_mut(epoch.index) {
            *known = epoch;
        }
        self.settle(playlist, ends);
    }

    /// The streams end there after all: what was held back at the end of the last segment has come out.
    pub(super) fn settle(&mut self, playlist: usize, ends: impl IntoIterator<Item = (StreamId, i64)>) {
        let Some(position) = self.positions.get_mut(playlist) else {
            return;
        };
        for (stream, end) in ends {
            match position.ends.iter_mut().find(|(known, _)| *known == stream) {
                Some((_, known)) => *known = end,
                None => position.ends.push((stream, end)),
            }
        }
    }
}

/// Which kind of clock the source has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SourceClock {
    /// 33 bits of 90 kHz, as in transport streams.
    Wrapping,
    /// 64 bits.
    Plain,
}

impl Epoch {
    /// Output time of a source time.
    pub(crate) fn map(&mut self, source: i64, clock: SourceClock) -> i64 {
        let source = self.unwrap(source, clock);
        self.reference = Some(source);
        source.saturating_add(self.offset)
    }

    /// Output time of a source time that others are not to be near to.
    pub(crate) fn peek(&self, source: i64, clock: SourceClock) -> i64 {
        self.unwrap(source, clock).saturating_add(self.offset)
    }

    /// Whether both add the same to source times.
    pub(crate) fn adds_the_same(&self, other: &Self) -> bool {
        self.offset == other.offset
    }

    /// The source time nearest to the reference that has these 33 bits.
    fn unwrap(&self, source: i64, clock: SourceClock) -> i64 {
        match (clock, self.reference) {
            (SourceClock::Wrapping, Some(reference)) => {
                let ahead = (source - reference).rem_euclid(WRAP);
                reference + if ahead >= WRAP / 2 { ahead - WRAP } else { ahead }
            }
            _ => source,
        }
    }
}

/// A segment's beginning against the end of the one before.
struct Joint {
    /// Source time of the beginning and expected output time, of each stream that both sides have.
    pairs: Vec<(i64, i64)>,
    clock: SourceClock,
}

impl Joint {
    /// None when there is nothing before or nothing after.
    fn new(firsts: &[(StreamId, i64)], ends: &[(StreamId, i64)], clock: SourceClock) -> Option<Self> {
        let end_of = |stream: StreamId| {
            ends.iter()
                .find(|(known, _)| *known == stream)
                .map(|&(_, end)| end)
        };
        // The streams may begin on both sides of a wrap: all are brought near the first.
        let near = Epoch {
            reference: firsts.first().map(|&(_, first)| first),
            ..Epoch::default()
        };
        let firsts = || {
            firsts
                .iter()
                .map(|&(stream, first)| (stream, near.unwrap(first, clock)))
        };
        let mut pairs: Vec<(i64, i64)> = firsts()
            .filter_map(|(stream, first)| Some((first, end_of(stream)?)))
            .collect();
        if pairs.is_empty() {
            let first = firsts().map(|(_, first)| first).min()?;
            pairs.push((first, ends.iter().map(|&(_, end)| end).max()?));
        }
        Some(Self { pairs, clock })
    }

    /// Whether time goes on in this epoch: one stream that goes on is enough, another may have paused.
    fn fits(&self, epoch: &Epoch, edge: Edge, current: bool) -> bool {
        let latest = match edge {
            Edge {
                discontinuity: true, ..
            } if current => OVERLAP,
            _ => JUMP.saturating_add(edge.missing),
        };
        self.pairs.iter().any(|&(first, end)| {
            let begin = epoch.unwrap(first, self.clock).saturating_add(epoch.offset);
            (-OVERLAP..=latest).contains(&begin.saturating_sub(end))
        })
    }

    /// The epoch in which time goes on and no stream overlaps.
    fn open(&self, edge: Edge) -> Epoch {
        let offset = self
            .pairs
            .iter()
            .map(|&(first, end)| end.saturating_sub(first))
            .max()
            .unwrap_or(0);
        Epoch {
            offset: offset.saturating_add(edge.missing),
            reference: self.pairs.first().map(|&(first, _)| first),
            ..Epoch::default()
        }
    }
}

/// A time in seconds.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "2^53 ticks are thousands of years")]
pub fn seconds(time: i64, hz: u32) -> f64 {
    time as f64 / f64::from(hz.max(1))
}

/// Converts a time between scales, rounding to the nearest tick.
#[must_use]
pub fn rescale(time: i64, from_hz: u32, to_hz: u32) -> i64 {
    if from_hz == to_hz || from_hz == 0 {
        return time;
    }
    let (from, scaled) = (i128::from(from_hz), i128::from(time) * i128::from(to_hz));
    i64::try_from((scaled + from / 2).div_euclid(from)).unwrap_or(if time < 0 { i64::MIN } else { i64::MAX })
}

#[cfg(test)]
mod tests {
    use weir_core::protocol::TrackKind;

    use super::*;

    const VIDEO: StreamId = StreamId {
        kind: TrackKind::Video,
        ordinal: 0,
    };
    const SECOND: i64 = CLOCK_HZ as i64;
    const TAGGED: Edge = Edge {
        discontinuity: true,
        missing: 0,
    };

    /// Plays a segment of six seconds of one playlist that begins at this source time; returns its output time.
    fn segment(timeline: &mut Timeline, playlist: usize, first: i64, edge: Edge) -> i64 {
        let mut epoch = timeline.enter(playlist, &[(VIDEO, first)], SourceClock::Wrapping, edge);
        let begin = epoch.map(first, SourceClock::Wrapping);
        timeline.leave(playlist, epoch, [(VIDEO, begin + 6 * SECOND)]);
        begin
    }

    #[test]
    fn source_time_goes_on_while_it_can() {
        let mut timeline = Timeline::new(1);
        assert_eq!(
            segment(&mut timeline, 0, 10 * SECOND, Edge::default()),
            10 * SECOND
        );
        // Within the tolerances of an overlap and of a pause.
        assert_eq!(
            segment(&mut timeline, 0, 16 * SECOND - 8_000, Edge::default()),
            16 * SECOND - 8_000
        );
        assert_eq!(
            segment(&mut timeline, 0, 22 * SECOND + 70_000, Edge::default()),
            22 * SECOND + 70_000
        );
    }

    #[test]
    fn wraps_go_on() {
        let mut timeline = Timeline::new(2);
        let begin = WRAP - 3 * SECOND;
        assert_eq!(segment(&mut timeline, 0, begin, Edge::default()), begin);
        assert_eq!(
            segment(&mut timeline, 0, 3 * SECOND, Edge::default()),
            begin + 6 * SECOND
        );
        // A playlist that begins just behind the wrap is beside the other, not 26 hours before it.
        assert_eq!(segment(&mut timeline, 1, 0, Edge::default()), WRAP);
    }

    #[test]
    fn jumps_are_closed() {
        for edge in [Edge::default(), TAGGED] {
            let mut timeline = Timeline::new(1);
            segment(&mut timeline, 0, 100 * SECOND, Edge::default());
            assert_eq!(
                segment(&mut timeline, 0, SECOND, edge),
                106 * SECOND,
                "back, {edge:?}"
            );
            assert_eq!(
                segment(&mut timeline, 0, 500 * SECOND, edge),
                112 * SECOND,
                "ahead, {edge:?}"
            );
        }
    }

    #[test]
    fn all_playlists_share_the_offset() {
        let mut timeline = Timeline::new(2);
        for playlist in 0..2 {
            segment(&mut timeline, playlist, 10 * SECOND, Edge::default());
        }
        // The audio begins 2,000 ticks later on both sides of the discontinuity: that stays.
        assert_eq!(segment(&mut timeline, 0, 900 * SECOND, TAGGED), 16 * SECOND);
        assert_eq!(
            segment(&mut timeline, 1, 900 * SECOND + 2_000, TAGGED),
            16 * SECOND + 2_000
        );
    }

    #[test]
    fn a_gap_stays_a_hole() {
        let gap = Edge {
            discontinuity: false,
            missing: 6 * SECOND,
        };
        let mut timeline = Timeline::new(1);
        segment(&mut timeline, 0, 0, Edge::default());
        assert_eq!(segment(&mut timeline, 0, 12 * SECOND, gap), 12 * SECOND);
        // Also when the clock starts anew behind it.
        assert_eq!(segment(&mut timeline, 0, 5 * SECOND, gap), 24 * SECOND);
    }

    #[test]
    fn rescaling_rounds_to_the_nearest_and_saturates() {
        assert_eq!(rescale(1, 44_100, 90_000), 2);
        assert_eq!(rescale(-1, 44_100, 90_000), -2);
        assert_eq!(rescale(i64::MAX, 1, 90_000), i64::MAX);
        assert_eq!(rescale(5, 0, 90_000), 5);
    }
}
