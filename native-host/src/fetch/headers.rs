//! The context's headers: which are sent on at all, and which to whom.

use reqwest::header::{ACCEPT, HeaderMap, HeaderName, HeaderValue, ORIGIN, REFERER, USER_AGENT};
use weir_core::protocol::RequestContext;
use weir_core::url::AbsoluteUrl;

use super::FetchError;

/// What Weir calls itself when the context names no browser.
const DEFAULT_USER_AGENT: &str = concat!("Mozilla/5.0 (compatible; Weir/", env!("CARGO_PKG_VERSION"), ")");

/// Headers that Weir or the HTTP library sets, or that belong to one connection (RFC 9110, 7.6.1).
const NOT_ALLOWED: &[&str] = &[
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "cookie2",
    "expect",
    "host",
    "http2-settings",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "keep-alive",
    "range",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
];

/// The headers of one job, checked.
#[derive(Debug, Clone)]
pub(super) struct Headers {
    /// For every host: who asks, and what it takes.
    everywhere: HeaderMap,
    /// Where the page is: for every host, but never from https to http.
    referer: Referer,
    /// Everything else: only for the hosts that the playlist names, not for those it is redirected to.
    custom: HeaderMap,
}

#[derive(Debug, Clone, Default)]
struct Referer {
    /// `Referer` as the page sent it.
    sent: Option<HeaderValue>,
    /// `Origin` as the page sent it.
    origin: Option<HeaderValue>,
    /// The page, for when it sent none.
    page: Option<AbsoluteUrl>,
}

impl Headers {
    /// Checks the context's headers.
    pub(super) fn new(context: &RequestContext) -> Result<Self, FetchError> {
        let mut everywhere = HeaderMap::new();
        let mut custom = HeaderMap::new();
        let mut referer = Referer {
            page: context.page.clone().filter(|page| !page.is_data()),
            ..Referer::default()
        };
        for header in &context.headers {
            let (name, value) = check(&header.name, header.value.expose())?;
            if name == REFERER {
                referer.sent = Some(value);
            } else if name == ORIGIN {
                referer.origin = Some(value);
            } else if name == USER_AGENT || name == ACCEPT || name.as_str() == "accept-language" {
                everywhere.insert(name, value);
            } else {
                custom.append(name, value);
            }
        }
        everywhere
            .entry(USER_AGENT)
            .or_insert(HeaderValue::from_static(DEFAULT_USER_AGENT));
        everywhere
            .entry(ACCEPT)
            .or_insert(HeaderValue::from_static("*/*"));
        Ok(Self {
            everywhere,
            referer,
            custom,
        })
    }

    /// What is sent to `url`, which stands in the playlist as `asked` and is another URL after a redirect.
    pub(super) fn select(&self, asked: &AbsoluteUrl, url: &AbsoluteUrl) -> HeaderMap {
        let mut headers = self.everywhere.clone();
        if let Some(referer) = self.referer.value_for(url) {
            headers.insert(REFERER, referer);
        }
        if let Some(origin) = &self.referer.origin {
            headers.insert(ORIGIN, origin.clone());
        }
        if asked.origin() == url.origin() {
            headers.extend(self.custom.clone());
        }
        headers
    }
}

impl Referer {
    /// By the browsers' default policy, `strict-origin-when-cross-origin`.
    fn value_for(&self, url: &AbsoluteUrl) -> Option<HeaderValue> {
        if let Some(sent) = &self.sent {
            let from_https = sent
                .as_bytes()
                .get(..8)
                .is_some_and(|start| start.eq_ignore_ascii_case(b"https://"));
            return (!from_https || url.scheme() == "https").then(|| sent.clone());
        }
        let page = self.page.as_ref()?;
        if page.downgrades_to(url) {
            return None;
        }
        let text = if page.origin() == url.origin() {
            page.as_str().to_owned()
        } else {
            format!("{}/", page.origin())
        };
        let mut value = HeaderValue::try_from(text).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

fn check(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), FetchError> {
    let bad = |reason| FetchError::BadHeader {
        name: name.escape_debug().take(100).collect(),
        reason,
    };
    if name
        .bytes()
        .chain(value.bytes())
        .any(|byte| matches!(byte, b'\r' | b'\n' | 0))
    {
        return Err(bad("a line break or NUL inside"));
    }
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad("not a header name"))?;
    if NOT_ALLOWED.contains(&name.as_str()) || name.as_str().starts_with("proxy-") {
        return Err(FetchError::HeaderNotAllowed {
            name: name.to_string(),
        });
    }
    let mut value =
        HeaderValue::from_str(value).map_err(|_| bad("a character that no header value holds"))?;
    value.set_sensitive(true);
    Ok((name, value))
}

#[cfg(test)]
mod tests {
    use weir_core::protocol::{Header, Secret};

