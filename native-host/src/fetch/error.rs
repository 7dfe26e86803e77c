//! Why a resource could not be had: what, where, whose fault, and what to do next.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use weir_core::protocol::{ByteRange, ErrorCode};
use weir_core::url::{AbsoluteUrl, UrlError};

use super::ResourceKind;

/// Why a resource could not be had. URLs are shown without their query, which often is a secret.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// A header of the context holds what no header may hold.
    #[error("bad header: {name}: {reason}")]
    BadHeader {
        /// Its name, escaped.
        name: String,
        /// The rule that it breaks.
        reason: &'static str,
    },
    /// A header that Weir sets itself, or that belongs to the connection.
    #[error("header not allowed: {name}")]
    HeaderNotAllowed {
        /// Its name.
        name: String,
    },
    /// The proxy's URL is none, or of a kind that is not spoken.
    #[error("the proxy cannot be used: {0}; give it as http://, https:// or socks5://host:port")]
    BadProxy(String),
    /// No HTTP client can be made on this machine.
    #[error(
        "cannot set up TLS on this machine: {0}; are certificate authorities (ca-certificates) installed?"
    )]
    Setup(String),
    /// A `data:` URL that is not one.
    #[error("{url}: {reason}")]
    BadDataUrl {
        /// The URL.
        url: Box<AbsoluteUrl>,
        /// What is wrong.
        reason: &'static str,
    },
    /// A private address, asked for by something public.
    #[error(
        "{url}: private address{}: {source_url} may not send Weir there; allow it (--allow-private) if the network is yours",
        .address.map(|address| format!(" ({address})")).unwrap_or_default()
    )]
    PrivateAddress {
        /// What was asked for.
        url: Box<AbsoluteUrl>,
        /// What its name resolved to, when its text did not say.
        address: Option<IpAddr>,
        /// Where the playlist came from.
        source_url: Box<AbsoluteUrl>,
    },
    /// http under https.
    #[error(
        "{url}: insecure downgrade: {from} is https and this is not; allow it (--allow-downgrade) if you must"
    )]
    Downgrade {
        /// What was asked for.
        url: Box<AbsoluteUrl>,
        /// Where it was named.
        from: Box<AbsoluteUrl>,
    },
    /// A redirect to what is no URL that Weir fetches.
    #[error("{}: redirected to where Weir does not go: {error}", Hops(.hops))]
    BadRedirect {
        /// The URLs on the way, the redirecting one last.
        hops: Vec<AbsoluteUrl>,
        /// What is wrong with the target.
        error: UrlError,
    },
    /// More redirects than a browser follows patiently.
    #[error("{}: redirected too often: the server sends Weir in a circle", Hops(.hops))]
    TooManyRedirects {
        /// The URLs on the way.
        hops: Vec<AbsoluteUrl>,
    },
    /// A status that is no success.
    #[error("{url}: the server answered {status}{}", status_advice(*.status))]
    Status {
        /// What was asked for, after redirects.
        url: Box<AbsoluteUrl>,
        /// The HTTP status.
        status: u16,
    },
    /// The name has no address.
    #[error("{url}: {host} cannot be found ({reason}): check the name and the network")]
    Dns {
        /// What was asked for.
        url: Box<AbsoluteUrl>,
        /// The name.
        host: String,
        /// What the resolver said.
        reason: String,
    },
    /// No trustworthy connection.
    #[error("{url}: no secure connection: {reason}")]
    Tls {
        /// What was asked for.
        url: Box<AbsoluteUrl>,
        /// Which check failed.
        reason: String,
    },
    /// No connection, or it broke, or it was too slow.
    #[error("{url}: {fault}")]
    Network {
        /// What was asked for, after redirects.
        url: Box<AbsoluteUrl>,
        /// What happened.
        fault: NetworkFault,
    },
    /// An answer that is not what was asked for.
    #[error("{url}: {fault}")]
    Response {
        /// What was asked for, after redirects.
        url: Box<AbsoluteUrl>,
        /// What is wrong.
        fault: ResponseFault,
    },
    /// The last of several tries failed.
    #[error("{last} (tried {tries} times)")]
    GaveUp {
        /// How many tries, two at least.
        tries: u32,
        /// Why the last one failed; never a `GaveUp` itself.
        last: Box<FetchError>,
    },
    /// A task that died: a bug.
    #[error("{url}: fetching it stopped unexpectedly: please report this")]
    Internal {
        /// What was asked for.
        url: Box<AbsoluteUrl>,
    },
}

/// What happened on the way.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkFault {
    /// Nobody listens, or no way there.
    #[error("no connection: {0}")]
    Connect(String),
    /// Nobody answered in time.
    #[error("no connection within {}", Seconds(*.0))]
    ConnectTimeout(Duration),
    /// Connected, and then no answer.
    #[error("no answer within {}", Seconds(*.0))]
    HeadersTimeout(Duration),
    /// Broken off before or in the body.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// Nothing more came.
    #[error("the server stopped sending for {}", Seconds(*.0))]
    Stalled(Duration),
    /// Hardly anything came.
    #[error("too slow: {bytes} bytes in {}", Seconds(*.window))]
    TooSlow {
        /// What came.
        bytes: u64,
        /// In this time.
        window: Duration,
    },
}

