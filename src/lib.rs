//! Detour.
pub mod reference;
pub mod config;
