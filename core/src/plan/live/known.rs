//! What is remembered of segments that were listed.

use std::collections::hash_map::DefaultHasher;
use std::collections::{HashSet, VecDeque};
use std::hash::{Hash as _, Hasher as _};
use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::playlist::Segment;
use crate::protocol::{ByteRange, PlannedSegment};

/// One segment as it was listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Known {
    pub(super) sequence: u64,
    /// Of its URL and range.
    whole: u64,
    /// Of its file's name and range: what stays when a token in the path or the query changes.
    name: u64,
}

/// What is kept of a segment beyond the life of a process, to find it in a later reading: nothing of its URL but a hash
/// of its file's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    sequence: u64,
    name: u64,
}

impl Place {
    /// Of a segment.
    #[must_use]
    pub fn of(segment: &PlannedSegment) -> Self {
        let Known { sequence, name, .. } = Known::of_planned(segment);
        Self { sequence, name }
    }

    pub(super) fn known(self) -> Known {
        Known {
            sequence: self.sequence,
            whole: 0,
            name: self.name,
        }
    }
}

/// The segments of one reading, in order. Their numbers rise by one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Listing(Vec<Known>);

/// How much two listings have in common, by number.
#[derive(Debug, Default)]
pub(super) struct Overlap {
    /// Segments of the same number and name.
    pub(super) same: usize,
    /// Segments of the same number and another name.
    pub(super) differ: usize,
}

/// Segments that have left the listing, the newest last, and those that were never seen in it.
#[derive(Debug, Clone, Default)]
pub(super) struct Past {
    order: VecDeque<(u64, u64)>,
    pairs: HashSet<(u64, u64)>,
    /// Numbers that were missed since the oldest of `order`.
    missed: VecDeque<Range<u64>>,
}

impl Known {
    pub(super) fn of(segment: &Segment) -> Self {
        let text = match &segment.uri.resolved {
            Ok(url) => url.as_str(),
            Err(_) => &segment.uri.text,
        };
        Self::new(segment.sequence.0, text, segment.range)
    }

    pub(super) fn of_planned(segment: &PlannedSegment) -> Self {
        Self::new(segment.sequence.0, segment.url.as_str(), segment.range)
    }

    fn new(sequence: u64, url: &str, range: Option<ByteRange>) -> Self {
        let path = url.split(['?', '#']).next().unwrap_or(url);
        let name = path.rsplit('/').next().unwrap_or(path);
        Self {
            sequence,
            whole: hash(url, range),
            name: hash(name, range),
        }
    }
}

fn hash(text: &str, range: Option<ByteRange>) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    range.hash(&mut hasher);
    hasher.finish()
}

impl FromIterator<Known> for Listing {
    fn from_iter<I: IntoIterator<Item = Known>>(known: I) -> Self {
        Self(known.into_iter().collect())
    }
}

impl Listing {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn first(&self) -> Option<&Known> {
        self.0.first()
    }

    pub(super) fn last(&self) -> Option<&Known> {
        self.0.last()
    }

    pub(super) fn get(&self, index: usize) -> Option<&Known> {
        self.0.get(index)
    }

    /// Index of the first segment with this number or a later one.
    pub(super) fn first_from(&self, sequence: u64) -> usize {
        self.0.partition_point(|known| known.sequence < sequence)
    }

    pub(super) fn compare(&self, other: &Self) -> Overlap {
        let mut overlap = Overlap::default();
        for known in &self.0 {
            let same_number = other.0.get(other.first_from(known.sequence));
            match same_number.filter(|other| other.sequence == known.sequence) {
                Some(other) if other.whole == known.whole || other.name == known.name => overlap.same += 1,
                Some(_) => overlap.differ += 1,
                None => {}
            }
        }
        overlap
    }

    /// Index of the last segment that `other` lists too, whatever its number: by its URL, else by its name where
    /// names tell the segments apart.
    pub(super) fn last_known_in(&self, other: &Self) -> Option<usize> {
        let last = |of: fn(&Known) -> u64| {
            let theirs: HashSet<u64> = other.0.iter().map(of).collect();
            let tell_apart = theirs.len() > 1 || other.0.len() == 1;
            self.0
                .iter()
                .rposition(|known| tell_apart && theirs.contains(&of(known)))
        };
        last(|known| known.whole).or_else(|| last(|known| known.name))
    }

    /// Which segments are listed for the second time, and not on purpose: pictures that are shown again and again
    /// have a discontinuity between them. `discontinuities` says where one stands before a segment.
    pub(super) fn repeated(&self, discontinuities: impl Iterator<Item = bool>) -> Vec<bool> {
        // Where every segment has the same URL, the URL says nothing.
        let tells = self
            .0
            .iter()
            .any(|known| Some(known.whole) != self.first().map(|first| first.whole));
        let mut since_discontinuity = HashSet::new();
        self.0
            .iter()
            .zip(discontinuities)
            .map(|(known, discontinuity)| {
                if discontinuity {
                    since_discontinuity.clear();
                }
                !since_discontinuity.insert(known.whole) && tells
            })
            .collect()
    }
}

impl Past {
    /// Adds a listing that is no longer the newest; keeps no more than `limit` segments.
    pub(super) fn add(&mut self, listing: &Listing, limit: usize) {
        for known in &listing.0 {
            let pair = (known.sequence, known.name);
            if self.pairs.insert(pair) {
                self.order.push_back(pair);
            }
        }
        while self.order.len() > limit {
            if let Some(oldest) = self.order.pop_front() {
                self.pairs.remove(&oldest);
            }
        }
        let oldest = self.order.front().map_or(0, |(sequence, _)| *sequence);
        self.missed.retain(|numbers| numbers.end > oldest);
        self.missed.drain(..self.missed.len().saturating_sub(limit));
    }

    /// Adds numbers that no reading showed: a cache that lags may show them yet.
    pub(super) fn miss(&mut self, numbers: Range<u64>) {
        self.missed.push_back(numbers);
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Whether all of a listing had been listed before, or could have been when nobody looked.
    pub(super) fn holds(&self, listing: &Listing) -> bool {
        let was_missed = |sequence| self.missed.iter().any(|numbers| numbers.contains(&sequence));
        listing
            .0
            .iter()
            .all(|known| self.pairs.contains(&(known.sequence, known.name)) || was_missed(known.sequence))
    }
}
