//! How many segments a host serves best at a time: found out while they are fetched.
//!
//! Each host begins with [`INITIAL`] at a time, or with as many as the user has asked for. While all places are taken, a
//! round of completions is timed; as long as more at a time brought more bytes a second, and there are not enough of them
//! already ([`FAST_ENOUGH`]), the number doubles, and when it did not, the last step is taken back.
//! 429, 5xx and broken connections halve it, once for all that were under way then, but never below what the host
//! has served a whole round of without complaint, unless the complaint came at that number. Where it was 429 and the
//! others under way come all the same, their number is what the host serves, and the next limit. After all of these,
//! growth waits a while, longer each time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::FetchError;
use super::hosts::{Host, Hosts};

/// Where a host begins: what browsers open to one HTTP/1.1 host is 6; two more are what Weir has always asked with.
const INITIAL: usize = 8;

/// A step up has to bring this much more throughput to stay.
const WORTHWHILE_GAIN: f64 = 1.1;

/// A host that brings so many bytes a second is asked for no more at a time: few lines are as fast, and what is under way
/// takes memory. Who has one can ask for more.
const FAST_ENOUGH: f64 = 200e6;

/// How long growth waits after the first step that was taken back; twice as long after each further one.
const FIRST_PATIENCE: Duration = Duration::from_secs(15);

/// The longest wait before another step up is tried.
const MAX_PATIENCE: Duration = Duration::from_secs(120);

/// A load for each host.
#[derive(Debug)]
pub(super) struct Loads {
    hosts: Hosts<Load>,
    /// Where a host begins.
    initial: usize,
}

impl Default for Loads {
    fn default() -> Self {
        Self::beginning_with(INITIAL)
    }
}

/// What one host is asked for at a time.
#[derive(Debug)]
struct Load {
    under_way: usize,
    limit: usize,
    /// The largest limit of which a whole round went well.
    proven: usize,
    /// Counts the cuts: what began before the last one complains of the load that was already taken away.
    cuts: u64,
    round: Round,
    /// Limit and bytes a second before the last step up, until that has been judged.
    before_step: Option<(usize, f64)>,
    /// What came of those that were under way when the host refused some as too many.
    spared: Option<Spared>,
    next_step: Instant,
    patience: Duration,
}

/// Completions that are timed together.
#[derive(Debug)]
struct Round {
    began: Instant,
    bytes: u64,
    completions: usize,
    /// Completions that do not count: those begun before the last change.
    old: usize,
    /// Somebody had to wait for a place.
    full: bool,
}

/// Those that were under way when others were refused.
#[derive(Debug)]
struct Spared {
    /// So many were not refused, as far as is known.
    count: usize,
    /// So many of them have come.
    served: usize,
}

/// One segment under way, or one key; its place is free again when this is dropped.
#[derive(Debug)]
pub(super) struct Flight {
    loads: Arc<Loads>,
    origin: String,
    cuts: u64,
    /// A try of it has failed like this before: it is not one more that was refused.
    has_complained: AtomicBool,
}

impl Round {
    fn new(old: usize, now: Instant) -> Self {
        Self {
            began: now,
            bytes: 0,
            completions: 0,
            old,
            full: false,
        }
    }
}

impl Host for Load {
    fn new(now: Instant) -> Self {
        Self {
            under_way: 0,
            limit: INITIAL,
            proven: 1,
            cuts: 0,
            round: Round::new(0, now),
            before_step: None,
            spared: None,
            next_step: now,
            patience: FIRST_PATIENCE,
        }
    }

    fn is_at_rest(&self, _: Instant) -> bool {
        self.under_way == 0
    }
}

impl Load {
    fn has_place(&mut self) -> bool {
        let free = self.under_way < self.limit;
        self.round.full |= !free;
        free
    }

    #[expect(clippy::cast_precision_loss, reason = "a rate to compare with another")]
    fn served(&mut self, bytes: u64, now: Instant) {
        let round = &mut self.round;
        if round.old > 0 {
            round.old -= 1;
            if round.old == 0 {
                round.began = now;
            }
            self.served_beside_refusals(now);
            return;
        }
        round.bytes = round.bytes.saturating_add(bytes);
        round.completions += 1;
        if round.completions < self.limit {
            return;
        }
        let seconds = now.duration_since(round.began).as_secs_f64().max(1e-6);
        let (rate, full) = (round.bytes as f64 / seconds, round.full);
        self.proven = self.proven.max(self.limit);
        match self.before_step.take() {
            Some((limit, before)) if rate < before * WORTHWHILE_GAIN => self.step_back(limit, now),
            _ if full && now >= self.next_step && rate < FAST_ENOUGH => {
                self.before_step = Some((self.limit, rate));
                self.change(self.limit.saturating_mul(2), now);
            }
            _ => self.round = Round::new(0, now),
        }
    }

