//! Streams that ffmpeg makes here, compared with its own copy of them.

use super::*;

/// Encodes a test picture and tone with B-frames and a key frame every two seconds, as an HLS playlist `index.m3u8`.
pub(super) struct Encode {
    pub(super) size: &'static str,
    pub(super) rate: &'static str,
    pub(super) sample_rate: &'static str,
    pub(super) seconds: &'static str,
    pub(super) more: &'static [&'static str],
}

pub(super) const PLAIN: Encode = Encode {
    size: "320x180",
    rate: "25",
    sample_rate: "44100",
    seconds: "9",
    more: &[],
};

/// HEVC with B-frames, and AC-3.
pub(super) const HEVC_AND_AC3: Encode = Encode {
    more: &[
        "-c:v",
        "libx265",
        "-x265-params",
        "log-level=none:bframes=3",
        "-c:a",
        "ac3",
    ],
    sample_rate: "48000",
    ..PLAIN
};

/// NTSC's rate, several slices a picture, open groups of pictures.
pub(super) const NTSC_OPEN_GOP: Encode = Encode {
    more: &["-x264-params", "open-gop=1:slices=4:keyint=48:scenecut=0"],
    rate: "30000/1001",
    sample_rate: "48000",
    ..PLAIN
};

/// The clock of 33 bits wraps within the stream.
pub(super) const CLOCK_WRAPS: Encode = PLAIN.with(&["-output_ts_offset", "95438"]);

impl Encode {
    /// The same with other options.
    pub(super) const fn with(self, more: &'static [&'static str]) -> Self {
        Self { more, ..self }
    }

    pub(super) fn options(&self) -> Vec<String> {
        let video = format!("testsrc2=size={}:rate={}", self.size, self.rate);
        let audio = format!("sine=frequency=440:sample_rate={}", self.sample_rate);
        let mut options = vec![
            "-f",
            "lavfi",
            "-i",
            &video,
            "-f",
            "lavfi",
            "-i",
            &audio,
            "-t",
            self.seconds,
        ];
        options.extend([
            "-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-bf", "3",
        ]);
        options.extend([
            "-force_key_frames",
            "expr:gte(t,n_forced*2)",
            "-c:a",
            "aac",
            "-b:a",
            "96k",
            "-ac",
            "2",
        ]);
        options.extend(["-f", "hls", "-hls_time", "2", "-hls_playlist_type", "vod"]);
        options.extend(self.more);
        options.into_iter().map(str::to_owned).collect()
    }

    /// The playlist, in a folder of its own.
    pub(super) fn make(&self, folder: &Path) -> Playlist {
        fs::create_dir_all(folder).unwrap();
        let output = folder.join("index.m3u8");
        let mut options = self.options();
        options.push(output.to_str().unwrap().to_owned());
        media::ffmpeg(options).unwrap();
        Playlist::read(&output)
    }
}

fn check(test: &str, encode: &Encode) {
    if media::skip_without_ffmpeg(test) {
        return;
    }
    let folder = folder();
    let playlist = encode.make(&folder.path().join("hls"));
    assert!(
        playlist.segments.len() > 2,
        "{} segments",
        playlist.segments.len()
    );
    let merged = check_one_playlist(playlist, folder.path());
    assert_eq!(merged.warnings, Vec::<String>::new());
}

#[test]
fn ts_25_fps_44100_hz() {
    check("ts_25_fps_44100_hz", &PLAIN);
}

#[test]
fn ts_ntsc_48000_hz_several_slices_open_gop() {
    check("ts_ntsc", &NTSC_OPEN_GOP);
}

#[test]
fn ts_with_a_timestamp_wrap() {
    check("ts_with_a_timestamp_wrap", &CLOCK_WRAPS);
}

#[test]
fn ts_sap_interlaced_11025_hz() {
    let more = &["-vf", "setsar=16/11", "-flags", "+ildct+ilme", "-ac", "1"];
    check(
        "ts_sap_interlaced_11025_hz",
        &Encode {
            sample_rate: "11025",
            more,
            ..PLAIN
        },
    );
}

#[test]
fn ts_hevc_and_ac3() {
    check("ts_hevc_and_ac3", &HEVC_AND_AC3);
}

#[test]
fn ts_mp3() {
    check("ts_mp3", &PLAIN.with(&["-c:a", "libmp3lame"]));
}

#[test]
fn ts_enhanced_ac3_44100_hz() {
    check("ts_enhanced_ac3_44100_hz", &PLAIN.with(&["-c:a", "eac3"]));
}

#[test]
fn fragmented_muxed() {
    check(
        "fragmented_muxed",
        &Encode {
            more: &["-hls_segment_type", "fmp4"],
            ..PLAIN
        },
    );
}

