//! Every codec in every kind of segment, delivered in every way: `weir get` of it holds what `ffmpeg -c copy` makes of the
//! same segments. Each elementary stream is encoded once (under `target/streams`); cells are copies of them.
//!
//! What is delivered in other ways has the same samples, so the file must be the same to the byte: one cell of each
//! group is compared with ffmpeg packet by packet, the others with that one.

use std::fmt::Write as _;
use std::process::{Command, Stdio};

use aes::Aes128;
use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockModeEncrypt as _, KeyIvInit as _};
use serde_json::Value;
use weir_tests::origin::{Origin, Reply};
use weir_tests::program;

use super::*;

const KEY: [u8; 16] = *b"weir matrix key.";
const SEGMENT_SECONDS: &str = "2";

/// Elementary streams of six seconds: name, and how ffmpeg makes them.
const SOURCES: [(&str, &str); 7] = [
    (
        "h264",
        "-f lavfi -i testsrc2=size=160x90:rate=25 -t 6 -c:v libx264 -preset veryfast -pix_fmt yuv420p -bf 2 -g 50 \
         -keyint_min 50 -sc_threshold 0",
    ),
    (
        "hevc",
        "-f lavfi -i testsrc2=size=160x90:rate=25 -t 6 -c:v libx265 -preset veryfast -pix_fmt yuv420p -x265-params \
         log-level=none:bframes=3:keyint=50:min-keyint=50:scenecut=0",
    ),
    (
        "aac",
        "-f lavfi -i sine=sample_rate=44100 -t 6 -c:a aac -b:a 64k -ac 2",
    ),
    (
        "mp3",
        "-f lavfi -i sine=sample_rate=44100 -t 6 -c:a libmp3lame -b:a 64k -ac 2",
    ),
    (
        "ac3",
        "-f lavfi -i sine=sample_rate=48000 -t 6 -c:a ac3 -b:a 96k -ac 2",
    ),
    (
        "eac3",
        "-f lavfi -i sine=sample_rate=48000 -t 6 -c:a eac3 -b:a 96k -ac 2",
    ),
    (
        "opus",
        "-f lavfi -i sine=sample_rate=48000 -t 6 -c:a libopus -b:a 64k -ac 2",
    ),
];

/// Kinds of segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Ts,
    Fmp4,
    Packed,
}

