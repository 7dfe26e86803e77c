//! Transport streams, compared with ffmpeg's copy of the same segments, and read packet by packet.

use std::collections::{BTreeMap, BTreeSet};

use super::generated::{CLOCK_WRAPS, Encode, HEVC_AND_AC3, PLAIN, splice};
use super::*;

const PACKET_BYTES: usize = 188;

/// What a strict reader sees.
#[derive(Debug, Default)]
struct Read {
    packets: BTreeMap<u16, usize>,
    /// Seconds of the programme clock, in order.
    clocks: Vec<f64>,
    /// Decoding times by PID, in order.
    times: BTreeMap<u16, Vec<f64>>,
    map_versions: BTreeSet<u8>,
}

/// Reads packets, and refuses what a transport stream of one programme without a break may not have.
fn strictly(path: &Path) -> Read {
    let data = read(path);
    assert_eq!(data.len() % PACKET_BYTES, 0);
    let mut read = Read::default();
    let mut counters: BTreeMap<u16, u8> = BTreeMap::new();
    for (number, packet) in data.chunks(PACKET_BYTES).enumerate() {
        assert_eq!(packet[0], 0x47, "packet {number}");
        let pid = u16::from_be_bytes([packet[1] & 0x1f, packet[2]]);
        match number {
            0 => assert_eq!(pid, 0, "no PAT in front"),
            1 => assert_eq!(pid, 0x1000, "no PMT behind it"),
            _ => assert!(
                pid == 0 || (0xff..=0x1000).contains(&pid),
                "packet {number} is of PID {pid:#x}"
            ),
        }
        *read.packets.entry(pid).or_default() += 1;
        let (has_adaptation, has_payload) = (packet[3] & 0x20 != 0, packet[3] & 0x10 != 0);
        let mut payload = &packet[4..];
        if has_adaptation {
            let (field, rest) = payload[1..].split_at(usize::from(payload[0]));
            if !field.is_empty() {
                assert_eq!(field[0] & 0x80, 0, "packet {number} tells of a discontinuity");
                if field[0] & 0x10 != 0 && pid == 0x100 {
                    let base = u64::from(u32::from_be_bytes(field[1..5].try_into().unwrap())) << 1
                        | u64::from(field[5] >> 7);
                    #[expect(clippy::cast_precision_loss, reason = "33 bits")]
                    read.clocks.push(base as f64 / 90_000.0);
                }
            }
            payload = rest;
        }
        if has_payload {
            let counter = packet[3] & 0x0f;
            if let Some(last) = counters.insert(pid, counter) {
                assert_eq!(counter, (last + 1) & 0x0f, "packet {number} of PID {pid:#x}");
            }
            if packet[1] & 0x40 != 0 && pid == 0x1000 {
                read.map_versions.insert((payload[6] >> 1) & 0x1f);
            }
            if packet[1] & 0x40 != 0 && payload.starts_with(&[0, 0, 1]) && payload[7] & 0x80 != 0 {
                let at = if payload[7] & 0x40 != 0 { 14 } else { 9 };
                let b = |index: usize| u64::from(payload[at + index]);
                let ticks = (b(0) >> 1 & 7) << 30 | b(1) << 22 | (b(2) >> 1) << 15 | b(3) << 7 | b(4) >> 1;
                #[expect(clippy::cast_precision_loss, reason = "33 bits")]
                read.times.entry(pid).or_default().push(ticks as f64 / 90_000.0);
            }
        }
    }
    read
}

impl Read {
    /// Clock and decoding times only go on, by steps that are no jumps, and the clock is ahead of what it is for.
    fn check_times(&self) {
        let steps = |times: &[f64]| times.windows(2).map(|pair| pair[1] - pair[0]).collect::<Vec<_>>();
        for step in steps(&self.clocks) {
            assert!((0.0..1.0).contains(&step), "the clock steps by {step} s");
        }
        for (pid, times) in &self.times {
            for (index, step) in steps(times).into_iter().enumerate() {
                assert!(
                    step > 0.0 && step < 1.0,
                    "PID {pid:#x} steps by {step} s at {index}"
                );
            }
        }
    }
}

/// The standard: packets equal to ffmpeg's copy, a strict reader is content, and it decodes without a word.
fn check_equal(playlist: Playlist, folder: &Path) -> (Merged, Read) {
    let (ours, source) = (folder.join("ours.ts"), folder.join("source"));
    let reference = folder.join("reference.mp4");
    playlist.concatenate(&source);
    let merged = merge_as(Container::Ts, &[playlist], &ours);
    media::remux(&source, &reference).unwrap();
    let remuxed = folder.join("ours.mp4");
    media::remux(&ours, &remuxed).unwrap();
    media::compare(&remuxed, &reference).unwrap();
    assert_eq!(media::decode_errors(&ours).unwrap(), "");
    assert_eq!(merged.bytes, fs::metadata(&ours).unwrap().len());
    (merged, strictly(&ours))
}

