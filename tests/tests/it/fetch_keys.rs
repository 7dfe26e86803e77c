//! Keys from servers: asked once, understood in every form, refused in the words of bad-inputs.md.

use std::sync::Arc;

use futures_util::future::join_all;
use tokio::sync::Semaphore;
use weir::fetch::{Client, ClientOptions};
use weir::keys::{KeyCache, KeySize};
use weir_tests::origin::{Gate, Origin, Reply};

use crate::fetch::{client, options, tuning, url};
use crate::fetch_ordered::until;

const KEY: [u8; 16] = *b"0123456789abcdef";

#[tokio::test]
async fn many_segments_ask_for_a_key_once() {
    let origin = Origin::start().unwrap();
    let gate = Gate::new();
    origin.reply("/a.key", Reply::ok(KEY.to_vec()).after(&gate));
    origin.reply("/b.key", Reply::ok("00112233445566778899aabbccddeeff\n"));
    origin.reply("/none.key", Reply::status(403));
    let keys = KeyCache::new(client(&origin));
    let (a, b, none) = (
        url(&origin.url("/a.key")),
        url(&origin.url("/b.key")),
        url(&origin.url("/none.key")),
    );

    let mut all = std::pin::pin!(join_all((0..50).map(|_| keys.get(&a, KeySize::Bits128))));
    while origin.in_flight() == 0 {
        assert!(futures_util::poll!(all.as_mut()).is_pending());
        tokio::task::yield_now().await;
    }
    gate.open();
    assert!(all.await.into_iter().all(|key| key.unwrap().bytes() == KEY));
    assert_eq!(
        keys.clone().get(&b, KeySize::Bits128).await.unwrap().bytes()[..3],
        [0x00, 0x11, 0x22]
    );
    keys.get(&b, KeySize::Bits128).await.unwrap();
    for _ in 0..3 {
        let error = keys.get(&none, KeySize::Bits128).await.unwrap_err();
        assert!(error.to_string().contains("key refused (403)"), "{error}");
    }
    assert_eq!(origin.requests().len(), 3);
}

#[tokio::test]
async fn another_asks_when_the_one_that_asked_is_cancelled() {
    let origin = Origin::start().unwrap();
    let gate = Gate::new();
    origin.reply("/a.key", Reply::ok(KEY.to_vec()).after(&gate));
    let keys = KeyCache::new(client(&origin));
    let a = url(&origin.url("/a.key"));
    let first = tokio::spawn({
        let (keys, a) = (keys.clone(), a.clone());
        async move { keys.get(&a, KeySize::Bits128).await }
    });
    while origin.in_flight() == 0 {
        tokio::task::yield_now().await;
    }
    first.abort();
    gate.open();
    assert_eq!(keys.get(&a, KeySize::Bits128).await.unwrap().bytes(), KEY);
}

#[tokio::test]
async fn a_key_asked_for_ahead_is_asked_for_once_and_ends_with_the_cache() {
    let (origin, gate) = (Origin::start().unwrap(), Gate::new());
    let keys: Vec<_> = ["/a.key", "/b.key", "/c.key"]
        .into_iter()
        .map(|path| {
            origin.reply(path, Reply::ok(KEY.to_vec()).after(&gate));
            url(&origin.url(path))
        })
        .collect();
    let places = Arc::new(Semaphore::new(1));
    let ahead = |cache: &KeyCache, key: usize| cache.ahead(&keys[key], KeySize::Bits128, &places);
    let cache = KeyCache::new(client(&origin));
    for key in [0, 0, 1] {
        ahead(&cache, key);
    }
    until("the first is asked for", || origin.in_flight() == 1).await;
    drop(cache);
    until("nobody waits for it", || origin.in_flight() == 0).await;
    assert_eq!(origin.requests().len(), 1, "one at a time");

    let cache = KeyCache::new(client(&origin));
    for key in [0, 1, 2] {
        ahead(&cache, key);
    }
    // What is wanted now waits for no place.
    let wanted = tokio::spawn({
        let (cache, key) = (cache.clone(), keys[2].clone());
        async move { cache.get(&key, KeySize::Bits128).await }
    });
    until("the first and the last are asked for", || origin.in_flight() == 2).await;
    assert!(origin.requests_for("/b.key").is_empty());
    gate.open();
    assert_eq!(wanted.await.unwrap().unwrap().bytes(), KEY);
    for key in &keys {
        assert_eq!(cache.get(key, KeySize::Bits128).await.unwrap().bytes(), KEY);
    }
    assert_eq!(origin.requests().len(), 4, "each once");
}

/// bad-inputs 39 to 43, 46 and 47.
#[tokio::test]
async fn what_is_no_key_is_said_to_be_none() {
    let origin = Origin::start().unwrap();
    let replies = [
        ("/0", Reply::ok(""), "key is 0 bytes, needs 16"),
        ("/15", Reply::ok(vec![7; 15]), "key is 15 bytes, needs 16"),
        ("/17", Reply::ok(vec![7; 17]), "key is 17 bytes, needs 16"),
        (
            "/1mb",
            Reply::ok(vec![7; 1_000_000]),
            "key is 1000000 bytes, needs 16",
        ),
        (
            "/html",
            Reply::ok("<html><form>login"),
            "the key server sent a web page",
        ),
        ("/403", Reply::status(403), "key refused (403)"),
    ];
    let keys = KeyCache::new(client(&origin));
    for (path, reply, expected) in replies {
        origin.reply(path, reply);
        let error = keys
            .get(
                &url(&origin.url(&format!("{path}?token=s3cret"))),
                KeySize::Bits128,
            )
            .await
            .unwrap_err();
        assert!(error.to_string().contains(expected), "{path}: {error}");
        assert!(!error.to_string().contains("s3cret"), "{path}: {error}");
        assert_eq!(error.code().as_str(), "bad-key", "{path}");
    }

    let public = ClientOptions {
        source: url("http://cdn.example/a.m3u8"),
        ..options(&origin)
    };
    let keys = KeyCache::new(Client::with_tuning(&public, tuning()).unwrap());
    let error = keys
        .get(&url(&origin.url("/0")), KeySize::Bits128)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("private address"), "{error}");
    assert_eq!(error.code().as_str(), "private-address");
}
