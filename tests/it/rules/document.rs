//! The fields of a document and what each may hold.

use detour::rules::{Kind, Mode, Rollout, Source};

use super::{cluster_map, faults, image_map, load_file, refuses, warnings};

const RULES: &str = "rules:\n- {prefix: quay.io, to: m.example}";

#[test]
fn a_full_document_is_read() {
    let spec = "mode: Observe\npriority: -7\nfinal: true\nrollout: {percent: 12.5}\n\
                namespaces: [web, \"team-*\"]\nexcludeNamespaces: [team-x]\n\
                excludeOwners: [\"postgresql.cnpg.io/*\"]\n\
                podSelector: {matchLabels: {app: web}}\nimagePullSecrets: [mirror, a.b]\n\
                rules:\n- {name: hub, prefix: docker.io, to: m.example/hub}\n\
                - {exact: quay.io/a, keep: true}\ndefault: {keep: true}";
    let loaded = load_file(&cluster_map("full", spec));
    assert_eq!(loaded.report.faults, []);
    let [map] = &loaded.maps[..] else { panic!("not one map: {loaded:#?}") };
    assert_eq!(map.id.to_string(), "ClusterImageMap/full");
    assert_eq!((map.id.kind, map.source), (Kind::ClusterImageMap, Source::File));
    assert_eq!((map.mode, map.priority, map.is_final), (Mode::Observe, -7, true));
    assert_eq!(map.rollout, Rollout::from_percent(12.5).unwrap());
    assert!(map.namespaces.matches("team-a") && !map.namespaces.matches("ops"));
    assert!(map.exclude_namespaces.matches("team-x"));
    assert!(map.exclude_owners.matches("postgresql.cnpg.io/Cluster"));
    assert_eq!(map.pod_selector.requirements.len(), 1);
    assert_eq!(map.pull_secrets, ["mirror", "a.b"]);
    let names: Vec<&str> = map.rules.iter().map(|rule| rule.name.as_str()).collect();
    assert_eq!(names, ["hub", "rules[1]", "default"]);
}

#[test]
fn what_is_left_out_has_its_documented_default() {
    let loaded = load_file(&cluster_map("plain", RULES));
    let map = &loaded.maps[0];
    assert_eq!((map.mode, map.priority, map.is_final), (Mode::Enforce, 0, false));
    assert_eq!(map.rollout, Rollout::ALL);
    assert!(map.namespaces.matches("any") && map.exclude_namespaces.is_empty());
    assert!(map.exclude_owners.is_empty() && map.pull_secrets.is_empty());
    assert_eq!(map.pod_selector.requirements, []);
    assert_eq!(map.rules.len(), 1);
    let null = "mode: null\npriority: ~\nrollout: {percent: null}\nnamespaces: null\ndefault:";
    let loaded = load_file(&cluster_map("plain", &format!("{null}\n{RULES}")));
    assert_eq!(loaded.report.faults, []);
    let of_null = &loaded.maps[0];
    assert_eq!((of_null.mode, of_null.rollout), (map.mode, map.rollout));
    assert!(of_null.namespaces.matches("any") && of_null.rules.len() == 1);
}

#[test]
fn an_image_map_is_read_with_its_namespace() {
    let loaded = load_file(&image_map("web", "own", RULES));
    assert_eq!(loaded.maps[0].id.to_string(), "ImageMap/web/own");
    let sources: Vec<&str> = loaded.maps[0].namespaces.sources().collect();
    assert_eq!(sources, ["web"]);
}

#[test]
fn what_kubectl_prints_can_be_fed_back() {
    let text = "apiVersion: detour.dev/v1alpha1\nkind: ClusterImageMap\nmetadata:\n  \
                creationTimestamp: \"2026-01-01T00:00:00Z\"\n  generation: 2\n  name: hub\n  \
                resourceVersion: \"15\"\n  uid: 1-2\n  managedFields: [{manager: kubectl}]\n  \
                labels: {a: b}\n  annotations: {long: \"x\"}\nspec:\n  \
                rules: [{prefix: quay.io, to: m.example}]\nstatus: {conditions: []}\n";
    assert_eq!(faults(text), Vec::<String>::new());
}

#[test]
fn a_field_that_is_not_known_is_refused_at_every_level() {
    let rules = RULES.replace("to:", "too: x, to:");
    let cases = [
        (cluster_map("m", RULES).replace("kind:", "extra: 1\nkind:"), "extra"),
        (cluster_map("m", RULES).replace("{name: m", "{name: m, labls: {}"), "labls"),
        (cluster_map("m", &format!("prioritty: 1\n{RULES}")), "prioritty"),
        (cluster_map("m", &rules), "too"),
        (cluster_map("m", "default: {keep: true, name: x}"), "name"),
        (cluster_map("m", &format!("rollout: {{percents: 1}}\n{RULES}")), "percents"),
        (cluster_map("m", &format!("podSelector: {{labels: {{}}}}\n{RULES}")), "labels"),
        (
            cluster_map(
                "m",
                &format!(
                    "podSelector: {{matchExpressions: [{{key: a, operator: Exists, x: 1}}]}}\n{RULES}"
                ),
            ),
            "x",
        ),
    ];
    for (text, field) in cases {
        refuses(&text, &[&format!("unknown field {field:?}"), "known here: "]);
        assert_eq!(load_file(&text).maps, [], "never half-applied");
    }
}

