//! Tags and digests: kept, never parted, never joined to a stranger.

use super::{check_rule, digest};

#[test]
fn tag_and_digest_are_kept_both() {
    let a = digest('a');
    let rules = [
        "prefix: quay.io, to: m.example",
        "exact: quay.io/a, to: m.example/a",
        "glob: \"quay.io/*\", to: m.example",
        "regex: \"quay.io/a\", to: m.example/a",
        "prefix: quay.io, to: \"m.example/{repository}\"",
    ];
    for rule in rules {
        for version in ["", ":1", &format!("@{a}"), &format!(":1@{a}")] {
            let (image, result) = (format!("quay.io/a{version}"), format!("m.example/a{version}"));
            check_rule(rule, &[(&image, &result)]);
        }
    }
}

#[test]
fn the_targets_own_tag_replaces_the_images_unless_there_is_a_digest() {
    let a = digest('a');
    let rules = [
        "exact: quay.io/a, to: \"m.example/b:2\"",
        "regex: \"quay.io/a\", to: \"m.example/b:2\"",
        "prefix: quay.io, to: \"m.example/b{rest}:2\"",
    ];
    for rule in &rules[..2] {
        check_rule(
            rule,
            &[
                ("quay.io/a", "m.example/b:2"),
                ("quay.io/a:1", "m.example/b:2"),
                (&format!("quay.io/a:1@{a}"), &format!("m.example/b:1@{a}")),
                (&format!("quay.io/a@{a}"), &format!("m.example/b@{a}")),
            ],
        );
    }
    check_rule(
        rules[2],
        &[
            ("quay.io/a:1", "m.example/ba:2"),
            (&format!("quay.io/a:1@{a}"), &format!("m.example/ba:1@{a}")),
        ],
    );
}

#[test]
fn the_targets_own_digest_replaces_both() {
    let (a, b) = (digest('a'), digest('b'));
    for target in [format!("m.example/b:2@{b}"), format!("m.example/b@{b}")] {
        for rule in ["exact: quay.io/a", "regex: \"quay.io/a\""] {
            let images = ["quay.io/a", "quay.io/a:1", &format!("quay.io/a:1@{a}")];
            for image in images {
                check_rule(&format!("{rule}, to: \"{target}\""), &[(image, &target)]);
            }
        }
    }
    let template = format!("prefix: quay.io, to: \"m.example/{{name}}@{b}\"");
    check_rule(&template, &[("quay.io/a:1", &format!("m.example/a@{b}"))]);
}

#[test]
fn groups_cannot_join_the_images_digest_to_another_tag() {
    let a = digest('a');
    let pinned = format!("quay.io/x:1@{a}");
    let rule = "regex: '(.+/)(.+):(.+)@(.+)', on: reference, to: \"m.example/{2}:other@{4}\"";
    check_rule(rule, &[(&pinned, "- invalid-result")]);
    let rule = "regex: '(.+/)(.+):(.+)@(.+)', on: reference, to: \"m.example/{2}:{3}@{4}\"";
    check_rule(rule, &[(&pinned, &format!("m.example/x:1@{a}"))]);
    let rule = "regex: '(.+/)(.+):(.+)@(.+)', on: reference, to: \"m.example/{2}@{4}\"";
    check_rule(rule, &[(&pinned, &format!("m.example/x@{a}"))]);
}

#[test]
fn a_tag_that_a_group_brings_along_is_the_images_own() {
    let a = digest('a');
    let pinned = format!("quay.io/x:1@{a}");
    let rule = "regex: '(.+?)/([^@]+)(@.+)?', on: reference, to: \"m.example/{2}a\"";
    check_rule(rule, &[("quay.io/x:1", "m.example/x:1a"), (&pinned, "- invalid-result")]);
    let rule = "regex: '(.+?)/([^@]+)(@.+)?', on: reference, to: \"m.example/{2}\"";
    check_rule(rule, &[(&pinned, &format!("m.example/x:1@{a}"))]);
}

#[test]
fn groups_cannot_drop_the_digest() {
    let a = digest('a');
    let rule = "regex: '(.+/)([^:@]+):([^@]+)(@.+)?', on: reference, to: \"m.example/{2}:{3}\"";
    check_rule(
        rule,
        &[
            ("quay.io/x:1", "m.example/x:1"),
            (&format!("quay.io/x:1@{a}"), &format!("m.example/x:1@{a}")),
        ],
    );
}

#[test]
fn longer_digests_are_kept_too() {
    let long = format!("sha512:{}", "c".repeat(128));
    check_rule(
        "prefix: quay.io, to: m.example",
        &[(&format!("quay.io/a@{long}"), &format!("m.example/a@{long}"))],
    );
}

#[test]
fn a_tag_that_the_image_lacks_cannot_be_placed() {
    let (a, b) = (digest('a'), digest('b'));
    check_rule(
        &format!("prefix: quay.io, to: \"m.example/{{name}}:x-{{tag}}@{b}\""),
        &[
            ("quay.io/a:1", &format!("m.example/a:x-1@{b}")),
            ("quay.io/a", &format!("m.example/a:x-latest@{b}")),
            (&format!("quay.io/a@{a}"), "- invalid-result"),
        ],
    );
    check_rule(
        "prefix: quay.io, to: \"m.example/{name}-{digest}\"",
        &[("quay.io/a", "- invalid-result")],
    );
}
