//! One connection: requests in, replies out, until either side has enough.

use std::io;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::reply::{self, Body};
use super::{Reply, Request, Shared, Step};

/// Serves one connection to its end.
pub(super) async fn serve(mut stream: TcpStream, number: usize, shared: Arc<Shared>) {
    let _ = stream.set_nodelay(true);
    let mut buffer = BytesMut::new();
    while let Some(request) = Request::read(&mut stream, &mut buffer, number).await {
        let _in_flight = shared.begin(request.clone());
        if is_preflight(&request) {
            if stream.write_all(preflight(&request).as_bytes()).await.is_err() {
                return;
            }
            continue;
        }
        let reply = shared.answer(&request);
        let Some(()) = hold(&mut stream, &reply).await else {
            return;
        };
        match &reply.body {
            Body::Full(full) => {
                let (head, body) = reply.serialise(&request, full);
                let sent = match reply.bytes_per_second {
                    Some(rate) => send_slowly(&mut stream, head.as_bytes(), &body, rate).await,
                    None => send(&mut stream, head.as_bytes(), &body).await,
                };
                if sent.is_err() {
                    return;
                }
                shared.answered(&request);
            }
            Body::Script(steps) => {
                for step in steps {
                    if play(&mut stream, step).await.is_none() {
                        return;
                    }
                }
                let _ = stream.shutdown().await;
                return;
            }
        }
        if request
            .header("connection")
            .is_some_and(|value| value.eq_ignore_ascii_case("close"))
        {
            let _ = stream.shutdown().await;
            return;
        }
    }
    if !buffer.is_empty() {
        // No HTTP: what a plain server says to TLS.
        let _ = stream
            .write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
            .await;
        let _ = stream.shutdown().await;
    }
}

async fn send(stream: &mut TcpStream, head: &[u8], body: &[u8]) -> io::Result<()> {
    stream.write_all(head).await?;
    stream.write_all(body).await
}

/// The same, each piece when those before it have had their time.
async fn send_slowly(stream: &mut TcpStream, head: &[u8], body: &[u8], rate: NonZeroU32) -> io::Result<()> {
    /// As much as is sent at a time: 8 ms at 2 MB/s.
    const PIECE_BYTES: usize = 16 * 1024;
    stream.write_all(head).await?;
    let mut due = Instant::now();
    for piece in body.chunks(PIECE_BYTES) {
        due += Duration::from_secs_f64(
            f64::from(u32::try_from(piece.len()).unwrap_or(0)) / f64::from(rate.get()),
        );
        tokio::time::sleep_until(due).await;
        stream.write_all(piece).await?;
    }
    Ok(())
}

/// Waits as the reply asks; None when the client leaves meanwhile.
async fn hold(stream: &mut TcpStream, reply: &Reply) -> Option<()> {
    if let Some(delay) = reply.delay {
        play(stream, &Step::Wait(delay)).await?;
    }
    if let Some(gate) = &reply.gate {
        play(stream, &Step::WaitFor(gate.clone())).await?;
    }
    Some(())
}

/// Plays one step; None when the connection is over.
async fn play(stream: &mut TcpStream, step: &Step) -> Option<()> {
    match step {
        Step::Send(bytes) => stream.write_all(bytes).await.ok(),
        Step::SendForEver(bytes) => loop {
            stream.write_all(bytes).await.ok()?;
        },
        Step::Drip(bytes, pause) => {
            for byte in bytes {
                stream.write_u8(*byte).await.ok()?;
                wait_or_gone(stream, tokio::time::sleep(*pause)).await?;
            }
            Some(())
        }
        Step::Wait(time) => wait_or_gone(stream, tokio::time::sleep(*time)).await,
        Step::WaitFor(gate) => wait_or_gone(stream, gate.opened()).await,
        Step::Stall => wait_or_gone(stream, tokio::time::sleep(Duration::MAX)).await,
        Step::Reset => {
            let _ = stream.set_zero_linger();
            None
        }
    }
}

/// Waits for `event`, or returns None as soon as the client closes: an aborted request must not go on
/// counting as in flight.
async fn wait_or_gone(stream: &mut TcpStream, event: impl Future<Output = ()>) -> Option<()> {
    let mut event = std::pin::pin!(event);
    let mut byte = [0];
    tokio::select! {
        () = &mut event => return Some(()),
        read = stream.peek(&mut byte) => if matches!(read, Ok(0) | Err(_)) {
            return None;
        },
    }
    // A pipelined request has come meanwhile: it waits its turn.
    event.await;
    Some(())
}

fn is_preflight(request: &Request) -> bool {
    request.method == "OPTIONS" && request.header("access-control-request-method").is_some()
}

fn preflight(request: &Request) -> String {
    let mut headers = reply::cors(request);
    let asked = request.header("access-control-request-headers").unwrap_or("");
    headers.push((
        "Access-Control-Allow-Methods".to_owned(),
        "GET, HEAD, POST".to_owned(),
    ));
    if !asked.is_empty() {
        headers.push(("Access-Control-Allow-Headers".to_owned(), asked.to_owned()));
    }
    // Pages on public addresses and localhost alike may ask this loopback origin.
    headers.push((
        "Access-Control-Allow-Private-Network".to_owned(),
        "true".to_owned(),
    ));
    reply::head(204, &headers)
}

/// The bytes of a chunk in the chunked coding.
pub(super) fn chunk(bytes: &Bytes) -> Bytes {
    let mut all = format!("{:x}\r\n", bytes.len()).into_bytes();
    all.extend_from_slice(bytes);
    all.extend_from_slice(b"\r\n");
    all.into()
}
