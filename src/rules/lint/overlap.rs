//! Rules whose target another map would rewrite.
//!
//! Such an image is kept where it is wherever both maps are visible, so this
//! is allowed; the operator of the second map may wonder all the same.

use std::collections::{HashMap, HashSet};

use super::{ancestors, registry};
use crate::rules::fault::{Fault, Report};
use crate::rules::target::Target;
use crate::rules::{Action, ImageMap, Matcher, Mode, Rule};

/// Most warnings of this kind: beyond, they are no help.
const WARNINGS_MAX: usize = 100;

pub(super) fn check(maps: &[ImageMap], report: &mut Report) {
    report.warnings.extend(overlaps(maps));
}

/// A warning for each rule of a map whose target a rule of another would
/// rewrite; 100 at most.
pub fn overlaps(maps: &[ImageMap]) -> Vec<Fault> {
    let enforced = || maps.iter().filter(|map| map.mode == Mode::Enforce);
    let targets = enforced().flat_map(|map| map.rules.iter().filter_map(target_name));
    let registries: HashSet<&str> = targets.map(registry).collect();
    let mut by_prefix: HashMap<&str, Vec<(&ImageMap, &Rule)>> = HashMap::new();
    for map in enforced() {
        for rule in map.rules.iter().filter(|rule| rule.action != Action::Keep) {
            match &rule.matcher {
                Matcher::Prefix(prefix) if registries.contains(registry(prefix)) => {
                    by_prefix.entry(prefix).or_default().push((map, rule));
                }
                _ => {}
            }
        }
    }
    let warnings = enforced().flat_map(|map| {
        let by_prefix = &by_prefix;
        let rules = map.rules.iter().filter(|rule| rule.matcher != Matcher::All);
        rules.filter_map(move |rule| {
            let name = target_name(rule)?;
            let mut others = ancestors(name).filter_map(|name| by_prefix.get(name)).flatten();
            let (other, second) = others.find(|(other, _)| {
                other.id != map.id && map.namespaces.can_meet(&other.namespaces)
            })?;
            let mut warning = map.place.clone();
            warning.line = rule.line;
            warning.rule = Some(rule.name.clone());
            warning.what = format!(
                "the target {name} is the input of rule {} of {} ({})",
                second.name, other.id, second.matcher
            );
            warning.hint = "images at the target are kept where both maps are visible".to_owned();
            Some(warning)
        })
    });
    warnings.take(WARNINGS_MAX).collect()
}

fn target_name(rule: &Rule) -> Option<&str> {
    match rule.action.target()? {
        Target::Below(name) => Some(name),
        Target::Name(reference) => Some(reference.name()),
        Target::Template(_) => None,
    }
}
