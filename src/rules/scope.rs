//! The checks of what a map is for: mode, namespaces, owners, pods, share.

use super::fields::{Checker, Table};
use super::node::{Node, Value};
use super::selector::{Globs, Operator, Requirement, Selector};
use super::{Mode, Rollout, names};

/// The checked fields of a `spec` other than its rules.
#[derive(Debug)]
pub(super) struct Scope {
    pub(super) mode: Mode,
    pub(super) priority: i32,
    pub(super) is_final: bool,
    pub(super) rollout: Rollout,
    pub(super) namespaces: Globs,
    pub(super) exclude_namespaces: Globs,
    pub(super) exclude_owners: Globs,
    pub(super) pod_selector: Selector,
    pub(super) pull_secrets: Vec<String>,
}

/// Checks them; a faulty field gets its default and a fault.
pub(super) fn check(checker: &mut Checker, spec: Table<'_>) -> Scope {
    let is_final = spec.get("final").and_then(|node| checker.boolean(node, "final"));
    Scope {
        mode: check_mode(checker, spec),
        priority: check_priority(checker, spec),
        is_final: is_final.unwrap_or(false),
        rollout: check_rollout(checker, spec),
        namespaces: match spec.get("namespaces") {
            Some(node) => check_globs(checker, node, "namespaces"),
            None => Globs::new(["*"]).unwrap_or_default(),
        },
        exclude_namespaces: optional_globs(checker, spec, "excludeNamespaces"),
        exclude_owners: optional_globs(checker, spec, "excludeOwners"),
        pod_selector: check_selector(checker, spec),
        pull_secrets: check_pull_secrets(checker, spec),
    }
}

fn check_mode(checker: &mut Checker, spec: Table<'_>) -> Mode {
    let Some(node) = spec.get("mode") else { return Mode::Enforce };
    match checker.text(node, "mode") {
        Some("Observe") => Mode::Observe,
        Some("Enforce") | None => Mode::Enforce,
        Some(other) => {
            let what = format!("mode cannot be {other:?}");
            checker.fault(node.line, what, "write Enforce or Observe");
            Mode::Observe
        }
    }
}

fn check_priority(checker: &mut Checker, spec: Table<'_>) -> i32 {
    let Some(node) = spec.get("priority") else { return 0 };
    let Some(number) = checker.number(node, "priority") else { return 0 };
    if number.fract() != 0.0 || number < f64::from(i32::MIN) || number > f64::from(i32::MAX) {
        let what = format!("priority cannot be {number}");
        checker.fault(node.line, what, "write a whole number of 32 bits");
        return 0;
    }
    number as i32
}

fn check_rollout(checker: &mut Checker, spec: Table<'_>) -> Rollout {
    let Some(node) = spec.get("rollout") else { return Rollout::ALL };
    let table = checker.table(node, "rollout", &["percent"]);
    let Some(node) = table.and_then(|table| table.get("percent")) else { return Rollout::ALL };
    let Some(percent) = checker.number(node, "percent") else { return Rollout::ALL };
    Rollout::from_percent(percent).unwrap_or_else(|| {
        let what = format!("percent cannot be {percent}");
        checker.fault(node.line, what, "write 0 to 100 with at most two decimals");
        Rollout::ALL
    })
}

fn optional_globs(checker: &mut Checker, spec: Table<'_>, name: &str) -> Globs {
    spec.get(name).map(|node| check_globs(checker, node, name)).unwrap_or_default()
}

fn check_globs(checker: &mut Checker, node: &Node<'_>, name: &str) -> Globs {
    let globs = checker.texts(node, name);
    Globs::new(globs.iter().map(|(_, glob)| *glob)).unwrap_or_else(|(glob, error)| {
        let line =
            globs.iter().find(|(_, other)| *other == glob).map_or(node.line, |(line, _)| *line);
        checker.fault(line, format!("{name}: {glob:?} cannot be used: {error}"), "mend the glob");
        Globs::default()
    })
}