/// What is wrong with an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResponseFault {
    /// Over the limit of its kind.
    #[error("the {kind} is too large: {} bytes, the limit is {limit}", AtLeast(*.announced, *.limit))]
    TooLarge {
        /// What it was to be.
        kind: ResourceKind,
        /// The limit, in bytes.
        limit: u64,
        /// What the server announced, in bytes, when it did.
        announced: Option<u64>,
    },
    /// A body that ends before or after what was announced.
    #[error("the body has {got} bytes, {expected} were announced")]
    Length {
        /// Announced.
        expected: u64,
        /// Got.
        got: u64,
    },
    /// No body at all where media was due.
    #[error("the {0} is empty")]
    Empty(ResourceKind),
    /// 206 with another part than the one asked for.
    #[error("asked for bytes {}, got {got}", Span(*.asked))]
    WrongRange {
        /// Asked.
        asked: ByteRange,
        /// `Content-Range` as sent, escaped.
        got: String,
    },
    /// 206 where no part was asked for.
    #[error("got a part ({0}) of what was asked for as a whole")]
    UnaskedRange(String),
    /// 200, and too short for the part.
    #[error("asked for bytes {}, the server sent the whole, which has only {length}", Span(*.asked))]
    RangeBeyondEnd {
        /// Asked.
        asked: ByteRange,
        /// The whole, in bytes.
        length: u64,
    },
    /// 200, and the part is so far in that the bytes before it are over the limit.
    #[error("asked for bytes {}, the server only sends the whole, which is too much to read", Span(*.0))]
    RangeIgnored(ByteRange),
    /// 416.
    #[error("the server does not have bytes {} (416): has the file changed since the playlist?", Span(*.0))]
    NotSatisfiable(ByteRange),
    /// HTML.
    #[error(
        "got a web page (login or captcha?) instead of the {0}: open the page in the browser and try again"
    )]
    WebPage(ResourceKind),
    /// JSON.
    #[error("got JSON (an error message?) instead of the {0}: open the page in the browser and try again")]
    Json(ResourceKind),
    /// Compressed, and not right.
    #[error("the compressed body cannot be decoded: {0}")]
    Encoding(String),
    /// No HTTP.
    #[error("the server does not speak HTTP properly: {0}")]
    NotHttp(String),
}

impl FetchError {
    /// The code that the user interface translates.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::BadHeader { .. } | Self::HeaderNotAllowed { .. } => ErrorCode::BadHeader,
            Self::BadProxy(_) => ErrorCode::Usage,
            Self::Setup(_) | Self::Tls { .. } => ErrorCode::Tls,
            Self::BadDataUrl { .. } => ErrorCode::BadUrl,
            Self::PrivateAddress { .. } => ErrorCode::PrivateAddress,
            Self::Downgrade { .. } => ErrorCode::InsecureDowngrade,
            Self::BadRedirect {
                error: UrlError::Scheme(_),
                ..
            } => ErrorCode::SchemeRefused,
            Self::BadRedirect { .. } | Self::TooManyRedirects { .. } => ErrorCode::Redirect,
            Self::Status { .. } => ErrorCode::HttpStatus,
            Self::Dns { .. } => ErrorCode::Dns,
            Self::Network { .. } => ErrorCode::Network,
            Self::Response { .. } => ErrorCode::BadResponse,
            Self::GaveUp { last, .. } => last.code(),
            Self::Internal { .. } => ErrorCode::Internal,
        }
    }

    /// The failure itself, without how often it was tried.
    #[must_use]
    pub fn cause(&self) -> &Self {
        match self {
            Self::GaveUp { last, .. } => last,
            other => other,
        }
    }

    /// The HTTP status, when that was the failure.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self.cause() {
            Self::Status { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// 403 or 410: what a link is answered with that has expired. It may never have been good, too.
    #[must_use]
    pub fn is_expired_link(&self) -> bool {
        matches!(self.status(), Some(403 | 410))
    }

    /// What is wrong with the answer, when that was the failure.
    #[must_use]
    pub fn response_fault(&self) -> Option<&ResponseFault> {
        match self.cause() {
            Self::Response { fault, .. } => Some(fault),
            _ => None,
        }
    }
}

fn status_advice(status: u16) -> &'static str {
    match status {
        401 => ": it wants a login: log in on the page and try again",
        403 => ": it refuses: the link may have expired, reopen the page and try again",
        404 | 410 => ": it is not there any more",
        429 => ": too many requests: try again later, with lower concurrency",
        500.. => ": its own fault: try again later",
        _ => "",
    }
}

/// `a -> b -> c`.
struct Hops<'a>(&'a [AbsoluteUrl]);

impl fmt::Display for Hops<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, hop) in self.0.iter().enumerate() {
            let arrow = if index == 0 { "" } else { " -> " };
            write!(f, "{arrow}{hop}")?;
        }
        Ok(())
    }
}

/// `10 s`, `250 ms`.
struct Seconds(Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < Duration::from_secs(1) {
            write!(f, "{} ms", self.0.as_millis())
        } else {
            write!(f, "{} s", self.0.as_secs())
        }
    }
}

/// `first-last`, both included, as HTTP writes it.
struct Span(ByteRange);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.0.offset(), self.0.end().saturating_sub(1))
    }
}

/// A length that is known, or known to be over a limit.
struct AtLeast(Option<u64>, u64);

impl fmt::Display for AtLeast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(length) => write!(f, "{length}"),
            None => write!(f, "more than {}", self.1),
        }
    }
}
