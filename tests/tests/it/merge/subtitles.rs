//! Subtitles that are in fragmented MP4 already, and what subtitles must not do to the rest of the file.

use weir_core::protocol::TrackKind;

use super::*;

fn subtitle_hint() -> TrackHint {
    TrackHint {
        kind: Some(TrackKind::Subtitle),
        language: Some("en".to_owned()),
        duration_seconds: Some(20.0),
        ..TrackHint::default()
    }
}

/// A picture of 20 seconds, in segments of two.
fn pictures(folder: &Path) -> Playlist {
    let output = folder.join("index.m3u8");
    let mut options = "-f lavfi -i testsrc2=size=320x180:rate=25:duration=20 -c:v libx264 -preset ultrafast \
        -pix_fmt yuv420p -bf 2 -g 50 -f hls -hls_time 2 -hls_playlist_type vod -hls_segment_type fmp4"
        .split_whitespace()
        .map(str::to_owned)
        .collect::<Vec<_>>();
    options.push(output.to_str().unwrap().to_owned());
    media::ffmpeg(options).unwrap();
    Playlist::read(&output)
}

fn vtt(text: &str) -> SegmentInput {
    SegmentInput {
        data: Bytes::copy_from_slice(text.as_bytes()),
        duration_seconds: Some(2.0),
        ..SegmentInput::default()
    }
}

#[test]
fn silent_subtitles_hold_nothing_back() {
    if media::skip_without_ffmpeg("silent_subtitles_hold_nothing_back") {
        return;
    }
    let folder = folder();
    let pictures = pictures(folder.path());
    let hints = [pictures.hint(), subtitle_hint()];
    let count = pictures.segments.len();
    assert_eq!(count, 10);
    // One cue at the beginning, then nothing at all, not even segments.
    let mut subtitles = Playlist::default();
    subtitles
        .segments
        .push(vtt("WEBVTT\n\n00:00.500 --> 00:01.000\nthe only one\n"));
    let path = folder.path().join("out.mp4");
    let mut merger = Merger::create(&path, Container::Mp4, &hints).unwrap();
    let mut pushed = 0;
    for (index, segment) in in_turn(&[pictures, subtitles]).into_iter().enumerate() {
        let media = if segment.track == 0 {
            segment.data.len() as u64
        } else {
            0
        };
        merger.push(segment).unwrap();
        let written = fs::metadata(&path).unwrap().len();
        // All but the last segment, and what of it waits for its fragment.
        assert!(
            index < 2 || written * 10 >= pushed * 7,
            "{written} bytes written when {pushed} had come before"
        );
        pushed += media;
    }
    let finished = merger.finish().unwrap();
    assert_eq!(finished.warnings, Vec::<String>::new());
    check_sound(&path, &finished);
    // The file is as long as its picture.
    assert!((finished.duration_seconds - 20.0).abs() < 0.001, "{finished:?}");
}

#[test]
fn bad_cues_are_told_and_the_rest_is_there() {
    if media::skip_without_ffmpeg("bad_cues_are_told_and_the_rest_is_there") {
        return;
    }
    let folder = folder();
    let pictures = pictures(folder.path());
    let hints = [pictures.hint(), subtitle_hint()];
    let mut subtitles = Playlist::default();
    let text = "WEBVTT\n\n00:02.000 --> 00:01.000\nbackwards\n\n00:03.000 --> 99:00:00.000\nfor ever\n";
    subtitles.segments.push(vtt(text));
    let path = folder.path().join("out.mp4");
    let mut merger = Merger::create(&path, Container::Mp4, &hints).unwrap();
    for segment in in_turn(&[pictures, subtitles]) {
        merger.push(segment).unwrap();
    }
    let finished = merger.finish().unwrap();
    assert_eq!(
        finished.warnings,
        ["track 1: 1 subtitle cues were left out: their times make no sense"]
    );
    check_sound(&path, &finished);
    assert!((finished.duration_seconds - 20.0).abs() < 0.001, "{finished:?}");
}

