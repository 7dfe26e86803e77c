//! Segmented WebVTT (RFC 8216, 3.5) -> cues on the timeline.
//!
//! Subtitles have no clock of their own: X-TIMESTAMP-MAP says which of the media's they count in, and a discontinuity
//! changes that clock, in the subtitles' playlist sooner or later than in the media's. So a segment waits until the
//! media has come past it, and is placed by what became of the media there ([`Timeline::align`]).
//!
//! What has no X-TIMESTAMP-MAP counts from the beginning of the presentation, as its authors and half of the players
//! mean it. The RFC says from media time 0, as Safari and hls.js have it: that is taken where the first would put the
//! cues far from their segment, as in the window of a live stream.

mod parse;
mod text;

use std::collections::{HashSet, VecDeque};

use serde::{Deserialize, Serialize};
use weir_core::protocol::TrackKind;

use self::parse::{Document, ParsedCue, TimestampMap};
use super::timeline::{Edge, Place, Timeline};
use super::{CLOCK_HZ, DemuxError, Demuxed, StreamId};

pub(crate) use text::{Span, Style, StyledText};

/// The one stream of a playlist of WebVTT.
const STREAM: StreamId = StreamId {
    kind: TrackKind::Subtitle,
    ordinal: 0,
};

/// Nothing is handed out that ends less than this before what has come: a repetition in a later segment, or a
/// discontinuity of the media, may still change it.
const HELD_BACK: i64 = 10 * CLOCK_HZ as i64;

/// Cues of the same text with at most this between them are one cue that was cut at the border of a segment.
const TOUCHING: i64 = CLOCK_HZ as i64 / 1000;

/// Cues counted from the presentation's beginning may lie this far from their segment.
const PLAUSIBLE_DISTANCE: i64 = 10 * CLOCK_HZ as i64;

/// A cue is compared with this many that begin before it, to find its repetitions.
const COMPARED_CUES: usize = 64;

/// Longest text that waits for its media.
const MAX_WAITING_MEGABYTES: usize = 64;

/// A subtitle on the timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cue {
    /// When it appears, in timeline ticks.
    pub begin: i64,
    /// When it goes.
    pub end: i64,
    /// Its name; often empty.
    pub id: String,
    /// Where and how it is shown, as WebVTT has it behind the times; often empty.
    pub settings: String,
    /// What is shown, with WebVTT's markup.
    pub text: String,
}

/// What is known of the media that subtitles belong to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Media {
    /// When its presentation begins, on the timeline; None before that is known.
    pub start: Option<i64>,
    /// Nothing follows, of any playlist.
    pub ended: bool,
}

/// Reads the segments of one playlist.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct WebVttReader {
    /// EXT-X-DISCONTINUITYs so far.
    discontinuities: u64,
    /// Length of all segments so far, and of those left out, in timeline ticks.
    position: i64,
    /// How many segments have come.
    count: u64,
    /// Read, and not placed yet.
    segments: VecDeque<Segment>,
    /// Placed, by their beginnings, and not handed out yet.
    cues: VecDeque<Placed>,
    /// The last that were handed out, to know their repetitions.
    recent: VecDeque<Cue>,
    /// No cue that begins before this is handed out any more.
    settled: Option<i64>,
    /// What the cues of segments without X-TIMESTAMP-MAP count from, since one was seen.
    zero: Option<Zero>,
    /// The first X-TIMESTAMP-MAP: what counts where there is no media.
    first_map: Option<TimestampMap>,
    /// Those that were handed out.
    blocks: HashSet<String>,
    /// At most as many bytes of text wait: counted when that seems too much, and not with every segment.
    waiting_bytes: usize,
    bad_cues: u64,
    late_cues: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Segment {
    number: u64,
    place: Place,
    map: Option<TimestampMap>,
    cues: Vec<ParsedCue>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Placed {
    cue: Cue,
    /// Of the segment it came in.
    segment: u64,
}

/// What the cues of segments without X-TIMESTAMP-MAP count from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Zero {
    Presentation,
    Media,
}

