//! Where a merger can go on after an interruption.

use std::fs::File;
use std::path::Path;

use crate::decrypt::{self, CipherRing};

use super::{MergeError, Merger, Output, OutputFile};

/// A merger between two segments. With the points before it, it makes a merger that goes on as if nothing had been.
#[derive(Debug)]
pub struct Point {
    /// The merger, but for what grows with every sample.
    pub merger: Vec<u8>,
    /// What was added since the last point to the sample tables, or to what is known of samples beside them.
    pub added: Vec<u8>,
    /// How long the output is. 0 for a folder.
    pub length: u64,
    /// The output, to wait for it to be on the disk.
    pub file: Option<File>,
}

impl Merger {
    /// How long the output is. 0 for a folder.
    ///
    /// # Errors
    /// [`MergeError::Write`].
    pub fn length(&mut self) -> Result<u64, MergeError> {
        match self.output.file() {
            Some(file) => file.length().map_err(MergeError::Write),
            None => Ok(0),
        }
    }

    /// Points are going to be saved; to be called before the first segment.
    pub fn keep_points(&mut self) {
        match &mut self.output {
            Output::Mp4(merger) => merger.keep_points(),
            Output::Mkv(merger) => merger.keep_points(),
            Output::Ts(_) | Output::Segments(_) => {}
        }
    }

    /// Saves where it is. None while there is nothing in the output to go on with. No point may be lost: each has only
    /// what was added since the one before.
    ///
    /// # Errors
    /// [`MergeError::Write`].
    pub fn point(&mut self) -> Result<Option<Point>, MergeError> {
        if self.held.is_some() {
            return Ok(None);
        }
        let length = self.length()?;
        let file = match self.output.file() {
            Some(file) => Some(file.handle().map_err(MergeError::Write)?),
            None => None,
        };
        let merger = match decrypt::saving(|| postcard::to_stdvec(&*self)) {
            Ok(merger) => merger,
            // It holds encrypted samples of nobody knows which segment.
            Err(postcard::Error::SerdeSerCustom) => return Ok(None),
            Err(error) => return Err(MergeError::Point(error)),
        };
        let added = match &mut self.output {
            Output::Mp4(merger) => merger.take_added(),
            Output::Mkv(merger) => merger.take_added(),
            Output::Ts(_) | Output::Segments(_) => Vec::new(),
        };
        Ok(Some(Point {
            merger,
            added,
            length,
            file,
        }))
    }

    /// The merger at a point, with what all points until then have `added`; it goes on in the output at `path`.
    ///
    /// # Errors
    /// [`MergeError::NeedsCipher`] when a cipher is not in `ciphers`, [`MergeError::Point`] when what was saved makes no sense, [`MergeError::Write`] when the output is not what it was.
    pub fn restore(
        path: &Path,
        merger: &[u8],
        length: u64,
        added: &[Vec<u8>],
        ciphers: &CipherRing,
    ) -> Result<Self, MergeError> {
        let (read, missing) = ciphers.reading(|| postcard::from_bytes::<Self>(merger));
        let mut merger = match missing {
            Some(missing) => return Err(MergeError::NeedsCipher(missing)),
            None => read.map_err(MergeError::Point)?,
        };
        if let Output::Mp4(mp4) = &mut merger.output {
            for added in added {
                mp4.restore(added).map_err(MergeError::Point)?;
            }
        }
        merger.keep_points();
        path.clone_into(&mut merger.asked.path);
        match &mut merger.output {
            Output::Mp4(mp4) => mp4.reopen(path, length)?,
            Output::Mkv(mkv) => mkv.reopen(path, length)?,
            Output::Ts(ts) => ts.file().reopen(path, length).map_err(MergeError::Write)?,
            Output::Segments(segments) => segments.reopen(path).map_err(MergeError::Write)?,
        }
        Ok(merger)
    }
}

impl Output {
    fn file(&mut self) -> Option<&mut OutputFile> {
        match self {
            Self::Mp4(merger) => Some(merger.file()),
            Self::Mkv(merger) => Some(merger.file()),
            Self::Ts(merger) => Some(merger.file()),
            Self::Segments(_) => None,
        }
    }
}
