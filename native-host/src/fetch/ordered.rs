//! Many resources, fetched side by side and handed out in order.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;
use tokio_util::task::AbortOnDropHandle;
use weir_core::url::AbsoluteUrl;

use super::body::Lane;
use super::buffer::{Buffer, Share};
use super::{Client, FetchError, Fetched, Meter, Resource};

/// How much is fetched ahead.
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
    client: Client,
    resources: Box<dyn Iterator<Item = Resource> + Send>,
    concurrency: usize,
    meter: Arc<Meter>,
    buffer: Arc<Buffer>,
    running: Arc<Running>,
    queue: VecDeque<Slot>,
    started: u64,
}

/// One fetch, from its start until it is handed out.
struct Slot {
    task: AbortOnDropHandle<Result<Fetched, FetchError>>,
    url: AbsoluteUrl,
    /// Keeps the room of a finished body until it is handed out.
    _share: Arc<Share>,
}

/// How many fetches run, and a bell for when one ends.
#[derive(Default)]
struct Running {
    count: AtomicUsize,
    ended: Notify,
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
        client: client.clone(),
        resources: Box::new(resources.into_iter()),
        concurrency: window.concurrency.get(),
        meter: Arc::clone(meter),
        buffer: Arc::new(Buffer::new(window.buffered_bytes)),
        running: Arc::default(),
        queue: VecDeque::new(),
        started: 0,
    }
}

impl Ordered {
    /// The next resource in order; None after the last. A resource that cannot be had is an error in its
    /// place, and those after it still come. Must run on a Tokio runtime. Cancel safe: nothing is lost
    /// when the future is dropped.
    pub async fn next(&mut self) -> Option<Result<Fetched, FetchError>> {
        loop {
            self.refill();
            let front = self.queue.front_mut()?;
            let result = tokio::select! {
                biased;
                result = &mut front.task => result,
                // Something behind it ended, so another may start.
                () = self.running.ended.notified() => continue,
            };
            let slot = self.queue.pop_front()?;
            self.buffer
                .advance_to(self.started.saturating_sub(self.queue.len() as u64));
            return Some(result.unwrap_or_else(|_| {
                Err(FetchError::Internal {
                    url: Box::new(slot.url),
                })
            }));
        }
    }

    /// Starts as many fetches as there is room for; one at least when none is under way.
    fn refill(&mut self) {
        while self.queue.is_empty()
            || (self.running.count.load(Ordering::Acquire) < self.concurrency && self.buffer.has_room())
        {
            let Some(resource) = self.resources.next() else {
                return;
            };
            let share = Arc::new(self.buffer.share(self.started));
            self.started = self.started.saturating_add(1);
            let url = resource.url.clone();
            let run = Running::begin(&self.running);
            let (client, meter, own_share) =
                (self.client.clone(), Arc::clone(&self.meter), Arc::clone(&share));
            let task = tokio::spawn(async move {
                let _run = run;
                let lane = Lane {
                    meter: Some(&meter),
                    share: Some(&own_share),
                };
                let fetched = client.get_in(&resource, lane).await;
                own_share.settle(fetched.as_ref().map_or(0, |fetched| fetched.bytes.len() as u64));
                fetched
            });
            self.queue.push_back(Slot {
                task: AbortOnDropHandle::new(task),
                url,
                _share: share,
            });
        }
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
        Run(Arc::clone(this))
    }
}

/// Counts one fetch as running until it is dropped.
struct Run(Arc<Running>);

impl Drop for Run {
    fn drop(&mut self) {
        self.0.count.fetch_sub(1, Ordering::AcqRel);
        self.0.ended.notify_one();
    }
}
