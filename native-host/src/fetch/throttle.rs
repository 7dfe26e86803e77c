//! `--limit-rate` and the setting: all bodies together, no faster than asked.

use std::num::NonZeroU64;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How far bytes may come ahead of their time: time that nobody used is not saved up for longer than this.
const BURST: Duration = Duration::from_millis(100);

/// A speed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BytesPerSecond(NonZeroU64);

/// Lets bytes pass at a speed, whoever they are for: those of one job, or of several that share it.
#[derive(Debug, Default)]
pub(super) struct SpeedLimit(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// None: as fast as they come.
    speed: Option<BytesPerSecond>,
    /// When all bytes that have passed will be due.
    due: Option<Instant>,
}

impl BytesPerSecond {
    /// This many bytes a second; None for none at all.
    #[must_use]
    pub fn new(bytes: u64) -> Option<Self> {
        NonZeroU64::new(bytes).map(Self)
    }

    /// So many bytes a second.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0.get()
    }

    /// How long this many bytes take.
    #[expect(clippy::cast_precision_loss, reason = "nanoseconds do not matter here")]
    fn time_of(self, bytes: u64) -> Duration {
        Duration::try_from_secs_f64(bytes as f64 / self.0.get() as f64).unwrap_or(Duration::MAX)
    }
}

impl FromStr for BytesPerSecond {
    type Err = &'static str;

    /// Bytes a second, with `K`, `M` or `G` for powers of 1024 as curl and wget take them.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WANTED: &str = "bytes per second: a whole number over 0, such as 500000, 500K or 2M";
        let (number, factor) = match text.char_indices().next_back() {
            Some((end, 'k' | 'K')) => (text.get(..end), 1 << 10),
            Some((end, 'm' | 'M')) => (text.get(..end), 1 << 20),
            Some((end, 'g' | 'G')) => (text.get(..end), 1 << 30),
            _ => (Some(text), 1),
        };
        let bytes = number.and_then(|number| number.parse::<u64>().ok());
        bytes
            .and_then(|bytes| bytes.checked_mul(factor))
            .and_then(Self::new)
            .ok_or(WANTED)
    }
}

impl SpeedLimit {
    /// Another speed from now on, or none.
    pub(super) fn change(&self, speed: Option<BytesPerSecond>) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.speed != speed {
            *state = State { speed, due: None };
        }
    }

    /// Waits until these bytes, which are there already, may be taken; true when that took waiting.
    pub(super) async fn pass(&self, bytes: u64) -> bool {
        let now = Instant::now();
        let until = {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(speed) = state.speed else { return false };
            let earliest = now.checked_sub(BURST).unwrap_or(now);
            let from = state.due.unwrap_or(now).max(earliest);
            let until = from.checked_add(speed.time_of(bytes)).unwrap_or(from);
            state.due = Some(until);
            until
        };
        if until <= now {
            return false;
        }
        tokio::time::sleep_until(until).await;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds() {
        let read = |text: &str| text.parse::<BytesPerSecond>().map(|speed| speed.0.get());
        assert_eq!(read("500000"), Ok(500_000));
        assert_eq!(read("500K"), Ok(512_000));
        assert_eq!(read("2m"), Ok(2 << 20));
        assert_eq!(read("1G"), Ok(1 << 30));
        for wrong in [
            "",
            "0",
            "0K",
            "K",
            "-1",
            "1.5M",
            "1T",
            "1KB",
            "99999999999999999999",
            "99999999999999G",
        ] {
            read(wrong).unwrap_err();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn several_bodies_share_the_speed() {
        let throttle = SpeedLimit::default();
        throttle.change(BytesPerSecond::new(1_000_000));
        let begin = Instant::now();
        let body = async || {
            for _ in 0..250 {
                throttle.pass(10_000).await;
            }
        };
        tokio::join!(body(), body(), body(), body());
        let seconds = begin.elapsed().as_secs_f64();
        assert!((9.9..=10.0).contains(&seconds), "{seconds} s for 10 MB");
        // A pause is not made up for.
        tokio::time::sleep(Duration::from_secs(60)).await;
        let begin = Instant::now();
        body().await;
        let seconds = begin.elapsed().as_secs_f64();
        assert!((2.39..=2.51).contains(&seconds), "{seconds} s for 2.5 MB");
        // Another speed counts from now on.
        throttle.change(BytesPerSecond::new(5_000_000));
        let begin = Instant::now();
        body().await;
        let seconds = begin.elapsed().as_secs_f64();
        assert!((0.39..=0.51).contains(&seconds), "{seconds} s for 2.5 MB");
        throttle.change(None);
        let begin = Instant::now();
        body().await;
        assert_eq!(begin.elapsed(), Duration::ZERO);
    }
}
