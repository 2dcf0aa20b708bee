//! What happens to a cluster, with several replicas under load: pods go on
//! being rewritten as the last good rules say, and the maps tell the truth.

mod config_map;
mod definitions;
mod leader;
mod odd_orders;
mod outage;

use crate::control_plane::ControlPlane;
use crate::detour::Instance;
use crate::fixture::is_rewritten;
use crate::registration::{Registration, Webhook};
use crate::service::Service;
use crate::wait::wait_until;

/// How many there are.
const COUNT: usize = 3;

/// Instances with the same flags behind one address.
struct Replicas {
    // Dropped before the instances: they must not be missed.
    registration: Option<Registration>,
    service: Service,
    instances: Vec<Instance>,
}

impl Replicas {
    /// Starts all of them, which need not become ready.
    fn start(cluster: &'static ControlPlane, flags: &[&str]) -> Self {
        let service = Service::new();
        let instances: Vec<Instance> =
            (0..COUNT).map(|_| Instance::start_unready(cluster, flags)).collect();
        instances.iter().for_each(|instance| service.add(instance));
        Self { registration: None, service, instances }
    }

    fn wait_until_ready(&self) {
        self.wait_until("it is ready", |instance| instance.readiness().0 == 200);
    }

    /// Registers them for the pods of a namespace, which they rewrite.
    /// `never_fails`: whether every call has to be answered.
    fn register(&mut self, cluster: &'static ControlPlane, namespace: &str, never_fails: bool) {
        let webhook = Webhook {
            name: &format!("a-{namespace}"),
            url: &self.service.url(),
            namespaces: &[namespace],
            timeout_seconds: 10,
            never_fails,
        };
        self.registration = Some(Registration::new(cluster, &webhook, is_rewritten));
    }

    /// Waits until each of them has come so far.
    fn wait_until(&self, what: &str, holds: impl Fn(&Instance) -> bool) {
        wait_until(&format!("of every replica: {what}"), || self.instances.iter().all(&holds));
    }
}
