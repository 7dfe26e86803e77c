//! Servers that misbehave: the rows of faults.md that concern one fetch, by their number.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on should say so at once"
)]

use std::collections::HashMap;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use weir::fetch::{
    Client, ClientOptions, FetchError, Limits, Meter, Permission, ResponseFault, Retries, Tuning,
};
use weir_tests::origin::{Origin, Ranges, Reply, faults};

use crate::fetch::{client, failure, impatient, options, part, playlist, segment, tuning};

const BODY: &str = "0123456789";

/// Fetches `/x`, which answers with `replies` one after the other; the bytes, the retries, the requests.
async fn fetch_after(replies: impl IntoIterator<Item = Reply>, tuning: Tuning) -> (Vec<u8>, u32, usize) {
    let origin = Origin::start().unwrap();
    origin.sequence("/x", replies);
    let client = Client::with_tuning(&options(&origin), tuning).unwrap();
    let meter = Meter::default();
    let fetched = client
        .get_metered(&segment(&origin.url("/x")), &meter)
        .await
        .unwrap();
    assert_eq!(meter.retries(), u64::from(fetched.retries));
    (fetched.bytes.to_vec(), fetched.retries, origin.requests().len())
}

/// The error of `/x`, which always answers with `reply`, and how often it was asked.
async fn fail_with(reply: Reply, tuning: Tuning) -> (FetchError, usize) {
    let origin = Origin::start().unwrap();
    origin.reply("/x", reply);
    let client = Client::with_tuning(&options(&origin), tuning).unwrap();
    let error = failure(&client, &segment(&origin.url("/x?token=s3cret"))).await;
    assert!(!error.to_string().contains("s3cret"), "{error}");
    assert!(
        error.to_string().contains(&origin.url("/x?...")),
        "it does not say where: {error}"
    );
    (error, origin.requests().len())
}

#[tokio::test]
async fn row_1_what_usually_passes_is_tried_again() {
    for status in [408, 429, 500, 502, 503, 504] {
        let replies = [Reply::status(status), Reply::status(status), Reply::ok(BODY)];
        assert_eq!(
            fetch_after(replies, tuning()).await,
            (BODY.into(), 2, 3),
            "{status}"
        );
        let (error, asked) = fail_with(Reply::status(status), tuning()).await;
        assert_eq!((error.status(), asked), (Some(status), 4));
        assert_eq!(error.code().as_str(), "http-status");
        assert!(error.to_string().ends_with("(tried 4 times)"), "{error}");
    }
}

/// A host that fails is asked a fifth more often than one that does not, a few times at the beginning and slowly apart:
/// tries beyond that wait their turn, and none is lost.
#[tokio::test]
async fn row_1_tries_at_a_host_that_keeps_failing_are_paced() {
    const SEGMENTS: u32 = 50;
    const AT_ONCE: u32 = 10 + SEGMENTS / 5;
    let pace = Duration::from_millis(10);
    let retries = Retries {
        pace,
        ..tuning().retries
    };
    // Of each segment all four tries fail, or the first two.
    for (fails, passes) in [(4, false), (2, true)] {
        let origin = Origin::start().unwrap();
        for number in 0..SEGMENTS {
            let refused = (0..fails).map(|_| Reply::status(503));
            let replies = refused.chain(passes.then(|| Reply::ok(BODY)));
            origin.sequence(&format!("/{number}"), replies);
        }
        let client = Client::with_tuning(&options(&origin), Tuning { retries, ..tuning() }).unwrap();
        let segments: Vec<_> = (0..SEGMENTS)
            .map(|number| segment(&origin.url(&format!("/{number}"))))
            .collect();
        let started = Instant::now();
        let outcomes = join_all(segments.iter().map(|segment| client.get(segment))).await;
        let took = started.elapsed();
        assert!(outcomes.iter().all(|outcome| outcome.is_ok() == passes));
        let again = u32::try_from(origin.requests().len()).unwrap() - SEGMENTS;
        assert_eq!(
            again,
            SEGMENTS * if passes { 2 } else { 3 },
            "each has all its tries"
        );
        assert!(took >= pace * (again - AT_ONCE), "{again} more in {took:?}");
    }
}

#[tokio::test]
async fn row_2_what_is_gone_is_tried_twice_and_what_is_refused_once() {
    for (status, tries) in [
        (404, 2),
        (410, 2),
        (403, 1),
        (401, 1),
        (400, 1),
        (501, 1),
        (204, 1),
        (304, 1),
    ] {
        let (error, asked) = fail_with(Reply::status(status), tuning()).await;
        assert_eq!((error.status(), asked), (Some(status), tries), "{status}");
    }
}

