//! Which cookies go where (RFC 6265), starting from those that the browser handed over.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use cookie_store::{CookieStore, RawCookie};
use reqwest::header::{HeaderMap, HeaderValue, SET_COOKIE};
use url::Url;
use weir_core::protocol::Cookie;
use weir_core::url::AbsoluteUrl;

/// The cookies of one job.
#[derive(Debug)]
pub(super) struct Cookies(Mutex<State>);

struct State {
    store: CookieStore,
    /// The context's cookies that fitted no URL so far: domain, path, name.
    unused: HashSet<(String, String, String)>,
    /// The context's cookies that are none: expired, or with characters that no cookie holds.
    refused: usize,
}

impl Cookies {
    /// Takes the context's cookies. Those that no URL could ever match are dropped and counted.
    pub(super) fn new(cookies: &[Cookie]) -> Self {
        let mut state = State {
            store: CookieStore::default(),
            unused: HashSet::new(),
            refused: 0,
        };
        for cookie in cookies {
            match state.take(cookie) {
                Some(id) => {
                    state.unused.insert(id);
                }
                None => state.refused += 1,
            }
        }
        Self(Mutex::new(state))
    }

    /// The `Cookie` header for `url`: longest paths first (RFC 6265, 5.4).
    pub(super) fn header_for(&self, url: &AbsoluteUrl) -> Option<HeaderValue> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let State { store, unused, .. } = &mut *state;
        let mut matching = store.matches(&Url::parse(url.as_str()).ok()?);
        matching.sort_by_key(|cookie| (std::cmp::Reverse(cookie.path.len()), cookie.name().to_owned()));
        let mut header = String::new();
        for cookie in matching {
            if !header.is_empty() {
                header.push_str("; ");
            }
            header.push_str(cookie.name());
            header.push('=');
            header.push_str(cookie.value());
            if !unused.is_empty() {
                let domain = cookie.domain.as_cow().unwrap_or_default().into_owned();
                unused.remove(&(domain, String::from(&cookie.path), cookie.name().to_owned()));
            }
        }
        let mut value = HeaderValue::try_from(header)
            .ok()
            .filter(|value| !value.is_empty())?;
        value.set_sensitive(true);
        Some(value)
    }

    /// Keeps what a server sets, as a browser does: some give a token with the playlist.
    pub(super) fn store(&self, url: &AbsoluteUrl, headers: &HeaderMap) {
        let Ok(parsed) = Url::parse(url.as_str()) else {
            return;
        };
        for value in headers.get_all(SET_COOKIE) {
            let Ok(text) = value.to_str() else { continue };
            let Ok(mut cookie) = RawCookie::parse(text.to_owned()) else {
                continue;
            };
            // No list of public suffixes here: at least `Domain=com` must not make a cookie of every host. From a host of
            // that name it is the host's own (RFC 6265, 5.3, step 5).
            let domain = cookie.domain().unwrap_or_default().trim_matches('.');
            let (is_top, is_own) = (
                !domain.is_empty() && !domain.contains('.'),
                Some(domain) == url.host(),
            );
            if is_top && !is_own {
                continue;
            }
            if is_top {
                cookie.unset_domain();
            }
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let _ = state.store.insert_raw(&cookie, &parsed);
        }
    }

    /// How many of the context's cookies were sent nowhere so far.
    pub(super) fn unsent(&self) -> usize {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.unused.len() + state.refused
    }
}

impl State {
    fn take(&mut self, cookie: &Cookie) -> Option<(String, String, String)> {
        let seconds_left = match cookie.expires_epoch_seconds {
            Some(expires) => Some(seconds_until(expires)?),
            None => None,
        };
        let value = cookie.value.expose();
        if !is_cookie_text(&cookie.name) || !is_cookie_text(value) || cookie.name.contains('=') {
            return None;
        }
        // The attribute parser is the only way to a Max-Age without another date library.
        let attributes = seconds_left.map_or(String::new(), |left| format!("; Max-Age={left}"));
        let mut raw = RawCookie::parse(format!("name=value{attributes}")).ok()?;
        raw.set_name(cookie.name.clone());
        raw.set_value(value.to_owned());
        raw.set_secure(cookie.secure);
        raw.set_path(if cookie.path.starts_with('/') {
            cookie.path.clone()
        } else {
            "/".to_owned()
        });
        let domain = cookie.domain.trim_start_matches('.').to_ascii_lowercase();
        if !cookie.host_only {
            raw.set_domain(domain.clone());
        }
        // As if its own host had set it over https: the store then keeps domain, path and Secure.
        let host = if domain.contains(':') {
            format!("[{domain}]")
        } else {
            domain
        };
        let own = Url::parse(&format!("https://{host}/")).ok()?;
        if own.host_str() != Some(host.as_str()) {
            return None;
        }
        let path = raw.path().map(ToOwned::to_owned)?;
        self.store.insert_raw(&raw, &own).ok()?;
        Some((host, path, cookie.name.clone()))
    }
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State")
            .field("refused", &self.refused)
            .finish_non_exhaustive()
    }
}

