//! What all jobs of one process share: how fast their line may be, what they have found out of hosts, and memory.

use std::sync::Arc;

use super::budget::Budgets;
use super::load::Loads;
use super::pause::Pauses;
use super::spare::Spare;
use super::throttle::{BytesPerSecond, SpeedLimit};

/// A host that two jobs ask is one host: it gets no more requests at a time, is left alone when it asked either of them to,
/// and is not asked again more often.
#[derive(Debug, Default)]
pub struct Network {
    pub(super) limit: SpeedLimit,
    pub(super) pauses: Pauses,
    pub(super) budgets: Budgets,
    pub(super) loads: Arc<Loads>,
    pub(super) spare: Arc<Spare>,
}

impl Network {
    /// Of this speed, all bodies together; of any, without one.
    #[must_use]
    pub fn with_limit(speed: Option<BytesPerSecond>) -> Self {
        let network = Self::default();
        network.limit(speed);
        network
    }

    /// Each host is asked for so many segments at a time from the start, and not only once it has served fewer well: that
    /// is for the user to say.
    #[must_use]
    pub fn beginning_with(mut self, segments: usize) -> Self {
        self.loads = Arc::new(Loads::beginning_with(segments));
        self
    }

    /// Another speed from now on, or none.
    pub fn limit(&self, speed: Option<BytesPerSecond>) {
        self.limit.change(speed);
    }
}
