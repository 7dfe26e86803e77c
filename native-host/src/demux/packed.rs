//! Packed audio (RFC 8216, 3.4): the frames of one audio stream, behind an ID3 tag that says when they begin.

use bytes::Buf;
use memchr::memmem;
use serde::{Deserialize, Serialize};
use weir_core::protocol::TrackKind;

use super::codec::{self, Codec, Timestamps, Unit, for_stream};
use super::evidence::Evidence;
use super::timeline::{SourceClock, Timeline};
use super::{DemuxError, Demuxed, Segment, StreamId};
use crate::decrypt::{Declaration, SampleCipher};

/// The one stream of a playlist of packed audio.
const STREAM: StreamId = StreamId {
    kind: TrackKind::Audio,
    ordinal: 0,
};

/// What stands before the frames of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    /// Bytes of the tags.
    bytes: usize,
    /// When the first frame begins: 33 bits of 90 kHz.
    timestamp: Option<i64>,
    pub(super) codec: Codec,
}

impl Head {
    /// None when the bytes are no packed audio.
    pub(super) fn parse(data: &[u8]) -> Option<Self> {
        let (timestamp, rest) = split_tags(data);
        let codec = Codec::of_packed_audio(rest)?;
        Some(Self {
            bytes: data.len() - rest.len(),
            timestamp,
            codec,
        })
    }
}

/// A form of packed audio that is recognised and not read.
pub(super) fn unsupported(data: &[u8]) -> Option<&'static str> {
    Codec::unsupported_packed_audio(split_tags(data).1)
}

/// Reads the segments of one playlist.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct PackedReader {
    reader: Option<(Codec, codec::Reader)>,
}

impl PackedReader {
    /// Reads a segment. Without a timestamp it begins where the last one ended.
    pub(super) fn push(
        &mut self,
        playlist: usize,
        segment: &Segment,
        head: Head,
        timeline: &mut Timeline,
        out: &mut Vec<Demuxed>,
    ) -> Result<(), DemuxError> {
        let &Segment { ref data, edge, .. } = segment;
        let cipher = cipher(segment.cipher.as_ref(), head.codec)?;
        let known = self
            .reader
            .as_ref()
            .is_some_and(|(codec, _)| *codec == head.codec);
        if edge.breaks_off() || !known {
            self.flush(out);
            let end = self.reader.as_ref().and_then(|(_, reader)| reader.end());
            timeline.settle(playlist, end.map(|end| (STREAM, end)));
        }
        if !known {
            self.reader = Some((head.codec, head.codec.reader()));
        }
        let Some((_, reader)) = &mut self.reader else {
            return Ok(());
        };
        reader.set_cipher(cipher);

        let first = head.timestamp.map(|timestamp| (STREAM, timestamp));
        let mut epoch = timeline.enter(playlist, first.as_slice(), SourceClock::Wrapping, edge);
        let begin = match head.timestamp {
            Some(timestamp) => Some(epoch.map(timestamp, SourceClock::Wrapping)),
            None => reader.end().map(|end| end.saturating_add(edge.missing)),
        };
        reader.begin_pes(begin.map(|begin| Timestamps {
            pts: begin,
            dts: begin,
        }));
        reader.data(data.get(head.bytes..).unwrap_or_default());
        let mut units = Vec::new();
        reader.drain(&mut units);
        timeline.leave(playlist, epoch, reader.end().map(|end| (STREAM, end)));
        let unsupported = reader.unsupported();
        hand_out(units, out);
        if let Some(name) = unsupported {
            return Err(DemuxError::Unsupported(name.to_owned()));
        }
        reader.evidence().check()
    }

    /// What the audio says of its key.
    pub(super) fn evidence(&self) -> Option<&Evidence> {
        self.reader.as_ref().map(|(_, reader)| reader.evidence())
    }

    /// Hands out what is held back.
    pub(super) fn flush(&mut self, out: &mut Vec<Demuxed>) {
        let mut units = Vec::new();
        if let Some((_, reader)) = &mut self.reader {
            reader.flush(&mut units);
        }
        hand_out(units, out);
    }
}

/// What decrypts packed audio of a codec: all of it is encrypted when the playlist says so.
fn cipher(cipher: Option<&SampleCipher>, codec: Codec) -> Result<Option<SampleCipher>, DemuxError> {
    match (cipher, codec.sample_aes()) {
        (Some(cipher), name) if cipher.declaration() == Declaration::Playlist => {
            let name = name.ok_or_else(|| DemuxError::Unsupported("SAMPLE-AES encrypted MP3".to_owned()))?;
            for_stream(cipher, name).map(Some)
        }
        _ => Ok(None),
    }
}

fn hand_out(units: Vec<Unit>, out: &mut Vec<Demuxed>) {
    out.extend(units.into_iter().map(|unit| unit.of(STREAM)));
}

/// The timestamp of the tags at the beginning, and what is behind them.
fn split_tags(data: &[u8]) -> (Option<i64>, &[u8]) {
    let mut rest = data;
    let mut timestamp = None;
    while let Some(tag) = split_id3_tag(&mut rest) {
        timestamp = tag_timestamp(tag).or(timestamp);
    }
    (timestamp, rest)
}

/// Takes an ID3 tag ("ID3 tag version 2.4.0 - Main Structure", 3.1) off the beginning.
fn split_id3_tag<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    const HEADER_BYTES: usize = 10;
    const FOOTER_PRESENT: u8 = 0x10;
    let [b'I', b'D', b'3', _, _, flags, size @ ..] = rest.first_chunk::<HEADER_BYTES>()? else {
        return None;
    };
    // Seven bits in each byte.
    let size = size
        .iter()
        .fold(0, |size, &byte| size << 7 | usize::from(byte & 0x7f));
    let footer = if flags & FOOTER_PRESENT == 0 {
        0
    } else {
        HEADER_BYTES
    };
    rest.split_off(..HEADER_BYTES + size + footer)
}

/// The timestamp of the tag's private frame for HLS: eight bytes behind its owner's name.
fn tag_timestamp(tag: &[u8]) -> Option<i64> {
    const OWNER: &[u8] = b"com.apple.streaming.transportStreamTimestamp\0";
    const BITS_33: u64 = (1 << 33) - 1;
    let mut value = tag.get(memmem::find(tag, OWNER)? + OWNER.len()..)?;
    i64::try_from(value.try_get_u64().ok()? & BITS_33).ok()
}
