//! Faults that only show when rules or maps are seen together.

mod chain;
mod duplicate;
mod overlap;

pub use overlap::overlaps;

use super::fault::Report;
use super::fields::Checker;
use super::{ImageMap, Rule};

/// Checks the rules of one map against each other.
pub(super) fn check_map(checker: &mut Checker, rules: &[Rule], default: Option<&Rule>) {
    duplicate::check_rules(checker, rules);
    chain::check(checker, rules, default);
}

/// Checks the maps of one source against each other.
pub(super) fn check_set(maps: &[ImageMap], report: &mut Report) {
    duplicate::check_maps(maps, report);
    overlap::check(maps, report);
}
