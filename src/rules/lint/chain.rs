//! Rules of one map whose output is another rule's input.
//!
//! An image is never rewritten twice, so in a chain the second rule would be
//! dead for these images: what the operator meant must be written directly.
//! Only literal `exact` and `prefix` rules can be told for sure; a pattern
//! that matches another rule's target gives a warning.

use std::collections::BTreeMap;

use crate::rules::fields::Checker;
use crate::rules::target::Target;
use crate::rules::{Action, Matcher, Rule};

/// The rules of a map by what they match, each key ending in a slash so that
/// a name's ancestors and descendants are those of the text.
struct Inputs<'r> {
    rules: &'r [Rule],
    by_name: BTreeMap<String, Vec<usize>>,
}

pub(super) fn check(checker: &mut Checker, rules: &[Rule]) {
    let inputs = Inputs::new(rules);
    let next: Vec<Option<usize>> = (0..rules.len()).map(|rule| inputs.next_of(rule)).collect();
    for (index, rule) in rules.iter().enumerate() {
        checker.place.rule = Some(rule.name.clone());
        if let Some(second) = next[index] {
            let second_rule = &rules[second];
            let is_cycle = reaches(&next, second, index);
            let relation = if is_cycle { "a cycle with" } else { "the input of" };
            let what = format!(
                "the target {} is {relation} rule {} ({})",
                first_target(rule),
                second_rule.name,
                second_rule.matcher
            );
            let hint = if is_cycle {
                "drop one of the two: an image is rewritten once".to_owned()
            } else {
                format!("name the final target, such as {}", first_target(second_rule))
            };
            checker.fault(rule.line, what, hint);
        } else if let Some(pattern) = inputs.pattern_on_target(index) {
            let what = format!(
                "the target {} matches rule {} ({})",
                first_target(rule),
                pattern.name,
                pattern.matcher
            );
            checker.warn(rule.line, what, "images at the target are kept, never rewritten again");
        }
    }
    checker.place.rule = None;
}

impl<'r> Inputs<'r> {
    fn new(rules: &'r [Rule]) -> Self {
        let mut by_name: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (index, rule) in rules.iter().enumerate() {
            let name = match &rule.matcher {
                Matcher::Exact(reference) => reference.name(),
                Matcher::Prefix(prefix) => prefix,
                Matcher::Pattern { .. } | Matcher::All => continue,
            };
            by_name.entry(format!("{name}/")).or_default().push(index);
        }
        Self { rules, by_name }
    }

    /// The rule that would rewrite what this rule writes.
    fn next_of(&self, index: usize) -> Option<usize> {
        let rule = &self.rules[index];
        if !matches!(rule.matcher, Matcher::Exact(_) | Matcher::Prefix(_)) {
            return None;
        }
        rule.action.targets().iter().find_map(|target| self.next_of_target(index, target))
    }

    fn next_of_target(&self, index: usize, target: &Target) -> Option<usize> {
        let name = match target {
            Target::Below(name) => name,
            Target::Name(reference) => reference.name(),
            Target::Template(_) => return None,
        };
        let key = format!("{name}/");
        let decides = |other: usize| self.rewrites(index, other, target);
        // The longest prefix at or above the target decides on it.
        let above = key.char_indices().rev().filter(|(_, character)| *character == '/');
        for (at, _) in above {
            for &other in self.by_name.get(&key[..=at]).into_iter().flatten() {
                let is_prefix = matches!(self.rules[other].matcher, Matcher::Prefix(_));
                match decides(other) {
                    true => return Some(other),
                    false if is_prefix => return self.below(&key, index, target),
                    false => {}
                }
            }
        }
        self.below(&key, index, target)
    }

    fn below(&self, key: &str, index: usize, target: &Target) -> Option<usize> {
        let Target::Below(_) = target else { return None };
        let descendants =
            self.by_name.range(key.to_owned()..).take_while(|(name, _)| name.starts_with(key));
        let mut others = descendants.flat_map(|(_, others)| others.iter().copied());
        others.find(|&other| self.rewrites(index, other, target))
    }

    /// Whether `other` would rewrite images at `target` of rule `index`.
    fn rewrites(&self, index: usize, other: usize, target: &Target) -> bool {
        let rule = &self.rules[other];
        let matches = match (&rule.matcher, target) {
            (Matcher::Prefix(_), _) => true,
            (Matcher::Exact(_), Target::Below(_)) => true,
            (Matcher::Exact(exact), Target::Name(written)) => {
                exact.name() == written.name()
                    && exact.tag().is_none_or(|tag| written.tag().is_none_or(|own| own == tag))
                    && exact
                        .digest()
                        .is_none_or(|digest| written.digest().is_none_or(|own| own == digest))
            }
            _ => false,
        };
        matches && other != index && rule.action != Action::Keep
    }

    fn pattern_on_target(&self, index: usize) -> Option<&'r Rule> {
        let names: Vec<&str> = self.rules[index]
            .action
            .targets()
            .iter()
            .filter_map(|target| match target {
                Target::Below(name) => Some(name.as_str()),
                Target::Name(reference) => Some(reference.name()),
                Target::Template(_) => None,
            })
            .collect();
        self.rules.iter().enumerate().find_map(|(other, rule)| {
            let Matcher::Pattern { pattern, .. } = &rule.matcher else { return None };
            let rewrites = other != index && rule.action != Action::Keep;
            // A target is a place: what lies below it counts too.
            let matches =
                |name: &&str| pattern.is_match(name) || pattern.is_match(&format!("{name}/a"));
            (rewrites && names.iter().any(matches)).then_some(rule)
        })
    }
}

fn first_target(rule: &Rule) -> String {
    rule.action.target().map(ToString::to_string).unwrap_or_default()
}

/// Whether following the chain from `start` leads to `goal`.
fn reaches(next: &[Option<usize>], start: usize, goal: usize) -> bool {
    let chain = std::iter::successors(Some(start), |rule| next[*rule]);
    chain.take(next.len()).any(|rule| rule == goal)
}
