//! Two rules with one pattern, two rules or maps with one name.

use std::collections::HashMap;

use crate::rules::fault::Report;
use crate::rules::fields::Checker;
use crate::rules::{ImageMap, Rule};

pub(super) fn check_rules(checker: &mut Checker, rules: &[Rule]) {
    let mut names: HashMap<&str, &Rule> = HashMap::new();
    let mut patterns: HashMap<String, &Rule> = HashMap::new();
    for rule in rules {
        checker.place.rule = Some(rule.name.clone());
        if let Some(first) = names.get(rule.name.as_str()) {
            let what = format!("the name is already taken by the rule for {}", first.matcher);
            checker.fault(rule.line, what, "give each rule a name of its own");
        }
        names.entry(&rule.name).or_insert(rule);
        let pattern = rule.matcher.to_string();
        if let Some(first) = patterns.get(&pattern) {
            let what = format!("{pattern} is already the pattern of rule {}", first.name);
            checker.fault(rule.line, what, "drop one of the two");
        }
        patterns.entry(pattern).or_insert(rule);
    }
    checker.place.rule = None;
}

pub(super) fn check_maps(maps: &[ImageMap], report: &mut Report) {
    let mut seen: HashMap<String, &ImageMap> = HashMap::new();
    for map in maps {
        let id = map.id.to_string();
        if let Some(first) = seen.get(&id) {
            let mut fault = map.place.clone();
            fault.what = format!(
                "the map is already in {}, line {}, document {}",
                first.place.file, first.place.line, first.place.document
            );
            fault.hint = "give each map a name of its own".to_owned();
            report.faults.push(fault);
        }
        seen.entry(id).or_insert(map);
    }
}
