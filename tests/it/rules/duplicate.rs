//! Two rules with one pattern or name, two maps with one name.

use super::{cluster_map, faults, image_map, refuses, refuses_rule};

#[test]
fn a_pattern_may_stand_once_in_a_map() {
    let cases = [
        ("prefix: docker.io", "prefix: index.docker.io"),
        ("exact: docker.io/nginx", "exact: docker.io/library/nginx"),
        ("exact: \"quay.io/a:1\"", "exact: \"quay.io/a:1\""),
        ("glob: \"quay.io/*\"", "glob: \"quay.io/*\""),
        ("regex: \"quay.io/.*\"", "regex: \"quay.io/.*\""),
        ("glob: \"quay.io/*\", on: reference", "glob: \"quay.io/*\", on: reference"),
    ];
    for (first, second) in cases {
        // The same action twice is a duplicate too.
        let spec =
            format!("rules:\n- {{name: a, {first}, keep: true}}\n- {{{second}, keep: true}}");
        let text = cluster_map("m", &spec);
        refuses(&text, &["rules.yaml:8:", "rule rules[1]:", "already the pattern of rule a"]);
    }
}

#[test]
fn patterns_that_only_look_alike_are_no_duplicates() {
    let spec = "rules:\n- {prefix: quay.io/a, keep: true}\n- {exact: quay.io/a, keep: true}\n\
                - {exact: \"quay.io/a:1\", keep: true}\n- {glob: quay.io/a, keep: true}\n\
                - {regex: quay.io/a, keep: true}\n- {glob: quay.io/a, on: reference, keep: true}";
    assert_eq!(faults(&cluster_map("m", spec)), Vec::<String>::new());
}

#[test]
fn a_rules_name_may_stand_once_in_a_map() {
    let spec = "rules:\n- {name: a, prefix: quay.io, keep: true}\n\
                - {name: a, prefix: gcr.io, keep: true}";
    let what = "rule a: the name is already taken by the rule for prefix quay.io";
    refuses(&cluster_map("m", spec), &["rules.yaml:8:", what]);
    let two = cluster_map("m", "rules:\n- {name: a, prefix: quay.io, keep: true}")
        + &cluster_map("n", "rules:\n- {name: a, prefix: quay.io, keep: true}");
    assert_eq!(faults(&two), Vec::<String>::new());
}

#[test]
fn a_map_may_stand_once_in_a_source() {
    let spec = "default: {keep: true}";
    let text = cluster_map("m", spec) + &cluster_map("m", spec);
    refuses(&text, &["document 2", "the map is already in rules.yaml", "document 1"]);
    let apart = cluster_map("m", spec) + &image_map("a", "m", spec) + &image_map("b", "m", spec);
    assert_eq!(faults(&apart), Vec::<String>::new());
}

#[test]
fn a_key_may_stand_once_in_a_table() {
    refuses_rule("prefix: quay.io, prefix: gcr.io, keep: true", &["rules.yaml:7:", "prefix"]);
}
