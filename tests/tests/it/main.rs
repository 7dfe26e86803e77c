//! Integration tests, in one binary.

mod origin;
mod protocol;
