//! Small values with one meaning each.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The largest integer that a JSON number keeps exact in JavaScript; larger ones travel as text.
pub(crate) const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;

/// A segment's media sequence number (RFC 8216bis, 4.4.3.2). A JSON number, or a string above 2^53 - 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(type = "number | string"))]
pub struct MediaSequence(pub u64);

/// Names one request, so that its reply can be told; chosen by the extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(transparent)]
pub struct RequestId(pub u32);

/// The number of a capture in the host's journal, as `weir jobs` shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(transparent)]
pub struct CaptureNumber(pub u32);

/// Names one job: 1 to 64 characters of `A-Z a-z 0-9 - _`, so that it can be part of a file name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(transparent)]
pub struct JobId(String);

/// A 128-bit initialisation vector: 32 lower-case hexadecimal digits in JSON.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(type = "string"))]
pub struct Iv(pub [u8; 16]);

/// How a segment is encrypted (`METHOD` of EXT-X-KEY).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub enum KeyMethod {
    /// The whole segment, AES-CBC with PKCS#7 padding.
    #[serde(rename = "AES-128")]
    Aes128,
    /// The whole segment, AES-CBC with PKCS#7 padding and a key of 256 bits: some packagers' extension.
    #[serde(rename = "AES-256")]
    Aes256,
    /// The whole segment, AES-CTR with a key of 256 bits and 64 bits of counter: some packagers' extension.
    #[serde(rename = "AES-256-CTR")]
    Aes256Ctr,
    /// The whole segment, AES-GCM with a key of 256 bits; the segment begins with its IV (RFC 8216bis-19).
    #[serde(rename = "AES-256-GCM")]
    Aes256Gcm,
    /// Parts of each sample, AES-CBC (TS, packed audio, `cbcs`).
    #[serde(rename = "SAMPLE-AES")]
    SampleAes,
    /// Parts of each sample, AES-CTR (`cenc`).
    #[serde(rename = "SAMPLE-AES-CTR")]
    SampleAesCtr,
}

/// What a track carries. The main track of a muxed stream is `video` though it holds audio too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum TrackKind {
    /// Video, or video muxed with audio.
    Video,
    /// Audio alone.
    Audio,
    /// Subtitles or captions.
    Subtitle,
}

impl JobId {
    /// Longest id, in bytes.
    pub const MAX_BYTES: usize = 64;

    /// Checks the form of an id.
    ///
    /// # Errors
    /// The rule, as text, when `text` breaks it.
    pub fn new(text: impl Into<String>) -> Result<Self, &'static str> {
        let text = text.into();
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if text.is_empty() || text.len() > Self::MAX_BYTES || !text.bytes().all(allowed) {
            return Err("invalid job id: it is 1 to 64 letters, digits, '-' or '_'");
        }
        Ok(Self(text))
    }

    /// The id's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for JobId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl Iv {
    /// The implicit IV: the media sequence number as a big-endian 128-bit integer (RFC 8216, 5.2).
    #[must_use]
    pub fn from_sequence(sequence: MediaSequence) -> Self {
        Self(u128::from(sequence.0).to_be_bytes())
    }

    /// One digit after the other: a plan has tens of thousands of these, and a formatter takes ten times as long.
    fn digits(self) -> [u8; 32] {
        let mut digits = [0; 32];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(self.0) {
            let of = |nibble: u8| {
                if nibble < 10 {
                    b'0' + nibble
                } else {
                    b'a' + nibble - 10
                }
            };
            pair.copy_from_slice(&[of(byte >> 4), of(byte & 15)]);
        }
        digits
    }
}

impl FromStr for Iv {
    type Err = &'static str;

    /// Reads exactly 32 hexadecimal digits, with or without `0x`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text
            .strip_prefix("0x")
            .or_else(|| text.strip_prefix("0X"))
            .unwrap_or(text);
        if digits.len() != 32 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err("bad IV: 32 hexadecimal digits are needed");
        }
        let value = u128::from_str_radix(digits, 16).map_err(|_| "bad IV: not hexadecimal")?;
        Ok(Self(value.to_be_bytes()))
    }
}

impl fmt::Display for Iv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(str::from_utf8(&self.digits()).unwrap_or_default())
    }
}

impl fmt::Debug for Iv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Iv({self})")
    }
}

impl Serialize for Iv {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(str::from_utf8(&self.digits()).unwrap_or_default())
    }
}

impl<'de> Deserialize<'de> for Iv {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for TrackKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Video => "video",
            Self::Audio => "audio",
            Self::Subtitle => "subtitle",
        })
    }
}

impl KeyMethod {
    /// Every method.
    pub const ALL: [Self; 6] = [
        Self::Aes128,
        Self::Aes256,
        Self::Aes256Ctr,
        Self::Aes256Gcm,
        Self::SampleAes,
        Self::SampleAesCtr,
    ];

    /// As the specification writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Aes128 => "AES-128",
            Self::Aes256 => "AES-256",
            Self::Aes256Ctr => "AES-256-CTR",
            Self::Aes256Gcm => "AES-256-GCM",
            Self::SampleAes => "SAMPLE-AES",
            Self::SampleAesCtr => "SAMPLE-AES-CTR",
        }
    }

    /// Whether samples are encrypted and the segment around them is clear; else all of it is encrypted.
    #[must_use]
    pub fn is_of_samples(self) -> bool {
        matches!(self, Self::SampleAes | Self::SampleAesCtr)
    }

    /// Reads METHOD, in any case; None for one that Weir does not decrypt.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|method| text.eq_ignore_ascii_case(method.as_str()))
    }
}

impl fmt::Display for KeyMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Writes an integer as a JSON number where JavaScript keeps it exact, else as a string.
///
/// # Errors
/// Those of the serializer.
pub(crate) fn serialize_safe<S: Serializer>(value: u64, serializer: S) -> Result<S::Ok, S::Error> {
    if value <= MAX_SAFE_INTEGER {
        serializer.serialize_u64(value)
    } else {
        serializer.collect_str(&value)
    }
}

impl Serialize for MediaSequence {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_safe(self.0, serializer)
    }
}

impl<'de> Deserialize<'de> for MediaSequence {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SafeIntegerVisitor).map(Self)
    }
}

/// Reads what [`serialize_safe`] wrote: an integer, a float that is one (JavaScript has no other), or digits.
struct SafeIntegerVisitor;

impl serde::de::Visitor<'_> for SafeIntegerVisitor {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a non-negative integer, or one as text")
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<u64, E> {
        Ok(value)
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<u64, E> {
        u64::try_from(value).map_err(|_| E::custom("a negative number"))
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "the guard keeps to the integers that both types hold exactly"
    )]
    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<u64, E> {
        if value >= 0.0 && value <= MAX_SAFE_INTEGER as f64 && value.fract() == 0.0 {
            Ok(value as u64)
        } else {
            Err(E::custom("not an integer that a number keeps exactly"))
        }
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<u64, E> {
        text.parse().map_err(|_| E::custom("not an integer"))
    }
}
