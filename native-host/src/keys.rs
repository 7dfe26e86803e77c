//! Decryption keys: each URL asked once, every known form of a key understood.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use bytes::Bytes;
use tokio::sync::OnceCell;
use weir_core::protocol::ErrorCode;
use weir_core::url::AbsoluteUrl;

use crate::fetch::{
    Client, FORGIVING_BASE64, FetchError, Resource, ResourceKind, ResponseFault, is_json, is_web_page,
};

/// An AES-128 key. `Debug` hides it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Key([u8; 16]);

/// How a server wrote a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyForm {
    /// 16 bytes, as RFC 8216 (5.1) wants it.
    Raw,
    /// 16 bytes and a line end, which was dropped.
    TrailingLineEnd,
    /// 32 hexadecimal digits.
    Hexadecimal,
    /// Base64 text.
    Base64,
    /// JSON with the key in a `key` member.
    Json,
}

/// Why a key could not be had.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Another length than 16, and no text form of 16 bytes either.
    #[error("{url}: key is {length} bytes, needs 16")]
    Length {
        /// Where the key was asked for.
        url: Box<AbsoluteUrl>,
        /// Its length, in bytes.
        length: u64,
    },
    /// So long that its end was not waited for.
    #[error("{url}: key is more than {limit} bytes, needs 16")]
    TooLong {
        /// Where the key was asked for.
        url: Box<AbsoluteUrl>,
        /// How much was read, in bytes.
        limit: u64,
    },
    /// HTML.
    #[error("{url}: the key server sent a web page: log in on the page and try again")]
    WebPage {
        /// Where the key was asked for.
        url: Box<AbsoluteUrl>,
    },
    /// JSON without a key in it.
    #[error("{url}: the key server sent JSON without a key in it: log in on the page and try again")]
    Json {
        /// Where the key was asked for.
        url: Box<AbsoluteUrl>,
    },
    /// 401 or 403.
    #[error("{url}: key refused ({status}): log in on the page, or reopen it for a fresh link")]
    Refused {
        /// Where the key was asked for.
        url: Box<AbsoluteUrl>,
        /// The HTTP status.
        status: u16,
    },
    /// Everything else.
    #[error("cannot get the key: {0}")]
    Fetch(#[source] FetchError),
}

/// The keys of one job. Each URL is asked once, however many segments want it at the same time; a key
/// that could not be had stays so for the job. Cheap to clone; clones share the keys.
#[derive(Debug, Clone)]
pub struct KeyCache {
    client: Client,
    entries: Arc<Mutex<HashMap<AbsoluteUrl, Arc<Entry>>>>,
}

type Entry = OnceCell<Result<Key, KeyError>>;

impl Key {
    /// A key that is known already.
    #[must_use]
    pub fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The key itself: for the cipher, never for a log.
    #[must_use]
    pub fn bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(<16 bytes>)")
    }
}

impl KeyError {
    /// The code that the user interface translates. What was not allowed to be fetched keeps its own.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Fetch(error) => match error.code() {
                ErrorCode::HttpStatus | ErrorCode::BadResponse => ErrorCode::BadKey,
                other => other,
            },
            _ => ErrorCode::BadKey,
        }
    }
}

impl KeyCache {
    /// An empty cache that asks through `client`.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self {
            client,
            entries: Arc::default(),
        }
    }

    /// The key at `url`.
    ///
    /// # Errors
    /// [`KeyError`]; the same one again when the same key is asked for again.
    pub async fn get(&self, url: &AbsoluteUrl) -> Result<Key, KeyError> {
        let entry = {
            let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(entries.entry(url.clone()).or_default())
        };
        // When the caller that asks is cancelled, one of those that wait asks in its place.
        entry.get_or_init(|| self.fetch(url)).await.clone()
    }

    async fn fetch(&self, url: &AbsoluteUrl) -> Result<Key, KeyError> {
        let resource = Resource {
            url: url.clone(),
            range: None,
            kind: ResourceKind::Key,
        };
        let body = self
            .client
            .get(&resource)
            .await
            .map_err(|error| refine(url, error))?
            .bytes;
        let (key, form) = read(url, &body)?;
        if form != KeyForm::Raw {
            tracing::info!(%url, ?form, "the key is not written as 16 bytes; it was decoded");
        }
        Ok(key)
    }
}

/// Says of some failures what they mean for a key.
fn refine(url: &AbsoluteUrl, error: FetchError) -> KeyError {
    let url = Box::new(url.clone());
    match (error.status(), error.response_fault()) {
        (Some(status @ (401 | 403)), _) => KeyError::Refused { url, status },
        (
            _,
            Some(ResponseFault::TooLarge {
                announced: Some(length),
                ..
            }),
        ) => KeyError::Length { url, length: *length },
        (_, Some(ResponseFault::TooLarge { limit, .. })) => KeyError::TooLong { url, limit: *limit },
        _ => KeyError::Fetch(error),
    }
}

