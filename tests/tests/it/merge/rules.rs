//! The rules of a transport stream, a timeline and a file that neither the corpus nor ffmpeg's own streams show.

use std::ops::Range;

use proptest::prelude::*;

use super::mux::{Mux, Stream, audio, video};
use super::*;

pub(super) const AAC: u8 = 0x0f;
const H264: u8 = 0x1b;

/// What ffmpeg writes with these options.
pub(super) fn made(options: &str, extension: &str) -> Bytes {
    let folder = folder();
    let path = folder.path().join(format!("out.{extension}"));
    let options = options.split_whitespace().chain([path.to_str().unwrap()]);
    media::ffmpeg(options).unwrap();
    read(&path)
}

const PICTURES: &str =
    "-f lavfi -i testsrc2=size=160x90:rate=25 -t 4 -c:v libx264 -preset veryfast -pix_fmt yuv420p";
const TONE: &str = "-f lavfi -i sine=sample_rate=44100 -t 2 -c:a aac -b:a 96k -ac 2";

fn playlist(segments: impl IntoIterator<Item = Vec<u8>>) -> Playlist {
    let segment = |data: Vec<u8>| SegmentInput {
        data: data.into(),
        ..SegmentInput::default()
    };
    Playlist {
        segments: segments.into_iter().map(segment).collect(),
    }
}

/// What comes out of segments: the packets, and what was said.
pub(super) fn merged(segments: impl IntoIterator<Item = Vec<u8>>) -> (Vec<media::Stream>, Merged) {
    let folder = folder();
    let output = folder.path().join("out.mp4");
    let merged = merge(&[playlist(segments)], &output);
    check_sound(&output, &merged);
    (media::packets(&output).unwrap(), merged)
}

/// Why a segment cannot be merged.
pub(super) fn refusal(data: Vec<u8>) -> String {
    let folder = folder();
    let output = folder.path().join("out.mp4");
    let mut merger = Merger::create(&output, Container::Mp4, &[TrackHint::default()]).unwrap();
    let segment = playlist([data]).segments.remove(0);
    merger.push(segment).unwrap_err().to_string()
}

/// A stream cut into PES packets at these places; each has the time of the first frame that begins in it, if one does.
pub(super) fn cut_into_pes(
    stream: Stream,
    frames: &[Vec<u8>],
    ticks: impl Fn(usize) -> u64,
    cuts: &[usize],
) -> Vec<u8> {
    let mut begins = Vec::new();
    let mut at = 0;
    for frame in frames {
        begins.push(at);
        at += frame.len();
    }
    let data = frames.concat();
    let mut mux = Mux::new(&[stream]);
    let mut from = 0;
    for &to in cuts.iter().chain([&data.len()]) {
        let first = begins.iter().position(|begin| (from..to).contains(begin));
        mux.pes(stream, first.map(&ticks), &data[from..to]);
        from = to;
    }
    mux.bytes
}

pub(super) fn audio_ticks(frame: usize) -> u64 {
    90_000 + frame as u64 * 1024 * 90_000 / 44_100
}

/// Audio frames, and picture borders, anywhere in the PES packets.
#[test]
fn units_across_pes_packets() {
    if media::skip_without_ffmpeg("units_across_pes_packets") {
        return;
    }
    let frames = generated::adts_frames(&made(TONE, "aac"));
    let sizes: usize = frames.iter().map(Vec::len).sum();
    let (expected, _) = merged([cut_into_pes(audio(AAC), &frames, audio_ticks, &[])]);
    let pictures = access_units(&made(&format!("{PICTURES} -bf 0 -x264-params aud=1"), "h264"));
    let picture_ticks = |picture: usize| 90_000 + picture as u64 * 3600;
    let whole: Vec<usize> = pictures
        .iter()
        .scan(0, |at, picture| {
            *at += picture.len();
            Some(*at)
        })
        .collect();
    let last = whole.len() - 1;
    let (expected_pictures, _) = merged([cut_into_pes(
        video(H264),
        &pictures,
        picture_ticks,
        &whole[..last],
    )]);
    let config = ProptestConfig {
        cases: 12,
        ..ProptestConfig::default()
    };
    proptest!(config, |(cuts in prop::collection::btree_set(1..sizes, 20..60), shift in -6..6_isize)| {
        let cuts: Vec<usize> = cuts.into_iter().collect();
        let (found, _) = merged([cut_into_pes(audio(AAC), &frames, audio_ticks, &cuts)]);
        prop_assert_eq!(&found, &expected);
        // Near the borders of pictures: within the start codes, and the zeros before them.
        let near: Vec<usize> = whole[..last].iter().map(|at| at.checked_add_signed(shift).unwrap()).collect();
        let segment = cut_into_pes(video(H264), &pictures, picture_ticks, &near);
        let (found, _) = merged([segment]);
        media::compare_payloads(&found, &expected_pictures).unwrap();
        let times = |streams: &[media::Stream]| streams[0].packets.iter().map(|packet| packet.pts_seconds).collect::<Vec<_>>();
        prop_assert_eq!(times(&found).len(), times(&expected_pictures).len());
        if shift <= 0 {
            prop_assert_eq!(times(&found), times(&expected_pictures), "{}", shift);
        }
    });
}

