//! Detour.
pub mod reference;
pub mod server;
pub mod supervise;
