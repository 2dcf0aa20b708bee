//! The limits, at the limit and one above.

use detour::rules::merge::{Merged, Obstacle, merge};
use detour::rules::{ImageMap, Source, load};

use super::{cluster_map, image_map, load_file, named, refuses, refuses_rule};

/// A spec of this many prefix rules.
fn prefixes(count: usize) -> String {
    let rule = |n| format!("- {{prefix: quay.io/o{n}, keep: true}}\n");
    format!("rules:\n{}", (0..count).map(rule).collect::<String>())
}

/// A spec of this many patterns, half of each kind.
fn patterns(count: usize) -> String {
    let rule = |n| match n % 2 {
        0 => format!("- {{glob: \"quay.io/o{n}/*\", keep: true}}\n"),
        _ => format!("- {{regex: \"quay.io/o{n}/.*\", keep: true}}\n"),
    };
    format!("rules:\n{}", (0..count).map(rule).collect::<String>())
}

fn maps(texts: &str) -> Vec<ImageMap> {
    let loaded = load(Source::File, &[named("rules.yaml", texts)]);
    assert_eq!(loaded.report.faults, []);
    loaded.maps
}

/// Copies of the map under other names.
fn copies(map: &ImageMap, names: std::ops::Range<usize>) -> Vec<ImageMap> {
    names
        .map(|index| {
            let mut copy = map.clone();
            copy.id.name = format!("copy-{index:03}");
            copy.age.name.clone_from(&copy.id.name);
            copy
        })
        .collect()
}

fn out(merged: &Merged) -> Vec<String> {
    let out = merged.out_of_force.iter();
    out.map(|(map, obstacle)| format!("{}: {obstacle}", map.id)).collect()
}

#[test]
fn a_document_has_at_most_8192_rules() {
    let loaded = load_file(&cluster_map("m", &prefixes(8_192)));
    assert_eq!((loaded.report.faults.len(), loaded.maps[0].rules.len()), (0, 8_192));
    let what = "the document has 8193 rules; the limit is 8192: split it into several maps";
    refuses(&cluster_map("m", &prefixes(8_193)), &[what]);
}

#[test]
fn a_text_has_at_most_512_bytes() {
    let path = |bytes: usize| format!("m.example/{}", "a".repeat(bytes - 10));
    let keep = |bytes| format!("rules:\n- {{prefix: {}, keep: true}}", path(bytes));
    assert_eq!(load_file(&cluster_map("m", &keep(512))).report.faults, []);
    let long = path(513);
    let limit = "has 513 bytes; the limit is 512";
    let rules = [
        format!("prefix: {long}, keep: true"),
        format!("exact: {long}, keep: true"),
        format!("glob: {long}, keep: true"),
        format!("regex: {long}, keep: true"),
        format!("name: {long}, prefix: quay.io, keep: true"),
        format!("prefix: quay.io, to: {long}"),
        format!("prefix: quay.io, to: [m.example, {long}]"),
        format!("glob: quay.io, on: {long}, keep: true"),
    ];
    for rule in rules {
        refuses_rule(&rule, &[limit]);
    }
    let fields = [
        format!("mode: {long}"),
        format!("namespaces: [{long}]"),
        format!("excludeOwners: [{long}]"),
        format!("podSelector: {{matchLabels: {{app: {long}}}}}"),
        format!("podSelector: {{matchLabels: {{? {long} : x}}}}"),
        format!("podSelector: {{matchExpressions: [{{key: {long}, operator: Exists}}]}}"),
        format!("imagePullSecrets: [{long}]"),
    ];
    for field in fields {
        let text = cluster_map("m", &format!("{field}\nrules:\n- {{prefix: quay.io, keep: true}}"));
        let faults = super::faults(&text);
        assert!(faults.iter().any(|fault| fault.contains(limit)), "{field}: {faults:#?}");
    }
}

#[test]
fn a_regex_has_at_most_512_bytes_and_a_bounded_size() {
    let keep = |regex: &str| format!("regex: \"{regex}\", keep: true");
    let longest = cluster_map("m", &format!("rules:\n- {{{}}}", keep(&"a".repeat(512))));
    assert_eq!(load_file(&longest).report.faults, []);
    refuses_rule(&keep(&"a".repeat(513)), &["regex has 513 bytes; the limit is 512"]);
    refuses_rule(&keep("(a{500}){500}"), &["compiles to over 262144 bytes", "split it"]);
}

#[test]
fn rules_in_force_are_at_most_200_000() {
    let maps = maps(&(cluster_map("big", &prefixes(8_000)) + &cluster_map("rest", &prefixes(1))));
    let [big, one] = &maps[..] else { panic!("two maps") };
    let full = copies(big, 0..25);
    let merged = merge(full.clone());
    assert_eq!((merged.in_force.len(), out(&merged)), (25, vec![]));
    let mut over = full;
    over.push(one.clone());
    let merged = merge(over);
    assert_eq!(merged.in_force.len(), 25);
    assert_eq!(
        out(&merged),
        ["ClusterImageMap/rest: more than 200000 rules would be in force; drop some"]
    );
}