impl WebVttReader {
    /// Reads a segment. What is in it is handed out by [`Self::settle`].
    pub(super) fn push(&mut self, data: &[u8], edge: Edge, out: &mut Vec<Demuxed>) -> Result<(), DemuxError> {
        let document = Document::parse(data);
        self.discontinuities += u64::from(edge.discontinuity);
        self.bad_cues += document.bad_cues;
        self.first_map = self.first_map.or(document.map);
        for block in document.blocks {
            if self.blocks.insert(block.clone()) {
                out.push(Demuxed::CueBlock(STREAM, block));
            }
        }
        let begin = self.position.saturating_add(edge.missing);
        self.position = begin.saturating_add(edge.duration);
        self.count += 1;
        self.waiting_bytes += document.cues.iter().map(|cue| cue.text.len()).sum::<usize>();
        self.segments.push_back(Segment {
            number: self.count,
            place: Place {
                begin,
                length: edge.duration,
                discontinuities: self.discontinuities,
            },
            map: document.map,
            cues: document.cues,
        });
        if self.waiting_bytes > MAX_WAITING_MEGABYTES << 20 {
            self.waiting_bytes = self.count_waiting();
        }
        if self.waiting_bytes > MAX_WAITING_MEGABYTES << 20 {
            return Err(DemuxError::Malformed(format!(
                "over {MAX_WAITING_MEGABYTES} MB of subtitles wait for their media"
            )));
        }
        Ok(())
    }

    /// Bytes of text that wait for their media.
    fn count_waiting(&self) -> usize {
        let read = self.segments.iter().flat_map(|segment| &segment.cues);
        let placed = self.cues.iter().map(|placed| placed.cue.text.len());
        read.map(|cue| cue.text.len()).chain(placed).sum()
    }

    /// Hands out the cues that nothing changes any more.
    pub(super) fn settle(&mut self, timeline: &Timeline, media: Media, out: &mut Vec<Demuxed>) {
        let start = match media.start {
            Some(start) => start,
            // Subtitles alone.
            None if media.ended => 0,
            None => return,
        };
        let mut new = false;
        while let Some(segment) = self.segments.front() {
            let reached = timeline.reached().unwrap_or(i64::MIN);
            if !media.ended
                && reached
                    < start
                        .saturating_add(segment.place.begin)
                        .saturating_add(HELD_BACK)
            {
                break;
            }
            if let Some(segment) = self.segments.pop_front() {
                new |= !segment.cues.is_empty();
                self.place(segment, timeline, start);
            }
        }
        if new {
            self.cues
                .make_contiguous()
                .sort_by_key(|placed| (placed.cue.begin, placed.segment));
            self.drop_repetitions();
        }
        let horizon = if media.ended {
            i64::MAX
        } else {
            let next = self.segments.front();
            let subtitles = next.map_or(self.position, |next| next.place.begin);
            let reached = timeline.reached().unwrap_or(i64::MIN);
            reached
                .min(start.saturating_add(subtitles))
                .saturating_sub(HELD_BACK)
        };
        self.hand_out(horizon, out);
    }

    /// A sentence of what was left out.
    pub(super) fn warning(&self) -> Option<String> {
        let Self {
            bad_cues, late_cues, ..
        } = self;
        match (bad_cues, late_cues) {
            (0, 0) => None,
            (bad, 0) => Some(format!(
                "{bad} subtitle cues were left out: their times make no sense"
            )),
            (0, late) => Some(format!(
                "{late} subtitle cues were left out: they came long after their time"
            )),
            (bad, late) => Some(format!(
                "{} subtitle cues were left out: the times of {bad} make no sense, {late} came long after their time",
                bad + late
            )),
        }
    }

    /// Whether all times count from where the presentation begins, as far as is known.
    pub(super) fn counts_from_the_beginning(&self) -> bool {
        self.zero == Some(Zero::Presentation) && self.first_map.is_none()
    }

    /// What was placed begins so much earlier.
    pub(super) fn begin_earlier(&mut self, earlier: i64) {
        let cues = self.cues.iter_mut().map(|placed| &mut placed.cue);
        for cue in cues.chain(&mut self.recent) {
            cue.begin = cue.begin.saturating_sub(earlier);
            cue.end = cue.end.saturating_sub(earlier);
        }
        self.settled = self.settled.map(|settled| settled.saturating_sub(earlier));
    }

