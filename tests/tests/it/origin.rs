//! The loopback origin itself: what it sends is what it was told to send.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on should say so at once"
)]

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use weir_tests::origin::{Gate, Origin, Reply, faults};

/// Sends `request` as it is and reads until the server closes.
fn exchange(origin: &Origin, request: &str) -> Result<String, std::io::Error> {
    let mut stream = TcpStream::connect(origin.address())?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn get(origin: &Origin, target: &str, more: &str) -> String {
    exchange(
        origin,
        &format!("GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{more}\r\n"),
    )
    .unwrap()
}

#[test]
fn answers_with_length_type_and_cors() {
    let origin = Origin::start().unwrap();
    origin.reply("/a.ts", Reply::ok("0123456789").with_type("video/mp2t"));
    let answer = get(&origin, "/a.ts?token=1", "Origin: http://page.test\r\n");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("Content-Type: video/mp2t\r\n"), "{answer}");
    assert!(answer.contains("Content-Length: 10\r\n"), "{answer}");
    assert!(
        answer.contains("Access-Control-Allow-Origin: http://page.test\r\n"),
        "{answer}"
    );
    assert!(
        answer.contains("Access-Control-Allow-Credentials: true\r\n"),
        "{answer}"
    );
    assert!(answer.ends_with("\r\n\r\n0123456789"), "{answer}");
    let seen = origin.requests_for("/a.ts");
    assert_eq!(seen.len(), 1);
    assert_eq!(
        (seen[0].target.as_str(), seen[0].header("ORIGIN")),
        ("/a.ts?token=1", Some("http://page.test"))
    );
}

#[test]
fn keeps_a_connection_alive_and_answers_head() {
    let origin = Origin::start().unwrap();
    origin.reply("/a", Reply::ok("abc"));
    let requests =
        "HEAD /a HTTP/1.1\r\n\r\nGET /a HTTP/1.1\r\n\r\nGET /none HTTP/1.1\r\nConnection: close\r\n\r\n";
    let answer = exchange(&origin, requests).unwrap();
    let bodies: Vec<&str> = answer.split("\r\n\r\n").collect();
    assert_eq!(bodies.len(), 4, "{answer}");
    assert!(
        bodies[1].starts_with("HTTP/1.1 200"),
        "the HEAD reply has a body: {answer}"
    );
    assert!(bodies[2].starts_with("abcHTTP/1.1 404"), "{answer}");
    assert_eq!(origin.connections(), 1);
}

#[test]
fn honours_ranges() {
    let origin = Origin::start().unwrap();
    origin.reply("/a", Reply::ok("0123456789"));
    let middle = get(&origin, "/a", "Range: bytes=2-4\r\n");
    assert!(
        middle.starts_with("HTTP/1.1 206 ") && middle.contains("Content-Range: bytes 2-4/10\r\n"),
        "{middle}"
    );
    assert!(middle.ends_with("\r\n\r\n234"), "{middle}");
    assert!(get(&origin, "/a", "Range: bytes=7-\r\n").ends_with("\r\n\r\n789"));
    assert!(get(&origin, "/a", "Range: bytes=-2\r\n").ends_with("\r\n\r\n89"));
    let outside = get(&origin, "/a", "Range: bytes=10-12\r\n");
    assert!(
        outside.starts_with("HTTP/1.1 416 ") && outside.contains("Content-Range: bytes */10\r\n"),
        "{outside}"
    );
}

