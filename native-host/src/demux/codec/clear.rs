//! Elementary streams of one segment, decrypted as a whole: for outputs that keep what is around their units.

use memchr::memmem;

use super::annex_b::{escapes, without_trailing_zeros};
use super::byte_stream::{NalSyntax, put_decrypted};
use super::frame_stream::FrameSyntax;
use super::{Codec, aac, ac3, h264};
use crate::decrypt::{SHORT_NAL_BYTES, SampleCipher};
use crate::demux::evidence::Evidence;

/// A stream in the clear.
#[derive(Debug)]
pub(in crate::demux) struct Cleared {
    pub(in crate::demux) bytes: Vec<u8>,
    /// Where bytes were that are not there any more, in the stream as it was.
    removed: Vec<usize>,
}

impl Cleared {
    /// Where the byte is that was at this place.
    pub(in crate::demux) fn place(&self, before: usize) -> usize {
        before - self.removed.partition_point(|&removed| removed < before)
    }
}

impl Codec {
    /// Decrypts whole units; None when the stream begins or ends within one, or the method is not defined for it.
    pub(in crate::demux) fn clear(
        self,
        stream: Vec<u8>,
        cipher: &SampleCipher,
        evidence: &mut Evidence,
    ) -> Option<Cleared> {
        match self {
            Self::H264 => byte_stream::<h264::H264>(&stream, cipher, evidence),
            Self::Aac => frames::<aac::Aac>(stream, cipher, evidence),
            // Programme maps often name the one and mean the other.
            Self::Ac3 | Self::Eac3 if ac3::Ac3::parse(&stream).is_some() => {
                frames::<ac3::Ac3>(stream, cipher, evidence)
            }
            Self::Ac3 | Self::Eac3 => frames::<ac3::Eac3>(stream, cipher, evidence),
            Self::Hevc | Self::MpegAudio | Self::Opus(_) => None,
        }
    }
}

fn byte_stream<S: NalSyntax>(
    stream: &[u8],
    cipher: &SampleCipher,
    evidence: &mut Evidence,
) -> Option<Cleared> {
    const START_CODE: &[u8] = &[0, 0, 1];
    let (mut bytes, mut removed) = (Vec::with_capacity(stream.len()), Vec::new());
    let mut codes = memmem::find_iter(stream, START_CODE).peekable();
    let head = stream.get(..codes.peek().copied().unwrap_or(stream.len()))?;
    if head.iter().any(|&byte| byte != 0) {
        return None;
    }
    bytes.extend_from_slice(head);
    while let Some(code) = codes.next() {
        let begin = code + START_CODE.len();
        let nal = stream.get(begin..codes.peek().copied().unwrap_or(stream.len()))?;
        bytes.extend_from_slice(START_CODE);
        let content = without_trailing_zeros(nal);
        if S::is_encrypted(nal) && content.len() > SHORT_NAL_BYTES {
            removed.extend(escapes(content).map(|at| begin + at));
            put_decrypted(nal, cipher, evidence, &mut bytes);
        } else {
            bytes.extend_from_slice(nal);
        }
    }
    Some(Cleared { bytes, removed })
}

fn frames<S: FrameSyntax>(
    mut stream: Vec<u8>,
    cipher: &SampleCipher,
    evidence: &mut Evidence,
) -> Option<Cleared> {
    let mut rest = &mut stream[..];
    while !rest.is_empty() {
        let frame = S::parse(rest)?;
        let (bytes, after) = rest.split_at_mut_checked(frame.bytes)?;
        cipher.audio_frame(bytes, frame.header_bytes);
        evidence.used();
        S::weigh(bytes, frame.header_bytes, evidence);
        rest = after;
    }
    Some(Cleared {
        bytes: stream,
        removed: Vec::new(),
    })
}