#[test]
fn a_default_counts_as_a_rule() {
    let specs = prefixes(7_999) + "default: {keep: true}";
    let maps = maps(&(cluster_map("big", &specs) + &cluster_map("rest", "default: {keep: true}")));
    let mut over = copies(&maps[0], 0..25);
    over.push(maps[1].clone());
    let merged = merge(over);
    assert_eq!((merged.in_force.len(), out(&merged).len()), (25, 1));
}

#[test]
fn patterns_in_force_are_at_most_1000() {
    let maps = maps(&(cluster_map("big", &patterns(100)) + &cluster_map("rest", &patterns(1))));
    let full = copies(&maps[0], 0..10);
    assert_eq!(out(&merge(full.clone())), Vec::<String>::new());
    let mut over = full;
    over.push(maps[1].clone());
    let merged = merge(over);
    let (map, obstacle) = &merged.out_of_force[0];
    assert_eq!((merged.out_of_force.len(), map.id.name.as_str()), (1, "rest"));
    assert_eq!(*obstacle, Obstacle::Limit { what: "patterns", limit: 1_000 });
}

#[test]
fn a_document_has_no_more_patterns_than_can_be_in_force() {
    let load = |text: &str| load_file(text).report.faults.len();
    assert_eq!(load(&cluster_map("m", &patterns(1_000))), 0);
    let what = "the document has 1001 globs and regular expressions; the limit is 1000";
    refuses(&cluster_map("m", &patterns(1_001)), &[what]);
    assert_eq!(load(&image_map("web", "m", &patterns(50))), 0);
    let what = "the document has 51 globs and regular expressions; the limit is 50";
    refuses(&image_map("web", "m", &patterns(51)), &[what]);
}

#[test]
fn patterns_of_one_namespace_are_at_most_50() {
    let half = image_map("web", "a", &patterns(25)) + &image_map("web", "b", &patterns(25));
    let other = image_map("ops", "d", &patterns(50));
    let merged = merge(maps(&(half.clone() + &image_map("web", "c", &patterns(1)) + &other)));
    assert_eq!(
        out(&merged),
        ["ImageMap/web/c: more than 50 patterns of one namespace would be in force; drop some"]
    );
    assert_eq!(merged.in_force.len(), 3);
    let merged = merge(maps(&(half + &image_map("web", "c", &prefixes(1)))));
    assert_eq!(out(&merged), Vec::<String>::new());
    let merged = merge(maps(&cluster_map("m", &patterns(51))));
    assert_eq!(out(&merged), Vec::<String>::new());
}

#[test]
fn a_namespace_has_at_most_20_image_maps() {
    let texts: String = (0..21).map(|n| image_map("web", &format!("m{n}"), &prefixes(1))).collect();
    let merged = merge(maps(&(texts + &image_map("ops", "own", &prefixes(1)))));
    assert_eq!(
        out(&merged),
        ["ImageMap/web/m20: more than 20 ImageMaps of one namespace would be in force; drop some"]
    );
    assert_eq!(merged.in_force.len(), 21);
}

#[test]
fn what_is_beyond_a_limit_takes_nothing_from_what_is_younger() {
    let texts = image_map("web", "a", &patterns(40))
        + &image_map("web", "b", &patterns(20))
        + &image_map("web", "c", &patterns(10));
    let merged = merge(maps(&texts));
    let names: Vec<&str> = merged.in_force.iter().map(|map| map.id.name.as_str()).collect();
    assert_eq!((names, out(&merged).len()), (vec!["a", "c"], 1));
}

#[test]
fn lists_and_labels_have_a_bound() {
    let list = |items: usize| vec!["\"a\""; items].join(", ");
    let cases = [
        ("namespaces", format!("namespaces: [{}]", list(257))),
        ("excludeOwners", format!("excludeOwners: [{}]", list(257))),
        ("matchExpressions", {
            let one = "{key: a, operator: Exists}";
            format!("podSelector: {{matchExpressions: [{}]}}", vec![one; 257].join(", "))
        }),
        ("matchLabels", {
            let labels: Vec<String> = (0..257).map(|number| format!("a{number}: b")).collect();
            format!("podSelector: {{matchLabels: {{{}}}}}", labels.join(", "))
        }),
    ];
    for (name, field) in cases {
        let document = cluster_map("a", &format!("{field}\nrules: [{{prefix: a.io, keep: true}}]"));
        refuses(&document, &[&format!("{name} has 257 items"), "the limit is 256"]);
    }
    let document = format!("namespaces: [{}]\nrules: [{{prefix: a.io, keep: true}}]", list(256));
    assert_eq!(load_file(&cluster_map("a", &document)).report.faults, []);
}
