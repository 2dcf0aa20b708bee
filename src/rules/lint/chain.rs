//! Rules of one map whose output is another rule's input.
//!
//! An image is never rewritten twice, so in a chain the second rule would be
//! dead for these images: what the operator meant must be written directly.
//! Only literal `exact` and `prefix` rules can be told for sure; patterns,
//! templates and defaults give a warning.

use std::collections::BTreeMap;

use crate::rules::fault::FaultKind;
use crate::rules::fields::Checker;
use crate::rules::pattern::Pattern;
use crate::rules::target::{Part, Target};
use crate::rules::{Action, Matcher, Rule};

/// The rules of a map by what they match, each key ending in a slash so that
/// a name's ancestors and descendants are those of the text.
struct Inputs<'r> {
    rules: Vec<&'r Rule>,
    by_name: BTreeMap<String, Vec<usize>>,
    /// Those of the rules that match by a pattern and rewrite.
    patterns: Vec<(usize, &'r Pattern)>,
}

/// Where a target puts images.
struct Place<'r> {
    name: &'r str,
    reach: Reach<'r>,
}

#[derive(Clone, Copy)]
enum Reach<'r> {
    /// The name alone, with this tag and digest where they are known.
    Name { tag: Option<&'r str>, digest: Option<&'r str> },
    /// All below the name.
    All,
    /// Something below the name.
    Some,
}

pub(super) fn check(checker: &mut Checker, rules: &[Rule], default: Option<&Rule>) {
    let inputs = Inputs::new(rules.iter().chain(default).collect());
    let indices = 0..inputs.rules.len();
    let next: Vec<Option<usize>> = indices.map(|rule| inputs.next_of(rule, is_literal)).collect();
    for (index, rule) in inputs.rules.iter().enumerate() {
        checker.place.rule = Some(rule.name.clone());
        let target = first_target(rule);
        let dead = "images at the target are kept, never rewritten again";
        if let Some(second) = next[index] {
            let second_rule = inputs.rules[second];
            let is_cycle = reaches(&next, second, index);
            let relation = if is_cycle { "a cycle with" } else { "the input of" };
            let what = format!("the target {target} is {relation} rule {}", in_full(second_rule));
            let hint = if is_cycle {
                "drop one of the two: an image is rewritten once".to_owned()
            } else {
                format!("name the final target, such as {}", first_target(second_rule))
            };
            checker.fault_of(FaultKind::Chain, rule.line, what, hint);
        } else if let Some(second) = inputs.next_of(index, |_, _| true) {
            let second_rule = in_full(inputs.rules[second]);
            let what = format!("the target {target} is the input of rule {second_rule}");
            checker.warn(rule.line, what, dead);
        } else if let Some(pattern) = inputs.pattern_on_target(index) {
            let what = format!("the target {target} matches rule {}", in_full(pattern));
            checker.warn(rule.line, what, dead);
        }
    }
    checker.place.rule = None;
}

/// Whether the rule's output at this target is known from the text alone.
fn is_literal(rule: &Rule, target: &Target) -> bool {
    matches!(rule.matcher, Matcher::Exact(_) | Matcher::Prefix(_))
        && matches!(target, Target::Below(_) | Target::Name(_))
}

impl<'r> Place<'r> {
    /// None for a template that starts with a placeholder: it may be anywhere.
    fn new(rule: &'r Rule, target: &'r Target) -> Option<Self> {
        match target {
            Target::Below(name) => Some(Self { name, reach: Reach::All }),
            Target::Name(reference) => {
                let exact = match &rule.matcher {
                    Matcher::Exact(exact) => Some(exact),
                    _ => None,
                };
                let tag = reference.tag().or_else(|| exact?.tag());
                let digest = reference.digest().or_else(|| exact?.digest());
                Some(Self { name: reference.name(), reach: Reach::Name { tag, digest } })
            }
            Target::Template(template) => {
                let Some(Part::Literal(literal)) = template.parts.first() else { return None };
                let (name, _) = literal.rsplit_once('/')?;
                Some(Self { name, reach: Reach::Some })
            }
        }
    }
}

