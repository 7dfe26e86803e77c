//! The distant origin of `cargo xtask bench`: 50 milliseconds away, 2 MB/s a connection.
//!
//! ```text
//! weir-bench-origin FOLDER
//! ```
//!
//! Serves FOLDER under `/far/`, and under `/six/` with 429 for whatever comes while six are under way. Prints where it
//! listens; answers each line of its stdin with how many requests and connections there were so far, and ends with it.

use std::collections::HashSet;
use std::io::{BufRead as _, Write as _};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use weir_tests::origin::{Origin, Reply, Request};

/// From a request to the first byte of its answer. A connection that is opened first takes as long again.
const LATENCY: Duration = Duration::from_millis(50);

/// What one connection brings.
const BYTES_PER_SECOND: NonZeroU32 = NonZeroU32::new(2_000_000).unwrap();

/// The most that is served at a time where that is limited.
const MOST_UNDER_WAY: usize = 6;

fn main() -> anyhow::Result<()> {
    let folder = std::env::args_os()
        .nth(1)
        .context("usage: weir-bench-origin FOLDER")?;
    let origin = Arc::new(Origin::start()?);
    let greeted: Mutex<HashSet<usize>> = Mutex::default();
    let distance = move |request: &Request| {
        let mut greeted = greeted.lock().unwrap_or_else(PoisonError::into_inner);
        if greeted.insert(request.connection) {
            LATENCY * 2
        } else {
            LATENCY
        }
    };
    let distance = Arc::new(distance);
    for prefix in ["/far/", "/six/"] {
        let distance = Arc::clone(&distance);
        origin.directory_with(prefix, &folder, move |request, reply| {
            reply
                .with_delay(distance(request))
                .with_bytes_per_second(BYTES_PER_SECOND)
        });
    }
    let counted = Arc::downgrade(&origin);
    origin.guard("/six/", move |_| {
        let is_full = counted.upgrade()?.in_flight() > MOST_UNDER_WAY;
        is_full.then(|| Reply::status(429))
    });

    let mut stdout = std::io::stdout();
    writeln!(stdout, "{}", origin.url(""))?;
    stdout.flush()?;
    for _ in std::io::stdin().lock().lines().map_while(Result::ok) {
        writeln!(stdout, "{} {}", origin.requests().len(), origin.connections())?;
        stdout.flush()?;
    }
    // The guard may hold the origin at this moment, which must not be the last to let it go.
    std::process::exit(0);
}
