//! (key, iv, bytes) -> bytes: pure.
