//! What is known of the sources of rules.

use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::number;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    /// As in `--source`.
    source: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReloadLabels {
    source: String,
    outcome: &'static str,
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
    /// Times that it brought other rules, or was right again.
    pub reloaded: u64,
    /// Times that it became unreadable or wrong, or wrong in another way.
    pub not_reloaded: u64,
}

/// All sources.
#[derive(Debug, Default)]
pub struct Sources {
    rules: Family<Labels, Gauge>,
    out_of_force: Family<Labels, Gauge>,
    failing: Family<Labels, Gauge>,
    last_sync: Family<Labels, Gauge>,
    reloads: Family<ReloadLabels, Counter<u64, AtomicU64>>,
}

impl Sources {
    pub(super) fn register(&self, registry: &mut Registry) {
        let help = "Rules in force of each source";
        registry.register("source_rules", help, self.rules.clone());
        let help = "Maps of each source that are out of force";
        registry.register("source_maps_out_of_force", help, self.out_of_force.clone());
        let help = "1 while a source cannot be read or what was read is wrong, else 0";
        registry.register("source_failing", help, self.failing.clone());
        let help = "When a source was in order last, since 1970; 0 for never";
        let last_sync = self.last_sync.clone();
        registry.register_with_unit("source_last_sync_timestamp", help, Unit::Seconds, last_sync);
        let help = "Changes of a source that were taken over, and those that were not";
        registry.register("source_reloads", help, self.reloads.clone());
    }

    /// Sets what is known of `source`, named as in `--source`.
    pub fn set(&self, source: &str, known: &SourceMetrics) {
        let labels = Labels { source: source.to_owned() };
        let set = |family: &Family<Labels, Gauge>, value: i64| {
            family.get_or_create(&labels).set(value);
        };
        set(&self.rules, number(known.rules));
        set(&self.out_of_force, number(known.out_of_force));
        set(&self.failing, known.is_failing.into());
        set(&self.last_sync, number(known.last_sync));
        let outcomes = [("success", known.reloaded), ("failure", known.not_reloaded)];
        for (outcome, count) in outcomes {
            let labels = ReloadLabels { source: source.to_owned(), outcome };
            self.reloads.get_or_create(&labels).inner().store(count, Ordering::Relaxed);
        }
    }
}
