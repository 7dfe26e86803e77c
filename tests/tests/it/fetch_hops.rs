//! Where a fetch may be led: redirects, addresses and names (faults.md 17, 18, 20, 28).

use std::collections::HashMap;

use weir::fetch::{Client, ClientOptions, Permission, Tuning};
use weir_core::protocol::RequestContext;
use weir_tests::origin::{Origin, Reply, faults};

use crate::fetch::{client, cookie, failure, headers, options, segment, tuning, url};

const BODY: &str = "0123456789";

#[tokio::test]
async fn row_17_a_redirect_loop_ends_after_ten_hops_and_shows_them() {
    let origin = Origin::start().unwrap();
    origin.reply("/a", faults::redirect_to_itself("/b"));
    origin.reply("/b", faults::redirect_to_itself("/a?token=s3cret"));
    let error = failure(&client(&origin), &segment(&origin.url("/a"))).await;
    let shown = error.to_string();
    assert!(
        shown.contains(&format!("{} -> {} -> ", origin.url("/a"), origin.url("/b"))),
        "{shown}"
    );
    assert!(
        shown.contains("redirected too often") && !shown.contains("s3cret"),
        "{shown}"
    );
    assert_eq!(error.code().as_str(), "redirect");
    assert_eq!(origin.requests().len(), 11);
}

#[tokio::test]
async fn row_18_another_origin_gets_no_custom_header_and_its_own_cookies() {
    let (first, second) = (Origin::start().unwrap(), Origin::start().unwrap());
    first.reply("/x", Reply::redirect(302, &second.url_as("b.test", "/y")));
    second.reply("/y", Reply::redirect(302, "/z"));
    second.reply("/z", Reply::ok(BODY));
    let context = RequestContext {
        headers: headers(&[
            ("User-Agent", "Browser/1"),
            ("Accept-Language", "zh"),
            ("Authorization", "Bearer s3cret"),
            ("X-Token", "s3cret"),
            ("Referer", "http://page.test/"),
            ("Origin", "http://page.test"),
        ]),
        cookies: vec![cookie("a", "a.test"), cookie("b", "b.test")],
        page: None,
    };
    let loopback = vec![first.address().ip()];
    let hosts = HashMap::from([
        ("a.test".to_owned(), loopback.clone()),
        ("b.test".to_owned(), loopback),
    ]);
    let options = ClientOptions {
        context,
        private_addresses: Permission::Allowed,
        ..options(&first)
    };
    let client = Client::with_tuning(&options, Tuning { hosts, ..tuning() }).unwrap();
    let fetched = client.get(&segment(&first.url_as("a.test", "/x"))).await.unwrap();
    assert_eq!(fetched.final_url.as_str(), second.url_as("b.test", "/z"));

    let asked = first.requests().remove(0);
    assert_eq!(asked.header("authorization"), Some("Bearer s3cret"));
    assert_eq!(
        (asked.header("x-token"), asked.header("cookie")),
        (Some("s3cret"), Some("a=1"))
    );
    for hop in second.requests() {
        assert_eq!(
            (hop.header("authorization"), hop.header("x-token")),
            (None, None),
            "{}",
            hop.target
        );
        assert_eq!(hop.header("cookie"), Some("b=1"), "{}", hop.target);
        assert_eq!(hop.header("user-agent"), Some("Browser/1"));
        assert_eq!(hop.header("accept-language"), Some("zh"));
        assert_eq!(hop.header("referer"), Some("http://page.test/"));
    }
}

/// And bad-inputs 28 to 33: where a public playlist must not lead.
#[tokio::test]
async fn row_18_private_addresses_are_refused_at_every_hop_and_connection() {
    let origin = Origin::start().unwrap();
    origin.reply("/x", Reply::ok(BODY));
    let public = ClientOptions {
        source: url("https://cdn.example/a.m3u8"),
        ..options(&origin)
    };
    let hosts = HashMap::from([
        ("rebound.example".to_owned(), vec![origin.address().ip()]),
        ("cdn.example".to_owned(), vec![origin.address().ip()]),
    ]);
    let secure_or_not = ClientOptions {
        downgrades: Permission::Allowed,
        ..public
    };
    let client = Client::with_tuning(&secure_or_not, Tuning { hosts, ..tuning() }).unwrap();
    for target in [
        origin.url("/x"),
        origin.url_as("localhost", "/x"),
        origin.url_as("0x7f.1", "/x"),
        origin.url_as("2130706433", "/x"),
        origin.url_as("[::ffff:127.0.0.1]", "/x"),
        origin.url_as("localhost.", "/x"),
        origin.url_as("rebound.example", "/x"),
        origin.url_as("cdn.example", "/x"),
    ] {
        let error = failure(&client, &segment(&target)).await;
        assert!(error.to_string().contains("private address"), "{target}: {error}");
        assert_eq!(error.code().as_str(), "private-address", "{target}");
    }
    assert_eq!(origin.connections(), 0);

    // A private source may not be led to other private hosts either.
    origin.reply("/away", Reply::redirect(302, "http://192.168.77.77/x"));
    let error = failure(&crate::fetch::client(&origin), &segment(&origin.url("/away"))).await;
    assert_eq!(error.code().as_str(), "private-address", "{error}");
}

#[tokio::test]
async fn row_20_redirects_lead_to_http_only() {
    let origin = Origin::start().unwrap();
    let client = client(&origin);
    for (location, code) in [
        ("file:///etc/passwd", "scheme-refused"),
        ("ftp://127.0.0.1/x", "scheme-refused"),
        ("javascript:alert(1)", "scheme-refused"),
        ("data:,0123456789", "scheme-refused"),
        ("\\\\server\\share", "scheme-refused"),
        ("http://user:password@127.0.0.1/x", "redirect"),
        ("http://127.0.0.1:0/x", "redirect"),
        ("http://[", "redirect"),
    ] {
        origin.reply("/x", Reply::redirect(302, location));
        let error = failure(&client, &segment(&origin.url("/x"))).await;
        assert_eq!(error.code().as_str(), code, "{location}: {error}");
        assert!(
            error.to_string().contains("redirected to where Weir does not go"),
            "{location}: {error}"
        );
    }
    origin.reply("/x", Reply::status(302));
    assert_eq!(
        failure(&client, &segment(&origin.url("/x"))).await.status(),
        Some(302)
    );
}

#[tokio::test]
async fn row_28_a_name_that_does_not_resolve_is_named() {
    let origin = Origin::start().unwrap();
    let error = failure(&client(&origin), &segment("http://no-such-host.invalid/x")).await;
    assert!(
        error.to_string().contains("no-such-host.invalid cannot be found"),
        "{error}"
    );
    assert!(error.to_string().ends_with("(tried 3 times)"), "{error}");
    assert_eq!(error.code().as_str(), "dns");
}
