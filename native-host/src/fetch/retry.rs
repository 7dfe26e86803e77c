//! How often and how soon to try again.

use std::time::{Duration, SystemTime};

use super::{FetchError, NetworkFault, ResponseFault};

/// When to try again: exponential backoff with full jitter, within bounds.
#[derive(Debug, Clone, Copy)]
pub struct Retries {
    /// Tries in all for what usually passes: 408, 429, 5xx, broken connections, stalls.
    pub tries: u32,
    /// Tries in all for what sometimes passes: 404, 410, wrong ranges, a web page, no such name.
    pub few_tries: u32,
    /// Upper end of the first pause; it doubles with each try.
    pub base_delay: Duration,
    /// Upper end of any pause.
    pub max_delay: Duration,
    /// Longest `Retry-After` that is honoured; longer ones count as this.
    pub max_retry_after: Duration,
    /// How often a host that keeps failing is tried again: once in this time, beyond a few tries at the beginning and
    /// one for every five first requests.
    pub pace: Duration,
}

/// What another try is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Prospect {
    /// It cannot help.
    Hopeless,
    /// What failed sometimes passes: it is a matter of this one resource.
    Fair,
    /// A name that did not resolve.
    Name,
    /// What failed usually passes: the host, or the way to it, has trouble.
    Good,
}

impl Default for Retries {
    fn default() -> Self {
        Self {
            tries: 6,
            few_tries: 2,
            base_delay: Duration::from_millis(500),
            max_delay: Duration::from_secs(15),
            max_retry_after: Duration::from_secs(120),
            pace: Duration::from_secs(1),
        }
    }
}

impl Prospect {
    /// That of another try after this failure.
    pub(super) fn after(error: &FetchError) -> Self {
        match error {
            FetchError::Status { status, .. } => match status {
                408 | 425 | 429 | 500 | 502..=504 | 507..=599 => Self::Good,
                404 | 410 | 421 => Self::Fair,
                _ => Self::Hopeless,
            },
            FetchError::Network { fault, .. } => match fault {
                NetworkFault::Connect(_)
                | NetworkFault::ConnectTimeout(_)
                | NetworkFault::HeadersTimeout(_)
                | NetworkFault::Broken(_)
                | NetworkFault::Stalled(_)
                | NetworkFault::TooSlow { .. } => Self::Good,
            },
            FetchError::Response { fault, .. } => match fault {
                ResponseFault::Length { .. } => Self::Good,
                ResponseFault::TooLarge { .. }
                | ResponseFault::RangeIgnored(_)
                | ResponseFault::NotSatisfiable(_) => Self::Hopeless,
                ResponseFault::Empty(_)
                | ResponseFault::WrongRange { .. }
                | ResponseFault::UnaskedRange(_)
                | ResponseFault::RangeBeyondEnd { .. }
                | ResponseFault::WebPage(_)
                | ResponseFault::Json(_)
                | ResponseFault::Encoding(_)
                | ResponseFault::NotHttp(_) => Self::Fair,
            },
            FetchError::Dns { .. } => Self::Name,
            _ => Self::Hopeless,
        }
    }
}

impl Retries {
    /// Tries in all, the first one included.
    pub(super) fn tries_for(&self, prospect: Prospect) -> u32 {
        match prospect {
            Prospect::Hopeless => 1,
            Prospect::Fair => self.few_tries,
            Prospect::Name => self.few_tries.saturating_add(1),
            Prospect::Good => self.tries,
        }
    }

    /// The pause after the `tried`-th try (counted from 1): anything between nothing and the doubled
    /// bound, so that many clients that failed together do not come back together.
    pub(super) fn delay(&self, tried: u32) -> Duration {
        self.bound(tried).mul_f64(fastrand::f64())
    }

    fn bound(&self, tried: u32) -> Duration {
        let factor = 1_u32.checked_shl(tried.saturating_sub(1)).unwrap_or(u32::MAX);
        self.base_delay.saturating_mul(factor).min(self.max_delay)
    }

    /// `Retry-After`: seconds or an HTTP-date (RFC 9110, 10.2.3). A past date is no pause, what is too
    /// long is capped, anything else is ignored.
    pub(super) fn retry_after(&self, value: &str, now: SystemTime) -> Option<Duration> {
        let value = value.trim();
        let asked = if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
            Duration::from_secs(value.parse().unwrap_or(u64::MAX))
        } else {
            httpdate::parse_http_date(value)
                .ok()?
                .duration_since(now)
                .unwrap_or_default()
        };
        Some(asked.min(self.max_retry_after))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_takes_seconds_dates_and_no_garbage() {
        let retries = Retries::default();
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777); // Sun, 06 Nov 1994 08:49:37 GMT
        let check = |value: &str, seconds: Option<u64>| {
            assert_eq!(
                retries.retry_after(value, now),
                seconds.map(Duration::from_secs),
                "{value:?}"
            );
        };
        check("0", Some(0));
        check(" 7 ", Some(7));
        check("86400", Some(120));
        check("99999999999999999999999999", Some(120));
        check("Sun, 06 Nov 1994 08:49:40 GMT", Some(3));
        check("Sunday, 06-Nov-94 08:49:40 GMT", Some(3));
        check("Sun, 06 Nov 1994 08:49:30 GMT", Some(0));
        check("Fri, 31 Dec 9999 23:59:59 GMT", Some(120));
        for garbage in ["", "-1", "+3", "1.5", "soon", "1e3", "Sun, 06 Nov", "\u{0661}"] {
            check(garbage, None);
        }
    }

    #[test]
    fn pauses_double_up_to_a_bound_and_are_spread() {
        let retries = Retries::default();
        let bounds: Vec<u128> = (1..=7).map(|tried| retries.bound(tried).as_millis()).collect();
        assert_eq!(bounds, [500, 1000, 2000, 4000, 8000, 15_000, 15_000]);
        assert_eq!(retries.bound(u32::MAX), retries.max_delay);
        let delays: Vec<Duration> = (0..200).map(|_| retries.delay(3)).collect();
        assert!(delays.iter().all(|delay| *delay <= retries.bound(3)));
        let below_half = delays
            .iter()
            .filter(|delay| **delay < retries.bound(3) / 2)
            .count();
        assert!(
            (50..150).contains(&below_half),
            "{below_half} of 200 below half the bound"
        );
    }
}