fn check(test: &str, encode: &Encode) {
    if media::skip_without_ffmpeg(test) {
        return;
    }
    let folder = folder();
    let playlist = encode.make(&folder.path().join("hls"));
    let (merged, read) = check_equal(playlist, folder.path());
    read.check_times();
    assert_eq!(merged.warnings, Vec::<String>::new());
    assert!((8.8..9.3).contains(&merged.duration_seconds), "{merged:?}");
    assert_eq!(merged.tracks.len(), 2, "{merged:?}");
}

#[test]
fn h264_and_aac() {
    check("ts h264_and_aac", &PLAIN);
}

#[test]
fn hevc_and_ac3() {
    check("ts hevc_and_ac3", &HEVC_AND_AC3);
}

/// What Weir does not demux is packets like any other.
#[test]
fn mpeg_2_and_layer_2() {
    check(
        "ts mpeg_2_and_layer_2",
        &PLAIN.with(&["-c:v", "mpeg2video", "-bf", "2", "-c:a", "mp2"]),
    );
}

/// Time wraps within the stream, as it did in the source.
#[test]
fn a_timestamp_wrap_stays() {
    if media::skip_without_ffmpeg("ts a_timestamp_wrap_stays") {
        return;
    }
    let folder = folder();
    check_equal(CLOCK_WRAPS.make(&folder.path().join("hls")), folder.path());
}

/// Junk, disguises, null packets, duplicates, longer packets: all that is no packet of the programme is left out.
#[test]
fn what_does_not_belong_is_left_out() {
    if media::skip_without_ffmpeg("ts what_does_not_belong_is_left_out") {
        return;
    }
    let folder = folder();
    let plain = PLAIN.make(&folder.path().join("hls"));
    let clean = folder.path().join("clean.ts");
    merge_as(Container::Ts, std::slice::from_ref(&plain), &clean);
    let null = [&[0x47, 0x1f, 0xff, 0x10][..], &[0xff; 184]].concat();
    let other = [&[0x47, 0x40, 0x11, 0x10][..], &[0xff; 184]].concat();
    let dirty = |index: usize, data: &Bytes| -> Bytes {
        let packets = data.chunks(PACKET_BYTES);
        match index {
            0 => [&b"\x89PNG\r\n\x1a\n"[..], &[7; 62], data].concat(),
            1 => packets
                .flat_map(|packet| [packet, &[0xff; 16]].concat())
                .collect(),
            2 => packets
                .flat_map(|packet| [&[0, 0, 0, 1], packet].concat())
                .collect(),
            3 => packets
                .enumerate()
                .flat_map(|(number, packet)| match number % 50 {
                    7 => [packet, &null].concat(),
                    9 => [packet, packet].concat(),
                    11 => [packet, &other].concat(),
                    _ => packet.to_vec(),
                })
                .collect(),
            _ => [&data[..], b"trailing junk"].concat(),
        }
        .into()
    };
    let mut soiled = Playlist::default();
    for (index, segment) in plain.segments.iter().enumerate() {
        soiled.segments.push(SegmentInput {
            data: dirty(index, &segment.data),
            ..segment.clone()
        });
    }
    assert!(soiled.segments.len() >= 5);
    let ours = folder.path().join("ours.ts");
    merge_as(Container::Ts, &[soiled], &ours);
    assert!(
        read(&ours) == read(&clean),
        "the same bytes as from clean segments"
    );
    strictly(&ours).check_times();
}