#[test]
fn a_value_of_the_wrong_kind_is_refused() {
    let cases = [
        ("mode: 1", "mode must be text, not a number; put it in quotes"),
        ("mode: enforce", "mode cannot be \"enforce\"; write Enforce or Observe"),
        ("priority: \"1\"", "priority must be a number, not text; write it without quotes"),
        ("priority: 1.5", "priority cannot be 1.5; write a whole number"),
        ("priority: 2147483648", "priority cannot be 2147483648"),
        ("priority: -2147483649", "priority cannot be -2147483649"),
        ("final: \"true\"", "final must be true or false, not text"),
        ("final: yes", "final must be true or false, not text; write it without quotes, in full"),
        ("rollout: 50", "rollout must be a table, not a number"),
        ("rollout: {percent: \"50\"}", "percent must be a number"),
        ("rollout: {percent: 101}", "percent cannot be 101; write 0 to 100"),
        ("rollout: {percent: -1}", "percent cannot be -1"),
        ("rollout: {percent: 0.001}", "percent cannot be 0.001"),
        ("namespaces: web", "namespaces must be a list, not text; write it in brackets"),
        ("namespaces: [1]", "namespaces must be text, not a number"),
        ("excludeNamespaces: {}", "excludeNamespaces must be a list, not a table"),
        ("excludeOwners: [true]", "excludeOwners must be text, not a boolean"),
        ("podSelector: []", "podSelector must be a table, not a list"),
        ("imagePullSecrets: [{name: x}]", "imagePullSecrets must be text, not a table"),
        ("imagePullSecrets: [\"A\"]", "imagePullSecrets: \"A\" cannot name a Secret"),
        ("imagePullSecrets: [a, a]", "imagePullSecrets: \"a\" is listed twice"),
    ];
    for (field, what) in cases {
        refuses(&cluster_map("m", &format!("{field}\n{RULES}")), &[what]);
    }
    refuses(&cluster_map("m", "rules: {}"), &["rules must be a list, not a table"]);
    refuses(&cluster_map("m", "rules: [x]"), &["a rule must be a table, not text"]);
    refuses(&cluster_map("m", "default: x"), &["default must be a table, not text"]);
}

#[test]
fn the_first_and_the_last_priority_are_taken() {
    for priority in [i32::MIN, i32::MAX] {
        let loaded = load_file(&cluster_map("m", &format!("priority: {priority}\n{RULES}")));
        assert_eq!(loaded.report.faults, []);
        assert_eq!(loaded.maps[0].priority, priority);
    }
}

#[test]
fn a_glob_that_cannot_be_used_is_shown_in_its_line() {
    let text = cluster_map("m", &format!("namespaces:\n- web\n- \"[\"\n- shop\n{RULES}"));
    refuses(&text, &["rules.yaml:8:", "namespaces: \"[\" cannot be used"]);
}

#[test]
fn kind_and_version_must_be_known() {
    let text = cluster_map("m", RULES);
    let cases = [
        (text.replace("v1alpha1", "v2"), "apiVersion \"detour.dev/v2\" is not known"),
        (text.replace("apiVersion: detour.dev/v1alpha1\n", ""), "apiVersion is missing"),
        (text.replace("kind: Cluster", "kind: Big"), "kind \"BigImageMap\" is not known"),
        (text.replace("kind: ClusterImageMap", "kind: List"), "each item as a document"),
        (text.replace("kind: ClusterImageMap\n", ""), "kind is missing"),
        (text.replace("metadata: {name: m}\n", ""), "metadata is missing"),
        (text.replace("name: m", "name: M_1"), "metadata.name \"M_1\" cannot name a map"),
        (text.replace("name: m", "name: \"\""), "cannot name a map"),
        (text.replace("name: m", "labels: {}"), "cannot name a map"),
        (text.replace("name: m", "name: m, namespace: web"), "a ClusterImageMap has no namespace"),
        (text.replace("kind: Cluster", "kind: "), "an ImageMap needs the name of its namespace"),
        (image_map("Web", "m", RULES), "an ImageMap needs the name of its namespace"),
        (image_map("''", "m", RULES), "an ImageMap needs the name of its namespace"),
        ("---\n- a\n".to_owned(), "the document must be a table, not a list"),
    ];
    for (text, what) in cases {
        refuses(&text, &[what]);
    }
    let spec = text.split("spec:").next().unwrap().to_owned();
    refuses(&spec, &["the document has no spec"]);
}

#[test]
fn an_image_map_has_no_fields_about_other_namespaces() {
    for field in ["final: false", "namespaces: [web]", "excludeNamespaces: []"] {
        let name = field.split(':').next().unwrap();
        let text = image_map("web", "own", &format!("{field}\n{RULES}"));
        refuses(&text, &[&format!("an ImageMap has no field {name:?}"), "its own namespace"]);
    }
}

#[test]
fn a_map_that_does_nothing_is_warned_of() {
    for spec in ["rules: []", "priority: 1"] {
        let warnings = warnings(&cluster_map("m", spec));
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].contains("neither rules nor default"), "{warnings:?}");
    }
}

#[test]
fn documents_that_differ_in_a_pattern_are_not_equal() {
    let load = |glob: &str| {
        load_file(&cluster_map("m", &format!("rules:\n- {{glob: \"{glob}\", keep: true}}"))).maps
    };
    assert_eq!(load("quay.io/*"), load("quay.io/*"));
    assert_ne!(load("quay.io/*"), load("quay.io/?"));
}
