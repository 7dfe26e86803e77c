//! What key servers send: the key's bytes, or one of the forms that are known to come instead.

use base64::Engine as _;
use bytes::Bytes;
use weir_core::url::AbsoluteUrl;

use super::{Key, KeyError, KeySize};
use crate::fetch::{FORGIVING_BASE64, is_json, is_web_page};

/// How a key was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyForm {
    /// Its bytes, as RFC 8216 (5.1) wants it.
    Raw,
    /// Its bytes and a line end, which was dropped.
    TrailingLineEnd,
    /// Hexadecimal digits.
    Hexadecimal,
    /// Base64 text.
    Base64,
    /// JSON with the key in a `key` member.
    Json,
}

/// Reads a key server's answer as a key of this size.
///
/// # Errors
/// [`KeyError`] naming `url`, where it came from.
pub fn read(url: &AbsoluteUrl, body: &Bytes, size: KeySize) -> Result<(Key, KeyForm), KeyError> {
    if let Some(raw) = Key::from_bytes(body, size) {
        return Ok((raw, KeyForm::Raw));
    }
    let without_end = body
        .strip_suffix(b"\n")
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    if let Some(raw) = without_end.and_then(|line| Key::from_bytes(line, size)) {
        return Ok((raw, KeyForm::TrailingLineEnd));
    }
    if let Some(found) = std::str::from_utf8(body)
        .ok()
        .and_then(|text| from_text(text, size))
    {
        return Ok(found);
    }
    let url = Box::new(url.clone());
    if is_web_page(body) {
        return Err(KeyError::WebPage { url });
    }
    if is_json(body) {
        let member = serde_json::from_slice::<KeyMember>(body).ok();
        let key = member.and_then(|member| from_text(&member.key, size));
        return key
            .map(|(key, _)| (key, KeyForm::Json))
            .ok_or(KeyError::Json { url });
    }
    Err(KeyError::Length {
        url,
        length: body.len() as u64,
        size,
    })
}

/// `{"key": "..."}`, other members ignored.
#[derive(serde::Deserialize)]
struct KeyMember {
    key: String,
}

/// Hexadecimal digits or base64.
fn from_text(text: &str, size: KeySize) -> Option<(Key, KeyForm)> {
    let text = text.trim();
    if let Some(key) = from_digits(text, size) {
        return Some((key, KeyForm::Hexadecimal));
    }
    let bytes = FORGIVING_BASE64.decode(text).ok()?;
    Some((Key::from_bytes(&bytes, size)?, KeyForm::Base64))
}

/// Exactly the digits of a key of this size, with or without `0x`.
pub(super) fn from_digits(text: &str, size: KeySize) -> Option<Key> {
    let digits = text
        .strip_prefix("0x")
        .or_else(|| text.strip_prefix("0X"))
        .unwrap_or(text);
    Key::from_bytes(&hexadecimal(digits)?, size)
}

/// The bytes that pairs of hexadecimal digits stand for.
pub(super) fn hexadecimal(digits: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs
        .iter()
        .map(|&[high, low]| Some(digit(high)? << 4 | digit(low)?))
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY: [u8; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

    fn check_size(body: &[u8], size: KeySize, key: &[u8]) -> Result<KeyForm, String> {
        let url = AbsoluteUrl::parse("https://keys.test/k?token=s3cret").unwrap();
        match read(&url, &Bytes::copy_from_slice(body), size) {
            Ok((found, form)) => {
                assert_eq!(found.bytes(), key, "{body:?}");
                Ok(form)
            }
            Err(error) => Err(error.to_string().replace("https://keys.test/k?...: ", "")),
        }
    }

    fn check(body: &[u8]) -> Result<KeyForm, String> {
        check_size(body, KeySize::Bits128, &KEY)
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

    /// 32 digits are a key of 128 bits as text, and a key of 256 bits as it is: the method tells which.
    #[test]
    fn the_method_says_how_long_a_key_is() {
        let key = [&KEY[..], &KEY[..]].concat();
        let long = |body: &[u8]| check_size(body, KeySize::Bits256, &key);
        assert_eq!(long(&key), Ok(KeyForm::Raw));
        assert_eq!(long(&[&key[..], b"\n"].concat()), Ok(KeyForm::TrailingLineEnd));
        assert_eq!(
            long("000102030405060708090a0b0c0d0e0f".repeat(2).as_bytes()),
            Ok(KeyForm::Hexadecimal)
        );
        assert_eq!(
            long(b"AAECAwQFBgcICQoLDA0ODwABAgMEBQYHCAkKCwwNDg8="),
            Ok(KeyForm::Base64)
        );
        let digits = b"000102030405060708090a0b0c0d0e0f";
        assert_eq!(check_size(digits, KeySize::Bits256, digits), Ok(KeyForm::Raw));
        assert_eq!(long(&KEY), Err("key is 16 bytes, needs 32".to_owned()));
        assert_eq!(check(&key), Err("key is 32 bytes, needs 16".to_owned()));
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

    proptest! {
        #[test]
        fn any_16_bytes_are_the_key_itself_and_no_body_panics(raw: [u8; 16], body: Vec<u8>) {
            let url = AbsoluteUrl::parse("https://keys.test/k").unwrap();
            let (key, form) = read(&url, &Bytes::copy_from_slice(&raw), KeySize::Bits128).unwrap();
            prop_assert_eq!((key.bytes(), form), (&raw[..], KeyForm::Raw));
            for size in [KeySize::Bits128, KeySize::Bits256] {
                let _ = read(&url, &body.clone().into(), size);
            }
        }
    }
}
