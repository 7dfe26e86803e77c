//! What is missing from the output so far.

use serde::{Deserialize, Serialize};
use weir_core::protocol::Gap;

/// What is missing so far.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub(super) struct Gaps {
    found: Vec<Gap>,
    /// Why the first is missing.
    first: Option<String>,
    /// By track: what was left out since its last segment.
    open: Vec<Option<OpenGap>>,
}

/// What was left out of a track since its last segment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct OpenGap {
    /// How long it plays.
    pub seconds: f64,
    /// EXT-X-DISCONTINUITY stood before one of its segments.
    pub discontinuity: bool,
    /// Media sequence number of its first segment.
    pub first: u64,
}

impl Gaps {
    /// For this many tracks.
    pub(super) fn new(tracks: usize) -> Self {
        Self {
            open: vec![None; tracks],
            ..Self::default()
        }
    }

    /// Something is missing, `discontinuity` when EXT-X-DISCONTINUITY stood before it.
    pub(super) fn add(&mut self, gap: Gap, discontinuity: bool, reason: String) {
        let track = usize::try_from(gap.track).unwrap_or(usize::MAX);
        if let Some(open) = self.open.get_mut(track) {
            let open = open.get_or_insert(OpenGap {
                first: gap.sequence.0,
                ..OpenGap::default()
            });
            open.seconds += gap.duration_seconds;
            open.discontinuity |= discontinuity;
        }
        self.found.push(gap);
        self.first.get_or_insert(reason);
    }

    /// Something that was found missing after what follows it was merged.
    pub(super) fn add_late(&mut self, gap: Gap, reason: String) {
        self.found.push(gap);
        self.first.get_or_insert(reason);
    }

    /// The first of what was left out of a track since its last segment.
    pub(super) fn missing(&self, track: usize) -> Option<u64> {
        let open = self.open.get(track)?.as_ref();
        open.map(|open| open.first)
    }

    /// What was left out before the segment that comes now.
    pub(super) fn close(&mut self, track: usize) -> Option<OpenGap> {
        self.open.get_mut(track)?.take()
    }

    pub(super) fn len(&self) -> usize {
        self.found.len()
    }

    /// Why the first that was found is missing.
    pub(super) fn first_reason(&self) -> Option<&str> {
        self.first.as_deref()
    }

    /// All of them, by time.
    pub(super) fn into_list(mut self) -> Vec<Gap> {
        self.found
            .sort_by(|a, b| a.start_seconds.total_cmp(&b.start_seconds));
        self.found
    }
}
