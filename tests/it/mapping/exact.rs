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

#[test]
fn of_two_rules_for_a_digest_the_first_decides_whether_or_not_it_has_a_tag() {
    let a = digest('a');
    let alone = format!("name: alone, exact: \"r.example/x@{a}\", to: m.example/alone");
    let tagged = format!("name: tagged, exact: \"r.example/x:1@{a}\", to: m.example/tagged");
    let image = format!("r.example/x:1@{a}");
    for (rules, first) in [([&alone, &tagged], "alone"), ([&tagged, &alone], "tagged")] {
        let mapping = of_rules(&rules.map(String::as_str));
        let decided = format!("rewritten default#{first} m.example/{first}:1@{a}");
        check(&mapping, &[(&image, &decided)]);
    }
}

#[test]
fn each_of_many_tags_and_digests_of_a_name_finds_its_rule() {
    let digests = ['c', 'a', 'b'].map(digest);
    let by_digest = digests.iter().map(|digest| format!("@{digest}"));
    let versions: Vec<String> = ["3", "10", "2", "latest"].map(|tag| format!(":{tag}")).into();
    let versions: Vec<String> = versions.into_iter().chain(by_digest).collect();
    let rules = versions.iter().enumerate().map(|(index, version)| {
        format!("name: n{index}, exact: \"r.example/x{version}\", to: m.example/y{index}")
    });
    let rules: Vec<String> = rules.collect();
    let mapping = of_rules(&rules.iter().map(String::as_str).collect::<Vec<_>>());
    for (index, version) in versions.iter().enumerate() {
        let decided = format!("rewritten default#n{index} m.example/y{index}{version}");
        check(&mapping, &[(&format!("r.example/x{version}"), &decided)]);
    }
    check(&mapping, &[("r.example/x:11", "no-rule - -")]);
}
