//! Sample entries of ISO BMFF -> codec ids and private data of Matroska (its "Codec Mappings").

use std::borrow::Cow;

use bytes::{Buf, BufMut, Bytes};
use serde::{Deserialize, Serialize};

use crate::demux::bmff::{self, find};

/// How Matroska tells a codec.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Coding {
    pub(super) id: Cow<'static, str>,
    pub(super) private: Vec<u8>,
    pub(super) media: Media,
    /// Samples of 48 kHz that a decoder throws away at the beginning: Opus alone says so in a way that counts.
    pub(super) pre_skip: u16,
    /// NAL unit type of the parameter sets that a sample may hold itself; None for other codecs.
    nal: Option<Nal>,
}

/// What there is to say of a kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Media {
    Video {
        width: u16,
        height: u16,
        /// Primaries, transfer characteristics, matrix coefficients (ISO/IEC 23091-2), and full range.
        colour: Option<(u16, u16, u16, bool)>,
    },
    Audio {
        channels: u16,
        sample_rate: u32,
    },
    Text(TextFormat),
}

/// How the text of a subtitle sample is wrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum TextFormat {
    /// Cue boxes (ISO/IEC 14496-30).
    WebVtt,
    /// Length, text, style boxes (3GPP TS 26.245).
    Timed,
}

/// Codecs whose samples are NAL units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Nal {
    H264,
    Hevc,
}

impl Coding {
    /// None when Matroska has no way to tell this codec. `sample` is the first, for what the entry leaves open.
    pub(super) fn of(entry: &[u8], sample: &[u8]) -> Option<Self> {
        /// Header, and what every sample entry begins with.
        const ENTRY_BYTES: usize = 16;
        const VISUAL_BYTES: usize = ENTRY_BYTES + 70;
        let kind: bmff::FourCc = entry.get(4..8)?.first_chunk().copied()?;
        let visual = || entry.get(VISUAL_BYTES..);
        let video = |id, private: &[u8], nal| -> Option<Self> {
            let mut size = entry.get(ENTRY_BYTES + 16..)?;
            let (width, height) = (size.try_get_u16().ok()?, size.try_get_u16().ok()?);
            Some(Self {
                id: Cow::Borrowed(id),
                private: private.to_vec(),
                media: Media::Video {
                    width,
                    height,
                    colour: visual().and_then(|boxes| colour(find(boxes, b"colr")?)),
                },
                pre_skip: 0,
                nal,
            })
        };
        match &kind {
            b"avc1" | b"avc3" => video("V_MPEG4/ISO/AVC", find(visual()?, b"avcC")?, Some(Nal::H264)),
            b"hvc1" | b"hev1" | b"dvh1" | b"dvhe" => {
                video("V_MPEGH/ISO/HEVC", find(visual()?, b"hvcC")?, Some(Nal::Hevc))
            }
            b"av01" => video("V_AV1", find(visual()?, b"av1C")?, None),
            b"vp08" => video("V_VP8", &[], None),
            b"vp09" => video("V_VP9", &[], None),
            b"mp4v" => {
                let (object_type, specific) = esds(find(visual()?, b"esds")?)?;
                match object_type {
                    0x20 => video("V_MPEG4/ISO/ASP", specific, None),
                    0x60..=0x65 => video("V_MPEG2", specific, None),
                    0x6a => video("V_MPEG1", specific, None),
                    _ => None,
                }
            }
            b"wvtt" => Some(Self::text(TextFormat::WebVtt)),
            b"tx3g" => Some(Self::text(TextFormat::Timed)),
            _ => audio(kind, entry.get(ENTRY_BYTES..)?, sample),
        }
    }

    fn text(format: TextFormat) -> Self {
        Self {
            id: Cow::Borrowed("S_TEXT/UTF8"),
            private: Vec::new(),
            media: Media::Text(format),
            pre_skip: 0,
            nal: None,
        }
    }

