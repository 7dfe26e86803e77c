//! Attribute lists.