/// Cuts a byte stream before its access unit delimiters.
fn access_units(data: &[u8]) -> Vec<Vec<u8>> {
    const DELIMITER: &[u8] = &[0, 0, 0, 1, 9];
    let begins: Vec<usize> = data
        .windows(DELIMITER.len())
        .enumerate()
        .filter_map(|(at, window)| (window == DELIMITER).then_some(at))
        .collect();
    let ends = begins.iter().skip(1).copied().chain([data.len()]);
    begins
        .iter()
        .zip(ends)
        .map(|(&begin, end)| data[begin..end].to_vec())
        .collect()
}

/// Several pictures in a PES packet, which has the time of the first.
#[test]
fn pictures_that_share_a_pes_packet() {
    if media::skip_without_ffmpeg("pictures_that_share_a_pes_packet") {
        return;
    }
    let pictures = access_units(&made(&format!("{PICTURES} -bf 0 -x264-params aud=1"), "h264"));
    let video = video(H264);
    let mut mux = Mux::new(&[video]);
    for (number, pictures) in pictures.chunks(4).enumerate() {
        mux.pes(video, Some(90_000 + number as u64 * 4 * 3600), &pictures.concat());
    }
    let (streams, merged) = merged([mux.bytes]);
    assert_eq!(merged.tracks[0].samples, 100);
    for (number, packet) in (0..100).zip(&streams[0].packets) {
        let seconds = f64::from(number) * 0.04;
        assert!(
            (packet.pts_seconds.unwrap() - seconds).abs() < 0.001,
            "{number}: {packet:?}"
        );
    }
}

/// One ADTS frame with the blocks of several (ISO/IEC 14496-3, 1.A.2.2). The checksums are zeros: decoders that check
/// Gradual refresh has no key frame after the first: who tunes in later begins at a recovery point.
#[test]
fn gradual_refresh_from_the_middle() {
    if media::skip_without_ffmpeg("gradual_refresh_from_the_middle") {
        return;
    }
    let folder = folder();
    let index = folder.path().join("index.m3u8");
    let options = format!(
        "{PICTURES} -bf 0 -x264-params intra-refresh=1:keyint=25 -flags +global_header -bsf:v dump_extra -f hls -hls_time 1 -hls_list_size 0"
    );
    media::ffmpeg(options.split_whitespace().chain([index.to_str().unwrap()])).unwrap();
    let mut playlist = Playlist::read(&index);
    assert!(playlist.segments.len() >= 3);
    playlist.segments.remove(0);
    let pictures = 25 * playlist.segments.len();
    let merged = check_one_playlist(playlist, folder.path());
    assert_eq!(merged.tracks[0].samples, pictures as u64);
}