#[test]
fn guards_and_preflights() {
    let origin = Origin::start().unwrap();
    origin.reply("/a", Reply::ok("yes"));
    origin.guard("/", |request| {
        let referer = request
            .header("referer")
            .is_some_and(|referer| referer.starts_with("http://page.test/"));
        (!referer || !request.has_cookie("session", "1")).then(|| Reply::status(403))
    });
    assert!(get(&origin, "/a", "").starts_with("HTTP/1.1 403"));
    assert!(get(&origin, "/a", "Referer: http://page.test/x\r\n").starts_with("HTTP/1.1 403"));
    assert!(
        get(
            &origin,
            "/a",
            "Referer: http://page.test/x\r\nCookie: a=b; session=1\r\n"
        )
        .ends_with("yes")
    );
    let preflight = "OPTIONS /a HTTP/1.1\r\nOrigin: http://page.test\r\nAccess-Control-Request-Method: GET\r\n\
                     Access-Control-Request-Headers: x-token\r\n\r\nGET /a HTTP/1.1\r\nConnection: close\r\n\r\n";
    let answer = exchange(&origin, preflight).unwrap();
    assert!(answer.starts_with("HTTP/1.1 204 "), "{answer}");
    assert!(
        answer.contains("Access-Control-Allow-Headers: x-token\r\n"),
        "{answer}"
    );
}

#[test]
fn serves_a_folder_and_nothing_outside_it() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("public")).unwrap();
    std::fs::write(folder.path().join("secret"), "secret").unwrap();
    std::fs::write(folder.path().join("public/a.m3u8"), "#EXTM3U\n").unwrap();
    let origin = Origin::start().unwrap();
    origin.directory("/files/", folder.path().join("public"));
    let answer = get(&origin, "/files/a.m3u8", "");
    assert!(
        answer.contains("Content-Type: application/vnd.apple.mpegurl\r\n") && answer.ends_with("#EXTM3U\n")
    );
    assert!(get(&origin, "/files/../secret", "").starts_with("HTTP/1.1 404"));
    assert!(get(&origin, "/files//etc/passwd", "").starts_with("HTTP/1.1 404"));
}

#[test]
fn misbehaves_as_told() {
    let origin = Origin::start().unwrap();
    origin.reply("/reset", faults::reset_after("0123456789", 4));
    origin.reply("/short", faults::short_body("0123456789", 4));
    origin.reply("/long", faults::long_body("0123", "456"));
    origin.reply("/chunked", faults::truncated_chunked("0123456789", 4));
    origin.sequence("/later", [Reply::status(503), Reply::ok("now")]);
    let request = |target: &str| exchange(&origin, &format!("GET {target} HTTP/1.1\r\n\r\n"));
    assert_eq!(request("/reset").unwrap_err().kind(), ErrorKind::ConnectionReset);
    let short = request("/short").unwrap();
    assert!(
        short.contains("Content-Length: 10\r\n") && short.ends_with("\r\n\r\n0123"),
        "{short}"
    );
    assert!(
        request("/long")
            .unwrap()
            .ends_with("Content-Length: 4\r\n\r\n0123456")
    );
    assert!(request("/chunked").unwrap().ends_with("\r\n\r\n4\r\n0123\r\n"));
    assert!(get(&origin, "/later", "").starts_with("HTTP/1.1 503"));
    assert!(get(&origin, "/later", "").ends_with("now"));
    assert!(get(&origin, "/later", "").ends_with("now"));
}

#[test]
fn a_gate_holds_replies_back_and_dropping_ends_everything() {
    let origin = Origin::start().unwrap();
    let gate = Gate::new();
    origin.reply("/held", Reply::ok("open").after(&gate));
    origin.reply("/stall", faults::stall_after("0123456789", 4));
    std::thread::scope(|scope| {
        let held = scope.spawn(|| get(&origin, "/held", ""));
        let other = scope.spawn(|| get(&origin, "/held", ""));
        while origin.in_flight() < 2 {
            std::thread::yield_now();
        }
        gate.open();
        assert!(held.join().unwrap().ends_with("open"));
        assert!(other.join().unwrap().ends_with("open"));
    });
    assert_eq!(origin.most_in_flight(), 2);
    let mut stalled = TcpStream::connect(origin.address()).unwrap();
    stalled.write_all(b"GET /stall HTTP/1.1\r\n\r\n").unwrap();
    let mut answer = [0; 16];
    stalled.read_exact(&mut answer).unwrap();
    drop(origin);
    let mut rest = Vec::new();
    // An orderly end or a reset: what matters is that it ends.
    let _ = stalled.read_to_end(&mut rest);
}
