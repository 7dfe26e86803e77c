//! Absolute URLs, how a playlist's references resolve, and how both are shown without their secrets.
//!
//! The parser underneath is the platform's: the `url` crate natively (`native`), the browser's own in wasm
//! (`browser`). Both follow the URL standard; what is kept is the serialised form (`href`), and what Weir refuses is
//! decided here, on that.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::protocol::ErrorCode;

#[cfg(target_family = "wasm")]
mod browser;
mod href;
#[cfg(not(target_family = "wasm"))]
mod native;

#[cfg(target_family = "wasm")]
use self::browser as parser;
use self::href::Href;
#[cfg(not(target_family = "wasm"))]
use self::native as parser;

/// Longest URL that is read, in bytes; Chromium's own limit is 2 MiB, servers stop at 8 to 32 KiB.
pub const MAX_URL_BYTES: usize = 32 * 1024 - 1;

/// Longest `data:` URL that is read, in bytes of its text.
pub const MAX_DATA_URL_BYTES: usize = 1024 * 1024;

/// Why a reference is not a URL that Weir fetches.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// The reference is relative and there is no base to resolve it against.
    #[error("relative URL without a base")]
    Relative,
    /// Another scheme than `http`, `https` or `data`; Windows paths and UNC names count as one.
    #[error("scheme not allowed: {0}")]
    Scheme(String),
    /// `user:password@` in front of the host.
    #[error("credentials in URL")]
    Credentials,
    /// Port 0, or one over 65535.
    #[error("bad port")]
    Port,
    /// Over [`MAX_URL_BYTES`].
    #[error("URL too long: {0} bytes")]
    TooLong(usize),
    /// A `data:` URL over [`MAX_DATA_URL_BYTES`].
    #[error("data: URL too long: {0} bytes")]
    DataTooLong(usize),
    /// CR, LF or another control character inside.
    #[error("control character in URL")]
    ControlCharacter,
    /// Whatever else the WHATWG parser refuses.
    #[error("not a URL: {0}")]
    Invalid(String),
}

impl UrlError {
    /// The code that the user interface translates.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Scheme(_) => ErrorCode::SchemeRefused,
            _ => ErrorCode::BadUrl,
        }
    }
}

/// An absolute `http`, `https` or `data` URL without fragment or credentials.
///
/// `Display` and `Debug` are safe to log: the query, which often carries a token, is left out.
/// [`AbsoluteUrl::as_str`] is the whole text.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(type = "string"))]
pub struct AbsoluteUrl(Href);

/// An address that many references are resolved against, with what most of them are put behind.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Base<'a> {
    url: &'a AbsoluteUrl,
    /// None where no reference is simply put behind something.
    origin_and_folder: Option<(&'a str, &'a str)>,
}

impl<'a> Base<'a> {
    pub(crate) fn of(url: &'a AbsoluteUrl) -> Self {
        Self {
            url,
            origin_and_folder: url.0.origin_and_folder(),
        }
    }

    pub(crate) fn url(self) -> &'a AbsoluteUrl {
        self.url
    }

    /// [`AbsoluteUrl::join`].
    pub(crate) fn join(self, reference: &str) -> Result<AbsoluteUrl, UrlError> {
        // Most references of a long playlist need no parser, and no other look: nothing that is refused is plain. Scheme, user
        // and port are then those of the base.
        if let Some((origin, folder)) = self.origin_and_folder
            && reference.len() <= MAX_URL_BYTES
            && let Some(plain) = Href::join_plain(origin, folder, reference)
        {
            return within_limit(plain);
        }
        resolve(Some(self.url), reference)
    }

    /// True when `url` is surely on the same host: what is known of that need not be asked again.
    pub(crate) fn has_host_of(self, url: &AbsoluteUrl) -> bool {
        let rest = self
            .origin_and_folder
            .and_then(|(origin, _)| url.as_str().strip_prefix(origin));
        rest.is_some_and(|rest| rest.starts_with('/'))
    }
}

