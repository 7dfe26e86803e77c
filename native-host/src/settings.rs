//! What the user set: the output folder, and how many segments at a time.
