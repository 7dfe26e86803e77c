//! Encoding and line ends.
