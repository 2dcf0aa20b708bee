//! Chains and cycles: a rule's output that is another rule's input.

use super::{cluster_map, faults, refuses, warnings};

fn of_rules(rules: &[&str]) -> String {
    let rules: Vec<String> = rules.iter().map(|rule| format!("- {{{rule}}}\n")).collect();
    cluster_map("m", &format!("rules:\n{}", rules.concat()))
}

#[test]
fn a_chain_is_refused_with_both_rules_named() {
    let z = "name: z, prefix: m.example, to: z.example";
    let cases = [
        ["name: a, prefix: docker.io, to: m.example", z],
        ["name: a, prefix: docker.io, to: m.example/hub", z],
        ["name: a, exact: quay.io/a, to: m.example/a", z],
        [
            "name: a, prefix: quay.io, to: m.example/x",
            "name: z, prefix: m.example/x/y, to: z.example",
        ],
        [
            "name: a, prefix: quay.io, to: m.example/x",
            "name: z, exact: m.example/x/y, to: z.example/y",
        ],
        [
            "name: a, prefix: quay.io, to: m.example/x",
            "name: z, exact: m.example/x, to: z.example/y",
        ],
        [
            "name: a, exact: quay.io/a, to: m.example/x",
            "name: z, exact: m.example/x, to: z.example/y",
        ],
        [
            "name: a, exact: quay.io/a, to: \"m.example/x:1\"",
            "name: z, exact: \"m.example/x:1\", to: z.example/y",
        ],
        [
            "name: a, exact: \"quay.io/a:1\", to: m.example/x",
            "name: z, exact: \"m.example/x:1\", to: z.example/y",
        ],
        ["name: a, prefix: quay.io, to: [n.example, m.example]", z],
    ];
    for rules in cases {
        let faults = faults(&of_rules(&rules));
        let [fault] = &faults[..] else { panic!("{rules:?}: {faults:#?}") };
        let expected = ["rules.yaml:7:", "rule a: ", "is the input of rule z", "z.example"];
        assert!(expected.iter().all(|part| fault.contains(part)), "{fault}");
    }
}

#[test]
fn a_cycle_is_refused_at_each_of_its_rules() {
    let two = of_rules(&[
        "name: a, prefix: a.example, to: b.example",
        "name: b, prefix: b.example, to: a.example",
    ]);
    let expected = [
        "rules.yaml:7: document 1, ClusterImageMap/m, rule a: the target b.example is a cycle \
         with rule b (prefix b.example); drop one of the two: an image is rewritten once",
        "rules.yaml:8: document 1, ClusterImageMap/m, rule b: the target a.example is a cycle \
         with rule a (prefix a.example); drop one of the two: an image is rewritten once",
    ];
    assert_eq!(faults(&two), expected);
    let three = of_rules(&[
        "name: a, exact: a.example/x, to: b.example/x",
        "name: b, exact: b.example/x, to: c.example/x",
        "name: c, exact: c.example/x, to: a.example/x",
    ]);
    let faults = faults(&three);
    assert_eq!(faults.len(), 3, "{faults:#?}");
    assert!(faults.iter().all(|fault| fault.contains("is a cycle with rule")), "{faults:#?}");
}

