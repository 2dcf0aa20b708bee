//! The hermetic tests, in one binary so that they link once.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "the helpers of tests fail as tests do"
)]
mod directory;
mod draining;
mod exhausted;
mod limits;
mod metrics;
mod oracle;
mod own;
mod program;
mod fuzzed;
mod reference;
mod reference_properties;
mod rules;
mod mapping;
mod migrate;
mod admission;
mod cli;
mod comparison;
mod configuration;
mod reload;
mod routes;
mod serve;
mod kube;
mod server;
mod sources;
mod status;
mod tidy;
mod unread;
