//! Transport streams that are wrapped, cut, disguised or damaged in ways that must not change what comes out.

use proptest::prelude::*;
use weir::decrypt::{Declaration, SampleCipher};
use weir::keys::{Key, KeyId};
use weir_core::protocol::{Iv, KeyMethod};
use weir_tests::streams::common_encryption::{self, Place, Protection, Scheme};
use weir_tests::streams::sample_aes::{self, Cut, KeyAndIv, Types};

use super::mux::{PACKET_BYTES, section_packet};
use super::*;

/// The stream that all are made from: one playlist in one segment.
fn original() -> &'static Bytes {
    static STREAM: std::sync::OnceLock<Bytes> = std::sync::OnceLock::new();
    STREAM.get_or_init(|| {
        let folder = folder();
        let path = folder.path().join("source.ts");
        let mut options = vec!["-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25"];
        options.extend([
            "-f",
            "lavfi",
            "-i",
            "sine=frequency=440:sample_rate=44100",
            "-t",
            "5",
        ]);
        options.extend([
            "-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-bf", "3", "-g", "25",
        ]);
        options.extend(["-c:a", "aac", "-b:a", "96k", "-ac", "2", path.to_str().unwrap()]);
        media::ffmpeg(options).unwrap();
        read(&path)
    })
}

/// The packets of what comes out of these segments.
fn merged(segments: impl IntoIterator<Item = Bytes>) -> Vec<media::Stream> {
    let folder = folder();
    let output = folder.path().join("out.mp4");
    let segment = |data| SegmentInput {
        data,
        ..SegmentInput::default()
    };
    let playlist = Playlist {
        segments: segments.into_iter().map(segment).collect(),
    };
    let merged = merge(&[playlist], &output);
    check_sound(&output, &merged);
    media::packets(&output).unwrap()
}

fn packets(data: &Bytes) -> impl Iterator<Item = &[u8]> {
    assert_eq!(data.len() % PACKET_BYTES, 0);
    data.chunks(PACKET_BYTES)
}

fn pid(packet: &[u8]) -> u16 {
    u16::from_be_bytes([packet[1] & 0x1f, packet[2]])
}

/// What is made of the original by `change` must come out as the original does.
fn check(test: &str, change: impl FnOnce(&Bytes) -> Vec<Vec<u8>>) {
    if !media::skip_without_ffmpeg(test) {
        let changed = change(original());
        assert_eq!(
            merged(changed.into_iter().map(Bytes::from)),
            merged([original().clone()])
        );
    }
}

#[test]
fn packets_of_192_bytes() {
    check("packets_of_192_bytes", |data| {
        vec![
            packets(data)
                .flat_map(|packet| [&[1, 2, 3, 4], packet].concat())
                .collect(),
        ]
    });
}

/// Packets of 188 bytes are kept in runs, those of 192 one by one.
#[test]
fn a_ts_of_runs_is_that_of_single_packets() {
    if media::skip_without_ffmpeg("a_ts_of_runs_is_that_of_single_packets") {
        return;
    }
    let folder = folder();
    let single = packets(original()).flat_map(|packet| [&[1, 2, 3, 4], packet].concat());
    let made = [original().clone(), single.collect()].map(|data| {
        let output = folder.path().join(format!("{}.ts", data.len()));
        let segments = vec![SegmentInput {
            data,
            ..SegmentInput::default()
        }];
        merge_as(Container::Ts, &[Playlist { segments }], &output);
        read(&output)
    });
    assert!(made[0].len() > 100 * PACKET_BYTES && made[0] == made[1]);
}

#[test]
fn packets_of_204_bytes() {
    check("packets_of_204_bytes", |data| {
        vec![
            packets(data)
                .flat_map(|packet| [packet, &[0x47; 16]].concat())
                .collect(),
        ]
    });
}

#[test]
fn every_packet_twice() {
    check("every_packet_twice", |data| {
        vec![packets(data).flat_map(|packet| packet.repeat(2)).collect()]
    });
}

#[test]
fn junk_between_packets() {
    check("junk_between_packets", |data| {
        let junk = |number: usize| vec![0x47; if number % 97 == 5 { number % 300 } else { 0 }];
        vec![
            packets(data)
                .enumerate()
                .flat_map(|(number, packet)| [junk(number), packet.to_vec()].concat())
                .collect(),
        ]
    });
}

