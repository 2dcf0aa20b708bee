//! Several instances behind one address: what a Service is to the API server.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::detour::Instance;
use crate::forwarder;

/// An address at which the members take turns, a new connection each.
pub(crate) struct Service {
    address: SocketAddr,
    members: Arc<Mutex<Vec<SocketAddr>>>,
}

impl Service {
    /// One without members, which closes every connection.
    pub(crate) fn new() -> Self {
        let members = Arc::new(Mutex::new(Vec::<SocketAddr>::new()));
        let (turn, known) = (AtomicUsize::new(0), Arc::clone(&members));
        let address = forwarder::start(Duration::ZERO, move || {
            let known = known.lock().unwrap();
            known.get(turn.fetch_add(1, Ordering::Relaxed) % known.len().max(1)).copied()
        });
        Self { address, members }
    }

    /// Where the API server is to send reviews.
    pub(crate) fn url(&self) -> String {
        format!("https://{}/mutate", self.address)
    }

    /// From now on the instance has its turn.
    pub(crate) fn add(&self, instance: &Instance) {
        self.members.lock().unwrap().push(instance.admission);
    }

    /// From now on it gets no new connection; those that it has stay.
    pub(crate) fn remove(&self, instance: &Instance) {
        self.members.lock().unwrap().retain(|member| *member != instance.admission);
    }
}