/// Where an address is: what decides whether a public page may make Weir go there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressClass {
    /// Routable on the internet.
    Public,
    /// Private, loopback, link-local, unique-local, shared, or otherwise not for public playlists.
    Private,
}

impl AbsoluteUrl {
    /// Reads an absolute URL.
    ///
    /// # Errors
    /// [`UrlError`], [`UrlError::Relative`] for a reference that needs a base.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        resolve(None, text)
    }

    /// Resolves a reference as a browser does, against `self` as the base (RFC 8216, section 2: the
    /// URI of the playlist that contains it; after redirects, the final one).
    ///
    /// # Errors
    /// [`UrlError`] when the result is nothing that Weir fetches.
    pub fn join(&self, reference: &str) -> Result<Self, UrlError> {
        Base::of(self).join(reference)
    }

    /// The whole URL, secrets included: for requests, never for logs.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The scheme: `http`, `https` or `data`.
    #[must_use]
    pub fn scheme(&self) -> &str {
        self.0.scheme()
    }

    /// True for `data:` URLs, which carry their own bytes.
    #[must_use]
    pub fn is_data(&self) -> bool {
        self.0.scheme() == "data"
    }

    /// The host in lower case; None for `data:`.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        self.0.host_str()
    }

    /// `scheme://host:port` as an Origin header writes it; `null` for `data:`.
    #[must_use]
    pub fn origin(&self) -> String {
        match (self.host(), self.0.port()) {
            (Some(host), Some(port)) => format!("{}://{host}:{port}", self.scheme()),
            (Some(host), None) => format!("{}://{host}", self.scheme()),
            (None, _) => "null".to_owned(),
        }
    }

    /// The path as written, percent-encoded; of a `data:` URL its type and data.
    #[must_use]
    pub fn path(&self) -> &str {
        self.0.path()
    }

    /// The query as written, percent-encoded: it may hold a token and is for requests, never for logs.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.0.query()
    }

    /// The last part of the path, as written; empty when the path ends in `/`.
    #[must_use]
    pub fn file_name(&self) -> &str {
        if self.is_data() {
            return "";
        }
        self.path().rsplit('/').next().unwrap_or("")
    }

    /// The class of the host as far as its text tells: an IP literal in any of the forms that the
    /// WHATWG parser folds, `localhost` and what is under it. A name has to be checked again when it
    /// is resolved.
    #[must_use]
    pub fn address_class(&self) -> AddressClass {
        let Some(host) = self.host() else {
            return AddressClass::Public;
        };
        let in_brackets = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        if let Ok(address) = in_brackets.unwrap_or(host).parse() {
            return classify(address);
        }
        let name = host.trim_end_matches('.');
        let last = name.rsplit('.').next().unwrap_or(name);
        if matches!(last, "localhost" | "local") {
            AddressClass::Private
        } else {
            AddressClass::Public
        }
    }

    /// True when going from `self` to `other` gives up the transport's encryption.
    #[must_use]
    pub fn downgrades_to(&self, other: &Self) -> bool {
        self.0.scheme() == "https" && other.0.scheme() == "http"
    }
}

/// Whether an address is one that a public playlist may not reach.
#[must_use]
pub fn classify(address: IpAddr) -> AddressClass {
    let private = match address {
        IpAddr::V4(v4) => is_private_v4(v4),
        IpAddr::V6(v6) => is_private_v6(v6),
    };
    if private {
        AddressClass::Private
    } else {
        AddressClass::Public
    }
}

fn is_private_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_broadcast()
        || address.is_multicast()
        || address.is_documentation()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b)) // RFC 6598, shared address space
        || (a == 198 && (18..20).contains(&b)) // RFC 2544, benchmarking
        || (a == 192 && b == 0 && c == 0) // RFC 6890, protocol assignments
}

