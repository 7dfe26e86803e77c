//! Weir's native side: the engine behind `weir get` and behind the browser extension.
//!
//! The flow is one way, a stage a module, and a stage never imports a later one:
//!
//! ```text
//! plan -> fetch -> decrypt (keys) -> demux -> merge -> report
//! ```
//!
//! [`job`] runs one plan through it. [`session`] (a browser on the port) and [`cli`] (a terminal) are
//! the two that start jobs.

pub mod batch;
pub mod caller;
pub mod cli;
pub mod decrypt;
pub mod demux;
pub mod error;
pub mod failpoint;
pub mod fetch;
pub mod install;
pub mod job;
pub mod journal;
pub mod keys;
pub mod log;
pub mod merge;
pub mod output_path;
pub mod port;
pub mod report;
pub mod session;
pub mod settings;
