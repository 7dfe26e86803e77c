//! Interlaced H.264 whose pictures are single fields (PAFF). No encoder at hand writes it, so a small one is here: each
//! macroblock is written as it is (`I_PCM`), and all that matters stands in the headers.

use super::mux::{Mux, video};
use super::*;

/// Macroblocks of a field of 32 x 32 samples.
const MACROBLOCKS: usize = 4;

/// Frames until the next IDR picture.
const GOP: u32 = 4;

/// Bits, most significant first.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    used: u32,
}

impl Bits {
    fn put(&mut self, value: u32, count: u32) -> &mut Self {
        for bit in (0..count).rev() {
            if self.used == 0 {
                self.bytes.push(0);
            }
            let bit = u8::try_from(value >> bit & 1).unwrap();
            *self.bytes.last_mut().unwrap() |= bit << (7 - self.used);
            self.used = (self.used + 1) % 8;
        }
        self
    }

    /// ue(v).
    fn ue(&mut self, value: u32) -> &mut Self {
        let length = (value + 1).ilog2();
        self.put(0, length).put(value + 1, length + 1)
    }

    fn align(&mut self) -> &mut Self {
        self.used = 0;
        self
    }

    /// The NAL unit with this header, behind a start code.
    fn nal(&mut self, header: u8) -> Vec<u8> {
        self.put(1, 1);
        let mut nal = vec![0, 0, 0, 1, header];
        let mut zeros = 0;
        for &byte in &self.bytes {
            if zeros >= 2 && byte <= 3 {
                nal.push(3);
                zeros = 0;
            }
            zeros = if byte == 0 { zeros + 1 } else { 0 };
            nal.push(byte);
        }
        nal
    }
}

fn parameter_sets() -> Vec<u8> {
    let mut sps = Bits::default();
    // Main profile, level 3; set 0, 4 bits of frame_num, order of pictures as they come, two references (with
    // one, ffmpeg takes every intra picture for a key frame), 32 x 64 with
    // fields, no adaptive macroblocks, no cropping, no VUI.
    sps.put(77, 8)
        .put(0, 8)
        .put(30, 8)
        .ue(0)
        .ue(0)
        .ue(2)
        .ue(2)
        .put(0, 1);
    sps.ue(1).ue(1).put(0, 1).put(0, 1).put(1, 1).put(0, 1).put(0, 1);
    let mut pps = Bits::default();
    pps.ue(0)
        .ue(0)
        .put(0, 2)
        .ue(0)
        .ue(0)
        .ue(0)
        .put(0, 3)
        .ue(0)
        .ue(0)
        .ue(0)
        .put(0, 3);
    [sps.nal(0x67), pps.nal(0x68)].concat()
}

/// One field of a frame, of one brightness. The first one of a GOP is its IDR picture.
fn field(frame: u32, bottom: bool, is_first: bool) -> Vec<u8> {
    let idr = frame.is_multiple_of(GOP) && is_first;
    let mut slice = Bits::default();
    slice
        .ue(0)
        .ue(7)
        .ue(0)
        .put(frame % GOP, 4)
        .put(1, 1)
        .put(u32::from(bottom), 1);
    if idr {
        // idr_pic_id, and what happens to pictures before.
        slice.ue(frame / GOP % 2).put(0, 2);
    } else {
        slice.put(0, 1);
    }
    // slice_qp_delta.
    slice.ue(0);
    let brightness = u8::try_from(32 + frame * 8 % 160).unwrap() + u8::from(bottom) * 20;
    for _ in 0..MACROBLOCKS {
        slice.ue(25).align();
        slice.bytes.extend([brightness; 256]);
        slice.bytes.extend([128; 128]);
    }
    slice.nal(if idr { 0x65 } else { 0x61 })
}

const DELIMITER: [u8; 6] = [0, 0, 0, 1, 9, 0xf0];

/// What stands before the fields, and how they are put into PES packets.
#[derive(Debug, Clone, Copy)]
struct Layout {
    /// A delimiter before each field, not only before each frame.
    delimiter_of_field: bool,
    /// A PES packet with a time of its own for each field.
    pes_of_field: bool,
    /// The bottom field comes first.
    bottom_first: bool,
}

const FRAMES: u32 = 12;
const FRAME_TICKS: u64 = 3600;

/// Both fields of a frame, with what stands before them.
fn frame(number: u32, layout: Layout) -> [Vec<u8>; 2] {
    let sets = if number.is_multiple_of(GOP) {
        parameter_sets()
    } else {
        Vec::new()
    };
    let halves = [true, false].map(|is_first| field(number, layout.bottom_first == is_first, is_first));
    let second_delimiter = if layout.delimiter_of_field {
        &DELIMITER[..]
    } else {
        &[]
    };
    let [first, second] = halves;
    [
        [&DELIMITER[..], &sets, &first].concat(),
        [second_delimiter, &second].concat(),
    ]
}

