//! What a target without placeholders makes of an image.

use super::{check, check_rule, of_rules};
use bumpalo::Bump;

#[test]
fn the_rest_of_the_path_is_appended_to_the_target_of_a_prefix() {
    check_rule(
        "prefix: docker.io, to: m.example/hub",
        &[("nginx:1", "m.example/hub/library/nginx:1"), ("a/b/c", "m.example/hub/a/b/c")],
    );
    check_rule("prefix: docker.io/a, to: m.example", &[("a/b:1", "m.example/b:1")]);
    check_rule(
        "prefix: docker.io/a/b, to: m.example/c",
        &[("a/b", "m.example/c"), ("a/b:1", "m.example/c:1")],
    );
}

#[test]
fn the_target_of_an_exact_rule_replaces_the_name() {
    check_rule("exact: docker.io/a/b, to: m.example/c", &[("a/b:1", "m.example/c:1")]);
}

#[test]
fn the_repository_is_appended_to_the_target_of_a_glob() {
    check_rule("glob: \"*.io/a/*\", to: m.example/x", &[("quay.io/a/b:1", "m.example/x/a/b:1")]);
    check_rule("glob: \"quay.io/**\", to: m.example", &[("quay.io/a/b", "m.example/a/b")]);
}

#[test]
fn the_repository_is_appended_to_the_target_of_a_default() {
    let spec = "default: {to: m.example/all}";
    let mapping = super::mapping(&[(
        detour::rules::Source::File,
        &crate::rules::cluster_map("default", spec),
    )]);
    check(
        &mapping,
        &[
            ("nginx:1", "rewritten default#default m.example/all/library/nginx:1"),
            ("quay.io/a/b", "rewritten default#default m.example/all/a/b"),
        ],
    );
}

#[test]
fn the_target_of_a_regex_replaces_the_name() {
    check_rule("regex: \"quay.io/.*\", to: m.example/one", &[("quay.io/a:1", "m.example/one:1")]);
}

#[test]
fn the_first_of_several_targets_is_used() {
    check_rule(
        "prefix: ghcr.io, to: [a.example/ghcr, b.example/ghcr]",
        &[("ghcr.io/x", "a.example/ghcr/x")],
    );
}

#[test]
fn keep_leaves_the_text_as_it_is() {
    let mapping = of_rules(&["prefix: docker.io, keep: true", "prefix: quay.io, to: m.example"]);
    let arena = Bump::new();
    let decision = mapping.decide("nginx", &super::pod_in("web"), &arena);
    assert_eq!(decision.image, None);
    check(&mapping, &[("nginx", "keep default#rules[0] -")]);
    check(&mapping, &[("quay.io/a", "rewritten default#rules[1] m.example/a")]);
}

#[test]
fn a_target_equal_to_the_source_means_keep() {
    check_rule("prefix: docker.io, to: docker.io", &[("nginx", "- keep"), ("a/b:1", "- keep")]);
    check_rule("prefix: docker.io, to: index.docker.io", &[("nginx", "- keep")]);
    check_rule("exact: docker.io/a/b, to: docker.io/a/b", &[("a/b:1", "- keep")]);
    let identity = "prefix: docker.io, to: \"{registry}/{repository}\"";
    check_rule(identity, &[("nginx", "- keep")]);
    let identity = "prefix: docker.io, to: \"{registry}/{repository}:{tag}\"";
    check_rule(identity, &[("nginx:1", "- keep")]);
}

#[test]
fn docker_hub_as_a_target_is_written_in_normal_form() {
    check_rule(
        "prefix: quay.io/official, to: docker.io",
        &[("quay.io/official/nginx:1", "docker.io/library/nginx:1")],
    );
    check_rule("prefix: quay.io, to: index.docker.io/org", &[("quay.io/a", "docker.io/org/a")]);
    check_rule(
        "exact: quay.io/a, to: docker.io/nginx",
        &[("quay.io/a", "docker.io/library/nginx")],
    );
}

#[test]
fn a_result_that_is_no_reference_leaves_the_image_alone() {
    // A registry without a path: never Docker Hub's `m.example`.
    check_rule(
        "prefix: docker.io/library/nginx, to: m.example",
        &[("nginx:1", "- invalid-result"), ("library/nginx/unit", "m.example/unit")],
    );
    check_rule("prefix: docker.io/a, to: localhost", &[("a", "- no-rule"), ("a/b", "localhost/b")]);
    check_rule(
        "prefix: docker.io/a/b, to: \"m.example:5000\"",
        &[("a/b:1", "- invalid-result"), ("a/b/c:1", "m.example:5000/c:1")],
    );
}

#[test]
fn a_path_that_becomes_too_long_leaves_the_image_alone() {
    let path = "a/".repeat(120) + "bb";
    let image = format!("quay.io/{path}:1");
    let target = |bytes| format!("m.example/{}", "c".repeat(bytes));
    let check = |target: &str, becomes: &str| {
        let kept = format!("{target}/a");
        let expected = [(image.as_str(), becomes), ("quay.io/a", &kept)];
        check_rule(&format!("prefix: quay.io, to: {target}"), &expected);
    };
    let longest = target(255 - 1 - path.len());
    check(&longest, &format!("{longest}/{path}:1"));
    check(&target(255 - path.len()), "- invalid-result");
}

#[test]
fn an_invalid_result_names_the_rule_and_ends_the_search() {
    let mapping = of_rules(&[
        "name: short, prefix: docker.io/library/nginx, to: m.example",
        "name: hub, prefix: docker.io, to: m.example/hub",
    ]);
    check(&mapping, &[("nginx", "invalid-result default#short -")]);
}

#[test]
fn a_host_with_a_port_can_be_a_target() {
    check_rule(
        "prefix: docker.io, to: \"m.example:5000\"",
        &[("nginx:1", "m.example:5000/library/nginx:1")],
    );
    check_rule(
        "exact: docker.io/a/b, to: \"localhost:5000/c\"",
        &[("a/b:1", "localhost:5000/c:1")],
    );
}
