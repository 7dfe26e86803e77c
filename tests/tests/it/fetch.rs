//! What every test of the fetcher needs, and the fetcher on a server that behaves.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on should say so at once"
)]

use std::sync::Arc;
use std::time::Duration;

use weir::fetch::{
    Client, ClientOptions, Deadlines, FetchError, Permission, Resource, ResourceKind, Retries, Tuning,
};
use weir_core::protocol::{ByteRange, Cookie, Header, RequestContext, Secret};
use weir_core::url::AbsoluteUrl;
use weir_tests::origin::{Origin, Reply, faults};

pub(crate) fn url(text: &str) -> AbsoluteUrl {
    AbsoluteUrl::parse(text).unwrap()
}

pub(crate) fn segment(url_text: &str) -> Resource {
    Resource {
        url: url(url_text),
        range: None,
        kind: ResourceKind::Segment,
    }
}

pub(crate) fn playlist(url_text: &str) -> Resource {
    Resource {
        kind: ResourceKind::Playlist,
        ..segment(url_text)
    }
}

pub(crate) fn part(url_text: &str, offset: u64, length: u64) -> Resource {
    Resource {
        range: Some(ByteRange::new(offset, length).unwrap()),
        ..segment(url_text)
    }
}

/// Options for a stream that lives on `origin`.
pub(crate) fn options(origin: &Origin) -> ClientOptions {
    ClientOptions {
        context: RequestContext::default(),
        source: url(&origin.url("/master.m3u8")),
        private_addresses: Permission::Refused,
        downgrades: Permission::Refused,
        proxy: None,
        network: Arc::default(),
    }
}

/// The usual deadlines, but no time is lost between tries: 4 of them, or 2 for what seldom passes.
pub(crate) fn tuning() -> Tuning {
    let millisecond = Duration::from_millis(1);
    let retries = Retries {
        tries: 4,
        few_tries: 2,
        base_delay: millisecond,
        max_delay: millisecond,
        ..Retries::default()
    };
    Tuning {
        retries,
        ..Tuning::default()
    }
}

/// The same with no patience at all for servers that do not send.
pub(crate) fn impatient() -> Tuning {
    let deadlines = Deadlines {
        connect: Duration::from_millis(150),
        headers: Duration::from_millis(150),
        idle: Duration::from_millis(300),
        throughput_window: Duration::from_millis(500),
        min_bytes_per_second: 1024,
    };
    Tuning {
        deadlines,
        ..tuning()
    }
}

pub(crate) fn client(origin: &Origin) -> Client {
    Client::with_tuning(&options(origin), tuning()).unwrap()
}

/// The error of fetching a resource that cannot be had.
pub(crate) async fn failure(client: &Client, resource: &Resource) -> FetchError {
    client
        .get(resource)
        .await
        .map(|fetched| fetched.bytes.len())
        .unwrap_err()
}

pub(crate) fn cookie(name: &str, domain: &str) -> Cookie {
    Cookie {
        name: name.to_owned(),
        value: Secret::new("1"),
        domain: domain.to_owned(),
        host_only: true,
        path: "/".to_owned(),
        secure: false,
        expires_epoch_seconds: None,
    }
}

pub(crate) fn headers(pairs: &[(&str, &str)]) -> Vec<Header> {
    let header = |(name, value): &(&str, &str)| Header {
        name: (*name).to_owned(),
        value: Secret::new(*value),
    };
    pairs.iter().map(header).collect()
}

#[tokio::test]
async fn fetches_a_body_with_its_type_over_one_connection() {
    let origin = Origin::start().unwrap();
    origin.reply("/a.ts", Reply::ok("0123456789").with_type("video/mp2t"));
    origin.reply("/b.ts", faults::chunked("0123456789", 3));
    let client = client(&origin);
    for _ in 0..3 {
        let fetched = client.get(&segment(&origin.url("/a.ts?token=1"))).await.unwrap();
        assert_eq!(&fetched.bytes[..], b"0123456789");
        assert_eq!(fetched.content_type.as_deref(), Some("video/mp2t"));
        assert_eq!(
            (fetched.final_url.as_str(), fetched.retries),
            (origin.url("/a.ts?token=1").as_str(), 0)
        );
    }
    assert_eq!(origin.connections(), 1);
    assert_eq!(
        &client.get(&segment(&origin.url("/b.ts"))).await.unwrap().bytes[..],
        b"0123456789"
    );
}