#[tokio::test]
async fn row_3_retry_after_holds_the_whole_host() {
    let origin = Origin::start().unwrap();
    origin.sequence(
        "/x",
        [
            Reply::status(503).with_header("Retry-After", "3600"),
            Reply::ok(BODY),
        ],
    );
    origin.reply("/y", Reply::ok(BODY));
    let pause = Duration::from_millis(600);
    let retries = Retries {
        max_retry_after: pause,
        ..tuning().retries
    };
    let options = options(&origin);
    let client = Client::with_tuning(&options, Tuning { retries, ..tuning() }).unwrap();
    let of_another_job = Client::new(&options).unwrap();
    let (x, y, meter) = (
        segment(&origin.url("/x")),
        segment(&origin.url("/y")),
        Meter::default(),
    );
    let started = Instant::now();
    let mut told = std::pin::pin!(client.get_metered(&x, &meter));
    while meter.retries() == 0 {
        assert!(futures_util::poll!(told.as_mut()).is_pending());
        tokio::task::yield_now().await;
    }
    // The host has said when to come back, and that goes for its other paths too, whoever asks.
    let (one, other) = tokio::join!(client.get(&y), async {
        let fetched = of_another_job.get(&y).await;
        (fetched, started.elapsed())
    });
    one.unwrap();
    other.0.unwrap();
    assert!(other.1 >= pause, "{:?}", other.1);
    assert!(started.elapsed() >= pause, "{:?}", started.elapsed());
    assert_eq!(&told.await.unwrap().bytes[..], BODY.as_bytes());
}

#[tokio::test]
async fn rows_4_and_5_a_past_date_and_garbage_hold_nobody() {
    for value in ["Sun, 06 Nov 1994 08:49:37 GMT", "0", "soon", "-5", "1.5"] {
        let started = Instant::now();
        let replies = [
            Reply::status(503).with_header("Retry-After", value),
            Reply::ok(BODY),
        ];
        assert_eq!(
            fetch_after(replies, tuning()).await,
            (BODY.into(), 1, 2),
            "{value}"
        );
        assert!(started.elapsed() < Duration::from_secs(30), "{value}");
    }
}

#[tokio::test]
async fn row_7_a_wrong_part_is_never_taken() {
    let origin = Origin::start().unwrap();
    let client = client(&origin);
    let fetch = async |path: &str| client.get(&part(&origin.url(path), 2, 3)).await;

    // A whole instead of the part is cut, when it is long enough; the rest of it is not even read.
    origin.reply("/whole", Reply::ok(BODY).with_ranges(Ranges::Ignored));
    assert_eq!(&fetch("/whole").await.unwrap().bytes[..], b"234");
    origin.reply("/chunked", faults::chunked(BODY, 1));
    assert_eq!(&fetch("/chunked").await.unwrap().bytes[..], b"234");
    origin.reply("/endless", faults::endless_body());
    assert_eq!(&fetch("/endless").await.unwrap().bytes[..], b"GGG");
    for (path, reply) in [
        ("/short", Reply::ok("0123").with_ranges(Ranges::Ignored)),
        ("/short-chunked", faults::chunked("0123", 1)),
    ] {
        origin.reply(path, reply);
        let error = fetch(path).await.unwrap_err();
        assert!(
            error
                .to_string()
                .contains("asked for bytes 2-4, the server sent the whole, which has only 4"),
            "{error}"
        );
    }

    for (path, body, range, expected) in [
        (
            "/other",
            "012",
            "bytes 0-2/10",
            "asked for bytes 2-4, got bytes 0-2/10",
        ),
        (
            "/longer",
            "2345",
            "bytes 2-5/10",
            "asked for bytes 2-4, got bytes 2-5/10",
        ),
        (
            "/shorter",
            "23",
            "bytes 2-3/4",
            "asked for bytes 2-4, got bytes 2-3/4",
        ),
        (
            "/lying",
            "2345",
            "bytes 2-4/10",
            "the body has 4 bytes, 3 were announced",
        ),
        ("/garbled", "234", "2-4", "asked for bytes 2-4, got 2-4"),
    ] {
        origin.reply(path, faults::partial(body, range));
        let error = fetch(path).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{path}: {error}");
        assert_eq!(error.code().as_str(), "bad-response");
    }

    origin.reply("/416", Reply::ok("01"));
    let error = fetch("/416").await.unwrap_err();
    assert!(
        matches!(error.response_fault(), Some(ResponseFault::NotSatisfiable(_))),
        "{error}"
    );
    assert_eq!(origin.requests_for("/416").len(), 1);
    // A whole that is too long to look for the part in it.
    let beyond = part(&origin.url("/endless"), 600_000_000, 3);
    let error = failure(&client, &beyond).await;
    assert!(
        error.to_string().contains("the server only sends the whole"),
        "{error}"
    );
    // A part where the whole was asked for.
    origin.reply("/unasked", faults::partial("012", "bytes 0-2/10"));
    let error = failure(&client, &segment(&origin.url("/unasked"))).await;
    assert!(error.to_string().contains("got a part (bytes 0-2/10)"), "{error}");
}

