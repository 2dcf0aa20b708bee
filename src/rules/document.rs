//! The documents of one source: text in, checked maps and all faults out.

use super::fault::{Fault, FaultKind, Place, Report};
use super::fields::{Checker, Table};
use super::merge::{NAMESPACE_PATTERNS_MAX, PATTERNS_MAX};
use super::node::{self, Node, Value};
use super::selector::Globs;
use super::{
    API_GROUP, API_VERSION, Age, ImageMap, Kind, MapId, RULES_PER_DOCUMENT_MAX, Rule, Source, lint,
    names, rule, scope,
};

const DOCUMENT_FIELDS: [&str; 5] = ["apiVersion", "kind", "metadata", "spec", "status"];
/// `ObjectMeta`, so that what `kubectl get -o yaml` prints can be fed back.
const METADATA_FIELDS: [&str; 14] = [
    "name",
    "namespace",
    "labels",
    "annotations",
    "creationTimestamp",
    "uid",
    "resourceVersion",
    "generation",
    "managedFields",
    "finalizers",
    "ownerReferences",
    "selfLink",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
];
pub(super) const SPEC_FIELDS: [&str; 11] = [
    "mode",
    "priority",
    "final",
    "rollout",
    "namespaces",
    "excludeNamespaces",
    "excludeOwners",
    "podSelector",
    "imagePullSecrets",
    "rules",
    "default",
];
/// Fields that only a `ClusterImageMap` has.
pub(super) const CLUSTER_FIELDS: [&str; 3] = ["final", "namespaces", "excludeNamespaces"];

/// One text of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// Its name in faults: a file's path, a key.
    pub name: String,
    /// YAML or JSON, with any number of documents.
    pub content: String,
}

/// What [`load`] found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Loaded {
    /// The maps without a fault.
    pub maps: Vec<ImageMap>,
    /// The faults of the others and of the set, and the warnings.
    pub report: Report,
}

/// Reads and checks all documents of a source's texts, in their order.
pub fn load(source: Source, texts: &[Text]) -> Loaded {
    let mut loaded = Loaded::default();
    let mut order = 0;
    for text in texts {
        let place = |document| Place { file: text.name.clone(), document, map: None, rule: None };
        match node::read(&text.content) {
            Err((line, reason)) => {
                let hint = "mend the text; the rest of the file was not read";
                loaded.report.faults.push(place(0).fault(line, reason, hint));
            }
            Ok(documents) => {
                for (index, node) in documents.into_iter().enumerate() {
                    order += 1;
                    let mut checker =
                        Checker { place: place(index + 1), report: Report::default() };
                    let map = check_document(&mut checker, &node, source, order);
                    loaded.maps.extend(map.filter(|_| checker.report.faults.is_empty()));
                    loaded.report.faults.append(&mut checker.report.faults);
                    loaded.report.warnings.append(&mut checker.report.warnings);
                }
            }
        }
    }
    lint::check_set(&loaded.maps, &mut loaded.report);
    loaded.report.faults.sort();
    loaded.report.warnings.sort();
    loaded
}

fn check_document(
    checker: &mut Checker,
    node: &Node<'_>,
    source: Source,
    order: usize,
) -> Option<ImageMap> {
    if node.value == Value::Null {
        return None;
    }
    let table = checker.table(node, "the document", &DOCUMENT_FIELDS)?;
    let kind = check_kind(checker, node, table);
    let identity = check_metadata(checker, node, table, kind);
    if let Some((id, _)) = &identity {
        checker.place.map = Some(id.to_string());
    }
    let place = checker.place.fault(node.line, "", "");
    let Some(spec_node) = table.get("spec") else {
        checker.fault(node.line, "the document has no spec", "write spec: with rules or default");
        return None;
    };
    let spec = checker.table(spec_node, "spec", &SPEC_FIELDS)?;
    if kind == Some(Kind::ImageMap) {
        refuse_cluster_fields(checker, spec);
    }
    let mut rules = check_rules(checker, spec, kind);
    rules.extend(spec.get("default").and_then(|node| rule::check_default(checker, node)));
    checker.place.rule = None;
    lint::check_map(checker, &rules);
    if rules.is_empty() && checker.report.faults.is_empty() {
        checker.warn(spec_node.line, "the map has neither rules nor default", "it does nothing");
    }
    let scope = scope::check(checker, spec);
    let (id, created) = identity?;
    let own_namespace = [id.namespace.clone()];
    let namespaces = match id.kind {
        Kind::ImageMap => Globs::new(own_namespace.iter().map(String::as_str)).ok()?,
        Kind::ClusterImageMap => scope.namespaces,
    };
    Some(ImageMap {
        age: age(source, created, order, &id.name),
        id,
        source,
        place,
        mode: scope.mode,
        priority: scope.priority,
        is_final: scope.is_final,
        rollout: scope.rollout,
        namespaces,
        exclude_namespaces: scope.exclude_namespaces,
        exclude_owners: scope.exclude_owners,
        pod_selector: scope.pod_selector,
        pull_secrets: scope.pull_secrets,
        rules: rules.into(),
    })
}

