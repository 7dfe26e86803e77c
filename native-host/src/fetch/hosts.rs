//! A value for each host, by origin.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

/// Above this many, those that are [at rest](Host::is_at_rest) are forgotten: a browser stays open for weeks.
const MANY: usize = 1000;

/// What is kept of one host.
pub(super) trait Host {
    /// Of a host that nothing is known of.
    fn new(now: Instant) -> Self;

    /// Whether it says no more than a new one would, or nothing that is still needed.
    fn is_at_rest(&self, now: Instant) -> bool;
}

/// The hosts that were met, by origin.
#[derive(Debug)]
pub(super) struct Hosts<T>(Mutex<HashMap<String, T>>);

impl<T> Default for Hosts<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Host> Hosts<T> {
    /// Acts on what is kept of an origin.
    pub(super) fn with<R>(&self, origin: &str, act: impl FnOnce(&mut T, Instant) -> R) -> R {
        self.with_new(origin, T::new, act)
    }

    /// The same, where a host that nothing is known of is another one than usual.
    pub(super) fn with_new<R>(
        &self,
        origin: &str,
        new: impl FnOnce(Instant) -> T,
        act: impl FnOnce(&mut T, Instant) -> R,
    ) -> R {
        let now = Instant::now();
        let mut hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Looked for first: nearly always it is there, and needs no name of its own.
        if let Some(host) = hosts.get_mut(origin) {
            return act(host, now);
        }
        if hosts.len() >= MANY {
            hosts.retain(|_, host| !host.is_at_rest(now));
        }
        let host = hosts.entry(origin.to_owned()).or_insert_with(|| new(now));
        act(host, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counted(u32);

    impl Host for Counted {
        fn new(_: Instant) -> Self {
            Self(0)
        }

        fn is_at_rest(&self, _: Instant) -> bool {
            self.0 < 2
        }
    }

    #[test]
    fn of_very_many_those_at_rest_are_forgotten() {
        let hosts = Hosts::<Counted>::default();
        let count = |origin: &str| {
            hosts.with(origin, |host, _| {
                host.0 += 1;
                host.0
            })
        };
        count("busy");
        assert_eq!(count("busy"), 2);
        for number in 1..MANY {
            count(&number.to_string());
        }
        assert_eq!(hosts.0.lock().unwrap().len(), MANY);
        count("one more");
        assert_eq!(hosts.0.lock().unwrap().len(), 2);
        assert_eq!(count("busy"), 3);
    }
}
