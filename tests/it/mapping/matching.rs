//! Which rule matches: the normal form, the order of kinds, globs, regular
//! expressions and prefixes.

use super::{check, check_rule, of_rules};

#[test]
fn every_spelling_of_an_image_is_matched_in_its_normal_form() {
    let mapping = of_rules(&["name: nginx, exact: docker.io/library/nginx, to: m.example/web"]);
    for image in [
        "nginx",
        "library/nginx",
        "docker.io/nginx",
        "docker.io/library/nginx",
        "index.docker.io/nginx",
        "index.docker.io/library/nginx",
    ] {
        check(&mapping, &[(image, "rewritten default#nginx m.example/web")]);
    }
    check(&mapping, &[("nginx/nginx", "no-rule - -"), ("quay.io/library/nginx", "no-rule - -")]);
}

#[test]
fn a_rule_may_name_docker_hub_by_its_old_name() {
    check_rule(
        "prefix: index.docker.io, to: m.example/hub",
        &[("nginx", "m.example/hub/library/nginx"), ("index.docker.io/a/b", "m.example/hub/a/b")],
    );
    check_rule("exact: index.docker.io/nginx, to: m.example/web", &[("nginx", "m.example/web")]);
    check_rule("exact: docker.io/nginx, to: m.example/web", &[("nginx", "m.example/web")]);
}

#[test]
fn exact_comes_before_patterns_and_patterns_before_prefixes() {
    let mapping = of_rules(&[
        "name: prefix, prefix: docker.io/library/nginx, to: p.example/x",
        "name: glob, glob: \"docker.io/library/*\", to: g.example",
        "name: regex, regex: \"docker.io/.*\", to: r.example/all",
        "name: exact, exact: \"docker.io/library/nginx:1\", to: \"e.example/x:1\"",
    ]);
    check(
        &mapping,
        &[
            ("nginx:1", "rewritten default#exact e.example/x:1"),
            ("nginx:2", "rewritten default#glob g.example/library/nginx:2"),
            ("org/app:2", "rewritten default#regex r.example/all:2"),
        ],
    );
}

#[test]
fn patterns_are_asked_in_the_order_of_the_document() {
    let glob = "name: glob, glob: \"quay.io/**\", to: g.example";
    let regex = "name: regex, regex: \"quay[.]io/.*\", to: r.example/all";
    check(&of_rules(&[glob, regex]), &[("quay.io/a", "rewritten default#glob g.example/a")]);
    check(&of_rules(&[regex, glob]), &[("quay.io/a", "rewritten default#regex r.example/all")]);
}

#[test]
fn the_longest_prefix_wins_wherever_it_stands() {
    let mapping = of_rules(&[
        "name: library, prefix: docker.io/library, to: m.example/official",
        "name: hub, prefix: docker.io, to: m.example/hub",
        "name: kept, prefix: docker.io/library/nginx, keep: true",
    ]);
    check(
        &mapping,
        &[
            ("busybox", "rewritten default#library m.example/official/busybox"),
            ("org/busybox", "rewritten default#hub m.example/hub/org/busybox"),
            ("nginx:1", "keep default#kept -"),
            ("library/nginx/unit", "keep default#kept -"),
        ],
    );
}

#[test]
fn a_prefix_ends_at_the_boundary_of_a_segment() {
    check_rule(
        "prefix: docker.io/org, to: m.example/x",
        &[
            ("org/app", "m.example/x/app"),
            ("docker.io/org/a/b:1", "m.example/x/a/b:1"),
            ("organisation/app", "- no-rule"),
            ("org-x/app", "- no-rule"),
            ("org.x/app", "- no-rule"),
            ("docker.io/or/g", "- no-rule"),
            ("docker.io.example/org/app", "- no-rule"),
        ],
    );
}

#[test]
fn a_host_with_a_port_is_another_host() {
    let cases = [
        ("r.example:5000/a", "m.example/x/a"),
        ("r.example/a", "- no-rule"),
        ("r.example:500/a", "- no-rule"),
        ("r.example:50000/a", "- no-rule"),
    ];
    check_rule("prefix: \"r.example:5000\", to: m.example/x", &cases);
    check_rule("prefix: r.example, to: m.example/x", &[("r.example:5000/a", "- no-rule")]);
    check_rule("prefix: localhost, to: m.example/x", &[("localhost:5000/a", "- no-rule")]);
    check_rule("prefix: localhost, to: m.example/x", &[("localhost/a", "m.example/x/a")]);
}

