//! Detour.
pub mod reference;
pub mod certs;
pub mod server;
pub mod supervise;
