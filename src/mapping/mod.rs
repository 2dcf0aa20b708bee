//! The rules in force, compiled, and the decision on an image.
//!
//! A [`Mapping`] is immutable and decides from nothing but itself and the
//! arguments: no I/O, no clock, no lock.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod backwards;
mod decide;
mod exact;
mod page;
pub mod policy;
pub mod reason;
pub mod scope;
mod table;
mod template;
mod trie;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

pub use decide::{Decision, Observed};
pub use page::PAGE_BYTES_MAX;

use crate::rules::merge::{Layer, Merged};
use crate::rules::{ImageMap, Mode, Rule};
use policy::Policy;
use table::Table;

/// The rules in force, ready to decide.
#[derive(Debug, Default)]
pub struct Mapping {
    maps: Vec<ImageMap>,
    /// The ids of the maps as texts.
    map_names: Vec<Arc<str>>,
    layers: BTreeMap<Layer, Table>,
    namespaces: HashMap<String, Table>,
    observes: bool,
    gives_pull_secrets: bool,
    policy: Policy,
}

/// The index of a map in [`Mapping::maps`], and of a rule in it: in the order in
/// which they are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct RuleRef {
    map: u32,
    rule: u32,
}

impl RuleRef {
    fn of(self, maps: &[ImageMap]) -> &Rule {
        &maps[self.map as usize].rules[self.rule as usize]
    }
}

/// Adds to a list that seldom gets longer than one, which then has no room to
/// spare.
fn append<T>(list: &mut Vec<T>, value: T) {
    if list.is_empty() {
        list.reserve_exact(1);
    }
    list.push(value);
}

/// What names a rule: `KIND/[NAMESPACE/]NAME#RULE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RuleId<'m> {
    /// The rule's map, `KIND/[NAMESPACE/]NAME`.
    pub map: &'m Arc<str>,
    /// The rule's name, its index in brackets, or `default`.
    pub rule: &'m str,
}

impl fmt::Display for RuleId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.map, self.rule)
    }
}

impl Mapping {
    /// Compiles the maps in force.
    pub fn new(merged: Merged, policy: Policy) -> Self {
        let mut mapping = Self { policy, ..Self::default() };
        for (index, map) in (0..).zip(&merged.in_force) {
            mapping.observes |= map.mode == Mode::Observe;
            mapping.gives_pull_secrets |= !map.pull_secrets.is_empty();
            let table = match map.layer() {
                Layer::Namespace => mapping.namespaces.entry(map.id.namespace.clone()).or_default(),
                layer => mapping.layers.entry(layer).or_default(),
            };
            let mut places = HashSet::new();
            for (rule_index, rule) in (0..).zip(&*map.rules) {
                table.insert(RuleRef { map: index, rule: rule_index }, rule, &mut places);
            }
            mapping.map_names.push(map.id.to_string().into());
        }
        let tables = mapping.layers.values_mut().chain(mapping.namespaces.values_mut());
        tables.for_each(|table| table.sort(&merged.in_force));
        Self { maps: merged.in_force, ..mapping }
    }

    /// The rules in force with their ids, in the order of layers, priority
    /// and age.
    pub fn rules(&self) -> impl Iterator<Item = (RuleId<'_>, &Rule)> {
        self.maps.iter().zip(&self.map_names).flat_map(|(map, name)| {
            map.rules.iter().map(move |rule| (RuleId { map: name, rule: &rule.name }, rule))
        })
    }

    /// How many rules are in force.
    pub fn rule_count(&self) -> usize {
        self.maps.iter().map(|map| map.rules.len()).sum()
    }

    /// What is left alone, and what is recorded.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Whether a map names pull secrets.
    pub fn gives_pull_secrets(&self) -> bool {
        self.gives_pull_secrets
    }

    /// The pull secrets that maps in Enforce give in a namespace, to whichever
    /// pods. Costs the number of maps.
    pub fn pull_secrets_in(&self, namespace: &str) -> impl Iterator<Item = &str> {
        let gives =
            move |map: &&ImageMap| map.mode == Mode::Enforce && scope::is_visible(map, namespace);
        let maps = self.maps.iter().filter(|map| !map.pull_secrets.is_empty()).filter(gives);
        maps.flat_map(|map| &map.pull_secrets).map(String::as_str)
    }

    /// The tables that are visible to a namespace, in the order of layers.
    fn tables(&self, namespace: &str) -> impl Iterator<Item = &Table> + Clone {
        let first = self.layers.get(&Layer::Final).into_iter();
        let rest = self.layers.range(Layer::Cluster..).map(|(_, table)| table);
        first.chain(self.namespaces.get(namespace)).chain(rest)
    }

    fn rule(&self, at: RuleRef) -> &Rule {
        at.of(&self.maps)
    }

    fn map_of(&self, at: RuleRef) -> &ImageMap {
        &self.maps[at.map as usize]
    }
}
