//! From when to when a segment plays, before it is merged: a body that ended early is found out while it can be asked
//! for again.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use weir_core::protocol::TrackKind;

use super::timeline::{CLOCK_HZ, SourceClock, Timeline};
use super::{DemuxError, Demuxed, Demuxer, Segment, SegmentKind, rescale, seconds, sniff, ts};

/// The part of its source's time that a segment holds, in timeline ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extent {
    /// When its first unit is presented.
    pub(super) begin: i64,
    /// When its last unit has been presented.
    pub(super) end: i64,
    pub(super) clock: SourceClock,
    pub(super) last: End,
}

/// How a segment ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum End {
    /// With a whole packet, box or frame.
    Whole,
    /// Within one.
    Cut,
}

impl Extent {
    /// How long it plays.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        seconds(self.end - self.begin, CLOCK_HZ)
    }

    /// Whether its bytes end within a packet, a box or a frame.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.last == End::Cut
    }

    /// How long nothing plays between its end and the beginning of the next one, on the source's clock; negative when
    /// they overlap. None when the two have no clock in common.
    #[must_use]
    pub fn hole_before(&self, next: &Self) -> Option<f64> {
        const HALF_WRAP: i64 = 1 << 32;
        let distance = next.begin.saturating_sub(self.end);
        match (self.clock, next.clock) {
            (SourceClock::Wrapping, SourceClock::Wrapping) => {
                let near = (distance + HALF_WRAP).rem_euclid(2 * HALF_WRAP) - HALF_WRAP;
                Some(seconds(near, CLOCK_HZ))
            }
            (SourceClock::Plain, SourceClock::Plain) => Some(seconds(distance, CLOCK_HZ)),
            _ => None,
        }
    }
}

/// The extent of a segment; None where it cannot be told from the segment alone.
#[must_use]
pub fn extent(data: &Bytes, map: Option<&Bytes>) -> Option<Extent> {
    match sniff(data).ok()? {
        SegmentKind::TransportStream { .. } => ts::extent(data),
        SegmentKind::FragmentedMp4 => of_samples(data, map, SourceClock::Plain),
        SegmentKind::PackedAudio(_) => of_samples(data, map, SourceClock::Wrapping),
        SegmentKind::WebVtt => None,
    }
}

/// By the samples that come out of it alone. Subtitles say nothing: nobody speaks from the first moment to the last.
fn of_samples(data: &Bytes, map: Option<&Bytes>, clock: SourceClock) -> Option<Extent> {
    let mut scales = Vec::new();
    let mut extent: Option<(i64, i64)> = None;
    let mut has_subtitles = false;
    let mut take = |batch: Vec<Demuxed>| {
        for demuxed in batch {
            match demuxed {
                Demuxed::Format(stream, _) | Demuxed::Sample(stream, _)
                    if stream.kind == TrackKind::Subtitle =>
                {
                    has_subtitles = true;
                }
                Demuxed::Format(stream, format) => {
                    scales.retain(|(known, _)| *known != stream);
                    scales.push((stream, format.timescale));
                }
                Demuxed::Sample(stream, sample) => {
                    let scale = scales.iter().find(|(known, _)| *known == stream);
                    let scale = scale.map_or(CLOCK_HZ, |&(_, scale)| scale);
                    let begin = rescale(sample.pts, scale, CLOCK_HZ);
                    let end = sample.pts.saturating_add(i64::from(sample.duration));
                    let end = rescale(end, scale, CLOCK_HZ);
                    let (first, last) = extent.unwrap_or((begin, end));
                    extent = Some((first.min(begin), last.max(end)));
                }
                Demuxed::Cue(..) | Demuxed::CuesUntil(..) | Demuxed::CueBlock(..) | Demuxed::LeftOut(..) => {}
            }
        }
        Ok(())
    };
    let mut demuxer = Demuxer::of_times();
    let segment = Segment {
        data: data.clone(),
        map: map.cloned(),
        ..Segment::default()
    };
    let pushed = demuxer.push(segment, &mut Timeline::new(1), &mut take);
    let flushed: Result<(), DemuxError> = pushed.and_then(|()| demuxer.flush(&mut take));
    let last = match flushed {
        Ok(()) => End::Whole,
        Err(DemuxError::Cut(_)) => End::Cut,
        Err(_) => return None,
    };
    if has_subtitles && extent.is_none() {
        return None;
    }
    let (begin, end) = extent.unwrap_or((0, 0));
    Some(Extent {
        begin,
        end,
        clock,
        last,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapping(begin: i64, end: i64) -> Extent {
        Extent {
            begin,
            end,
            clock: SourceClock::Wrapping,
            last: End::Whole,
        }
    }

    #[test]
    fn holes_are_seen_across_a_wrap() {
        let wrap = 1_i64 << 33;
        let before = wrapping(wrap - 270_000, wrap - 90_000);
        assert_eq!(before.hole_before(&wrapping(90_000, 180_000)), Some(2.0));
        assert_eq!(before.hole_before(&wrapping(wrap - 180_000, wrap)), Some(-1.0));
        let plain = Extent {
            clock: SourceClock::Plain,
            ..before
        };
        assert_eq!(before.hole_before(&plain), None);
    }
}
