//! Detour.
pub mod reference;
pub mod supervise;
