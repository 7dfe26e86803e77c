//! Stands in for the `idna` crate below `url` and `cookie_store`: host names in ASCII, and nothing else.
//!
//! Unicode's tables are larger than the wasm module's whole budget, so they were left out from the start
//! (`idna_adapter` 1.0.0); the machinery around them still was 24 KB of it. An international name is an
//! error here, and is to be written in its `xn--` form, as browsers send it. Labels in that form are passed
//! on as they are: whether they decode is for the resolver to find out.

use std::borrow::Cow;

/// A name that is not ASCII, or holds a character that no host name may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Errors(());

impl std::fmt::Display for Errors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("not an ASCII host name")
    }
}

impl std::error::Error for Errors {}

/// Which ASCII characters a name must not have, beside those that each list denies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AsciiDenyList(&'static [u8]);

impl AsciiDenyList {
    /// None.
    pub const EMPTY: Self = Self(b"");

    /// The forbidden domain code points of the URL standard: these, and controls and the space.
    pub const URL: Self = Self(b"%#/:<>?@[\\]^|");

    fn denies(self, byte: u8) -> bool {
        !self.0.is_empty() && (byte <= b' ' || byte == 0x7f || self.0.contains(&byte))
    }
}

/// The name in lower case.
///
/// # Errors
/// [`Errors`] when it is not ASCII or holds a character that `deny_list` denies.
pub fn domain_to_ascii_from_cow(
    domain: Cow<'_, [u8]>,
    deny_list: AsciiDenyList,
) -> Result<Cow<'_, str>, Errors> {
    if domain
        .iter()
        .any(|byte| !byte.is_ascii() || deny_list.denies(*byte))
    {
        return Err(Errors(()));
    }
    let has_upper_case = domain.iter().any(u8::is_ascii_uppercase);
    let domain = match domain {
        Cow::Borrowed(bytes) => Cow::Borrowed(std::str::from_utf8(bytes).map_err(|_| Errors(()))?),
        Cow::Owned(bytes) => Cow::Owned(String::from_utf8(bytes).map_err(|_| Errors(()))?),
    };
    Ok(if has_upper_case {
        Cow::Owned(domain.to_ascii_lowercase())
    } else {
        domain
    })
}

/// The name in lower case.
///
/// # Errors
/// [`Errors`] when it is not ASCII.
pub fn domain_to_ascii(domain: &str) -> Result<String, Errors> {
    domain_to_ascii_from_cow(Cow::Borrowed(domain.as_bytes()), AsciiDenyList::EMPTY).map(Cow::into_owned)
}

/// The name as it is: `xn--` labels are not decoded.
pub fn domain_to_unicode(domain: &str) -> (String, Result<(), Errors>) {
    (domain.to_owned(), Ok(()))
}

#[cfg(test)]
mod tests {
    use super::{AsciiDenyList, domain_to_ascii, domain_to_ascii_from_cow, domain_to_unicode};
    use std::borrow::Cow;

    fn for_url(name: &str) -> Option<String> {
        let name = Cow::Borrowed(name.as_bytes());
        domain_to_ascii_from_cow(name, AsciiDenyList::URL)
            .ok()
            .map(Cow::into_owned)
    }

    #[test]
    fn names() {
        for (name, expected) in [
            ("example.com", "example.com"),
            ("EXAMPLE.Com.", "example.com."),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"),
            ("a_b.r3---sn-x.example", "a_b.r3---sn-x.example"),
            ("{`}!$&'()*+,;=~\"", "{`}!$&'()*+,;=~\""),
            ("", ""),
        ] {
            assert_eq!(for_url(name).as_deref(), Some(expected), "{name}");
        }
        for denied in "%#/:<>?@[\\]^| \t\r\n\0\u{1f}\u{7f}".chars() {
            assert_eq!(for_url(&format!("a{denied}b")), None, "{denied:?}");
        }
        for name in [
            "b\u{fc}cher.example",
            "\u{ff11}\u{ff12}\u{ff17}.0.0.1",
            "a\u{3002}b",
            "\u{ad}a",
        ] {
            assert_eq!(for_url(name), None, "{name}");
        }
    }

    #[test]
    fn without_a_deny_list() {
        assert_eq!(domain_to_ascii("A b").as_deref(), Ok("a b"));
        assert!(domain_to_ascii("\u{e9}").is_err());
        assert_eq!(domain_to_unicode("xn--a"), ("xn--a".to_owned(), Ok(())));
    }
}