#[test]
fn rules_that_do_not_meet_are_no_chain() {
    let cases = [
        // The second keeps, or a longer prefix does.
        vec!["prefix: docker.io, to: m.example/hub", "prefix: m.example, keep: true"],
        vec![
            "prefix: docker.io, to: m.example/hub",
            "prefix: m.example, to: z.example",
            "prefix: m.example/hub, keep: true",
        ],
        // Neighbours.
        vec!["prefix: docker.io, to: m.example/hub", "prefix: m.example/hubs, to: z.example"],
        vec!["prefix: docker.io, to: m.example", "prefix: \"m.example:443\", to: z.example"],
        vec!["prefix: docker.io, to: m.example/a/b", "exact: m.example/a, to: z.example/a"],
        vec!["exact: quay.io/a, to: m.example/a/b", "exact: m.example/a, to: z.example/a"],
        vec!["exact: quay.io/a, to: m.example/a", "exact: m.example/a/b, to: z.example/a"],
        // Another version.
        vec![
            "exact: quay.io/a, to: \"m.example/a:1\"",
            "exact: \"m.example/a:2\", to: z.example/a",
        ],
        vec![
            "exact: \"quay.io/a:1\", to: m.example/a",
            "exact: \"m.example/a:2\", to: z.example/a",
        ],
        // Below itself.
        vec!["prefix: ghcr.io, to: ghcr.io/mirror"],
        vec!["prefix: ghcr.io, to: ghcr.io/mirror", "prefix: ghcr.io/mirror, keep: true"],
    ];
    for rules in cases {
        let faults = faults(&of_rules(&rules));
        assert!(faults.is_empty(), "{rules:?}: {faults:#?}");
    }
}

#[test]
fn patterns_templates_and_defaults_are_only_warned_of() {
    let z = "name: z, prefix: m.example, to: z.example";
    let cases = [
        [
            "name: a, prefix: docker.io, to: m.example",
            "name: z, glob: \"m.example/**\", to: z.example",
        ],
        [
            "name: a, exact: quay.io/a, to: m.example/a",
            "name: z, regex: \"m[.].*\", to: z.example/a",
        ],
        ["name: a, glob: \"quay.io/**\", to: m.example", z],
        ["name: a, regex: \"quay.io/.*\", to: m.example/a", z],
        ["name: a, prefix: quay.io, to: \"m.example/{name}\"", z],
        ["name: a, exact: quay.io/a, to: \"m.example/{name}\"", z],
        [
            "name: a, prefix: quay.io, to: \"m.example/x/{name}\"",
            "name: z, prefix: m.example/x, to: z.example",
        ],
    ];
    for rules in cases {
        let warnings = warnings(&of_rules(&rules));
        let [warning] = &warnings[..] else { panic!("{rules:?}: {warnings:#?}") };
        assert!(warning.contains("rule a: the target m.example"), "{warning}");
        assert!(warning.contains("rule z ("), "{warning}");
    }
    let spec = format!("rules:\n- {{{z}}}\ndefault: {{to: m.example/all}}");
    let warnings = warnings(&cluster_map("m", &spec));
    let [warning] = &warnings[..] else { panic!("{warnings:#?}") };
    assert!(warning.contains("rule default: the target m.example/all"), "{warning}");
}

#[test]
fn another_maps_rule_is_only_warned_of() {
    let hub = "rules:\n- {name: a, prefix: docker.io, to: m.example/hub}";
    let z = "rules:\n- {name: z, prefix: m.example, to: z.example}";
    let both = warnings(&(cluster_map("one", hub) + &cluster_map("two", z)));
    let [warning] = &both[..] else { panic!("{both:#?}") };
    assert!(warning.contains("ClusterImageMap/one, rule a: the target m.example/hub"), "{warning}");
    assert!(warning.contains("rule z of ClusterImageMap/two"), "{warning}");
    let apart = cluster_map("one", &format!("namespaces: [a]\n{hub}"))
        + &cluster_map("two", &format!("namespaces: [b]\n{z}"));
    assert_eq!(warnings(&apart), Vec::<String>::new());
    let observing = cluster_map("one", hub) + &cluster_map("two", &format!("mode: Observe\n{z}"));
    assert_eq!(warnings(&observing), Vec::<String>::new());
}

#[test]
fn a_chain_in_a_long_document_is_found_once() {
    let mut rules: Vec<String> = (0..2_000)
        .map(|n| format!("name: r{n}, prefix: docker.io/o{n}, to: m.example/o{n}"))
        .collect();
    rules.push("name: z, prefix: m.example/o7, to: z.example".to_owned());
    let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
    refuses(&of_rules(&rules), &["rule r7: ", "is the input of rule z"]);
}
