//! What Weir's tests and its demo stand on: a loopback origin that can misbehave.

pub mod media;
pub mod origin;
