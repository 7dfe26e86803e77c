//! Parameter sets of H.264 and HEVC.

use std::collections::BTreeMap;

use bytes::{BufMut, Bytes};
use serde::{Deserialize, Serialize};

use super::annex_b::without_trailing_zeros;

/// Ids below this are kept: H.264's picture parameter sets have the most.
const IDS: u32 = 256;

/// The sets of one kind that hold now, by their ids.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct ParameterSets(BTreeMap<u32, Bytes>);

impl ParameterSets {
    /// Adds a set, in the place of the one with its id.
    pub(super) fn add(&mut self, id: u32, nal: &[u8]) {
        let nal = without_trailing_zeros(nal);
        if id < IDS && self.0.get(&id).is_none_or(|known| known != nal) {
            self.0.insert(id, Bytes::copy_from_slice(nal));
        }
    }

    /// The set with this id.
    pub(super) fn get(&self, id: u32) -> Option<&Bytes> {
        self.0.get(&id)
    }

    /// The set with the lowest id.
    pub(super) fn first(&self) -> Option<&Bytes> {
        self.0.values().next()
    }

    /// How many are written when at most `limit` can be counted.
    pub(super) fn count(&self, limit: u8) -> u8 {
        u8::try_from(self.0.len()).unwrap_or(u8::MAX).min(limit)
    }

    /// Writes the first `count`, each behind its length in 16 bits.
    pub(super) fn write(&self, out: &mut Vec<u8>, count: u8) {
        let set_bytes = |set: &Bytes| u16::try_from(set.len()).unwrap_or(u16::MAX);
        for set in self.0.values().take(usize::from(count)) {
            out.put_u16(set_bytes(set));
            out.put_slice(set.get(..usize::from(set_bytes(set))).unwrap_or(set));
        }
    }
}
