//! Where rules come from, and how they come into force.

pub mod file;
pub mod seen;
pub mod verdict;

use std::sync::Arc;

use crate::mapping::Mapping;
use crate::mapping::policy::Policy;
use crate::metrics::Metrics;
use crate::rules::Loaded;
use crate::rules::fault::Fault;
use crate::rules::merge::{self, Obstacle};
use crate::snapshot::{Published, Snapshot};

/// The rules of some documents, compiled, and what an operator must know.
#[derive(Debug)]
pub struct Compiled {
    /// The rules in force.
    pub mapping: Mapping,
    /// One line each: allowed, but probably not what was meant.
    pub warnings: Vec<String>,
    /// One line each: maps that are out of force.
    pub out_of_force: Vec<String>,
}

/// Merges and compiles documents that were loaded.
///
/// # Errors
/// The faults that were found in them; there is at least one.
pub fn compile(loaded: Loaded, policy: Policy) -> Result<Compiled, Vec<Fault>> {
    if !loaded.report.faults.is_empty() {
        return Err(loaded.report.faults);
    }
    let merged = merge::merge(loaded.maps);
    let out_of_force = merged.out_of_force.iter().map(|(map, obstacle)| {
        let reason = match obstacle {
            Obstacle::Conflict { .. } => "Conflict",
            Obstacle::Limit { .. } => "Limit",
        };
        let mut fault = map.place.clone();
        fault.what = format!("the map is out of force, {reason}: {obstacle}");
        fault.to_string()
    });
    Ok(Compiled {
        warnings: loaded.report.warnings.iter().map(ToString::to_string).collect(),
        out_of_force: out_of_force.collect(),
        mapping: Mapping::new(merged, policy),
    })
}

/// Puts rules in force, and says what became of them.
pub struct Publisher {
    /// Where the rules in force stand.
    pub published: Arc<Published>,
    /// What is left alone whatever they say.
    pub policy: Policy,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

impl Publisher {
    /// Puts the rules in force when they have no fault. Else the former ones
    /// stay; an instance that never had any stays unready.
    pub fn publish(&self, loaded: Loaded) {
        match compile(loaded, self.policy.clone()) {
            Ok(Compiled { mapping, warnings, out_of_force }) => {
                for warning in warnings.iter().chain(&out_of_force) {
                    log::warn!("{warning}");
                }
                let rules = mapping.rules().len();
                log::info!("{rules} rules in force");
                self.metrics.set_rules(rules);
                let mapping = Arc::new(mapping);
                self.published.publish(Snapshot {
                    mapping,
                    missing: Vec::new(),
                    faults: out_of_force,
                });
            }
            Err(faults) => self.refuse(&faults),
        }
    }

    fn refuse(&self, faults: &[Fault]) {
        for fault in faults {
            log::error!("{fault}");
        }
        let before = self.published.load();
        match before.missing.is_empty() {
            true => log::error!("these rules are not used; the former ones stay in force"),
            false => log::error!("no rules are in force, and this instance is not ready"),
        }
        self.published.publish(Snapshot {
            mapping: Arc::clone(&before.mapping),
            missing: before.missing.clone(),
            faults: faults.iter().map(ToString::to_string).collect(),
        });
    }
}
