//! One plan, from start to verdict.
