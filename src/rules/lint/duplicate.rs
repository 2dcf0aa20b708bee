//! Two rules with one pattern, two rules or maps with one name.

use std::collections::HashMap;
use std::ptr;

use crate::rules::fault::Report;
use crate::rules::fields::Checker;
use crate::rules::{ImageMap, MatcherKey, Rule};

pub(super) fn check_rules(checker: &mut Checker, rules: &[Rule]) {
    let mut names: HashMap<&str, &Rule> = HashMap::with_capacity(rules.len());
    let mut patterns: HashMap<MatcherKey<'_>, &Rule> = HashMap::with_capacity(rules.len());
    for rule in rules {
        let first = *names.entry(&rule.name).or_insert(rule);
        if !ptr::eq(first, rule) {
            checker.place.rule = Some(rule.name.clone());
            let what = format!("the name is already taken by the rule for {}", first.matcher);
            checker.fault(rule.line, what, "give each rule a name of its own");
        }
        let first = *patterns.entry(rule.matcher.key()).or_insert(rule);
        if !ptr::eq(first, rule) {
            checker.place.rule = Some(rule.name.clone());
            let what = format!("{} is already the pattern of rule {}", rule.matcher, first.name);
            checker.fault(rule.line, what, "drop one of the two");
        }
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
