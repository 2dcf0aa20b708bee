//! An image that is already where a rule would put it stays.

use detour::rules::Source;

use super::{check, check_for, digest, mapping, of_rules, pod_in};
use crate::rules::{cluster_map, image_map};

#[test]
fn an_image_below_a_literal_target_is_there() {
    let mapping = of_rules(&[
        "name: hub, prefix: docker.io, to: m.example/hub",
        "name: all, glob: \"**\", to: z.example",
    ]);
    check(
        &mapping,
        &[
            ("m.example/hub/library/nginx:1", "already-there default#hub -"),
            ("m.example/hub", "already-there default#hub -"),
            ("z.example/a", "already-there default#all -"),
            // The target ends at the boundary of a segment.
            ("m.example/hubs/a", "rewritten default#all z.example/hubs/a"),
            ("m.example/a", "rewritten default#all z.example/a"),
            ("m.example:443/hub/a", "rewritten default#all z.example/hub/a"),
        ],
    );
}

#[test]
fn it_is_there_before_any_rule_is_asked() {
    let mapping = of_rules(&[
        "name: hub, prefix: docker.io, to: m.example/hub",
        "name: exact, exact: m.example/hub/library/nginx, keep: true",
        "name: glob, glob: \"m.example/hub/*/*\", to: z.example",
    ]);
    check(&mapping, &[("m.example/hub/library/nginx", "already-there default#hub -")]);
}

#[test]
fn an_exact_rule_on_the_mirrored_name_is_refused_within_a_map_and_dead_beside_one() {
    let hub = cluster_map("a", "rules:\n- {name: hub, prefix: docker.io, to: m.example/hub}");
    let late = "rules:\n- {name: late, exact: m.example/hub/library/nginx, to: z.example/nginx}";
    let mapping = mapping(&[(Source::File, &(hub + &cluster_map("b", late)))]);
    check(
        &mapping,
        &[
            ("m.example/hub/library/nginx:1", "already-there a#hub -"),
            ("nginx:1", "rewritten a#hub m.example/hub/library/nginx:1"),
        ],
    );
}

#[test]
fn a_prefix_may_have_its_target_below_itself() {
    let mapping = of_rules(&["name: ghcr, prefix: ghcr.io, to: ghcr.io/mirror"]);
    check(
        &mapping,
        &[
            ("ghcr.io/a", "rewritten default#ghcr ghcr.io/mirror/a"),
            ("ghcr.io/mirror/a", "already-there default#ghcr -"),
            ("ghcr.io/mirrors/a", "rewritten default#ghcr ghcr.io/mirror/mirrors/a"),
        ],
    );
}

#[test]
fn an_official_image_that_a_prefix_has_become_is_there() {
    let mapping = of_rules(&[
        "name: a, prefix: quay.io/a, to: docker.io/a",
        "name: rest, glob: \"docker.io/**\", to: z.example",
    ]);
    check(
        &mapping,
        &[
            ("quay.io/a:1", "rewritten default#a docker.io/library/a:1"),
            ("docker.io/library/a:1", "already-there default#a -"),
            ("docker.io/a/b", "already-there default#a -"),
            ("docker.io/library/a/b", "rewritten default#rest z.example/library/a/b"),
            ("docker.io/library/b", "rewritten default#rest z.example/library/b"),
        ],
    );
}

#[test]
fn an_image_equal_to_an_exact_target_is_there() {
    let a = digest('a');
    let to_tag = of_rules(&[
        "name: exact, exact: \"docker.io/a/b:1\", to: \"m.example/b:1-patched\"",
        "name: rest, glob: \"m.example/**\", to: z.example",
    ]);
    check(
        &to_tag,
        &[
            ("m.example/b:1-patched", "already-there default#exact -"),
            ("m.example/b:1", "rewritten default#rest z.example/b:1"),
            ("m.example/b", "rewritten default#rest z.example/b"),
            (
                &format!("m.example/b:1-patched@{a}"),
                &format!("rewritten default#rest z.example/b:1-patched@{a}"),
            ),
            ("m.example/b/c:1-patched", "rewritten default#rest z.example/b/c:1-patched"),
        ],
    );
}

