//! Reads the samples of a finished MP4 back by its tables: a reader of its own, which shares nothing with the writer.

use std::collections::HashMap;

/// One track.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Track {
    /// Sample description index, duration, composition offset, is it a sync sample, its bytes.
    pub(crate) samples: Vec<(u32, u32, i32, bool, Vec<u8>)>,
}

/// All tracks of a file. Panics where the tables make no sense.
pub(crate) fn tracks(file: &[u8]) -> Vec<Track> {
    let moov = child(file, b"moov").expect("a moov");
    boxes(moov)
        .filter(|(kind, _)| kind == b"trak")
        .map(|(_, trak)| {
            let path = [b"mdia", b"minf", b"stbl"];
            let stbl = path
                .iter()
                .fold(trak, |inner, kind| child(inner, kind).expect("the path to stbl"));
            track(file, stbl)
        })
        .collect()
}

fn track(file: &[u8], stbl: &[u8]) -> Track {
    let numbers = |kind: &[u8; 4]| child(stbl, kind).map(|table| words(&table[4..]));
    let sizes = numbers(b"stsz").expect("stsz");
    assert_eq!(sizes[0], 0, "every sample has a size of its own");
    let sizes = &sizes[2..];
    let durations = runs(&numbers(b"stts").expect("stts"));
    let offsets = numbers(b"ctts").map_or_else(|| vec![0; sizes.len()], |table| runs(&table));
    let syncs = numbers(b"stss").map(|table| table[1..].to_vec());
    assert_eq!(durations.len(), sizes.len());
    assert_eq!(offsets.len(), sizes.len());
    let chunks: Vec<usize> = match (numbers(b"stco"), numbers(b"co64")) {
        (Some(table), None) => table[1..].iter().map(|&offset| offset as usize).collect(),
        (None, Some(table)) => table[1..]
            .chunks(2)
            .map(|pair| (pair[0] as usize) << 32 | pair[1] as usize)
            .collect(),
        both => panic!("one table of chunks, not {both:?}"),
    };
    let starts: HashMap<u32, (u32, u32)> = numbers(b"stsc").expect("stsc")[1..]
        .chunks(3)
        .map(|run| (run[0], (run[1], run[2])))
        .collect();
    let mut samples = Vec::new();
    let (mut of_chunk, mut description) = (0, 0);
    for (number, &chunk) in (1..).zip(&chunks) {
        (of_chunk, description) = *starts.get(&number).unwrap_or(&(of_chunk, description));
        let mut at = chunk;
        for _ in 0..of_chunk {
            let index = samples.len();
            let end = at + sizes[index] as usize;
            let is_sync = syncs
                .as_ref()
                .is_none_or(|syncs| syncs.binary_search(&(index as u32 + 1)).is_ok());
            samples.push((
                description,
                durations[index],
                offsets[index].cast_signed(),
                is_sync,
                file[at..end].to_vec(),
            ));
            at = end;
        }
    }
    assert_eq!(samples.len(), sizes.len(), "every sample is in a chunk");
    Track { samples }
}

/// `count, value` again and again, written out.
fn runs(table: &[u32]) -> Vec<u32> {
    table[1..]
        .chunks(2)
        .flat_map(|run| std::iter::repeat_n(run[1], run[0] as usize))
        .collect()
}

fn words(bytes: &[u8]) -> Vec<u32> {
    bytes
        .chunks(4)
        .map(|word| u32::from_be_bytes(word.try_into().expect("whole words")))
        .collect()
}

fn child<'a>(content: &'a [u8], kind: &[u8; 4]) -> Option<&'a [u8]> {
    boxes(content)
        .find(|(found, _)| found == kind)
        .map(|(_, content)| content)
}

fn boxes(mut content: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    std::iter::from_fn(move || {
        let (head, rest) = content.split_at_checked(8)?;
        let size = u32::from_be_bytes(head[..4].try_into().ok()?) as usize;
        let kind = head[4..].try_into().ok()?;
        let (size, header) = match size {
            1 => (
                usize::try_from(u64::from_be_bytes(rest[..8].try_into().ok()?)).ok()?,
                16,
            ),
            _ => (size, 8),
        };
        let (whole, behind) = content.split_at(size);
        content = behind;
        Some((kind, &whole[header..]))
    })
}
