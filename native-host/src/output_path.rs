//! File names from page titles, and files that never replace another.