fn check_selector(checker: &mut Checker, spec: Table<'_>) -> Selector {
    let mut requirements = Vec::new();
    let known = ["matchLabels", "matchExpressions"];
    let Some(node) = spec.get("podSelector") else { return Selector::default() };
    let Some(table) = checker.table(node, "podSelector", &known) else {
        return Selector::default();
    };
    if let Some(labels) = table.get("matchLabels") {
        let Value::Table(fields) = &labels.value else {
            checker.fault(labels.line, "matchLabels must be a table", "write KEY: VALUE");
            return Selector::default();
        };
        if !checker.is_short(labels.line, "matchLabels", fields.len()) {
            return Selector::default();
        }
        for field in fields {
            let value = checker.text(&field.node, "a label's value").map(str::to_owned);
            check_label(checker, field.line, &field.name, value.as_slice());
            let operator = Operator::In(value.into_iter().collect());
            requirements.push(Requirement { key: field.name.to_string(), operator });
        }
    }
    if let Some(expressions) = table.get("matchExpressions") {
        for node in checker.short_list(expressions, "matchExpressions") {
            requirements.extend(check_expression(checker, node));
        }
    }
    Selector { requirements }
}

fn check_expression(checker: &mut Checker, node: &Node<'_>) -> Option<Requirement> {
    let table = checker.table(node, "matchExpressions", &["key", "operator", "values"])?;
    let key = table.get("key").and_then(|node| checker.text(node, "key"));
    let operator = table.get("operator").and_then(|node| checker.text(node, "operator"));
    let values = table.get("values").map(|node| checker.texts(node, "values")).unwrap_or_default();
    let values: Vec<String> = values.into_iter().map(|(_, value)| value.to_owned()).collect();
    let Some(key) = key else {
        checker.fault(node.line, "the expression has no key", "write key: LABEL");
        return None;
    };
    check_label(checker, node.line, key, &values);
    let operator = match (operator, values.is_empty()) {
        (Some("In"), false) => Operator::In(values),
        (Some("NotIn"), false) => Operator::NotIn(values),
        (Some("Exists"), true) => Operator::Exists,
        (Some("DoesNotExist"), true) => Operator::DoesNotExist,
        (operator, _) => {
            let what = format!("operator {:?} cannot be used so", operator.unwrap_or_default());
            let hint = "write In or NotIn with values, or Exists or DoesNotExist without";
            checker.fault(node.line, what, hint);
            return None;
        }
    };
    Some(Requirement { key: key.to_owned(), operator })
}

/// A label that no pod can have selects nothing, or everything.
fn check_label(checker: &mut Checker, line: u64, key: &str, values: &[String]) {
    let key = checker.bounded(line, "a label's key", key);
    if let Some(key) = key.filter(|key| !names::is_label_key(key)) {
        let hint = "write [DOMAIN/]NAME with at most 63 letters, digits, - _ and . in NAME";
        checker.fault(line, format!("{key:?} cannot be the key of a label"), hint);
    }
    for value in values.iter().filter(|value| !names::is_label_value(value)) {
        let hint = "write at most 63 letters, digits, - _ and . between them";
        checker.fault(line, format!("{value:?} cannot be the value of a label"), hint);
    }
}

fn check_pull_secrets(checker: &mut Checker, spec: Table<'_>) -> Vec<String> {
    let Some(node) = spec.get("imagePullSecrets") else { return Vec::new() };
    let mut names: Vec<String> = Vec::new();
    for (line, name) in checker.texts(node, "imagePullSecrets") {
        let what = match name {
            _ if !names::is_object_name(name) => "cannot name a Secret",
            _ if names.iter().any(|other| other == name) => "is listed twice",
            _ => {
                names.push(name.to_owned());
                continue;
            }
        };
        let hint = "write the names of Secrets, as text";
        checker.fault(line, format!("imagePullSecrets: {name:?} {what}"), hint);
    }
    names
}