    fn served_beside_refusals(&mut self, now: Instant) {
        let Some(spared) = &mut self.spared else { return };
        spared.served += 1;
        if spared.served >= spared.count {
            let count = spared.count.max(1);
            self.spared = None;
            self.change(count, now);
        }
    }

    /// The host cannot take this much.
    fn complained(&mut self, complaint: Complaint, of_cut: u64, now: Instant) {
        if of_cut != self.cuts {
            if let Some(spared) = self.spared.as_mut().filter(|_| of_cut + 1 == self.cuts) {
                spared.count = spared.count.saturating_sub(1);
            }
            return;
        }
        // Once: a host that refuses again is not counting what is under way.
        self.spared = (complaint == Complaint::TooMany && now >= self.next_step).then(|| Spared {
            count: self.under_way.saturating_sub(1),
            served: 0,
        });
        let half = (self.limit / 2).max(1);
        let limit = if self.limit > self.proven {
            half.max(self.proven)
        } else {
            half
        };
        self.cuts += 1;
        self.proven = self.proven.min(limit);
        self.before_step = None;
        self.step_back(limit, now);
    }

    fn step_back(&mut self, limit: usize, now: Instant) {
        self.next_step = now + self.patience;
        self.patience = self.patience.saturating_mul(2).min(MAX_PATIENCE);
        self.change(limit, now);
    }

    fn change(&mut self, limit: usize, now: Instant) {
        tracing::debug!(from = self.limit, to = limit, "segments at a time");
        self.limit = limit;
        self.round = Round::new(self.under_way, now);
    }
}

impl Loads {
    /// Of hosts that are asked for so many at a time until more is known of them.
    pub(super) fn beginning_with(initial: usize) -> Self {
        let hosts = Hosts::default();
        Self { hosts, initial }
    }

    /// Whether one more segment of this origin may be asked for.
    pub(super) fn has_place(&self, origin: &str) -> bool {
        self.with(origin, |load, _| load.has_place())
    }

    fn with<R>(&self, origin: &str, act: impl FnOnce(&mut Load, Instant) -> R) -> R {
        let new = |now| Load {
            limit: self.initial,
            ..Load::new(now)
        };
        self.hosts.with_new(origin, new, act)
    }

    /// Takes a place, though there may be none.
    pub(super) fn begin(self: &Arc<Self>, origin: String) -> Flight {
        let cuts = self.with(&origin, |load, _| {
            load.under_way += 1;
            load.cuts
        });
        Flight {
            loads: Arc::clone(self),
            origin,
            cuts,
            has_complained: AtomicBool::new(false),
        }
    }
}

impl Flight {
    /// It has come.
    pub(super) fn served(&self, bytes: u64) {
        self.loads.with(&self.origin, |load, now| load.served(bytes, now));
    }

    /// A try has failed.
    pub(super) fn failed(&self, error: &FetchError) {
        if let Some(complaint) = Complaint::of(error)
            && !self.has_complained.swap(true, Ordering::Relaxed)
        {
            let complain = |load: &mut Load, now| load.complained(complaint, self.cuts, now);
            self.loads.with(&self.origin, complain);
        }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.loads.with(&self.origin, |load, _| {
            load.under_way = load.under_way.saturating_sub(1);
        });
    }
}

/// A failure that an overloaded server looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Complaint {
    /// 429: it says so itself.
    TooMany,
    Other,
}

