//! Cookies of a cookie file, and one that a server sets: they go to whom they are for, and to nobody else.

use http::header::{HeaderMap, HeaderValue, SET_COOKIE};
use weir::cli::read_cookies;
use weir::fetch::CookieJar;
use weir_core::protocol::Cookie;
use weir_core::url::AbsoluteUrl;

/// Who is asked, beside the host of the input's first line.
const ASKED: [&str; 6] = [
    "https://a.example/",
    "http://a.example/p/q?x=1",
    "https://www.a.example/p",
    "https://ba.example/",
    "http://127.0.0.1:8080/p/",
    "https://example/",
];

pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (url, rest) = text.split_once('\n').unwrap_or(("", text));
    let (set, file) = rest.split_once('\n').unwrap_or(("", rest));
    let mut asked: Vec<AbsoluteUrl> = ASKED
        .iter()
        .map(|url| AbsoluteUrl::parse(url).expect("a URL"))
        .collect();
    asked.extend(AbsoluteUrl::parse(url).ok().filter(|url| !url.is_data()));

    if let Ok(cookies) = read_cookies(file) {
        let jar = CookieJar::new(&cookies);
        for url in &asked {
            let sent = jar.header_for(url);
            for pair in pairs(sent.as_ref()) {
                let fits = |cookie: &Cookie| {
                    pair == format!("{}={}", cookie.name, cookie.value.expose()) && is_for(cookie, url)
                };
                assert!(cookies.iter().any(fits), "{pair:?} to {url}");
            }
        }
    }

    // What a server sets goes to that host, and to those below the domain that it names.
    let jar = CookieJar::new(&[]);
    let Some(owner) = asked.last() else { return };
    let Ok(value) = HeaderValue::from_str(set) else {
        return;
    };
    jar.store(owner, &HeaderMap::from_iter([(SET_COOKIE, value)]));
    for url in &asked {
        if jar.header_for(url).is_some() {
            let (host, owner) = (url.host().unwrap_or_default(), owner.host().unwrap_or_default());
            assert!(is_related(host, owner), "{set:?} of {owner} to {host}");
        }
    }
}

fn pairs(header: Option<&HeaderValue>) -> Vec<String> {
    let text = header.map(|header| String::from_utf8_lossy(header.as_bytes()).into_owned());
    // No value has a semicolon in it.
    text.map_or_else(Vec::new, |text| text.split("; ").map(str::to_owned).collect())
}

/// RFC 6265, 5.4, read once more.
fn is_for(cookie: &Cookie, url: &AbsoluteUrl) -> bool {
    let host = url.host().unwrap_or_default();
    let domain = cookie.domain.to_ascii_lowercase();
    let of_domain = host == domain || (!cookie.host_only && is_below(host, &domain));
    let path = if cookie.path.starts_with('/') {
        &*cookie.path
    } else {
        "/"
    };
    let below = url.path().strip_prefix(path);
    let of_path = below.is_some_and(|rest| rest.is_empty() || path.ends_with('/') || rest.starts_with('/'));
    let is_loopback = host == "localhost" || host.starts_with("127.");
    of_domain && of_path && (!cookie.secure || url.scheme() == "https" || is_loopback)
}

/// Whether a host is one of a domain's; an address has no domain.
fn is_below(host: &str, domain: &str) -> bool {
    let is_address = host.starts_with('[') || host.split('.').all(|part| part.parse::<u8>().is_ok());
    !is_address && host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
}

/// Whether two hosts may have a cookie in common: they have a domain of two labels in common, or are the same.
fn is_related(a: &str, b: &str) -> bool {
    let last_two = |host: &str| host.rsplit('.').take(2).map(str::to_owned).collect::<Vec<_>>();
    a == b || (last_two(a) == last_two(b) && last_two(a).len() == 2)
}
