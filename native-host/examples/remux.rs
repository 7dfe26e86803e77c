//! Merges local segments into a file of the kind that its name tells and prints what came out and how fast, for
//! measuring and for a look at a stream:
//!
//! ```text
//! cargo run --release -p weir --example remux -- OUTPUT [init.mp4] SEGMENT...
//! ```

#![expect(clippy::print_stdout, reason = "a tool for developers, at a terminal")]

use std::path::Path;
use std::time::Instant;

use bytes::Bytes;
use weir::merge::{Merger, SegmentInput, TrackHint};
use weir_core::protocol::Container;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let output = arguments
        .next()
        .ok_or("usage: remux OUTPUT [init.mp4] SEGMENT...")?;
    let begin = Instant::now();
    let output = Path::new(&output);
    let container = match output.extension().and_then(|extension| extension.to_str()) {
        Some("mkv") => Container::Mkv,
        Some("ts") => Container::Ts,
        _ => Container::Mp4,
    };
    let mut merger = Merger::create(output, container, &[TrackHint::default()])?;
    let (mut bytes, mut map) = (0, None);
    for path in arguments {
        let data = Bytes::from(std::fs::read(&path)?);
        if path.to_string_lossy().contains("init") {
            map = Some(data);
            continue;
        }
        bytes += data.len();
        merger.push(SegmentInput {
            map: map.clone(),
            data,
            ..SegmentInput::default()
        })?;
    }
    let outcome = merger.finish()?;
    #[expect(clippy::cast_precision_loss, reason = "shown to three digits")]
    let megabytes_per_second = bytes as f64 / 1e6 / begin.elapsed().as_secs_f64();
    println!("{outcome:#?}\n{megabytes_per_second:.0} MB/s");
    Ok(())
}
