//! Why a key could not be had.

use weir_core::protocol::ErrorCode;
use weir_core::url::AbsoluteUrl;

use super::KeySize;
use crate::fetch::{FetchError, ResponseFault};

/// Why a key could not be had.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Another length than the method needs, and no text form of a right one either.
    #[error("{url}: key is {length} bytes, needs {}", .size.bytes())]
    Length {
        /// Where the key was asked for.
        url: Box<AbsoluteUrl>,
        /// Its length, in bytes.
        length: u64,
        /// What was needed.
        size: KeySize,
    },
    /// So long that its end was not waited for.
    #[error("{url}: key is more than {limit} bytes, needs {}", .size.bytes())]
    TooLong {
        /// Where the key was asked for.
        url: Box<AbsoluteUrl>,
        /// How much was read, in bytes.
        limit: u64,
        /// What was needed.
        size: KeySize,
    },
    /// HTML.
    #[error("{url}: the key server sent a web page: log in on the page and try again")]
    WebPage {
        /// Where the key was asked for.
        url: Box<AbsoluteUrl>,
    },
    /// JSON without a key in it.
    #[error("{url}: the key server sent JSON without a key in it: log in on the page and try again")]
    Json {
        /// Where the key was asked for.
        url: Box<AbsoluteUrl>,
    },
    /// 401 or 403.
    #[error("{url}: key refused ({status}): log in on the page, or reopen it for a fresh link")]
    Refused {
        /// Where the key was asked for.
        url: Box<AbsoluteUrl>,
        /// The HTTP status.
        status: u16,
    },
    /// Everything else.
    #[error("cannot get the key: {0}")]
    Fetch(#[source] FetchError),
}

impl KeyError {
    /// Says of some failures what they mean for a key.
    pub(super) fn of_fetch(url: &AbsoluteUrl, size: KeySize, error: FetchError) -> Self {
        let url = Box::new(url.clone());
        match (error.status(), error.response_fault()) {
            (Some(status @ (401 | 403)), _) => Self::Refused { url, status },
            (
                _,
                Some(&ResponseFault::TooLarge {
                    announced: Some(length),
                    ..
                }),
            ) => Self::Length { url, length, size },
            (_, Some(&ResponseFault::TooLarge { limit, .. })) => Self::TooLong { url, limit, size },
            _ => Self::Fetch(error),
        }
    }

    /// The HTTP status, when that was the failure.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            Self::Fetch(error) => error.status(),
            _ => None,
        }
    }

    /// The code that the user interface translates. What was not allowed to be fetched keeps its own.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Fetch(error) => match error.code() {
                ErrorCode::HttpStatus | ErrorCode::BadResponse => ErrorCode::BadKey,
                other => other,
            },
            _ => ErrorCode::BadKey,
        }
    }
}
