//! Files of captures, shown and opened. Whose they are is the journal's word: a message names a number, never a path.

use std::path::Path;

use weir_core::protocol::CaptureNumber;

use super::RequestError;
use crate::journal::Journal;

/// Opens the folder that holds `output` in the file manager. The folder, not the file: what was captured
/// is opened by a person, not by a message.
pub(super) fn reveal(output: &Path) -> Result<(), RequestError> {
    let folder = output.parent().filter(|folder| folder.is_dir());
    let folder = folder.ok_or_else(|| RequestError::Reveal(format!("{} is gone", output.display())))?;
    opener::open(folder).map_err(|error| RequestError::Reveal(error.to_string()))
}

/// The same, of a capture of the journal, finished or not.
pub(super) fn reveal_capture(journal: &Journal, capture: CaptureNumber) -> Result<(), RequestError> {
    let output = journal.record_of(capture.0.into())?.output;
    reveal(Path::new(&output.unwrap_or_default()))
}

/// Opens what a capture made, with the program that the user has for such files. Only a media file that is as it was made:
/// what has taken its place may be anything.
pub(super) fn open_capture(journal: &Journal, capture: CaptureNumber) -> Result<(), RequestError> {
    let file = journal.media_file(capture.0.into())?;
    opener::open(file).map_err(|error| RequestError::Open(error.to_string()))
}
