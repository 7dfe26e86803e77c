//! (key, IV, bytes) -> bytes: pure. Nothing is carried from one segment to the next, so that any decrypts without the others.
//!
//! Two families: a method of whole segments gives back what was a segment before ([`segment`]); a method of samples
//! leaves the segment as it is, and its samples are decrypted where they are cut out of it ([`SampleCipher`]).

mod ring;
mod sample;
mod segment;

use weir_core::protocol::{ErrorCode, KeyMethod};

pub use ring::{CipherOf, CipherRing, saving};
pub use sample::{Declaration, SampleCipher};
pub(crate) use sample::{Pattern, SHORT_NAL_BYTES, Scheme, Subsample};
pub use segment::{is_clear_map, looks_like_media, segment};

/// The cipher's block, in bytes.
const BLOCK_BYTES: usize = 16;

/// Why bytes cannot be decrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecryptError {
    /// No whole number of blocks.
    #[error("truncated or not AES-CBC: {length} bytes is no multiple of 16")]
    Length {
        /// Of the ciphertext, in bytes.
        length: usize,
    },
    /// Less than AES-GCM adds to every segment.
    #[error("truncated or not AES-GCM: {length} bytes hold no IV and tag")]
    TooShort {
        /// Of the ciphertext, in bytes.
        length: usize,
    },
    /// What came out ends in no padding and begins like no media.
    #[error("wrong key or corrupt: the padding is wrong")]
    Padding,
    /// AES-GCM's proof that nothing was changed does not hold.
    #[error("wrong key or corrupt: the authentication tag is wrong")]
    Tag,
    /// A key of another length than the method's.
    #[error("{method} needs a key of another length than {length} bytes")]
    KeyLength {
        /// METHOD.
        method: KeyMethod,
        /// Of the key, in bytes.
        length: usize,
    },
    /// A method of samples: segments stay as they are.
    #[error("{method} encrypts no whole segments")]
    NotOfSegments {
        /// METHOD.
        method: KeyMethod,
    },
}

impl DecryptError {
    /// The code that the user interface translates.
    #[must_use]
    pub fn code(self) -> ErrorCode {
        match self {
            Self::KeyLength { .. } => ErrorCode::BadKey,
            Self::NotOfSegments { .. } => ErrorCode::Internal,
            _ => ErrorCode::Decrypt,
        }
    }
}