/// Reads a key server's answer: 16 bytes, or one of the forms that servers are known to send instead.
///
/// # Errors
/// [`KeyError`] naming `url`, where it came from.
pub fn read(url: &AbsoluteUrl, body: &Bytes) -> Result<(Key, KeyForm), KeyError> {
    if let Ok(raw) = <[u8; 16]>::try_from(&body[..]) {
        return Ok((Key(raw), KeyForm::Raw));
    }
    let without_end = body
        .strip_suffix(b"\n")
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    if let Some(raw) = without_end.and_then(|line| <[u8; 16]>::try_from(line).ok()) {
        return Ok((Key(raw), KeyForm::TrailingLineEnd));
    }
    if let Some(found) = std::str::from_utf8(body).ok().and_then(from_text) {
        return Ok(found);
    }
    let url = Box::new(url.clone());
    if is_web_page(body) {
        return Err(KeyError::WebPage { url });
    }
    if is_json(body) {
        let member = serde_json::from_slice::<KeyMember>(body).ok();
        let key = member.and_then(|member| from_text(&member.key));
        return key
            .map(|(key, _)| (key, KeyForm::Json))
            .ok_or(KeyError::Json { url });
    }
    Err(KeyError::Length {
        url,
        length: body.len() as u64,
    })
}

/// `{"key": "..."}`, other members ignored.
#[derive(serde::Deserialize)]
struct KeyMember {
    key: String,
}

/// 32 hexadecimal digits, or base64 of 16 bytes.
fn from_text(text: &str) -> Option<(Key, KeyForm)> {
    let text = text.trim();
    let digits = text
        .strip_prefix("0x")
        .or_else(|| text.strip_prefix("0X"))
        .unwrap_or(text);
    if digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let value = u128::from_str_radix(digits, 16).ok()?;
        return Some((Key(value.to_be_bytes()), KeyForm::Hexadecimal));
    }
    let bytes = FORGIVING_BASE64.decode(text).ok()?;
    Some((Key(bytes.try_into().ok()?), KeyForm::Base64))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY: [u8; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

    fn check(body: &[u8]) -> Result<KeyForm, String> {
        let url = AbsoluteUrl::parse("https://keys.test/k?token=s3cret").unwrap();
        match read(&url, &Bytes::copy_from_slice(body)) {
            Ok((key, form)) => {
                assert_eq!(key.bytes(), &KEY, "{body:?}");
                Ok(form)
            }
            Err(error) => Err(error.to_string().replace("https://keys.test/k?...: ", "")),
        }
    }

    #[test]
    fn reads_every_known_form() {
        assert_eq!(check(&KEY), Ok(KeyForm::Raw));
        assert_eq!(check(&[&KEY[..], b"\n"].concat()), Ok(KeyForm::TrailingLineEnd));
        assert_eq!(check(&[&KEY[..], b"\r\n"].concat()), Ok(KeyForm::TrailingLineEnd));
        assert_eq!(
            check(b"000102030405060708090a0b0c0d0e0f"),
            Ok(KeyForm::Hexadecimal)
        );
        assert_eq!(
            check(b"0x000102030405060708090A0B0C0D0E0F\n"),
            Ok(KeyForm::Hexadecimal)
        );
        assert_eq!(check(b"AAECAwQFBgcICQoLDA0ODw=="), Ok(KeyForm::Base64));
        assert_eq!(check(b"AAECAwQFBgcICQoLDA0ODw\r\n"), Ok(KeyForm::Base64));
        assert_eq!(
            check(br#"{"key": "AAECAwQFBgcICQoLDA0ODw==", "expires": 1}"#),
            Ok(KeyForm::Json)
        );
        assert_eq!(
            check(br#"{"key":"000102030405060708090a0b0c0d0e0f"}"#),
            Ok(KeyForm::Json)
        );
    }

    #[test]
    fn says_what_is_no_key() {
        let length = |bytes: usize| Err(format!("key is {bytes} bytes, needs 16"));
        assert_eq!(check(b""), length(0));
        assert_eq!(check(&[7; 15]), length(15));
        assert_eq!(check(&[7; 17]), length(17));
        assert_eq!(check(b"Forbidden"), length(9));
        assert_eq!(check(&[&[7; 16][..], b"\n\n"].concat()), length(18));
        assert_eq!(check(b"AAECAwQFBgcICQoLDA0OD"), length(21));
        let advice = ": log in on the page and try again";
        assert_eq!(
            check(b"<!DOCTYPE html><p>Login"),
            Err(format!("the key server sent a web page{advice}"))
        );
        let json = Err(format!("the key server sent JSON without a key in it{advice}"));
        assert_eq!(check(br#"{"error": "no session"}"#), json);
        assert_eq!(check(br#"{"key": "too short"}"#), json);
    }

    #[test]
    fn debug_hides_the_key() {
        assert_eq!(format!("{:?}", Key::new([0x41; 16])), "Key(<16 bytes>)");
    }

    proptest! {
        #[test]
        fn any_16_bytes_are_the_key_itself_and_no_body_panics(raw: [u8; 16], body: Vec<u8>) {
            let url = AbsoluteUrl::parse("https://keys.test/k").unwrap();
            let (key, form) = read(&url, &Bytes::copy_from_slice(&raw)).unwrap();
            prop_assert_eq!((key.bytes(), form), (&raw, KeyForm::Raw));
            let _ = read(&url, &body.into());
        }
    }
}
