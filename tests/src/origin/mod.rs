//! A loopback HTTP/1.1 origin that can misbehave.
//!
//! It writes raw bytes on sockets, because HTTP libraries refuse to send what broken servers send. It
//! runs on a thread of its own, so that async tests, blocking tests (which start `weir` and wait) and
//! the demo use it alike, and it stops when it is dropped.
//!
//! ```
//! use weir_tests::origin::{faults, Origin, Reply};
//!
//! let origin = Origin::start()?;
//! origin.reply("/a.ts", Reply::ok("bytes").with_type("video/mp2t"));
//! origin.sequence("/b.ts", [Reply::status(503), Reply::ok("the second try")]);
//! origin.route("/c.ts", |request| Reply::ok(format!("you sent {:?}", request.header("referer"))));
//! origin.reply("/d.ts", faults::reset_after("0123456789", 4));
//! origin.guard("/", |request| (!request.has_cookie("session", "1")).then(|| Reply::status(403)));
//! let url = origin.url("/a.ts");
//! // ... something fetches url ...
//! assert_eq!(origin.requests_for("/a.ts").len(), 0);
//! # let _ = url;
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! What it does by itself: keep-alive, `Content-Length`, HEAD, a single Range as 206 (or 416), CORS with
//! credentials for whatever origin asks, preflights. Unknown paths are 404.

mod connection;
pub mod faults;
mod files;
mod reply;
mod request;
mod tokens;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use tokio::net::TcpListener;
use tokio::sync::oneshot;

pub use files::mime_type;
pub use reply::{Gate, Ranges, Reply, Step};
pub use request::Request;
pub use tokens::Tokens;

/// Answers a request.
type Handler = Arc<dyn Fn(&Request) -> Reply + Send + Sync>;
/// Refuses a request with a reply, or lets it pass.
type Guard = Arc<dyn Fn(&Request) -> Option<Reply> + Send + Sync>;

/// A running origin on `127.0.0.1` and a port of its own.
#[derive(Debug)]
pub struct Origin {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    /// Newest first: a route that is set again replaces the older one.
    routes: Mutex<Vec<(Pattern, Handler)>>,
    guards: Mutex<Vec<(String, Guard)>>,
    log: Mutex<Vec<Request>>,
    /// Paths that were answered to the last byte, once for each time.
    answered: Mutex<Vec<String>>,
    connections: AtomicUsize,
    in_flight: AtomicUsize,
    most_in_flight: AtomicUsize,
}

enum Pattern {
    Exact(String),
    Under(String),
}

