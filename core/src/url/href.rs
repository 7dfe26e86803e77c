//! A URL as the URL standard serialises it, and its parts: the few that Weir looks at, named as the `url`
//! crate names them. Tests hold it to that crate.

/// A serialised URL without its fragment.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Href(Box<str>);

impl Href {
    /// Takes what a parser wrote; anything else gives parts without meaning.
    pub(super) fn new(mut serialised: String) -> Self {
        // In a serialised URL nothing else is written as '#'.
        if let Some(fragment) = serialised.find('#') {
            serialised.truncate(fragment);
        }
        // A `data:` URL loses the spaces that stood before the fragment.
        serialised.truncate(serialised.trim_end_matches(' ').len());
        Self(serialised.into_boxed_str())
    }

    /// Resolves a reference of the kind that most segments have: a path of plain characters, maybe with a plain query. What
    /// is nothing but put behind the base needs no parser. None where more is to be done.
    pub(super) fn join_plain(&self, reference: &str) -> Option<Self> {
        let (path, query) = match reference.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (reference, None),
        };
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~@!$&()*+,;=".contains(&byte);
        let in_query = |byte: u8| is_plain(byte) || b"/?:%".contains(&byte);
        let mut parts = path.as_bytes().split(|byte| *byte == b'/');
        let path_fits = parts.all(|part| part.iter().copied().all(is_plain) && !matches!(part, b"." | b".."));
        let query_fits = query.is_none_or(|query| query.bytes().all(in_query));
        let leads_elsewhere = path.is_empty() || path.starts_with("//");
        if !matches!(self.scheme(), "http" | "https") || !path_fits || !query_fits || leads_elsewhere {
            return None;
        }
        let (_, path_and_query) = self.authority_and_rest();
        let origin = self.0.strip_suffix(path_and_query)?;
        let folder = if path.starts_with('/') {
            ""
        } else {
            let (folder, _) = self.path().rsplit_once('/')?;
            self.path().get(..=folder.len())?
        };
        Some(Self([origin, folder, reference].concat().into_boxed_str()))
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
        let joined = Href::new(base.to_string()).join_plain(reference);
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

    proptest! {
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
