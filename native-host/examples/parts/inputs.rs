//! What the parts are given: the same bytes on every machine.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use weir::demux::{DemuxError, Demuxed, Demuxer, Edge, Segment, Timeline};
use weir_core::playlist::{self, Media, Playlist};
use weir_core::url::AbsoluteUrl;

/// Of each playlist.
pub(super) const SEGMENTS: usize = 10_000;

const HEAD: &str = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:6\n#EXT-X-MEDIA-SEQUENCE:1\n";

/// Where the playlists come from.
pub(super) fn base() -> Result<AbsoluteUrl> {
    Ok(AbsoluteUrl::parse(
        "https://cdn.example.com/live/one/main.m3u8?token=1",
    )?)
}

pub(super) fn read(text: &str) -> Result<Media> {
    match playlist::read(text.as_bytes(), Some(&base()?))?.playlist {
        Playlist::Media(media) => Ok(media),
        other => anyhow::bail!("not a media playlist: {other:?}"),
    }
}

pub(super) fn plain() -> Result<String> {
    let mut text = HEAD.to_owned();
    for n in 0..SEGMENTS {
        writeln!(text, "#EXTINF:6.006,\nsegments/{n:06}.ts")?;
    }
    Ok(text + "#EXT-X-ENDLIST\n")
}

pub(super) fn rich() -> Result<String> {
    let mut text = HEAD.to_owned();
    for n in 0..SEGMENTS {
        if n % 100 == 0 {
            writeln!(
                text,
                "#EXT-X-KEY:METHOD=AES-128,URI=\"https://keys.example/k/{n}\""
            )?;
        }
        let (minutes, seconds) = (n / 10 % 60, n % 10 * 6);
        writeln!(
            text,
            "#EXT-X-PROGRAM-DATE-TIME:2026-01-01T10:{minutes:02}:{seconds:02}.000Z\n#EXTINF:6.006,\n\
             #EXT-X-BYTERANGE:100000@{}\nall.mp4?t=1",
            n * 100_000
        )?;
    }
    Ok(text + "#EXT-X-ENDLIST\n")
}

pub(super) fn parts() -> Result<String> {
    let mut text = HEAD.to_owned();
    for n in 0..SEGMENTS {
        for part in 0..2 {
            writeln!(text, "#EXT-X-PART:DURATION=3,URI=\"{n:06}.{part}.mp4\"")?;
        }
        writeln!(text, "#EXTINF:6.006,\n{n:06}.mp4")?;
    }
    Ok(text)
}

/// The committed stream, H.264 and AAC, eight times: a megabyte. Every fourth segment begins anew.
pub(super) fn transport_stream() -> Result<Vec<Bytes>> {
    const TIMES: usize = 8;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/stream/high");
    let segments = (0..4)
        .map(|n| {
            let path = folder.join(format!("seg{n:03}.ts"));
            let bytes = std::fs::read(&path).with_context(|| path.display().to_string())?;
            Ok(Bytes::from(bytes))
        })
        .collect::<Result<Vec<_>>>()?;
    let count = segments.len() * TIMES;
    Ok(segments.into_iter().cycle().take(count).collect())
}

/// Whether the stream of [`transport_stream`] begins anew with this segment.
pub(super) fn begins_anew(number: usize) -> bool {
    number > 0 && number.is_multiple_of(4)
}

/// Frames of AAC with two channels, 48 kHz, as packed audio has them; what is in them is nobody's business here.
pub(super) fn adts() -> Result<Bytes> {
    const FRAMES: usize = 2000;
    const LENGTH: u16 = 371;
    let [high, low] = (LENGTH << 5).to_be_bytes();
    let header = [0xff, 0xf1, 0x4c, 0x80, high, low | 0x1f, 0xfc];
    let mut frame = header.to_vec();
    frame.resize(usize::from(LENGTH), 0x55);
    ensure!(
        LENGTH < 1 << 11,
        "the length of a frame has more bits than two bytes of the header"
    );
    Ok(Bytes::from(frame.repeat(FRAMES)))
}

/// What comes out of segments.
pub(super) fn samples(segments: &[Bytes], mut take: impl FnMut(Vec<Demuxed>) -> Result<()>) -> Result<()> {
    let mut demuxer = Demuxer::new(0);
    let mut timeline = Timeline::new(1);
    let mut out = |batch: Vec<Demuxed>| take(batch).map_err(Failure::Taken);
    for (number, data) in segments.iter().enumerate() {
        let segment = Segment {
            data: data.clone(),
            edge: Edge {
                discontinuity: begins_anew(number),
                ..Edge::default()
            },
            ..Segment::default()
        };
        demuxer.push(segment, &mut timeline, &mut out)?;
    }
    Ok(demuxer.flush(&mut out)?)
}

/// Of a demuxer, or of who takes what comes out of it.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Demux(#[from] DemuxError),
    #[error(transparent)]
    Taken(anyhow::Error),
}
