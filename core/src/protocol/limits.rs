//! The limits that both sides keep, each with where it comes from.

/// Longest frame from the host to the browser, in bytes (Chromium and Firefox: 1 MB).
pub const MAX_FRAME_TO_BROWSER_BYTES: usize = 1024 * 1024;

/// Longest frame from the browser to the host, in bytes (Chromium: 64 MiB; Firefox allows 4 GB).
pub const MAX_FRAME_TO_HOST_BYTES: usize = 64 * 1024 * 1024;

/// Largest playlist that is read, in bytes: 100,000 long segments fit in 16 MiB.
pub const MAX_PLAYLIST_BYTES: usize = 16 * 1024 * 1024;

/// Longest line of a playlist, in bytes.
pub const MAX_PLAYLIST_LINE_BYTES: usize = 1024 * 1024;

/// Most segments that one playlist may list.
pub const MAX_PLAYLIST_SEGMENTS: usize = 1_000_000;

/// Most bytes of resolved URLs in one playlist: 100,000 URLs of 2.6 KB. A long base or a long variable,
/// repeated, would fill the memory from a playlist of a few megabytes.
pub const MAX_RESOLVED_URL_BYTES: usize = 256 * 1024 * 1024;

/// Most warnings that are kept for one playlist; one `more-warnings` follows.
pub const MAX_WARNINGS: usize = 1_000;

/// Most tracks in one plan: video, and audio and subtitles in every language of a large broadcaster.
pub const MAX_PLAN_TRACKS: usize = 256;

/// Largest key response that is read, in bytes; a key is 16.
pub const MAX_KEY_BYTES: usize = 64 * 1024;

/// Largest media segment or map, in bytes, unless the settings say otherwise.
pub const MAX_SEGMENT_BYTES: usize = 512 * 1024 * 1024;

/// Most files of one batch.
pub const MAX_BATCH_FILES: usize = 10_000;

/// Largest file of a batch, in bytes: it is in memory until it is whole.
pub const MAX_FILE_BYTES: usize = 512 * 1024 * 1024;

/// Most jobs that one host runs or queues at a time; one more is answered with `busy`.
pub const MAX_JOBS: usize = 64;

/// Most captures of the journal that the host tells of: as many as fit into a frame, at 2 KB each.
pub const MAX_HISTORY: usize = 500;

/// Most headers and most cookies in one request context.
pub const MAX_CONTEXT_ENTRIES: usize = 1_000;

/// Longest title taken from a page, in bytes.
pub const MAX_TITLE_BYTES: usize = 4 * 1024;