#[test]
fn disguised_as_pictures() {
    check("disguised_as_pictures", |data| {
        let half = data.len() / PACKET_BYTES / 2 * PACKET_BYTES;
        let png = [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", &data[..0], &[0x47; 54][..]].concat();
        let jpeg = [&b"\xff\xd8\xff\xe0\0\x10JFIF"[..], &[0x20; 1000]].concat();
        vec![[&png, &data[..half]].concat(), [&jpeg, &data[half..]].concat()]
    });
}

#[test]
fn tables_behind_all_other_packets() {
    check("tables_behind_all_other_packets", |data| {
        let (tables, rest): (Vec<&[u8]>, Vec<&[u8]>) =
            packets(data).partition(|packet| matches!(pid(packet), 0 | 0x1000));
        vec![rest.concat(), tables[..2].concat()]
    });
}

#[test]
fn tables_only_in_the_first_segment() {
    check("tables_only_in_the_first_segment", |data| {
        let rest: Vec<&[u8]> = packets(data)
            .skip(40)
            .filter(|packet| !matches!(pid(packet), 0 | 0x1000))
            .collect();
        vec![data[..40 * PACKET_BYTES].to_vec(), rest.concat()]
    });
}

#[test]
fn another_program_without_media_first() {
    check("another_program_without_media_first", |data| {
        // The PAT names programme 9 with PID 0x0200 first; its map has a stream of private data alone.
        let pat = section_packet(
            0,
            &[
                0x00, 0xb0, 17, 0, 1, 0xc1, 0, 0, 0, 9, 0xe2, 0x00, 0, 1, 0xf0, 0x00,
            ],
        );
        let pmt = section_packet(
            0x200,
            &[
                0x02, 0xb0, 18, 0, 9, 0xc1, 0, 0, 0xff, 0xff, 0xf0, 0, 0x0d, 0xe3, 0x00, 0xf0, 0,
            ],
        );
        let rest: Vec<&[u8]> = packets(data).filter(|packet| pid(packet) != 0).collect();
        vec![[pat, pmt, rest.concat()].concat()]
    });
}

/// Segments that end anywhere: in a packet, in a NAL unit, in an audio frame.
#[test]
fn cut_anywhere() {
    if media::skip_without_ffmpeg("cut_anywhere") {
        return;
    }
    let data = original();
    let expected = merged([data.clone()]);
    for bytes in [188 * 7, 188 * 100 + 1, 50_000, 99_999] {
        let segments: Vec<Bytes> = (0..data.len())
            .step_by(bytes)
            .map(|at| data.slice(at..data.len().min(at + bytes)))
            .collect();
        assert_eq!(merged(segments), expected, "segments of {bytes} bytes");
    }
}

/// What must not happen on any input: a panic. What comes out is either a sound file or an error.
fn survive(segments: &[Bytes], cipher: Option<&SampleCipher>) -> Result<(), TestCaseError> {
    let folder = tempfile::tempdir().unwrap();
    let mut merger = Merger::create(
        &folder.path().join("out.mp4"),
        Container::Mp4,
        &[TrackHint::default()],
    )
    .unwrap();
    for (index, data) in segments.iter().enumerate() {
        let segment = SegmentInput {
            discontinuity: index % 2 == 1,
            data: data.clone(),
            cipher: cipher.cloned(),
            ..SegmentInput::default()
        };
        if merger.push(segment).is_err() {
            return Ok(());
        }
    }
    if let Err(error) = merger.finish() {
        prop_assert!(!matches!(error, MergeError::Check(_)), "{error}");
    }
    Ok(())
}

fn mutate(data: &Bytes, changes: &[(prop::sample::Index, u8)]) -> Bytes {
    let mut data = data.to_vec();
    for (index, byte) in changes {
        let at = index.index(data.len());
        data[at] = *byte;
    }
    data.into()
}

/// The original as a fragmented file.
fn fragmented() -> Bytes {
    let folder = folder();
    let (source, output) = (folder.path().join("in.ts"), folder.path().join("out.mp4"));
    fs::write(&source, original()).unwrap();
    media::ffmpeg([
        "-f",
        "mpegts",
        "-i",
        source.to_str().unwrap(),
        "-c",
        "copy",
        "-bsf:a",
        "aac_adtstoasc",
        "-movflags",
        "frag_keyframe+empty_moov+default_base_moof",
        output.to_str().unwrap(),
    ])
    .unwrap();
    read(&output)
}

/// A fragmented file and a transport stream, for mutation; clear, and with encrypted samples.
fn seeds() -> Vec<(Bytes, Option<SampleCipher>)> {
    let (stream, fragmented) = (original().slice(..188 * 300), fragmented());
    let pair = KeyAndIv {
        key: [1; 16],
        iv: [2; 16],
    };
    let encrypted = sample_aes::transport_stream(&stream, Types::Encrypted, Cut::AsBefore, |_| pair).unwrap();
    let protection = Protection {
        scheme: Scheme::Cbcs,
        keys: [([3; 16], pair.key), ([4; 16], [5; 16])],
        groups: true,
        place: Place::Elsewhere,
    };
    let (protected, tracks) = common_encryption::initialization(&fragmented, &protection).unwrap();
    let protected = common_encryption::segment(&protected, &protection, &tracks).unwrap();
    let key = |key| Key::Bits128(key);
    let cipher = SampleCipher::new(
        KeyMethod::SampleAes,
        Iv(pair.iv),
        Declaration::Playlist,
        Some(key(pair.key)),
        &[(KeyId([4; 16]), key([5; 16]))],
    );
    let cipher = cipher.unwrap();
    vec![
        (stream, None),
        (fragmented, None),
        (encrypted.packets.into(), Some(cipher.clone())),
        (protected.into(), Some(cipher)),
    ]
}

/// A recording leaves out the segment that makes no sense and goes on with the next: its formats must not be left out too.
#[test]
fn a_segment_left_out_takes_no_format_with_it() {
    if media::skip_without_ffmpeg("a_segment_left_out_takes_no_format_with_it") {
        return;
    }
    let folder = folder();
    let output = folder.path().join("out.mp4");
    let (map, segments) = rules::fragments_of(&fragmented());
    let segment = |data: &Bytes| SegmentInput {
        map: Some(map.clone()),
        data: data.clone(),
        ..SegmentInput::default()
    };
    let mut merger = Merger::create(&output, Container::Mp4, &[TrackHint::default()]).unwrap();
    let broken = merger.push(segment(&with_unknown_description(&segments[0])));
    let broken = broken.unwrap_err().to_string();
    assert!(broken.contains("names sample description 9"), "{broken}");
    for data in &segments {
        merger.push(segment(data)).unwrap();
    }
    check_sound(&output, &merger.finish().unwrap());
    let whole = Playlist {
        segments: segments.iter().map(segment).collect(),
    };
    let reference = folder.path().join("reference.mp4");
    merge(&[whole], &reference);
    media::compare(&output, &reference).unwrap();
}

/// The fragment with the ninth sample description for its last track, of which there is one.
fn with_unknown_description(fragment: &Bytes) -> Bytes {
    let mut bytes = fragment.to_vec();
    let tfhd = bytes.windows(4).rposition(|name| name == b"tfhd").unwrap();
    // Boxes that hold it, by where their names are.
    let (movie, track) = (4, tfhd - 8);
    assert_eq!(
        (&bytes[movie..movie + 4], &bytes[track..track + 4]),
        (&b"moof"[..], &b"traf"[..])
    );
    for name in [movie, track, tfhd] {
        let size = u32::from_be_bytes(bytes[name - 4..name].try_into().unwrap()) + 4;
        bytes[name - 4..name].copy_from_slice(&size.to_be_bytes());
    }
    let (flags, behind_track) = (tfhd + 7, tfhd + 12);
    assert_eq!(bytes[flags] & 3, 0, "neither a base nor a description so far");
    bytes[flags] |= 2;
    bytes.splice(behind_track..behind_track, [0, 0, 0, 9]);
    bytes.into()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_do_no_harm(mut data in prop::collection::vec(any::<u8>(), 0..4096), kind in 0..3) {
        match kind {
            0 => data.iter_mut().step_by(PACKET_BYTES).for_each(|byte| *byte = 0x47),
            1 => data.splice(..0, *b"\0\0\0\x08moof").for_each(drop),
            _ => {}
        }
        survive(&[data.into()], None)?;
    }
}

#[test]
fn mutated_streams_do_no_harm() {
    if media::skip_without_ffmpeg("mutated_streams_do_no_harm") {
        return;
    }
    let seeds = seeds();
    let strategy = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..64);
    proptest!(ProptestConfig { cases: 200, ..ProptestConfig::default() }, |(changes in strategy, head in 0..2048_usize)| {
        for (seed, cipher) in &seeds {
            let cipher = cipher.as_ref();
            // Tables and headers are where a change does most.
            let (begin, rest) = (seed.slice(..head.min(seed.len())), seed.slice(head.min(seed.len())..));
            survive(&[mutate(seed, &changes), seed.clone()], cipher)?;
            if !begin.is_empty() {
                survive(&[[mutate(&begin, &changes), rest].concat().into()], cipher)?;
            }
        }
    });
}
