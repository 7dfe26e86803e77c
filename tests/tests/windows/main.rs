//! Weir for Windows, run by wine: `cargo xtask test --only windows` builds the program, makes the prefix and runs these.
//! Wine is no Windows. What is seen here is that the code which only Windows has runs, and does what its documentation
//! says.
#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on should say so at once"
)]

mod captures;
mod machine;
mod port;
mod registration;
