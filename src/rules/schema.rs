//! The documents as custom resource definitions.
//!
//! The API server checks each field by itself and prunes what it does not
//! know; what concerns several rules or maps is left to [`super::load`], which
//! reads both files and objects. The schema allows everything that the reader
//! takes, so that no document is valid in a file only.

use serde_json::{Value, json};

use super::fields::ITEMS_MAX;
use super::pattern::REGEX_BYTES_MAX;
use super::{API_GROUP, API_VERSION, Kind, RULES_PER_DOCUMENT_MAX, TEXT_BYTES_MAX};

/// The whole `CustomResourceDefinition` of a kind.
pub fn definition(kind: Kind) -> Value {
    let (singular, short, scope) = match kind {
        Kind::ClusterImageMap => ("clusterimagemap", "cim", "Cluster"),
        Kind::ImageMap => ("imagemap", "im", "Namespaced"),
    };
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": definition_name(kind)},
        "spec": {
            "group": API_GROUP,
            "scope": scope,
            "names": {
                "kind": kind.as_str(),
                "listKind": format!("{}List", kind.as_str()),
                "plural": plural(kind),
                "singular": singular,
                "shortNames": [short],
            },
            "versions": [{
                "name": API_VERSION,
                "served": true,
                "storage": true,
                "subresources": {"status": {}},
                "additionalPrinterColumns": columns(),
                "schema": {"openAPIV3Schema": schema(kind)},
            }],
        },
    })
}

/// The name of the definition: plural and group.
pub fn definition_name(kind: Kind) -> String {
    format!("{}.{API_GROUP}", plural(kind))
}

/// The resource in paths of the API.
pub fn plural(kind: Kind) -> &'static str {
    match kind {
        Kind::ClusterImageMap => "clusterimagemaps",
        Kind::ImageMap => "imagemaps",
    }
}

/// `openAPIV3Schema` of the version that is read and served.
pub fn schema(kind: Kind) -> Value {
    let about = match kind {
        Kind::ClusterImageMap => "Rules that send images elsewhere, for all namespaces.",
        Kind::ImageMap => "Rules that send images elsewhere, for the namespace that it is in.",
    };
    json!({
        "type": "object",
        "description": about,
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": spec(kind),
            "status": status(),
        },
    })
}

