//! `data:` URLs (RFC 2397, as the Fetch standard reads them), without the network.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use weir_core::url::AbsoluteUrl;

use super::FetchError;

/// The "forgiving base64" of the web: padding may be missing.
pub(crate) const FORGIVING_BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The type and the bytes that a `data:` URL carries.
pub(super) fn decode(url: &AbsoluteUrl) -> Result<(String, Bytes), FetchError> {
    let bad = |reason| FetchError::BadDataUrl {
        url: Box::new(url.clone()),
        reason,
    };
    let text = url
        .as_str()
        .strip_prefix("data:")
        .ok_or_else(|| bad("not a data: URL"))?;
    let (head, body) = text
        .split_once(',')
        .ok_or_else(|| bad("a data: URL without a comma"))?;
    let body = percent_decode(body);
    let (mime, bytes) = match strip_base64(head) {
        Some(mime) => {
            let digits: Vec<u8> = body
                .into_iter()
                .filter(|byte| !byte.is_ascii_whitespace())
                .collect();
            let bytes = FORGIVING_BASE64
                .decode(digits)
                .map_err(|_| bad("a data: URL with bad base64"))?;
            (mime, bytes)
        }
        None => (head, body),
    };
    let mime = if mime.is_empty() {
        "text/plain;charset=US-ASCII"
    } else {
        mime
    };
    Ok((mime.to_owned(), bytes.into()))
}

/// The part before `;base64`, when that is how the head ends.
fn strip_base64(head: &str) -> Option<&str> {
    let (mime, last) = head.rsplit_once(';')?;
    last.trim()
        .eq_ignore_ascii_case("base64")
        .then(|| mime.trim_end())
}

/// `%41` -> `A`; a percent sign that starts no such triple stays (WHATWG URL, percent-decode).
fn percent_decode(text: &str) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = match rest {
            [b'%', high, low, tail @ ..] => digit(*high).zip(digit(*low)).map(|digits| (digits, tail)),
            _ => None,
        };
        let (byte, tail) = match escaped {
            Some(((high, low), tail)) => (high << 4 | low, tail),
            None => (*first, tail),
        };
        decoded.push(byte);
        rest = tail;
    }
    decoded
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expected: Result<(&str, &[u8]), &str>) {
        let decoded = decode(&AbsoluteUrl::parse(text).unwrap());
        match (decoded, expected) {
            (Ok((mime, bytes)), Ok((expected_mime, expected_bytes))) => {
                assert_eq!(
                    (mime.as_str(), &bytes[..]),
                    (expected_mime, expected_bytes),
                    "{text}"
                );
            }
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{text}: {error}"),
            (got, _) => panic!("{text}: {got:?}"),
        }
    }

    #[test]
    fn decodes_percent_and_base64() {
        check(
            "data:,a%20b%00%zz%4",
            Ok(("text/plain;charset=US-ASCII", b"a b\0%zz%4")),
        );
        check("data:application/octet-stream;base64,AAECAwQFBgcICQoLDA0ODw==", {
            Ok((
                "application/octet-stream",
                &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
            ))
        });
        check(
            "data:text/plain;charset=utf-8;BASE64 ,aGk",
            Ok(("text/plain;charset=utf-8", b"hi")),
        );
        check(
            "data:;base64,aG%6B%3D",
            Ok(("text/plain;charset=US-ASCII", b"hi")),
        );
        check("data:base64,aGk=", Ok(("base64", b"aGk=")));
        check("data:;base64,a!", Err("bad base64"));
        check("data:text/plain", Err("without a comma"));
    }

    proptest! {
        #[test]
        fn any_bytes_come_back(bytes: Vec<u8>) {
            let escaped = bytes.iter().fold(String::new(), |text, byte| text + &format!("%{byte:02x}"));
            let base64 = FORGIVING_BASE64.encode(&bytes);
            for text in [format!("data:,{escaped}"), format!("data:;base64,{base64}")] {
                prop_assert_eq!(&decode(&AbsoluteUrl::parse(&text).unwrap()).unwrap().1[..], &bytes[..]);
            }
        }

        #[test]
        fn no_text_panics(text in "[ -~]*") {
            if let Ok(url) = AbsoluteUrl::parse(&format!("data:{text}")) {
                let _ = decode(&url);
            }
        }
    }
}
