//! What a rule matches: exactly one matcher, and a usable one.

use super::{cluster_map, load_file, refuses_rule, warnings};

#[test]
fn a_rule_has_exactly_one_matcher() {
    let one = "write exactly one of exact, glob, regex and prefix";
    refuses_rule("to: m.example", &["the rule matches nothing", one]);
    let two = "prefix: quay.io, exact: quay.io/a, to: m.example/a";
    refuses_rule(two, &["the rule has exact and prefix", one]);
    let all = "prefix: a.io, exact: a.io/a, glob: a.io, regex: a.io, to: m.example/a";
    refuses_rule(all, &["the rule has exact and glob and regex and prefix", one]);
}

#[test]
fn a_rule_has_either_a_target_or_keep() {
    let either = "write either to: TARGET or keep: true";
    refuses_rule("prefix: quay.io", &["does not say what becomes of the image", either]);
    refuses_rule("prefix: quay.io, to: m.example, keep: true", &["both to and keep", either]);
    refuses_rule("prefix: quay.io, keep: false", &["keep can only be true", "drop the rule"]);
    refuses_rule("prefix: quay.io, keep: x", &["keep must be true or false"]);
    refuses_rule("prefix: quay.io, to: []", &["to is an empty list"]);
    refuses_rule("prefix: quay.io, to: 5000", &["to must be text", "put it in quotes"]);
    refuses_rule("prefix: quay.io, to: [m.example, 1]", &["to must be text"]);
    super::refuses(&cluster_map("m", "default: {}"), &["does not say what becomes", either]);
}

#[test]
fn a_literal_starts_with_a_registry() {
    let cases = [
        ("prefix: library", "docker.io/library/library"),
        ("prefix: library/nginx", "docker.io/library/nginx"),
        ("exact: nginx", "docker.io/library/nginx"),
        ("exact: org/app", "docker.io/org/app"),
        ("prefix: \"https://quay.io\"", "start with a registry"),
        ("prefix: foo_bar.com/x", "start with a registry"),
        ("exact: \":5000/x\"", "start with a registry"),
        ("prefix: \"\"", "start with a registry"),
    ];
    for (matcher, hint) in cases {
        let rule = format!("{matcher}, to: m.example/x");
        refuses_rule(&rule, &["does not start with a registry", hint]);
    }
}

#[test]
fn a_prefix_is_a_path_without_tag_and_digest() {
    let cases = [
        ("quay.io/", "ends with a slash"),
        ("quay.io/a/", "ends with a slash"),
        ("quay.io/a:1", "has a tag or digest"),
        ("quay.io/a@sha256:0", "has a tag or digest"),
        ("quay.io/A", "has upper-case letters"),
        ("quay.io/a//b", "is no path on a registry"),
        ("quay.io/*", "is no path on a registry"),
    ];
    for (prefix, what) in cases {
        refuses_rule(&format!("prefix: \"{prefix}\", to: m.example"), &[what]);
    }
}

#[test]
fn an_exact_rule_names_a_repository() {
    let cases = [
        ("quay.io", "has no repository; write quay.io/NAME"),
        ("quay.io:5000", "has no repository"),
        ("quay.io/A", "is no image"),
        ("quay.io/a:", "is no image"),
        ("quay.io/a@sha256:abc", "is no image"),
        ("quay.io/a/", "is no image"),
    ];
    for (exact, what) in cases {
        refuses_rule(&format!("exact: \"{exact}\", to: m.example/a"), &[what]);
    }
}

#[test]
fn patterns_must_compile() {
    let cases = [
        ("glob: \"quay.io/[a\"", "a [ has no matching ]"),
        ("glob: \"quay.io/***\"", "three stars in a row"),
        ("glob: \"\"", "the pattern is empty"),
        ("glob: \"quay.io/[z-a]\"", "cannot be used"),
        ("regex: \"quay.io/(\"", "unclosed group"),
        ("regex: \"\"", "the pattern is empty"),
        ("regex: \"a(?=b)\"", "look-around"),
        ("regex: \"(a)\\\\1\"", "backreferences"),
        ("regex: \"(a{999}){99}\"", "compiles to over 262144 bytes"),
    ];
    for (pattern, what) in cases {
        refuses_rule(&format!("{pattern}, to: m.example/x"), &["cannot be used: ", what]);
    }
}

#[test]
fn a_pattern_is_matched_on_the_name_or_the_reference() {
    refuses_rule("glob: \"**\", on: tag, keep: true", &["on cannot be \"tag\"", "write reference"]);
    refuses_rule("prefix: quay.io, on: reference, keep: true", &["on has no meaning for prefix"]);
    refuses_rule("exact: quay.io/a, on: name, keep: true", &["on has no meaning for exact"]);
}

#[test]
fn a_rules_name_is_short_and_plain() {
    for name in ["a b", "-a", "a-", "default", "ä", "", &"a".repeat(64)] {
        let rule = format!("name: \"{name}\", prefix: quay.io, keep: true");
        refuses_rule(&rule, &["cannot name a rule", "at most 63"]);
    }
    for name in ["a", "a.b_c-d", "Hub1", &"a".repeat(63)] {
        let rule = format!("rules:\n- {{name: \"{name}\", prefix: quay.io, keep: true}}");
        assert_eq!(load_file(&cluster_map("m", &rule)).maps[0].rules[0].name, name);
    }
}

#[test]
fn a_glob_that_starts_with_no_registry_is_warned_of() {
    for (glob, is_warned) in
        [("nginx", true), ("library/*", true), ("*/nginx", false), ("q.io/*", false)]
    {
        let rule = format!("rules:\n- {{glob: \"{glob}\", keep: true}}");
        let warnings = warnings(&cluster_map("m", &rule));
        assert_eq!(warnings.len(), usize::from(is_warned), "{glob}: {warnings:?}");
        assert!(warnings.iter().all(|text| text.contains("matches no image")), "{warnings:?}");
    }
}
