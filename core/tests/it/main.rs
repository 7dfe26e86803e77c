//! weir-core through its public surface.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on should say so at once"
)]

mod bad_inputs;
mod check;
mod corpus;
mod detect;
mod live;
mod plan;
mod plan_ads;
mod plan_chapters;
mod plan_choose;
mod plan_cut;
mod probe;
mod properties;
mod protocol;
mod quirks;
mod support;
mod tags;
mod urls;
