//! The checks of one rule.

use super::fault::FaultKind;
use super::fields::{Checker, Table};
use super::node::{Node, Value};
use super::pattern::{Pattern, PatternError};
use super::target::{self, Target, TargetError, Use};
use super::{Action, Matcher, PatternKind, Rule, Seen, names};
use crate::reference::{self, Reference};

pub(super) const RULE_FIELDS: [&str; 8] =
    ["name", "exact", "glob", "regex", "prefix", "on", "to", "keep"];
const MATCHERS: [&str; 4] = ["exact", "glob", "regex", "prefix"];

/// Checks the rule at `index`; none when it has a fault.
pub(super) fn check(checker: &mut Checker, node: &Node<'_>, index: usize) -> Option<Rule> {
    let faults = checker.report.faults.len();
    checker.place.rule = Some(format!("rules[{index}]"));
    let table = checker.table(node, "a rule", &RULE_FIELDS)?;
    let name = table.get("name").and_then(|node| check_name(checker, node));
    if name.is_some() {
        checker.place.rule = name;
    }
    let matcher = check_matcher(checker, node, table);
    let action = matcher.as_ref().and_then(|matcher| {
        let action = check_action(checker, node, table, usage(matcher))?;
        Some(without_self(checker, node.line, matcher, action))
    });
    if matcher.is_none() {
        check_action_shape(checker, node, table);
    }
    let name = checker.place.rule.clone()?;
    let rule = Rule { name, line: node.line, matcher: matcher?, action: action? };
    (checker.report.faults.len() == faults).then_some(rule)
}

/// Whether the rule has a glob or regular expression, usable or not.
pub(super) fn has_pattern(node: &Node<'_>) -> bool {
    let Value::Table(fields) = &node.value else { return false };
    fields.iter().any(|field| matches!(&*field.name, "glob" | "regex"))
}

/// Checks `spec.default`.
pub(super) fn check_default(checker: &mut Checker, node: &Node<'_>) -> Option<Rule> {
    checker.place.rule = Some("default".to_owned());
    let table = checker.table(node, "default", &["to", "keep"])?;
    let action = check_action(checker, node, table, Use::Default)?;
    let matcher = Matcher::All;
    let action = without_self(checker, node.line, &matcher, action);
    Some(Rule { name: "default".to_owned(), line: node.line, matcher, action })
}

fn check_name(checker: &mut Checker, node: &Node<'_>) -> Option<String> {
    let name = checker.text(node, "name")?;
    let is_valid = names::is_name(name) && name != "default";
    if !is_valid {
        let hint = "use at most 63 letters, digits, - _ and . between them, and not \"default\"";
        checker.fault(node.line, format!("the name {name:?} cannot name a rule"), hint);
        return None;
    }
    Some(name.to_owned())
}

fn check_matcher(checker: &mut Checker, node: &Node<'_>, table: Table<'_>) -> Option<Matcher> {
    let given: Vec<&str> = MATCHERS.into_iter().filter(|name| table.get(name).is_some()).collect();
    let [kind] = given[..] else {
        let what = match given.is_empty() {
            true => "the rule matches nothing".to_owned(),
            false => format!("the rule has {}", given.join(" and ")),
        };
        checker.fault(node.line, what, "write exactly one of exact, glob, regex and prefix");
        return None;
    };
    let seen = check_on(checker, table, kind);
    let value = table.get(kind)?;
    let text = checker.text(value, kind)?;
    let pattern = match kind {
        "exact" => return accepted(checker, value, check_exact(text).map(Matcher::Exact)),
        "prefix" => {
            let path = target::check_head(text, "prefix")
                .and_then(|()| target::parse_path(text, "prefix"))
                .map(Matcher::Prefix);
            return accepted(checker, value, path);
        }
        "glob" => {
            warn_of_short_glob(checker, value.line, text);
            (PatternKind::Glob, Pattern::glob(text))
        }
        _ => (PatternKind::Regex, Pattern::regex(text)),
    };
    match pattern {
        (kind, Ok(pattern)) => Some(Matcher::Pattern { kind, pattern, on: seen }),
        (_, Err(error)) => {
            unusable(checker, value.line, text, &error);
            None
        }
    }
}

fn accepted(
    checker: &mut Checker,
    node: &Node<'_>,
    matcher: Result<Matcher, TargetError>,
) -> Option<Matcher> {
    matcher.map_err(|TargetError { what, hint }| checker.fault(node.line, what, hint)).ok()
}

fn check_on(checker: &mut Checker, table: Table<'_>, kind: &str) -> Seen {
    let Some(node) = table.get("on") else { return Seen::Name };
    if !matches!(kind, "glob" | "regex") {
        let what = format!("on has no meaning for {kind}");
        checker.fault(node.line, what, "drop it, or use glob or regex");
    }
    match checker.text(node, "on") {
        Some("reference") => Seen::Reference,
        Some("name") | None => Seen::Name,
        Some(other) => {
            let what = format!("on cannot be {other:?}");
            checker.fault(node.line, what, "write reference, or drop it to match the name");
            Seen::Name
        }
    }
}