impl Complaint {
    fn of(error: &FetchError) -> Option<Self> {
        match error {
            FetchError::Status { status: 429, .. } => Some(Self::TooMany),
            FetchError::Status { status, .. } => {
                matches!(status, 500 | 502..=504 | 507..=599).then_some(Self::Other)
            }
            FetchError::Network { .. } => Some(Self::Other),
            FetchError::GaveUp { last, .. } => Self::of(last),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fetch::NetworkFault;

    const ORIGIN: &str = "http://cdn.example:80";

    /// A host that serves one body in `latency`, and all of them together no faster than `bytes_per_second`; more
    /// than `most` at a time it refuses. Fetches `count` bodies; the number at a time when it ends, and the refusals.
    async fn fetch(count: usize, latency: Duration, bytes_per_second: f64, most: usize) -> (usize, usize) {
        const BYTES: f64 = 25_000.0;
        let loads = Arc::new(Loads::default());
        let mut flights: Vec<(Instant, Flight)> = Vec::new();
        let (mut done, mut refused) = (0, 0);
        while done < count {
            while loads.has_place(ORIGIN) {
                let busy = flights.len() + 1;
                let shared = Duration::from_secs_f64(
                    BYTES * f64::from(u32::try_from(busy).unwrap()) / bytes_per_second,
                );
                let flight = loads.begin(ORIGIN.to_owned());
                flights.push((Instant::now() + latency.max(shared), flight));
            }
            flights.sort_by_key(|(end, _)| std::cmp::Reverse(*end));
            let busy = flights.len();
            let (end, flight) = flights.pop().unwrap();
            tokio::time::sleep_until(end).await;
            if busy > most {
                refused += 1;
                let status = 429;
                let url = Box::new(weir_core::url::AbsoluteUrl::parse("http://cdn.example/1.ts").unwrap());
                flight.failed(&FetchError::Status { url, status });
            } else {
                done += 1;
                flight.served(25_000);
            }
        }
        (loads.with(ORIGIN, |load, _| load.limit), refused)
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_line_with_a_long_way_is_filled() {
        let (limit, refused) = fetch(300, Duration::from_millis(50), 1e9, 1000).await;
        assert!(limit >= 64, "{limit}");
        assert_eq!(refused, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_line_is_left_alone() {
        let (limit, _) = fetch(2000, Duration::from_millis(1), 2e6, 1000).await;
        assert_eq!(limit, INITIAL);
    }

    /// Bodies of a megabyte, each of which takes as long however many there are.
    #[tokio::test(start_paused = true)]
    async fn what_is_fast_enough_is_left_alone() {
        for (milliseconds, grows) in [(100, true), (10, false)] {
            let loads = Arc::new(Loads::default());
            for _ in 0..4 {
                let mut flights = Vec::new();
                while loads.has_place(ORIGIN) {
                    flights.push(loads.begin(ORIGIN.to_owned()));
                }
                tokio::time::sleep(Duration::from_millis(milliseconds)).await;
                for flight in &flights {
                    flight.served(1_000_000);
                }
            }
            let limit = loads.with(ORIGIN, |load, _| load.limit);
            assert_eq!(limit > INITIAL, grows, "{limit} at {milliseconds} ms");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_that_refuses_more_than_some_is_asked_for_no_more() {
        let (limit, refused) = fetch(2000, Duration::from_millis(50), 1e9, 10).await;
        assert_eq!(limit, 10);
        // One step to 16 is tried, another now and then, and taken back at the first refusal.
        assert!(refused < 100, "{refused} of 2000 refused");
        let (limit, refused) = fetch(500, Duration::from_millis(50), 1e9, 6).await;
        assert_eq!((limit, refused), (6, 2));
        let (limit, _) = fetch(500, Duration::from_millis(50), 1e9, 3).await;
        assert!((1..=3).contains(&limit), "{limit}");
    }

    /// A host that counts requests in a time, and not those under way, is not asked for more again and again.
    #[tokio::test(start_paused = true)]
    async fn a_host_that_refuses_again_is_halved() {
        let loads = Arc::new(Loads::default());
        let url = weir_core::url::AbsoluteUrl::parse("http://cdn.example/1.ts").unwrap();
        let refused = FetchError::Status {
            url: Box::new(url),
            status: 429,
        };
        for expected in [INITIAL - 1, (INITIAL - 1) / 2, (INITIAL - 1) / 4] {
            let limit = || loads.with(ORIGIN, |load, _| load.limit);
            let flights: Vec<Flight> = (0..limit()).map(|_| loads.begin(ORIGIN.to_owned())).collect();
            for (n, flight) in flights.iter().enumerate() {
                if n == 0 {
                    // However often it is tried, it is one that was refused.
                    (0..3).for_each(|_| flight.failed(&refused));
                } else {
                    flight.served(1);
                }
            }
            assert_eq!(limit(), expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_burst_of_failures_halves_once() {
        let loads = Arc::new(Loads::default());
        let flights: Vec<Flight> = (0..INITIAL).map(|_| loads.begin(ORIGIN.to_owned())).collect();
        let broken = |flight: &Flight| {
            let url = Box::new(weir_core::url::AbsoluteUrl::parse("http://cdn.example/1.ts").unwrap());
            let fault = NetworkFault::Broken("reset".to_owned());
            flight.failed(&FetchError::Network { url, fault });
        };
        flights.iter().for_each(broken);
        assert_eq!(loads.with(ORIGIN, |load, _| load.limit), INITIAL / 2);
        drop(flights);
        assert!(loads.has_place(ORIGIN));
        // What is gone is no sign of load.
        let flight = loads.begin(ORIGIN.to_owned());
        let url = Box::new(weir_core::url::AbsoluteUrl::parse("http://cdn.example/1.ts").unwrap());
        flight.failed(&FetchError::Status { url, status: 404 });
        assert_eq!(loads.with(ORIGIN, |load, _| load.limit), INITIAL / 2);
    }
}
