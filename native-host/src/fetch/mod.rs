//! GETs of playlists, keys, maps and segments: bounded, retried, checked at every hop.

use bytes::Bytes;
use weir_core::protocol::{ByteRange, ErrorCode, RequestContext};
use weir_core::url::AbsoluteUrl;

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

/// An HTTP client with one job's context. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Client {}

/// Why a resource could not be had.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// A status that is no success.
    #[error("{url}: the server answered {status}")]
    Status {
        /// What was asked for.
        url: AbsoluteUrl,
        /// The HTTP status.
        status: u16,
    },
}

impl FetchError {
    /// The code that the user interface translates.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Status { .. } => ErrorCode::HttpStatus,
        }
    }
}

impl Client {
    /// A client for one job.
    ///
    /// # Errors
    /// A header that is not sent on, a proxy that cannot be read.
    pub fn new(options: &ClientOptions) -> Result<Self, FetchError> {
        let _ = options;
        Ok(Self {})
    }

    /// Fetches one resource: retries, redirects, limits and checks included.
    ///
    /// # Errors
    /// [`FetchError`] when it cannot be had.
    pub async fn get(&self, resource: &Resource) -> Result<Fetched, FetchError> {
        std::future::ready(Err(FetchError::Status { url: resource.url.clone(), status: 501 })).await
    }
}
