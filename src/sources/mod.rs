//! Where rules come from, and how they come into force.
//!
//! Each source tells [`board`] what it read, or why it could not; the board
//! puts the rules of all of them in force together.

pub mod api;
pub mod board;
mod compiled;
pub mod config_map;
pub mod file;
pub mod harbor;
mod pairs;
pub mod seen;
mod state;
pub mod verdict;

use crate::kube::ErrorKind;

pub use compiled::{Compiled, compile};
pub use state::{Content, Update};

/// Whether a call of a watch failed in a way that concerns an operator. That a
/// version is too old is how a watch learns to list anew.
fn concerns(error: &ErrorKind) -> bool {
    !matches!(error, ErrorKind::Gone(_))
}
