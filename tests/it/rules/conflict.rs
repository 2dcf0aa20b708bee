//! Maps of one layer and priority that say different things.

use detour::rules::merge::{Merged, Obstacle, merge};
use detour::rules::{ImageMap, Source, load};

use super::{cluster_map, image_map, named};

fn maps(source: Source, texts: &str) -> Vec<ImageMap> {
    let loaded = load(source, &[named("rules.yaml", texts)]);
    assert_eq!(loaded.report.faults, []);
    loaded.maps
}

fn in_force(merged: &Merged) -> Vec<&str> {
    merged.in_force.iter().map(|map| map.id.name.as_str()).collect()
}

/// The names in force of two maps, `old` and `young`.
fn of_two(old: &str, young: &str) -> Vec<String> {
    let texts = cluster_map("old", old) + &cluster_map("young", young);
    in_force(&merge(maps(Source::File, &texts))).into_iter().map(str::to_owned).collect()
}

fn rule(rule: &str) -> String {
    format!("rules:\n- {{name: r, {rule}}}")
}

#[test]
fn the_same_pattern_with_another_result_is_a_conflict() {
    let cases = [
        ("prefix: docker.io, to: a.example", "prefix: index.docker.io, to: b.example"),
        ("prefix: docker.io, to: a.example", "prefix: docker.io, keep: true"),
        (
            "exact: docker.io/nginx, to: a.example/x",
            "exact: docker.io/library/nginx, to: b.example/x",
        ),
        ("glob: \"quay.io/*\", to: a.example", "glob: \"quay.io/*\", to: b.example"),
        ("regex: \"quay.*\", to: a.example/x", "regex: \"quay.*\", to: b.example/x"),
        ("prefix: quay.io, to: \"a.example/{name}\"", "prefix: quay.io, to: \"a.example/{rest}\""),
    ];
    for (old, young) in cases {
        assert_eq!(of_two(&rule(old), &rule(young)), ["old"], "{old} and {young}");
    }
    assert_eq!(of_two("default: {to: a.example}", "default: {to: b.example}"), ["old"]);
    assert_eq!(of_two("default: {to: a.example}", "default: {keep: true}"), ["old"]);
}

#[test]
fn other_patterns_and_equal_results_are_no_conflict() {
    let cases = [
        ("prefix: docker.io, to: a.example", "prefix: docker.io, to: a.example"),
        ("prefix: docker.io, keep: true", "prefix: docker.io, to: docker.io"),
        ("prefix: docker.io, to: a.example", "prefix: docker.io/a, to: b.example"),
        ("prefix: quay.io/a, to: a.example", "exact: quay.io/a, to: b.example/a"),
        ("glob: quay.io/a, to: a.example", "regex: quay.io/a, to: b.example/a"),
        ("glob: \"q/*\", to: a.example", "glob: \"q/*\", on: reference, to: b.example"),
        ("exact: quay.io/a, to: a.example/a", "exact: \"quay.io/a:1\", to: b.example/a"),
    ];
    for (old, young) in cases {
        assert_eq!(of_two(&rule(old), &rule(young)), ["old", "young"], "{old} and {young}");
    }
    let default = "default: {to: b.example}";
    assert_eq!(of_two(&rule("prefix: docker.io, to: a.example"), default), ["old", "young"]);
    assert_eq!(of_two(default, default), ["old", "young"]);
}

#[test]
fn only_maps_that_can_meet_conflict() {
    let (a, b) = (rule("prefix: quay.io, to: a.example"), rule("prefix: quay.io, to: b.example"));
    let cases = [
        ("namespaces: [x, y]", "namespaces: [z]", true),
        ("namespaces: [x, y]", "namespaces: [y]", false),
        ("namespaces: [x]", "namespaces: [\"z*\"]", false),
        ("namespaces: [x]", "", false),
        ("namespaces: [x]", "excludeNamespaces: [x]", false),
        ("priority: 1", "", true),
        ("priority: 1", "priority: 1", false),
        ("mode: Observe", "", true),
        ("", "mode: Observe", true),
        ("final: true", "", true),
        ("podSelector: {matchLabels: {a: b}}", "", false),
        ("rollout: {percent: 1}", "", false),
    ];
    for (old, young, is_both) in cases {
        let names = of_two(&format!("{old}\n{a}"), &format!("{young}\n{b}"));
        assert_eq!(names.len() == 2, is_both, "{old:?} and {young:?}: {names:?}");
    }
}

#[test]
fn layers_and_namespaces_do_not_conflict() {
    let (a, b) = (rule("prefix: quay.io, to: a.example"), rule("prefix: quay.io, to: b.example"));
    let mut all = maps(Source::File, &cluster_map("file", &a));
    all.extend(maps(Source::Api, &(cluster_map("api", &b) + &image_map("web", "own", &a))));
    all.extend(maps(Source::Api, &image_map("ops", "other", &b)));
    assert_eq!(merge(all).out_of_force, []);
    let same = image_map("web", "old", &a) + &image_map("web", "young", &b);
    assert_eq!(in_force(&merge(maps(Source::Api, &same))), ["old"]);
}

#[test]
fn the_loser_is_wholly_out_of_force_and_says_why() {
    let old = rule("prefix: quay.io, to: a.example");
    let young = "rules:\n- {name: fine, prefix: gcr.io, to: c.example}\n\
                 - {name: clash, prefix: quay.io, to: b.example}\ndefault: {keep: true}";
    let texts = cluster_map("old", &old) + &cluster_map("young", young);
    let merged = merge(maps(Source::File, &texts));
    assert_eq!(in_force(&merged), ["old"]);
    let (map, obstacle) = &merged.out_of_force[0];
    assert_eq!((map.id.name.as_str(), map.rules.len()), ("young", 3));
    assert!(matches!(obstacle, Obstacle::Conflict { .. }));
    let text = "rule clash conflicts with rule r of ClusterImageMap/old, which is older; make \
                them agree, or set a priority";
    assert_eq!(obstacle.to_string(), text);
}

#[test]
fn a_map_conflicts_only_with_older_maps_in_force() {
    // b loses against a, and so does not stand in the way of c.
    let a = rule("prefix: quay.io, to: a.example");
    let b = "rules:\n- {prefix: quay.io, to: b.example}\n- {prefix: gcr.io, to: b.example}";
    let c = rule("prefix: gcr.io, to: c.example");
    let texts = cluster_map("a", &a) + &cluster_map("b", b) + &cluster_map("c", &c);
    let all = maps(Source::File, &texts);
    assert_eq!(in_force(&merge(all.clone())), ["a", "c"]);
    // Without a, b is in force and c loses.
    assert_eq!(in_force(&merge(all[1..].to_vec())), ["b"]);
}

#[test]
fn age_decides_and_not_the_order_in_which_the_maps_came() {
    let spec = |to: &str| rule(&format!("prefix: quay.io, to: {to}"));
    let created = |name: &str, month: u8, to: &str| {
        let stamp = format!("{{creationTimestamp: \"2026-0{month}-01T00:00:00Z\", name:");
        cluster_map(name, &spec(to)).replacen("{name:", &stamp, 1)
    };
    let texts = created("z", 1, "z.example") + &created("a", 2, "a.example");
    let mut all = maps(Source::Api, &texts);
    assert_eq!(in_force(&merge(all.clone())), ["z"]);
    all.reverse();
    assert_eq!(in_force(&merge(all)), ["z"]);
}
