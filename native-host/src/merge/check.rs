//! What the checks of all containers share: reading a file back, and saying that it is not what was meant.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use super::MergeError;

/// Bytes of a file, as many as there are of `length`.
pub(super) fn read_at(mut file: &File, offset: u64, length: u64) -> Result<Vec<u8>, MergeError> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(offset)).map_err(MergeError::Write)?;
    file.take(length)
        .read_to_end(&mut bytes)
        .map_err(MergeError::Write)?;
    Ok(bytes)
}

/// What was written is not what was handed over.
pub(super) fn failed(what: &str) -> MergeError {
    MergeError::Check(what.to_owned())
}