/// One stretch of segments with a clock of its own.
struct Piece {
    map: Option<Vec<u8>>,
    segments: Vec<(f64, Vec<u8>)>,
    /// What ffmpeg makes of it.
    reference: Vec<media::Stream>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protection {
    Clear,
    Aes128,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Delivery {
    ManyFiles,
    OneFile,
}

const DELIVERIES: [(&str, Protection, Delivery); 4] = [
    ("clear, many files", Protection::Clear, Delivery::ManyFiles),
    ("clear, one file", Protection::Clear, Delivery::OneFile),
    ("AES-128, many files", Protection::Aes128, Delivery::ManyFiles),
    ("AES-128, one file", Protection::Aes128, Delivery::OneFile),
];

/// The elementary streams, made once.
fn sources() -> PathBuf {
    static FOLDER: std::sync::OnceLock<PathBuf> = std::sync::OnceLock::new();
    FOLDER
        .get_or_init(|| {
            let recipe = format!("2 {SOURCES:?}");
            let hash = recipe.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
            let parent = program::target_folder().join("streams");
            let folder = parent.join(format!("matrix-{hash:016x}"));
            if !folder.exists() {
                fs::create_dir_all(&parent).unwrap();
                let making = tempfile::Builder::new()
                    .prefix(".making-")
                    .tempdir_in(&parent)
                    .unwrap();
                for (name, options) in SOURCES {
                    let output = making.path().join(source_name(name));
                    let options = options.split_whitespace().map(str::to_owned);
                    media::ffmpeg(options.chain([output.to_str().unwrap().to_owned()])).unwrap();
                }
                if let Err(error) = fs::rename(making.path(), &folder) {
                    assert!(folder.exists(), "{error}");
                }
            }
            folder
        })
        .clone()
}

/// NUT keeps times exactly; of E-AC-3 it says that it were AC-3.
fn source_name(codec: &str) -> String {
    format!("{codec}.{}", if codec == "eac3" { "eac3" } else { "nut" })
}

/// Segments of these streams, whose clock begins at `offset` seconds.
fn piece(folder: &Path, kind: Kind, codecs: &[&str], offset: u32) -> Piece {
    fs::create_dir_all(folder).unwrap();
    let (sources, text) = (sources(), |path: PathBuf| path.to_str().unwrap().to_owned());
    let mut options: Vec<String> = Vec::new();
    for codec in codecs {
        options.extend(["-i".to_owned(), text(sources.join(source_name(codec)))]);
    }
    for index in 0..codecs.len() {
        options.extend(["-map".to_owned(), index.to_string()]);
    }
    options.extend(["-c", "copy"].map(str::to_owned));
    let (mut piece, source) = match kind {
        Kind::Packed => packed(folder, options, codecs[0], offset),
        Kind::Ts | Kind::Fmp4 => {
            options.extend(["-output_ts_offset".to_owned(), offset.to_string()]);
            let container = if kind == Kind::Ts { "mpegts" } else { "fmp4" };
            options.extend(
                [
                    "-f",
                    "hls",
                    "-hls_time",
                    SEGMENT_SECONDS,
                    "-hls_playlist_type",
                    "vod",
                    "-hls_segment_type",
                    container,
                ]
                .map(str::to_owned),
            );
            let index = folder.join("index.m3u8");
            options.push(text(index.clone()));
            media::ffmpeg(options).unwrap();
            let playlist = Playlist::read(&index);
            let source = folder.join("source");
            playlist.concatenate(&source);
            let map = playlist.segments[0].map.as_ref().map(|map| map.to_vec());
            let segments = playlist.segments.iter();
            let segments = segments.map(|segment| (segment.duration_seconds.unwrap(), segment.data.to_vec()));
            let piece = Piece {
                map,
                segments: segments.collect(),
                reference: Vec::new(),
            };
            (piece, source)
        }
    };
    assert!(piece.segments.len() >= 3, "{} segments", piece.segments.len());
    // ffmpeg's own copy loses the last Opus packet, so there the segments are the reference.
    piece.reference = if codecs.contains(&"opus") {
        media::packets(&source).unwrap()
    } else {
        let copy = folder.join("reference.mp4");
        media::remux(&source, &copy).unwrap();
        media::packets(&copy).unwrap()
    };
    piece
}

/// Packed audio, each segment behind the tag that says when it begins.
fn packed(folder: &Path, mut options: Vec<String>, codec: &str, offset: u32) -> (Piece, PathBuf) {
    let format = if codec == "aac" { "adts" } else { codec };
    options.extend(
        [
            "-f",
            "segment",
            "-segment_time",
            SEGMENT_SECONDS,
            "-segment_format",
            format,
        ]
        .map(str::to_owned),
    );
    if codec == "mp3" {
        options.extend(["-segment_format_options", "write_xing=0:id3v2_version=0"].map(str::to_owned));
    }
    let list = folder.join("list.csv");
    let names = folder.join("%03d");
    options.extend(
        [
            "-segment_list",
            list.to_str().unwrap(),
            "-segment_list_type",
            "csv",
        ]
        .map(str::to_owned),
    );
    options.push(names.to_str().unwrap().to_owned());
    media::ffmpeg(options).unwrap();
    let (mut segments, mut plain) = (Vec::new(), Vec::new());
    for line in fs::read_to_string(&list).unwrap().lines() {
        let fields: Vec<&str> = line.split(',').collect();
        let (begin, end): (f64, f64) = (fields[1].parse().unwrap(), fields[2].parse().unwrap());
        let data = read(&folder.join(fields[0]));
        plain.extend_from_slice(&data);
        #[expect(clippy::cast_possible_truncation, reason = "a few seconds")]
        let ticks = ((begin + f64::from(offset) + 10.0) * 90_000.0).round() as i64;
        segments.push((
            end - begin,
            [&generated::id3_timestamp(ticks)[..], &data].concat(),
        ));
    }
    let source = folder.join(format!("source.{codec}"));
    fs::write(&source, plain).unwrap();
    let piece = Piece {
        map: None,
        segments,
        reference: Vec::new(),
    };
    (piece, source)
}

fn encrypted(data: &[u8], protection: Protection, iv: [u8; 16]) -> Vec<u8> {
    match protection {
        Protection::Clear => data.to_vec(),
        Protection::Aes128 => {
            cbc::Encryptor::<Aes128>::new(&KEY.into(), &iv.into()).encrypt_padded_vec::<Pkcs7>(data)
        }
    }
}

/// Puts pieces behind each other on the origin, a discontinuity between them. Returns the playlist's path.
fn publish(
    origin: &Origin,
    folder: &str,
    pieces: &[&Piece],
    protection: Protection,
    delivery: Delivery,
) -> String {
    let mut text = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:3\n".to_owned();
    let mut whole = Vec::new();
    let mut number = 0;
    let mut put = |data: Vec<u8>| match delivery {
        Delivery::ManyFiles => {
            number += 1;
            let name = format!("{number}.bin");
            origin.reply(&format!("{folder}/{name}"), Reply::ok(data));
            (name, None)
        }
        Delivery::OneFile => {
            let range = (data.len(), whole.len());
            whole.extend(data);
            ("all.bin".to_owned(), Some(range))
        }
    };
    for (index, piece) in pieces.iter().enumerate() {
        if index > 0 {
            text.push_str("#EXT-X-DISCONTINUITY\n");
        }
        if let Some(map) = &piece.map {
            // A key that stands before would encrypt it too.
            text.push_str("#EXT-X-KEY:METHOD=NONE\n");
            let (name, range) = put(map.clone());
            let range = range.map_or(String::new(), |(length, offset)| {
                format!(",BYTERANGE=\"{length}@{offset}\"")
            });
            writeln!(text, "#EXT-X-MAP:URI=\"{name}\"{range}").unwrap();
        }
        for (number, (seconds, data)) in piece.segments.iter().enumerate() {
            let iv = [u8::try_from(index * 16 + number).unwrap(); 16];
            if protection == Protection::Aes128 {
                let iv = u128::from_be_bytes(iv);
                writeln!(text, "#EXT-X-KEY:METHOD=AES-128,URI=\"key\",IV=0x{iv:032x}").unwrap();
            }
            let (name, range) = put(encrypted(data, protection, iv));
            writeln!(text, "#EXTINF:{seconds:.6},").unwrap();
            if let Some((length, offset)) = range {
                writeln!(text, "#EXT-X-BYTERANGE:{length}@{offset}").unwrap();
            }
            writeln!(text, "{name}").unwrap();
        }
    }
    text.push_str("#EXT-X-ENDLIST\n");
    origin.reply(&format!("{folder}/all.bin"), Reply::ok(whole));
    origin.reply(&format!("{folder}/key"), Reply::ok(&KEY[..]));
    origin.reply(&format!("{folder}/index.m3u8"), Reply::ok(text));
    format!("{folder}/index.m3u8")
}

/// `weir get`: the event that it ends with.
fn get(url: &str, output: &Path) -> Value {
    let run = Command::new(program::weir().unwrap())
        .args(["get", url, "--allow-private", "--json", "-o"])
        .arg(output)
        .env("HOME", output.parent().unwrap())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&run.stdout);
    let last = text.lines().last();
    last.map_or_else(
        || panic!("{url}: {}", String::from_utf8_lossy(&run.stderr)),
        |line| serde_json::from_str(line).unwrap(),
    )
}

/// One group: these codecs in this kind of segment, with or without a discontinuity.
fn group(kind: Kind, codecs: &[&str], origin: &Origin, table: &mut String) {
    let folder = folder();
    let first = piece(&folder.path().join("first"), kind, codecs, 0);
    let second = piece(&folder.path().join("second"), kind, codecs, 1000);
    for pieces in [&[&first][..], &[&first, &second]] {
        let joint = if pieces.len() > 1 {
            "discontinuity"
        } else {
            "one piece"
        };
        // One address for all deliveries, each in the place of the one before: a file says where it comes from.
        let address = format!("/{kind:?}-{}-{joint}", codecs.join("-")).replace(' ', "-");
        let mut expected: Option<Vec<u8>> = None;
        for (name, protection, delivery) in DELIVERIES {
            let label = format!("{kind:?} {} {joint}: {name}", codecs.join("+"));
            let path = publish(origin, &address, pieces, protection, delivery);
            let ours = folder
                .path()
                .join(format!("{}.mp4", label.replace([' ', ':'], "-")));
            let event = get(&origin.url(&path), &ours);
            assert_eq!(event["verdict"], "complete", "{label}: {event}");
            let data = fs::read(&ours).unwrap();
            if let Some(expected) = &expected {
                assert!(data == *expected, "{label}: not the file of the first delivery");
            } else {
                check_pieces(&ours, pieces, &label);
                expected = Some(data);
            }
            fs::remove_file(&ours).unwrap();
        }
        writeln!(
            table,
            "{:7} {:10} {joint:14} {} deliveries",
            format!("{kind:?}"),
            codecs.join("+"),
            DELIVERIES.len()
        )
        .unwrap();
    }
}

/// The file decodes without a word, and each piece in it is ffmpeg's copy of it.
fn check_pieces(ours: &Path, pieces: &[&Piece], label: &str) {
    assert_eq!(media::decode_errors(ours).unwrap(), "", "{label}");
    let mut rest = media::packets(ours).unwrap();
    for piece in pieces {
        let mut part = rest.clone();
        for expected in &piece.reference {
            let found = part
                .iter_mut()
                .zip(&mut rest)
                .find(|(part, _)| part.kind == expected.kind);
            let (part, rest) = found.unwrap_or_else(|| panic!("{label}: no {}", expected.kind));
            assert!(
                part.packets.len() >= expected.packets.len(),
                "{label}: {} packets",
                part.packets.len()
            );
            part.packets.truncate(expected.packets.len());
            rest.packets.drain(..expected.packets.len());
        }
        media::compare_streams(&part, &piece.reference).unwrap_or_else(|error| panic!("{label}: {error}"));
    }
    for stream in rest {
        assert_eq!(stream.packets, [], "{label}: more than the pieces have");
    }
}

fn matrix(test: &str, kind: Kind, videos: &[&str], audios: &[&str]) {
    if media::skip_without_ffmpeg(test) {
        return;
    }
    let origin = Origin::start().unwrap();
    let mut table = String::new();
    for audio in audios {
        if videos.is_empty() {
            group(kind, &[audio], &origin, &mut table);
        }
        for video in videos {
            group(kind, &[video, audio], &origin, &mut table);
        }
    }
    #[expect(clippy::print_stdout, reason = "the table is for people")]
    {
        println!("{table}");
    }
}

#[test]
fn matrix_of_transport_streams() {
    matrix(
        "matrix_of_transport_streams",
        Kind::Ts,
        &["h264", "hevc"],
        &["aac", "mp3", "ac3", "eac3"],
    );
}

#[test]
fn matrix_of_fragmented_mp4() {
    matrix(
        "matrix_of_fragmented_mp4",
        Kind::Fmp4,
        &["h264", "hevc"],
        &["aac", "mp3", "ac3", "eac3", "opus"],
    );
}

#[test]
fn matrix_of_packed_audio() {
    matrix(
        "matrix_of_packed_audio",
        Kind::Packed,
        &[],
        &["aac", "mp3", "ac3", "eac3"],
    );
}
