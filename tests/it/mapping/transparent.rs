//! A map that is not for a pod is as if it were absent.

use bumpalo::Bump;
use detour::mapping::Mapping;
use detour::mapping::scope::{Owner, Pod};
use detour::rules::Source;

use super::{check_for, mapping, pod_in};
use crate::rules::{cluster_map, image_map};

const NARROW: (&str, &str) = ("quay.io/x", "rewritten narrow#r narrow.example/x");
const WIDE: (&str, &str) = ("quay.io/x", "rewritten wide#r wide.example/x");

/// A map `narrow` with `scope`, asked before a map `wide` for every pod.
fn narrow(scope: &str) -> Mapping {
    let rule = |name: &str| format!("rules:\n- {{name: r, prefix: quay.io, to: {name}.example}}");
    let first = cluster_map("narrow", &format!("priority: 1\n{scope}\n{}", rule("narrow")));
    mapping(&[(Source::File, &(first + &cluster_map("wide", &rule("wide"))))])
}

fn owner(group_kind: &str) -> Owner<'_> {
    let (_, kind) = group_kind.split_once('/').expect("GROUP/KIND");
    Owner { group_kind, kind, name: "db", is_controller: false }
}

#[test]
fn a_map_is_for_the_namespaces_that_its_globs_match() {
    let cases = [
        ("namespaces: [\"*\"]", "web", NARROW),
        ("namespaces: [web, \"team-*\"]", "web", NARROW),
        ("namespaces: [web, \"team-*\"]", "team-a", NARROW),
        ("namespaces: [web, \"team-*\"]", "webs", WIDE),
        ("namespaces: [web, \"team-*\"]", "a-team-a", WIDE),
        ("namespaces: []", "web", WIDE),
        ("excludeNamespaces: [web]", "web", WIDE),
        ("excludeNamespaces: [web]", "webs", NARROW),
        ("excludeNamespaces: [\"w?b\"]", "web", WIDE),
        ("namespaces: [\"team-*\"]\nexcludeNamespaces: [team-a]", "team-a", WIDE),
        ("namespaces: [\"team-*\"]\nexcludeNamespaces: [team-a]", "team-b", NARROW),
    ];
    for (scope, namespace, expected) in cases {
        check_for(&narrow(scope), &pod_in(namespace), &[expected]);
    }
}

#[test]
fn a_map_is_not_for_pods_of_excluded_owners() {
    let mapping = narrow("excludeOwners: [\"postgresql.cnpg.io/*\", \"*/Etcd\", core/Node]");
    let cases = [
        (vec![], NARROW),
        (vec![owner("postgresql.cnpg.io/Cluster")], WIDE),
        (vec![owner("apps/ReplicaSet"), owner("postgresql.cnpg.io/Pooler")], WIDE),
        (vec![owner("druid.gardener.cloud/Etcd")], WIDE),
        (vec![owner("core/Node")], WIDE),
        (vec![owner("apps/ReplicaSet")], NARROW),
        (vec![owner("x.postgresql.cnpg.io/Cluster")], NARROW),
    ];
    for (owners, expected) in cases {
        let pod = Pod { owners: &owners, ..pod_in("web") };
        check_for(&mapping, &pod, &[expected]);
    }
}

