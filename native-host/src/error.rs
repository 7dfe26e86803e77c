//! What a job or a command fails with: a code, and words that say what to do next.
