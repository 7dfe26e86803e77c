//! One clock for all tracks of a capture.
//!
//! Sources restart their clocks at discontinuities, wrap at 33 bits, and jump without a word. An [`Epoch`] is a stretch
//! of source time that is joined to the output with one offset; all streams of all playlists share the epochs, so that
//! what was in step stays in step.

use serde::{Deserialize, Serialize};
use weir_core::protocol::TrackKind;

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

/// How a segment joins the one before, and how long its playlist says that it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Edge {
    /// EXT-X-DISCONTINUITY stands between.
    pub discontinuity: bool,
    /// Length of the segments that are left out between, in timeline ticks: a hole of this length stays.
    pub missing: i64,
    /// EXTINF, in timeline ticks; 0 when unknown.
    pub duration: i64,
}

impl Edge {
    /// Whether nothing goes on across it: what was begun before it ends there.
    pub(super) fn breaks_off(&self) -> bool {
        self.discontinuity || self.missing > 0
    }
}

/// Where a segment of subtitles belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    /// When it begins, by the durations before it.
    pub(super) begin: i64,
    pub(super) length: i64,
    /// EXT-X-DISCONTINUITYs before it in its playlist.
    pub(super) discontinuities: u64,
}

impl Place {
    /// How far outside the segment an output time is.
    pub(super) fn distance(&self, time: i64) -> i64 {
        let end = self.begin.saturating_add(self.length);
        (self.begin.saturating_sub(time))
            .max(time.saturating_sub(end))
            .max(0)
    }
}

/// A stretch of source time. A copy is used while a segment is read.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Epoch {
    /// Its number on the timeline.
    index: usize,
    /// Output time minus source time.
    pub(in crate::demux) offset: i64,
    /// The latest source time seen: what 33-bit times are nearest to.
    reference: Option<i64>,
}

/// Where one playlist is.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Position {
    epoch: usize,
    /// Output time at which each stream's next sample is expected.
    ends: Vec<(StreamId, i64)>,
    /// EXT-X-DISCONTINUITYs so far.
    discontinuities: u64,
    /// The epochs that it was in, and behind how many discontinuities.
    stretches: Vec<(u64, usize)>,
    /// Output time of its first sample.
    begin: Option<i64>,
    /// Output time at which its newest segment begins: its pictures, where it has some.
    segment_begin: Option<i64>,
    /// Length of its segments by their durations, and of those left out.
    length: i64,
}

impl Position {
    fn advance(&mut self, edge: Edge) {
        self.discontinuities += u64::from(edge.discontinuity);
        self.length = self
            .length
            .saturating_add(edge.missing)
            .saturating_add(edge.duration);
    }
}

/// The clock that all demuxers of a capture share.
#[derive(Debug, Serialize, Deserialize)]
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
            position.advance(edge);
            let output = |&(_, first): &(StreamId, i64)| epoch.peek(first, clock);
            let begin = firsts.iter().map(output);
            position.begin = position.begin.or(begin.clone().min());
            let is_video = |(stream, _): &&(StreamId, i64)| stream.kind == TrackKind::Video;
            let of_video = firsts.iter().find(is_video).map(output);
            position.segment_begin = of_video.or(begin.min()).or(position.segment_begin);
            let stretch = (position.discontinuities, epoch.index);
            if position.stretches.last() != Some(&stretch) {
                position.stretches.push(stretch);
            }
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

    /// When the newest segment of a playlist begins; None when none has begun.
    pub(crate) fn segment_begin(&self, playlist: usize) -> Option<i64> {
        self.positions.get(playlist)?.segment_begin
    }

    /// Begins a segment of subtitles whose first sample has this source time, of 64 bits: its epoch is one that the main
    /// playlist is in or was in, because pauses between subtitles are no jumps. None before the main playlist.
    pub(super) fn follow(&mut self, playlist: usize, source: i64, edge: Edge) -> Option<Epoch> {
        let begin = self.main()?.begin?;
        let position = self.positions.get_mut(playlist)?;
        let place = Place {
            begin: begin.saturating_add(position.length).saturating_add(edge.missing),
            length: edge.duration,
            discontinuities: position.discontinuities + u64::from(edge.discontinuity),
        };
        position.advance(edge);
        let (epoch, _) = self.align_to(source, SourceClock::Plain, place)?;
        Some(epoch)
    }

    /// Output time of a source time that subtitles give for what is to be seen at `place`. It counts, in 33 bits, on
    /// the clock that the main playlist had there. None without media.
    pub(super) fn align(&self, source: i64, place: Place) -> Option<i64> {
        let (_, time) = self.align_to(source, SourceClock::Wrapping, place)?;
        Some(time)
    }

    /// The epoch that a source time at `place` belongs to, and its output time: behind as many discontinuities, where
    /// that puts it near its place, and else the one that puts it nearest.
    fn align_to(&self, source: i64, clock: SourceClock, place: Place) -> Option<(Epoch, i64)> {
        /// Sums of EXTINF may be off by this much.
        const NEAR: i64 = 5 * CLOCK_HZ as i64;
        let candidates = || {
            let stretches = self.main()?.stretches.iter();
            Some(stretches.filter_map(|&(discontinuities, index)| {
                let epoch = *self.epochs.get(index)?;
                let near = Epoch {
                    reference: Some(place.begin.saturating_sub(epoch.offset)),
                    ..epoch
                };
                let time = near.unwrap(source, clock).saturating_add(epoch.offset);
                Some((discontinuities == place.discontinuities, epoch, time))
            }))
        };
        let distance = |&(_, _, time): &(bool, Epoch, i64)| place.distance(time);
        let counted = candidates()?
            .filter(|&(counted, _, time)| counted && place.distance(time) <= NEAR)
            .min_by_key(distance);
        counted
            .or(candidates()?.min_by_key(distance))
            .map(|(_, epoch, time)| (epoch, time))
    }

    /// How far the main playlist has come, in output time.
    pub(super) fn reached(&self) -> Option<i64> {
        self.main()?.ends.iter().map(|&(_, end)| end).max()
    }

    /// The first playlist with samples.
    fn main(&self) -> Option<&Position> {
        self.positions
            .iter()
            .find(|position| !position.stretches.is_empty())
    }
}

/// Which kind of clock the source has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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
                let ahead = source.wrapping_sub(reference).rem_euclid(WRAP);
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
        duration: 0,
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
            missing: 6 * SECOND,
            ..Edge::default()
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