fn check_exact(text: &str) -> Result<Reference<'static>, TargetError> {
    target::check_head(text, "exact")?;
    if !text.contains('/') {
        return Err(TargetError {
            what: format!("exact {text:?} has no repository"),
            hint: format!("write {text}/NAME, or use prefix for a whole registry"),
        });
    }
    Reference::parse(text).map_err(|error| TargetError {
        what: format!("exact {text:?} is no image: {error}"),
        hint: "write registry/path, with :tag or @digest if wanted".to_owned(),
    })
}

fn unusable(checker: &mut Checker, line: u64, text: &str, error: &PatternError) {
    let (kind, hint) = match error {
        PatternError::TooLong { .. } | PatternError::TooBig => {
            (FaultKind::Limit, "split it into several rules")
        }
        PatternError::Empty
        | PatternError::Class
        | PatternError::Stars
        | PatternError::Malformed { .. } => {
            (FaultKind::Invalid, "mend the pattern; it must match the whole of registry/repository")
        }
    };
    let what = format!("the pattern {text:?} cannot be used: {error}");
    checker.fault_of(kind, line, what, hint);
}

/// A glob whose first segment is plain text but no registry matches nothing.
fn warn_of_short_glob(checker: &mut Checker, line: u64, glob: &str) {
    let head = glob.split('/').next().unwrap_or_default();
    if !head.contains(['*', '?', '[']) && !reference::looks_like_registry(head) {
        let what = format!("the glob {glob:?} matches no image");
        checker.warn(line, what, "it is matched on registry/repository: start with a registry");
    }
}

fn usage(matcher: &Matcher) -> Use<'_> {
    match matcher {
        Matcher::Exact(_) => Use::Exact,
        Matcher::Prefix(_) => Use::Prefix,
        Matcher::Pattern { kind: PatternKind::Glob, pattern, .. } => Use::Glob(pattern),
        Matcher::Pattern { kind: PatternKind::Regex, pattern, .. } => Use::Regex(pattern),
        Matcher::All => Use::Default,
    }
}

/// Whether the rule says what becomes of the image, and only once.
fn check_action_shape(checker: &mut Checker, node: &Node<'_>, table: Table<'_>) -> bool {
    let what = match (table.get("to"), table.get("keep")) {
        (Some(_), None) | (None, Some(_)) => return true,
        (Some(_), Some(_)) => "the rule has both to and keep",
        (None, None) => "the rule does not say what becomes of the image",
    };
    checker.fault(node.line, what, "write either to: TARGET or keep: true");
    false
}

fn check_action(
    checker: &mut Checker,
    node: &Node<'_>,
    table: Table<'_>,
    usage: Use<'_>,
) -> Option<Action> {
    if !check_action_shape(checker, node, table) {
        return None;
    }
    if let Some(keep) = table.get("keep") {
        let is_kept = checker.boolean(keep, "keep")?;
        if !is_kept {
            checker.fault(keep.line, "keep can only be true", "drop the rule, or write to: TARGET");
        }
        return is_kept.then_some(Action::Keep);
    }
    let to = table.get("to")?;
    let texts = match &to.value {
        Value::List(_) => checker.texts(to, "to"),
        _ => checker.text(to, "to").map(|text| vec![(to.line, text)]).unwrap_or_default(),
    };
    if matches!(&to.value, Value::List(items) if items.is_empty()) {
        checker.fault(to.line, "to is an empty list", "write at least one target, or keep: true");
    }
    let mut targets = Vec::with_capacity(texts.len());
    for (line, text) in texts {
        match Target::parse(text, usage) {
            Ok(target) => targets.push(target),
            Err(TargetError { what, hint }) => checker.fault(line, what, hint),
        }
    }
    if targets.len() > 1 {
        let what = format!("only the first of {} targets is used by this version", targets.len());
        checker.warn(to.line, what, "images already at one of the others are kept");
    }
    (!targets.is_empty()).then(|| Action::To(targets.into()))
}

/// A target equal to what the rule matches means keep.
fn without_self(checker: &mut Checker, line: u64, matcher: &Matcher, action: Action) -> Action {
    let Action::To(targets) = &action else { return action };
    let Some(first) = targets.first() else { return action };
    let is_self = match (matcher, first) {
        (Matcher::Prefix(prefix), Target::Below(target)) => prefix == target,
        (Matcher::Exact(exact), Target::Name(target)) => exact == target,
        (_, target) => target.is_identity(),
    };
    if !is_self {
        return action;
    }
    let what = format!("the target {first} is where the image already is: the rule keeps it");
    checker.warn(line, what, "write keep: true if that is meant");
    Action::Keep
}