    /// Whether samples of this coding can follow samples of another in the same track: when decoders learn from the
    /// samples what has changed.
    pub(super) fn follows(&self, before: &Self) -> bool {
        let same_lengths = || nal_length_bytes(self) == nal_length_bytes(before);
        self.id == before.id
            && (self.private == before.private || self.nal.is_some() && same_lengths())
            && matches!(self.media, Media::Text(_)) == matches!(before.media, Media::Text(_))
    }

    /// The parameter sets as NAL units of a sample, for samples that follow ones of another coding; empty for a codec
    /// that has none.
    pub(super) fn parameter_sets(&self) -> Bytes {
        let units = match self.nal {
            Some(Nal::H264) => avc_parameter_sets(&self.private),
            Some(Nal::Hevc) => hevc_parameter_sets(&self.private),
            None => None,
        };
        let length_bytes = nal_length_bytes(self);
        let mut out = Vec::new();
        for unit in units.unwrap_or_default() {
            out.put_uint(unit.len() as u64, length_bytes);
            out.put_slice(unit);
        }
        out.into()
    }

    /// Whether a sample has its own sequence parameter set.
    pub(super) fn has_parameter_sets(&self, sample: &[u8]) -> bool {
        let length_bytes = nal_length_bytes(self);
        let mut rest = sample;
        while let Some(unit) = rest
            .try_get_uint(length_bytes)
            .ok()
            .and_then(|length| rest.split_off(..usize::try_from(length).ok()?))
        {
            let is_sps = match (self.nal, unit.first()) {
                (Some(Nal::H264), Some(byte)) => byte & 0x1f == 7,
                (Some(Nal::Hevc), Some(byte)) => (byte >> 1) & 0x3f == 33,
                _ => false,
            };
            if is_sps {
                return true;
            }
        }
        false
    }
}

/// Size of the length before each NAL unit: `lengthSizeMinusOne`.
fn nal_length_bytes(coding: &Coding) -> usize {
    let at = match coding.nal {
        Some(Nal::H264) => 4,
        Some(Nal::Hevc) => 21,
        None => return 4,
    };
    coding.private.get(at).map_or(4, |byte| usize::from(byte & 3) + 1)
}

/// SPS and PPS of an `AVCDecoderConfigurationRecord` (ISO/IEC 14496-15, 5.3.3.1).
fn avc_parameter_sets(record: &[u8]) -> Option<Vec<&[u8]>> {
    let mut rest = record.get(5..)?;
    let mut units = Vec::new();
    for mask in [0x1f, 0xff] {
        let count = rest.try_get_u8().ok()? & mask;
        for _ in 0..count {
            let length = usize::from(rest.try_get_u16().ok()?);
            units.push(rest.split_off(..length)?);
        }
    }
    Some(units)
}

/// The arrays of an `HEVCDecoderConfigurationRecord` (8.3.3.1).
fn hevc_parameter_sets(record: &[u8]) -> Option<Vec<&[u8]>> {
    let mut rest = record.get(22..)?;
    let mut units = Vec::new();
    for _ in 0..rest.try_get_u8().ok()? {
        rest.try_get_u8().ok()?;
        for _ in 0..rest.try_get_u16().ok()? {
            let length = usize::from(rest.try_get_u16().ok()?);
            units.push(rest.split_off(..length)?);
        }
    }
    Some(units)
}

