//! What is counted, in the format of Prometheus.
//!
//! Labels are bounded: operations and outcomes are closed lists, maps at most
//! 200 since the start; a rule or an image is never a label.

pub mod certificates;
mod process;
pub mod server;
pub mod sources;
pub mod write_back;

use std::collections::HashSet;
use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use certificates::Certificates;
use process::Process;
use server::Server;
use sources::Sources;
use write_back::WriteBack;

/// Upper bounds of the duration buckets, in seconds.
const BUCKETS: [f64; 10] =
    [0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.1, 1.0];

/// Most maps that are a label's value; those that come later are told apart no
/// more.
const MAPS_MAX: usize = 200;
const OTHER_MAPS: &str = "other";

/// How an admission ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct AdmissionLabels {
    /// `CREATE`, `UPDATE`, or `other`.
    pub operation: &'static str,
    /// `patched`, `unchanged`, `not-handled`, `not-understood`, `too-many-images` or
    /// `undecodable`; a panic is counted on its own.
    pub outcome: &'static str,
}

/// What became of an image.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ImageLabels {
    /// The map that decided; empty when none did, `other` beyond 200 maps.
    pub map: Arc<str>,
    /// The reason of the decision.
    pub reason: &'static str,
}

/// How something ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: &'static str,
}

/// The value of a gauge.
fn number(value: impl TryInto<i64>) -> i64 {
    value.try_into().unwrap_or(i64::MAX)
}

/// All that is counted.
pub struct Metrics {
    registry: Registry,
    admissions: Family<AdmissionLabels, Counter>,
    images: Family<ImageLabels, Counter>,
    observed: Family<ImageLabels, Counter>,
    no_map: Arc<str>,
    seconds: Histogram,
    rules: Gauge,
    panics: Counter<u64, AtomicU64>,
    process: Process,
    process_registry: Registry,
    maps: RwLock<HashSet<Arc<str>>>,
    other_maps: Arc<str>,
    /// The admission port.
    pub server: Server,
    /// The sources of rules.
    pub sources: Sources,
    /// What `--tls self` keeps.
    pub certificates: Certificates,
    /// What is written back to the cluster.
    pub write_back: WriteBack,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("detour"),
            admissions: Family::default(),
            images: Family::default(),
            observed: Family::default(),
            no_map: Arc::default(),
            seconds: Histogram::new(BUCKETS),
            rules: Gauge::default(),
            panics: Counter::default(),
            process: Process::default(),
            process_registry: Registry::default(),
            maps: RwLock::default(),
            other_maps: OTHER_MAPS.into(),
            server: Server::default(),
            sources: Sources::default(),
            certificates: Certificates::default(),
            write_back: WriteBack::default(),
        };
        metrics.register();
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
        let help = "Requests at which Detour panicked; a review was allowed unchanged";
        registry.register("panics", help, self.panics.clone());
        self.server.register(registry);
        self.sources.register(registry);
        self.certificates.register(registry);
        self.write_back.register(registry);
        self.process.register(&mut self.process_registry);
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
    pub fn image(&self, map: Option<&Arc<str>>, reason: &'static str) {
        let map = map.map_or_else(|| Arc::clone(&self.no_map), |map| self.bounded(map));
        self.images.get_or_create(&ImageLabels { map, reason }).inc();
    }

    /// Counts what a map in Observe would have done.
    pub fn observed(&self, map: &Arc<str>, reason: &'static str) {
        let map = self.bounded(map);
        self.observed.get_or_create(&ImageLabels { map, reason }).inc();
    }

    /// The map itself as long as there were not too many.
    fn bounded(&self, map: &Arc<str>) -> Arc<str> {
        let known = self.maps.read().unwrap_or_else(PoisonError::into_inner);
        if known.contains(map) {
            return Arc::clone(map);
        }
        if known.len() >= MAPS_MAX {
            return Arc::clone(&self.other_maps);
        }
        drop(known);
        let mut known = self.maps.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() < MAPS_MAX && known.insert(Arc::clone(map)) || known.contains(map) {
            return Arc::clone(map);
        }
        Arc::clone(&self.other_maps)
    }

    /// Counts a panic.
    pub fn panic(&self) {
        self.panics.inc();
    }

    /// Sets the number of rules in force.
    pub fn set_rules(&self, rules: usize) {
        self.rules.set(number(rules));
    }

    /// The text that a scrape reads, in the OpenMetrics format.
    ///
    /// # Errors
    /// Only when a metric cannot be written to memory.
    pub fn encode(&self) -> Result<String, fmt::Error> {
        self.process.read();
        let mut out = String::new();
        text::encode_registry(&mut out, &self.registry)?;
        text::encode_registry(&mut out, &self.process_registry)?;
        text::encode_eof(&mut out)?;
        Ok(out)
    }
}
