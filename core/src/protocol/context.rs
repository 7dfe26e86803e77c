//! What the browser sent along with its own requests, so that the host asks as the page did.
//! It lives in memory only and is never written to disk or to a log.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::url::AbsoluteUrl;

/// Text that must not reach a log: `Debug` hides it.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself: for the request, never for a log.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} bytes>", self.0.len())
    }
}

/// The page's way of asking: its headers and the cookies of every host in the plan.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RequestContext {
    /// Headers of the page's own playlist request that the host repeats: `User-Agent`, `Referer`, `Origin`,
    /// `Authorization`, custom ones. `Cookie`, `Host`, `Range` and hop-by-hop headers are refused.
    #[serde(default)]
    pub headers: Vec<Header>,
    /// Cookies that the browser holds for the hosts of the plan. The host picks per URL (RFC 6265).
    #[serde(default)]
    pub cookies: Vec<Cookie>,
    /// The page (frame) that asked.
    #[serde(default)]
    pub page: Option<AbsoluteUrl>,
}

/// One request header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Header {
    /// The field name, in any case.
    pub name: String,
    /// The field value.
    pub value: Secret,
}

/// One cookie, with what RFC 6265 needs to know where it may go (the shape of `chrome.cookies.Cookie`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Cookie {
    /// The cookie's name.
    pub name: String,
    /// The cookie's value.
    pub value: Secret,
    /// The domain, without a leading dot.
    pub domain: String,
    /// True when only exactly `domain` gets it, false when its subdomains do too.
    pub host_only: bool,
    /// The path it is for.
    pub path: String,
    /// Only over https.
    pub secure: bool,
    /// When it expires, in seconds since 1970; null for a session cookie.
    #[serde(default)]
    pub expires_epoch_seconds: Option<f64>,
}
