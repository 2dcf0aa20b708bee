//! The hermetic tests, in one binary so that they link once.
mod oracle;
mod fuzzed;
mod admission;
mod cli;
mod reference;
mod routes;
mod serve;
mod server;
mod sources;
mod tidy;