#[tokio::test]
async fn asks_as_the_page_did() {
    let origin = Origin::start().unwrap();
    origin.reply("/a.ts", Reply::ok("0123456789"));
    let context = RequestContext {
        headers: headers(&[
            ("User-Agent", "Browser/1"),
            ("X-Token", "t"),
            ("Origin", "https://page.test"),
            ("referer", "http://page.test/"),
        ]),
        cookies: vec![cookie("session", "127.0.0.1"), cookie("other", "other.test")],
        page: None,
    };
    let client = Client::with_tuning(
        &ClientOptions {
            context,
            ..options(&origin)
        },
        tuning(),
    )
    .unwrap();
    assert_eq!(client.unsent_cookies(), 2);
    client.get(&segment(&origin.url("/a.ts"))).await.unwrap();
    let seen = origin.requests().remove(0);
    assert_eq!(seen.header("user-agent"), Some("Browser/1"));
    assert_eq!(seen.header("x-token"), Some("t"));
    assert_eq!(seen.header("origin"), Some("https://page.test"));
    assert_eq!(seen.header("referer"), Some("http://page.test/"));
    assert_eq!(seen.header("cookie"), Some("session=1"));
    assert_eq!(seen.header("accept"), Some("*/*"));
    // bad-inputs 86: what does not match is dropped and counted.
    assert_eq!(client.unsent_cookies(), 1);
}

#[tokio::test]
async fn a_cookie_that_the_playlist_sets_goes_with_its_segments() {
    let origin = Origin::start().unwrap();
    origin.reply(
        "/a.m3u8",
        Reply::ok("#EXTM3U\n").with_header("Set-Cookie", "token=t; Path=/"),
    );
    origin.reply("/a.ts", Reply::ok("0123456789"));
    let client = client(&origin);
    client.get(&playlist(&origin.url("/a.m3u8"))).await.unwrap();
    client.get(&segment(&origin.url("/a.ts"))).await.unwrap();
    assert_eq!(
        origin.requests_for("/a.ts").remove(0).header("cookie"),
        Some("token=t")
    );
}

/// bad-inputs 84 and 85.
#[tokio::test]
async fn refuses_headers_that_are_not_the_callers_to_set() {
    let origin = Origin::start().unwrap();
    let message = |name: &str, value: &str| {
        let context = RequestContext {
            headers: headers(&[(name, value)]),
            ..RequestContext::default()
        };
        let error = Client::new(&ClientOptions {
            context,
            ..options(&origin)
        })
        .unwrap_err();
        assert_eq!(error.code().as_str(), "bad-header");
        error.to_string()
    };
    assert_eq!(
        message("X-A", "1\r\nHost: evil"),
        "bad header: X-A: a line break or NUL inside"
    );
    assert_eq!(
        message("X-A\r\nB", "1"),
        r"bad header: X-A\r\nB: a line break or NUL inside"
    );
    for name in [
        "Host",
        "Proxy-Connection",
        "Content-Length",
        "Cookie",
        "Range",
        "Connection",
        "TE",
    ] {
        assert_eq!(
            message(name, "1"),
            format!("header not allowed: {}", name.to_ascii_lowercase())
        );
    }
}

#[tokio::test]
async fn asks_for_a_part_and_gets_it() {
    let origin = Origin::start().unwrap();
    origin.reply("/whole.mp4", Reply::ok("0123456789"));
    let client = client(&origin);
    let fetched = client.get(&part(&origin.url("/whole.mp4"), 2, 3)).await.unwrap();
    assert_eq!(&fetched.bytes[..], b"234");
    assert_eq!(origin.requests().remove(0).header("range"), Some("bytes=2-4"));
}