/// Another picture size in the middle of a segment, without a word in the playlist: a second sample description.
#[test]
fn parameter_sets_that_change_within_a_segment() {
    if media::skip_without_ffmpeg("parameter_sets_that_change_within_a_segment") {
        return;
    }
    for codec in ["libx264", "libx265 -x265-params log-level=none"] {
        let part = |size: &str, offset: &str| {
            let options = format!(
                "-f lavfi -i testsrc2=size={size}:rate=25 -t 2 -c:v {codec} -pix_fmt yuv420p -bf 0 -output_ts_offset {offset}"
            );
            made(&options, "ts").to_vec()
        };
        let (small, large) = (part("160x90", "0"), part("320x180", "2"));
        let folder = folder();
        let ours = folder.path().join("ours.mp4");
        let merged = merge(&[playlist([[&small[..], &large].concat()])], &ours);
        check_sound(&ours, &merged);
        let file = read(&ours);
        let kind = if codec == "libx264" { b"avc1" } else { b"hvc1" };
        let stsd = box_in(&file, &[b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd"]).unwrap();
        let sizes: Vec<(u16, u16)> = boxes(&stsd[8..])
            .map(|(found, content)| {
                assert_eq!(found, kind);
                let number = |at: usize| u16::from_be_bytes([content[at], content[at + 1]]);
                (number(24), number(26))
            })
            .collect();
        assert_eq!(sizes, [(160, 90), (320, 180)], "{codec}");
        let (source, reference) = (
            folder.path().join("source.ts"),
            folder.path().join("reference.mp4"),
        );
        fs::write(&source, [small, large].concat()).unwrap();
        media::remux(&source, &reference).unwrap();
        media::compare(&ours, &reference).unwrap();
    }
}

/// PIDs, the order of the streams, the picture's size and the audio's rate are others behind a discontinuity.
#[test]
fn another_program_map_at_a_discontinuity() {
    if media::skip_without_ffmpeg("another_program_map_at_a_discontinuity") {
        return;
    }
    let source = |size: &str, rate: &str, rest: &str| {
        let inputs = format!("-f lavfi -i testsrc2=size={size}:rate=25 -f lavfi -i sine=sample_rate={rate}");
        made(
            &format!("{inputs} -t 2 -c:v libx264 -pix_fmt yuv420p -c:a aac {rest}"),
            "ts",
        )
    };
    let first = source("160x90", "44100", "-map 0 -map 1");
    let second = source(
        "320x180",
        "48000",
        "-map 1 -map 0 -mpegts_start_pid 0x300 -mpegts_pmt_start_pid 0x400 -output_ts_offset 50",
    );
    let folder = folder();
    let ours = folder.path().join("ours.mp4");
    let mut playlist = playlist([first.to_vec(), second.to_vec()]);
    playlist.segments[1].discontinuity = true;
    let merged = merge(&[playlist], &ours);
    check_sound(&ours, &merged);
    let mut found = media::packets(&ours).unwrap();
    check_no_jump(&found);
    for part in [first, second] {
        let (path, reference) = (folder.path().join("part.ts"), folder.path().join("part.mp4"));
        fs::write(&path, part).unwrap();
        media::remux(&path, &reference).unwrap();
        let expected = media::packets(&reference).unwrap();
        let rest = found.clone();
        for (found, expected) in found.iter_mut().zip(&expected) {
            found.packets.truncate(expected.packets.len());
        }
        media::compare_streams(&found, &expected).unwrap();
        found = rest;
        for (found, expected) in found.iter_mut().zip(&expected) {
            found.packets.drain(..expected.packets.len());
        }
    }
    assert!(found.iter().all(|stream| stream.packets.is_empty()));
}

/// Of two programmes with audio and video the first is read, as it is announced.
#[test]
fn the_first_of_two_programs() {
    if media::skip_without_ffmpeg("the_first_of_two_programs") {
        return;
    }
    let folder = folder();
    let source = folder.path().join("in.ts");
    let inputs = "-f lavfi -i testsrc2=size=160x90:rate=25 -f lavfi -i sine=sample_rate=48000 -f lavfi -i testsrc=size=320x180:rate=25 -f lavfi -i sine=880:sample_rate=48000";
    let options = format!(
        "{inputs} -t 3 -map 0 -map 1 -map 2 -map 3 -c:v libx264 -pix_fmt yuv420p -c:a aac -program title=one:st=0:st=1 -program title=two:st=2:st=3"
    );
    fs::write(&source, made(&options, "ts")).unwrap();
    let (ours, reference) = (
        folder.path().join("ours.mp4"),
        folder.path().join("reference.mp4"),
    );
    let merged = merge(&[Playlist::of_files([&source])], &ours);
    let (input, output) = (source.to_str().unwrap(), reference.to_str().unwrap());
    media::ffmpeg([
        "-i",
        input,
        "-map",
        "0:p:1",
        "-c",
        "copy",
        "-movie_timescale",
        "90000",
        output,
    ])
    .unwrap();
    media::compare(&ours, &reference).unwrap();
    check_sound(&ours, &merged);
}

/// The 33 bits end within a segment, at its border, or between the beginnings of video and audio.
#[test]
fn wraps_near_a_border() {
    if media::skip_without_ffmpeg("wraps_near_a_border") {
        return;
    }
    let folder = folder();
    let source = folder.path().join("source.nut");
    let options = "-f lavfi -i testsrc2=size=160x90:rate=25 -f lavfi -i sine=sample_rate=48000 -t 6 -c:v libx264 -pix_fmt yuv420p -bf 2 -g 50 -c:a aac";
    fs::write(&source, made(options, "nut")).unwrap();
    for offset in [
        "95440.236",
        "95440.256",
        "95440.276",
        "95440.296",
        "95440.316",
        "95440.336",
        "95441.3",
    ] {
        let out = folder.path().join(offset);
        fs::create_dir(&out).unwrap();
        let index = out.join("index.m3u8");
        let options = format!(
            "-i {} -c copy -output_ts_offset {offset} -f hls -hls_time 2 -hls_playlist_type vod",
            source.display()
        );
        media::ffmpeg(options.split_whitespace().chain([index.to_str().unwrap()])).unwrap();
        let merged = check_one_playlist(Playlist::read(&index), &out);
        assert_eq!(merged.warnings, Vec::<String>::new(), "{offset}");
    }
}

/// Pictures that come twice while the sound goes on: nothing is left out, and the report says where.
#[test]
fn pictures_that_overlap_are_told() {
    if media::skip_without_ffmpeg("pictures_that_overlap_are_told") {
        return;
    }
    let pictures = access_units(&made(
        &format!("{PICTURES} -bf 0 -g 25 -x264-params aud=1"),
        "h264",
    ));
    let frames = generated::adts_frames(&made(TONE, "aac"));
    let segment = |pictures_from: usize, sound: Range<usize>| {
        let streams = [video(H264), audio(AAC)];
        let mut mux = Mux::new(&streams);
        for (index, picture) in pictures.iter().enumerate().take(50).skip(pictures_from) {
            mux.pes(streams[0], Some(90_000 + index as u64 * 3600), picture);
        }
        for (index, frame) in frames.iter().enumerate().take(sound.end).skip(sound.start) {
            mux.pes(streams[1], Some(audio_ticks(index)), frame);
        }
        mux.bytes
    };
    for container in [Container::Mp4, Container::Mkv, Container::Ts] {
        let counts = |segments: Vec<Vec<u8>>| {
            let folder = folder();
            let output = folder.path().join("out");
            let merged = merge_as(container, &[playlist(segments)], &output);
            let streams = media::packets(&output).unwrap();
            let count = |kind| {
                let stream = streams.iter().find(|stream| stream.kind == kind);
                stream.unwrap().packets.len()
            };
            ((count("video"), count("audio")), merged.warnings)
        };
        // Both end at 2 s; the second begins with pictures of 1 s, and sound of 1.5 s.
        let twice = counts(vec![segment(0, 0..65), segment(25, 65..86)]);
        let told = vec!["track 0 (video): 1.0 s overlap at 1.0 s".to_owned()];
        assert_eq!(twice, ((75, 86), told), "{container:?}");
        let once = counts(vec![segment(0, 0..86)]);
        assert_eq!(once, ((50, 86), Vec::new()), "{container:?}");
    }
}

/// Fragments whose data offsets count from the beginning of the file that the segments are ranges of.
#[test]
fn explicit_base_offsets_of_a_file_in_ranges() {
    if media::skip_without_ffmpeg("explicit_base_offsets_of_a_file_in_ranges") {
        return;
    }
    let options = "-f lavfi -i testsrc2=size=160x90:rate=25 -f lavfi -i sine=sample_rate=48000 -t 6 -c:v libx264 -pix_fmt yuv420p -g 25 -bf 2 -c:a aac -movflags frag_keyframe+empty_moov";
    let file = made(options, "mp4");
    let (map, segments) = fragments_of(&file);
    let segment = |data| SegmentInput {
        map: Some(map.clone()),
        data,
        ..SegmentInput::default()
    };
    let playlist = Playlist {
        segments: segments.into_iter().map(segment).collect(),
    };
    assert!(playlist.segments.len() > 4);
    let tfhd = playlist
        .segments
        .iter()
        .all(|segment| contains(&segment.data, b"tfhd\0\0\0"));
    assert!(tfhd, "the flags say that a base follows");
    let folder = folder();
    check_one_playlist(playlist, folder.path());
}

/// The initialization section of a fragmented file, and its fragments, a `moof` and an `mdat` each.
pub(super) fn fragments_of(file: &Bytes) -> (Bytes, Vec<Bytes>) {
    let (mut map, mut segments) = (Vec::new(), Vec::new());
    for (kind, content) in boxes(file) {
        let whole = [
            &u32::try_from(content.len() + 8).unwrap().to_be_bytes()[..],
            kind,
            content,
        ]
        .concat();
        match kind {
            b"ftyp" | b"moov" => map.extend(whole),
            b"moof" => segments.push(whole),
            b"mdat" => segments.last_mut().unwrap().extend(whole),
            _ => {}
        }
    }
    (map.into(), segments.into_iter().map(Bytes::from).collect())
}

/// Presentation before decoding, as some packagers write it instead of an edit list: signed offsets stay signed.
#[test]
fn negative_composition_offsets() {
    if media::skip_without_ffmpeg("negative_composition_offsets") {
        return;
    }
    let folder = folder();
    let source = folder.path().join("in.mp4");
    let options =
        format!("{PICTURES} -bf 2 -movflags frag_keyframe+empty_moov+default_base_moof+negative_cts_offsets");
    fs::write(&source, made(&options, "mp4")).unwrap();
    check_one_playlist(Playlist::of_files([&source]), folder.path());
    let file = read(&folder.path().join("ours.mp4"));
    let ctts = box_in(&file, &[b"moov", b"trak", b"mdia", b"minf", b"stbl", b"ctts"]).unwrap();
    assert_eq!(ctts[0], 1, "version");
    let offsets = ctts[8..]
        .chunks(8)
        .map(|entry| i32::from_be_bytes(entry[4..].try_into().unwrap()));
    assert!(offsets.min().unwrap() < 0);
}

/// Each box: kind and content.
fn boxes(mut rest: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    std::iter::from_fn(move || {
        let mut size = u32::from_be_bytes(rest.get(..4)?.try_into().unwrap()) as usize;
        if size == 1 {
            size = usize::try_from(u64::from_be_bytes(rest.get(8..16)?.try_into().unwrap())).unwrap();
        }
        let (whole, after) = rest.split_at_checked(size).filter(|_| size >= 8)?;
        rest = after;
        Some((&whole[4..8], &whole[8..]))
    })
}

/// The content of the first box that this path leads to.
fn box_in<'a>(data: &'a [u8], path: &[&[u8; 4]]) -> Option<&'a [u8]> {
    path.iter().try_fold(data, |data, kind| {
        boxes(data)
            .find(|(found, _)| *found == &kind[..])
            .map(|(_, content)| content)
    })
}

/// A picture ahead of the media (a cover) is left out, and said.
#[test]
fn a_cover_before_the_media() {
    if media::skip_without_ffmpeg("a_cover_before_the_media") {
        return;
    }
    let cover = made("-f lavfi -i testsrc2=size=64x64 -frames:v 1", "png").to_vec();
    let media = made(&format!("{PICTURES} -f mpegts"), "ts").to_vec();
    let (expected, _) = merged([media.clone()]);
    let (found, outcome) = merged([cover.clone(), media.clone()]);
    assert_eq!(found, expected);
    assert_eq!(
        outcome.warnings,
        ["segment 1 of track 0 is a PNG picture ahead of the media: left out"]
    );
    // Behind media a picture stands for something that is missing.
    let folder = folder();
    let output = folder.path().join("out.mp4");
    let mut writer = Merger::create(&output, Container::Mp4, &[TrackHint::default()]).unwrap();
    let mut segments = playlist([media, cover]).segments.into_iter();
    writer.push(segments.next().unwrap()).unwrap();
    let error = writer.push(segments.next().unwrap()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "segment 2 of track 0: got a PNG picture instead of media"
    );
}
