//! Many resources at a time, handed out in order.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on should say so at once"
)]

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use weir::fetch::{
    BytesPerSecond, Client, ClientOptions, Meter, Network, Ordered, Resource, Retries, Tuning, Window,
    ordered,
};
use weir_tests::origin::{Gate, Origin, Reply, faults};

use crate::fetch::{client, options, segment};

fn window(concurrency: usize, buffered_bytes: u64) -> Window {
    Window {
        concurrency: NonZeroUsize::new(concurrency).unwrap(),
        buffered_bytes,
    }
}

fn start(origin: &Origin, count: usize, window: Window) -> (Ordered, Arc<Meter>) {
    let meter = Arc::new(Meter::default());
    let resources: Vec<Resource> = (0..count)
        .map(|n| segment(&origin.url(&format!("/{n}.ts"))))
        .collect();
    (ordered(&client(origin), resources, window, &meter), meter)
}

/// Waits until `condition` holds, for 20 seconds at most.
pub(super) async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Waits until nothing more arrives, and says how much has.
async fn settled(meter: &Meter) -> u64 {
    let mut last = (meter.bytes(), Instant::now());
    while last.1.elapsed() < Duration::from_millis(400) {
        tokio::time::sleep(Duration::from_millis(10)).await;
        if meter.bytes() != last.0 {
            last = (meter.bytes(), Instant::now());
        }
    }
    last.0
}

#[tokio::test]
async fn bodies_come_in_order_whatever_order_they_arrive_in() {
    let origin = Origin::start().unwrap();
    let gate = Gate::new();
    origin.route_under("/", |request| Reply::ok(format!("body of {}", request.path())));
    origin.reply("/0.ts", Reply::ok("body of /0.ts").after(&gate));
    origin.sequence(
        "/3.ts",
        [faults::short_body("0123", 2), Reply::ok("body of /3.ts")],
    );
    let (mut segments, meter) = start(&origin, 8, window(8, 1_000_000));
    // All but the first arrive before it.
    assert!(futures_util::poll!(std::pin::pin!(segments.next())).is_pending());
    until("the others", || {
        origin.in_flight() == 1 && meter.retries() == 1 && origin.requests().len() == 9
    })
    .await;
    gate.open();
    for n in 0..8 {
        let fetched = segments.next().await.unwrap().unwrap();
        assert_eq!(fetched.bytes, format!("body of /{n}.ts"));
        assert_eq!(fetched.retries, u32::from(n == 3));
    }
    assert!(segments.next().await.is_none());
    assert_eq!(meter.bytes(), 8 * 13 + 2);
    assert_eq!(
        origin.requests().len(),
        9,
        "each was asked for once, the broken one twice"
    );
}

#[tokio::test]
async fn no_more_are_in_flight_than_allowed() {
    let origin = Origin::start().unwrap();
    let gate = Gate::new();
    origin.route_under("/", {
        let gate = gate.clone();
        move |_| Reply::ok("0123456789").after(&gate)
    });
    let (mut segments, _) = start(&origin, 20, window(5, 1_000_000));
    assert!(futures_util::poll!(std::pin::pin!(segments.next())).is_pending());
    until("five requests", || origin.in_flight() == 5).await;
    gate.open();
    let mut count = 0;
    while let Some(fetched) = segments.next().await {
        fetched.unwrap();
        count += 1;
    }
    assert_eq!((count, origin.most_in_flight()), (20, 5));
}

#[tokio::test]
async fn a_failure_stands_in_its_place_and_ends_nothing() {
    let origin = Origin::start().unwrap();
    origin.route_under("/", |_| Reply::ok("0123456789"));
    origin.reply("/2.ts", Reply::status(403));
    let (mut segments, _) = start(&origin, 5, window(3, 1_000_000));
    let mut outcomes = Vec::new();
    while let Some(fetched) = segments.next().await {
        outcomes.push(fetched.err().and_then(|error| error.status()));
    }
    assert_eq!(outcomes, [None, None, Some(403), None, None]);
}

