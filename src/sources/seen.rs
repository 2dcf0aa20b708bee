//! The objects of the API server as they were last seen, for whoever writes
//! their status.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::kube::Objects;
use crate::rules::Kind;

/// Holds the latest only.
#[derive(Debug, Default)]
pub struct Seen(Mutex<Latest>);

/// The objects, and how often they changed before.
#[derive(Debug, Clone, Default)]
pub struct Latest {
    /// Grows with each change; 0 before the first.
    pub number: u64,
    /// Those of each kind that was listed.
    pub objects: BTreeMap<Kind, Arc<Objects>>,
}

impl Seen {
    /// The objects of a kind are now these.
    pub fn set(&self, kind: Kind, objects: &Objects) {
        let objects = Arc::new(objects.clone());
        let mut latest = self.lock();
        latest.number += 1;
        latest.objects.insert(kind, objects);
    }

    /// All of them.
    pub fn latest(&self) -> Latest {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Latest> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
