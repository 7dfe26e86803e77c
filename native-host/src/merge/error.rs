//! Why merging cannot go on.

use std::io;

use weir_core::protocol::ErrorCode;

use crate::decrypt::CipherOf;
use crate::demux::DemuxError;

/// Why merging cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MergeError {
    /// Writing failed.
    #[error("cannot write the output: {0}")]
    Write(#[source] io::Error),
    /// A segment cannot be read.
    #[error("segment {segment} of track {track}: {source}")]
    Segment {
        /// Index of the plan's track.
        track: usize,
        /// Which of the segments pushed to it, from 1; the last one when the end showed it.
        segment: u64,
        /// Why.
        source: DemuxError,
    },
    /// A combination that the chosen container cannot hold.
    #[error("{0}")]
    Container(String),
    /// No segment held a sample.
    #[error("the segments hold no audio or video")]
    NoSamples,
    /// A segment of a track that was not announced.
    #[error("there is no track {0}")]
    NoSuchTrack(usize),
    /// What was saved holds samples of this segment, which wait to be decrypted.
    #[error("the key of segment {} of track {} is not at hand", .0.sequence, .0.track)]
    NeedsCipher(CipherOf),
    /// Where the merger was cannot be saved, or what was saved makes no sense.
    #[error("the state of the capture: {0}")]
    Point(#[source] postcard::Error),
    /// The finished file is not what was to be written.
    #[error("the finished file failed its check: {0}")]
    Check(String),
}

impl MergeError {
    /// The code that the user interface translates.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Write(error) => match error.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                    ErrorCode::DiskFull
                }
                _ => ErrorCode::File,
            },
            Self::Segment {
                source: DemuxError::Unsupported(_) | DemuxError::ForeignCodec(_),
                ..
            }
            | Self::Container(_) => ErrorCode::Unsupported,
            Self::Segment {
                source: DemuxError::Drm(_),
                ..
            } => ErrorCode::Drm,
            Self::Segment {
                source: DemuxError::WrongKey(_),
                ..
            } => ErrorCode::Decrypt,
            Self::Segment {
                source: DemuxError::NoKey(_),
                ..
            } => ErrorCode::BadKey,
            Self::Segment { .. } | Self::NoSamples => ErrorCode::BadMedia,
            Self::NoSuchTrack(_) | Self::NeedsCipher(_) | Self::Point(_) | Self::Check(_) => {
                ErrorCode::Internal
            }
        }
    }
}
