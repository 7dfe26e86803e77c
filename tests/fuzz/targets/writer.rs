//! The MP4 writer: samples of any time, size and order. The finished file must pass its own check.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use weir::demux::{Demuxed, Format, Sample, StreamId};
use weir::merge::{MergeError, Merger, TrackHint};
use weir_core::protocol::{Container, TrackKind};
use weir_fuzz::Input;

const TRACKS: usize = 2;

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    let folder = tempfile::tempdir_in("/dev/shm")
        .or_else(|_| tempfile::tempdir())
        .unwrap();
    let hint = TrackHint {
        duration_seconds: Some(f64::from(input.byte())).filter(|&seconds| seconds > 0.0),
        ..TrackHint::default()
    };
    let path = folder.path().join("out.mp4");
    let mut merger = Merger::create(&path, Container::Mp4, &vec![hint; TRACKS]).unwrap();
    // As the demuxers promise: a format comes before the samples.
    let mut known = Vec::new();
    while !input.is_empty() {
        let kind = input.byte();
        let track = usize::from(kind & 1);
        let stream = StreamId {
            kind: if kind & 2 == 0 {
                TrackKind::Video
            } else {
                TrackKind::Audio
            },
            ordinal: usize::from(kind >> 2 & 1),
        };
        let mut batch = Vec::new();
        if kind & 0x80 != 0 || !known.contains(&(track, stream)) {
            known.push((track, stream));
            let timescale = u32::try_from(input.number().unsigned_abs() % (1 << 32)).unwrap_or(1);
            batch.push(Demuxed::Format(
                stream,
                Format {
                    codec: "avc1.64001f".to_owned(),
                    timescale,
                    sample_entry: Bytes::from(
                        [&b"\0\0\0\x10avc1"[..], &input.number().to_be_bytes()].concat(),
                    ),
                    display: (u32::from(input.byte()), u32::from(input.byte())),
                    presentation_start: (kind & 0x40 != 0).then(|| input.number()),
                },
            ));
        }
        let dts = input.number();
        batch.push(Demuxed::Sample(
            stream,
            Sample {
                dts,
                pts: dts.saturating_add(input.number()),
                duration: u32::try_from(input.number().unsigned_abs() % (1 << 32)).unwrap_or(0),
                sync: kind & 0x20 != 0,
                data: Bytes::copy_from_slice(input.slice()),
            },
        ));
        merger.push_demuxed(track, batch).unwrap();
    }
    match merger.finish() {
        Ok(merged) => assert_eq!(merged.bytes, path.metadata().unwrap().len()),
        Err(error) => assert!(matches!(error, MergeError::NoSamples), "{error}"),
    }
});
