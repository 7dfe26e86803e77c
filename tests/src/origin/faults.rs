//! Ready-made misbehaviour, one function a fault (`faults.md` numbers them).

use std::io::Write as _;
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::reply::head;
use super::{Reply, Step, connection};

const TS: &str = "video/mp2t";

/// 8: announces the whole body, sends its first `sent` bytes and resets the connection.
#[must_use]
pub fn reset_after(body: impl Into<Bytes>, sent: usize) -> Reply {
    let body = body.into();
    Reply::script([announce(body.len()), part(&body, sent), Step::Reset])
}

/// Resets the connection instead of answering.
#[must_use]
pub fn reset_at_once() -> Reply {
    Reply::script([Step::Reset])
}

/// Closes the connection in an orderly way instead of answering.
#[must_use]
pub fn close_at_once() -> Reply {
    Reply::script([])
}

/// 9: announces the whole body, sends its first `sent` bytes and closes.
#[must_use]
pub fn short_body(body: impl Into<Bytes>, sent: usize) -> Reply {
    let body = body.into();
    Reply::script([announce(body.len()), part(&body, sent)])
}

/// 10: announces `body` and sends `excess` along with it: what comes later, when the connection is used again, no client
/// can tell from the next response.
#[must_use]
pub fn long_body(body: impl Into<Bytes>, excess: impl Into<Bytes>) -> Reply {
    let (body, excess) = (body.into(), excess.into());
    let both = [&*body, &*excess].concat();
    Reply::script([announce(body.len()), Step::Send(both.into())])
}

/// 11: sends the first `sent` bytes as one chunk and closes without the last chunk.
#[must_use]
pub fn truncated_chunked(body: impl Into<Bytes>, sent: usize) -> Reply {
    let body = body.into();
    let sent = body.slice(..sent.min(body.len()));
    let head = headers(&[("Content-Type", TS), ("Transfer-Encoding", "chunked")]);
    Reply::script([head, Step::Send(connection::chunk(&sent))])
}

/// A whole body in the chunked coding, in chunks of `size` bytes: nothing wrong with it.
#[must_use]
pub fn chunked(body: impl Into<Bytes>, size: usize) -> Reply {
    let body = body.into();
    let mut steps = vec![headers(&[("Content-Type", TS), ("Transfer-Encoding", "chunked")])];
    steps.extend(
        body.chunks(size.max(1))
            .map(|part| Step::Send(connection::chunk(&body.slice_ref(part)))),
    );
    steps.push(Step::Send(Bytes::from_static(b"0\r\n\r\n")));
    Reply::script(steps)
}

/// 12: no length at all; sends the first `sent` bytes and closes, which looks like the end.
#[must_use]
pub fn cut_without_length(body: impl Into<Bytes>, sent: usize) -> Reply {
    Reply::script([headers(&[("Content-Type", TS)]), part(&body.into(), sent)])
}

/// 13: announces the whole body, sends its first `sent` bytes and then nothing more.
#[must_use]
pub fn stall_after(body: impl Into<Bytes>, sent: usize) -> Reply {
    let body = body.into();
    Reply::script([announce(body.len()), part(&body, sent), Step::Stall])
}

/// 14: announces the whole body and sends it a byte at a time, with `pause` after each.
#[must_use]
pub fn drip(body: impl Into<Bytes>, pause: Duration) -> Reply {
    let body = body.into();
    Reply::script([announce(body.len()), Step::Drip(body, pause)])
}

/// 15: never sends a head.
#[must_use]
pub fn no_headers() -> Reply {
    Reply::script([Step::Stall])
}

/// 15: drips a head, a byte at a time, for ever.
#[must_use]
pub fn dripping_headers(pause: Duration) -> Reply {
    let head = format!("HTTP/1.1 200 OK\r\nX-Slow: {}\r\n\r\n", "x".repeat(100_000));
    Reply::script([Step::Drip(head.into(), pause)])
}

/// 17: redirects to `target`, which is where it is served.
#[must_use]
pub fn redirect_to_itself(target: &str) -> Reply {
    Reply::redirect(302, target)
}

/// 21: `decoded_bytes` zeros in gzip, about a thousandth on the wire.
#[must_use]
pub fn gzip_bomb(decoded_bytes: usize) -> Reply {
    gzip(&vec![0; decoded_bytes])
}

/// A body in gzip, with the right `Content-Encoding`.
#[must_use]
pub fn gzip(body: &[u8]) -> Reply {
    Reply::ok(gzip_bytes(body))
        .with_ranges(super::Ranges::Ignored)
        .with_header("Content-Encoding", "gzip")
}

/// The gzip form of `body`.
#[must_use]
pub fn gzip_bytes(body: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    // Writing into a Vec cannot fail.
    let _ = encoder.write_all(body);
    encoder.finish().unwrap_or_default().into()
}

/// 22: a body without length or end, as fast as the client takes it.
#[must_use]
pub fn endless_body() -> Reply {
    let block = Bytes::from(vec![0x47; 64 * 1024]);
    Reply::script([headers(&[("Content-Type", TS)]), Step::SendForEver(block)])
}

/// 23: a head without end.
#[must_use]
pub fn endless_headers() -> Reply {
    Reply::script([
        Step::Send(Bytes::from_static(b"HTTP/1.1 200 OK\r\n")),
        Step::SendForEver(Bytes::from_static(
            b"X-More: 0123456789012345678901234567890123456789\r\n",
        )),
    ])
}

/// 7: 206 with a `Content-Range` of the caller's making.
#[must_use]
pub fn partial(body: impl Into<Bytes>, content_range: &str) -> Reply {
    Reply::ok(body)
        .with_status(206)
        .with_ranges(super::Ranges::Ignored)
        .with_header("Content-Range", content_range)
}

/// No HTTP at all.
#[must_use]
pub fn garbage() -> Reply {
    Reply::script([Step::Send(Bytes::from_static(
        b"\x15\x03\x01\x00\x02\x02\x28 this is no HTTP\r\n\r\n",
    ))])
}

fn announce(length: usize) -> Step {
    headers(&[("Content-Type", TS), ("Content-Length", &length.to_string())])
}

fn headers(headers: &[(&str, &str)]) -> Step {
    let headers: Vec<_> = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    Step::Send(head(200, &headers).into())
}

fn part(body: &Bytes, length: usize) -> Step {
    Step::Send(body.slice(..length.min(body.len())))
}