/// `fields` begins with what is special in an `AudioSampleEntry` (ISO/IEC 14496-12, 12.2.3).
fn audio(kind: bmff::FourCc, fields: &[u8], sample: &[u8]) -> Option<Coding> {
    let version = fields.get(..2)?.get_u16();
    let channels = fields.get(8..10)?.get_u16();
    let sample_rate = fields.get(16..20)?.get_u32() >> 16;
    // QuickTime's longer entries.
    let boxes = fields.get(
        match version {
            1 => 20 + 16,
            2 => 20 + 36,
            _ => 20,
        }..,
    )?;
    let coding = |id, private: Vec<u8>| Coding {
        id: Cow::Borrowed(id),
        private,
        media: Media::Audio {
            channels,
            sample_rate,
        },
        pre_skip: 0,
        nal: None,
    };
    match &kind {
        b"mp4a" => {
            let (object_type, specific) = esds(find(boxes, b"esds")?)?;
            match object_type {
                0x40 | 0x66..=0x68 => Some(coding("A_AAC", specific.to_vec())),
                0x69 | 0x6b => Some(coding(mpeg_audio(sample), Vec::new())),
                0xa5 => Some(coding("A_AC3", Vec::new())),
                0xa6 => Some(coding("A_EAC3", Vec::new())),
                0xa9..=0xac => Some(coding("A_DTS", Vec::new())),
                _ => None,
            }
        }
        b".mp3" => Some(coding("A_MPEG/L3", Vec::new())),
        b"ac-3" => Some(coding("A_AC3", Vec::new())),
        b"ec-3" => Some(coding("A_EAC3", Vec::new())),
        b"dtsc" | b"dtsh" | b"dtsl" | b"dtse" => Some(coding("A_DTS", Vec::new())),
        b"mlpa" => Some(coding("A_TRUEHD", Vec::new())),
        b"alac" => Some(coding("A_ALAC", find(boxes, b"alac")?.get(4..)?.to_vec())),
        b"fLaC" => {
            // The metadata blocks stand behind version and flags, and behind the native stream's marker.
            let blocks = find(boxes, b"dfLa")?.get(4..)?;
            Some(coding("A_FLAC", [b"fLaC", blocks].concat()))
        }
        b"Opus" => {
            let (private, pre_skip) = opus_head(find(boxes, b"dOps")?)?;
            let media = Media::Audio {
                channels,
                sample_rate: 48_000,
            };
            Some(Coding {
                media,
                pre_skip,
                ..coding("A_OPUS", private)
            })
        }
        _ => None,
    }
}

/// The layer is in the frame's header alone.
fn mpeg_audio(frame: &[u8]) -> &'static str {
    match frame.get(1).map(|byte| (byte >> 1) & 3) {
        Some(3) => "A_MPEG/L1",
        Some(2) => "A_MPEG/L2",
        _ => "A_MPEG/L3",
    }
}

/// `OpusSpecificBox` ("Encapsulation of Opus in ISO Base Media File Format", 4.3.2) as the identification header of
/// RFC 7845, 5.1, and its pre-skip.
fn opus_head(specific: &[u8]) -> Option<(Vec<u8>, u16)> {
    let mut rest = specific.get(1..)?;
    let channels = rest.try_get_u8().ok()?;
    let pre_skip = rest.try_get_u16().ok()?;
    let mut out = b"OpusHead\x01".to_vec();
    out.put_u8(channels);
    out.put_u16_le(pre_skip);
    out.put_u32_le(rest.try_get_u32().ok()?);
    out.put_i16_le(rest.try_get_i16().ok()?);
    // Mapping family and, where it is not 0, its table.
    out.put_slice(rest);
    Some((out, pre_skip))
}

/// Object type and decoder specific info of an `esds` box (ISO/IEC 14496-14, 5.6).
fn esds(content: &[u8]) -> Option<(u8, &[u8])> {
    const ES_DESCRIPTOR: u8 = 3;
    const DECODER_CONFIG: u8 = 4;
    const DECODER_SPECIFIC_INFO: u8 = 5;
    let (_, _, descriptors) = bmff::full_box(content)?;
    let mut stream = descriptor(descriptors, ES_DESCRIPTOR)?;
    stream.try_get_u16().ok()?;
    let flags = stream.try_get_u8().ok()?;
    // dependsOn, URL, OCR.
    if flags & 0x80 != 0 {
        stream.split_off(..2)?;
    }
    if flags & 0x40 != 0 {
        let length = usize::from(stream.try_get_u8().ok()?);
        stream.split_off(..length)?;
    }
    if flags & 0x20 != 0 {
        stream.split_off(..2)?;
    }
    let config = descriptor(stream, DECODER_CONFIG)?;
    let object_type = *config.first()?;
    let specific = descriptor(config.get(13..)?, DECODER_SPECIFIC_INFO).unwrap_or_default();
    Some((object_type, specific))
}

