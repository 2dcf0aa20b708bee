//! The hermetic tests, in one binary so that they link once.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "the helpers of tests fail as tests do"
)]
mod reference;
mod reference_properties;
mod rules;
mod mapping;
