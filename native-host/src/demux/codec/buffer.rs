//! Bytes of an elementary stream that are not cut into units yet, and the times that belong to them.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use serde::{Deserialize, Serialize};

use super::Timestamps;
use crate::decrypt::SampleCipher;

/// Memory is taken in pieces of this size: units that were taken out stay in theirs, and keep all of it.
const PIECE_BYTES: usize = 256 << 10;

/// A window of the stream: positions count from its first byte.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct StreamBuffer {
    bytes: BytesMut,
    /// Where PES packets began, with their times.
    marks: VecDeque<(usize, Timestamps)>,
    /// From where on units are encrypted, and how; None: clear.
    ciphers: VecDeque<(usize, Option<SampleCipher>)>,
}

impl StreamBuffer {
    /// A PES packet with these times begins at the end.
    pub(super) fn mark(&mut self, timestamps: Timestamps) {
        self.marks.push_back((self.bytes.len(), timestamps));
    }

    /// Units that begin with what comes now are encrypted like this.
    pub(super) fn set_cipher(&mut self, cipher: Option<SampleCipher>) {
        let begin = self.bytes.len();
        if self.ciphers.back().is_some_and(|&(known, _)| known == begin) {
            self.ciphers.pop_back();
        }
        self.ciphers.push_back((begin, cipher));
    }

    /// How a unit is encrypted that begins at `at`.
    pub(super) fn cipher_at(&self, at: usize) -> Option<&SampleCipher> {
        let in_force = self.ciphers.iter().rev().find(|(begin, _)| *begin <= at);
        in_force.and_then(|(_, cipher)| cipher.as_ref())
    }

    /// Whether any unit may be encrypted.
    pub(super) fn is_encrypted(&self) -> bool {
        self.ciphers.iter().any(|(_, cipher)| cipher.is_some())
    }

    pub(super) fn extend(&mut self, bytes: &[u8]) {
        if self.bytes.capacity() - self.bytes.len() < bytes.len() {
            let length = self.bytes.len() + bytes.len();
            self.bytes.reserve(length.max(PIECE_BYTES));
        }
        self.bytes.extend_from_slice(bytes);
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes, to be decrypted where they are.
    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
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

    /// Takes the first `count` bytes out, which others may have a part of.
    pub(super) fn split(&mut self, count: usize) -> Bytes {
        let count = count.min(self.bytes.len());
        for (begin, _) in &mut self.marks {
            *begin = begin.saturating_sub(count);
        }
        for (begin, _) in &mut self.ciphers {
            *begin = begin.saturating_sub(count);
        }
        while self.ciphers.get(1).is_some_and(|(begin, _)| *begin == 0) {
            self.ciphers.pop_front();
        }
        self.bytes.split_to(count).freeze()
    }
}