#[tokio::test]
async fn what_waits_for_its_turn_is_bounded_in_bytes() {
    const SIZE: u64 = 1_000_000;
    const LIMIT: u64 = 10 * SIZE;
    let origin = Origin::start().unwrap();
    let body = Bytes::from(vec![0x47; 1_000_000]);
    let gate = Gate::new();
    origin.route_under("/", {
        let body = body.clone();
        // No Content-Length, so that only what arrives can be counted.
        move |_| faults::chunked(body.clone(), 50_000)
    });
    origin.reply("/0.ts", Reply::ok(body.clone()).after(&gate));
    let (mut segments, meter) = start(&origin, 600, window(32, LIMIT));
    let arrived = {
        let mut first = std::pin::pin!(segments.next());
        tokio::select! {
            _ = first.as_mut() => unreachable!("the first is held back"),
            arrived = settled(&meter) => arrived,
        }
    };
    // One chunk of each may be in hand when the bound is hit.
    assert!(
        (LIMIT / 2..=LIMIT + 32 * 200_000).contains(&arrived),
        "{arrived} bytes arrived"
    );
    gate.open();
    let mut handed_out = 0;
    while let Some(fetched) = segments.next().await {
        let bytes = fetched.unwrap().bytes;
        assert_eq!(bytes, body);
        handed_out += bytes.len() as u64;
        let held = meter.bytes() - handed_out;
        assert!(held <= LIMIT + 32 * 200_000, "{held} bytes are held");
    }
    assert_eq!((handed_out, meter.bytes()), (600 * SIZE, 600 * SIZE));
}

/// Memory is for a front that is late, not for one that waits to be taken.
#[tokio::test]
async fn who_takes_bodies_slowly_has_few_of_them_waiting() {
    const SIZE: u64 = 1_000_000;
    let origin = Origin::start().unwrap();
    let body = Bytes::from(vec![0x47; 1_000_000]);
    origin.route_under("/", {
        let body = body.clone();
        move |_| Reply::ok(body.clone())
    });
    let (mut segments, meter) = start(&origin, 60, window(16, 64 * SIZE));
    for taken in 1..=20 {
        segments.next().await.unwrap().unwrap();
        let arrived = settled(&meter).await;
        let waiting = arrived / SIZE - taken;
        let most = if taken <= 12 { 16 } else { 9 };
        assert!(waiting <= most, "{waiting} bodies wait when {taken} are taken");
    }
    let mut rest = 0;
    while let Some(fetched) = segments.next().await {
        assert_eq!(fetched.unwrap().bytes, body);
        rest += 1;
    }
    assert_eq!((rest, origin.requests().len()), (40, 60));
}

#[tokio::test]
async fn one_body_over_the_bound_still_passes() {
    let origin = Origin::start().unwrap();
    let body = Bytes::from(vec![0x47; 500_000]);
    origin.route_under("/", {
        let body = body.clone();
        move |_| Reply::ok(body.clone())
    });
    let (mut segments, _) = start(&origin, 5, window(4, 100_000));
    for _ in 0..5 {
        assert_eq!(segments.next().await.unwrap().unwrap().bytes, body);
    }
    assert!(segments.next().await.is_none());
}

#[tokio::test]
async fn dropping_it_aborts_what_is_in_flight() {
    let origin = Origin::start().unwrap();
    origin.route_under("/", |_| faults::stall_after("0123456789", 4));
    let (mut segments, meter) = start(&origin, 10, window(4, 1_000_000));
    assert!(futures_util::poll!(std::pin::pin!(segments.next())).is_pending());
    until("four stalled bodies", || {
        origin.in_flight() == 4 && meter.bytes() == 16
    })
    .await;
    drop(segments);
    until("the server to be left", || origin.in_flight() == 0).await;
}

