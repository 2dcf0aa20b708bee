//! What is counted, in the format of Prometheus.
//!
//! Labels are bounded: operations and outcomes are closed lists, maps are
//! those in force; a rule or an image is never a label.

pub mod write_back;

use std::fmt;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use write_back::WriteBack;

/// Upper bounds of the duration buckets, in seconds.
const BUCKETS: [f64; 10] =
    [0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.1, 1.0];

/// How an admission ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct AdmissionLabels {
    /// `CREATE`, `UPDATE`, or `other`.
    pub operation: &'static str,
    /// `patched`, `unchanged`, `not-handled`, `not-understood` or
    /// `undecodable`; a panic is counted on its own.
    pub outcome: &'static str,
}

/// What became of an image.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ImageLabels {
    /// The map that decided; empty when none did.
    pub map: String,
    /// The reason of the decision.
    pub reason: &'static str,
}

/// A source of rules.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct SourceLabels {
    /// As in `--source`.
    pub source: String,
}

/// What is known of a source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SourceMetrics {
    /// Its rules in force.
    pub rules: usize,
    /// Its maps that are out of force.
    pub out_of_force: usize,
    /// Whether it cannot be read, or what was read is wrong.
    pub is_failing: bool,
    /// When it was in order last, in seconds since 1970; 0 for never.
    pub last_sync: u64,
}

/// What was done to the Secret of `--tls self`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RotationLabels {
    /// `new`, `restore`, `renew`, `introduce`, `promote`, `replace`, `keep` or
    /// `retire`.
    pub change: &'static str,
}

/// All that is counted.
pub struct Metrics {
    registry: Registry,
    admissions: Family<AdmissionLabels, Counter>,
    images: Family<ImageLabels, Counter>,
    observed: Family<ImageLabels, Counter>,
    seconds: Histogram,
    rules: Gauge,
    source_rules: Family<SourceLabels, Gauge>,
    source_out_of_force: Family<SourceLabels, Gauge>,
    source_failing: Family<SourceLabels, Gauge>,
    source_last_sync: Family<SourceLabels, Gauge>,
    connections: Gauge<i64>,
    panics: Counter<u64, AtomicU64>,
    /// What is written back to the cluster.
    pub write_back: WriteBack,
    certificate_expiry: Gauge<i64>,
    certificate_rotations: Family<RotationLabels, Counter>,
    certificate_failures: Counter,
    ca_bundle_writes: Counter,
    ca_bundle_contested: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("detour"),
            admissions: Family::default(),
            images: Family::default(),
            observed: Family::default(),
            seconds: Histogram::new(BUCKETS),
            rules: Gauge::default(),
            source_rules: Family::default(),
            source_out_of_force: Family::default(),
            source_failing: Family::default(),
            source_last_sync: Family::default(),
            connections: Gauge::default(),
            panics: Counter::default(),
            write_back: WriteBack::default(),
            certificate_expiry: Gauge::default(),
            certificate_rotations: Family::default(),
            certificate_failures: Counter::default(),
            ca_bundle_writes: Counter::default(),
            ca_bundle_contested: Counter::default(),
        };
        metrics.register();
        metrics.register_certificates();
        metrics
    }
}

