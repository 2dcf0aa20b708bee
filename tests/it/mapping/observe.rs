//! Maps in Observe: decided, recorded beside, without effect.

use bumpalo::Bump;
use detour::mapping::Mapping;
use detour::rules::Source;

use super::{check, mapping, pod_in};
use crate::rules::cluster_map;

/// What the maps in Observe would have done, as `REASON MAP#RULE RESULT`.
fn would_be(mapping: &Mapping, image: &str) -> Option<String> {
    let arena = Bump::new();
    let observed = mapping.decide(image, &pod_in("web"), &arena).observed?;
    let result = observed.image.map_or("-".to_owned(), |image| image.to_string());
    Some(format!("{} {} {result}", observed.reason, observed.rule))
}

fn files(text: &str) -> Mapping {
    mapping(&[(Source::File, text)])
}

const TRIAL: &str = "mode: Observe\npriority: 1\nrules:\n\
                     - {name: r, prefix: quay.io, to: trial.example}\n\
                     - {name: k, prefix: quay.io/kept, keep: true}\n\
                     - {name: i, prefix: quay.io/a/b, to: trial.example}";
const REAL: &str = "rules:\n- {name: r, prefix: quay.io, to: real.example}";

#[test]
fn a_map_in_observe_changes_nothing_and_is_recorded() {
    let mapping = files(&cluster_map("trial", TRIAL));
    check(&mapping, &[("quay.io/x", "no-rule - -")]);
    let recorded = would_be(&mapping, "quay.io/x");
    assert_eq!(recorded.as_deref(), Some("rewritten ClusterImageMap/trial#r trial.example/x"));
}

#[test]
fn beside_a_map_in_enforce_both_decisions_are_known() {
    let mapping = files(&(cluster_map("trial", TRIAL) + &cluster_map("real", REAL)));
    check(&mapping, &[("quay.io/x", "rewritten real#r real.example/x")]);
    let cases = [
        ("quay.io/x", Some("rewritten ClusterImageMap/trial#r trial.example/x")),
        ("quay.io/kept/x", Some("keep ClusterImageMap/trial#k -")),
        ("quay.io/a/b", Some("invalid-result ClusterImageMap/trial#i -")),
        ("trial.example/x", Some("already-there ClusterImageMap/trial#r -")),
        ("nginx", None),
        ("", None),
    ];
    for (image, expected) in cases {
        assert_eq!(would_be(&mapping, image).as_deref(), expected, "{image}");
    }
}

#[test]
fn a_map_in_observe_that_would_not_decide_records_nothing() {
    let later = TRIAL.replace("priority: 1", "priority: -1");
    let mapping = files(&(cluster_map("trial", &later) + &cluster_map("real", REAL)));
    check(&mapping, &[("quay.io/x", "rewritten real#r real.example/x")]);
    assert_eq!(would_be(&mapping, "quay.io/x"), None);
    // An image at the target of a map in Enforce is there for both.
    assert_eq!(would_be(&mapping, "real.example/x"), None);
}

#[test]
fn the_targets_of_a_map_in_observe_are_no_places() {
    let wide = "rules:\n- {name: r, prefix: trial.example, to: real.example}";
    let mapping = files(&(cluster_map("trial", TRIAL) + &cluster_map("wide", wide)));
    check(&mapping, &[("trial.example/x", "rewritten wide#r real.example/x")]);
}

#[test]
fn a_default_in_observe_is_recorded_too() {
    let trial = "mode: Observe\ndefault: {to: trial.example}";
    let mapping = files(&cluster_map("trial", trial));
    check(&mapping, &[("quay.io/x", "no-rule - -")]);
    let recorded = would_be(&mapping, "quay.io/x");
    assert_eq!(
        recorded.as_deref(),
        Some("rewritten ClusterImageMap/trial#default trial.example/x")
    );
}

#[test]
fn a_map_in_observe_that_is_not_for_the_pod_records_nothing() {
    for scope in ["namespaces: [ops]", "rollout: {percent: 0}", "excludeNamespaces: [web]"] {
        let mapping = files(&cluster_map("trial", &format!("{scope}\n{TRIAL}")));
        assert_eq!(would_be(&mapping, "quay.io/x"), None, "{scope}");
    }
}