    /// When the first cue of a segment is, on the timeline; `first` is its own time, and presentation begins at `start`.
    fn begin(&mut self, segment: &Segment, first: i64, timeline: &Timeline, start: i64) -> i64 {
        let place = Place {
            begin: start.saturating_add(segment.place.begin),
            ..segment.place
        };
        let Some(map) = segment.map else {
            let of_presentation = start.saturating_add(first);
            let of_media = timeline.align(first, place);
            let zero = *self.zero.get_or_insert_with(|| {
                let distance = place.distance(of_presentation);
                let nearer = of_media.is_some_and(|of_media| place.distance(of_media) < distance);
                if distance > PLAUSIBLE_DISTANCE && nearer {
                    Zero::Media
                } else {
                    Zero::Presentation
                }
            });
            return of_media
                .filter(|_| zero == Zero::Media)
                .unwrap_or(of_presentation);
        };
        let since_map = first.saturating_sub(map.local);
        let aligned = timeline.align(map.media.saturating_add(since_map), place);
        aligned.unwrap_or_else(|| {
            // Without media the first map stands for its clock.
            let origin = self.first_map.unwrap_or(map);
            let since_origin = map.media.saturating_sub(origin.media);
            let local = origin.local.saturating_add(since_origin);
            start.saturating_add(local).saturating_add(since_map)
        })
    }

    /// Puts the cues of a segment on the timeline.
    fn place(&mut self, segment: Segment, timeline: &Timeline, start: i64) {
        let Some(first) = segment.cues.iter().map(|cue| cue.begin).min() else {
            return;
        };
        let begin = self.begin(&segment, first, timeline, start);
        let offset = begin.saturating_sub(first);
        let earliest = self.settled.map_or(start, |settled| settled.max(start));
        for cue in segment.cues {
            let whole = Cue {
                begin: cue.begin.saturating_add(offset),
                end: cue.end.saturating_add(offset),
                id: cue.id,
                settings: cue.settings,
                text: cue.text,
            };
            if whole.begin < earliest && self.recent.iter().any(|known| same(known, &whole)) {
                continue;
            }
            if whole.end <= earliest {
                // Before the presentation begins there is nothing to show it with, and nothing is lost.
                self.late_cues += u64::from(whole.end > start);
                continue;
            }
            self.cues.push_back(Placed {
                cue: Cue {
                    begin: whole.begin.max(earliest),
                    ..whole
                },
                segment: segment.number,
            });
        }
    }

    /// Segments repeat the cues that go on from the segment before: whole, or cut at the border.
    fn drop_repetitions(&mut self) {
        let mut kept: VecDeque<Placed> = VecDeque::new();
        for placed in self.cues.drain(..) {
            let Placed { cue, segment } = &placed;
            let mut before = kept.iter_mut().rev().take(COMPARED_CUES);
            let known = before.find(|known| {
                let touches = (known.cue.end - cue.begin).abs() <= TOUCHING;
                let within = known.segment != *segment && cue.end <= known.cue.end;
                let equal_times = known.cue.begin == cue.begin && known.cue.end == cue.end;
                looks_alike(&known.cue, cue) && (touches || within || equal_times)
            });
            match known {
                Some(known) => known.cue.end = known.cue.end.max(cue.end),
                None => kept.push_back(placed),
            }
        }
        self.cues = kept;
    }

    /// Hands out what ends before the horizon, in order.
    fn hand_out(&mut self, horizon: i64, out: &mut Vec<Demuxed>) {
        let is_settled = |placed: &Placed| placed.cue.end.saturating_add(TOUCHING) < horizon;
        while self.cues.front().is_some_and(is_settled) {
            let Some(placed) = self.cues.pop_front() else {
                break;
            };
            self.settled = Some(placed.cue.begin);
            if self.recent.len() == COMPARED_CUES {
                self.recent.pop_front();
            }
            self.recent.push_back(placed.cue.clone());
            out.push(Demuxed::Cue(STREAM, placed.cue));
        }
        if horizon == i64::MAX {
            return;
        }
        let until = self
            .cues
            .front()
            .map_or(horizon, |next| next.cue.begin.min(horizon));
        if self.settled.is_none_or(|settled| settled < until) && until > i64::MIN {
            self.settled = Some(until);
            out.push(Demuxed::CuesUntil(STREAM, until));
        }
    }
}

fn looks_alike(a: &Cue, b: &Cue) -> bool {
    (&a.text, &a.settings, &a.id) == (&b.text, &b.settings, &b.id)
}

/// The same cue, whose beginning may have been cut off.
fn same(known: &Cue, cue: &Cue) -> bool {
    looks_alike(known, cue) && known.end == cue.end
}

#[cfg(test)]
mod tests;
