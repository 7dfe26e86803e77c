//! GETs of playlists, keys, maps and segments: bounded, retried, checked at every hop.
//!
//! [`Client::get`] fetches one resource, [`ordered`] many of them in order. Inside, from the outside in:
//! `client` (tries, which `budget` paces) -> `attempt` (one try, its redirects) -> `body` (deadlines, limits) -> `check` (is
//! this what was asked for?), with the rules of who may be asked for what in `address`, `headers` and
//! `cookies`.

mod address;
mod attempt;
mod body;
mod budget;
mod buffer;
mod check;
mod client;
mod cookies;
mod data_url;
mod error;
mod failure;
mod headers;
mod hosts;
mod load;
mod meter;
mod network;
mod ordered;
mod pause;
mod retry;
mod slot;
mod spare;
mod throttle;
mod token;
mod tuning;

use std::sync::Arc;

use bytes::Bytes;
use weir_core::protocol::{ByteRange, RequestContext};
use weir_core::url::AbsoluteUrl;

pub(crate) use check::{is_json, is_web_page};
pub use client::Client;
pub(crate) use data_url::FORGIVING_BASE64;
pub use error::{FetchError, NetworkFault, ResponseFault};
pub use meter::Meter;
pub use network::Network;
pub use ordered::{Ordered, Window, ordered};
pub use retry::Retries;
pub use spare::Spare;
pub use throttle::BytesPerSecond;
pub use tuning::{Deadlines, Limits, Tuning};

/// What the fuzz target of cookies reaches.
#[cfg(fuzzing)]
#[derive(Debug)]
pub struct CookieJar(cookies::Cookies);

#[cfg(fuzzing)]
impl CookieJar {
    /// With the cookies of a job's context.
    #[must_use]
    pub fn new(cookies: &[weir_core::protocol::Cookie]) -> Self {
        Self(cookies::Cookies::new(cookies))
    }

    /// The `Cookie` header for a URL.
    #[must_use]
    pub fn header_for(&self, url: &AbsoluteUrl) -> Option<reqwest::header::HeaderValue> {
        self.0.header_for(url)
    }

    /// Takes what a server sets.
    pub fn store(&self, url: &AbsoluteUrl, headers: &reqwest::header::HeaderMap) {
        self.0.store(url, headers);
    }
}

/// One thing to fetch.
#[derive(Debug, Clone, PartialEq)]
pub struct Resource {
    /// Where it is; `data:` URLs are decoded without the network.
    pub url: AbsoluteUrl,
    /// The part of it, None for all.
    pub range: Option<ByteRange>,
    /// What it is: decides its size limit and how its errors read.
    pub kind: ResourceKind,
}

/// What a resource is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ResourceKind {
    /// Text, at most 16 MiB.
    Playlist,
    /// 16 bytes, read up to 64 KiB.
    Key,
    /// A media initialization section.
    Map,
    /// A media segment.
    Segment,
    /// A file of a batch, such as an image.
    File,
}

/// A resource's bytes, complete and checked against what the server announced.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// The body, or the asked part of it.
    pub bytes: Bytes,
    /// Where it came from after redirects: the base for what a playlist refers to.
    pub final_url: AbsoluteUrl,
    /// `Content-Type` as sent.
    pub content_type: Option<String>,
    /// Tries beyond the first.
    pub retries: u32,
    /// The server said how long the body is, or marked its end. False: it ended with the connection, whose loss looks
    /// the same (RFC 9112, 8).
    pub delimited: bool,
}

/// How to ask, and where not to go.
#[derive(Debug, Clone)]
pub struct ClientOptions {
    /// Headers and cookies.
    pub context: RequestContext,
    /// Where the playlist came from: when this is a private address, private addresses of the same host are allowed.
    pub source: AbsoluteUrl,
    /// `--allow-private`.
    pub private_addresses: Permission,
    /// `--allow-downgrade`.
    pub downgrades: Permission,
    /// `--proxy`.
    pub proxy: Option<String>,
    /// What it shares with other clients, `--limit-rate` included.
    pub network: Arc<Network>,
}

/// A named yes or no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Permission {
    /// Yes.
    Allowed,
    /// No.
    #[default]
    Refused,
}

impl std::fmt::Display for ResourceKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Playlist => "playlist",
            Self::Key => "key",
            Self::Map => "media initialization section",
            Self::Segment => "segment",
            Self::File => "file",
        })
    }
}
