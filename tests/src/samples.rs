//! The samples of an MP4 file, read from its sample tables: the witness of a capture where ffmpeg is not installed.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, ensure};
use mp4_atom::{Co64, Decode, Hdlr, Stco, Stsc, Stsz, StszSamples};
use sha2::{Digest as _, Sha256};

/// One line for each sample, in decoding order, video before audio: the kind of track (`vide`, `soun`) and the
/// SHA-256 of the sample's bytes.
///
/// # Errors
/// The file has no `moov`, or its tables point out of it.
pub fn sample_list(mp4: &Path) -> anyhow::Result<String> {
    let file = fs::read(mp4).with_context(|| mp4.display().to_string())?;
    let moov = child(&file, *b"moov")?;
    let mut tracks = Vec::new();
    for track in children(moov)?.into_iter().filter(|part| part.kind == *b"trak") {
        let media = child(track.body, *b"mdia")?;
        let handler = leaf::<Hdlr>(media, *b"hdlr")?.handler.to_string();
        tracks.push((handler, child(child(media, *b"minf")?, *b"stbl")?));
    }
    // Muxers differ in the order of tracks.
    tracks.sort_by(|(a, _), (b, _)| b.cmp(a));
    let mut list = String::new();
    for (handler, table) in tracks {
        for (offset, length) in sample_places(table)? {
            let sample = file
                .get(offset..offset + length)
                .context("a sample outside the file")?;
            write!(list, "{handler} ")?;
            for byte in Sha256::digest(sample) {
                write!(list, "{byte:02x}")?;
            }
            list.push('\n');
        }
    }
    Ok(list)
}

/// Offset in the file and length of each sample, by the tables of ISO/IEC 14496-12, 8.7.
fn sample_places(table: &[u8]) -> anyhow::Result<Vec<(usize, usize)>> {
    let chunks: Vec<u64> = if child(table, *b"co64").is_ok() {
        leaf::<Co64>(table, *b"co64")?.entries
    } else {
        leaf::<Stco>(table, *b"stco")?
            .entries
            .into_iter()
            .map(u64::from)
            .collect()
    };
    let sizes = match leaf::<Stsz>(table, *b"stsz")?.samples {
        StszSamples::Identical { count, size } => vec![size; usize::try_from(count)?],
        StszSamples::Different { sizes } => sizes,
    };
    let runs = leaf::<Stsc>(table, *b"stsc")?.entries;
    let count = sizes.len();
    let mut sizes = sizes.into_iter();
    let mut places = Vec::new();
    for (number, chunk) in (1u32..).zip(chunks) {
        let run = runs.iter().rev().find(|entry| entry.first_chunk <= number);
        let mut offset = usize::try_from(chunk)?;
        for _ in 0..run.context("a chunk without samples")?.samples_per_chunk {
            let size = usize::try_from(sizes.next().context("more chunks than samples")?)?;
            places.push((offset, size));
            offset += size;
        }
    }
    ensure!(
        places.len() == count,
        "{} samples are in chunks, {count} in stsz",
        places.len()
    );
    Ok(places)
}

/// One box: all of it, and what is after its header.
struct Part<'a> {
    kind: [u8; 4],
    whole: &'a [u8],
    body: &'a [u8],
}

/// The boxes of a container, by their sizes alone. (mp4-atom's `Moov` would read every box below it, and stumbles
/// over some that other muxers write; only the leaves that matter are read with it.)
fn children(mut rest: &[u8]) -> anyhow::Result<Vec<Part<'_>>> {
    let mut parts = Vec::new();
    while let Some((&[a, b, c, d, e, f, g, h], after)) = rest.split_first_chunk::<8>() {
        let size = match (u32::from_be_bytes([a, b, c, d]), after.first_chunk::<8>()) {
            (0, _) => rest.len(),
            (1, Some(&large)) => usize::try_from(u64::from_be_bytes(large))?,
            (size, _) => usize::try_from(size)?,
        };
        let header = if a == 0 && b == 0 && c == 0 && d == 1 {
            16
        } else {
            8
        };
        let whole = rest
            .get(..size)
            .context("a box that is longer than what holds it")?;
        let body = whole
            .get(header..)
            .context("a box that is shorter than its header")?;
        parts.push(Part {
            kind: [e, f, g, h],
            whole,
            body,
        });
        rest = rest.get(size..).unwrap_or_default();
    }
    Ok(parts)
}

fn find(container: &[u8], kind: [u8; 4]) -> anyhow::Result<Part<'_>> {
    let found = children(container)?.into_iter().find(|part| part.kind == kind);
    found.with_context(|| format!("no {} box", String::from_utf8_lossy(&kind)))
}

fn child(container: &[u8], kind: [u8; 4]) -> anyhow::Result<&[u8]> {
    Ok(find(container, kind)?.body)
}

fn leaf<T: Decode>(container: &[u8], kind: [u8; 4]) -> anyhow::Result<T> {
    Ok(T::decode(&mut find(container, kind)?.whole)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{media, streams};

    #[test]
    fn the_committed_list_is_that_of_the_committed_stream() {
        if media::skip_without_ffmpeg("samples") {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let mp4 = folder.path().join("reference.mp4");
        let source = streams::committed_stream().join("high/index.m3u8");
        media::remux(&source, &mp4).unwrap();
        let list = sample_list(&mp4).unwrap();
        // The same hashes by ffprobe, so that the reader of the tables has a witness.
        let mut expected = String::new();
        for stream in media::packets(&mp4).unwrap() {
            let kind = if stream.kind == "video" { "vide" } else { "soun" };
            for packet in stream.packets {
                writeln!(expected, "{kind} {}", packet.hash).unwrap();
            }
        }
        assert_eq!(list, expected);
        let committed = streams::committed_stream().join("samples.txt");
        if std::env::var_os("WEIR_BLESS").is_some() {
            fs::write(&committed, &list).unwrap();
        }
        assert_eq!(
            list,
            fs::read_to_string(committed).unwrap(),
            "WEIR_BLESS=1 writes it anew"
        );
    }
}
