//! A token in the query of the stream's own URL that its playlists, segments and keys need too, though no playlist says
//! so: some servers leave it to the player to carry it on.
//!
//! It is tried where a server refuses a URL without any query, and only on the stream's own origin: nobody else gets it.

use std::sync::atomic::{AtomicBool, Ordering};

use weir_core::url::AbsoluteUrl;

/// The token of a stream, if it has one.
#[derive(Debug)]
pub(super) struct Token {
    source: AbsoluteUrl,
    /// It has opened a URL: it is sent at once from then on.
    is_needed: AtomicBool,
}

impl Token {
    /// The query of the stream's URL.
    pub(super) fn new(source: &AbsoluteUrl) -> Self {
        Self {
            source: source.clone(),
            is_needed: AtomicBool::new(false),
        }
    }

    /// What to ask for in place of `url`, as far as is known before.
    pub(super) fn first(&self, url: &AbsoluteUrl) -> Option<AbsoluteUrl> {
        let is_needed = self.is_needed.load(Ordering::Relaxed);
        self.carried_to(url).filter(|_| is_needed)
    }

    /// What to ask for after `url` was answered with `status`; None when the token has nothing to do with it.
    pub(super) fn after_refusal(&self, url: &AbsoluteUrl, status: u16) -> Option<AbsoluteUrl> {
        self.carried_to(url).filter(|_| matches!(status, 401 | 403))
    }

    /// A URL with the token was answered.
    pub(super) fn has_opened(&self) {
        self.is_needed.store(true, Ordering::Relaxed);
    }

    fn carried_to(&self, url: &AbsoluteUrl) -> Option<AbsoluteUrl> {
        let token = self.source.query().filter(|query| !query.is_empty())?;
        if url.query().is_some() || url.is_data() || url.origin() != self.source.origin() {
            return None;
        }
        url.join(&format!("?{token}")).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn carried(source: &str, to: &str, status: u16) -> Option<String> {
        let source = AbsoluteUrl::parse(source).unwrap();
        let to = AbsoluteUrl::parse(to).unwrap();
        let carried = Token::new(&source).after_refusal(&to, status);
        carried.map(|url| url.as_str().to_owned())
    }

    #[test]
    fn goes_to_its_own_origin_only_and_replaces_nothing() {
        let source = "https://a.example/x/main.m3u8?t=%2F1&u=2";
        assert_eq!(
            carried(source, "https://a.example/y/1.ts", 403).as_deref(),
            Some("https://a.example/y/1.ts?t=%2F1&u=2")
        );
        for (url, status) in [
            ("https://a.example/y/1.ts", 404),
            ("https://a.example/y/1.ts?v=1", 403),
            ("https://a.example/y/1.ts?", 403),
            ("https://b.example/y/1.ts", 403),
            ("https://a.example:444/y/1.ts", 403),
            ("http://a.example/y/1.ts", 403),
            ("data:,k", 403),
        ] {
            assert_eq!(carried(source, url, status), None, "{url} {status}");
        }
        assert_eq!(
            carried("https://a.example/main.m3u8", "https://a.example/1.ts", 403),
            None
        );
        assert_eq!(
            carried("https://a.example/main.m3u8?", "https://a.example/1.ts", 403),
            None
        );
    }

    #[test]
    fn is_sent_at_once_when_it_was_needed_before() {
        let token = Token::new(&AbsoluteUrl::parse("https://a.example/main.m3u8?t=1").unwrap());
        let url = AbsoluteUrl::parse("https://a.example/1.ts").unwrap();
        assert_eq!(token.first(&url), None);
        token.has_opened();
        assert_eq!(token.first(&url).unwrap().as_str(), "https://a.example/1.ts?t=1");
    }
}