/// No control character and no semicolon, which would end it.
fn is_cookie_text(text: &str) -> bool {
    !text.bytes().any(|byte| byte.is_ascii_control() || byte == b';')
}

/// Whole seconds from now, at least one; None when it has passed.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the value is within the range of u32"
)]
fn seconds_until(epoch_seconds: f64) -> Option<i64> {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs_f64();
    let left = epoch_seconds - now;
    (left > 0.0).then(|| left.clamp(1.0, f64::from(u32::MAX)) as i64)
}

#[cfg(test)]
mod tests {
    use weir_core::protocol::Secret;

    use super::*;

    fn cookie(name: &str, domain: &str) -> Cookie {
        Cookie {
            name: name.to_owned(),
            value: Secret::new("1"),
            domain: domain.to_owned(),
            host_only: false,
            path: "/".to_owned(),
            secure: false,
            expires_epoch_seconds: None,
        }
    }

    fn sent(cookies: &Cookies, url: &str) -> String {
        let header = cookies.header_for(&AbsoluteUrl::parse(url).unwrap());
        header
            .map(|value| value.to_str().unwrap().to_owned())
            .unwrap_or_default()
    }

    #[test]
    fn a_cookie_goes_where_rfc_6265_lets_it() {
        let cookies = Cookies::new(&[
            cookie("domain", "a.test"),
            Cookie {
                host_only: true,
                ..cookie("host", "a.test")
            },
            Cookie {
                path: "/video".to_owned(),
                ..cookie("path", "a.test")
            },
            Cookie {
                secure: true,
                ..cookie("secure", "a.test")
            },
            Cookie {
                expires_epoch_seconds: Some(4e9),
                ..cookie("later", "a.test")
            },
            cookie("dotted", ".a.test"),
        ]);
        assert_eq!(
            sent(&cookies, "http://a.test/"),
            "domain=1; dotted=1; host=1; later=1"
        );
        assert_eq!(
            sent(&cookies, "http://a.test/video/1.ts"),
            "path=1; domain=1; dotted=1; host=1; later=1"
        );
        assert_eq!(
            sent(&cookies, "http://a.test/videos"),
            "domain=1; dotted=1; host=1; later=1"
        );
        assert_eq!(
            sent(&cookies, "https://a.test:8443/"),
            "domain=1; dotted=1; host=1; later=1; secure=1"
        );
        assert_eq!(
            sent(&cookies, "http://cdn.a.test/"),
            "domain=1; dotted=1; later=1"
        );
        assert_eq!(sent(&cookies, "http://nota.test/"), "");
        assert_eq!(sent(&cookies, "http://test/"), "");
        assert_eq!(cookies.unsent(), 0);
    }

    #[test]
    fn what_fits_nowhere_is_counted() {
        let cookies = Cookies::new(&[
            cookie("used", "a.test"),
            cookie("other", "b.test"),
            Cookie {
                expires_epoch_seconds: Some(1.0),
                ..cookie("expired", "a.test")
            },
            Cookie {
                value: Secret::new("1; Domain=evil.test"),
                ..cookie("semicolon", "a.test")
            },
            Cookie {
                value: Secret::new("1\r\nX-Evil: 1"),
                ..cookie("break", "a.test")
            },
            cookie("no-host", "a b"),
            cookie("path-in-host", "a.test/x"),
        ]);
        assert_eq!(cookies.unsent(), 7);
        assert_eq!(sent(&cookies, "http://a.test/"), "used=1");
        assert_eq!(cookies.unsent(), 6);
    }

    #[test]
    fn keeps_what_servers_set_for_themselves_only() {
        let cookies = Cookies::new(&[]);
        let mut headers = HeaderMap::new();
        for value in [
            "token=t; Path=/",
            "wide=w; Domain=test",
            "foreign=f; Domain=b.test",
            "sub=s; Domain=a.test",
        ] {
            headers.append(SET_COOKIE, HeaderValue::from_static(value));
        }
        cookies.store(&AbsoluteUrl::parse("https://www.a.test/x").unwrap(), &headers);
        assert_eq!(sent(&cookies, "https://www.a.test/y"), "sub=s; token=t");
        assert_eq!(sent(&cookies, "https://cdn.a.test/y"), "sub=s");
        assert_eq!(sent(&cookies, "https://b.test/"), "");
        let own = HeaderMap::from_iter([(SET_COOKIE, HeaderValue::from_static("own=o; Domain=localhost"))]);
        cookies.store(&AbsoluteUrl::parse("http://localhost/").unwrap(), &own);
        assert_eq!(sent(&cookies, "http://localhost/"), "own=o");
        assert_eq!(
            sent(&cookies, "http://www.localhost/"),
            "",
            "of one label: the host's own"
        );
    }

    #[test]
    fn debug_hides_the_values() {
        let cookies = Cookies::new(&[Cookie {
            value: Secret::new("s3cret"),
            ..cookie("a", "a.test")
        }]);
        assert!(!format!("{cookies:?}").contains("s3cret"));
    }
}
