//! What is counted of the certificate that is served, wherever it comes from,
//! and of what `--tls self` keeps.

use std::time::{Duration, SystemTime};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::{OutcomeLabels, number};

/// What was done to the Secret.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RotationLabels {
    /// `new`, `restore`, `renew`, `introduce`, `promote`, `replace`, `keep` or
    /// `retire`.
    change: &'static str,
}

/// The Secret, the certificate that is served, and `caBundle`.
#[derive(Debug, Default)]
pub struct Certificates {
    expiry: Gauge,
    last_sync: Gauge,
    reloads: Family<OutcomeLabels, Counter>,
    rotations: Family<RotationLabels, Counter>,
    failures: Counter,
    ca_bundle_writes: Counter,
    ca_bundle_contested: Counter,
}

impl Certificates {
    pub(super) fn register(&self, registry: &mut Registry) {
        let help = "When the certificate that is served ends, since 1970";
        let name = "certificate_expiry_timestamp";
        registry.register_with_unit(name, help, Unit::Seconds, self.expiry.clone());
        let help = "When what the certificate comes from was in order last, since 1970";
        let name = "certificate_last_sync_timestamp";
        registry.register_with_unit(name, help, Unit::Seconds, self.last_sync.clone());
        let help = "Exchanges of the certificate that is served, and those that failed";
        registry.register("certificate_reloads", help, self.reloads.clone());
        // From 0 on, so that the first of each is seen as a rise.
        for outcome in ["success", "failure"] {
            let _ = self.reloads.get_or_create(&OutcomeLabels { outcome });
        }
        let help = "Changes of the Secret of --tls self that this instance made";
        registry.register("certificate_rotations", help, self.rotations.clone());
        let help = "Failed attempts to read or write what --tls self keeps";
        registry.register("certificate_failures", help, self.failures.clone());
        let help = "Writes of caBundle by this instance";
        registry.register("ca_bundle_writes", help, self.ca_bundle_writes.clone());
        let help = "Times that somebody else was seen to write caBundle as well";
        registry.register("ca_bundle_contested", help, self.ca_bundle_contested.clone());
    }

    /// Sets when the certificate that is served ends, since 1970.
    pub fn set_expiry(&self, ends: Duration) {
        self.expiry.set(number(ends.as_secs()));
    }

    /// What the certificate comes from is in order now.
    pub fn in_order(&self) {
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        self.last_sync.set(number(now.as_secs()));
    }

    /// Counts another certificate in the place of a former one.
    pub fn reloaded(&self) {
        self.reloads.get_or_create(&OutcomeLabels { outcome: "success" }).inc();
    }

    /// Counts one that cannot be read or served.
    pub fn not_reloaded(&self) {
        self.reloads.get_or_create(&OutcomeLabels { outcome: "failure" }).inc();
    }

    /// Shows every change of the Secret there may be, so that the first of each
    /// is seen as a rise.
    pub fn rotations_from_zero(&self, changes: impl IntoIterator<Item = &'static str>) {
        for change in changes {
            let _ = self.rotations.get_or_create(&RotationLabels { change });
        }
    }

    /// Counts a change of the Secret.
    pub fn rotation(&self, change: &'static str) {
        self.rotations.get_or_create(&RotationLabels { change }).inc();
    }

    /// Counts a failure to read or write.
    pub fn failure(&self) {
        self.failures.inc();
    }

    /// Counts a write of `caBundle`.
    pub fn ca_bundle_write(&self) {
        self.ca_bundle_writes.inc();
    }

    /// Counts that somebody else writes `caBundle` as well.
    pub fn ca_bundle_contested(&self) {
        self.ca_bundle_contested.inc();
    }
}
