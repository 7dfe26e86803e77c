//! Bytes of an elementary stream that are not cut into units yet, and the times that belong to them.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use super::Timestamps;

/// A window of the stream: positions count from its first byte.
#[derive(Debug, Default)]
pub(super) struct StreamBuffer {
    bytes: BytesMut,
    /// Where PES packets began, with their times.
    marks: VecDeque<(usize, Timestamps)>,
}

impl StreamBuffer {
    /// A PES packet with these times begins at the end.
    pub(super) fn mark(&mut self, timestamps: Timestamps) {
        self.marks.push_back((self.bytes.len(), timestamps));
    }

    pub(super) fn extend(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The times of a unit that begins at `at`: those of the PES packet in which it begins, if it is the first there.
    pub(super) fn take_mark(&mut self, at: usize) -> Option<Timestamps> {
        let mut found = None;
        while let Some(&(begin, timestamps)) = self.marks.front()
            && begin <= at
        {
            found = Some(timestamps);
            self.marks.pop_front();
        }
        found
    }

    /// Drops the first `count` bytes.
    pub(super) fn discard(&mut self, count: usize) {
        drop(self.split(count));
    }

    /// Takes the first `count` bytes out.
    pub(super) fn split(&mut self, count: usize) -> Bytes {
        let count = count.min(self.bytes.len());
        for (begin, _) in &mut self.marks {
            *begin = begin.saturating_sub(count);
        }
        self.bytes.split_to(count).freeze()
    }
}