#[tokio::test]
async fn decodes_gzip_that_is_announced_and_playlists_where_it_is_not() {
    let origin = Origin::start().unwrap();
    origin.reply("/a.m3u8", faults::gzip(b"#EXTM3U\n"));
    origin.reply("/b.m3u8", Reply::ok(faults::gzip_bytes(b"#EXTM3U\n")));
    origin.reply("/c.m3u8", Reply::ok(faults::gzip_bytes(b"#EXTM3U\n").slice(..20)));
    origin.reply("/d.ts", Reply::ok(faults::gzip_bytes(b"0123")));
    let client = client(&origin);
    for path in ["/a.m3u8", "/b.m3u8"] {
        assert_eq!(
            &client.get(&playlist(&origin.url(path))).await.unwrap().bytes[..],
            b"#EXTM3U\n",
            "{path}"
        );
    }
    let error = failure(&client, &playlist(&origin.url("/c.m3u8")))
        .await
        .to_string();
    assert!(error.contains("cannot be decoded"), "{error}");
    // A segment may be anything: it is left as it is.
    let raw = client.get(&segment(&origin.url("/d.ts"))).await.unwrap().bytes;
    assert_eq!(raw, faults::gzip_bytes(b"0123"));
}

#[tokio::test]
async fn follows_redirects_and_says_where_they_ended() {
    let origin = Origin::start().unwrap();
    for (path, status, target) in [
        ("/1", 301, "/2"),
        ("/2", 302, "3?x=1"),
        ("/3", 307, "//HOST/4"),
        ("/4", 308, "/5"),
    ] {
        let target = target.replace("HOST", &origin.address().to_string());
        origin.reply(path, Reply::redirect(status, &target));
    }
    origin.reply("/5", Reply::ok("there"));
    let client = client(&origin);
    let fetched = client.get(&playlist(&origin.url("/1"))).await.unwrap();
    assert_eq!(
        (&fetched.bytes[..], fetched.final_url.as_str()),
        (&b"there"[..], origin.url("/5").as_str())
    );
}

#[tokio::test]
async fn data_urls_need_no_network() {
    let origin = Origin::start().unwrap();
    let client = client(&origin);
    let key = Resource {
        kind: ResourceKind::Key,
        ..segment("data:;base64,AAECAwQFBgcICQoLDA0ODw==")
    };
    assert_eq!(client.get(&key).await.unwrap().bytes.len(), 16);
    assert_eq!(
        &client.get(&part("data:,0123456789", 2, 3)).await.unwrap().bytes[..],
        b"234"
    );
    let beyond = failure(&client, &part("data:,0123", 2, 3)).await;
    assert!(beyond.to_string().contains("has only 4"), "{beyond}");
    let big = Resource {
        kind: ResourceKind::Key,
        ..segment(&format!("data:,{}", "x".repeat(70_000)))
    };
    assert!(
        failure(&client, &big)
            .await
            .to_string()
            .contains("too large: 70000 bytes")
    );
    assert_eq!(origin.connections(), 0);
}

#[tokio::test]
async fn goes_through_the_proxy_that_it_is_given() {
    let proxy = Origin::start().unwrap();
    proxy.route_under("http://media.example/", |request| {
        Reply::ok(format!("{} by proxy", request.target))
    });
    let source = url("http://media.example/a.m3u8");
    let with = |proxy: String| ClientOptions {
        proxy: Some(proxy),
        source: source.clone(),
        ..options_of(&source)
    };
    let client = Client::with_tuning(&with(proxy.url("")), tuning()).unwrap();
    let fetched = client.get(&segment("http://media.example/a.ts")).await.unwrap();
    assert_eq!(&fetched.bytes[..], b"http://media.example/a.ts by proxy");
    for bad in [
        "nonsense",
        "ftp://127.0.0.1:1",
        "http://",
        "gopher://user:s3cret@h",
    ] {
        let error = Client::new(&with(bad.to_owned())).unwrap_err();
        assert_eq!(error.code().as_str(), "usage", "{bad}");
        assert!(
            error.to_string().starts_with("the proxy cannot be used: "),
            "{error}"
        );
        assert!(!error.to_string().contains("s3cret"), "{error}");
    }
}

fn options_of(source: &AbsoluteUrl) -> ClientOptions {
    ClientOptions {
        context: RequestContext::default(),
        source: source.clone(),
        private_addresses: Permission::Refused,
        downgrades: Permission::Refused,
        proxy: None,
        network: Arc::default(),
    }
}