fn columns() -> Value {
    let ready = |field: &str| format!(".status.conditions[?(@.type==\"Ready\")].{field}");
    json!([
        {"name": "Mode", "type": "string", "jsonPath": ".spec.mode"},
        {"name": "Rules", "type": "integer", "jsonPath": ".status.rules"},
        {"name": "Ready", "type": "string", "jsonPath": ready("status")},
        {"name": "Reason", "type": "string", "jsonPath": ready("reason")},
        {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
    ])
}

fn spec(kind: Kind) -> Value {
    let mut properties = json!({
        "mode": {
            "type": "string",
            "enum": ["Enforce", "Observe"],
            "default": "Enforce",
            "description": "Observe: decide, count and log, but change nothing.",
        },
        "priority": {
            "type": "integer",
            "format": "int32",
            "default": 0,
            "description": "Where two maps of a layer have the same pattern, the higher goes first.",
        },
        "rollout": {
            "type": "object",
            "description": "The share of owners that the map is for; always the same ones.",
            "properties": {"percent": {
                "type": "number",
                "minimum": 0,
                "maximum": 100,
                "description": "With at most two decimals; 100 when left out.",
            }},
        },
        "excludeOwners": texts("Globs on GROUP/KIND of owners whose pods the map is not for."),
        "podSelector": selector(),
        "imagePullSecrets": texts("Secrets that new pods get when they use a target of this map."),
        "rules": {
            "type": "array",
            "maxItems": RULES_PER_DOCUMENT_MAX,
            "items": rule(),
            "x-kubernetes-list-type": "atomic",
            "description": "Asked in the order exact, globs and regexes, longest prefix.",
        },
        "default": with_action(
            json!({}),
            "What becomes of every image that no rule of any map matches.",
        ),
    });
    if kind == Kind::ClusterImageMap {
        properties["final"] = json!({
            "type": "boolean",
            "default": false,
            "description": "Asked before any ImageMap.",
        });
        properties["namespaces"] = texts("Globs; all namespaces when left out.");
        properties["excludeNamespaces"] = texts("Globs of namespaces that the map is not for.");
    }
    json!({
        "type": "object",
        "description": "What the map is for, and its rules.",
        "properties": properties,
    })
}

fn texts(about: &str) -> Value {
    json!({
        "type": "array",
        "maxItems": ITEMS_MAX,
        "items": text(TEXT_BYTES_MAX),
        "x-kubernetes-list-type": "atomic",
        "description": about,
    })
}

fn text(bytes: usize) -> Value {
    json!({"type": "string", "minLength": 1, "maxLength": bytes})
}

/// `metav1.LabelSelector`.
fn selector() -> Value {
    json!({
        "type": "object",
        "description": "The pods that the map is for, by their labels.",
        "x-kubernetes-map-type": "atomic",
        "properties": {
            "matchLabels": {
                "type": "object",
                "maxProperties": ITEMS_MAX,
                "additionalProperties": {"type": "string", "maxLength": 63},
            },
            "matchExpressions": {
                "type": "array",
                "maxItems": ITEMS_MAX,
                "x-kubernetes-list-type": "atomic",
                "items": {
                    "type": "object",
                    "required": ["key", "operator"],
                    "properties": {
                        "key": text(TEXT_BYTES_MAX),
                        "operator": {
                            "type": "string",
                            "enum": ["In", "NotIn", "Exists", "DoesNotExist"],
                        },
                        "values": {
                            "type": "array",
                            "maxItems": ITEMS_MAX,
                            "items": {"type": "string", "maxLength": 63},
                            "x-kubernetes-list-type": "atomic",
                        },
                    },
                },
            },
        },
    })
}

fn rule() -> Value {
    let described = |bytes: usize, about: &str| json!({"type": "string", "minLength": 1, "maxLength": bytes, "description": about});
    let matchers = json!({
        "name": {
            "type": "string",
            "maxLength": 63,
            "pattern": "^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$",
            "description": "Stands in logs, metrics and annotations; rules[INDEX] when left out.",
        },
        "exact": described(TEXT_BYTES_MAX, "registry/path, with :tag or @digest if wanted."),
        "glob": described(TEXT_BYTES_MAX, "Matched on the whole of registry/repository."),
        "regex": described(REGEX_BYTES_MAX, "Matched on the whole of registry/repository."),
        "prefix": described(TEXT_BYTES_MAX, "A registry, or a path in it, and all below."),
        "on": {
            "type": "string",
            "enum": ["name", "reference"],
            "description": "reference: glob or regex is matched on registry/repository[:tag][@digest].",
        },
    });
    let mut rule = with_action(matchers, "One rule.");
    let one_matcher = "[has(self.exact), has(self.glob), has(self.regex), has(self.prefix)]\
                       .filter(given, given).size() == 1";
    rule["x-kubernetes-validations"] = json!([
        {"rule": one_matcher, "message": "write exactly one of exact, glob, regex and prefix"},
        {"rule": "!has(self.on) || has(self.glob) || has(self.regex)",
         "message": "on has a meaning for glob and regex only"},
    ]);
    rule
}

/// An object with `properties` and with `to` or `keep`.
fn with_action(mut properties: Value, about: &str) -> Value {
    // Text or a list of texts: a structural schema has no such type, so the
    // reader checks it, and no expression sees it.
    properties["to"] = json!({
        "x-kubernetes-preserve-unknown-fields": true,
        "description": "The target, or a list of targets of which the first is used.",
    });
    properties["keep"] = json!({
        "type": "boolean",
        "enum": [true],
        "description": "The image stays as it is.",
    });
    json!({
        "type": "object",
        "description": about,
        "properties": properties,
        "oneOf": [{"required": ["to"]}, {"required": ["keep"]}],
    })
}

fn status() -> Value {
    json!({
        "type": "object",
        "description": "Written by Detour.",
        "properties": {
            "observedGeneration": {
                "type": "integer",
                "format": "int64",
                "description": "The generation of the spec that the status tells about.",
            },
            "rules": {
                "type": "integer",
                "format": "int32",
                "description": "How many rules the spec has, the default counted in.",
            },
            "conditions": {
                "type": "array",
                "maxItems": 8,
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["type"],
                "items": condition(),
            },
        },
    })
}

/// `metav1.Condition`.
fn condition() -> Value {
    json!({
        "type": "object",
        "required": ["type", "status", "reason", "message", "lastTransitionTime"],
        "properties": {
            "type": {"type": "string", "maxLength": 316},
            "status": {"type": "string", "enum": ["True", "False", "Unknown"]},
            "observedGeneration": {"type": "integer", "format": "int64", "minimum": 0},
            "lastTransitionTime": {"type": "string", "format": "date-time"},
            "reason": {"type": "string", "minLength": 1, "maxLength": 1024},
            "message": {"type": "string", "maxLength": 32768},
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::document::{CLUSTER_FIELDS, SPEC_FIELDS};
    use crate::rules::rule::RULE_FIELDS;

    fn names(properties: &Value) -> Vec<&str> {
        properties.as_object().unwrap().keys().map(String::as_str).collect()
    }

    fn sorted<'n>(names: impl IntoIterator<Item = &'n str>) -> Vec<&'n str> {
        let mut names: Vec<&str> = names.into_iter().collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn the_schema_has_the_fields_of_the_reader() {
        let of_cluster = &schema(Kind::ClusterImageMap)["properties"]["spec"]["properties"];
        assert_eq!(names(of_cluster), sorted(SPEC_FIELDS));
        let of_namespace = &schema(Kind::ImageMap)["properties"]["spec"]["properties"];
        let fields = SPEC_FIELDS.into_iter().filter(|name| !CLUSTER_FIELDS.contains(name));
        assert_eq!(names(of_namespace), sorted(fields));
        assert_eq!(names(&of_cluster["rules"]["items"]["properties"]), sorted(RULE_FIELDS));
        assert_eq!(names(&of_cluster["default"]["properties"]), ["keep", "to"]);
    }
}