/// Any codec: its sample entry is copied. (ffmpeg's copy loses the last Opus packet, so the source is the reference.)
#[test]
fn fragmented_hevc_and_opus() {
    if media::skip_without_ffmpeg("fragmented_hevc_and_opus") {
        return;
    }
    let folder = folder();
    let more = &[
        "-hls_segment_type",
        "fmp4",
        "-c:v",
        "libx265",
        "-x265-params",
        "log-level=none",
        "-c:a",
        "libopus",
    ];
    let playlist = Encode {
        sample_rate: "48000",
        more,
        ..PLAIN
    }
    .make(&folder.path().join("hls"));
    let (ours, source, _) = in_folder(folder.path());
    playlist.concatenate(&source);
    let merged = merge(&[playlist], &ours);
    media::compare(&ours, &source).unwrap();
    check_sound(&ours, &merged);
}

/// Opus behind its control headers, of one, two and six channels.
#[test]
fn ts_opus() {
    if media::skip_without_ffmpeg("ts_opus") {
        return;
    }
    let channels: [&'static [&'static str]; 3] = [
        &["-c:a", "libopus", "-ac", "1"],
        &["-c:a", "libopus", "-ac", "2", "-frame_duration", "60"],
        &[
            "-c:a",
            "libopus",
            "-ac",
            "6",
            "-b:a",
            "256k",
            "-mapping_family",
            "1",
        ],
    ];
    for more in channels {
        let folder = folder();
        let encode = Encode {
            sample_rate: "48000",
            more,
            ..PLAIN
        };
        let playlist = encode.make(&folder.path().join("hls"));
        let (ours, source, _) = in_folder(folder.path());
        playlist.concatenate(&source);
        let merged = merge(&[playlist], &ours);
        let expected = packets_of_transport_stream(&source, folder.path());
        media::compare_streams(&media::packets(&ours).unwrap(), &expected).unwrap();
        check_sound(&ours, &merged);
        assert_eq!(merged.tracks[1].codec, "opus");
    }
}

fn separate_audio(test: &str, more: &'static [&'static str]) {
    if media::skip_without_ffmpeg(test) {
        return;
    }
    let folder = folder();
    let mut options = PLAIN.with(more).options();
    options.extend(
        [
            "-map",
            "0:v",
            "-map",
            "1:a",
            "-var_stream_map",
            "v:0,agroup:a a:0,agroup:a",
        ]
        .map(str::to_owned),
    );
    options.push(folder.path().join("%v.m3u8").to_str().unwrap().to_owned());
    media::ffmpeg(options).unwrap();
    let playlists = ["0.m3u8", "1.m3u8"].map(|name| Playlist::read(&folder.path().join(name)));
    let (ours, source, reference) = in_folder(folder.path());
    let audio_source = folder.path().join("audio");
    playlists[0].concatenate(&source);
    playlists[1].concatenate(&audio_source);
    let merged = merge(&playlists, &ours);
    // Each input's own start must count, or ffmpeg moves both to zero.
    let (video, audio, output) = (
        source.to_str().unwrap(),
        audio_source.to_str().unwrap(),
        reference.to_str().unwrap(),
    );
    media::ffmpeg([
        "-copyts", "-i", video, "-i", audio, "-map", "0:v", "-map", "1:a", "-c", "copy", output,
    ])
    .unwrap();
    media::compare(&ours, &reference).unwrap();
    check_sound(&ours, &merged);
    // Written near each other, though the playlists came segment by segment.
    assert_eq!(merged.warnings, Vec::<String>::new());
}

#[test]
fn separate_audio_ts() {
    separate_audio("separate_audio_ts", &[]);
}

#[test]
fn separate_audio_fragmented() {
    separate_audio("separate_audio_fragmented", &["-hls_segment_type", "fmp4"]);
}

/// Packed audio beside TS video: its ID3 timestamps put it where the video's clock is, here across a wrap.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "seconds of a few frames become ticks"
)]
#[test]
fn packed_audio_beside_ts_video() {
    if media::skip_without_ffmpeg("packed_audio_beside_ts_video") {
        return;
    }
    let folder = folder();
    let (ours, source, reference) = in_folder(folder.path());
    let muxed = CLOCK_WRAPS.make(&folder.path().join("hls"));
    muxed.concatenate(&source);
    let data = read(&source);
    let source = source.to_str().unwrap();
    let audio = folder.path().join("audio.aac");
    media::ffmpeg(["-i", source, "-vn", "-c", "copy", audio.to_str().unwrap()]).unwrap();
    media::remux(Path::new(source), &reference).unwrap();
    // ffmpeg's playlists of packed audio have no timestamps, so they are set here: the audio's first, then where each
    // segment begins, by counting frames.
    let start = media::packets(Path::new(source)).unwrap();
    let start = start
        .iter()
        .find(|stream| stream.kind == "audio")
        .unwrap()
        .packets[0]
        .pts_seconds
        .unwrap();
    let frames = adts_frames(&read(&audio));
    let mut packed = Playlist::default();
    for (number, frames) in frames.chunks(100).enumerate() {
        let seconds = start + number as f64 * 100.0 * 1024.0 / 44100.0;
        // ffprobe counts what is before the wrap as negative.
        let timestamp = ((seconds * 90_000.0).round() as i64).rem_euclid(1 << 33);
        let data = [id3_timestamp(timestamp), frames.concat()].concat().into();
        packed.segments.push(SegmentInput {
            data,
            ..SegmentInput::default()
        });
    }
    let without_audio = |packet: &&[u8]| u16::from_be_bytes([packet[1] & 0x1f, packet[2]]) != 0x101;
    let data: Vec<&[u8]> = data.chunks(188).filter(without_audio).collect();
    let video = Playlist {
        segments: vec![SegmentInput {
            data: data.concat().into(),
            ..SegmentInput::default()
        }],
    };
    let merged = merge(&[video, packed], &ours);
    media::compare(&ours, &reference).unwrap();
    check_sound(&ours, &merged);
}