/// faults.md, row 31.
#[tokio::test]
async fn row_31_one_that_holds_the_others_back_is_asked_for_again() {
    let origin = Origin::start().unwrap();
    origin.route_under("/", |request| Reply::ok(format!("body of {}", request.path())));
    origin.sequence(
        "/3.ts",
        [
            faults::stall_after("body of /3.ts", 4),
            Reply::ok("body of /3.ts"),
        ],
    );
    let (mut segments, meter) = start(&origin, 8, window(4, 1_000_000));
    let begin = Instant::now();
    for n in 0..8 {
        assert_eq!(
            segments.next().await.unwrap().unwrap().bytes,
            format!("body of /{n}.ts")
        );
    }
    // The stalled body would have been given up after 20 s.
    assert!(begin.elapsed() < Duration::from_secs(15), "{:?}", begin.elapsed());
    assert_eq!(
        (origin.requests_for("/3.ts").len(), origin.requests().len()),
        (2, 9)
    );
    assert_eq!(meter.retries(), 1);
}

#[tokio::test]
async fn a_second_request_that_fails_leaves_the_first_alone() {
    let origin = Origin::start().unwrap();
    let gate = Gate::new();
    origin.route_under("/", |request| Reply::ok(format!("body of {}", request.path())));
    origin.sequence(
        "/0.ts",
        [Reply::ok("body of /0.ts").after(&gate), Reply::status(403)],
    );
    let (mut segments, _) = start(&origin, 3, window(3, 1_000_000));
    tokio::spawn({
        let gate = gate.clone();
        async move {
            // Well behind the second request.
            tokio::time::sleep(Duration::from_secs(4)).await;
            gate.open();
        }
    });
    for n in 0..3 {
        assert_eq!(
            segments.next().await.unwrap().unwrap().bytes,
            format!("body of /{n}.ts")
        );
    }
    assert_eq!(origin.requests_for("/0.ts").len(), 2);
}

/// What a host refuses is not asked of it for long, and nothing of it is lost.
#[tokio::test]
async fn a_host_that_refuses_more_than_six_at_a_time_is_asked_for_fewer() {
    let origin = Arc::new(Origin::start().unwrap());
    let refused = Arc::new(AtomicUsize::new(0));
    origin.route_under("/", {
        let origin = Arc::downgrade(&origin);
        let refused = Arc::clone(&refused);
        move |request| {
            let busy = origin.upgrade().map_or(0, |origin| origin.in_flight());
            if busy > 6 {
                refused.fetch_add(1, Ordering::Relaxed);
                return Reply::status(429);
            }
            Reply::ok(format!("body of {}", request.path())).with_delay(Duration::from_millis(20))
        }
    });
    let retries = Retries {
        tries: 6,
        base_delay: Duration::from_millis(50),
        ..Retries::default()
    };
    let tuning = Tuning {
        retries,
        ..Tuning::default()
    };
    let client = Client::with_tuning(&options(&origin), tuning).unwrap();
    let resources: Vec<Resource> = (0..200)
        .map(|n| segment(&origin.url(&format!("/{n}.ts"))))
        .collect();
    let mut segments = ordered(&client, resources, window(32, 10_000_000), &Arc::default());
    for n in 0..200 {
        assert_eq!(
            segments.next().await.unwrap().unwrap().bytes,
            format!("body of /{n}.ts")
        );
    }
    let refused = refused.load(Ordering::Relaxed);
    assert!((1..40).contains(&refused), "{refused} of 200 were refused");
}

/// The second job begins with one, as every job may, and the host has the rest already.
#[tokio::test]
async fn two_jobs_at_one_host_ask_it_for_no_more_at_a_time_than_one() {
    let origin = Origin::start().unwrap();
    origin.route_under("/", |_| Reply::ok("body").with_delay(Duration::from_millis(500)));
    let options = options(&origin);
    let resources = |job: u32| -> Vec<Resource> {
        (0..20)
            .map(|n| segment(&origin.url(&format!("/{job}/{n}.ts"))))
            .collect()
    };
    let (mut jobs, meter) = (Vec::new(), Arc::default());
    for job in 0..2 {
        let client = Client::new(&options).unwrap();
        let mut segments = ordered(&client, resources(job), window(32, 10_000_000), &meter);
        segments.fill();
        jobs.push(segments);
    }
    tokio::time::sleep(Duration::from_millis(250)).await;
    assert_eq!(origin.in_flight(), 8 + 1);
    // Both go on.
    for segments in &mut jobs {
        for _ in 0..20 {
            assert_eq!(segments.next().await.unwrap().unwrap().bytes, "body");
        }
    }
}

