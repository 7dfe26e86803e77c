//! The log file: stdout belongs to the port, and stderr may be closed.
//!
//! `WEIR_LOG` filters it as `RUST_LOG` does elsewhere (`weir=debug`), by modules and levels; by default it holds `info` and
//! above.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::settings::project_folders;

/// Size at which the log begins anew; the one before is kept as `weir.log.1`.
const MAX_LOG_BYTES: u64 = 2 * 1024 * 1024;

/// The log file of the user; None without a home.
#[must_use]
pub fn path() -> Option<PathBuf> {
    let folders = project_folders()?;
    Some(
        folders
            .state_dir()
            .unwrap_or(folders.data_local_dir())
            .join("weir.log"),
    )
}

/// Sends all tracing to the log file. A log that cannot be written is no reason not to work.
pub fn start() {
    let Some(file) = path().and_then(|path| CappedFile::open(&path).ok()) else {
        return;
    };
    let asked: Option<Targets> = std::env::var("WEIR_LOG").ok().and_then(|text| text.parse().ok());
    let filter = asked.unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO));
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(Mutex::new(file))
        .with_ansi(false)
        .with_filter(filter);
    let _ = tracing_subscriber::registry().with(lines).try_init();
}

/// A file that begins anew when it is large.
struct CappedFile {
    path: PathBuf,
    file: File,
    bytes: u64,
}

impl CappedFile {
    fn open(path: &Path) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path)?;
        let bytes = file.metadata()?.len();
        Ok(Self {
            path: path.to_owned(),
            file,
            bytes,
        })
    }
}

impl Write for CappedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes > MAX_LOG_BYTES {
            fs::rename(&self.path, self.path.with_extension("log.1"))?;
            *self = Self::open(&self.path)?;
        }
        let written = self.file.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_log_begins_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state/weir.log");
        let mut log = CappedFile::open(&path).unwrap();
        let line = vec![b'x'; 1024 * 1024];
        for _ in 0..8 {
            log.write_all(&line).unwrap();
        }
        let total =
            fs::metadata(&path).unwrap().len() + fs::metadata(path.with_extension("log.1")).unwrap().len();
        assert!(total <= 2 * (MAX_LOG_BYTES + line.len() as u64));
        assert_eq!(fs::read_dir(folder.path().join("state")).unwrap().count(), 2);
    }
}