fn is_private_v6(address: Ipv6Addr) -> bool {
    let embedded = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        is_private_v4(Ipv4Addr::new(a, b, c, d))
    };
    match address.segments() {
        // Mapped, compatible (which holds :: and ::1 too), translated, NAT64 and 6to4 forms are as private as
        // the IPv4 address inside.
        [0, 0, 0, 0, 0, 0xffff | 0, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => embedded(high, low),
        // Documentation, local NAT64 (RFC 8215), discard-only (RFC 6666).
        [0x2001, 0xdb8, ..] | [0x64, 0xff9b, 1, ..] | [0x100, 0, 0, 0, ..] => true,
        [first, ..] => {
            (first & 0xfe00) == 0xfc00 // unique local
                || (first & 0xffc0) == 0xfe80 // link-local
                || (first & 0xffc0) == 0xfec0 // site-local, deprecated
                || (first & 0xff00) == 0xff00 // multicast
        }
    }
}

fn resolve(base: Option<&AbsoluteUrl>, reference: &str) -> Result<AbsoluteUrl, UrlError> {
    if let Some(url) = Href::as_written(reference) {
        return within_limit(url);
    }
    let reference = reference.trim_matches([' ', '\t']);
    let is_data = reference
        .get(..5)
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case("data:"));
    if is_data && reference.len() > MAX_DATA_URL_BYTES {
        return Err(UrlError::DataTooLong(reference.len()));
    }
    if !is_data && reference.len() > MAX_URL_BYTES {
        return Err(UrlError::TooLong(reference.len()));
    }
    let is_control = |byte: u8| byte < b' ' || byte == 0x7f;
    if reference.bytes().any(is_control) || (!reference.is_ascii() && reference.chars().any(char::is_control))
    {
        return Err(UrlError::ControlCharacter);
    }
    // Before the URL parser: it would turn `\\srv\x` into `https://srv/x` and read `C:` as a scheme.
    if reference.starts_with("\\\\") || reference.starts_with("/\\") || reference.starts_with("\\/") {
        return Err(UrlError::Scheme("UNC path".to_owned()));
    }
    if !has_scheme(reference) {
        match base {
            None => return Err(UrlError::Relative),
            Some(base) if base.is_data() => {
                return Err(UrlError::Invalid(
                    "a data: playlist cannot hold relative URLs".to_owned(),
                ));
            }
            Some(_) => {}
        }
    }
    let base = base.map(|base| &base.0);
    let url = parser::parse(base, reference)?;
    if !matches!(url.scheme(), "http" | "https" | "data") {
        return Err(UrlError::Scheme(url.scheme().to_owned()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(UrlError::Credentials);
    }
    if url.port() == Some(0) {
        return Err(UrlError::Port);
    }
    within_limit(url)
}

/// Refuses what has become too long when it was resolved; what a `data:` URL may be was looked at before.
fn within_limit(url: Href) -> Result<AbsoluteUrl, UrlError> {
    let bytes = url.as_str().len();
    if bytes > MAX_URL_BYTES && url.scheme() != "data" {
        return Err(UrlError::TooLong(bytes));
    }
    Ok(AbsoluteUrl(url))
}

/// True when the reference begins as an absolute URL does (RFC 3986, 3.1).
fn has_scheme(reference: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    reference.split_once(':').is_some_and(|(scheme, _)| {
        scheme.starts_with(|first: char| first.is_ascii_alphabetic()) && scheme.bytes().all(allowed)
    })
}

impl fmt::Display for AbsoluteUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_data() {
            return f.write_str("data:...");
        }
        f.write_str(&self.origin())?;
        f.write_str(self.path())?;
        if self.query().is_some() {
            f.write_str("?...")
        } else {
            Ok(())
        }
    }
}

impl fmt::Debug for AbsoluteUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{self}>")
    }
}

impl Serialize for AbsoluteUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for AbsoluteUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}
