//! https: HTTP/2 and its faults, certificates, and the way back to http (faults.md 19, 29, 30).
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on should say so at once"
)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures_util::future::join_all;
use h2::Reason;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use weir::fetch::{Client, ClientOptions, Permission, Tuning};
use weir_tests::origin::{Origin, Reply};

use crate::fetch::{failure, options, segment, tuning, url};

const AUTHORITY: &[u8] = include_bytes!("../../fixtures/tls/authority.der");
const SERVER: &[u8] = include_bytes!("../../fixtures/tls/server.der");
const EXPIRED: &[u8] = include_bytes!("../../fixtures/tls/expired.der");
const SERVER_KEY: &[u8] = include_bytes!("../../fixtures/tls/server.key.der");

const BODY: &str = "0123456789";

/// What the server does with one request.
enum Act {
    Body(&'static str),
    Redirect(String),
    /// Resets the stream before any answer.
    Refuse(Reason),
    /// Announces `BODY`, sends half of it and resets the stream.
    BreakOff(Reason),
    /// Ends the connection without answering.
    GoAway(Reason),
}

/// An HTTP/2 server on loopback.
struct Http2 {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    requests: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Http2 {
    /// Answers the n-th request as `act(n)` says.
    async fn start(certificate: &'static [u8], act: impl Fn(usize) -> Act + Send + Sync + 'static) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(SERVER_KEY));
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![CertificateDer::from(certificate)], key)
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (connections, requests) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let task = tokio::spawn({
            let (connections, requests, act) =
                (Arc::clone(&connections), Arc::clone(&requests), Arc::new(act));
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    connections.fetch_add(1, Ordering::Relaxed);
                    let (acceptor, requests, act) =
                        (acceptor.clone(), Arc::clone(&requests), Arc::clone(&act));
                    tokio::spawn(async move { serve(acceptor, stream, &requests, &*act).await });
                }
            }
        });
        Self {
            address,
            connections,
            requests,
            task,
        }
    }

    fn url(&self, target: &str) -> String {
        format!("https://{}{target}", self.address)
    }

    fn counts(&self) -> (usize, usize) {
        (
            self.connections.load(Ordering::Relaxed),
            self.requests.load(Ordering::Relaxed),
        )
    }

    fn options(&self) -> ClientOptions {
        ClientOptions {
            context: weir_core::protocol::RequestContext::default(),
            source: url(&self.url("/master.m3u8")),
            private_addresses: Permission::Refused,
            downgrades: Permission::Refused,
            proxy: None,
            network: Arc::default(),
        }
    }
}

impl Drop for Http2 {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    acceptor: TlsAcceptor,
    stream: TcpStream,
    requests: &AtomicUsize,
    act: &(dyn Fn(usize) -> Act + Sync),
) {
    let Ok(stream) = acceptor.accept(stream).await else {
        return;
    };
    let mut connection = h2::server::handshake(stream).await.unwrap();
    while let Some(Ok((_, mut respond))) = connection.accept().await {
        let head = http::Response::builder().header("content-length", BODY.len());
        match act(requests.fetch_add(1, Ordering::Relaxed)) {
            Act::Body(body) => {
                let mut body_stream = respond.send_response(head.body(()).unwrap(), false).unwrap();
                body_stream
                    .send_data(Bytes::from_static(body.as_bytes()), true)
                    .unwrap();
            }
            Act::Redirect(location) => {
                let head = http::Response::builder().status(302).header("location", location);
                respond.send_response(head.body(()).unwrap(), true).unwrap();
            }
            Act::Refuse(reason) => respond.send_reset(reason),
            Act::BreakOff(reason) => {
                let mut body_stream = respond.send_response(head.body(()).unwrap(), false).unwrap();
                body_stream
                    .send_data(Bytes::from_static(b"01234"), false)
                    .unwrap();
                // The half has to be out before the reset overtakes it.
                tokio::spawn(async move {
                    tokio::task::yield_now().await;
                    body_stream.send_reset(reason);
                });
            }
            Act::GoAway(reason) => connection.abrupt_shutdown(reason),
        }
    }
}

fn trusting(options: &ClientOptions) -> Client {
    Client::with_tuning(
        options,
        Tuning {
            extra_roots: vec![AUTHORITY.to_vec()],
            ..tuning()
        },
    )
    .unwrap()
}

