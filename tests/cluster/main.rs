//! Detour as a separate process, called by a real API server.
//!
//! ```console
//! $ export KUBEBUILDER_ASSETS=$(bash tests/cluster/tools/build.sh)
//! $ cargo test --test cluster
//! ```
//!
//! One control plane serves all tests. Each has namespaces of its own and a
//! webhook configuration that is limited to them. Without the binaries the
//! tests pass after one line that says so; with `CI` set they fail. With
//! `DETOUR_LONG` set the scenarios last as long as they do for an operator.
#![allow(clippy::unwrap_used, clippy::panic, reason = "also in what the tests share")]

// The bed.
mod binaries;
mod client;
mod control_plane;
mod detour;
mod fixture;
mod forwarder;
mod keeper;
mod load;
mod long;
mod neighbour;
mod objects;
mod pki;
#[path = "../it/program.rs"]
mod program;
mod registration;
mod service;
mod wait;

// What is tested in it.
mod burst;
mod certificates;
mod definitions;
mod exemptions;
mod kube;
mod maps;
mod outage;
mod records;
mod reinvocation;
mod rewriting;
mod rolling;
mod scenarios;
mod sources;
mod status;
mod updates;
mod workloads;
