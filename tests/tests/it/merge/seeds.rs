//! What the fuzz targets that demux begin with (`tests/fuzz/seeds`): the smallest streams that ffmpeg and the muxer here
//! make. `WEIR_BLESS=1` writes them anew.

use weir::demux::{DemuxError, Demuxed, Demuxer, Edge, Segment, Timeline};

use super::rules::{fragments_of, made};
use super::*;

const DISCONTINUITY: u8 = 1;
const MAP: u8 = 4;

/// Of each segment of fields: long inputs make few tries.
const FIELDS_BYTES: usize = 40 * 188;

/// As the targets read it (`tests/fuzz/src/media.rs`): a byte that says what it is, its length, its bytes.
fn entry(flags: u8, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap().to_le_bytes();
    [&[flags][..], &length, data].concat()
}

fn folder_of(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/seeds")
        .join(target)
}

/// Every seed is media to its target: one that no reader knows any more would be noise.
#[test]
fn seeds_of_the_fuzz_targets_are_media() {
    if std::env::var_os("WEIR_BLESS").is_some() {
        write_seeds();
    }
    for (target, expected) in [("ts", 8), ("fmp4", 6), ("packed", 4), ("merge", 4)] {
        let mut seeds = 0;
        for file in fs::read_dir(folder_of(target)).unwrap() {
            let path = file.unwrap().path();
            let data = read(&path);
            // What the merger is to do stands before what it is to read.
            let entries = data.slice(usize::from(target == "merge")..);
            assert!(samples(&entries) > 0, "{}", path.display());
            seeds += 1;
        }
        assert_eq!(seeds, expected, "{target}");
    }
}

/// How many samples come out of a seed.
fn samples(mut seed: &[u8]) -> usize {
    let (mut demuxer, mut timeline) = (Demuxer::new(0), Timeline::new(1));
    let (mut map, mut count) = (None, 0);
    let mut out = |batch: Vec<Demuxed>| {
        let is_sample = |demuxed: &&Demuxed| matches!(demuxed, Demuxed::Sample(..));
        count += batch.iter().filter(is_sample).count();
        Ok::<_, DemuxError>(())
    };
    while let [flags, low, high, rest @ ..] = seed {
        let (data, behind) = rest.split_at(usize::from(u16::from_le_bytes([*low, *high])));
        let data = Bytes::copy_from_slice(data);
        seed = behind;
        if flags & MAP != 0 {
            map = Some(data);
            continue;
        }
        let segment = Segment {
            data,
            map: map.clone(),
            edge: Edge {
                discontinuity: flags & DISCONTINUITY != 0,
                ..Edge::default()
            },
            ..Segment::default()
        };
        demuxer.push(segment, &mut timeline, &mut out).unwrap();
    }
    demuxer.flush(&mut out).unwrap();
    count
}

fn write_seeds() {
    const PICTURES: &str = "-f lavfi -i testsrc2=size=32x32:rate=10 -t 0.5 -pix_fmt yuv420p -bf 1";
    const TONE: &str = "-f lavfi -i sine=sample_rate=16000 -t 0.3 -ac 1";
    const SURROUND: &str = "-f lavfi -i sine=sample_rate=32000 -t 0.2 -ac 1 -b:a 32k";
    for (name, options) in [
        (
            "h264",
            format!("{PICTURES} -c:v libx264 -preset ultrafast -crf 45"),
        ),
        (
            "hevc",
            format!("{PICTURES} -c:v libx265 -preset ultrafast -x265-params log-level=none:crf=45"),
        ),
        ("aac", format!("{TONE} -c:a aac -b:a 16k")),
        ("mp3", format!("{TONE} -c:a libmp3lame -b:a 16k")),
        ("ac3", format!("{SURROUND} -c:a ac3")),
        ("eac3", format!("{SURROUND} -c:a eac3")),
    ] {
        let ts = made(&options, "ts");
        write("ts", name, &entry(0, &ts));
        let flags = "-movflags frag_keyframe+empty_moov+default_base_moof+delay_moov";
        let (map, segments) = fragments_of(&made(&format!("{options} {flags}"), "mp4"));
        let segments: Vec<u8> = segments.iter().flat_map(|segment| entry(0, segment)).collect();
        write("fmp4", name, &[entry(MAP, &map), segments].concat());
        if name == "h264" {
            let half = ts.len() / 376 * 188;
            let halves = [entry(0, &ts[..half]), entry(DISCONTINUITY, &ts[half..])].concat();
            write("ts", "h264-halves", &halves);
            for (kind, container) in ["mp4", "mkv", "ts", "segments"].iter().enumerate() {
                let kind = u8::try_from(kind).unwrap();
                write("merge", container, &[&[kind], &halves[..]].concat());
            }
        }
        let raw = match name {
            "h264" | "hevc" => continue,
            "aac" => made(&format!("{options} -f adts"), name),
            name => made(&format!("{options} -f {name}"), name),
        };
        let tagged = [&generated::id3_timestamp(90_000)[..], &raw].concat();
        write("packed", name, &entry(0, &tagged));
    }
    let (segments, _) = fields::stream_for_seeds();
    let fields = segments
        .map(|segment| entry(0, &segment[..FIELDS_BYTES]))
        .concat();
    write("ts", "fields", &fields);
}

fn write(target: &str, name: &str, data: &[u8]) {
    let folder = folder_of(target);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(name), data).unwrap();
}