    use super::*;

    fn url(text: &str) -> AbsoluteUrl {
        AbsoluteUrl::parse(text).unwrap()
    }

    fn context(headers: &[(&str, &str)]) -> RequestContext {
        let headers = headers
            .iter()
            .map(|(name, value)| Header {
                name: (*name).to_owned(),
                value: Secret::new(*value),
            })
            .collect();
        RequestContext {
            headers,
            ..RequestContext::default()
        }
    }

    fn refusal(name: &str, value: &str) -> String {
        Headers::new(&context(&[(name, value)])).unwrap_err().to_string()
    }

    #[test]
    fn refuses_line_breaks_and_headers_that_are_not_the_callers() {
        for (name, value) in [
            ("X-A", "b\r\nX-Evil: 1"),
            ("X-A\n", "b"),
            ("X-A\r\nHost", "b"),
            ("X-A", "a\0b"),
        ] {
            assert!(refusal(name, value).starts_with("bad header: "), "{name:?}");
        }
        assert!(refusal("", "b").starts_with("bad header: "));
        assert!(refusal("X A", "b").starts_with("bad header: "));
        let names = [
            "Host",
            "hOsT",
            "Proxy-Authorization",
            "Content-Length",
            "Cookie",
            "Range",
            "Transfer-Encoding",
        ];
        for name in names
            .into_iter()
            .chain(["Connection", "TE", "Upgrade", "Accept-Encoding"])
        {
            assert_eq!(
                refusal(name, "x"),
                format!("header not allowed: {}", name.to_ascii_lowercase())
            );
        }
        assert!(
            !refusal("X-A", "sec\nret").contains("sec"),
            "the value may be a secret"
        );
    }

    #[test]
    fn custom_headers_stay_with_the_origin_that_was_asked() {
        let headers = [
            ("User-Agent", "UA"),
            ("Accept-Language", "de"),
            ("Authorization", "Bearer t"),
            ("X-Token", "1"),
            ("Referer", "https://page.test/watch"),
            ("Origin", "https://page.test"),
        ];
        let headers = Headers::new(&context(&headers)).unwrap();
        let names = |asked: &str, now: &str| {
            let mut names: Vec<String> = headers
                .select(&url(asked), &url(now))
                .keys()
                .map(ToString::to_string)
                .collect();
            names.sort();
            names.join(" ")
        };
        let all = "accept accept-language authorization origin referer user-agent x-token";
        assert_eq!(names("https://a.test/1", "https://a.test/2"), all);
        let elsewhere = "accept accept-language origin referer user-agent";
        assert_eq!(names("https://a.test/1", "https://b.test/1"), elsewhere);
        assert_eq!(names("https://a.test/1", "https://a.test:444/1"), elsewhere);
        assert_eq!(names("http://a.test/1", "https://a.test/1"), elsewhere);
        assert_eq!(
            names("https://a.test/1", "http://a.test/1"),
            "accept accept-language origin user-agent"
        );
    }

    #[test]
    fn the_page_stands_in_for_a_missing_referer() {
        let context = RequestContext {
            page: Some(url("https://page.test/watch?v=1")),
            ..RequestContext::default()
        };
        let headers = Headers::new(&context).unwrap();
        let check = |target: &str, expected: Option<&str>| {
            let sent = headers.select(&url(target), &url(target));
            assert_eq!(
                sent.get(REFERER).map(|value| value.to_str().unwrap()),
                expected,
                "{target}"
            );
        };
        check("https://page.test/a.ts", Some("https://page.test/watch?v=1"));
        check("https://cdn.test/a.ts", Some("https://page.test/"));
        check("http://page.test/a.ts", None);
    }
}