/// Objects of the API server are ordered by their creation, whatever the order
/// in which they were listed; documents by their place, whatever they say.
fn age(source: Source, created: String, order: usize, name: &str) -> Age {
    let name = name.to_owned();
    match source {
        Source::Api => Age { created, order: 0, name },
        Source::File | Source::ConfigMap | Source::Harbor => {
            Age { created: String::new(), order, name }
        }
    }
}

fn check_kind(checker: &mut Checker, node: &Node<'_>, table: Table<'_>) -> Option<Kind> {
    let wanted = format!("{API_GROUP}/{API_VERSION}");
    let version = table.get("apiVersion").and_then(|node| checker.text(node, "apiVersion"));
    if version != Some(wanted.as_str()) {
        let line = table.get("apiVersion").map_or(node.line, |node| node.line);
        let what = match version {
            Some(other) => format!("apiVersion {other:?} is not known to this version"),
            None => "apiVersion is missing".to_owned(),
        };
        checker.fault(line, what, format!("write apiVersion: {wanted}"));
    }
    let kind = table.get("kind").and_then(|node| checker.text(node, "kind"));
    let hint = match kind {
        Some("ClusterImageMap") => return Some(Kind::ClusterImageMap),
        Some("ImageMap") => return Some(Kind::ImageMap),
        Some("List") => "write each item as a document of its own, with --- between them",
        _ => "write kind: ClusterImageMap, or ImageMap for one namespace",
    };
    let what = match kind {
        Some(other) => format!("kind {other:?} is not known"),
        None => "kind is missing".to_owned(),
    };
    checker.fault(table.get("kind").map_or(node.line, |node| node.line), what, hint);
    None
}

fn check_metadata(
    checker: &mut Checker,
    node: &Node<'_>,
    table: Table<'_>,
    kind: Option<Kind>,
) -> Option<(MapId, String)> {
    let Some(metadata) = table.get("metadata") else {
        checker.fault(node.line, "metadata is missing", "write metadata: {name: NAME}");
        return None;
    };
    let line = metadata.line;
    let table = checker.table(metadata, "metadata", &METADATA_FIELDS)?;
    let text = |checker: &mut Checker, name: &str| {
        table.get(name).and_then(|node| checker.text(node, name)).map(str::to_owned)
    };
    let name = text(checker, "name");
    let namespace = text(checker, "namespace");
    let created = text(checker, "creationTimestamp").unwrap_or_default();
    if name.as_deref().is_none_or(|name| !names::is_object_name(name)) {
        let what = format!("metadata.name {:?} cannot name a map", name.unwrap_or_default());
        checker.fault(line, what, "use at most 253 lower-case letters, digits, - and .");
        return None;
    }
    let namespace = match (kind?, namespace) {
        (Kind::ClusterImageMap, None) => String::new(),
        (Kind::ClusterImageMap, Some(_)) => {
            let hint = "drop metadata.namespace, or write kind: ImageMap";
            checker.fault(line, "a ClusterImageMap has no namespace", hint);
            return None;
        }
        (Kind::ImageMap, Some(namespace)) if names::is_namespace(&namespace) => namespace,
        (Kind::ImageMap, _) => {
            let hint = "write metadata.namespace, or kind: ClusterImageMap for all namespaces";
            checker.fault(line, "an ImageMap needs the name of its namespace", hint);
            return None;
        }
    };
    Some((MapId { kind: kind?, namespace, name: name? }, created))
}

fn refuse_cluster_fields(checker: &mut Checker, spec: Table<'_>) {
    for name in CLUSTER_FIELDS {
        if let Some(node) = spec.get(name) {
            let what = format!("an ImageMap has no field {name:?}");
            checker.fault(node.line, what, "drop it: an ImageMap is for its own namespace");
        }
    }
}

fn check_rules(checker: &mut Checker, spec: Table<'_>, kind: Option<Kind>) -> Vec<Rule> {
    let Some(node) = spec.get("rules") else { return Vec::new() };
    let items = checker.list(node, "rules").unwrap_or_default();
    if items.len() > RULES_PER_DOCUMENT_MAX {
        let what = format!("the document has {} rules", items.len());
        let hint = format!("the limit is {RULES_PER_DOCUMENT_MAX}: split it into several maps");
        checker.fault_of(FaultKind::Limit, node.line, what, hint);
        return Vec::new();
    }
    // Patterns cost memory as soon as they are compiled, and the lints compare
    // each with every target: what can never be in force is not looked at.
    let limit = match kind {
        Some(Kind::ImageMap) => NAMESPACE_PATTERNS_MAX,
        _ => PATTERNS_MAX,
    };
    let patterns = items.iter().filter(|node| rule::has_pattern(node)).count();
    if patterns > limit {
        let what = format!("the document has {patterns} globs and regular expressions");
        let hint = format!("the limit is {limit}: use prefix where you can");
        checker.fault_of(FaultKind::Limit, node.line, what, hint);
        return Vec::new();
    }
    let rules = items.iter().enumerate();
    let rules: Vec<Rule> =
        rules.filter_map(|(index, node)| rule::check(checker, node, index)).collect();
    checker.place.rule = None;
    rules
}

/// A fault of a source that could not be read at all.
pub fn unreadable(name: &str, reason: &str, hint: &str) -> Fault {
    Place { file: name.to_owned(), document: 0, map: None, rule: None }.fault(0, reason, hint)
}
