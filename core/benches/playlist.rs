//! How long a long playlist takes: `cargo bench -p weir-core`. The goal for 100,000 segments is 100 ms.
//!
//! A plain program: the times are tens of milliseconds, and their least of twenty is as steady as any statistics.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::panic,
    reason = "a program for developers, which prints its result"
)]

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::{Duration, Instant};

use weir_core::plan::{self, ChosenTrack, Span};
use weir_core::playlist::{self, Media, Playlist};
use weir_core::url::AbsoluteUrl;

const SEGMENTS: usize = 100_000;
const ROUNDS: usize = 20;

fn main() {
    let base = AbsoluteUrl::parse("https://cdn.example.com/live/one/main.m3u8?token=1").unwrap();
    for (name, text) in [
        ("plain", plain()),
        ("encrypted, dated, byte ranges", rich()),
        ("low latency, 2 parts a segment", parts()),
    ] {
        let megabytes = text.len() / 1_000_000;
        report(&format!("read, {name}, {megabytes} MB"), || read(&text, &base));
    }
    let media = read(&rich(), &base);
    let tracks = [(ChosenTrack::only(base.clone()), media)];
    report("plan, encrypted", || plan::build(&base, None, &tracks).unwrap());
    report("find advertising", || plan::find_advertising(&tracks).unwrap());
    let built = plan::build(&base, None, &tracks).unwrap();
    let span = Span {
        start_seconds: 1000.0,
        end_seconds: Some(100_000.0),
    };
    report("copy and cut", || plan::cut(&mut built.clone(), span).unwrap());
}

fn read(text: &str, base: &AbsoluteUrl) -> Media {
    match playlist::read(text.as_bytes(), Some(base)).unwrap().playlist {
        Playlist::Media(media) => media,
        other => panic!("not a media playlist: {other:?}"),
    }
}

/// The least time of all rounds, and the middle one.
fn report<T>(name: &str, mut work: impl FnMut() -> T) {
    let mut times: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let (start, spent) = (Instant::now(), on_the_processor());
            black_box(work());
            // On a busy machine the clock runs while others do.
            match (spent, on_the_processor()) {
                (Some(before), Some(after)) => after.saturating_sub(before),
                _ => start.elapsed(),
            }
        })
        .collect();
    times.sort_unstable();
    let (least, middle) = (times.first().unwrap(), times.get(ROUNDS / 2).unwrap());
    println!(
        "{name}: {:.1} ms, middle {:.1} ms",
        least.as_secs_f64() * 1e3,
        middle.as_secs_f64() * 1e3
    );
}

/// How long this thread has run so far, where the system tells.
fn on_the_processor() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

const HEAD: &str = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:6\n#EXT-X-MEDIA-SEQUENCE:1\n";

fn plain() -> String {
    let mut text = HEAD.to_owned();
    for n in 0..SEGMENTS {
        writeln!(text, "#EXTINF:6.006,\nsegments/{n:06}.ts").unwrap();
    }
    text + "#EXT-X-ENDLIST\n"
}

fn rich() -> String {
    let mut text = HEAD.to_owned();
    for n in 0..SEGMENTS {
        if n % 100 == 0 {
            writeln!(
                text,
                "#EXT-X-KEY:METHOD=AES-128,URI=\"https://keys.example/k/{n}\""
            )
            .unwrap();
        }
        let (minutes, seconds) = (n / 10 % 60, n % 10 * 6);
        writeln!(
            text,
            "#EXT-X-PROGRAM-DATE-TIME:2026-01-01T10:{minutes:02}:{seconds:02}.000Z\n#EXTINF:6.006,\n\
             #EXT-X-BYTERANGE:100000@{}\nall.mp4?t=1",
            n * 100_000
        )
        .unwrap();
    }
    text + "#EXT-X-ENDLIST\n"
}

fn parts() -> String {
    let mut text = HEAD.to_owned();
    for n in 0..SEGMENTS {
        for part in 0..2 {
            writeln!(text, "#EXT-X-PART:DURATION=3,URI=\"{n:06}.{part}.mp4\"").unwrap();
        }
        writeln!(text, "#EXTINF:6.006,\n{n:06}.mp4").unwrap();
    }
    text
}