#[tokio::test]
async fn all_bodies_together_come_no_faster_than_asked() {
    const SPEED: u64 = 2_000_000;
    let origin = Origin::start().unwrap();
    let body = Bytes::from(vec![0x47; 500_000]);
    origin.route_under("/", {
        let body = body.clone();
        move |_| Reply::ok(body.clone())
    });
    let options = ClientOptions {
        network: Arc::new(Network::with_limit(BytesPerSecond::new(SPEED))),
        ..options(&origin)
    };
    let client = Client::new(&options).unwrap();
    let resources: Vec<Resource> = (0..8)
        .map(|n| segment(&origin.url(&format!("/{n}.ts"))))
        .collect();
    let meter = Arc::new(Meter::default());
    let begin = Instant::now();
    let mut segments = ordered(&client, resources, window(8, 100_000_000), &meter);
    while let Some(fetched) = segments.next().await {
        assert_eq!(fetched.unwrap().bytes, body);
    }
    // 4 MB at 2 MB/s; how exact it is shows where the clock is paused (fetch/throttle.rs).
    let seconds = begin.elapsed().as_secs_f64();
    assert!((1.9..10.0).contains(&seconds), "{seconds} s");
}

/// faults.md, 6: nothing more is begun once a link was refused. With others, what has come and what is under way stays, and what
/// was refused is asked for again, also when its refusal comes late.
#[tokio::test]
async fn with_other_links_only_what_was_refused_is_asked_for_again() {
    let origin = Origin::start().unwrap();
    let (slow, late) = (Gate::new(), Gate::new());
    origin.route_under("/", |request| match request.query() {
        Some("new") => Reply::ok(format!("body of {}", request.path())),
        _ => Reply::status(403),
    });
    origin.reply("/0.ts", Reply::ok("body of /0.ts").after(&slow));
    origin.reply("/1.ts", Reply::ok("body of /1.ts"));
    let held = late.clone();
    origin.route("/3.ts", move |request| match request.query() {
        Some("new") => Reply::ok("body of /3.ts"),
        _ => Reply::status(403).after(&held),
    });
    let meter = Arc::new(Meter::default());
    let links = |query: &'static str| {
        let origin = origin.url("");
        move |n: usize| segment(&format!("{origin}/{n}.ts?{query}"))
    };
    let first = client(&origin);
    let old: Vec<Resource> = (0..12).map(links("old")).collect();
    let mut segments = ordered(&first, old, window(4, 1_000_000), &meter);
    segments.hold_when_refused();
    assert!(futures_util::poll!(std::pin::pin!(segments.next())).is_pending());
    until("the first four", || {
        origin.requests().len() == 4 && origin.in_flight() == 2
    })
    .await;
    // Its end is heard of, and a place is free.
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(futures_util::poll!(std::pin::pin!(segments.next())).is_pending());
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(origin.requests_for("/5.ts").len(), 0, "one that has expired too");

    let fresh: Vec<Resource> = (0..12).map(links("new")).collect();
    segments.renew(&client(&origin), fresh);
    late.open();
    until("what was refused", || origin.requests_for("/2.ts").len() == 2).await;
    slow.open();
    for n in 0..12 {
        let fetched = segments.next().await.unwrap().unwrap();
        assert_eq!(fetched.bytes, format!("body of /{n}.ts"));
    }
    assert!(segments.next().await.is_none());
    let asked = |n: usize| origin.requests_for(&format!("/{n}.ts")).len();
    assert_eq!((0..4).map(asked).collect::<Vec<_>>(), [1, 1, 2, 2]);

    segments.again(links("new")(11));
    assert_eq!(segments.next().await.unwrap().unwrap().bytes, "body of /11.ts");
    assert!(segments.next().await.is_none());
}
