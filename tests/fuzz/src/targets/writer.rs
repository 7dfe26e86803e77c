//! The writers of MP4 and Matroska: samples of any time, size and order. The finished file passes its own check, and an
//! MP4 that is read back by its tables has every sample.

use crate::input::Input;
use crate::media::{folder, judge};
use crate::mp4;
use bytes::Bytes;
use weir::demux::{Demuxed, Format, Sample, StreamId};
use weir::merge::{MergeError, Merger, TrackHint};
use weir_core::protocol::{Container, TrackKind};

const TRACKS: usize = 2;

/// Where the samples of a track have to be found.
#[derive(Default)]
struct Expected {
    track: usize,
    stream: Option<StreamId>,
    samples: Vec<(bool, Bytes)>,
}

pub(crate) fn run(data: &[u8]) {
    let mut input = Input(data);
    let folder = folder();
    let first = input.byte();
    let container = if first & 1 == 0 {
        Container::Mp4
    } else {
        Container::Mkv
    };
    let hint = TrackHint {
        duration_seconds: Some(f64::from(first >> 1)).filter(|&seconds| seconds > 0.0),
        ..TrackHint::default()
    };
    let path = folder.path().join("out");
    let mut merger = Merger::create(&path, container, &vec![hint; TRACKS]).expect("an output");
    let mut expected: Vec<Expected> = Vec::new();
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
        let known = expected
            .iter()
            .position(|known| (known.track, known.stream) == (track, Some(stream)));
        let mut batch = Vec::new();
        // As the demuxers promise: a format comes before the samples.
        if kind & 0x80 != 0 || known.is_none() {
            batch.push(Demuxed::Format(stream, format(stream, kind, &mut input)));
        }
        let dts = input.number();
        let sample = Sample {
            dts,
            pts: dts.saturating_add(input.number()),
            duration: input.number_u32(),
            sync: kind & 0x20 != 0,
            data: Bytes::copy_from_slice(input.slice()),
        };
        let index = known.unwrap_or_else(|| {
            expected.push(Expected {
                track,
                stream: Some(stream),
                samples: Vec::new(),
            });
            expected.len() - 1
        });
        expected[index].samples.push((sample.sync, sample.data.clone()));
        batch.push(Demuxed::Sample(stream, sample));
        if let Err(error) = merger.push_demuxed(track, batch) {
            // Matroska knows some codecs only.
            assert!(container == Container::Mkv, "{error}");
            return;
        }
    }
    let finished = merger.finish();
    if matches!(finished, Err(MergeError::Container(_))) && container == Container::Mkv {
        // It knows some codecs only, and has room for so many tracks that come late.
        return;
    }
    let Some(merged) = judge(finished) else {
        assert!(expected.is_empty(), "samples came");
        return;
    };
    assert_eq!(merged.bytes, path.metadata().expect("the output is there").len());
    if container == Container::Mp4 {
        let file = std::fs::read(&path).expect("the output is there");
        let found: Vec<Vec<(bool, Bytes)>> = mp4::tracks(&file)
            .into_iter()
            .map(|track| track.samples.into_iter())
            .map(|samples| samples.map(|(.., sync, data)| (sync, data.into())).collect())
            .collect();
        let expected: Vec<_> = expected.into_iter().map(|expected| expected.samples).collect();
        assert_eq!(found, expected);
    }
}

/// Sample entries that Matroska knows, and one that it does not.
fn format(stream: StreamId, kind: u8, input: &mut Input<'_>) -> Format {
    let (kind_of_entry, head_bytes) = match (stream.kind, input.byte() & 3) {
        (TrackKind::Video, 0) => (b"avc1", 78),
        (TrackKind::Video, 1) => (b"hvc1", 78),
        (TrackKind::Video, _) => (b"av01", 78),
        (_, 0) => (b"mp4a", 28),
        (_, 1) => (b"Opus", 28),
        (_, 2) => (b"ac-3", 28),
        _ => (b"????", 8),
    };
    let content = input.slice();
    let mut entry = vec![0; 8 + head_bytes];
    entry.extend_from_slice(content);
    let size = u32::try_from(entry.len()).expect("a slice is short");
    entry[..4].copy_from_slice(&size.to_be_bytes());
    entry[4..8].copy_from_slice(kind_of_entry);
    Format {
        codec: "avc1.64001f".to_owned(),
        timescale: input.number_u32(),
        sample_entry: Bytes::from(entry),
        display: (u32::from(input.byte()), u32::from(input.byte())),
        presentation_start: (kind & 0x40 != 0).then(|| input.number()),
    }
}
