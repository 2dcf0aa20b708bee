//! Targets with placeholders.

use super::{check, check_rule, digest, of_rules};

#[test]
fn each_placeholder_stands_for_its_part() {
    let cases = [
        ("prefix: quay.io", "m.example/{registry}/x", "quay.io/a/b:1", "m.example/quay.io/x:1"),
        ("prefix: quay.io", "m.example/{repository}-x", "quay.io/a/b:1", "m.example/a/b-x:1"),
        ("prefix: docker.io", "m.example/{repository}", "nginx", "m.example/library/nginx"),
        ("prefix: docker.io", "m.example/{short}", "nginx", "m.example/nginx"),
        ("prefix: docker.io", "m.example/{short}", "a/b", "m.example/a/b"),
        ("prefix: quay.io", "m.example/{short}", "quay.io/library/a", "m.example/library/a"),
        ("prefix: quay.io", "m.example/{name}", "quay.io/a/b:1", "m.example/b:1"),
        ("prefix: quay.io", "m.example/{name}", "quay.io/b", "m.example/b"),
        ("prefix: quay.io/a", "m.example/x-{rest}", "quay.io/a/b/c:1", "m.example/x-b/c:1"),
        ("prefix: quay.io/a", "m.example/x{rest}", "quay.io/a:1", "m.example/x:1"),
        ("prefix: quay.io", "m.example/{name}/{tag}", "quay.io/a:1", "m.example/a/1"),
        ("prefix: quay.io", "{registry}/mirror/{repository}", "quay.io/a", "quay.io/mirror/a"),
        ("exact: quay.io/a/b", "m.example/{name}-x", "quay.io/a/b:1", "m.example/b-x:1"),
    ];
    for (matcher, target, image, expected) in cases {
        check_rule(&format!("{matcher}, to: \"{target}\""), &[(image, expected)]);
    }
}

#[test]
fn nothing_but_tag_and_digest_is_appended_to_a_template() {
    let a = digest('a');
    check_rule(
        "prefix: quay.io, to: \"m.example/{name}\"",
        &[
            ("quay.io/a/b", "m.example/b"),
            ("quay.io/a/b:1", "m.example/b:1"),
            (&format!("quay.io/a/b:1@{a}"), &format!("m.example/b:1@{a}")),
        ],
    );
}

#[test]
fn the_stars_of_a_glob_are_numbered() {
    check_rule(
        "glob: \"*.gcr.io/**/v?/*\", to: \"m.example/{1}/{3}/{2}\"",
        &[("eu.gcr.io/a/b/v1/c:1", "m.example/eu/c/a/b:1")],
    );
    check_rule(
        "glob: \"quay.io/**/x\", to: \"m.example/y{1}\"",
        &[("quay.io/a/x", "m.example/ya"), ("quay.io/x", "m.example/y")],
    );
}

#[test]
fn the_groups_of_a_regex_have_numbers_and_names() {
    check_rule(
        "regex: '^(?<project>[^./]+)\\.gcr\\.io/(?<path>.+)$', to: \"m.example/gcr-{project}/{path}\"",
        &[
            ("eu.gcr.io/a/b:1", "m.example/gcr-eu/a/b:1"),
            ("gcr.io/a", "- no-rule"),
            ("x.eu.gcr.io/a", "- no-rule"),
        ],
    );
    check_rule(
        "regex: '(quay)\\.io/(.+)', to: \"m.example/{2}/{1}\"",
        &[("quay.io/a/b", "m.example/a/b/quay")],
    );
    let optional = "regex: 'quay\\.io/a(-b)?', to: \"m.example/a{1}\"";
    check_rule(optional, &[("quay.io/a", "m.example/a"), ("quay.io/a-b", "m.example/a-b")]);
}

#[test]
fn a_group_of_the_operators_own_hides_the_placeholder_of_its_name() {
    check_rule(
        "regex: 'quay\\.io/(?<name>[^/]+)/.+', to: \"m.example/{name}\"",
        &[("quay.io/a/b:1", "m.example/a:1")],
    );
}

#[test]
fn a_placed_tag_is_latest_for_an_image_with_neither() {
    let a = digest('a');
    check_rule(
        "prefix: quay.io, to: \"m.example/{name}:x-{tag}\"",
        &[
            ("quay.io/a:1", "m.example/a:x-1"),
            ("quay.io/a", "m.example/a:x-latest"),
            (&format!("quay.io/a@{a}"), "- invalid-result"),
        ],
    );
}