impl<'r> Inputs<'r> {
    fn new(rules: Vec<&'r Rule>) -> Self {
        let mut by_name: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        let mut patterns = Vec::new();
        for (index, rule) in rules.iter().enumerate() {
            let name = match &rule.matcher {
                Matcher::Exact(reference) => reference.name(),
                Matcher::Prefix(prefix) => prefix,
                Matcher::Pattern { pattern, .. } => {
                    if rule.action != Action::Keep {
                        patterns.push((index, pattern));
                    }
                    continue;
                }
                Matcher::All => continue,
            };
            by_name.entry(format!("{name}/")).or_default().push(index);
        }
        Self { rules, by_name, patterns }
    }

    /// The rule that would rewrite what this rule writes to the targets that
    /// `is_asked` takes.
    fn next_of(&self, index: usize, is_asked: impl Fn(&Rule, &Target) -> bool) -> Option<usize> {
        let rule = self.rules[index];
        let targets = rule.action.targets().iter().filter(|target| is_asked(rule, target));
        targets
            .filter_map(|target| Place::new(rule, target))
            .find_map(|place| self.next_at(index, &place))
    }

    fn next_at(&self, index: usize, place: &Place<'_>) -> Option<usize> {
        let key = format!("{}/", place.name);
        // The longest prefix at or above the target decides on it.
        let above = key.char_indices().rev().filter(|(_, character)| *character == '/');
        for (at, _) in above {
            for &other in self.by_name.get(&key[..=at]).into_iter().flatten() {
                let is_prefix = matches!(self.rules[other].matcher, Matcher::Prefix(_));
                match self.rewrites(index, other, place) {
                    true => return Some(other),
                    false if is_prefix => return self.next_below(&key, index, place),
                    false => {}
                }
            }
        }
        self.next_below(&key, index, place)
    }

    fn next_below(&self, key: &str, index: usize, place: &Place<'_>) -> Option<usize> {
        let Reach::All = place.reach else { return None };
        let descendants =
            self.by_name.range(key.to_owned()..).take_while(|(name, _)| name.starts_with(key));
        let mut others = descendants.flat_map(|(_, others)| others.iter().copied());
        others.find(|&other| self.rewrites(index, other, place))
    }

    /// Whether `other`, which is for a name at, above or below the place,
    /// would rewrite images there.
    fn rewrites(&self, index: usize, other: usize, place: &Place<'_>) -> bool {
        let rule = self.rules[other];
        let matches = match (&rule.matcher, place.reach) {
            (Matcher::Prefix(_), _) => true,
            (Matcher::Exact(exact), Reach::All) => exact.name().len() >= place.name.len(),
            (Matcher::Exact(exact), Reach::Name { tag, digest }) => {
                let can_be = |wanted: Option<&str>, own: Option<&str>| {
                    wanted.is_none_or(|wanted| own.is_none_or(|own| own == wanted))
                };
                exact.name() == place.name
                    && can_be(exact.tag(), tag)
                    && can_be(exact.digest(), digest)
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
        // A target is a place: what lies below it counts too.
        let is_on_target = |pattern: &Pattern| {
            names
                .iter()
                .any(|name| pattern.is_match(name) || pattern.is_match(&format!("{name}/a")))
        };
        let mut others = self.patterns.iter().filter(|(other, _)| *other != index);
        others.find(|(_, pattern)| is_on_target(pattern)).map(|(other, _)| self.rules[*other])
    }
}

fn in_full(rule: &Rule) -> String {
    format!("{} ({})", rule.name, rule.matcher)
}

fn first_target(rule: &Rule) -> String {
    rule.action.target().map(ToString::to_string).unwrap_or_default()
}

/// Whether following the chain from `start` leads to `goal`.
fn reaches(next: &[Option<usize>], start: usize, goal: usize) -> bool {
    let chain = std::iter::successors(Some(start), |rule| next[*rule]);
    chain.take(next.len()).any(|rule| rule == goal)
}
