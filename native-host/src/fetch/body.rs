//! Reading a body: within its deadlines, its limit and the room there is for it.

use std::time::Duration;

use bytes::Bytes;
use reqwest::Response;
use tokio::time::{Instant, timeout_at};
use weir_core::url::AbsoluteUrl;

use super::buffer::Share;
use super::check::Extent;
use super::load::Flight;
use super::spare::Spare;
use super::throttle::SpeedLimit;
use super::{Deadlines, FetchError, Meter, NetworkFault, ResourceKind, ResponseFault, failure};

/// Largest buffer that is made because a server announced a length; larger ones grow as bytes come.
const MAX_UPFRONT_BYTES: u64 = 8 * 1024 * 1024;

/// Where the bytes of one fetch are counted, and whose memory they take.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Lane<'a> {
    /// Counts them.
    pub(super) meter: Option<&'a Meter>,
    /// Holds them back when there is no room.
    pub(super) share: Option<&'a Share>,
    /// Told how the host does.
    pub(super) flight: Option<&'a Flight>,
    /// Which connections it uses.
    pub(super) route: Route,
}

/// Which connections a fetch uses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Route {
    /// Those that all share.
    #[default]
    Shared,
    /// Others: what holds a shared connection up does not hold it up.
    Apart,
}

/// What there is to read.
pub(super) struct Body<'a> {
    pub(super) response: Response,
    pub(super) url: &'a AbsoluteUrl,
    pub(super) kind: ResourceKind,
    pub(super) extent: Extent,
    /// Largest body, in bytes.
    pub(super) limit: u64,
}

/// Reads what `body.extent` says.
pub(super) async fn read(
    body: Body<'_>,
    deadlines: &Deadlines,
    speed: &SpeedLimit,
    spare: &Spare,
    lane: Lane<'_>,
) -> Result<Bytes, FetchError> {
    let Body {
        mut response,
        url,
        kind,
        extent,
        limit,
    } = body;
    let wrong = |fault| FetchError::Response {
        url: Box::new(url.clone()),
        fault,
    };
    let announced = response.content_length();
    let plan = Plan::new(extent, announced, kind, limit).map_err(wrong)?;

    let room = announced.unwrap_or(0).min(plan.keep);
    let mut pace = Pace::new(deadlines);
    if hold(lane, room).await {
        pace = Pace::new(deadlines);
    }
    let mut kept = spare.take(usize::try_from(room.min(MAX_UPFRONT_BYTES)).unwrap_or(0));
    let mut got: u64 = 0;
    loop {
        let chunk = match timeout_at(pace.deadline(), response.chunk()).await {
            Ok(Ok(Some(chunk))) => chunk,
            Ok(Ok(None)) => break,
            Ok(Err(error)) => return Err(failure::of_body(&error, url, announced, got)),
            Err(_) => Bytes::new(),
        };
        pace.note(chunk.len() as u64)
            .map_err(|fault| FetchError::Network {
                url: Box::new(url.clone()),
                fault,
            })?;
        if let Some(meter) = lane.meter {
            meter.add_bytes(chunk.len() as u64);
        }
        let mut waited = speed.pass(chunk.len() as u64).await;
        let part = plan.part_of(got, chunk);
        got = got.saturating_add(part.seen);
        let total = (kept.len() as u64).saturating_add(part.kept.len() as u64);
        if plan.too_much(got, total) {
            return Err(wrong(plan.excess(got, kind, limit)));
        }
        waited |= hold(lane, total).await;
        // Time that Weir itself took is not the server's.
        if waited {
            pace = Pace::new(deadlines);
        }
        kept.extend_from_slice(&part.kept);
        if plan.is_enough(total) {
            break;
        }
    }
    plan.check_end(got, kept.len() as u64).map_err(wrong)?;
    Ok(kept.freeze())
}

/// Waits until there is room for `total` bytes of this body; true when that took waiting.
async fn hold(lane: Lane<'_>, total: u64) -> bool {
    match lane.share {
        Some(share) => share.grow_to(total).await,
        None => false,
    }
}

/// Which bytes of a body are kept.
struct Plan {
    extent: Extent,
    announced: Option<u64>,
    /// How many bytes come before the first that is kept.
    skip: u64,
    /// Most bytes that are kept.
    keep: u64,
}

/// One piece of a body.
struct Part {
    seen: u64,
    kept: Bytes,
}