/// The stream, in two segments, and its bytes without a container.
fn stream(layout: Layout) -> ([Vec<u8>; 2], Vec<u8>) {
    let video = video(0x1b);
    let mut plain = Vec::new();
    let segments = [0..FRAMES / 2, FRAMES / 2..FRAMES].map(|frames| {
        let mut mux = Mux::new(&[video]);
        for number in frames {
            let begin = 90_000 + u64::from(number) * FRAME_TICKS;
            let [first, second] = frame(number, layout);
            plain.extend([&first[..], &second].concat());
            if layout.pes_of_field {
                mux.pes(video, Some(begin), &first);
                mux.pes(video, Some(begin + FRAME_TICKS / 2), &second);
            } else {
                mux.pes(video, Some(begin), &[first, second].concat());
            }
        }
        mux.bytes
    });
    (segments, plain)
}

/// A stream of fields, delimiters and all.
pub(super) fn stream_for_seeds() -> ([Vec<u8>; 2], Vec<u8>) {
    stream(Layout {
        delimiter_of_field: true,
        pes_of_field: true,
        bottom_first: false,
    })
}

#[test]
fn two_fields_are_one_sample() {
    if media::skip_without_ffmpeg("two_fields_are_one_sample") {
        return;
    }
    let choices = [false, true];
    for (delimiter_of_field, pes_of_field) in choices.iter().flat_map(|&a| choices.map(|b| (a, b))) {
        for bottom_first in choices {
            let layout = Layout {
                delimiter_of_field,
                pes_of_field,
                bottom_first,
            };
            check(layout);
        }
    }
}

fn check(layout: Layout) {
    let folder = folder();
    let (ours, plain_path) = (folder.path().join("ours.mp4"), folder.path().join("plain.h264"));
    let (segments, plain) = stream(layout);
    fs::write(&plain_path, plain).unwrap();
    let segment = |data: Vec<u8>| SegmentInput {
        data: data.into(),
        ..SegmentInput::default()
    };
    let playlist = Playlist {
        segments: segments.into_iter().map(segment).collect(),
    };
    let merged = merge(&[playlist], &ours);
    check_sound(&ours, &merged);
    let streams = media::packets(&ours).unwrap();
    let packets = &streams[0].packets;
    assert_eq!(packets.len(), FRAMES as usize, "{layout:?}");
    for (number, packet) in (0..FRAMES).zip(packets) {
        let seconds = f64::from(number) * 0.04;
        assert!(
            (packet.pts_seconds.unwrap() - seconds).abs() < 0.001,
            "{layout:?}: {packet:?}"
        );
        assert_eq!(packet.key, number.is_multiple_of(GOP), "{layout:?}: {packet:?}");
    }
    assert!(
        (merged.duration_seconds - f64::from(FRAMES) * 0.04).abs() < 0.001,
        "{layout:?}: {merged:?}"
    );
    assert_eq!(
        media::decoded_frames_md5(&ours).unwrap(),
        media::decoded_frames_md5(&plain_path).unwrap(),
        "{layout:?}"
    );
}

/// A field whose other half was lost is a sample, and does not take the half of another frame.
#[test]
fn a_lone_field_stays_alone() {
    if media::skip_without_ffmpeg("a_lone_field_stays_alone") {
        return;
    }
    let folder = folder();
    let ours = folder.path().join("ours.mp4");
    let layout = Layout {
        delimiter_of_field: true,
        pes_of_field: true,
        bottom_first: false,
    };
    let video = video(0x1b);
    let mut mux = Mux::new(&[video]);
    for number in 0..4 {
        let begin = 90_000 + u64::from(number) * FRAME_TICKS;
        let [first, second] = frame(number, layout);
        mux.pes(video, Some(begin), &first);
        if number != 1 {
            mux.pes(video, Some(begin + FRAME_TICKS / 2), &second);
        }
    }
    let playlist = Playlist {
        segments: vec![SegmentInput {
            data: mux.bytes.into(),
            ..SegmentInput::default()
        }],
    };
    let merged = merge(&[playlist], &ours);
    let streams = media::packets(&ours).unwrap();
    let times: Vec<f64> = streams[0]
        .packets
        .iter()
        .filter_map(|packet| packet.pts_seconds)
        .collect();
    assert_eq!(merged.tracks[0].samples, 4);
    assert_eq!(times, [0.0, 0.04, 0.08, 0.12]);
    let sizes: Vec<u64> = streams[0].packets.iter().map(|packet| packet.size).collect();
    assert!(sizes[1] * 2 < sizes[2] + 100, "{sizes:?}");
}