#[tokio::test]
async fn many_fetches_share_one_http_2_connection() {
    let server = Http2::start(SERVER, |_| Act::Body(BODY)).await;
    let client = trusting(&server.options());
    let resources: Vec<_> = (0..20)
        .map(|n| segment(&server.url(&format!("/{n}.ts"))))
        .collect();
    // The first opens the connection that the others find.
    client.get(&segment(&server.url("/first.ts"))).await.unwrap();
    for fetched in join_all(resources.iter().map(|resource| client.get(resource))).await {
        assert_eq!(&fetched.unwrap().bytes[..], BODY.as_bytes());
    }
    assert_eq!(server.counts(), (1, 21));
}

#[tokio::test]
async fn row_30_streams_and_connections_that_end_are_taken_up_again() {
    for (first, name) in [
        (Act::Refuse as fn(Reason) -> Act, "refused"),
        (Act::BreakOff, "broken off"),
        (Act::GoAway, "goaway"),
    ] {
        for reason in [
            Reason::REFUSED_STREAM,
            Reason::INTERNAL_ERROR,
            Reason::ENHANCE_YOUR_CALM,
            Reason::NO_ERROR,
        ] {
            let act = move |n| if n == 0 { first(reason) } else { Act::Body(BODY) };
            let server = Http2::start(SERVER, act).await;
            let fetched = trusting(&server.options()).get(&segment(&server.url("/x"))).await;
            assert_eq!(&fetched.unwrap().bytes[..], BODY.as_bytes(), "{name}, {reason:?}");
            assert_eq!(server.requests.load(Ordering::Relaxed), 2, "{name}, {reason:?}");
        }
    }
}

#[tokio::test]
async fn row_9_a_short_body_over_http_2_is_no_body() {
    let server = Http2::start(SERVER, |_| Act::Body("0123")).await;
    let error = failure(&trusting(&server.options()), &segment(&server.url("/x"))).await;
    assert!(
        matches!(error.code().as_str(), "network" | "bad-response"),
        "{error}"
    );
    assert_eq!(server.requests.load(Ordering::Relaxed), 4, "{error}");
}

#[tokio::test]
async fn row_19_https_does_not_end_in_http_unless_allowed() {
    let plain = Origin::start().unwrap();
    plain.reply("/x", Reply::ok(BODY));
    let target = plain.url("/x");
    let server = Http2::start(SERVER, move |_| Act::Redirect(target.clone())).await;

    let client = trusting(&server.options());
    for asked in [server.url("/x"), plain.url("/x")] {
        let error = failure(&client, &segment(&asked)).await;
        assert_eq!(error.code().as_str(), "insecure-downgrade", "{asked}: {error}");
        assert!(error.to_string().contains("insecure downgrade"), "{error}");
    }
    assert_eq!((plain.connections(), server.counts()), (0, (1, 1)));

    let allowed = ClientOptions {
        downgrades: Permission::Allowed,
        ..server.options()
    };
    let fetched = trusting(&allowed).get(&segment(&server.url("/x"))).await.unwrap();
    assert_eq!(
        (&fetched.bytes[..], fetched.final_url.scheme()),
        (BODY.as_bytes(), "http")
    );
}

#[tokio::test]
async fn row_29_says_which_check_failed_and_does_not_try_again() {
    let check = async |client: Client, asked: String, expected: &str| {
        let error = failure(&client, &segment(&asked)).await;
        assert!(error.to_string().contains(expected), "{asked}: {error}");
        assert!(!error.to_string().contains("tried"), "{error}");
        assert_eq!(error.code().as_str(), "tls");
    };
    let server = Http2::start(SERVER, |_| Act::Body(BODY)).await;
    let stranger = Client::with_tuning(&server.options(), tuning()).unwrap();
    check(
        stranger,
        server.url("/x"),
        "from an authority that this machine does not trust",
    )
    .await;
    assert_eq!(server.counts(), (1, 0));

    let expired = Http2::start(EXPIRED, |_| Act::Body(BODY)).await;
    check(
        trusting(&expired.options()),
        expired.url("/x"),
        "the certificate has expired",
    )
    .await;
    assert_eq!(expired.counts(), (1, 0));

    let other_name = server.url("/x").replace("127.0.0.1", "other.localhost");
    let hosts = std::collections::HashMap::from([("other.localhost".to_owned(), vec![server.address.ip()])]);
    let tuning = Tuning {
        extra_roots: vec![AUTHORITY.to_vec()],
        hosts,
        ..tuning()
    };
    let client = Client::with_tuning(&server.options(), tuning).unwrap();
    check(client, other_name, "the certificate is for another name").await;

    let plain = Origin::start().unwrap();
    plain.reply("/x", Reply::ok(BODY));
    let asked = plain.url("/x").replace("http:", "https:");
    check(
        trusting(&options(&plain)),
        asked,
        "the server does not speak TLS there",
    )
    .await;
}
