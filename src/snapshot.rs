//! What is served now: one immutable whole, swapped at once.
//!
//! A request takes the snapshot that is there when it begins and decides by
//! that alone; a reader never waits for a writer.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::mapping::Mapping;

/// The rules in force, and what is not yet as it should be.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// The rules in force.
    pub mapping: Arc<Mapping>,
    /// One line for each thing without which this instance is not ready.
    pub missing: Vec<String>,
    /// One line for each thing that is wrong, ready or not.
    pub faults: Vec<String>,
}

/// The place where the snapshot stands.
#[derive(Debug)]
pub struct Published(ArcSwap<Snapshot>);

impl Published {
    /// A place with a first snapshot.
    pub fn new(snapshot: Snapshot) -> Self {
        Self(ArcSwap::from_pointee(snapshot))
    }

    /// The snapshot now in force.
    pub fn load(&self) -> Arc<Snapshot> {
        self.0.load_full()
    }

    /// Puts another in force, for the requests that begin from now on.
    pub fn publish(&self, snapshot: Snapshot) {
        self.0.store(Arc::new(snapshot));
    }
}
