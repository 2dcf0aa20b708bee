//! Faults that only show when rules or maps are seen together.

mod chain;
mod duplicate;
mod overlap;

pub use overlap::overlaps;

use super::fault::Report;
use super::fields::Checker;
use super::{ImageMap, Rule};

/// What a name begins with.
fn registry(name: &str) -> &str {
    name.split_once('/').map_or(name, |(registry, _)| registry)
}

/// The name and every shorter one that ends at a slash, longest first.
fn ancestors(name: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(name), |name| name.rsplit_once('/').map(|(above, _)| above))
}

/// Checks the rules of one map against each other.
pub(super) fn check_map(checker: &mut Checker, rules: &[Rule]) {
    duplicate::check_rules(checker, rules);
    chain::check(checker, rules);
}

/// Checks the maps of one source against each other.
pub(super) fn check_set(maps: &[ImageMap], report: &mut Report) {
    duplicate::check_maps(maps, report);
    overlap::check(maps, report);
}