impl Metrics {
    fn register(&mut self) {
        let registry = &mut self.registry;
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "Version of this binary", build);
        let help = "Admission requests by operation and outcome";
        registry.register("admissions", help, self.admissions.clone());
        let help = "Images seen by deciding map and reason";
        registry.register("images", help, self.images.clone());
        let help = "Images by what a map in Observe would have done";
        registry.register("observed_images", help, self.observed.clone());
        let help = "Time from a whole request to its answer";
        registry.register_with_unit("admission", help, Unit::Seconds, self.seconds.clone());
        registry.register("rules", "Rules in force", self.rules.clone());
        self.register_sources();
        let registry = &mut self.registry;
        let help = "Open connections on the admission port";
        registry.register("connections", help, self.connections.clone());
        let help = "Requests at which the admission panicked; each was allowed unchanged";
        registry.register("panics", help, self.panics.clone());
        self.write_back.register(registry);
    }

    fn register_sources(&mut self) {
        let registry = &mut self.registry;
        let help = "Rules in force of each source";
        registry.register("source_rules", help, self.source_rules.clone());
        let help = "Maps of each source that are out of force";
        registry.register("source_maps_out_of_force", help, self.source_out_of_force.clone());
        let help = "1 while a source cannot be read or what was read is wrong, else 0";
        registry.register("source_failing", help, self.source_failing.clone());
        let help = "When a source was in order last, since 1970; 0 for never";
        let last_sync = self.source_last_sync.clone();
        registry.register_with_unit("source_last_sync_timestamp", help, Unit::Seconds, last_sync);
    }

    fn register_certificates(&mut self) {
        let registry = &mut self.registry;
        let help = "When the certificate that is served ends, since 1970; --tls self only";
        let name = "certificate_expiry_timestamp";
        registry.register_with_unit(name, help, Unit::Seconds, self.certificate_expiry.clone());
        let help = "Changes of the Secret of --tls self that this instance made";
        registry.register("certificate_rotations", help, self.certificate_rotations.clone());
        let help = "Failed attempts to read or write what --tls self keeps";
        registry.register("certificate_failures", help, self.certificate_failures.clone());
        let help = "Writes of caBundle by this instance";
        registry.register("ca_bundle_writes", help, self.ca_bundle_writes.clone());
        let help = "Times that somebody else was seen to write caBundle as well";
        registry.register("ca_bundle_contested", help, self.ca_bundle_contested.clone());
    }

    /// Sets when the certificate that is served ends, since 1970.
    pub fn set_certificate_expiry(&self, ends: Duration) {
        self.certificate_expiry.set(i64::try_from(ends.as_secs()).unwrap_or(i64::MAX));
    }

    /// Counts a change of the Secret of `--tls self`.
    pub fn certificate_rotation(&self, change: &'static str) {
        self.certificate_rotations.get_or_create(&RotationLabels { change }).inc();
    }

    /// Counts a failure to read or write what `--tls self` keeps.
    pub fn certificate_failure(&self) {
        self.certificate_failures.inc();
    }

    /// Counts a write of `caBundle`.
    pub fn ca_bundle_write(&self) {
        self.ca_bundle_writes.inc();
    }

    /// Counts that somebody else writes `caBundle` as well.
    pub fn ca_bundle_contested(&self) {
        self.ca_bundle_contested.inc();
    }

    /// Counts an admission that took `duration`.
    pub fn admission(&self, operation: &str, outcome: &'static str, duration: Duration) {
        let operation = match operation {
            "CREATE" => "CREATE",
            "UPDATE" => "UPDATE",
            _ => "other",
        };
        self.admissions.get_or_create(&AdmissionLabels { operation, outcome }).inc();
        self.seconds.observe(duration.as_secs_f64());
    }

    /// Counts an image that was decided on.
    pub fn image(&self, map: &str, reason: &'static str) {
        self.images.get_or_create(&ImageLabels { map: map.to_owned(), reason }).inc();
    }

    /// Counts what a map in Observe would have done.
    pub fn observed(&self, map: &str, reason: &'static str) {
        self.observed.get_or_create(&ImageLabels { map: map.to_owned(), reason }).inc();
    }

    /// Counts a panic.
    pub fn panic(&self) {
        self.panics.inc();
    }

    /// Sets the number of rules in force.
    pub fn set_rules(&self, rules: usize) {
        self.rules.set(i64::try_from(rules).unwrap_or(i64::MAX));
    }

    /// Sets what is known of a source.
    pub fn set_source(&self, source: &str, known: &SourceMetrics) {
        let labels = SourceLabels { source: source.to_owned() };
        let set = |family: &Family<SourceLabels, Gauge>, value: i64| {
            family.get_or_create(&labels).set(value);
        };
        let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        set(&self.source_rules, number(known.rules));
        set(&self.source_out_of_force, number(known.out_of_force));
        set(&self.source_failing, known.is_failing.into());
        set(&self.source_last_sync, i64::try_from(known.last_sync).unwrap_or(i64::MAX));
    }

    /// Sets the number of open connections.
    pub fn set_connections(&self, connections: usize) {
        self.connections.set(i64::try_from(connections).unwrap_or(i64::MAX));
    }

    /// The text that a scrape reads, in the OpenMetrics format.
    ///
    /// # Errors
    /// Only when a metric cannot be written to memory.
    pub fn encode(&self) -> Result<String, fmt::Error> {
        let mut out = String::new();
        text::encode(&mut out, &self.registry)?;
        Ok(out)
    }
}
