//! The file that is written: made anew, or gone on with after an interruption.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::Path;

const BUFFER_BYTES: usize = 256 << 10;

/// The file. Where a merger is read from what was saved of it, the file is closed until [`OutputFile::reopen`].
#[derive(Debug, Default)]
pub(super) struct OutputFile(Option<BufWriter<File>>);

impl OutputFile {
    /// Makes it; there must be none.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(path)?;
        Ok(Self::of(file))
    }

    /// Writes to one that is empty.
    pub(super) fn of(file: File) -> Self {
        Self(Some(BufWriter::with_capacity(BUFFER_BYTES, file)))
    }

    /// Goes on behind the first `length` bytes of what is there, and forgets the rest.
    ///
    /// # Errors
    /// When it is not there, or shorter.
    pub(super) fn reopen(&mut self, path: &Path, length: u64) -> io::Result<()> {
        let mut file = OpenOptions::new().read(true).write(true).open(path)?;
        let found = file.metadata()?.len();
        if found < length {
            let message = format!("{} has {found} bytes, {length} were written", path.display());
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message));
        }
        file.set_len(length)?;
        file.seek(SeekFrom::End(0))?;
        *self = Self::of(file);
        Ok(())
    }

    /// Its length, once all that was written is in it.
    pub(super) fn length(&mut self) -> io::Result<u64> {
        let out = self.open()?;
        out.flush()?;
        Ok(out.get_ref().metadata()?.len())
    }

    /// Another way to its bytes, to wait for them to be on the disk.
    pub(super) fn handle(&self) -> io::Result<File> {
        self.0.as_ref().ok_or_else(closed)?.get_ref().try_clone()
    }

    /// The file, with all that was written.
    pub(super) fn into_file(self) -> io::Result<File> {
        Ok(self.0.ok_or_else(closed)?.into_inner()?)
    }

    fn open(&mut self) -> io::Result<&mut BufWriter<File>> {
        self.0.as_mut().ok_or_else(closed)
    }
}

fn closed() -> io::Error {
    io::Error::other("the output is not open")
}

impl Write for OutputFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.open()?.write(bytes)
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.open()?.write_all(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.open()?.flush()
    }
}

impl Seek for OutputFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.open()?.seek(to)
    }
}
