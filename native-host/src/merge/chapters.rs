//! Where the chapters of a file begin: known once their segments have come.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use weir_core::plan::Chapter;
use weir_core::protocol::TrackKind;

use super::inputs::ticks;
use super::interleave::presentation;
use super::track::Track;
use crate::demux::CLOCK_HZ;

/// The plan's track whose segments chapters begin in.
pub(super) const MAIN: usize = 0;

/// The chapters of an output.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Chapters {
    /// Those whose segments have not come.
    ahead: VecDeque<Ahead>,
    /// Those that have, with decoding times on the timeline.
    placed: Vec<(i64, String)>,
}

/// A [`Chapter`] as it is saved.
#[derive(Debug, Serialize, Deserialize)]
struct Ahead {
    sequence: u64,
    /// In ticks of the timeline.
    offset: i64,
    title: String,
}

/// A chapter as a file tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Told<'a> {
    /// In ticks of the timeline, from where the file begins.
    pub(super) begin: i64,
    pub(super) title: &'a str,
}

impl Chapters {
    /// In the order of their segments.
    pub(super) fn new(ahead: Vec<Chapter>) -> Self {
        let saved = |chapter: Chapter| Ahead {
            sequence: chapter.sequence.0,
            offset: ticks(chapter.offset_seconds),
            title: chapter.title,
        };
        Self {
            ahead: ahead.into_iter().map(saved).collect(),
            placed: Vec::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ahead.is_empty() && self.placed.is_empty()
    }

    /// A segment of the main track has come, and begins at this time. A chapter whose own segment is missing begins with the
    /// next that there is.
    pub(super) fn reach(&mut self, sequence: u64, begin: Option<i64>) {
        while let Some(chapter) = self.ahead.pop_front() {
            if chapter.sequence > sequence {
                self.ahead.push_front(chapter);
                break;
            }
            let is_here = chapter.sequence == sequence;
            let offset = if is_here { chapter.offset } else { 0 };
            // Without a time it is the file's beginning: nothing has come that has one.
            let begin = begin.map_or(i64::MIN, |begin| begin.saturating_add(offset));
            self.placed.push((begin, chapter.title));
        }
    }

    /// All of them, as long as they will be in the file, for the room that they take.
    pub(super) fn for_size(&self) -> Vec<Told<'_>> {
        let placed = self.placed.iter().map(|(_, title)| title);
        let ahead = self.ahead.iter().map(|chapter| &chapter.title);
        let told = |title| Told { begin: 0, title };
        placed.chain(ahead).map(|title| told(title.as_str())).collect()
    }

    /// Those that begin within the file, which holds these tracks. Their pictures are shown as long after they are decoded
    /// as the first one is; the first begins with whatever comes first.
    pub(super) fn told(&self, tracks: &[Track]) -> Vec<Told<'_>> {
        let Some((start, end)) = presentation(tracks) else {
            return Vec::new();
        };
        let is_main = |track: &&Track| track.input == MAIN && track.stream.kind == TrackKind::Video;
        let delay = tracks.iter().find(is_main).map_or(0, Track::composition_delay);
        let length = end.saturating_sub(start);
        let begins = |begin: i64| begin.saturating_add(delay).saturating_sub(start).max(0);
        let placed = self
            .placed
            .iter()
            .enumerate()
            .map(|(index, (begin, title))| Told {
                begin: if index == 0 { 0 } else { begins(*begin) },
                title,
            });
        placed
            .filter(|told| told.begin < length || told.begin == 0)
            .collect()
    }
}

/// A timeline's time in nanoseconds.
pub(super) fn nanoseconds(ticks: i64) -> u64 {
    let nanoseconds = i128::from(ticks.max(0)) * 1_000_000_000 / i128::from(CLOCK_HZ);
    u64::try_from(nanoseconds).unwrap_or(u64::MAX)
}
