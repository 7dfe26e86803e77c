//! End to end in a real Chromium and a real Firefox, with the built extension and the real native host. `cargo xtask build` first.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that cannot go on should say so at once"
)]

mod capture;
mod cost;
mod dashboard;
mod deliveries;
mod detection;
mod expiring;
mod harness;
mod images;
mod interface;
mod interruptions;
mod keys;
mod page_pictures;
mod pages;
mod pictures;
mod players;
mod preferences;
mod preview;
mod recording;
mod rules;
mod speed;
mod trace;
mod typed;