#[test]
fn a_template_that_places_tag_or_digest_gets_neither_appended() {
    let a = digest('a');
    let pinned = format!("quay.io/a:1@{a}");
    let untagged = format!("quay.io/a@{a}");
    check_rule(
        "prefix: quay.io, to: \"m.example/{name}:{tag}@{digest}\"",
        &[
            (&pinned, &format!("m.example/a:1@{a}")),
            (&untagged, "- invalid-result"),
            ("quay.io/a:1", "- invalid-result"),
        ],
    );
    check_rule(
        "prefix: quay.io, to: \"m.example/{name}@{digest}\"",
        &[
            (&pinned, &format!("m.example/a@{a}")),
            (&untagged, &format!("m.example/a@{a}")),
            ("quay.io/a:1", "- invalid-result"),
        ],
    );
    // The digest would be lost.
    check_rule(
        "prefix: quay.io, to: \"m.example/{name}:{tag}\"",
        &[(&pinned, "- invalid-result"), ("quay.io/a:1", "m.example/a:1")],
    );
    check_rule(
        "prefix: quay.io, to: \"m.example/{tag}/{name}\"",
        &[(&pinned, "- invalid-result"), ("quay.io/a:1", "m.example/1/a")],
    );
}

#[test]
fn doubled_braces_are_braces() {
    // No reference holds a brace, so that a template with one is refused.
    let rule = "prefix: quay.io, to: \"m.example/{{x}}/{name}\"";
    crate::rules::refuses_rule(rule, &["can never be an image"]);
}

#[test]
fn a_registry_that_is_no_path_segment_gives_no_result() {
    check_rule(
        "glob: \"**\", to: \"m.example/{registry}/{repository}\"",
        &[
            ("nginx", "m.example/docker.io/library/nginx"),
            ("localhost:5000/a", "- invalid-result"),
            ("[::1]/a", "- invalid-result"),
            ("Quay.io/a", "- invalid-result"),
        ],
    );
}

#[test]
fn a_group_that_is_no_path_gives_no_result() {
    check_rule(
        "glob: \"quay.io/**x\", to: \"m.example/{1}\"",
        &[
            ("quay.io/ax", "m.example/a"),
            ("quay.io/x", "- invalid-result"),
            ("quay.io/a/x", "- invalid-result"),
        ],
    );
}

#[test]
fn a_port_never_becomes_a_tag() {
    check_rule(
        "glob: \"**\", to: \"m.example/{registry}\"",
        &[("quay.io/a:1", "m.example/quay.io:1"), ("quay.io:443/a:1", "- invalid-result")],
    );
    check_rule(
        "regex: \"(.+)/(.+)\", to: \"m.example/{1}\"",
        &[("quay.io/a:1", "m.example/quay.io:1"), ("quay.io:443/a:1", "- invalid-result")],
    );
    check_rule(
        "regex: \"([^:]+):([0-9]+)/(.+)\", to: \"m.example/{1}-{2}/{3}\"",
        &[("quay.io:443/a:1", "m.example/quay.io-443/a:1")],
    );
}

#[test]
fn a_head_may_be_put_together() {
    let prefixed = of_rules(&["regex: '.+', to: 'mirror-{registry}/{repository}'"]);
    check(
        &prefixed,
        &[
            ("quay.io/a/b:1", "rewritten default#rules[0] mirror-quay.io/a/b:1"),
            ("reg:5000/a", "rewritten default#rules[0] mirror-reg:5000/a"),
            ("mirror-quay.io/a/b:1", "already-there default#rules[0] -"),
            ("mirror-reg:5000/a", "already-there default#rules[0] -"),
            ("localhost/a", "invalid-result default#rules[0] -"),
        ],
    );
    let ported = of_rules(&["regex: 'a\\.example:([0-9]+)/(.+)', to: 'b.example:{1}/{2}'"]);
    check(
        &ported,
        &[
            ("a.example:81/x/y:1", "rewritten default#rules[0] b.example:81/x/y:1"),
            ("b.example:81/x/y:1", "already-there default#rules[0] -"),
            ("b.example/x/y:1", "no-rule - -"),
        ],
    );
}
