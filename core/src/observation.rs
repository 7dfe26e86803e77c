//! One request that the browser was seen to make, as evidence of a playlist.

use crate::url::AbsoluteUrl;

/// What is known of one request. Every field but the URL may be missing: `webRequest` knows the
/// content type and not the body, the page hook knows the body and maybe nothing else.
#[derive(Debug, Clone)]
pub struct Observation<'a> {
    /// The URL that answered, after redirects.
    pub url: AbsoluteUrl,
    /// The HTTP status, when it was seen.
    pub status: Option<u16>,
    /// The `Content-Type` as sent, parameters included.
    pub content_type: Option<&'a str>,
    /// The beginning of the body or all of it, when it was seen.
    pub body: Option<&'a [u8]>,
}
