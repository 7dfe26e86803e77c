//! What the wasm module takes in a browser: a benchmark.

use serde_json::Value;
use weir_tests::browser::Kind;
use weir_tests::program;

use crate::harness::{Harness, Host};

#[tokio::test]
#[ignore = "a benchmark, for a quiet machine"]
async fn the_module_reads_plans_and_observes_fast_in_chromium() {
    measure(Kind::Chromium).await;
}

#[tokio::test]
#[ignore = "a benchmark, for a quiet machine"]
async fn the_module_reads_plans_and_observes_fast_in_firefox() {
    measure(Kind::Firefox).await;
}

/// Runs in a page of the extension, which may load what the background does. Milliseconds, and bytes of memory.
const MEASURE: &str = "
    const glue = await import('/generated/weir_wasm.js');
    const timed = async (rounds, work) => {
        const all = [];
        for (let round = 0; round < rounds; round += 1) {
            const from = performance.now();
            await work();
            all.push(performance.now() - from);
        }
        return { first: all[0], median: all.sort((a, b) => a - b)[rounds >> 1] };
    };

    // The bytes come from the extension's folder, as when the browser wakes the worker.
    const instantiated = await timed(1, () =>
        glue.default({ module_or_path: '/generated/weir_wasm_bg.wasm' }));
    const { memory } = await glue.default({ module_or_path: '/generated/weir_wasm_bg.wasm' });

    const url = 'https://cdn.example/vod/1080p/index.m3u8';
    const rows = ['#EXTM3U', '#EXT-X-VERSION:3', '#EXT-X-TARGETDURATION:6', '#EXT-X-KEY:METHOD=AES-128,URI=\"key\"'];
    for (let at = 0; at < 10_000; at += 1) rows.push('#EXTINF:6.006,', `segment-${at}.ts?token=0123456789abcdef`);
    const text = [...rows, '#EXT-X-ENDLIST', ''].join('\\n');
    const planned = await timed(21, async () => {
        const summary = glue.inspect(text, url);
        const { tracks } = await glue.plan({ source: { url, text } });
        if (summary.kind !== 'media' || tracks[0].segments.length !== 10_000) throw new Error('another plan');
    });

    const observe = (at) => glue.observe({
        url: `https://www.example/assets/${at}/picture.jpg?size=${at % 7}`, status: 200, contentType: 'image/jpeg' });
    const observeAll = () => {
        for (let at = 0; at < 100_000; at += 1) if (observe(at) !== null && observe(at) !== undefined) throw new Error('seen');
        if (glue.observe({ url, status: 200, contentType: 'application/vnd.apple.mpegurl' })?.kind === 'nothing')
            throw new Error('not seen');
    };
    const before = memory.buffer.byteLength;
    const observed = await timed(3, observeAll);
    return { instantiated, planned, observed, grown: memory.buffer.byteLength - before, memory: before };";

async fn measure(kind: Kind) {
    let extension = program::extension(kind.name()).unwrap();
    let Some(Harness { browser, .. }) = Harness::start_with(kind, Host::Missing, extension).await else {
        return;
    };
    browser.patient().await.unwrap();
    let page = browser.page("ui/options.html");
    browser.driver().goto(page).await.unwrap();
    let figures = browser.call(MEASURE).await.unwrap();
    browser.close().await.unwrap();

    let row = |what: &str, figure: &Value, target: &str| println!("  {what:58} {figure:>9.1} {target}");
    println!("{}", kind.name());
    row("instantiate, ms", &figures["instantiated"]["first"], "of 10");
    row(
        "inspect and plan 10,000 segments, first, ms",
        &figures["planned"]["first"],
        "",
    );
    row(
        "inspect and plan 10,000 segments, median, ms",
        &figures["planned"]["median"],
        "of 15",
    );
    row(
        "observe 100,000 requests, first, ms",
        &figures["observed"]["first"],
        "of 1000",
    );
    row(
        "observe 100,000 requests, median, ms",
        &figures["observed"]["median"],
        "of 1000",
    );
    row("memory, bytes", &figures["memory"], "");
    row("memory grown by observing, bytes", &figures["grown"], "of 0");
    assert_eq!(figures["grown"], 0);
}
