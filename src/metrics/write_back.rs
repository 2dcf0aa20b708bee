//! What is counted of the write-back to the cluster.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::OutcomeLabels;

/// Which definition.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DefinitionLabels {
    definition: String,
}

/// Leadership, statuses, Events and definitions.
#[derive(Debug, Default)]
pub struct WriteBack {
    leads: Gauge,
    statuses: Family<OutcomeLabels, Counter>,
    events: Family<OutcomeLabels, Counter>,
    outdated: Family<DefinitionLabels, Gauge>,
}

impl WriteBack {
    pub(super) fn register(&self, registry: &mut Registry) {
        let help = "1 while this instance holds the Lease and writes statuses and events";
        registry.register("leader", help, self.leads.clone());
        let help = "Writes of the status of a map by outcome";
        registry.register("status_writes", help, self.statuses.clone());
        let help = "Kubernetes Events by outcome";
        registry.register("events", help, self.events.clone());
        let help = "1 while a custom resource definition is not that of this version";
        registry.register("crd_outdated", help, self.outdated.clone());
        // From 0 on, so that the first of each is seen as a rise.
        for outcome in ["written", "gone", "failed"] {
            let _ = self.statuses.get_or_create(&OutcomeLabels { outcome });
        }
        for outcome in ["sent", "dropped", "failed"] {
            let _ = self.events.get_or_create(&OutcomeLabels { outcome });
        }
    }

    /// Whether this instance leads.
    pub fn set_leads(&self, leads: bool) {
        self.leads.set(leads.into());
    }

    /// Counts a write: `written`, `gone` or `failed`.
    pub fn status_written(&self, outcome: &'static str) {
        self.statuses.get_or_create(&OutcomeLabels { outcome }).inc();
    }

    /// Counts an Event: `sent`, `dropped` or `failed`.
    pub fn event(&self, outcome: &'static str) {
        self.events.get_or_create(&OutcomeLabels { outcome }).inc();
    }

    /// Whether the definition is another one than that of this version.
    pub fn set_outdated(&self, definition: &str, is_outdated: bool) {
        let labels = DefinitionLabels { definition: definition.to_owned() };
        self.outdated.get_or_create(&labels).set(is_outdated.into());
    }
}