pub(super) fn adts_frames(mut data: &[u8]) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    while let [0xff, _, _, fourth, fifth, sixth, ..] = *data {
        let bytes = usize::from(fourth & 3) << 11 | usize::from(fifth) << 3 | usize::from(sixth >> 5);
        frames.push(data[..bytes].to_vec());
        data = &data[bytes..];
    }
    frames
}

/// RFC 8216, 3.4.
pub(super) fn id3_timestamp(timestamp: i64) -> Vec<u8> {
    let frame = [
        &b"com.apple.streaming.transportStreamTimestamp\0"[..],
        &timestamp.to_be_bytes(),
    ]
    .concat();
    let (whole, own) = (
        u8::try_from(frame.len() + 10).unwrap(),
        u8::try_from(frame.len()).unwrap(),
    );
    [
        &b"ID3\x04\0\0\0\0\0"[..],
        &[whole],
        b"PRIV\0\0\0",
        &[own, 0, 0],
        &frame,
    ]
    .concat()
}

/// Two encodes of different size behind each other, as an advertisement is spliced in.
pub(super) fn splice(folder: &Path, more: &'static [&'static str]) -> Playlist {
    let mut spliced = PLAIN.with(more).make(&folder.join("one"));
    let two = Encode {
        size: "426x240",
        sample_rate: "44100",
        seconds: "5",
        more,
        ..PLAIN
    }
    .make(&folder.join("two"));
    spliced.segments.extend(two.segments);
    spliced
}

fn check_splice(test: &str, more: &'static [&'static str], tagged: bool) {
    if media::skip_without_ffmpeg(test) {
        return;
    }
    let folder = folder();
    let mut playlist = splice(folder.path(), more);
    let at = playlist
        .segments
        .iter()
        .position(|segment| segment.data == playlist.segments[5].data)
        .unwrap();
    playlist.segments[at].discontinuity = tagged;
    let parts = [
        folder.path().join("one/index.m3u8"),
        folder.path().join("two/index.m3u8"),
    ];
    let (ours, source, reference) = in_folder(folder.path());
    let merged = merge(&[playlist], &ours);
    let streams = media::packets(&ours).unwrap();
    check_sound(&ours, &merged);
    check_no_jump(&streams);

    // Each part has the packets and, counted from its own start, the times of ffmpeg's copy of it.
    let mut rest = streams;
    for part in parts {
        Playlist::read(&part).concatenate(&source);
        media::remux(&source, &reference).unwrap();
        let expected = media::packets(&reference).unwrap();
        let mut ours = rest.clone();
        for ((ours, rest), expected) in ours.iter_mut().zip(&mut rest).zip(&expected) {
            assert_eq!(ours.kind, expected.kind);
            ours.packets.truncate(expected.packets.len());
            rest.packets.drain(..expected.packets.len());
        }
        media::compare_streams(&ours, &expected).unwrap();
    }
    assert!(rest.iter().all(|stream| stream.packets.is_empty()));
}

#[test]
fn tagged_discontinuity_with_another_picture_size() {
    check_splice("tagged_discontinuity_with_another_picture_size", &[], true);
}

#[test]
fn untagged_discontinuity() {
    check_splice("untagged_discontinuity", &[], false);
}

#[test]
fn fragmented_discontinuity_with_another_map() {
    check_splice(
        "fragmented_discontinuity_with_another_map",
        &["-hls_segment_type", "fmp4"],
        true,
    );
}

#[test]
fn a_gap_stays_a_hole() {
    if media::skip_without_ffmpeg("a_gap_stays_a_hole") {
        return;
    }
    let folder = folder();
    let mut playlist = PLAIN.make(&folder.path().join("hls"));
    let missing = playlist.segments.remove(2);
    playlist.segments[2].missing_seconds = missing.duration_seconds.unwrap();
    let (ours, source, reference) = in_folder(folder.path());
    playlist.concatenate(&source);
    let merged = merge(&[playlist], &ours);
    media::remux(&source, &reference).unwrap();
    media::compare(&ours, &reference).unwrap();
    check_sound(&ours, &merged);
    assert!(merged.duration_seconds > 8.5, "{} s", merged.duration_seconds);
}
