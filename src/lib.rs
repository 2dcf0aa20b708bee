//! Detour redirects the images that a Kubernetes cluster pulls.
pub mod reference;
pub mod rules;
pub mod mapping;
pub mod admission;
pub mod config;
pub mod sources;
pub mod certs;
pub mod server;
pub mod supervise;
pub mod logging;
pub mod cli;