/// Timed text that ffmpeg has put into fragmented MP4: the packets stay what they are.
#[test]
fn timed_text_of_fragmented_mp4_is_copied() {
    if media::skip_without_ffmpeg("timed_text_of_fragmented_mp4_is_copied") {
        return;
    }
    let folder = folder();
    let pictures = pictures(folder.path());
    let (source, text) = (folder.path().join("in.srt"), folder.path().join("text.mp4"));
    let srt = "1\n00:00:01,000 --> 00:00:02,500\none\n\n2\n00:00:04,000 --> 00:00:05,000\ntwo\n\n\
        3\n00:00:15,000 --> 00:00:17,000\nthree\n\n";
    fs::write(&source, srt).unwrap();
    let (input, output) = (source.to_str().unwrap(), text.to_str().unwrap());
    let fragments = "empty_moov+default_base_moof+frag_keyframe";
    media::ffmpeg(["-i", input, "-c:s", "mov_text", "-movflags", fragments, output]).unwrap();
    let mut subtitles = Playlist::of_files([&text]);
    subtitles.segments[0].duration_seconds = Some(20.0);
    let ours = folder.path().join("ours.mp4");
    let hints = [pictures.hint(), subtitle_hint()];
    let mut merger = Merger::create(&ours, Container::Mp4, &hints).unwrap();
    for segment in in_turn(&[pictures, subtitles]) {
        merger.push(segment).unwrap();
    }
    let finished = merger.finish().unwrap();
    check_sound(&ours, &finished);
    let of = |path: &Path| {
        let streams = media::packets(path).unwrap();
        let stream = streams
            .into_iter()
            .find(|stream| stream.kind == "subtitle")
            .unwrap();
        stream.packets
    };
    let (ours, theirs) = (of(&ours), of(&text));
    assert_eq!(theirs.len(), 6);
    assert_eq!(
        ours.iter().map(|packet| &packet.hash).collect::<Vec<_>>(),
        theirs.iter().map(|packet| &packet.hash).collect::<Vec<_>>()
    );
    // The picture's first frame is at 80 ms of the clock that both count on, and there the file begins.
    for (our, their) in ours.iter().zip(&theirs) {
        let expected = (their.pts_seconds.unwrap() - 0.08).max(0.0);
        let difference = our.pts_seconds.unwrap() - expected;
        assert!(difference.abs() < 0.001, "{our:?}, source {their:?}");
    }
}

