//! What every error of this crate can say of itself: a code that user interfaces translate, and words
//! for details.

use weir_core::plan::PlanError;
use weir_core::protocol::{ErrorCode, Failure};

use crate::fetch::FetchError;
use crate::merge::MergeError;

/// An error that has a code of the protocol.
pub trait Coded: std::error::Error {
    /// The code that the user interface translates.
    fn code(&self) -> ErrorCode;

    /// The error as it is sent: its code and its words.
    fn failure(&self) -> Failure {
        Failure {
            code: self.code(),
            message: self.to_string(),
        }
    }
}

impl Coded for FetchError {
    fn code(&self) -> ErrorCode {
        Self::code(self)
    }
}

impl Coded for PlanError {
    fn code(&self) -> ErrorCode {
        Self::code(self)
    }
}

impl Coded for MergeError {
    fn code(&self) -> ErrorCode {
        Self::code(self)
    }
}

/// The input or output error at the bottom of `error`, where there is one.
pub(crate) fn io_error_in<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a std::io::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(io) = error.downcast_ref() {
            return Some(io);
        }
        next = error.source();
    }
    None
}

/// True when no more bytes fit: the disk, a quota, or the file system's largest file (FAT32: 4 GiB).
pub(crate) fn is_full(error: &std::io::Error) -> bool {
    use std::io::ErrorKind;
    matches!(
        error.kind(),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge
    )
}
