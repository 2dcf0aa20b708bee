//! Rules for one repository, tag or digest.

use super::{check, check_rule, digest, of_rules};

#[test]
fn a_digest_comes_before_a_tag_and_a_tag_before_the_name() {
    let (a, b) = (digest('a'), digest('b'));
    let mapping = of_rules(&[
        "name: any, exact: r.example/x, to: m.example/any",
        "name: tag, exact: \"r.example/x:1\", to: m.example/tag",
        &format!("name: digest, exact: \"r.example/x@{a}\", to: m.example/digest"),
    ]);
    let pinned = |digest: &str| format!("r.example/x:1@{digest}");
    check(
        &mapping,
        &[
            (&pinned(&a), &format!("rewritten default#digest m.example/digest:1@{a}")),
            (&pinned(&b), &format!("rewritten default#any m.example/any:1@{b}")),
            ("r.example/x:1", "rewritten default#tag m.example/tag:1"),
            ("r.example/x:2", "rewritten default#any m.example/any:2"),
            ("r.example/x", "rewritten default#any m.example/any"),
            ("r.example/x/y", "no-rule - -"),
        ],
    );
}

#[test]
fn a_name_alone_matches_any_tag_and_digest() {
    let a = digest('a');
    check_rule(
        "exact: r.example/x, to: m.example/y",
        &[
            ("r.example/x", "m.example/y"),
            ("r.example/x:1", "m.example/y:1"),
            (&format!("r.example/x@{a}"), &format!("m.example/y@{a}")),
            (&format!("r.example/x:1@{a}"), &format!("m.example/y:1@{a}")),
        ],
    );
}

#[test]
fn a_tag_does_not_match_an_image_with_a_digest() {
    let a = digest('a');
    check_rule(
        "exact: \"r.example/x:1\", to: m.example/y",
        &[
            ("r.example/x:1", "m.example/y:1"),
            (&format!("r.example/x:1@{a}"), "- no-rule"),
            ("r.example/x", "- no-rule"),
            ("r.example/x:11", "- no-rule"),
        ],
    );
}

#[test]
fn latest_also_matches_an_image_with_neither_tag_nor_digest() {
    let a = digest('a');
    check_rule(
        "exact: \"r.example/x:latest\", to: m.example/y",
        &[
            ("r.example/x", "m.example/y"),
            ("r.example/x:latest", "m.example/y:latest"),
            ("r.example/x:1", "- no-rule"),
            (&format!("r.example/x@{a}"), "- no-rule"),
            (&format!("r.example/x:latest@{a}"), "- no-rule"),
        ],
    );
}

#[test]
fn a_tag_and_a_digest_must_both_match() {
    let (a, b) = (digest('a'), digest('b'));
    check_rule(
        &format!("exact: \"r.example/x:1@{a}\", to: m.example/y"),
        &[
            (&format!("r.example/x:1@{a}"), &format!("m.example/y:1@{a}")),
            (&format!("r.example/x:2@{a}"), "- no-rule"),
            (&format!("r.example/x@{a}"), "- no-rule"),
            (&format!("r.example/x:1@{b}"), "- no-rule"),
            ("r.example/x:1", "- no-rule"),
        ],
    );
}

#[test]
fn a_digest_alone_matches_whatever_the_tag() {
    let a = digest('a');
    check_rule(
        &format!("exact: \"r.example/x@{a}\", to: m.example/y"),
        &[
            (&format!("r.example/x:1@{a}"), &format!("m.example/y:1@{a}")),
            (&format!("r.example/x@{a}"), &format!("m.example/y@{a}")),
            ("r.example/x:1", "- no-rule"),
        ],
    );
}