impl Origin {
    /// Listens on a free loopback port.
    ///
    /// # Errors
    /// No socket or no thread can be had.
    pub fn start() -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name(format!("origin-{}", address.port()))
            .spawn({
                let shared = Arc::clone(&shared);
                // Dropping the runtime at the end of this thread aborts every connection.
                move || {
                    runtime.block_on(async {
                        tokio::select! {
                            () = accept(listener, shared) => {}
                            _ = stopped => {}
                        }
                    });
                }
            })?;
        Ok(Self {
            address,
            shared,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:PORT` followed by `target` (a path with or without a query).
    #[must_use]
    pub fn url(&self, target: &str) -> String {
        format!("http://{}{target}", self.address)
    }

    /// The same with another name for this machine, such as `localhost`: another origin to a browser.
    #[must_use]
    pub fn url_as(&self, host: &str, target: &str) -> String {
        format!("http://{host}:{}{target}", self.address.port())
    }

    /// Answers every request for exactly `path` (without the query) with `reply`.
    pub fn reply(&self, path: &str, reply: Reply) {
        self.route(path, move |_| reply.clone());
    }

    /// Answers the n-th request for `path` with the n-th reply, later ones with the last.
    pub fn sequence(&self, path: &str, replies: impl IntoIterator<Item = Reply>) {
        let replies: Vec<Reply> = replies.into_iter().collect();
        let next = AtomicUsize::new(0);
        self.route(path, move |_| {
            let index = next
                .fetch_add(1, Ordering::Relaxed)
                .min(replies.len().saturating_sub(1));
            replies.get(index).cloned().unwrap_or_else(|| Reply::status(404))
        });
    }

    /// Answers every request for exactly `path` with what `handler` makes of it.
    pub fn route(&self, path: &str, handler: impl Fn(&Request) -> Reply + Send + Sync + 'static) {
        lock(&self.shared.routes).insert(0, (Pattern::Exact(path.to_owned()), Arc::new(handler)));
    }

    /// Answers every request whose path begins with `prefix`.
    pub fn route_under(&self, prefix: &str, handler: impl Fn(&Request) -> Reply + Send + Sync + 'static) {
        lock(&self.shared.routes).insert(0, (Pattern::Under(prefix.to_owned()), Arc::new(handler)));
    }

    /// Serves the files of `folder` under `prefix` (which ends in `/`), with MIME types by extension.
    pub fn directory(&self, prefix: &str, folder: impl Into<PathBuf>) {
        self.directory_with(prefix, folder, |_, reply| reply);
    }

    /// The same, each reply as `change` makes it.
    pub fn directory_with(
        &self,
        prefix: &str,
        folder: impl Into<PathBuf>,
        change: impl Fn(&Request, Reply) -> Reply + Send + Sync + 'static,
    ) {
        let (folder, prefix_owned) = (folder.into(), prefix.to_owned());
        self.route_under(prefix, move |request| {
            change(request, files::serve(&folder, &prefix_owned, request))
        });
    }

    /// Asks `guard` before any request whose path begins with `prefix` is answered; a reply refuses it.
    /// See [`Request::has_cookie`] and [`Request::header`] for the usual conditions.
    pub fn guard(&self, prefix: &str, guard: impl Fn(&Request) -> Option<Reply> + Send + Sync + 'static) {
        lock(&self.shared.guards).push((prefix.to_owned(), Arc::new(guard)));
    }

    /// Every request so far, in the order of their arrival.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.shared.log).clone()
    }

    /// The requests so far for exactly `path`.
    #[must_use]
    pub fn requests_for(&self, path: &str) -> Vec<Request> {
        lock(&self.shared.log)
            .iter()
            .filter(|request| request.path() == path)
            .cloned()
            .collect()
    }

    /// How often exactly `path` was answered to the last byte.
    #[must_use]
    pub fn answers_to(&self, path: &str) -> usize {
        let answered = lock(&self.shared.answered);
        answered.iter().filter(|answered| *answered == path).count()
    }

    /// How many connections were accepted so far.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// The most requests that were being answered at one time.
    #[must_use]
    pub fn most_in_flight(&self) -> usize {
        self.shared.most_in_flight.load(Ordering::Relaxed)
    }

    /// How many requests are being answered now.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.shared.in_flight.load(Ordering::Relaxed)
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn answer(&self, request: &Request) -> Reply {
        let guards: Vec<Guard> = lock(&self.guards)
            .iter()
            .filter(|(prefix, _)| request.path().starts_with(prefix.as_str()))
            .map(|(_, guard)| Arc::clone(guard))
            .collect();
        if let Some(refusal) = guards.iter().find_map(|guard| guard(request)) {
            return refusal;
        }
        // Called outside the lock, so that a handler may add routes and a slow one holds up nobody.
        let handler = lock(&self.routes)
            .iter()
            .find(|(pattern, _)| pattern.matches(request.path()))
            .map(|(_, handler)| Arc::clone(handler));
        handler.map_or_else(|| Reply::status(404), |handler| handler(request))
    }

    fn answered(&self, request: &Request) {
        lock(&self.answered).push(request.path().to_owned());
    }

    fn begin(self: &Arc<Self>, request: Request) -> InFlight {
        lock(&self.log).push(request);
        let now = self.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
        self.most_in_flight.fetch_max(now, Ordering::Relaxed);
        InFlight(Arc::clone(self))
    }
}

/// Counts one request as being answered until it is dropped.
struct InFlight(Arc<Shared>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Pattern {
    fn matches(&self, path: &str) -> bool {
        match self {
            Self::Exact(exact) => path == exact,
            Self::Under(prefix) => path.starts_with(prefix.as_str()),
        }
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("connections", &self.connections)
            .finish_non_exhaustive()
    }
}

async fn accept(listener: std::net::TcpListener, shared: Arc<Shared>) {
    let Ok(listener) = TcpListener::from_std(listener) else {
        return;
    };
    while let Ok((stream, _)) = listener.accept().await {
        let number = shared.connections.fetch_add(1, Ordering::Relaxed);
        tokio::spawn(connection::serve(stream, number, Arc::clone(&shared)));
    }
}

/// A handler that panicked (a failed assertion of the test) must not hide behind a poisoned lock.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
