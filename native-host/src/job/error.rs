//! Why a job ended before its last segment.

use weir_core::plan::PlanError;
use weir_core::protocol::{ErrorCode, KeyMethod, MediaSequence};

use super::live::LoadError;
use super::{Outlook, StopReason};
use crate::decrypt::DecryptError;
use crate::demux::DemuxError;
use crate::error::{Coded, io_error_in};
use crate::fetch::FetchError;
use crate::journal::JournalError;
use crate::keys::KeyError;
use crate::merge::MergeError;
use crate::output_path::OutputError;

/// Why a job ended before its last segment.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JobError {
    /// A plan that no playlist gives, or one that leads where it may not.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// Over [`weir_core::protocol::limits::MAX_PLAYLIST_SEGMENTS`].
    #[error("too many segments: {0}")]
    TooManySegments(u64),
    /// More headers or cookies than anyone needs.
    #[error("too many headers or cookies: {0}")]
    TooManyEntries(usize),
    /// The key that the user gave cannot be the key of a segment.
    #[error("segment {}: {method} needs a key of {bytes} bytes, and the one given has another length", .sequence.0)]
    GivenKey {
        /// The first such segment.
        sequence: MediaSequence,
        /// Its method.
        method: KeyMethod,
        /// What the method needs.
        bytes: usize,
    },
    /// An output that would keep encrypted samples.
    #[error("segment {}: {method} encrypts the samples, and this kind of output keeps the segments as they are: choose mp4 or mkv", .sequence.0)]
    Container {
        /// The first such segment.
        sequence: MediaSequence,
        /// Its method.
        method: KeyMethod,
    },
    /// The client could not be made: a header, a proxy.
    #[error(transparent)]
    Client(#[from] FetchError),
    /// A segment or its map could not be had.
    #[error("segment {}: {error}", .sequence.0)]
    Segment {
        /// Which one.
        sequence: MediaSequence,
        /// Why.
        error: FetchError,
    },
    /// A segment was refused after others had been given.
    #[error("segment {}: the link has expired ({status}){outlook}", .sequence.0)]
    LinkExpired {
        /// Which one.
        sequence: MediaSequence,
        /// 403 or 410.
        status: u16,
        /// Why there was no other link, and what to do.
        outlook: Outlook,
    },
    /// The plan that was to renew the links is of another capture.
    #[error("another stream: its segments are not those of the capture")]
    OtherStream,
    /// A key could not be had.
    #[error("segment {}: {error}", .sequence.0)]
    Key {
        /// The segment that needs it.
        sequence: MediaSequence,
        /// Why.
        error: KeyError,
    },
    /// Decryption failed, twice.
    #[error("segment {}: {error}", .sequence.0)]
    Decrypt {
        /// Which one.
        sequence: MediaSequence,
        /// Why.
        error: DecryptError,
    },
    /// A segment holds nothing that can be merged.
    #[error("segment {}: {source}", .sequence.0)]
    Media {
        /// Which one.
        sequence: MediaSequence,
        /// The code of `source`.
        code: ErrorCode,
        /// Why.
        source: DemuxError,
    },
    /// The output cannot be written, or not as this container.
    #[error(transparent)]
    Merge(#[from] MergeError),
    /// The output's folder or name.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// A live playlist that leads where Weir does not go.
    #[error(transparent)]
    Playlist(Box<LoadError>),
    /// A live stream that could not be reached for too long.
    #[error("the stream was away for {seconds} s: {error}")]
    Away {
        /// How long nothing came.
        seconds: u64,
        /// Why its playlist could not be read the last time.
        error: Box<LoadError>,
    },
    /// A live stream that is there and does not go on.
    #[error("the stream has brought nothing new for {seconds} s: it may have ended without saying so")]
    Stalled {
        /// How long nothing came.
        seconds: u64,
    },
    /// It cannot be resumed, or is already running.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Nothing of what is missing could be had.
    #[error("what is missing is still not to be had; the file is as it was. The first: {0}")]
    NothingCame(String),
    /// Every segment is a gap.
    #[error("every segment is missing")]
    NothingLeft,
    /// Ended early.
    #[error("{}", match .0 { StopReason::User | StopReason::Enough => "cancelled", StopReason::BrowserGone => "the browser closed the port", StopReason::Paused => "paused" })]
    Stopped(StopReason),
    /// A task or a thread died.
    #[error("internal error: {0}")]
    Internal(String),
}

impl Coded for JobError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Plan(error) => error.code(),
            Self::NothingLeft => ErrorCode::NothingToCapture,
            Self::NothingCame(_) => ErrorCode::Gaps,
            Self::TooManySegments(_) => ErrorCode::BadPlaylist,
            Self::TooManyEntries(_) => ErrorCode::BadHeader,
            Self::GivenKey { .. } => ErrorCode::Usage,
            Self::Container { .. } => ErrorCode::Unsupported,
            Self::Client(error) | Self::Segment { error, .. } => error.code(),
            Self::LinkExpired { .. } => ErrorCode::LinkExpired,
            Self::OtherStream => ErrorCode::CannotResume,
            Self::Key { error, .. } => error.code(),
            Self::Decrypt { error, .. } => error.code(),
            Self::Media { code, .. } => *code,
            Self::Merge(error) => error.code(),
            Self::Output(error) => error.code(),
            Self::Journal(error) => error.code(),
            Self::Playlist(error) | Self::Away { error, .. } => error.code(),
            Self::Stalled { .. } => ErrorCode::Stalled,
            Self::Stopped(StopReason::User | StopReason::Enough) => ErrorCode::Cancelled,
            Self::Stopped(StopReason::BrowserGone) => ErrorCode::BrowserGone,
            Self::Stopped(StopReason::Paused) => ErrorCode::Paused,
            Self::Internal(_) => ErrorCode::Internal,
        }
    }
}

