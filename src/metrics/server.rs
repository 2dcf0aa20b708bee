//! What is counted of the admission port's connections.
//!
//! The engine counts by itself; a scrape takes its numbers over.

use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::{OutcomeLabels, number};

/// What happened since the start, each only growing, but for `open`.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct ServerMetrics {
    /// Connections that are open now.
    pub open: usize,
    /// Connections accepted.
    pub accepted: u64,
    /// Idle connections closed for a newcomer.
    pub evicted: u64,
    /// Newcomers closed because every connection was busy.
    pub turned_away: u64,
    /// Connections that could not be accepted or given a thread.
    pub accept_errors: u64,
    /// Bytes of requests.
    pub received_bytes: u64,
    /// Bytes of answers.
    pub sent_bytes: u64,
    /// Handshakes that failed, by kind.
    pub handshake_failures: Vec<(&'static str, u64)>,
    /// Requests that a limit ended, by the limit's name.
    pub limits: Vec<(&'static str, u64)>,
    /// Requests that were refused for their HTTP.
    pub refused: u64,
    /// Connections that a panic ended outside of a request.
    pub panics: u64,
}

/// What the probe of `/livez` found.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct ProbeMetrics {
    /// When it was answered last, in seconds since 1970; 0 for never.
    pub last_success: u64,
    /// Probes that were answered.
    pub answered: u64,
    /// Probes that found the port overloaded, which is alive.
    pub busy: u64,
    /// Probes that showed no sign of life.
    pub failed: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabels {
    kind: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LimitLabels {
    limit: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DirectionLabels {
    direction: &'static str,
}

type Total = Counter<u64, AtomicU64>;

/// The admission port.
#[derive(Debug, Default)]
pub struct Server {
    open: Gauge,
    accepted: Total,
    evicted: Total,
    turned_away: Total,
    accept_errors: Total,
    bytes: Family<DirectionLabels, Total>,
    handshake_failures: Family<KindLabels, Total>,
    limits: Family<LimitLabels, Total>,
    refused: Total,
    panics: Total,
    probes: Family<OutcomeLabels, Total>,
    probe_last_success: Gauge,
}

impl Server {
    pub(super) fn register(&self, registry: &mut Registry) {
        let help = "Open connections on the admission port";
        registry.register("connections", help, self.open.clone());
        let help = "Connections accepted on the admission port";
        registry.register("connections_accepted", help, self.accepted.clone());
        let help = "Idle connections closed for a newcomer, at the connection cap";
        registry.register("connections_evicted", help, self.evicted.clone());
        let help = "Newcomers closed because every connection was busy";
        registry.register("connections_refused", help, self.turned_away.clone());
        let help = "Connections that could not be accepted or given a thread";
        registry.register("accept_errors", help, self.accept_errors.clone());
        let help = "Bytes of requests and answers on the admission port";
        registry.register_with_unit("http", help, Unit::Bytes, self.bytes.clone());
        let help = "TLS handshakes that failed, by kind";
        registry.register("tls_failures", help, self.handshake_failures.clone());
        let help = "Requests and connections that a limit ended, by its name";
        registry.register("limits_hit", help, self.limits.clone());
        let help = "Requests refused for their HTTP";
        registry.register("http_refused", help, self.refused.clone());
        let help = "Connections that a panic ended outside of a request";
        registry.register("connection_panics", help, self.panics.clone());
        let help = "When the probe of /livez was answered last, since 1970; 0 for never";
        let (name, last) = ("probe_last_success_timestamp", self.probe_last_success.clone());
        registry.register_with_unit(name, help, Unit::Seconds, last);
        let help = "Probes of /livez by outcome";
        registry.register("probes", help, self.probes.clone());
    }

    /// Takes over what the engine has counted.
    pub fn set(&self, seen: &ServerMetrics) {
        let set = |total: &Total, value: u64| total.inner().store(value, Ordering::Relaxed);
        self.open.set(number(seen.open));
        set(&self.accepted, seen.accepted);
        set(&self.evicted, seen.evicted);
        set(&self.turned_away, seen.turned_away);
        set(&self.accept_errors, seen.accept_errors);
        set(&self.refused, seen.refused);
        set(&self.panics, seen.panics);
        for (direction, value) in [("received", seen.received_bytes), ("sent", seen.sent_bytes)] {
            set(&self.bytes.get_or_create(&DirectionLabels { direction }), value);
        }
        for (kind, value) in &seen.handshake_failures {
            set(&self.handshake_failures.get_or_create(&KindLabels { kind }), *value);
        }
        for (limit, value) in &seen.limits {
            set(&self.limits.get_or_create(&LimitLabels { limit }), *value);
        }
    }

    /// Takes over what the probe has found.
    pub fn set_probe(&self, found: ProbeMetrics) {
        let ProbeMetrics { last_success, answered, busy, failed } = found;
        self.probe_last_success.set(number(last_success));
        for (outcome, count) in [("answered", answered), ("busy", busy), ("failed", failed)] {
            let total = self.probes.get_or_create(&OutcomeLabels { outcome });
            total.inner().store(count, Ordering::Relaxed);
        }
    }
}
