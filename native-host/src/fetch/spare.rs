//! Memory of bodies that were used up, for those that come: fresh pages of the system cost as much as a copy.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};

/// So many buffers are kept: what is merged is asked for again soon.
const MOST_BUFFERS: usize = 3;

/// Smaller bodies are made without the system, larger ones are seldom, and would be held in vain.
const LEAST_BYTES: usize = 64 << 10;
const MOST_BYTES: usize = 4 << 20;

/// Bodies of a stream are about as long as each other. A buffer is made for one that is a little longer too.
const STEP_BYTES: usize = 128 << 10;

/// So many bodies that others still have a part of are looked at again: samples that lie in them are written soon.
const MOST_SHARED: usize = 3;

/// Buffers that nobody uses.
#[derive(Debug, Default)]
pub struct Spare(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    free: Vec<BytesMut>,
    shared: VecDeque<Bytes>,
}

impl Spare {
    /// Takes the memory of a body back, once nobody else has a part of it.
    pub fn give(&self, body: Bytes) {
        if body.len() < LEAST_BYTES {
            return;
        }
        let mut state = self.state();
        state.shared.push_back(body);
        for body in std::mem::take(&mut state.shared) {
            match body.try_into_mut() {
                Ok(buffer) => state.keep(buffer),
                Err(body) => state.shared.push_back(body),
            }
        }
        if state.shared.len() > MOST_SHARED {
            state.shared.pop_front();
        }
    }

    /// An empty buffer with room for so many bytes.
    pub(super) fn take(&self, length: usize) -> BytesMut {
        if length < LEAST_BYTES {
            return BytesMut::with_capacity(length);
        }
        let most = length.saturating_mul(2).saturating_add(STEP_BYTES);
        let free = &mut self.state().free;
        let fitting = free
            .iter()
            .enumerate()
            .filter(|(_, buffer)| (length..=most).contains(&buffer.capacity()));
        match fitting.min_by_key(|(_, buffer)| buffer.capacity()) {
            Some((place, _)) => free.swap_remove(place),
            None => BytesMut::with_capacity(length.next_multiple_of(STEP_BYTES)),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn keep(&mut self, mut buffer: BytesMut) {
        buffer.clear();
        if buffer.capacity() > MOST_BYTES {
            return;
        }
        if self.free.len() < MOST_BUFFERS {
            self.free.push(buffer);
        } else if let Some(smallest) = self.free.iter_mut().min_by_key(|buffer| buffer.capacity())
            && smallest.capacity() < buffer.capacity()
        {
            *smallest = buffer;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(spare: &Spare, length: usize) -> Bytes {
        let mut buffer = spare.take(length);
        buffer.resize(length, 7);
        buffer.freeze()
    }

    fn capacities(spare: &Spare) -> Vec<usize> {
        let mut capacities: Vec<usize> = spare.state().free.iter().map(BytesMut::capacity).collect();
        capacities.sort_unstable();
        capacities
    }

    #[test]
    fn memory_is_used_again_where_it_fits() {
        let spare = Spare::default();
        let first = body(&spare, 1_000_000);
        let place = first.as_ptr();
        spare.give(first);
        let small = body(&spare, 100_000);
        assert_ne!(small.as_ptr(), place, "too large for it");
        let second = body(&spare, 1_030_000);
        assert_eq!(second.as_ptr(), place);
        assert_eq!(second, vec![7; 1_030_000]);
    }

    #[test]
    fn what_others_have_a_part_of_is_theirs() {
        let spare = Spare::default();
        let first = body(&spare, 1_000_000);
        let place = first.as_ptr();
        let part = first.slice(10..20);
        spare.give(first);
        assert!(capacities(&spare).is_empty());
        let second = body(&spare, 1_000_000);
        assert_ne!(second.as_ptr(), place);
        assert_eq!(part, vec![7; 10]);
        drop(part);
        spare.give(second);
        assert_eq!(capacities(&spare).len(), 2, "it is free by now");
        let parts: Vec<Bytes> = (0..10)
            .map(|_| {
                let body = body(&spare, 1_000_000);
                let part = body.slice(..1);
                spare.give(body);
                part
            })
            .collect();
        assert_eq!(spare.state().shared.len(), MOST_SHARED);
        drop(parts);
    }

    #[test]
    fn few_buffers_are_kept_the_largest() {
        let spare = Spare::default();
        let lengths = [200_000, 300_000, 400_000, 500_000, 1000, MOST_BYTES + 1];
        let bodies = lengths.map(|length| body(&spare, length));
        for body in bodies {
            spare.give(body);
        }
        let kept = capacities(&spare);
        assert_eq!(kept.len(), MOST_BUFFERS);
        assert!(kept[0] >= 300_000 && kept[2] < MOST_BYTES, "{kept:?}");
    }
}
