//! A job's progress and end, for a terminal, a pipe or a program.
