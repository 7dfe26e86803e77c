//! Many resources, fetched side by side and handed out in order.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::body::Lane;
use super::buffer::{Buffer, Share};
use super::slot::{Slot, Task};
use super::{Client, FetchError, Fetched, Meter, Resource};

/// So many bodies may wait for their turn, complete, while others are under way: enough that connections seldom wait for
/// the one in front, and whoever takes the bodies never does.
const WAITING_BODIES: usize = 4;

/// Or as many as there are within so many bytes, those under way included.
const WAITING_BYTES: u64 = 8 * 1024 * 1024;

/// How much is fetched ahead.
///
/// All of it is for a front that is late, so that the line is not idle meanwhile. Where the front is there, or comes in time,
/// bodies are not asked for long before they are taken: that costs memory and gains nothing.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    /// Resources in flight at a time.
    pub concurrency: NonZeroUsize,
    /// Bytes of bodies, complete and under way, that wait for their turn. The resource whose turn it is
    /// may exceed it.
    pub buffered_bytes: u64,
}

impl Window {
    /// The default bound on what waits for its turn.
    pub const DEFAULT_BUFFERED_BYTES: u64 = 64 * 1024 * 1024;

    /// A window of that many resources and the default number of bytes.
    #[must_use]
    pub fn new(concurrency: NonZeroUsize) -> Self {
        Self {
            concurrency,
            buffered_bytes: Self::DEFAULT_BUFFERED_BYTES,
        }
    }
}

/// Resources on their way, in order. Dropping it aborts what is in flight.
pub struct Ordered {
    starter: Starter,
    /// May have nothing now and more later.
    resources: Box<dyn Iterator<Item = Resource> + Send>,
    /// The next of them, looked at and not started yet.
    next: Option<Resource>,
    concurrency: usize,
    buffer: Arc<Buffer>,
    queue: VecDeque<Slot>,
    started: u64,
    /// Whether nothing more is begun once a link was refused.
    holds: bool,
}

/// What a fetch is begun with.
struct Starter {
    client: Client,
    meter: Arc<Meter>,
    running: Arc<Running>,
}

/// How many fetches run, how long those took that are over, and a bell for when one ends.
#[derive(Default)]
struct Running {
    count: AtomicUsize,
    ended: Notify,
    over: AtomicU32,
    milliseconds: AtomicU64,
    /// A link was refused, and there was no other since.
    is_refused: AtomicBool,
}

/// Fetches `resources` in order, as many side by side as `window` allows; `meter` counts along.
///
/// ```no_run
/// # async fn example(client: weir::fetch::Client, resources: Vec<weir::fetch::Resource>) -> Result<(), weir::fetch::FetchError> {
/// use std::{num::NonZeroUsize, sync::Arc};
/// use weir::fetch::{Meter, Window, ordered};
///
/// let meter = Arc::new(Meter::default());
/// let mut segments = ordered(&client, resources, Window::new(NonZeroUsize::MIN), &meter);
/// while let Some(segment) = segments.next().await {
///     let bytes = segment?.bytes; // in the order of `resources`
/// #   let _ = bytes;
/// }
/// # Ok(())
/// # }
/// ```
pub fn ordered<I>(client: &Client, resources: I, window: Window, meter: &Arc<Meter>) -> Ordered
where
    I: IntoIterator<Item = Resource>,
    I::IntoIter: Send + 'static,
{
    Ordered {
        starter: Starter {
            client: client.clone(),
            meter: Arc::clone(meter),
            running: Arc::default(),
        },
        resources: Box::new(resources.into_iter()),
        next: None,
        concurrency: window.concurrency.get(),
        buffer: Arc::new(Buffer::new(window.buffered_bytes)),
        queue: VecDeque::new(),
        started: 0,
        holds: false,
    }
}

impl Ordered {
    /// The next resource in order; None when there is none, for now or for good: a source of resources may have more
    /// later. A resource that cannot be had is an error in its
    /// place, and those after it still come. Must run on a Tokio runtime. Cancel safe: nothing is lost
    /// when the future is dropped.
    pub async fn next(&mut self) -> Option<Result<Fetched, FetchError>> {
        loop {
            self.fill();
            let (second_due, late_from) = (self.second_due(), self.late_from());
            let late_soon = late_from.filter(|&late| late > Instant::now());
            let front = self.queue.front_mut()?;
            let result = tokio::select! {
                biased;
                result = front.outcome() => result,
                // Something behind it ended, so another may start.
                () = self.starter.running.ended.notified() => continue,
                // More is fetched ahead of what follows it.
                () = reached(late_soon) => continue,
                () = reached(second_due) => {
                    front.start_second(&self.starter.client, &self.starter.meter);
                    continue;
                }
            };
            if front.may_restart(&result) {
                front.restart(|resource, share| self.starter.start(resource, share));
                continue;
            }
            self.queue.pop_front();
            self.buffer
                .advance_to(self.started.saturating_sub(self.queue.len() as u64));
            return Some(result);
        }
    }

    /// From now on nothing more is begun once a link was refused (403, 410), until there are others ([`Ordered::renew`]):
    /// those behind it have expired with it.
    pub fn hold_when_refused(&mut self) {
        self.holds = true;
    }

