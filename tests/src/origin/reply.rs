//! Replies: well-behaved ones, and scripts of raw bytes.

use std::fmt::Write as _;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;

use super::Request;

/// An answer to one request.
#[derive(Debug, Clone)]
pub struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Body,
    pub(super) ranges: Ranges,
    pub(super) gate: Option<Gate>,
    pub(super) delay: Option<Duration>,
    pub(super) bytes_per_second: Option<NonZeroU32>,
}

/// What is sent.
#[derive(Debug, Clone)]
pub(super) enum Body {
    /// With `Content-Length`; the connection stays open.
    Full(Bytes),
    /// Exactly these bytes, status line included; then the connection is closed.
    Script(Vec<Step>),
}

/// Whether a Range request is honoured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ranges {
    /// A single range of bytes is answered with 206, one outside with 416.
    Honoured,
    /// Ranges are ignored: the answer is always the whole.
    Ignored,
}

/// One step of a raw reply.
#[derive(Debug, Clone)]
pub enum Step {
    /// Sends bytes as they are.
    Send(Bytes),
    /// Sends the same bytes again and again, for ever or until the client is gone.
    SendForEver(Bytes),
    /// Sends one byte at a time with a pause after each.
    Drip(Bytes, Duration),
    /// Does nothing for a time.
    Wait(Duration),
    /// Does nothing until the gate is opened.
    WaitFor(Gate),
    /// Does nothing until the client is gone.
    Stall,
    /// Closes with a TCP reset instead of an orderly end.
    Reset,
}

/// Holds replies back until a test opens it.
#[derive(Debug, Clone)]
pub struct Gate(Arc<watch::Sender<bool>>);

impl Default for Gate {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }
}

impl Gate {
    /// A closed gate.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets everything pass, now and later.
    pub fn open(&self) {
        self.0.send_replace(true);
    }

    /// Waits until it is open.
    pub(super) async fn opened(&self) {
        // The sender lives in `self`, so this ends only when the gate opens.
        let _ = self.0.subscribe().wait_for(|open| *open).await;
    }
}

impl Reply {
    /// 200 with a body.
    #[must_use]
    pub fn ok(body: impl Into<Bytes>) -> Self {
        Self {
            status: 200,
            headers: Vec::new(),
            body: Body::Full(body.into()),
            ranges: Ranges::Honoured,
            gate: None,
            delay: None,
            bytes_per_second: None,
        }
    }

    /// A status with a short text as body.
    #[must_use]
    pub fn status(status: u16) -> Self {
        let body = format!("{status} {}\n", reason(status));
        Self {
            status,
            ranges: Ranges::Ignored,
            ..Self::ok(body)
        }
        .with_type("text/plain")
    }

    /// A redirect with the given status to `location`, as written.
    #[must_use]
    pub fn redirect(status: u16, location: &str) -> Self {
        Self::status(status).with_header("Location", location)
    }

    /// Exactly these steps, status line included (see [`super::faults`] for ready ones).
    #[must_use]
    pub fn script(steps: impl IntoIterator<Item = Step>) -> Self {
        Self {
            body: Body::Script(steps.into_iter().collect()),
            ..Self::ok("")
        }
    }

    /// The same with another status.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// The same with one more header.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same with a `Content-Type`, replacing an earlier one.
    #[must_use]
    pub fn with_type(mut self, mime: &str) -> Self {
        self.headers.retain(|(name, _)| name != "Content-Type");
        self.with_header("Content-Type", mime)
    }

    /// The same with ranges honoured or ignored.
    #[must_use]
    pub fn with_ranges(mut self, ranges: Ranges) -> Self {
        self.ranges = ranges;
        self
    }

    /// The same, held back as a whole until `gate` opens.
    #[must_use]
    pub fn after(mut self, gate: &Gate) -> Self {
        self.gate = Some(gate.clone());
        self
    }

    /// The same, held back as a whole for a time: a distant server.
    #[must_use]
    pub fn with_delay(mut self, delay: Duration) -> Self {
        self.delay = Some(delay);
        self
    }

    /// The same, its body no faster than this: a connection with a narrow place in it. Not for scripts.
    #[must_use]
    pub fn with_bytes_per_second(mut self, rate: NonZeroU32) -> Self {
        self.bytes_per_second = Some(rate);
        self
    }

    /// Head and body as they go on the wire for `request`, for a reply that is no script.
    pub(super) fn serialise(&self, request: &Request, full: &Bytes) -> (String, Bytes) {
        let mut status = self.status;
        let mut headers = self.headers.clone();
        let mut body = full.clone();
        if self.ranges == Ranges::Honoured && status == 200 {
            headers.push(("Accept-Ranges".to_owned(), "bytes".to_owned()));
            match request.header("range").and_then(|range| slice(range, full.len())) {
                Some(Ok((start, end))) => {
                    status = 206;
                    body = full.slice(start..end);
                    let range = format!("bytes {start}-{}/{}", end.saturating_sub(1), full.len());
                    headers.push(("Content-Range".to_owned(), range));
                }
                Some(Err(())) => {
                    status = 416;
                    body = Bytes::new();
                    headers.push(("Content-Range".to_owned(), format!("bytes */{}", full.len())));
                }
                None => {}
            }
        }
        headers.extend(cors(request));
        headers.push(("Content-Length".to_owned(), body.len().to_string()));
        if request.method == "HEAD" {
            body = Bytes::new();
        }
        (head(status, &headers), body)
    }
}

/// A response head: status line, headers, empty line.
#[must_use]
pub(super) fn head(status: u16, headers: &[(String, String)]) -> String {
    let mut text = format!("HTTP/1.1 {status} {}\r\n", reason(status));
    for (name, value) in headers {
        let _ = write!(text, "{name}: {value}\r\n");
    }
    text.push_str("\r\n");
    text
}

/// The headers that let any page read the reply, with its cookies.
pub(super) fn cors(request: &Request) -> Vec<(String, String)> {
    let Some(origin) = request.header("origin") else {
        return Vec::new();
    };
    [
        ("Access-Control-Allow-Origin", origin),
        ("Access-Control-Allow-Credentials", "true"),
        ("Access-Control-Expose-Headers", "Content-Length, Content-Range"),
        ("Vary", "Origin"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec()
}

/// `bytes=a-b` as start and end of a body of `length` bytes: None for what is no single range, Err for one outside.
fn slice(range: &str, length: usize) -> Option<Result<(usize, usize), ()>> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let (start, end) = match (first.parse::<usize>(), last.parse::<usize>()) {
        (Ok(first), Ok(last)) => (first, last.saturating_add(1).min(length)),
        (Ok(first), Err(_)) if last.is_empty() => (first, length),
        (Err(_), Ok(suffix)) if first.is_empty() => (length.saturating_sub(suffix), length),
        _ => return None,
    };
    Some(if start < end { Ok((start, end)) } else { Err(()) })
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        204 => "No Content",
        206 => "Partial Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        408 => "Request Timeout",
        410 => "Gone",
        416 => "Range Not Satisfiable",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        _ => "Status",
    }
}
