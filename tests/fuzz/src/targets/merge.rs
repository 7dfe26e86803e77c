//! Any segments through everything, into any container: what is written passes its own check.

use crate::input::Input;
use crate::media::{entry, folder, judge};
use bytes::Bytes;
use weir::merge::{Merger, SegmentInput, TrackHint};
use weir_core::protocol::{Container, TrackKind};

pub(crate) fn run(data: &[u8]) {
    let mut input = Input(data);
    let kind = input.byte();
    let container = match kind & 3 {
        0 => Container::Mp4,
        1 => Container::Mkv,
        2 => Container::Ts,
        _ => Container::Segments,
    };
    let second = (kind & 4 != 0).then_some(TrackKind::Audio);
    let second = second.or((kind & 8 != 0 && container != Container::Ts).then_some(TrackKind::Subtitle));
    let hints: Vec<TrackHint> = [None, second]
        .into_iter()
        .take(1 + usize::from(second.is_some()))
        .map(|kind| TrackHint {
            kind,
            duration_seconds: Some(2.0),
            ..TrackHint::default()
        })
        .collect();
    let folder = folder();
    let path = folder.path().join("out");
    let mut merger = Merger::create(&path, container, &hints).expect("an output");
    let mut maps: [Option<Bytes>; 2] = [None, None];
    while let Some(entry) = entry(&mut input) {
        let track = usize::from(entry.rest & 1).min(hints.len() - 1);
        if entry.is_map {
            maps[track] = Some(entry.data);
            continue;
        }
        let pushed = merger.push(SegmentInput {
            track,
            discontinuity: entry.discontinuity,
            missing_seconds: f64::from(u8::from(entry.gap)),
            duration_seconds: Some(1.0),
            map: maps[track].clone(),
            cipher: entry.cipher(),
            data: entry.data,
            ..SegmentInput::default()
        });
        if let Err(error) = pushed {
            // A segment that is no media is left out; what else fails ends the capture.
            if !error.to_string().starts_with("segment") {
                return;
            }
        }
    }
    if let Some(merged) = judge(merger.finish())
        && container != Container::Segments
    {
        let length = path.metadata().expect("the output is there").len();
        assert_eq!(merged.bytes, length);
    }
}
