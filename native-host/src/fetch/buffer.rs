//! The bound on what is fetched ahead of the order, in bytes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// What one fetch takes besides its body, roughly: it bounds how many tiny bodies are held.
const OVERHEAD_BYTES: u64 = 16 * 1024;

/// Room for bodies, shared by the fetches of one ordered stream.
#[derive(Debug)]
pub(super) struct Buffer {
    limit: u64,
    state: Mutex<State>,
    changed: Notify,
    /// The largest body so far: what to expect of the next.
    largest: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    held: u64,
    /// The fetch whose turn it is: it may take what it needs, or nothing would ever move.
    head: u64,
}

/// What one fetch holds of a [`Buffer`]; given back when dropped.
#[derive(Debug)]
pub(super) struct Share {
    buffer: Arc<Buffer>,
    index: u64,
    held: AtomicU64,
}

impl Buffer {
    pub(super) fn new(limit: u64) -> Self {
        Self {
            limit,
            state: Mutex::default(),
            changed: Notify::new(),
            largest: AtomicU64::new(0),
        }
    }

    /// Whether one more body of the expected size fits.
    pub(super) fn has_room(&self) -> bool {
        self.holds_with_next(self.limit)
    }

    /// Whether what is held, and one more body of the expected size, are at most so many bytes.
    pub(super) fn holds_with_next(&self, bytes: u64) -> bool {
        self.state().held.saturating_add(self.expected()) <= bytes
    }

    /// The share of the `index`-th fetch, with room for a body of the expected size.
    pub(super) fn share(self: &Arc<Self>, index: u64) -> Share {
        let expected = self.expected();
        self.state().held += expected;
        Share {
            buffer: Arc::clone(self),
            index,
            held: AtomicU64::new(expected),
        }
    }

    /// Makes `head` the fetch whose turn it is.
    pub(super) fn advance_to(&self, head: u64) {
        self.state().head = head;
        self.changed.notify_waiters();
    }

    fn expected(&self) -> u64 {
        self.largest
            .load(Ordering::Relaxed)
            .saturating_add(OVERHEAD_BYTES)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Share {
    /// Waits until there is room for a body of at least `bytes`; true when that took waiting.
    pub(super) async fn grow_to(&self, bytes: u64) -> bool {
        let wanted = bytes.saturating_add(OVERHEAD_BYTES);
        let mut had_to_wait = false;
        loop {
            let mut changed = std::pin::pin!(self.buffer.changed.notified());
            // From here on no change is missed.
            changed.as_mut().enable();
            {
                let mut state = self.buffer.state();
                let more = wanted.saturating_sub(self.held.load(Ordering::Relaxed));
                let fits = state.held.saturating_add(more) <= self.buffer.limit;
                if more == 0 || fits || state.head == self.index {
                    state.held = state.held.saturating_add(more);
                    self.held.fetch_add(more, Ordering::Relaxed);
                    return had_to_wait;
                }
            }
            had_to_wait = true;
            changed.await;
        }
    }

    /// Holds no more than a complete body of `bytes`.
    pub(super) fn settle(&self, bytes: u64) {
        self.buffer.largest.fetch_max(bytes, Ordering::Relaxed);
        self.shrink_to(bytes.saturating_add(OVERHEAD_BYTES));
    }

    /// A try failed: what came of it is gone.
    pub(super) fn reset(&self) {
        self.shrink_to(OVERHEAD_BYTES);
    }

    fn shrink_to(&self, wanted: u64) {
        {
            let mut state = self.buffer.state();
            let less = self.held.load(Ordering::Relaxed).saturating_sub(wanted);
            self.held.fetch_sub(less, Ordering::Relaxed);
            state.held = state.held.saturating_sub(less);
        }
        self.buffer.changed.notify_waiters();
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.shrink_to(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn all_but_the_head_wait_for_room() {
        let buffer = Arc::new(Buffer::new(100 * 1024));
        let [head, second] = [0, 1].map(|index| buffer.share(index));
        assert!(!second.grow_to(60 * 1024).await, "it fits");
        assert!(!head.grow_to(500 * 1024).await, "the head takes what it needs");
        assert!(!buffer.has_room());
        {
            let mut waiting = std::pin::pin!(second.grow_to(61 * 1024));
            let pending = futures_util::poll!(waiting.as_mut()).is_pending();
            assert!(pending, "over the limit");
            buffer.advance_to(1);
            drop(head);
            assert!(waiting.await, "its turn now");
        }
        second.settle(10);
        assert_eq!(buffer.state().held, 10 + OVERHEAD_BYTES);
        drop(second);
        assert_eq!(buffer.state().held, 0);
        assert!(buffer.has_room());
    }
}
