//! A URL as the URL standard serialises it, and its parts: the few that Weir looks at, named as the `url`
//! crate names them. Tests hold it to that crate.

use std::net::Ipv4Addr;

/// The addresses of a long stream are in its playlist, in its plan and with who fetches them: natively there is one of each.
#[cfg(not(target_family = "wasm"))]
type Text = std::sync::Arc<str>;
/// A page's module is small before all else, and is done with a plan when it is made.
#[cfg(target_family = "wasm")]
type Text = Box<str>;

/// A serialised URL without its fragment.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Href(Text);

impl Href {
    /// Takes what a parser wrote; anything else gives parts without meaning.
    pub(super) fn new(mut serialised: String) -> Self {
        // In a serialised URL nothing else is written as '#'.
        if let Some(fragment) = serialised.find('#') {
            serialised.truncate(fragment);
        }
        // A `data:` URL loses the spaces that stood before the fragment.
        serialised.truncate(serialised.trim_end_matches(' ').len());
        Self(serialised.into())
    }

    /// Takes an address that is written as the parser would write it, which most are that come from a browser or out of a
    /// plan: nothing in it is to be changed, folded or refused. None where that is not plain to see.
    pub(super) fn as_written(text: &str) -> Option<Self> {
        let rest = text
            .strip_prefix("https://")
            .or_else(|| text.strip_prefix("http://"))?;
        let slash = rest.bytes().position(|byte| byte == b'/')?;
        let (authority, rest) = rest.split_at_checked(slash)?;
        let colon = authority.bytes().position(|byte| byte == b':');
        let (host, port) = authority.split_at_checked(colon.unwrap_or(slash))?;
        // Four or five digits: no scheme's own port, and not zero.
        let port_is_plain = match port.as_bytes() {
            [] => true,
            [b':', b'1'..=b'9', more @ ..] => {
                (3..=4).contains(&more.len())
                    && more.iter().all(u8::is_ascii_digit)
                    && port.get(1..)?.parse::<u16>().is_ok()
            }
            _ => false,
        };
        let host_is_plain = is_plain_name(host) || host.parse::<Ipv4Addr>().is_ok();
        let end = rest.bytes().position(|byte| byte == b'?');
        let (path, query) = rest.split_at_checked(end.unwrap_or(rest.len()))?;
        let path_is_plain = path.bytes().all(|byte| is_plain(byte) || byte == b':') && !has_dot_part(path);
        (port_is_plain && host_is_plain && path_is_plain && query.bytes().all(is_plain_in_query))
            .then(|| Self(text.into()))
    }

    /// What references of an `http` playlist are put behind: the origin, for paths from the root, and the folder of its path.
    /// None for other schemes.
    pub(super) fn origin_and_folder(&self) -> Option<(&str, &str)> {
        if !matches!(self.scheme(), "http" | "https") {
            return None;
        }
        let (_, path_and_query) = self.authority_and_rest();
        let origin = self.0.strip_suffix(path_and_query)?;
        let (folder, _) = self.path().rsplit_once('/')?;
        Some((origin, self.0.get(..=origin.len() + folder.len())?))
    }

