//! `rules` from YAML and JSON text to faults, warnings and maps in force.

mod document;
mod text;
mod matcher;
mod target;
mod duplicate;
mod chain;
mod selector;
mod limit;
mod order;
mod schema;
mod conflict;

use detour::rules::{Loaded, Source, Text, load};

/// A `ClusterImageMap` document with this `spec`, which may have many lines.
pub(crate) fn cluster_map(name: &str, spec: &str) -> String {
    document("ClusterImageMap", &format!("name: {name}"), spec)
}

/// An `ImageMap` document with this `spec`.
pub(crate) fn image_map(namespace: &str, name: &str, spec: &str) -> String {
    document("ImageMap", &format!("name: {name}, namespace: {namespace}"), spec)
}

fn document(kind: &str, metadata: &str, spec: &str) -> String {
    let spec: Vec<String> = spec.lines().map(|line| format!("  {line}\n")).collect();
    let head = "---\napiVersion: detour.dev/v1alpha1";
    format!("{head}\nkind: {kind}\nmetadata: {{{metadata}}}\nspec:\n{}", spec.concat())
}

/// Loads one text as the file `rules.yaml`.
pub(crate) fn load_file(content: &str) -> Loaded {
    load(Source::File, &[named("rules.yaml", content)])
}

pub(crate) fn named(name: &str, content: &str) -> Text {
    Text { name: name.to_owned(), content: content.to_owned() }
}

/// The faults of one text, as the operator reads them.
pub(crate) fn faults(content: &str) -> Vec<String> {
    load_file(content).report.faults.iter().map(ToString::to_string).collect()
}

/// The warnings of one text without a fault.
pub(crate) fn warnings(content: &str) -> Vec<String> {
    let report = load_file(content).report;
    assert_eq!(report.faults, [], "{content}");
    report.warnings.iter().map(ToString::to_string).collect()
}

/// Checks that the text has exactly one fault, holding each of `parts`.
pub(crate) fn refuses(content: &str, parts: &[&str]) {
    let faults = faults(content);
    let [fault] = &faults[..] else { panic!("not one fault: {faults:#?}\n{content}") };
    for part in parts {
        assert!(fault.contains(part), "{part:?} is not in {fault:?}\n{content}");
    }
}

/// As [`refuses`], for a map of this one rule, in flow style without braces.
pub(crate) fn refuses_rule(rule: &str, parts: &[&str]) {
    refuses(&cluster_map("default", &format!("rules:\n- {{{rule}}}")), parts);
}
