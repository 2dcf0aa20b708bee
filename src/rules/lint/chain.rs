//! Rules of one map whose output is another rule's input.
//!
//! An image is never rewritten twice, so in a chain the second rule would be
//! dead for these images: what the operator meant must be written directly.
//! Only literal `exact` and `prefix` rules can be told for sure; patterns,
//! templates and defaults give a warning.

use std::cmp::Ordering;

use super::{ancestors, registry};
use crate::rules::fault::FaultKind;
use crate::rules::fields::Checker;
use crate::rules::pattern::Pattern;
use crate::rules::target::{Part, Target};
use crate::rules::{Action, Matcher, Rule};

/// The rules of a map by what they match.
struct Inputs<'r> {
    rules: &'r [Rule],
    /// The names in rules and their rules, in the order of [`by_path`].
    by_name: Vec<(&'r str, usize)>,
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

pub(super) fn check(checker: &mut Checker, rules: &[Rule]) {
    let inputs = Inputs::new(rules);
    let indices = 0..inputs.rules.len();
    let next: Vec<Option<usize>> = indices.map(|rule| inputs.next_of(rule, is_literal)).collect();
    for (index, rule) in inputs.rules.iter().enumerate() {
        checker.place.rule = Some(rule.name.clone());
        let target = || first_target(rule);
        let dead = "images at the target are kept, never rewritten again";
        if let Some(second) = next[index] {
            let second_rule = &inputs.rules[second];
            let is_cycle = reaches(&next, second, index);
            let relation = if is_cycle { "a cycle with" } else { "the input of" };
            let what =
                format!("the target {} is {relation} rule {}", target(), in_full(second_rule));
            let hint = if is_cycle {
                "drop one of the two: an image is rewritten once".to_owned()
            } else {
                format!("name the final target, such as {}", first_target(second_rule))
            };
            checker.fault_of(FaultKind::Chain, rule.line, what, hint);
        } else if let Some(second) = inputs.next_of(index, |rule, target| !is_literal(rule, target))
        {
            let second_rule = in_full(&inputs.rules[second]);
            let what = format!("the target {} is the input of rule {second_rule}", target());
            checker.warn(rule.line, what, dead);
        } else if let Some(pattern) = inputs.pattern_on_target(index) {
            let what = format!("the target {} matches rule {}", target(), in_full(pattern));
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
    fn new(rules: &'r [Rule]) -> Self {
        let mut by_name = Vec::new();
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
            by_name.push((name, index));
        }
        by_name.sort_by(|(one, _), (other, _)| by_path(one, other));
        Self { rules, by_name, patterns }
    }

    /// The rule that would rewrite what this rule writes to the targets that
    /// `is_asked` takes.
    fn next_of(&self, index: usize, is_asked: impl Fn(&Rule, &Target) -> bool) -> Option<usize> {
        let rule = &self.rules[index];
        let targets = rule.action.targets().iter().filter(|target| is_asked(rule, target));
        targets
            .filter_map(|target| Place::new(rule, target))
            .find_map(|place| self.next_at(index, &place))
    }

    fn next_at(&self, index: usize, place: &Place<'_>) -> Option<usize> {
        // Most targets are on a registry that no rule is for.
        self.below(registry(place.name)).next()?;
        // The longest prefix at or above the target decides on it.
        for above in ancestors(place.name) {
            for &(_, other) in self.from(above).take_while(|(name, _)| *name == above) {
                let is_prefix = matches!(self.rules[other].matcher, Matcher::Prefix(_));
                match self.rewrites(index, other, place) {
                    true => return Some(other),
                    false if is_prefix => return self.next_below(index, place),
                    false => {}
                }
            }
        }
        self.next_below(index, place)
    }

    fn next_below(&self, index: usize, place: &Place<'_>) -> Option<usize> {
        let Reach::All = place.reach else { return None };
        let mut others = self.below(place.name).map(|(_, other)| *other);
        others.find(|&other| self.rewrites(index, other, place))
    }

    /// What has this name, and what lies below it.
    fn below<'n>(
        &self,
        name: &'n str,
    ) -> impl Iterator<Item = &(&'r str, usize)> + use<'_, 'r, 'n> {
        self.from(name).take_while(move |(other, _)| {
            let rest = other.strip_prefix(name);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    }

    /// What has this name, what lies below it, and what comes after these.
    fn from(&self, name: &str) -> std::slice::Iter<'_, (&'r str, usize)> {
        let start = self.by_name.partition_point(|(other, _)| by_path(other, name).is_lt());
        self.by_name[start..].iter()
    }

    /// Whether `other`, which is for a name at, above or below the place,
    /// would rewrite images there.
    fn rewrites(&self, index: usize, other: usize, place: &Place<'_>) -> bool {
        let rule = &self.rules[other];
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
        let targets = self.rules[index].action.targets();
        let names = || {
            targets.iter().filter_map(|target| match target {
                Target::Below(name) => Some(name.as_str()),
                Target::Name(reference) => Some(reference.name()),
                Target::Template(_) => None,
            })
        };
        // A target is a place: what lies below it counts too.
        let is_on_target = |pattern: &Pattern| {
            names().any(|name| pattern.is_match(name) || pattern.is_match(&format!("{name}/a")))
        };
        let mut others = self.patterns.iter().filter(|(other, _)| *other != index);
        others.find(|(_, pattern)| is_on_target(pattern)).map(|(other, _)| &self.rules[*other])
    }
}

/// The order of the names with a slash behind each: what lies below a name
/// follows it.
fn by_path(one: &str, other: &str) -> Ordering {
    let both = one.len().min(other.len());
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let next = |name: &[u8]| name.get(both).copied().unwrap_or(b'/');
    let of_next = || next(one).cmp(&next(other)).then(one.len().cmp(&other.len()));
    one[..both].cmp(&other[..both]).then_with(of_next)
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