    /// Resolves a reference of the kind that most segments have: a path of plain characters, maybe with a plain query. What
    /// is nothing but put behind the base needs no parser. None where more is to be done.
    pub(super) fn join_plain(origin: &str, folder: &str, reference: &str) -> Option<Self> {
        let end = reference.bytes().position(|byte| !is_plain(byte));
        let (path, query) = reference.split_at_checked(end.unwrap_or(reference.len()))?;
        let leads_elsewhere = path.is_empty() || path.starts_with("//") || has_dot_part(path);
        let query_fits = query.is_empty() || (query.starts_with('?') && query.bytes().all(is_plain_in_query));
        if leads_elsewhere || !query_fits {
            return None;
        }
        let before = if path.starts_with('/') { origin } else { folder };
        Some(Self([before, reference].concat().into()))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn scheme(&self) -> &str {
        let end = self.0.bytes().position(|byte| byte == b':');
        self.0.get(..end.unwrap_or(self.0.len())).unwrap_or_default()
    }

    pub(super) fn username(&self) -> &str {
        self.user_information().split(':').next().unwrap_or_default()
    }

    pub(super) fn password(&self) -> Option<&str> {
        self.user_information()
            .split_once(':')
            .map(|(_, password)| password)
    }

    /// An IPv6 address keeps its brackets.
    pub(super) fn host_str(&self) -> Option<&str> {
        let host = self.host_and_port().0;
        (!host.is_empty()).then_some(host)
    }

    /// None when it is the scheme's own.
    pub(super) fn port(&self) -> Option<u16> {
        self.host_and_port().1.parse().ok()
    }

    pub(super) fn path(&self) -> &str {
        let (_, path_and_query) = self.authority_and_rest();
        path_and_query.split('?').next().unwrap_or_default()
    }

    pub(super) fn query(&self) -> Option<&str> {
        let (_, path_and_query) = self.authority_and_rest();
        path_and_query.split_once('?').map(|(_, query)| query)
    }

    // The parts are short, and asked for once a segment: bytes are looked at one by one, which is faster than a search.
    fn authority_and_rest(&self) -> (&str, &str) {
        let scheme = self.scheme().len();
        let rest = self.0.get(scheme + 1..).unwrap_or_default();
        let Some(rest) = rest.strip_prefix("//") else {
            // Where there is no host, a path that begins with two slashes is written with `/.` before them.
            let hidden = rest.strip_prefix("/.").filter(|path| path.starts_with("//"));
            return ("", hidden.unwrap_or(rest));
        };
        let authority = rest.bytes().position(|byte| matches!(byte, b'/' | b'?'));
        rest.split_at(authority.unwrap_or(rest.len()))
    }

    fn user_information(&self) -> &str {
        let (authority, _) = self.authority_and_rest();
        authority.rsplit_once('@').map_or("", |(user, _)| user)
    }

    fn host_and_port(&self) -> (&str, &str) {
        let (authority, _) = self.authority_and_rest();
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        match host.rsplit_once(':') {
            // The colons of an IPv6 address are inside its brackets.
            Some((name, port)) if !port.ends_with(']') => (name, port),
            _ => (host, ""),
        }
    }
}

/// A name of lower case letters. Its last label begins with a letter: that of an IPv4 address, in any of its forms, does not.
fn is_plain_name(host: &str) -> bool {
    let is_plain = host
        .bytes()
        .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.'));
    let mut labels = host.as_bytes().split(|byte| *byte == b'.');
    let has_names = labels.all(|label| !label.is_empty() && !label.starts_with(b"xn--"));
    let last = host.bytes().rev().take_while(|byte| *byte != b'.').last();
    is_plain && has_names && last.is_some_and(|first| first.is_ascii_lowercase())
}

/// What no parser changes in a path, wherever it stands; a colon may end a scheme.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'-' | b'.' | b'_' | b'~' | b'@' | b'!' | b'$' | b'&' | b'(' | b')'
        )
        || matches!(byte, b'*' | b'+' | b',' | b';' | b'=' | b'/')
}

fn is_plain_in_query(byte: u8) -> bool {
    is_plain(byte) || matches!(byte, b'?' | b':' | b'%')
}

