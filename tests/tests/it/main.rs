//! Integration tests, in one binary.

mod fetch;
mod fetch_faults;
mod fetch_keys;
mod fetch_ordered;
mod fetch_tls;
mod origin;
mod protocol;
