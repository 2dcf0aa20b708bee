//! The hermetic tests, in one binary so that they link once.
mod cli;
mod reference;
mod routes;
mod serve;
mod server;
mod sources;
