//! Frames: four bytes of length, then JSON.