fn boxed(kind: [u8; 4], content: &[&[u8]]) -> Vec<u8> {
    let content = content.concat();
    let size = u32::try_from(content.len() + 8).unwrap();
    [&size.to_be_bytes()[..], &kind, &content].concat()
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// An initialization section with one track of subtitles in milliseconds.
fn init(handler: [u8; 4], sample_entry: &[u8]) -> Vec<u8> {
    let moov = boxed(
        *b"moov",
        &[
            &boxed(*b"mvhd", &[&words(&[0, 0, 0, 1000, 0]), &[0; 80]]),
            &boxed(
                *b"trak",
                &[
                    &boxed(*b"tkhd", &[&words(&[7, 0, 0, 1, 0, 0]), &[0; 60]]),
                    &boxed(
                        *b"mdia",
                        &[
                            &boxed(*b"mdhd", &[&words(&[0, 0, 0, 1000, 0, 0x55c4_0000])]),
                            &boxed(*b"hdlr", &[&words(&[0, 0]), &handler, &[0; 13]]),
                            &boxed(
                                *b"minf",
                                &[&boxed(
                                    *b"stbl",
                                    &[&boxed(*b"stsd", &[&words(&[0, 1]), sample_entry])],
                                )],
                            ),
                        ],
                    ),
                ],
            ),
            &boxed(*b"mvex", &[&boxed(*b"trex", &[&words(&[0, 1, 1, 0, 0, 0])])]),
        ],
    );
    [boxed(*b"ftyp", &[b"iso6", &[0; 4]]), moov].concat()
}

/// A segment with these samples, one behind the other: duration in milliseconds, and content.
fn fragment(decode_time: u32, samples: &[(u32, &[u8])]) -> Vec<u8> {
    let mut run = words(&[0x0000_0301, u32::try_from(samples.len()).unwrap(), 0]);
    for (duration, content) in samples {
        run.extend(words(&[*duration, u32::try_from(content.len()).unwrap()]));
    }
    let moof = |run: &[u8]| {
        let traf = [
            boxed(*b"tfhd", &[&words(&[0x0002_0000, 1])]),
            boxed(*b"tfdt", &[&words(&[0, decode_time])]),
            boxed(*b"trun", &[run]),
        ];
        boxed(
            *b"moof",
            &[
                &boxed(*b"mfhd", &[&words(&[0, 1])]),
                &boxed(*b"traf", &[&traf.concat()]),
            ],
        )
    };
    let offset = u32::try_from(moof(&run).len() + 8).unwrap();
    run[8..12].copy_from_slice(&offset.to_be_bytes());
    let contents: Vec<&[u8]> = samples.iter().map(|(_, content)| *content).collect();
    [moof(&run), boxed(*b"mdat", &contents)].concat()
}

/// Merges two segments with a hole between them beside a picture; returns the file's bytes.
fn merge_fragments(folder: &Path, handler: [u8; 4], sample_entry: &[u8], segments: [Vec<u8>; 2]) -> Vec<u8> {
    let pictures = pictures(folder);
    let map = Bytes::from(init(handler, sample_entry));
    let segment = |data: Vec<u8>| SegmentInput {
        data: data.into(),
        map: Some(map.clone()),
        duration_seconds: Some(10.0),
        ..SegmentInput::default()
    };
    let subtitles = Playlist {
        segments: segments.map(segment).into(),
    };
    let path = folder.join("out.mp4");
    let hints = [pictures.hint(), subtitle_hint()];
    let mut merger = Merger::create(&path, Container::Mp4, &hints).unwrap();
    for segment in in_turn(&[pictures, subtitles]) {
        merger.push(segment).unwrap();
    }
    let finished = merger.finish().unwrap();
    // Three samples, and one for the hole.
    assert_eq!(finished.tracks[1].samples, 4, "{finished:?}");
    fs::read(&path).unwrap()
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

#[test]
fn webvtt_of_fragmented_mp4_is_copied() {
    if media::skip_without_ffmpeg("webvtt_of_fragmented_mp4_is_copied") {
        return;
    }
    let folder = folder();
    let entry = boxed(
        *b"wvtt",
        &[
            &[0, 0, 0, 0, 0, 0, 0, 1],
            &boxed(*b"vttC", &[b"WEBVTT"]),
            &boxed(*b"vlab", &[b"source"]),
        ],
    );
    let cue = |text: &[u8]| boxed(*b"vttc", &[&boxed(*b"payl", &[text])]);
    let nothing = boxed(*b"vtte", &[]);
    let (one, two) = (cue(b"one"), cue(b"two"));
    let segments = [
        fragment(0, &[(1_000, &nothing), (2_000, &one)]),
        fragment(10_000, &[(500, &two)]),
    ];
    // Half a second of ten, and nothing is missing.
    let map = Bytes::from(init(*b"text", &entry));
    let extent = weir::demux::extent(&segments[1].clone().into(), Some(&map));
    assert_eq!(extent, None, "subtitles are not measured");
    let file = merge_fragments(folder.path(), *b"text", &entry, segments);
    assert!(contains(&file, &entry), "the sample entry is as it was");
    assert!(
        contains(&file, &[&b"text"[..], &[0; 12]].concat()),
        "and so is the handler"
    );
    // Durations: 1 s of nothing without the 80 ms that the picture begins later, 2 s, the hole of 7 s, 0.5 s.
    let stts = words(&[0, 4, 1, 920, 1, 2_000, 1, 7_000, 1, 500]);
    assert!(
        contains(&file, &boxed(*b"stts", &[&stts])),
        "the times are as they were"
    );
    let size = |sample: &[u8]| u32::try_from(sample.len()).unwrap();
    let sizes = words(&[0, 0, 4, 8, size(&one), 8, size(&two)]);
    assert!(
        contains(&file, &boxed(*b"stsz", &[&sizes])),
        "the hole has an empty cue"
    );
    assert!(contains(&file, &one) && contains(&file, &two));
}

#[test]
fn imsc_of_fragmented_mp4_is_copied() {
    if media::skip_without_ffmpeg("imsc_of_fragmented_mp4_is_copied") {
        return;
    }
    let folder = folder();
    let entry = boxed(
        *b"stpp",
        &[
            &[0, 0, 0, 0, 0, 0, 0, 1],
            b"http://www.w3.org/ns/ttml\0",
            b"\0",
            b"\0",
        ],
    );
    let document = |text: &str| {
        format!("<tt xmlns=\"http://www.w3.org/ns/ttml\"><body><div><p>{text}</p></div></body></tt>")
            .into_bytes()
    };
    let (one, two, three) = (document("one"), document("two"), document("three"));
    let segments = [
        fragment(0, &[(1_000, &one), (2_000, &two)]),
        fragment(10_000, &[(500, &three)]),
    ];
    let file = merge_fragments(folder.path(), *b"subt", &entry, segments);
    assert!(contains(&file, &entry), "the sample entry is as it was");
    assert!(
        contains(&file, &[&b"subt"[..], &[0; 12]].concat()),
        "and so is the handler"
    );
    assert!(contains(&file, b"sthd"), "with its media header");
    assert!(contains(&file, &one) && contains(&file, &two) && contains(&file, &three));
}
