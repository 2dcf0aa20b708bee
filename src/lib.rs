//! Detour.
pub mod reference;
pub mod config;
pub mod logging;
pub mod cli;