impl JobError {
    pub(crate) fn internal(error: impl std::fmt::Display) -> Self {
        Self::Internal(error.to_string())
    }

    /// What the merger says of a segment, with the number that its playlist gives it.
    pub(super) fn of_segment(sequence: MediaSequence, error: MergeError) -> Self {
        let code = error.code();
        match error {
            MergeError::Segment { source, .. } => Self::Media {
                sequence,
                code,
                source,
            },
            error => Self::Merge(error),
        }
    }

    /// The status with which a server refuses a link that may have expired, to the segment, its map or its key.
    pub(super) fn expired(&self) -> Option<u16> {
        let status = match self {
            Self::LinkExpired { status, .. } => Some(*status),
            Self::Segment { error, .. } => error.status(),
            Self::Key { error, .. } => error.status(),
            _ => None,
        };
        status.filter(|status| matches!(status, 403 | 410))
    }

    /// The same, and the segment.
    pub(super) fn expired_at(&self) -> Option<(MediaSequence, u16)> {
        let (Self::LinkExpired { sequence, .. }
        | Self::Segment { sequence, .. }
        | Self::Key { sequence, .. }) = self
        else {
            return None;
        };
        Some((*sequence, self.expired()?))
    }

    /// Says of a link that may have expired why there is no other. What was refused for another reason, for all that is
    /// known, stays what it is.
    pub(super) fn with_outlook(self, outlook: Outlook) -> Self {
        let is_told = matches!(outlook, Outlook::Failed(_) | Outlook::Silence(_));
        let sequence = match &self {
            Self::LinkExpired { sequence, .. } => *sequence,
            Self::Segment { sequence, .. } | Self::Key { sequence, .. } if is_told => *sequence,
            _ => return self,
        };
        match self.expired() {
            Some(status) => Self::LinkExpired {
                sequence,
                status,
                outlook,
            },
            None => self,
        }
    }

    /// True when the stream can do without this segment: it is gone or not whole. A refused, unreachable or
    /// unreadable server is no gap, because the next segment would fare no better.
    pub(super) fn is_gap(&self) -> bool {
        match self {
            Self::Segment { error, .. } => match error.status() {
                Some(status) => !matches!(status, 401 | 403 | 429),
                None => error.code() == ErrorCode::BadResponse,
            },
            Self::LinkExpired { status, .. } => *status == 410,
            Self::Decrypt { .. } => true,
            _ => false,
        }
    }
}

/// Another job created this file first.
pub(super) fn is_taken(error: &MergeError) -> bool {
    io_error_in(error).is_some_and(|error| error.kind() == std::io::ErrorKind::AlreadyExists)
}
