//! Targets that can be, and those that cannot.

use super::{cluster_map, refuses, refuses_rule, warnings};

#[test]
fn a_target_starts_with_a_registry() {
    let cases = [
        ("prefix: quay.io", "mirror", "write docker.io/library/mirror if Docker Hub is meant"),
        ("prefix: quay.io", "mirror/hub", "write docker.io/mirror/hub if Docker Hub is meant"),
        ("exact: quay.io/a", "org/app:1", "write docker.io/org/app:1 if Docker Hub is meant"),
        ("prefix: quay.io", "foo_bar.com/baz", "start with a registry, such as"),
        ("prefix: quay.io", "mirror/{name}", "\"mirror/{name}\" does not start with a registry"),
        ("prefix: quay.io", "mirror/{name}", "start with a literal registry"),
        ("prefix: quay.io", "m-.{registry}/x", "start with a literal registry"),
        ("prefix: quay.io", "{name}", "start with a literal registry"),
        ("prefix: quay.io", "{repository}/x", "start with a literal registry"),
        ("prefix: quay.io", "{registry}", "start with a literal registry"),
        ("prefix: quay.io", "{registry}.m.example/x", "start with a literal registry"),
        ("prefix: quay.io", "m.example{name}/x", "start with a literal registry"),
        ("regex: \"(.+)\"", "{1}", "start with a literal registry"),
    ];
    for (matcher, target, hint) in cases {
        let rule = format!("{matcher}, to: \"{target}\"");
        refuses_rule(&rule, &["does not start with a registry", hint]);
    }
    let default = cluster_map("m", "default: {to: mirror}");
    refuses(&default, &["rule default: target \"mirror\" does not start with a registry"]);
}

#[test]
fn a_target_that_can_never_be_an_image_is_refused() {
    let cases = [
        ("prefix: quay.io", "https://m.example/x", "has a scheme; drop https://: m.example/x"),
        ("prefix: quay.io", "oci://m.example/{name}", "has a scheme"),
        ("prefix: quay.io", "m.example/Hub", "has upper-case letters"),
        ("prefix: quay.io", "m.example/", "ends with a slash"),
        ("prefix: quay.io", "m.example/hub/", "ends with a slash"),
        ("prefix: quay.io", "m.example/hub:1", "has a tag or digest"),
        ("glob: \"quay.io/**\"", "m.example/hub:1", "has a tag or digest"),
        ("prefix: quay.io", "m.example/a b", "is no path on a registry"),
        ("exact: quay.io/a", "m.example", "has no repository; write m.example/NAME"),
        ("exact: quay.io/a", "m.example/A", "can never be an image"),
        ("exact: quay.io/a", "m.example/a:", "can never be an image"),
        ("exact: quay.io/a", "m.example/a/", "can never be an image"),
        ("regex: \"quay.io/.*\"", "m.example", "has no repository"),
        ("prefix: quay.io", "m.example/A/{name}", "can never be an image"),
        ("prefix: quay.io", "m.example/{name}/", "can never be an image"),
        ("prefix: quay.io", "m.example//{name}", "can never be an image"),
        ("prefix: quay.io", "m.example/{name}@{tag}", "can never be an image"),
        ("prefix: quay.io", "m.example/{{{name}}}", "can never be an image"),
        ("regex: \"quay.io/(.*)\"", "m.example/{1}/A", "can never be an image"),
    ];
    for (matcher, target, what) in cases {
        refuses_rule(&format!("{matcher}, to: \"{target}\""), &[what]);
    }
    refuses(&cluster_map("m", "default: {to: \"m.example/x:1\"}"), &["has a tag or digest"]);
}

#[test]
fn a_lone_brace_is_refused() {
    for target in ["m.example/{name", "m.example/name}", "m.example/{", "m.example/x}}}"] {
        let rule = format!("prefix: quay.io, to: \"{target}\"");
        refuses_rule(&rule, &["has a lone brace", "write {{ and }}"]);
    }
}

#[test]
fn a_placeholder_must_be_known_to_its_rule() {
    let cases = [
        ("prefix: quay.io", "{image}", "{rest}"),
        ("prefix: quay.io", "{}", "{rest}"),
        ("prefix: quay.io", "{1}", "{rest}"),
        ("exact: quay.io/a", "{rest}", "{digest}"),
        ("glob: \"quay.io/*\"", "{rest}", "{1} for the first star"),
        ("glob: \"quay.io/*\"", "{2}", "{1} for the first star"),
        ("glob: \"quay.io/*\"", "{0}", "{1} for the first star"),
        ("regex: \"(?<a>.)(.)\"", "{b}", "groups by number or name"),
        ("regex: \"(?<a>.)(.)\"", "{3}", "groups by number or name"),
    ];
    for (matcher, placeholder, hint) in cases {
        let rule = format!("{matcher}, to: \"m.example/x{placeholder}\"");
        refuses_rule(&rule, &["unknown placeholder", placeholder, hint]);
    }
    let text = cluster_map("m", "default: {to: \"m.example/{rest}\"}");
    refuses(&text, &["unknown placeholder {rest}", "{repository}"]);
}

#[test]
fn every_faulty_target_of_a_list_is_reported() {
    let spec = "rules:\n- prefix: quay.io\n  to:\n  - m.example\n  - mirror\n  - m.example/A";
    let faults = super::faults(&cluster_map("m", spec));
    assert_eq!(faults.len(), 2, "{faults:#?}");
    assert!(faults[0].starts_with("rules.yaml:10:") && faults[0].contains("\"mirror\""));
    assert!(faults[1].starts_with("rules.yaml:11:") && faults[1].contains("upper-case"));
}

#[test]
fn more_than_one_target_is_warned_of() {
    let spec = "rules:\n- {name: ghcr, prefix: ghcr.io, to: [a.example, b.example]}";
    let warnings = warnings(&cluster_map("m", spec));
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("rule ghcr: only the first of 2 targets is used by this version"));
}

#[test]
fn a_target_equal_to_the_source_is_warned_of() {
    let cases = [
        "rules:\n- {name: r, prefix: docker.io, to: docker.io}",
        "rules:\n- {name: r, prefix: index.docker.io, to: docker.io}",
        "rules:\n- {name: r, exact: \"quay.io/a:1\", to: \"quay.io/a:1\"}",
        "rules:\n- {name: r, glob: \"**\", to: \"{registry}/{repository}\"}",
        "default: {to: \"{registry}/{repository}:{tag}\"}",
    ];
    for spec in cases {
        let warnings = warnings(&cluster_map("m", spec));
        assert_eq!(warnings.len(), 1, "{spec}: {warnings:?}");
        assert!(warnings[0].contains("write keep: true if that is meant"), "{warnings:?}");
    }
}
