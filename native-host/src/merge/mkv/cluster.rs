//! Clusters (RFC 9559, 5.1.3): the samples of about a second of all tracks.

use bytes::{BufMut, Bytes};

use super::ebml;
use super::head::id;

/// A sample as it is written.
#[derive(Debug)]
pub(super) struct Block {
    /// Number of its track.
    pub(super) track: u64,
    /// In milliseconds of the file.
    pub(super) time: i64,
    /// How long it is shown, for text.
    pub(super) duration: Option<u64>,
    pub(super) key: bool,
    /// Parameter sets that stand before the data.
    pub(super) prefix: Bytes,
    pub(super) data: Bytes,
}

/// Blocks that are written together.
#[derive(Debug, Default)]
pub(super) struct Cluster {
    blocks: Vec<Block>,
    first_time: i64,
    last_time: i64,
}

/// A cluster ready to be written.
#[derive(Debug)]
pub(super) struct Serialized {
    pub(super) time: u64,
    /// Header, then what stands before each block's data, and the data.
    pub(super) pieces: Vec<Bytes>,
    pub(super) bytes: u64,
    /// Of each block: where it begins in the cluster's content.
    pub(super) places: Vec<u64>,
    pub(super) blocks: Vec<Block>,
}

impl Cluster {
    pub(super) fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// Whether a block of that time can still be told relative to this cluster, in 16 bits.
    pub(super) fn reaches(&self, time: i64) -> bool {
        const LONGEST: i64 = 30_000;
        let (first, last) = (self.first_time.min(time), self.last_time.max(time));
        self.blocks.is_empty() || last.saturating_sub(first) <= LONGEST
    }

    pub(super) fn push(&mut self, block: Block) {
        if self.blocks.is_empty() {
            (self.first_time, self.last_time) = (block.time, block.time);
        }
        self.first_time = self.first_time.min(block.time);
        self.last_time = self.last_time.max(block.time);
        self.blocks.push(block);
    }

    pub(super) fn serialize(self) -> Serialized {
        let time = u64::try_from(self.first_time).unwrap_or(0);
        let mut content = Vec::new();
        ebml::uint(&mut content, id::TIMESTAMP, time);
        let mut pieces = vec![Bytes::new(), Bytes::from(content)];
        let mut length = pieces.iter().map(Bytes::len).sum::<usize>() as u64;
        let mut places = Vec::new();
        for block in &self.blocks {
            places.push(length);
            let head = Bytes::from(block_head(block, time));
            for piece in [head, block.prefix.clone(), block.data.clone()] {
                length += piece.len() as u64;
                pieces.push(piece);
            }
        }
        let mut header = Vec::new();
        ebml::put_id(&mut header, id::CLUSTER);
        ebml::put_size(&mut header, length);
        let bytes = header.len() as u64 + length;
        if let Some(first) = pieces.first_mut() {
            *first = header.into();
        }
        Serialized {
            time,
            pieces,
            bytes,
            places,
            blocks: self.blocks,
        }
    }
}

/// What stands before a block's data (RFC 9559, 10): a `SimpleBlock`, or a group where a duration has to be told.
fn block_head(block: &Block, cluster_time: u64) -> Vec<u8> {
    const KEY: u8 = 0x80;
    let data_bytes = (block.prefix.len() + block.data.len()) as u64;
    let relative = block
        .time
        .saturating_sub(i64::try_from(cluster_time).unwrap_or(i64::MAX));
    let mut fields = Vec::new();
    ebml::put_size(&mut fields, block.track);
    fields.put_i16(i16::try_from(relative).unwrap_or(if relative < 0 { i16::MIN } else { i16::MAX }));
    // In a group a block without a reference to another is a key.
    fields.push(if block.key && block.duration.is_none() {
        KEY
    } else {
        0
    });

    let mut out = Vec::new();
    let block_bytes = fields.len() as u64 + data_bytes;
    if let Some(duration) = block.duration {
        let mut before = Vec::new();
        ebml::uint(&mut before, id::BLOCK_DURATION, duration);
        ebml::put_id(&mut before, id::BLOCK);
        ebml::put_size(&mut before, block_bytes);
        ebml::put_id(&mut out, id::BLOCK_GROUP);
        ebml::put_size(&mut out, before.len() as u64 + block_bytes);
        out.extend_from_slice(&before);
    } else {
        ebml::put_id(&mut out, id::SIMPLE_BLOCK);
        ebml::put_size(&mut out, block_bytes);
    }
    out.extend_from_slice(&fields);
    out
}
