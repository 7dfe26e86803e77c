//! Segments -> samples: transport streams and fragmented MP4.