#[tokio::test]
async fn rows_8_9_and_11_a_broken_body_is_fetched_again() {
    for fault in [
        faults::reset_after(BODY, 4),
        faults::reset_at_once(),
        faults::close_at_once(),
        faults::short_body(BODY, 4),
        faults::short_body(BODY, 0),
        faults::truncated_chunked(BODY, 4),
    ] {
        assert_eq!(
            fetch_after([fault.clone(), Reply::ok(BODY)], tuning()).await,
            (BODY.into(), 1, 2),
            "{fault:?}"
        );
    }
    let (error, asked) = fail_with(faults::short_body(BODY, 4), tuning()).await;
    assert!(
        error
            .to_string()
            .contains("the body has 4 bytes, 10 were announced"),
        "{error}"
    );
    assert_eq!(asked, 4);
    let (error, asked) = fail_with(faults::reset_after(BODY, 4), tuning()).await;
    assert!(error.to_string().contains("the connection broke: "), "{error}");
    assert_eq!((error.code().as_str(), asked), ("network", 4));
}

#[tokio::test]
async fn row_10_what_comes_after_the_announced_body_is_dropped_with_its_connection() {
    let origin = Origin::start().unwrap();
    origin.reply(
        "/long",
        faults::long_body(BODY, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL"),
    );
    origin.reply("/next", Reply::ok("next"));
    let client = client(&origin);
    assert_eq!(
        &client.get(&segment(&origin.url("/long"))).await.unwrap().bytes[..],
        BODY.as_bytes()
    );
    assert_eq!(
        &client.get(&segment(&origin.url("/next"))).await.unwrap().bytes[..],
        b"next"
    );
    assert_eq!(origin.connections(), 2);
}

/// HTTP cannot tell this from a complete body: what reads the media has to.
#[tokio::test]
async fn row_12_a_cut_without_any_length_passes_for_complete() {
    assert_eq!(
        fetch_after([faults::cut_without_length(BODY, 4)], tuning()).await,
        ("0123".into(), 0, 1)
    );
}

#[tokio::test]
async fn row_13_a_stalled_body_is_given_up_and_fetched_again() {
    let (body, retries, _) = fetch_after([faults::stall_after(BODY, 4), Reply::ok(BODY)], impatient()).await;
    assert_eq!(body, BODY.as_bytes());
    assert!(retries >= 1);
    let (error, asked) = fail_with(faults::stall_after(BODY, 4), impatient()).await;
    assert!(
        error
            .to_string()
            .contains("the server stopped sending for 300 ms"),
        "{error}"
    );
    assert_eq!((error.code().as_str(), asked), ("network", 4));
}

#[tokio::test]
async fn row_14_a_drip_is_not_waited_for() {
    let (error, _) = fail_with(
        faults::drip(vec![0x47; 100_000], Duration::from_millis(20)),
        impatient(),
    )
    .await;
    assert!(error.to_string().contains("too slow: "), "{error}");
    // A small body may take its time, as long as it comes within one stretch of the measurement.
    let (body, _, _) = fetch_after([faults::drip(BODY, Duration::from_millis(5))], impatient()).await;
    assert_eq!(body, BODY.as_bytes());
}

#[tokio::test]
async fn row_15_slow_headers_have_a_deadline() {
    for fault in [
        faults::no_headers(),
        faults::dripping_headers(Duration::from_millis(20)),
    ] {
        let (error, asked) = fail_with(fault, impatient()).await;
        assert!(error.to_string().contains("no answer within 150 ms"), "{error}");
        assert_eq!((error.code().as_str(), asked), ("network", 4));
    }
}

#[tokio::test]
async fn row_16_a_black_hole_has_a_deadline_and_other_addresses_are_tried() {
    // A listener whose queue is full lets no further handshake through.
    let hole = tokio::net::TcpSocket::new_v4().unwrap();
    hole.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let hole = hole.listen(0).unwrap();
    let address = hole.local_addr().unwrap();
    let mut filling = Vec::new();
    for _ in 0..2 {
        let connect = tokio::net::TcpStream::connect(address);
        filling.push(tokio::time::timeout(Duration::from_millis(200), connect).await);
    }
    let origin = Origin::start().unwrap();
    let client = Client::with_tuning(&options(&origin), impatient()).unwrap();
    let error = failure(&client, &segment(&format!("http://{address}/x"))).await;
    let expected = ["no connection within 150 ms", "no answer within 150 ms"];
    assert!(
        expected.iter().any(|text| error.to_string().contains(text)),
        "{error}"
    );

    // Nobody is at the first address (RFC 5737), somebody at the second.
    origin.reply("/x", Reply::ok(BODY));
    let addresses = vec!["192.0.2.1".parse().unwrap(), origin.address().ip()];
    let hosts = HashMap::from([("two.test".to_owned(), addresses)]);
    let options = ClientOptions {
        private_addresses: Permission::Allowed,
        ..options(&origin)
    };
    let client = Client::with_tuning(&options, Tuning { hosts, ..tuning() }).unwrap();
    let fetched = client
        .get(&segment(&origin.url_as("two.test", "/x")))
        .await
        .unwrap();
    assert_eq!(&fetched.bytes[..], BODY.as_bytes());
}

#[tokio::test]
async fn nobody_listening_is_tried_again_and_then_said() {
    let gone = Origin::start().unwrap();
    let client = client(&gone);
    let target = gone.url("/x");
    drop(gone);
    let error = failure(&client, &segment(&target)).await;
    assert!(
        error.to_string().contains("no connection: ") && error.to_string().ends_with("(tried 4 times)"),
        "{error}"
    );
}

#[tokio::test]
async fn rows_21_and_22_bodies_have_a_limit() {
    let origin = Origin::start().unwrap();
    origin.reply("/bomb", faults::gzip_bomb(20_000_000));
    origin.reply("/quiet-bomb", Reply::ok(faults::gzip_bytes(&vec![0; 20_000_000])));
    origin.reply("/endless", faults::endless_body());
    origin.reply("/announced", faults::short_body(vec![0; 2_000_000], 0));
    let limits = Limits {
        playlist_bytes: 1_000_000,
        segment_bytes: 1_000_000,
        ..Limits::default()
    };
    let client = Client::with_tuning(&options(&origin), Tuning { limits, ..tuning() }).unwrap();
    for path in ["/bomb", "/quiet-bomb", "/endless"] {
        let error = failure(&client, &playlist(&origin.url(path))).await;
        assert!(
            error
                .to_string()
                .contains("the playlist is too large: more than 1000000 bytes"),
            "{path}: {error}"
        );
        assert_eq!(
            (error.code().as_str(), origin.requests_for(path).len()),
            ("bad-response", 1),
            "{path}"
        );
    }
    for path in ["/bomb", "/endless"] {
        let error = failure(&client, &segment(&origin.url(path))).await;
        assert!(
            error.to_string().contains("the segment is too large"),
            "{path}: {error}"
        );
    }
    let error = failure(&client, &segment(&origin.url("/announced"))).await;
    assert!(
        error
            .to_string()
            .contains("too large: 2000000 bytes, the limit is 1000000"),
        "{error}"
    );
}

#[tokio::test]
async fn row_23_endless_headers_and_no_http_at_all() {
    for fault in [faults::endless_headers(), faults::garbage()] {
        let (error, asked) = fail_with(fault, tuning()).await;
        assert!(
            error
                .to_string()
                .contains("the server does not speak HTTP properly"),
            "{error}"
        );
        assert_eq!((error.code().as_str(), asked), ("bad-response", 2));
    }
}

#[tokio::test]
async fn row_26_a_web_page_is_no_segment() {
    for (body, expected) in [
        (
            "<!DOCTYPE html><title>Log in",
            "got a web page (login or captcha?) instead of the segment",
        ),
        (
            r#"{"error": "link expired"}"#,
            "got JSON (an error message?) instead of the segment",
        ),
        ("", "the segment is empty"),
    ] {
        let (error, asked) = fail_with(Reply::ok(body).with_type("video/mp2t"), tuning()).await;
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!((error.code().as_str(), asked), ("bad-response", 2));
    }
}
