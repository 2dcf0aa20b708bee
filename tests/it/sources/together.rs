//! Maps of several sources, seen together.

use detour::kube::watch::Observer;
use detour::rules::{self, Kind, Source, Text};
use detour::sources::Update;
use detour::sources::api::Watched;
use detour::sources::board::Place;
use detour::sources::verdict::State;
use serde_json::json;

use super::{Served, object, objects, prefixes};

fn documents(source: Source, name: &str, content: &str) -> Update {
    let text = Text { name: name.to_owned(), content: content.to_owned() };
    Update::of_documents(rules::load(source, &[text]))
}

fn document(kind: &str, metadata: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: detour.dev/v1alpha1\nkind: {kind}\nmetadata: {{{metadata}}}\nspec: {spec}\n"
    )
}

/// A file, and the kind that a test is about.
fn two(kind: Kind) -> (Served, Place, Watched) {
    let (served, mut places) = Served::new(&["file", "api"]);
    let watched = Watched::new(kind, places.remove(1));
    (served, places.remove(0), watched)
}

#[test]
fn objects_are_asked_before_files_and_all_are_in_force() {
    let (served, file, mut watched) = two(Kind::ClusterImageMap);
    let spec =
        "{rules: [{prefix: docker.io, to: file.example}, {prefix: quay.io, to: file.example}]}";
    file.update(documents(
        Source::File,
        "rules.yaml",
        &document("ClusterImageMap", "name: f", spec),
    ));
    watched.changed(&objects([object(
        "ClusterImageMap",
        "o",
        1,
        &prefixes(&[("docker.io", "api.example")]),
    )]));
    assert_eq!(
        served.rules(),
        [
            "ClusterImageMap/o#rules[0] prefix docker.io api.example",
            "ClusterImageMap/f#rules[0] prefix docker.io file.example",
            "ClusterImageMap/f#rules[1] prefix quay.io file.example",
        ]
    );
    assert_eq!(served.metric("detour_source_rules{source=\"file\"}"), "2");
    assert_eq!(served.metric("detour_source_rules{source=\"api\"}"), "1");
    assert_eq!(served.metric("detour_rules "), "3");
}

#[test]
fn an_object_that_conflicts_with_a_file_loses_and_says_where_the_other_is() {
    let (served, file, mut watched) = two(Kind::ImageMap);
    let map = document(
        "ImageMap",
        "name: web, namespace: shop",
        "{rules: [{name: hub, prefix: docker.io, to: file.example}]}",
    );
    file.update(documents(Source::File, "rules.yaml", &map));
    watched.changed(&objects([object(
        "ImageMap",
        "shop/api",
        1,
        &prefixes(&[("docker.io", "api.example")]),
    )]));
    let verdict = served.verdicts.latest().verdicts[0].clone();
    let State::OutOfForce { message, others, .. } = verdict.state else { panic!() };
    assert_eq!(others, [], "no object is in the way");
    assert!(
        message.contains("rule hub of ImageMap/shop/web from a file, which is older"),
        "{message}"
    );
    assert_eq!(served.rules().len(), 1);
}

#[test]
fn two_maps_of_one_name_are_warned_about() {
    let (served, file, mut watched) = two(Kind::ClusterImageMap);
    let map =
        document("ClusterImageMap", "name: same", "{rules: [{prefix: docker.io, keep: true}]}");
    file.update(documents(Source::File, "rules.yaml", &map));
    watched.changed(&objects([object(
        "ClusterImageMap",
        "same",
        1,
        &prefixes(&[("quay.io", "a.example")]),
    )]));
    assert_eq!(served.rules().len(), 2, "both are in force");
    let warnings = &served.verdicts.latest().verdicts[0].warnings;
    let text = "ClusterImageMap/same is a map of rules.yaml too; records, logs and metrics cannot \
                tell them apart: rename one";
    assert_eq!(*warnings, [text]);
}

#[test]
fn warnings_that_only_show_together_reach_the_object() {
    let (served, file, mut watched) = two(Kind::ClusterImageMap);
    file.update(documents(Source::File, "rules.yaml", ""));
    let a = object("ClusterImageMap", "a", 1, &prefixes(&[("docker.io", "quay.io/hub")]));
    let b = object("ClusterImageMap", "b", 2, &prefixes(&[("quay.io", "b.example")]));
    watched.changed(&objects([a, b]));
    let verdicts = served.verdicts.latest().verdicts;
    let text = "rule rules[0]: the target quay.io/hub is the input of rule rules[0] of \
                ClusterImageMap/b (prefix quay.io); images at the target are kept where both maps \
                are visible";
    assert_eq!(verdicts[0].warnings, [text]);
    assert_eq!((verdicts[1].warnings.len(), &verdicts[1].state), (0, &State::InForce));
    let nothing = object("ClusterImageMap", "c", 3, &json!({}));
    watched.changed(&objects([nothing]));
    let warnings = &served.verdicts.latest().verdicts[0].warnings;
    assert!(warnings[0].starts_with("the map has neither rules nor default"), "{warnings:?}");
}