/// The content of the first descriptor with a tag.
fn descriptor(bytes: &[u8], wanted: u8) -> Option<&[u8]> {
    let mut rest = bytes;
    while let Ok(tag) = rest.try_get_u8() {
        let mut length = 0_usize;
        for _ in 0..4 {
            let byte = rest.try_get_u8().ok()?;
            length = length << 7 | usize::from(byte & 0x7f);
            if byte & 0x80 == 0 {
                break;
            }
        }
        let content = rest.get(..length.min(rest.len()))?;
        rest = rest.get(content.len()..)?;
        if tag == wanted {
            return Some(content);
        }
    }
    None
}

/// `colr` with numbers (ISO/IEC 14496-12, 12.1.5).
fn colour(colr: &[u8]) -> Option<(u16, u16, u16, bool)> {
    let mut rest = colr.strip_prefix(b"nclx")?;
    Some((
        rest.try_get_u16().ok()?,
        rest.try_get_u16().ok()?,
        rest.try_get_u16().ok()?,
        rest.try_get_u8().ok()? & 0x80 != 0,
    ))
}

impl TextFormat {
    /// The text of a sample; None for a sample that shows nothing.
    pub(super) fn text(self, sample: &Bytes) -> Option<Bytes> {
        match self {
            Self::Timed => {
                let length = usize::from(sample.get(..2)?.get_u16());
                (length > 0 && sample.len() >= 2 + length).then(|| sample.slice(2..2 + length))
            }
            Self::WebVtt => {
                let cues = bmff::boxes(sample).filter(|found| found.kind == *b"vttc");
                let payloads: Vec<&[u8]> = cues.filter_map(|cue| find(cue.content, b"payl")).collect();
                (!payloads.is_empty()).then(|| payloads.join(&b'\n').into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opus_changes_its_byte_order() {
        let specific = [0, 2, 0x01, 0x38, 0, 0, 0xbb, 0x80, 0xff, 0xfe, 0];
        let (head, pre_skip) = opus_head(&specific).unwrap();
        assert_eq!(pre_skip, 312);
        assert_eq!(head, b"OpusHead\x01\x02\x38\x01\x80\xbb\0\0\xfe\xff\0");
    }

    #[test]
    fn descriptors_of_every_length_form() {
        let long = [
            0, 0, 0, 0, 3, 0x80, 0x80, 0x80, 25, 0, 0, 0, 4, 0x80, 0x80, 0x80, 17,
        ];
        let config = [0x40, 0x15, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let bytes = [&long[..], &config, &[5, 2, 0x12, 0x10]].concat();
        assert_eq!(esds(&bytes), Some((0x40, &[0x12, 0x10][..])));
    }

    #[test]
    fn cue_boxes_become_text() {
        let cue = |text: &[u8]| {
            let mut out = Vec::new();
            bmff::write_box(&mut out, *b"vttc", |out| {
                bmff::write_box(out, *b"sttg", |out| out.put_slice(b"align:left"));
                bmff::write_box(out, *b"payl", |out| out.put_slice(text));
            });
            out
        };
        let both = Bytes::from([cue(b"Hello"), cue(b"World")].concat());
        assert_eq!(TextFormat::WebVtt.text(&both).unwrap(), &b"Hello\nWorld"[..]);
        assert_eq!(
            TextFormat::WebVtt.text(&Bytes::from_static(b"\0\0\0\x08vtte")),
            None
        );
        assert_eq!(
            TextFormat::Timed
                .text(&Bytes::from_static(b"\0\x02Hi\0\0"))
                .unwrap(),
            &b"Hi"[..]
        );
        assert_eq!(TextFormat::Timed.text(&Bytes::from_static(b"\0\0")), None);
    }
}
