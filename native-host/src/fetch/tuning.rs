//! How long, how much, how often: everything that a test or a setting may want to change.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use weir_core::protocol::limits;

use super::{ResourceKind, Retries};

/// The client's patience and limits. The defaults are for the internet.
#[derive(Debug, Clone, Default)]
pub struct Tuning {
    /// How long to wait for what.
    pub deadlines: Deadlines,
    /// How large a body may be.
    pub limits: Limits,
    /// How often and how soon to try again.
    pub retries: Retries,
    /// Certificates, in DER, that are trusted as authorities besides the system's own.
    pub extra_roots: Vec<Vec<u8>>,
    /// Addresses of names, as a hosts file has them: asked before DNS, checked like what DNS says.
    pub hosts: HashMap<String, Vec<IpAddr>>,
}

/// How long to wait, all measured on the monotonic clock.
#[derive(Debug, Clone, Copy)]
pub struct Deadlines {
    /// For a connection, TLS included.
    pub connect: Duration,
    /// For a response's head, once connected.
    pub headers: Duration,
    /// Between two pieces of a body.
    pub idle: Duration,
    /// Over each stretch of this length a body has to keep up [`Deadlines::min_bytes_per_second`].
    pub throughput_window: Duration,
    /// The slowest body that is waited for.
    pub min_bytes_per_second: u64,
}

/// Largest bodies, in bytes, after decoding.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Playlists.
    pub playlist_bytes: u64,
    /// Keys.
    pub key_bytes: u64,
    /// Segments and maps.
    pub segment_bytes: u64,
    /// Files of a batch.
    pub file_bytes: u64,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            headers: Duration::from_secs(20),
            idle: Duration::from_secs(20),
            throughput_window: Duration::from_secs(30),
            min_bytes_per_second: 1024,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            playlist_bytes: limits::MAX_PLAYLIST_BYTES as u64,
            key_bytes: limits::MAX_KEY_BYTES as u64,
            segment_bytes: limits::MAX_SEGMENT_BYTES as u64,
            file_bytes: limits::MAX_FILE_BYTES as u64,
        }
    }
}

impl Limits {
    /// The limit of one kind.
    #[must_use]
    pub fn of(&self, kind: ResourceKind) -> u64 {
        match kind {
            ResourceKind::Playlist => self.playlist_bytes,
            ResourceKind::Key => self.key_bytes,
            ResourceKind::Map | ResourceKind::Segment => self.segment_bytes,
            ResourceKind::File => self.file_bytes,
        }
    }
}
