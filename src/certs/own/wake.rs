//! Wakes the keeper when the Secret or the webhook configuration changes.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::kube::limits::WatchLimits;
use crate::kube::path::Selection;
use crate::kube::watch::{self, Observer, Stop};
use crate::kube::{Api, ApiError, Objects};
use crate::supervise::{SuperviseError, Supervisor};

/// What one thread waits for and others ring.
#[derive(Clone, Default)]
pub(super) struct Bell(Arc<(Mutex<bool>, Condvar)>);

impl Bell {
    fn ring(&self) {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.1.notify_all();
    }

    /// Waits until it rings, or has rung since, or the time is over.
    pub(super) fn wait(&self, time: Duration) {
        let rung = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.0.1.wait_timeout_while(rung, time, |rung| !*rung);
        let (mut rung, _) = waited.unwrap_or_else(PoisonError::into_inner);
        *rung = false;
    }
}

impl Observer for Bell {
    fn changed(&mut self, _objects: &Objects) {
        self.ring();
    }

    fn in_touch(&mut self) {}

    fn failed(&mut self, error: ApiError, delay: Duration) {
        // Polling goes on, and says what is wrong.
        log::debug!("not watching, again in {delay:?}: {error}");
    }
}

/// Rings the bell at every change of what is selected, on a thread of its own.
pub(super) fn watch(
    name: &str,
    api: Api,
    selection: Selection,
    bell: Bell,
    supervisor: &Supervisor,
) -> Result<(), SuperviseError> {
    supervisor.spawn_vital(name, move || {
        let mut bell = bell;
        watch::run(&api, &selection, WatchLimits::standard(), &Stop::default(), &mut bell);
    })
}
