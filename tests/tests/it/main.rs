//! Integration tests, in one binary.

mod cli;
mod fetch;
mod fetch_faults;
mod fetch_hops;
mod fetch_keys;
mod fetch_ordered;
mod fetch_tls;
mod merge;
mod host;
mod origin;
mod protocol;
