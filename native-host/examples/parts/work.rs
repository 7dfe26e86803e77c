//! What is measured of each part.

use std::hint::black_box;
use std::path::PathBuf;

use aes::Aes128;
use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeEncrypt as _, KeyIvInit as _};
use serde_json::json;
use weir::decrypt;
use weir::demux::{self, Demuxed};
use weir::keys::Key;
use weir::merge::{Merger, SegmentInput, TrackHint};
use weir::port::{self, FrameReader};
use weir_core::plan::{self, ChosenTrack};
use weir_core::playlist;
use weir_core::protocol::{Container, Iv, KeyMethod};

use super::{Work, inputs};

const KEY: [u8; 16] = *b"0123456789abcdef";

pub(super) fn read_plain() -> Result<Work> {
    read(inputs::plain()?)
}

pub(super) fn read_rich() -> Result<Work> {
    read(inputs::rich()?)
}

pub(super) fn read_parts() -> Result<Work> {
    read(inputs::parts()?)
}

fn read(text: String) -> Result<Work> {
    let base = inputs::base()?;
    Ok(Box::new(move || {
        black_box(playlist::read(text.as_bytes(), Some(&base))?);
        Ok(())
    }))
}

/// Of a kind in turns: names beside the playlist, paths up and from the root, other hosts, what is written unusually.
pub(super) fn resolve() -> Result<Work> {
    let base = inputs::base()?;
    let references: Vec<String> = (0..inputs::SEGMENTS)
        .map(|n| match n % 5 {
            0 => format!("segments/{n}.ts?token=0123456789abcdef"),
            1 => format!("../two/{n}.ts"),
            2 => format!("/live/three/{n}.ts"),
            3 => format!("https://other.example.com/four/{n}.ts"),
            _ => format!("HTTPS://Other.Example.com:443/a b/\u{e9}/{n}.ts#fragment"),
        })
        .collect();
    Ok(Box::new(move || {
        for reference in &references {
            black_box(base.join(reference)?);
        }
        Ok(())
    }))
}

pub(super) fn plan() -> Result<Work> {
    let base = inputs::base()?;
    let tracks = [(ChosenTrack::only(base.clone()), inputs::read(&inputs::rich()?)?)];
    Ok(Box::new(move || {
        black_box(plan::build(&base, None, &tracks)?);
        Ok(())
    }))
}

pub(super) fn find_advertising() -> Result<Work> {
    let base = inputs::base()?;
    let tracks = [(ChosenTrack::only(base), inputs::read(&inputs::rich()?)?)];
    Ok(Box::new(move || {
        black_box(plan::find_advertising(&tracks)?);
        Ok(())
    }))
}

/// One segment of a megabyte, in place; the copy of it is counted too.
pub(super) fn decrypt() -> Result<Work> {
    let clear = inputs::transport_stream()?.concat();
    let encrypted =
        cbc::Encryptor::<Aes128>::new(&KEY.into(), &[0; 16].into()).encrypt_padded_vec::<Pkcs7>(&clear);
    Ok(Box::new(move || {
        let copy = Bytes::copy_from_slice(&encrypted);
        let found = decrypt::segment(KeyMethod::Aes128, &Key::Bits128(KEY), Iv([0; 16]), copy)?;
        ensure!(found.len() == clear.len(), "other bytes");
        Ok(())
    }))
}

pub(super) fn measure() -> Result<Work> {
    let segments = inputs::transport_stream()?;
    Ok(Box::new(move || {
        for segment in &segments {
            black_box(demux::extent(segment, None).context("no extent")?);
        }
        Ok(())
    }))
}

pub(super) fn demux() -> Result<Work> {
    let segments = inputs::transport_stream()?;
    Ok(Box::new(move || count_samples(&segments, 8 * (200 + 376))))
}

pub(super) fn frames() -> Result<Work> {
    let segments = [inputs::adts()?];
    Ok(Box::new(move || count_samples(&segments, 2000)))
}

/// Fewer than there are would be a part that does less than its name says.
fn count_samples(segments: &[Bytes], at_least: usize) -> Result<()> {
    let mut samples = 0;
    inputs::samples(segments, |batch| {
        samples += black_box(&batch)
            .iter()
            .filter(|demuxed| matches!(demuxed, Demuxed::Sample(..)))
            .count();
        Ok(())
    })?;
    ensure!(samples >= at_least, "{samples} samples instead of {at_least}");
    Ok(())
}

/// Of samples that are there: the writer alone, with its index and its check. Bytes go to a real file.
pub(super) fn write_mp4() -> Result<Work> {
    let mut batches: Vec<Vec<Demuxed>> = Vec::new();
    inputs::samples(&inputs::transport_stream()?, |batch| {
        batches.push(batch);
        Ok(())
    })?;
    let output = Output::new("out.mp4")?;
    Ok(Box::new(move || {
        let mut merger = output.merger(Container::Mp4)?;
        for batch in &batches {
            merger.push_demuxed(0, batch.clone())?;
        }
        merger.finish()?;
        Ok(())
    }))
}

pub(super) fn write_ts() -> Result<Work> {
    let segments = inputs::transport_stream()?;
    let output = Output::new("out.ts")?;
    Ok(Box::new(move || {
        let mut merger = output.merger(Container::Ts)?;
        for (number, data) in segments.iter().enumerate() {
            merger.push(SegmentInput {
                data: data.clone(),
                discontinuity: inputs::begins_anew(number),
                ..SegmentInput::default()
            })?;
        }
        merger.finish()?;
        Ok(())
    }))
}

/// A file that is written anew with each call.
struct Output {
    path: PathBuf,
    _folder: tempfile::TempDir,
}

impl Output {
    fn new(name: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        Ok(Self {
            path: folder.path().join(name),
            _folder: folder,
        })
    }

    fn merger(&self, container: Container) -> Result<Merger> {
        let _ = std::fs::remove_file(&self.path);
        Ok(Merger::create(&self.path, container, &[TrackHint::default()])?)
    }
}

/// The start of a capture of a thousand segments.
pub(super) fn read_frame() -> Result<Work> {
    let segments: Vec<_> = (0..1000)
        .map(|n| {
            json!({
                "sequence": n,
                "url": format!("https://cdn.example.com/film/segment-{n}.ts?token=0123456789abcdef"),
                "durationSeconds": 6.006,
                "key": { "method": "AES-128", "url": "https://cdn.example.com/film/key", "iv": format!("{n:032x}") },
            })
        })
        .collect();
    let playlist = "https://cdn.example.com/film/index.m3u8";
    let track = json!({ "kind": "video", "playlist": playlist, "segments": segments });
    let plan = json!({ "source": playlist, "title": "film", "live": false, "tracks": [track] });
    let request = json!({ "type": "start", "id": 2, "job": "film", "plan": plan }).to_string();
    let mut frame = u32::try_from(request.len())?.to_ne_bytes().to_vec();
    frame.extend_from_slice(request.as_bytes());
    Ok(Box::new(move || {
        let body = FrameReader::new(frame.as_slice())
            .next_frame()?
            .context("no frame")??;
        let request = port::parse(&body).map_err(|(_, error)| error)?;
        black_box(request);
        Ok(())
    }))
}
