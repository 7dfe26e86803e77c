//! The file that is written: made anew, or gone on with after an interruption.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, IoSlice, Seek, SeekFrom, Write};
use std::path::Path;

const BUFFER_BYTES: usize = 256 << 10;

/// Smaller pieces are copied together: the system takes longer over a piece than that.
const COPIED_BYTES: usize = 4 << 10;

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

    /// Writes many pieces behind each other: large ones from where they are.
    pub(super) fn write_pieces<'a>(
        &mut self,
        pieces: impl Iterator<Item = &'a [u8]> + Clone,
    ) -> io::Result<()> {
        let is_copied = |piece: &&[u8]| piece.len() < COPIED_BYTES;
        let mut small = Vec::with_capacity(pieces.clone().filter(is_copied).map(<[u8]>::len).sum());
        for piece in pieces.clone().filter(is_copied) {
            small.extend_from_slice(piece);
        }
        let (mut slices, mut rest, mut bytes) = (Vec::new(), &small[..], 0);
        for piece in pieces {
            if is_copied(&piece) {
                bytes += piece.len();
            } else {
                let (ahead, behind) = rest.split_at(bytes);
                slices.extend([IoSlice::new(ahead), IoSlice::new(piece)]);
                (rest, bytes) = (behind, 0);
            }
        }
        slices.push(IoSlice::new(rest));
        let out = self.open()?;
        out.flush()?;
        write_all_slices(out.get_mut(), &mut slices)
    }

    fn open(&mut self) -> io::Result<&mut BufWriter<File>> {
        self.0.as_mut().ok_or_else(closed)
    }
}

/// What `Write::write_all_vectored` will be once it is stable.
fn write_all_slices(out: &mut impl Write, mut slices: &mut [IoSlice<'_>]) -> io::Result<()> {
    // Empty ones in front are no sign that nothing can be written.
    IoSlice::advance_slices(&mut slices, 0);
    while !slices.is_empty() {
        match out.write_vectored(slices) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut slices, written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes a few bytes at a time, as a disk may.
    struct Slow(Vec<u8>);

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let taken = bytes.get(..3).unwrap_or(bytes);
            self.0.extend_from_slice(taken);
            Ok(taken.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn pieces_come_in_order_whatever_their_size() {
        let piece = |(at, length): (usize, usize)| vec![u8::try_from(at).unwrap(); length];
        let large = COPIED_BYTES;
        for lengths in [
            vec![],
            vec![0, 0],
            vec![5, large, 0, 7, 7, large + 1, large],
            vec![large, 3],
            vec![large - 1; 2000],
            vec![large; 2000],
        ] {
            let lengths = lengths.into_iter().enumerate();
            let pieces: Vec<Vec<u8>> = lengths.map(|(at, length)| piece((at % 251, length))).collect();
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("output");
            let mut file = OutputFile::create(&path).unwrap();
            file.write_all(b"ahead").unwrap();
            file.write_pieces(pieces.iter().map(Vec::as_slice)).unwrap();
            file.write_all(b"behind").unwrap();
            file.flush().unwrap();
            let expected = [&b"ahead"[..], &pieces.concat(), b"behind"].concat();
            assert!(std::fs::read(&path).unwrap() == expected);
        }
    }

    #[test]
    fn a_disk_that_takes_a_few_bytes_at_a_time_gets_all() {
        let mut slow = Slow(Vec::new());
        let pieces: [&[u8]; 5] = [b"", b"transport", b"", b"stream", b""];
        let mut slices = pieces.map(IoSlice::new);
        write_all_slices(&mut slow, &mut slices).unwrap();
        assert_eq!(slow.0, b"transportstream");
    }
}
