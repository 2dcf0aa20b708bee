//! Pairs of a registry and its mirror, the form of kubernetes-mimic: each
//! entry of a ConfigMap's data is one, the key the registry's host.
//!
//! A key cannot hold a colon or a slash, so a registry with a port, or a part
//! of a registry, takes a document.

use serde_json::{Value, json};

use crate::rules::fault::Fault;
use crate::rules::{API_GROUP, API_VERSION, Kind, names};

/// The pairs as one map of that name, with these secrets for pods that use it.
pub(super) fn document(name: &str, pairs: &[(&str, &str)], pull_secrets: &[String]) -> String {
    let rule = |(registry, mirror): &(&str, &str)| {
        let mut rule = json!({"prefix": registry, "to": mirror});
        if is_rule_name(registry) {
            rule["name"] = Value::from(*registry);
        }
        rule
    };
    json!({
        "apiVersion": format!("{API_GROUP}/{API_VERSION}"),
        "kind": Kind::ClusterImageMap.as_str(),
        "metadata": {"name": name},
        "spec": {
            "rules": pairs.iter().map(rule).collect::<Vec<_>>(),
            "imagePullSecrets": pull_secrets,
        },
    })
    .to_string()
}

/// Makes a fault in that document one of the entry that it is about.
pub(super) fn locate(fault: &mut Fault, pairs: &[(&str, &str)], key_of: impl Fn(&str) -> String) {
    fault.line = 0;
    fault.document = 0;
    let Some(rule) = fault.rule.take() else { return };
    let index = rule.strip_prefix("rules[").and_then(|rest| rest.strip_suffix(']'));
    let unnamed = index.and_then(|index| pairs.get(index.parse::<usize>().ok()?));
    fault.map = None;
    fault.file = key_of(unnamed.map_or(rule.as_str(), |(registry, _)| registry));
}

fn is_rule_name(registry: &str) -> bool {
    names::is_name(registry) && registry != "default"
}
