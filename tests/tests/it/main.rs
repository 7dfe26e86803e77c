//! Integration tests, in one binary.

mod fetch;
mod fetch_faults;
mod fetch_hops;
mod fetch_keys;
mod fetch_ordered;
mod fetch_tls;
mod merge;
mod origin;
mod protocol;