    /// Goes on with other links to the same: those to what was not handed out yet, in order. What has come stays, what is
    /// under way may still come, and what was refused is asked for again. Must run on a Tokio runtime.
    pub fn renew<I>(&mut self, client: &Client, resources: I)
    where
        I: IntoIterator<Item = Resource>,
        I::IntoIter: Send + 'static,
    {
        self.starter.client = client.clone();
        self.starter.running.is_refused.store(false, Ordering::Relaxed);
        let mut resources = resources.into_iter();
        for slot in &mut self.queue {
            if let Some(resource) = resources.next()
                && slot.renew(resource)
            {
                slot.restart(|resource, share| self.starter.start(resource, share));
            }
        }
        self.next = None;
        self.resources = Box::new(resources);
    }

    /// Asks again for what was handed out last: it is the next in order once more. Must run on a Tokio runtime.
    pub fn again(&mut self, resource: Resource) {
        let behind = self.queue.len() as u64 + 1;
        let index = self.started.saturating_sub(behind);
        let share = Arc::new(self.buffer.share(index));
        self.buffer.advance_to(index);
        let task = self.starter.start(&resource, &share);
        self.queue.push_front(Slot::new(resource, task, share));
    }

    /// When the front is asked for a second time: it takes unusually long, and others wait for it.
    fn second_due(&self) -> Option<Instant> {
        let mut slots = self.queue.iter();
        let front = slots.next()?;
        let due = front.second_due(self.starter.running.typical()?);
        due.filter(|_| slots.any(Slot::is_finished))
    }

    /// From when on the front is late; None when it is complete, or nobody knows how long it takes.
    fn late_from(&self) -> Option<Instant> {
        let front = self.queue.front()?;
        front.late_from(self.starter.running.typical()?)
    }

    /// Whether there are so few bodies ahead that more are to be begun. Where the front is complete, whoever takes the
    /// bodies is slower than the line, and those under way are enough too.
    fn is_short(&self, running: usize) -> bool {
        let bodies = match self.queue.front() {
            Some(front) if front.is_finished() => self.queue.len(),
            _ => self.queue.len().saturating_sub(running),
        };
        bodies < WAITING_BODIES
            || self.buffer.holds_with_next(WAITING_BYTES)
            || self.late_from().is_some_and(|late| late <= Instant::now())
    }

    /// Starts as many fetches as there is room for; one at least when none is under way. [`Ordered::next`] does so by
    /// itself. Must run on a Tokio runtime.
    pub fn fill(&mut self) {
        while let Some(resource) = self.next_startable() {
            let share = Arc::new(self.buffer.share(self.started));
            self.started = self.started.saturating_add(1);
            let task = self.starter.start(&resource, &share);
            self.queue.push_back(Slot::new(resource, task, share));
        }
    }

    /// The next resource, when it may start now.
    fn next_startable(&mut self) -> Option<Resource> {
        let next = match self.next.take() {
            Some(next) => next,
            None => self.resources.next()?,
        };
        let running = &self.starter.running;
        let count = running.count.load(Ordering::Acquire);
        let may_start = self.queue.is_empty()
            || (count < self.concurrency
                && !(self.holds && running.is_refused.load(Ordering::Relaxed))
                && self.buffer.has_room()
                && self.is_short(count)
                && self.starter.client.has_place(&next.url));
        if may_start {
            return Some(next);
        }
        self.next = Some(next);
        None
    }
}

impl Starter {
    fn start(&self, resource: &Resource, share: &Arc<Share>) -> Task {
        let run = Running::begin(&self.running);
        let flight = self.client.take_off(&resource.url);
        let (client, meter, share) = (self.client.clone(), Arc::clone(&self.meter), Arc::clone(share));
        let wanted = resource.clone();
        let task = tokio::spawn(async move {
            let run = run;
            let lane = Lane {
                meter: Some(&meter),
                share: Some(&share),
                flight: Some(&flight),
                ..Lane::default()
            };
            let fetched = client.get_in(&wanted, lane).await;
            let bytes = fetched.as_ref().map_or(0, |fetched| fetched.bytes.len() as u64);
            share.settle(bytes);
            match &fetched {
                Ok(_) => flight.served(bytes),
                Err(error) if error.is_expired_link() => run.refused(),
                Err(_) => {}
            }
            // Its place is free before anybody is told that it has ended.
            drop(flight);
            fetched
        });
        AbortOnDropHandle::new(task)
    }
}

/// Waits for a time; for ever, without one.
async fn reached(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

impl std::fmt::Debug for Ordered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut debug = f.debug_struct("Ordered");
        debug
            .field("started", &self.started)
            .field("waiting", &self.queue.len())
            .finish_non_exhaustive()
    }
}

impl Running {
    fn begin(this: &Arc<Self>) -> Run {
        this.count.fetch_add(1, Ordering::AcqRel);
        Run(Arc::clone(this), Instant::now())
    }

    /// How long a fetch takes on average; None before the first is over.
    fn typical(&self) -> Option<Duration> {
        let milliseconds = Duration::from_millis(self.milliseconds.load(Ordering::Relaxed));
        milliseconds.checked_div(self.over.load(Ordering::Relaxed))
    }
}

/// Counts one fetch as running until it is dropped.
struct Run(Arc<Running>, Instant);

impl Run {
    fn refused(&self) {
        self.0.is_refused.store(true, Ordering::Relaxed);
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let Self(running, began) = self;
        let milliseconds = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        running.milliseconds.fetch_add(milliseconds, Ordering::Relaxed);
        running.over.fetch_add(1, Ordering::Relaxed);
        running.count.fetch_sub(1, Ordering::AcqRel);
        running.ended.notify_one();
    }
}
