//! Detour redirects the images that a Kubernetes cluster pulls.
//!
//! Data goes one way. The pure rooms come first: they turn arguments into
//! results, without I/O, clock or log.
//!
//! ```text
//!            ┌──────────────── admission (pure) ────────────────┐
//! bytes ──►  review ──► pod ──► mapping::decide ──► records, patch ──► review ──►  bytes
//!            └───────────────────────▲──────────────────────────┘
//!                                    │ Arc<Snapshot>, taken once per request
//!   sources::{file, config_map, api} ──► board ──► rules (load, merge) ──► mapping (compile) ──► snapshot
//!   server::{listener, stream, http, routes} ──► admission::admit      certs ──► server::TlsSlot
//! ```
//!
//! `ARCHITECTURE.md` has the code map, the invariants and the decisions.
mod arena;
pub mod reference;
pub mod rules;
pub mod mapping;
pub mod migrate;
pub mod admission;
pub mod config;
pub mod snapshot;
pub mod client;
pub mod kube;
pub mod reload;
pub mod sources;
pub mod status;
pub mod certs;
pub mod server;
pub mod metrics;
pub mod logging;
pub mod supervise;
pub mod cli;
