//! What the matrix is made of: elementary streams, each encoded once, and segments that are copies of them.

use weir_tests::program;

use super::super::*;

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
pub(super) enum Kind {
    Ts,
    Fmp4,
    Packed,
}

/// One stretch of segments with a clock of its own.
pub(super) struct Piece {
    pub(super) map: Option<Vec<u8>>,
    pub(super) segments: Vec<(f64, Vec<u8>)>,
    /// What ffmpeg makes of it.
    pub(super) reference: Vec<media::Stream>,
}

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
pub(super) fn piece(folder: &Path, kind: Kind, codecs: &[&str], offset: u32) -> Piece {
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