#[test]
fn the_version_of_an_exact_target_is_the_one_the_rule_could_give() {
    let (a, b) = (digest('a'), digest('b'));
    let pinned = format!("m.example/x:1@{b}");
    let there = "already-there default#rules[0] -";
    let cases = [
        // (exact, to, image, could it have been produced)
        ("d.io/x", "m.example/x", "m.example/x", true),
        ("d.io/x", "m.example/x", "m.example/x:1", true),
        ("d.io/x", "m.example/x", &pinned, true),
        ("d.io/x", "m.example/x:2", "m.example/x:2", true),
        ("d.io/x", "m.example/x:2", "m.example/x:1", false),
        ("d.io/x", "m.example/x:2", "m.example/x", false),
        ("d.io/x", "m.example/x:2", &pinned, true),
        ("d.io/x:1", "m.example/x", "m.example/x:1", true),
        ("d.io/x:1", "m.example/x", "m.example/x:2", false),
        ("d.io/x:1", "m.example/x", &pinned, false),
        ("d.io/x:latest", "m.example/x", "m.example/x", true),
        ("d.io/x:latest", "m.example/x", "m.example/x:latest", true),
        ("d.io/x:latest", "m.example/x:latest", "m.example/x", true),
        ("d.io/x", "m.example/x:latest", "m.example/x", true),
        ("d.io/x:latest", "m.example/x:latest", &pinned, false),
        ("d.io/x:1", "m.example/x:2", "m.example/x:2", true),
        ("d.io/x:1", "m.example/x:2", "m.example/x:1", false),
        (&format!("d.io/x@{b}"), "m.example/x", &pinned, true),
        (&format!("d.io/x:1@{b}"), "m.example/x", &pinned, true),
        (&format!("d.io/x:2@{b}"), "m.example/x", &pinned, false),
        (&format!("d.io/x@{a}"), "m.example/x", &pinned, false),
        (&format!("d.io/x@{a}"), "m.example/x", "m.example/x:1", false),
        ("d.io/x", &format!("m.example/x:1@{b}"), &pinned, true),
        ("d.io/x", &format!("m.example/x@{b}"), &pinned, false),
        ("d.io/x", &format!("m.example/x:1@{b}"), "m.example/x:1", false),
    ];
    for (exact, to, image, is_there) in cases {
        let mapping = of_rules(&[&format!("exact: \"{exact}\", to: \"{to}\"")]);
        let outcome = super::outcome(&mapping, image, &pod_in("web"));
        let expected = if is_there { there } else { "no-rule - -" };
        assert_eq!(outcome, expected, "{exact} to {to}: {image}");
    }
}

#[test]
fn an_image_equal_to_the_target_of_a_regex_is_there() {
    let mapping = of_rules(&[
        "name: one, regex: \"quay.io/.*\", to: \"m.example/one:1\"",
        "name: rest, glob: \"m.example/**\", to: z.example",
    ]);
    check(
        &mapping,
        &[
            ("m.example/one:1", "already-there default#one -"),
            ("m.example/one:2", "rewritten default#rest z.example/one:2"),
            ("m.example/one/x:1", "rewritten default#rest z.example/one/x:1"),
        ],
    );
}

#[test]
fn all_targets_of_a_list_count() {
    let mapping = of_rules(&[
        "name: ghcr, prefix: ghcr.io, to: [a.example/ghcr, \"b.example/{name}/x\"]",
        "name: exact, exact: quay.io/x, to: [\"a.example/x:1\", \"b.example/y:2\"]",
    ]);
    check(
        &mapping,
        &[
            ("a.example/ghcr/x", "already-there default#ghcr -"),
            ("b.example/a/x", "already-there default#ghcr -"),
            ("a.example/x:1", "already-there default#exact -"),
            ("b.example/y:2", "already-there default#exact -"),
            // Each target has its own tag.
            ("a.example/x:2", "no-rule - -"),
            ("b.example/y:1", "no-rule - -"),
        ],
    );
}

#[test]
fn the_target_of_a_default_counts() {
    let spec = "rules:\n- {prefix: m.example/all, keep: true}\ndefault: {to: m.example/all}";
    let mapping = mapping(&[(Source::File, &cluster_map("default", spec))]);
    check(&mapping, &[("m.example/all/a", "already-there default#default -")]);
}