/// At a discontinuity time goes on, on the same PIDs, whatever PIDs and times the source has there.
#[test]
fn discontinuities_are_closed() {
    if media::skip_without_ffmpeg("ts discontinuities_are_closed") {
        return;
    }
    for (tagged, more) in [
        (true, &[][..]),
        (false, &[][..]),
        (
            true,
            &[
                "-mpegts_start_pid",
                "0x321",
                "-mpegts_pmt_start_pid",
                "0x777",
                "-output_ts_offset",
                "500",
            ][..],
        ),
    ] {
        let folder = folder();
        let mut playlist = PLAIN.make(&folder.path().join("one"));
        let first = playlist.segments.len();
        let options = [more, &["-f", "mpegts"]].concat();
        let other = folder.path().join("two.ts");
        let mut arguments = vec![
            "-f",
            "lavfi",
            "-i",
            "testsrc2=size=426x240:rate=25",
            "-f",
            "lavfi",
            "-i",
            "sine=sample_rate=44100",
        ];
        arguments.extend([
            "-t", "4", "-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-c:a", "aac",
        ]);
        arguments.extend(options);
        arguments.push(other.to_str().unwrap());
        media::ffmpeg(arguments).unwrap();
        playlist.segments.push(SegmentInput {
            discontinuity: tagged,
            duration_seconds: Some(4.0),
            data: read(&other),
            ..SegmentInput::default()
        });
        let (ts, mp4) = (folder.path().join("ours.ts"), folder.path().join("ours.mp4"));
        let playlists = [playlist];
        let merged = merge_as(Container::Ts, &playlists, &ts);
        merge(&playlists, &mp4);
        let read = strictly(&ts);
        read.check_times();
        assert_eq!(
            read.packets.keys().copied().collect::<Vec<_>>(),
            [0, 0x100, 0x101, 0x1000],
            "{first}"
        );
        assert!((12.8..13.4).contains(&merged.duration_seconds), "{merged:?}");
        // The same packets at the same times as in the MP4 of the same segments.
        let remuxed = folder.path().join("remuxed.mp4");
        media::remux(&ts, &remuxed).unwrap();
        media::compare(&remuxed, &mp4).unwrap();
        assert_eq!(media::decode_errors(&ts).unwrap(), "");
    }
}

/// Advertisements of another size: the tables say the same, so no player has to begin anew.
#[test]
fn the_programme_map_changes_only_with_its_streams() {
    if media::skip_without_ffmpeg("ts the_programme_map_changes_only_with_its_streams") {
        return;
    }
    let folder = folder();
    let mut playlist = splice(folder.path(), &[]);
    playlist.segments[5].discontinuity = true;
    let ours = folder.path().join("ours.ts");
    merge_as(Container::Ts, &[playlist], &ours);
    let read = strictly(&ours);
    read.check_times();
    assert_eq!(read.map_versions.len(), 1, "{:?}", read.map_versions);
}

#[test]
fn separate_audio_is_interleaved() {
    if media::skip_without_ffmpeg("ts separate_audio_is_interleaved") {
        return;
    }
    let folder = folder();
    let mut options = PLAIN.options();
    let streams = [
        "-map",
        "0:v",
        "-map",
        "1:a",
        "-var_stream_map",
        "v:0,agroup:a a:0,agroup:a",
    ];
    options.extend(streams.map(str::to_owned));
    options.push(folder.path().join("%v.m3u8").to_str().unwrap().to_owned());
    media::ffmpeg(options).unwrap();
    let playlists = ["0.m3u8", "1.m3u8"].map(|name| Playlist::read(&folder.path().join(name)));
    let (ts, mp4) = (folder.path().join("ours.ts"), folder.path().join("ours.mp4"));
    let merged = merge_as(Container::Ts, &playlists, &ts);
    merge(&playlists, &mp4);
    assert_eq!(merged.tracks.len(), 2, "{merged:?}");
    let read = strictly(&ts);
    read.check_times();
    let remuxed = folder.path().join("remuxed.mp4");
    media::remux(&ts, &remuxed).unwrap();
    media::compare(&remuxed, &mp4).unwrap();
    // Near each other in the file, not segment by segment.
    let order: Vec<bool> = fs::read(&ts)
        .unwrap()
        .chunks(PACKET_BYTES)
        .filter(|packet| packet[1] & 0x40 != 0 && packet[1] & 0x1f == 1)
        .map(|packet| packet[2] == 1)
        .collect();
    let longest = order.chunk_by(|a, b| a == b).map(<[bool]>::len).max().unwrap();
    assert!(longest <= 16, "{longest} PES packets of one stream in a row");
}

#[test]
fn what_is_no_transport_stream_is_refused() {
    if media::skip_without_ffmpeg("ts what_is_no_transport_stream_is_refused") {
        return;
    }
    let folder = folder();
    let more = &["-hls_segment_type", "fmp4"];
    let playlist = PLAIN.with(more).make(&folder.path().join("hls"));
    let path = folder.path().join("ours.ts");
    let mut merger = Merger::create(&path, Container::Ts, &[playlist.hint()]).unwrap();
    let error = merger.push(playlist.segments[0].clone()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::Unsupported);
    assert!(error.to_string().contains("no transport stream"), "{error}");
}