#[test]
fn a_map_is_for_the_pods_that_its_selector_selects() {
    let web = vec![("app", "web"), ("tier", "front")];
    let cases = [
        ("podSelector: {}", vec![], NARROW),
        ("podSelector: {matchLabels: {app: web}}", web.clone(), NARROW),
        ("podSelector: {matchLabels: {app: web, tier: back}}", web.clone(), WIDE),
        ("podSelector: {matchLabels: {app: db}}", web.clone(), WIDE),
        ("podSelector: {matchLabels: {app: web}}", vec![], WIDE),
        (
            "podSelector: {matchExpressions: [{key: app, operator: In, values: [db, web]}]}",
            web.clone(),
            NARROW,
        ),
        (
            "podSelector: {matchExpressions: [{key: app, operator: NotIn, values: [web]}]}",
            web.clone(),
            WIDE,
        ),
        (
            "podSelector: {matchExpressions: [{key: app, operator: NotIn, values: [web]}]}",
            vec![],
            NARROW,
        ),
        ("podSelector: {matchExpressions: [{key: app, operator: Exists}]}", vec![], WIDE),
        ("podSelector: {matchExpressions: [{key: x, operator: Exists}]}", web.clone(), WIDE),
        (
            "podSelector: {matchExpressions: [{key: app, operator: DoesNotExist}]}",
            web.clone(),
            WIDE,
        ),
        ("podSelector: {matchExpressions: [{key: x, operator: DoesNotExist}]}", web, NARROW),
        (
            "podSelector: {matchLabels: {app: web}, \
             matchExpressions: [{key: x, operator: Exists}]}",
            vec![("app", "web")],
            WIDE,
        ),
    ];
    for (scope, labels, expected) in cases {
        let pod = Pod { labels: &labels, ..pod_in("web") };
        check_for(&narrow(scope), &pod, &[expected]);
    }
}

#[test]
fn the_default_of_such_a_map_is_absent_too() {
    let first = "priority: 1\nnamespaces: [web]\ndefault: {to: first.example}";
    let text = cluster_map("a", first) + &cluster_map("b", "default: {to: second.example}");
    let mapping = mapping(&[(Source::File, &text)]);
    let cases = [("quay.io/x", "rewritten a#default first.example/x")];
    check_for(&mapping, &pod_in("web"), &cases);
    let cases = [("quay.io/x", "rewritten b#default second.example/x")];
    check_for(&mapping, &pod_in("ops"), &cases);
}

#[test]
fn each_kind_of_rule_of_such_a_map_is_absent() {
    let rules = [
        "exact: quay.io/x, keep: true",
        "exact: \"quay.io/x:latest\", keep: true",
        "glob: \"quay.io/*\", keep: true",
        "regex: \"quay.io/.*\", keep: true",
        "prefix: quay.io/x, keep: true",
    ];
    for rule in rules {
        let own = format!("podSelector: {{matchLabels: {{app: db}}}}\nrules:\n- {{{rule}}}");
        let wide = "rules:\n- {name: r, prefix: quay.io, to: wide.example}";
        let mapping = mapping(&[
            (Source::Api, &image_map("web", "own", &own)),
            (Source::File, &cluster_map("wide", wide)),
        ]);
        check_for(&mapping, &pod_in("web"), &[WIDE]);
        let labels = &[("app", "db")];
        let pod = Pod { labels, ..pod_in("web") };
        check_for(&mapping, &pod, &[("quay.io/x", "keep ImageMap/web/own#rules[0] -")]);
    }
}

#[test]
fn pull_secrets_are_those_of_the_map_whose_target_is_used() {
    let spec = "imagePullSecrets: [one, two]\npodSelector: {matchLabels: {app: web}}\nrules:\n\
                - {prefix: quay.io, to: m.example}\n- {prefix: gcr.io, keep: true}\n\
                - {prefix: docker.io/a/b, to: m.example}";
    let mapping = mapping(&[(Source::File, &cluster_map("default", spec))]);
    let inside = Pod { labels: &[("app", "web")], ..pod_in("web") };
    let secrets =
        |image: &str, pod: &Pod<'_>| mapping.decide(image, pod, &Bump::new()).pull_secrets.to_vec();
    assert_eq!(secrets("quay.io/x", &inside), ["one", "two"]);
    assert_eq!(secrets("m.example/x", &inside), ["one", "two"]);
    let none: [&str; 0] = [];
    // Kept, without a result, and of a map that is not for the pod.
    assert_eq!(secrets("gcr.io/x", &inside), none);
    assert_eq!(secrets("a/b", &inside), none);
    assert_eq!(secrets("nginx", &inside), none);
    assert_eq!(secrets("m.example/x", &pod_in("web")), none);
}
