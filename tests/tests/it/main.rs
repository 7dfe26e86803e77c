//! Integration tests, in one binary.

mod captures;
mod cli;
mod cli_chapters;
mod cli_cut;
mod cli_get;
mod cli_key_forms;
mod cli_keys;
mod docs;
mod endurance;
mod fetch;
mod fetch_faults;
mod fetch_hops;
mod fetch_keys;
mod fetch_ordered;
mod fetch_tls;
mod foreign_codecs;
mod growing;
mod host;
mod host_frames;
mod live;
mod merge;
mod origin;
mod protocol;
mod resume;
mod subtitles;
mod tracks;