/// Parts that a parser takes out of a path of plain characters.
fn has_dot_part(path: &str) -> bool {
    let mut parts = path.as_bytes().split(|byte| *byte == b'/');
    parts.any(|part| matches!(part, b"." | b".."))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use url::Url;

    use super::Href;

    /// Both read the same parts off what the `url` crate serialised.
    fn check(text: &str) {
        let Ok(mut url) = Url::parse(text) else { return };
        if !matches!(url.scheme(), "http" | "https" | "data") {
            return;
        }
        let href = Href::new(url.to_string());
        url.set_fragment(None);
        assert_eq!(href.as_str(), url.as_str());
        assert_eq!(href.scheme(), url.scheme(), "{text}");
        assert_eq!(href.username(), url.username(), "{text}");
        assert_eq!(href.password(), url.password(), "{text}");
        assert_eq!(href.host_str(), url.host_str(), "{text}");
        assert_eq!(href.port(), url.port(), "{text}");
        assert_eq!(href.path(), url.path(), "{text}");
        assert_eq!(href.query(), url.query(), "{text}");
    }

    #[test]
    fn reads_the_parts_that_the_url_crate_reads() {
        for text in [
            "http://h",
            "https://h:443/a/b?c=d#e",
            "http://h:8080",
            "http://h:8080?q",
            "http://[::1]/",
            "http://[::ffff:127.0.0.1]:81/x:y@z",
            "http://user@h/",
            "http://user:pass@h:1/",
            "http://:pass@h/",
            "http://h/a?b?c#d?e",
            "http://h/@:1/?@:2",
            "data:text/plain,a?b#c",
            "data:,",
        ] {
            assert!(Url::parse(text).is_ok(), "{text} is to be a URL");
            check(text);
        }
    }

    const BASES: [&str; 5] = [
        "https://a.example/live/one/main.m3u8?token=a/b?c",
        "http://a.example:8080/x",
        "http://[::1]/a//b/",
        "https://user:word@a.example/p/q",
        "http://h",
    ];

    /// What is joined without a parser is what a parser makes of it; tells whether it was joined.
    fn joins(base: &str, reference: &str) -> bool {
        let base = Url::parse(base).unwrap();
        let href = Href::new(base.to_string());
        let joined = href
            .origin_and_folder()
            .and_then(|(origin, folder)| Href::join_plain(origin, folder, reference));
        if let Some(joined) = &joined {
            assert_eq!(
                joined.as_str(),
                base.join(reference).unwrap().as_str(),
                "{reference} of {base}"
            );
        }
        joined.is_some()
    }

    #[test]
    fn plain_references_are_joined() {
        for base in BASES {
            for plain in [
                "a.ts",
                "/a/b.ts",
                "segments/000001.ts?x=%20&y=a:b",
                "a//b",
                "a=1,b=(2);c@d!.ts",
                "...",
                ".a/b..",
                "a/",
            ] {
                assert!(joins(base, plain), "{plain} of {base}");
            }
            for other in [
                "", "//b/c", "..", "a/../b", "./a", "a/.", "%2e%2e/a", "?a", "a b", "a#b", "a:b", "\u{e9}",
                "a?'",
            ] {
                assert!(!joins(base, other), "{other} of {base}");
            }
        }
        assert!(!joins("data:text/plain,a", "b.ts"));
    }

    /// What is taken as it is written is what a parser makes of it; tells whether it was taken.
    fn stays(text: &str) -> bool {
        let href = Href::as_written(text);
        if let Some(href) = &href {
            assert_eq!(
                Url::parse(text).map(String::from).as_deref(),
                Ok(href.as_str()),
                "{text}"
            );
        }
        href.is_some()
    }

    #[test]
    fn addresses_are_taken_as_they_are_written() {
        for plain in [
            "https://a.example/",
            "http://localhost:8080/a//b.m3u8?x=%20&y=a:b?",
            "https://r3---sn-4g5e.cdn-1.example:65535/vod/1080p/segment-5.ts?token=a/b",
            "https://1.2.3.a4/x:y/...",
            "http://127.0.0.1:8080/a.ts",
            "https://255.0.10.1/",
        ] {
            assert!(stays(plain), "{plain}");
        }
        for other in [
            "https://a.example",
            "https://a.example?b",
            "https://a.example:/b",
            "https://a.example:443/",
            "https://a.example:80/",
            "https://a.example:08080/",
            "https://a.example:65536/",
            "https://a.example:+8080/",
            "https://A.example/",
            "https://a.example./",
            "https://.a/",
            "https://a..b/",
            "https://xn--a.example/",
            "https://a.xn--b/",
            "https://127.0.0.01/",
            "https://127.0.1/",
            "https://127.0.0.256/",
            "https://127.0.0.1./",
            "https://a.0x7f/",
            "https://[::1]/",
            "https://user@a.example/",
            "https://a.example/b/../c",
            "https://a.example/b/.",
            "https://a.example/%2e%2e/",
            "https://a.example/a b",
            "https://a.example/#b",
            "https://a.example/?'",
            "https:///a",
            "HTTPS://a.example/",
            "ftp://a.example/",
            "data:,a",
            "",
        ] {
            assert!(!stays(other), "{other}");
        }
    }

    proptest! {
        #[test]
        fn any_address_is_taken_rightly_or_not(text in "https?://[a-zA-Z0-9.:@xn_-]{0,12}/[a-z0-9._~/?:@!&%=2eE'#\\\\ -]{0,20}") {
            stays(&text);
        }

        #[test]
        fn any_reference_is_joined_rightly_or_not(
            base in prop::sample::select(&BASES[..]),
            reference in "[a-zA-Z0-9._~/?:@!$&()*+,;=%'#\\\\ -]{0,30}",
        ) {
            if Url::parse(base).unwrap().join(&reference).is_ok() {
                joins(base, &reference);
            }
        }

        #[test]
        fn reads_the_parts_of_any_url(text in "(https?|data):/{0,3}[a-z0-9.:@\\[\\]/?#%&=, -]{0,40}") {
            check(&text);
        }
    }
}
