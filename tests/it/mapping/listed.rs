//! The rules in force as an operator reads them.

use std::fmt::Write;

use detour::mapping::{Mapping, PAGE_BYTES_MAX};
use detour::rules::Source;

use super::mapping;
use crate::rules::{cluster_map, image_map};

fn rows(page: &str) -> Vec<&str> {
    let lines = page.lines().filter(|line| !line.starts_with('#'));
    lines.skip(1).collect()
}

#[test]
fn rules_are_listed_in_the_order_in_which_layers_are_asked() {
    let first = cluster_map("first", "final: true\nrules: [{prefix: a.io, keep: true}]");
    let own = image_map("web", "team", "rules: [{name: hub, exact: a.io/b, to: m.io/b:1}]");
    let low =
        cluster_map("low", "rules: [{glob: 'a.io/*', to: [m.io/a, n.io/a]}]\ndefault: {to: m.io}");
    let high =
        cluster_map("high", "priority: 7\nmode: Observe\nrules: [{prefix: a.io/b, to: m.io}]");
    let mapping = mapping(&[
        (Source::Harbor, &cluster_map("harbor", "rules: [{prefix: b.io, to: h.io/b}]")),
        (Source::ConfigMap, &cluster_map("pairs", "rules: [{prefix: c.io, to: m.io/c}]")),
        (
            Source::Api,
            &cluster_map(
                "object",
                "imagePullSecrets: [hidden]\nrules: [{prefix: d.io, to: m.io/d}]",
            ),
        ),
        (Source::File, &format!("{first}\n---\n{own}\n---\n{low}\n---\n{high}")),
    ]);
    let page = mapping.page(0);
    assert!(!page.contains("hidden"), "{page}");
    assert!(
        page.starts_with(
            "# 8 rules in force\nnumber\tlayer\tmode\tpriority\trule\tmatches\ttarget\n"
        )
    );
    assert_eq!(
        rows(&page),
        [
            "0\tfinal\tEnforce\t0\tClusterImageMap/first#rules[0]\tprefix a.io\tkeep",
            "1\tnamespace\tEnforce\t0\tImageMap/web/team#hub\texact a.io/b\tm.io/b:1",
            "2\tcluster\tEnforce\t0\tClusterImageMap/object#rules[0]\tprefix d.io\tm.io/d",
            "3\tfile\tObserve\t7\tClusterImageMap/high#rules[0]\tprefix a.io/b\tm.io",
            "4\tfile\tEnforce\t0\tClusterImageMap/low#rules[0]\tglob a.io/*\tm.io/a, n.io/a",
            "5\tfile\tEnforce\t0\tClusterImageMap/low#default\tdefault\tm.io",
            "6\tconfigmap\tEnforce\t0\tClusterImageMap/pairs#rules[0]\tprefix c.io\tm.io/c",
            "7\tharbor\tEnforce\t0\tClusterImageMap/harbor#rules[0]\tprefix b.io\th.io/b",
        ]
    );
    assert_eq!(rows(&mapping.page(7)).len(), 1);
    assert_eq!(rows(&mapping.page(8)), [""; 0]);
    assert_eq!(rows(&mapping.page(usize::MAX)), [""; 0]);
}

#[test]
fn without_rules_there_is_a_head_only() {
    assert_eq!(rows(&Mapping::default().page(0)), [""; 0]);
}

#[test]
fn a_rule_is_one_line_whatever_its_pattern_holds() {
    let odd = cluster_map("odd", r#"rules: [{regex: "a\\.io/(b|\n|\t|\u007f)", to: m.io/b}]"#);
    let mapping = mapping(&[(Source::File, &odd)]);
    let page = mapping.page(0);
    let row = "0\tfile\tEnforce\t0\tClusterImageMap/odd#rules[0]\tregex a\\.io/(b|\\n|\\t|\\u{7f})\tm.io/b";
    assert_eq!(rows(&page), [row]);
}

#[test]
fn pages_are_bounded_and_together_hold_every_rule_once() {
    let mut rules = String::from("rules:\n");
    for number in 0..3_000 {
        let path = format!("a{number:04}/").repeat(30);
        writeln!(rules, "- {{prefix: 'a.io/{path}x', to: 'm.io/{path}x'}}").unwrap();
    }
    let mapping = mapping(&[(Source::File, &cluster_map("many", &rules))]);
    let (mut from, mut pages, mut numbers) = (Some(0), 0, Vec::new());
    while let Some(first) = from {
        let page = mapping.page(first);
        assert!(page.len() <= PAGE_BYTES_MAX, "{}", page.len());
        numbers.extend(rows(&page).iter().map(|row| row.split('\t').next().unwrap().to_owned()));
        let more = page.lines().last().unwrap().strip_prefix("# more: ?from=");
        from = more.map(|number| number.parse::<usize>().unwrap());
        pages += 1;
    }
    assert!(pages > 4, "{pages}");
    let expected: Vec<String> = (0..3_000).map(|number| number.to_string()).collect();
    assert_eq!(numbers, expected);
}

#[test]
fn a_page_is_filled_up_to_where_the_next_one_is_named() {
    // The first rules are a byte longer than the others.
    let page = |longer: usize| {
        let mut rules = String::from("rules:\n");
        for number in 0..700 {
            let path = "a".repeat(200 + usize::from(number < longer));
            writeln!(rules, "- {{prefix: 'a.io/{number:03}{path}', to: 'm.io/{number:03}{path}'}}")
                .unwrap();
        }
        mapping(&[(Source::File, &cluster_map("many", &rules))]).page(0)
    };
    let plain = page(0);
    let (text, more) = plain.split_at(plain.rfind("# more: ?from=").unwrap());
    let count = rows(&plain).len();
    for room in [0, 1, more.len() - 1, more.len(), more.len() + 1] {
        // Each of them is longer by one in both columns.
        let longer = (PAGE_BYTES_MAX - text.len() - room) / 2;
        let room = PAGE_BYTES_MAX - text.len() - 2 * longer;
        let page = page(longer);
        assert!(page.len() <= PAGE_BYTES_MAX, "{} with room for {room}", page.len());
        let expected = count - usize::from(room < more.len());
        assert_eq!(rows(&page).len(), expected, "with room for {room}");
    }
}
