//! Detour.
pub mod reference;