impl Plan {
    fn new(
        extent: Extent,
        announced: Option<u64>,
        kind: ResourceKind,
        limit: u64,
    ) -> Result<Self, ResponseFault> {
        let (skip, keep) = match extent {
            Extent::Whole => (0, limit),
            Extent::Exactly(length) => (0, length),
            Extent::Part(range) => (range.offset(), range.length()),
        };
        match (extent, announced) {
            (Extent::Exactly(expected), Some(got)) if got != expected => {
                return Err(ResponseFault::Length { expected, got });
            }
            (Extent::Part(asked), Some(length)) if length < asked.end() => {
                return Err(ResponseFault::RangeBeyondEnd { asked, length });
            }
            _ => {}
        }
        let needed = match extent {
            Extent::Part(asked) if asked.end() > limit => return Err(ResponseFault::RangeIgnored(asked)),
            Extent::Whole => announced.unwrap_or(0),
            Extent::Exactly(_) | Extent::Part(_) => keep,
        };
        if needed > limit {
            let announced = Some(needed);
            return Err(ResponseFault::TooLarge {
                kind,
                limit,
                announced,
            });
        }
        Ok(Self {
            extent,
            announced,
            skip,
            keep,
        })
    }

    /// The part of `chunk`, which comes after `got` bytes, that is kept.
    fn part_of(&self, got: u64, mut chunk: Bytes) -> Part {
        let seen = chunk.len() as u64;
        if let Extent::Part(range) = self.extent {
            let before = self.skip.saturating_sub(got).min(seen);
            let upto = range.end().saturating_sub(got).min(seen).max(before);
            // Both are at most the chunk's own length.
            chunk = chunk.slice(usize::try_from(before).unwrap_or(0)..usize::try_from(upto).unwrap_or(0));
        }
        Part { seen, kept: chunk }
    }

    fn too_much(&self, got: u64, total: u64) -> bool {
        match self.extent {
            Extent::Whole | Extent::Exactly(_) => total > self.keep,
            Extent::Part(_) => got < total,
        }
    }

    fn excess(&self, got: u64, kind: ResourceKind, limit: u64) -> ResponseFault {
        match self.extent {
            Extent::Exactly(expected) => ResponseFault::Length { expected, got },
            Extent::Whole | Extent::Part(_) => ResponseFault::TooLarge {
                kind,
                limit,
                announced: None,
            },
        }
    }

    /// The rest of a whole that was sent instead of a part need not be read.
    fn is_enough(&self, total: u64) -> bool {
        matches!(self.extent, Extent::Part(_)) && total == self.keep
    }

    fn check_end(&self, got: u64, total: u64) -> Result<(), ResponseFault> {
        match self.extent {
            // The HTTP library says so itself, except when a stream is reset with NO_ERROR (HTTP/2).
            Extent::Whole => match self.announced {
                Some(expected) if got != expected => Err(ResponseFault::Length { expected, got }),
                _ => Ok(()),
            },
            Extent::Exactly(expected) if total != expected => Err(ResponseFault::Length { expected, got }),
            Extent::Part(asked) if total != self.keep => {
                Err(ResponseFault::RangeBeyondEnd { asked, length: got })
            }
            _ => Ok(()),
        }
    }
}

/// Watches that a body comes at all, and fast enough.
struct Pace {
    idle: Duration,
    window: Duration,
    min_bytes_in_window: u64,
    last_byte: Instant,
    window_start: Instant,
    bytes_in_window: u64,
}

impl Pace {
    fn new(deadlines: &Deadlines) -> Self {
        let now = Instant::now();
        let seconds = deadlines.throughput_window.as_secs_f64();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a floor for the throughput: whatever the rounding, it stays one"
        )]
        let min_bytes_in_window = (deadlines.min_bytes_per_second as f64 * seconds) as u64;
        Self {
            idle: deadlines.idle,
            window: deadlines.throughput_window,
            min_bytes_in_window,
            last_byte: now,
            window_start: now,
            bytes_in_window: 0,
        }
    }

    /// When to look at the latest.
    fn deadline(&self) -> Instant {
        (self.last_byte + self.idle).min(self.window_start + self.window)
    }

    /// Notes what came, which may be nothing.
    fn note(&mut self, bytes: u64) -> Result<(), NetworkFault> {
        let now = Instant::now();
        if bytes > 0 {
            self.last_byte = now;
            self.bytes_in_window = self.bytes_in_window.saturating_add(bytes);
        } else if now >= self.last_byte + self.idle {
            return Err(NetworkFault::Stalled(self.idle));
        }
        if now >= self.window_start + self.window {
            if self.bytes_in_window < self.min_bytes_in_window {
                return Err(NetworkFault::TooSlow {
                    bytes: self.bytes_in_window,
                    window: self.window,
                });
            }
            self.window_start = now;
            self.bytes_in_window = 0;
        }
        Ok(())
    }
}
