//! Rules from Harbor: each proxy project is where the images of its upstream
//! are.
//!
//! `answers`, `upstream`, `listing` and `plan` decide and do nothing; the others
//! ask. Harbor is never needed to be ready, and one that cannot be asked, or
//! not for all of it, leaves the last good rules in force.

pub mod answers;
pub mod listing;
pub mod plan;
pub mod upstream;

mod account;
mod error;
mod limits;
mod refresh;
mod session;

pub use account::{Access, AccountFiles, PUBLIC_AUTHORITIES};
pub use limits::HarborLimits;
pub use refresh::Harbor;

use std::thread;
use std::time::{Duration, Instant};

use super::board::Place;
use crate::kube::random;

/// The source's name on the board, and that of its map.
pub const NAME: &str = "harbor";

/// What an operator decides.
#[derive(Clone)]
pub struct Settings {
    /// Where Harbor is, and who we are there.
    pub access: Access,
    /// Where images are pulled from; none for what Harbor tells.
    pub registry: Option<String>,
    /// The time between two refreshes; a quarter less for some, so that
    /// replicas do not come at the same moment.
    pub interval: Duration,
    /// Whether registries that Harbor cannot reach are left out.
    pub skips_unhealthy: bool,
    /// Secrets for pods that use a rule.
    pub pull_secrets: Vec<String>,
}

/// Keeps the board informed, for ever: the body of a vital thread.
pub fn run(mut harbor: Harbor, place: &Place) {
    loop {
        let (update, delay) = harbor.refresh(random());
        place.update(update);
        wait(&harbor, delay);
    }
}

/// Waits until the next refresh, or until the files of the account change.
fn wait(harbor: &Harbor, delay: Duration) {
    let end = Instant::now() + delay;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left == Duration::ZERO {
            return;
        }
        thread::sleep(left.min(harbor.limits().poll));
        if harbor.has_other_files() {
            return;
        }
    }
}
