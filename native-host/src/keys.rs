//! Decryption keys: each URL asked once, every known form of a key understood.