#[test]
fn an_address_in_brackets_is_a_host() {
    check_rule(
        "prefix: \"[2001:db8::1]:5000\", to: \"[::1]/x\"",
        &[
            ("[2001:db8::1]:5000/a:1", "[::1]/x/a:1"),
            ("[2001:db8::1]/a:1", "- no-rule"),
            ("[2001:db8::2]:5000/a", "- no-rule"),
        ],
    );
    check_rule("exact: \"[::1]:5000/a/b\", to: m.example/c", &[("[::1]:5000/a/b", "m.example/c")]);
}

#[test]
fn a_glob_sees_registry_and_repository_alone() {
    let cases = [
        ("nginx", "g.example/library/nginx"),
        ("nginx:1.27", "g.example/library/nginx:1.27"),
        ("docker.io/library/nginx-x", "- no-rule"),
    ];
    check_rule("glob: \"docker.io/library/ngin?\", to: g.example", &cases);
    check_rule("glob: \"docker.io/library/nginx:*\", to: g.example", &[("nginx:1", "- no-rule")]);
    check_rule("glob: \"nginx\", to: g.example", &[("nginx", "- no-rule")]);
}

#[test]
fn stars_stay_in_their_segment_and_double_stars_do_not() {
    check_rule(
        "glob: \"quay.io/*/debug-*\", keep: true",
        &[
            ("quay.io/a/debug-x", "- keep"),
            ("quay.io/a/b/debug-x", "- no-rule"),
            ("quay.io/debug-x", "- no-rule"),
            ("quay.io/a/debug-x/y", "- no-rule"),
        ],
    );
    check_rule(
        "glob: \"quay.io/**/debug-*\", keep: true",
        &[
            ("quay.io/a/b/debug-x", "- keep"),
            ("quay.io/debug-x", "- keep"),
            ("quay.iox/debug-x", "- no-rule"),
            ("quay.io/xdebug-x", "- no-rule"),
        ],
    );
    check_rule(
        "glob: \"quay.io/**\", keep: true",
        &[("quay.io/a", "- keep"), ("quay.io/a/b/c", "- keep"), ("quay.io.example/a", "- no-rule")],
    );
    check_rule("glob: \"q**a\", keep: true", &[("q.a/a", "- keep"), ("q.example/b", "- no-rule")]);
    check_rule("glob: \"q.example/a**\", keep: true", &[("q.example/a", "- keep")]);
}

#[test]
fn classes_hold_one_character() {
    check_rule(
        "glob: \"quay.io/v[1-3]\", keep: true",
        &[("quay.io/v2", "- keep"), ("quay.io/v4", "- no-rule"), ("quay.io/v22", "- no-rule")],
    );
}

#[test]
fn a_pattern_on_the_reference_sees_tag_and_digest() {
    let digest = super::digest('a');
    let pinned = format!("quay.io/a:1@{digest}");
    check_rule(
        "glob: \"quay.io/*:*-debug\", on: reference, keep: true",
        &[
            ("quay.io/a:1-debug", "- keep"),
            ("quay.io/a:1", "- no-rule"),
            ("quay.io/a", "- no-rule"),
        ],
    );
    check_rule(
        "regex: \".+@sha256:.+\", on: reference, keep: true",
        &[(&pinned, "- keep"), ("quay.io/a:1", "- no-rule")],
    );
    check_rule(
        "regex: \"quay[.]io/a:1\", on: reference, keep: true",
        &[("quay.io/a:1", "- keep"), (&pinned, "- no-rule")],
    );
    check_rule("glob: \"quay.io/*\", on: name, keep: true", &[(&pinned, "- keep")]);
}

#[test]
fn a_regex_is_anchored_at_both_ends() {
    check_rule(
        "regex: \"quay[.]io/(a|b)\", to: \"m.example/{1}\"",
        &[
            ("quay.io/a", "m.example/a"),
            ("quay.io/b", "m.example/b"),
            ("quay.io/ab", "- no-rule"),
            ("xquay.io/a", "- no-rule"),
        ],
    );
    check_rule("regex: \"quay.io/a|b.io/c\", keep: true", &[("quay.io/ab.io/c", "- no-rule")]);
}
