//! The seeds of the fuzz targets (`tests/fuzz/seeds`): the smallest streams that ffmpeg and the muxer here make.

use super::rules::made;
use super::*;

/// As the targets read it: a byte that says what it is, its length, its bytes.
fn entry(flags: u8, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap().to_le_bytes();
    [&[flags][..], &length, data].concat()
}

const DISCONTINUITY: u8 = 1;
const MAP: u8 = 4;

fn write(target: &str, name: &str, data: &[u8]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/seeds")
        .join(target);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(name), data).unwrap();
}

#[test]
#[ignore = "writes files that are committed: WEIR_BLESS"]
fn write_seeds() {
    const PICTURES: &str = "-f lavfi -i testsrc2=size=32x32:rate=10 -t 0.5 -pix_fmt yuv420p -bf 1";
    const TONE: &str = "-f lavfi -i sine=sample_rate=16000 -t 0.3 -ac 1";
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
        (
            "ac3",
            "-f lavfi -i sine=sample_rate=32000 -t 0.2 -ac 1 -c:a ac3 -b:a 32k".to_owned(),
        ),
        (
            "eac3",
            "-f lavfi -i sine=sample_rate=32000 -t 0.2 -ac 1 -c:a eac3 -b:a 32k".to_owned(),
        ),
    ] {
        let ts = made(&options, "ts");
        let half = ts.len() / 376 * 188;
        write("ts", name, &entry(0, &ts));
        write(
            "ts",
            &format!("{name}-halves"),
            &[entry(0, &ts[..half]), entry(DISCONTINUITY, &ts[half..])].concat(),
        );
        let flags = "-movflags frag_keyframe+empty_moov+default_base_moof+delay_moov";
        let (map, segments) = rules::fragments_of(&made(&format!("{options} {flags}"), "mp4"));
        let segments: Vec<u8> = segments.iter().flat_map(|segment| entry(0, segment)).collect();
        write("fmp4", name, &[entry(MAP, &map), segments].concat());
        let raw = match name {
            "h264" | "hevc" => continue,
            name => made(
                &format!("{options} -f {}", if name == "aac" { "adts" } else { name }),
                name,
            ),
        };
        let tagged = [&generated::id3_timestamp(90_000)[..], &raw].concat();
        write("packed", name, &entry(0, &tagged));
    }
    let (segments, _) = fields::stream_for_seeds();
    write(
        "ts",
        "fields",
        &[entry(0, &segments[0]), entry(DISCONTINUITY, &segments[1])].concat(),
    );
    write(
        "writer",
        "two-tracks",
        &(0..=255).cycle().step_by(7).take(300).collect::<Vec<u8>>(),
    );
    write(
        "writer",
        "small-times",
        &[5, 0, 1, 1, 0, 1, 4, 0, 9, 9, 9, 9].repeat(20),
    );
    let media = "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-TARGETDURATION:4\n#EXT-X-MEDIA-SEQUENCE:7\n#EXT-X-DEFINE:NAME=\"a\",VALUE=\"b\"\n\
        #EXT-X-MAP:URI=\"i.mp4\",BYTERANGE=\"9@0\"\n#EXT-X-KEY:METHOD=AES-128,URI=\"{$a}\",IV=0x01\n#EXTINF:4.0,t\n\
        #EXT-X-BYTERANGE:10@9\na.mp4\n#EXT-X-DISCONTINUITY\n#EXT-X-GAP\n#EXTINF:3,\nb.mp4\n#EXT-X-ENDLIST\n";
    let multivariant = "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"g\",NAME=\"n\",DEFAULT=YES,LANGUAGE=\"en\",URI=\"a.m3u8\"\n\
        #EXT-X-STREAM-INF:BANDWIDTH=1000,RESOLUTION=1x2,CODECS=\"avc1.64001f,mp4a.40.2\",AUDIO=\"g\"\nv.m3u8\n";
    for target in ["playlist", "plan"] {
        write(target, "media", media.as_bytes());
        write(target, "multivariant", multivariant.as_bytes());
    }
    write(
        "attributes",
        "stream",
        b"BANDWIDTH=1000,RESOLUTION=1x2,CODECS=\"a,b\",AUDIO=\"g\"",
    );
    write(
        "attributes",
        "key",
        b"METHOD=AES-128,URI=\"k\",IV=0x01,KEYFORMAT=\"identity\"",
    );
}