#[test]
fn every_cluster_wide_layer_and_the_namespaces_own_maps_are_asked() {
    let to = |name: &str| format!("rules:\n- {{name: r, prefix: {name}.io, to: {name}.example}}");
    let last = to("f") + "\n- {name: all, glob: \"**\", to: z.example}";
    let mapping = mapping(&[
        (
            Source::Api,
            &(cluster_map("a", &(to("a") + "\nfinal: true")) + &cluster_map("c", &to("c"))),
        ),
        (Source::Api, &image_map("web", "b", &to("b"))),
        (Source::Api, &image_map("other", "o", &to("o"))),
        (Source::File, &cluster_map("d", &to("d"))),
        (Source::ConfigMap, &cluster_map("e", &to("e"))),
        (Source::Harbor, &cluster_map("f", &last)),
    ]);
    check(
        &mapping,
        &[
            ("a.example/x", "already-there a#r -"),
            ("b.example/x", "already-there ImageMap/web/b#r -"),
            ("c.example/x", "already-there c#r -"),
            ("d.example/x", "already-there d#r -"),
            ("e.example/x", "already-there e#r -"),
            ("f.example/x", "already-there f#r -"),
            // Another namespace's map is not visible.
            ("o.example/x", "rewritten f#all z.example/x"),
        ],
    );
}

#[test]
fn a_namespaces_target_that_another_namespace_mirrors_stays_in_its_own_only() {
    let web = image_map("web", "own", "rules:\n- {name: r, prefix: quay.io, to: a.example}");
    let other = image_map("other", "own", "rules:\n- {name: r, prefix: a.example, to: b.example}");
    let mapping = mapping(&[(Source::Api, &(web + &other))]);
    let there = "already-there ImageMap/web/own#r -";
    check_for(&mapping, &pod_in("web"), &[("a.example/x", there)]);
    let moved = "rewritten ImageMap/other/own#r b.example/x";
    check_for(&mapping, &pod_in("other"), &[("a.example/x", moved), ("quay.io/x", "no-rule - -")]);
    check_for(&mapping, &pod_in("third"), &[("a.example/x", "no-rule - -")]);
}

#[test]
fn a_map_for_other_namespaces_is_not_visible() {
    let named = "namespaces: [web]\nrules:\n- {name: r, prefix: quay.io, to: a.example}";
    let but = "excludeNamespaces: [ops]\nrules:\n- {name: r, prefix: gcr.io, to: b.example}";
    let mapping =
        mapping(&[(Source::File, &(cluster_map("named", named) + &cluster_map("but", but)))]);
    let cases =
        [("a.example/x", "already-there named#r -"), ("b.example/x", "already-there but#r -")];
    check_for(&mapping, &pod_in("web"), &cases);
    check_for(&mapping, &pod_in("ops"), &[("a.example/x", "no-rule - -")]);
    check_for(&mapping, &pod_in("ops"), &[("b.example/x", "no-rule - -")]);
}

#[test]
fn rollout_owners_and_selectors_do_not_matter() {
    let narrow = [
        "rollout: {percent: 0}",
        "podSelector: {matchLabels: {app: db}}",
        "excludeOwners: [\"*/*\"]",
    ];
    let owner = detour::mapping::scope::Owner {
        group_kind: "apps/ReplicaSet",
        kind: "ReplicaSet",
        name: "shop",
        is_controller: true,
    };
    let pod = detour::mapping::scope::Pod { owners: &[owner], ..pod_in("web") };
    for narrow in narrow {
        let spec = format!("{narrow}\nrules:\n- {{name: r, prefix: quay.io, to: a.example}}");
        let wide = "rules:\n- {name: wide, prefix: a.example, to: z.example}";
        let text = cluster_map("narrow", &spec) + &cluster_map("wide", wide);
        let mapping = mapping(&[(Source::File, &text)]);
        let cases = [("a.example/x", "already-there narrow#r -"), ("quay.io/x", "no-rule - -")];
        check_for(&mapping, &pod, &cases);
    }
}
