//! Which map decides: layers, priority, age, defaults.

use detour::rules::Source;

use super::{check, check_for, mapping, pod_in};
use crate::rules::{cluster_map, image_map};

/// A spec whose one rule sends `quay.io` to `NAME.example`.
fn quay_to(name: &str, more: &str) -> String {
    format!("{more}\nrules:\n- {{name: r, prefix: quay.io, to: {name}.example}}")
}

fn cluster(name: &str, more: &str) -> String {
    cluster_map(name, &quay_to(name, more))
}

#[test]
fn the_first_layer_with_a_matching_rule_decides() {
    let layers = [
        (Source::Harbor, cluster("harbor", "")),
        (Source::ConfigMap, cluster("configmap", "")),
        (Source::File, cluster("file", "")),
        (Source::Api, cluster("cluster", "")),
        (Source::Api, image_map("web", "own", &quay_to("own", ""))),
        (Source::Api, cluster("final", "final: true")),
    ];
    let deciding = [
        "harbor#r harbor.example/x",
        "configmap#r configmap.example/x",
        "file#r file.example/x",
        "cluster#r cluster.example/x",
        "ImageMap/web/own#r own.example/x",
        "final#r final.example/x",
    ];
    for count in 1..=layers.len() {
        let sources: Vec<(Source, &str)> =
            layers[..count].iter().map(|(source, text)| (*source, text.as_str())).collect();
        let expected = format!("rewritten {}", deciding[count - 1]);
        check(&mapping(&sources), &[("quay.io/x", &expected)]);
    }
}

#[test]
fn a_map_from_a_file_may_be_final_or_for_one_namespace() {
    let files = image_map("web", "own", &quay_to("own", "")) + &cluster("last", "final: true");
    let api = cluster("api", "");
    let own = image_map("web", "own", &quay_to("own", ""));
    let sources = [(Source::File, files.as_str()), (Source::Api, &api)];
    check(&mapping(&sources), &[("quay.io/x", "rewritten last#r last.example/x")]);
    let sources = [(Source::File, own.as_str()), (Source::Api, &api)];
    check(&mapping(&sources), &[("quay.io/x", "rewritten ImageMap/web/own#r own.example/x")]);
}

#[test]
fn an_image_map_is_for_its_own_namespace_only() {
    let own = image_map("web", "own", &quay_to("own", ""));
    let mapping = mapping(&[(Source::Api, &own)]);
    let rewritten = [("quay.io/x", "rewritten ImageMap/web/own#r own.example/x")];
    check_for(&mapping, &pod_in("web"), &rewritten);
    for other in ["webs", "we", ""] {
        check_for(&mapping, &pod_in(other), &[("quay.io/x", "no-rule - -")]);
    }
}

#[test]
fn keep_decides_too() {
    let keep = "rules:\n- {name: k, prefix: quay.io/kept, keep: true}";
    let mapping =
        mapping(&[(Source::Api, &cluster_map("own", keep)), (Source::File, &cluster("file", ""))]);
    check(
        &mapping,
        &[("quay.io/kept/x", "keep own#k -"), ("quay.io/x", "rewritten file#r file.example/x")],
    );
}

#[test]
fn a_later_layer_is_asked_whatever_the_kind_of_its_rule() {
    let exact = "rules:\n- {name: e, exact: quay.io/x, to: e.example/x}";
    let mapping =
        mapping(&[(Source::Api, &cluster("api", "")), (Source::File, &cluster_map("file", exact))]);
    check(&mapping, &[("quay.io/x", "rewritten api#r api.example/x")]);
}

#[test]
fn higher_priority_is_asked_first_whatever_the_age() {
    let text =
        cluster("low", "priority: -1") + &cluster("mid", "") + &cluster("high", "priority: 1");
    check(&mapping(&[(Source::File, &text)]), &[("quay.io/x", "rewritten high#r high.example/x")]);
    let text = cluster("low", "priority: -1") + &cluster("mid", "");
    check(&mapping(&[(Source::File, &text)]), &[("quay.io/x", "rewritten mid#r mid.example/x")]);
}

#[test]
fn priority_orders_the_patterns_of_a_layer() {
    let glob = |name: &str, priority: i32| {
        let rule = format!("{{name: g, glob: \"quay.io/**\", to: {name}.example}}");
        cluster_map(name, &format!("priority: {priority}\nrules:\n- {rule}"))
    };
    let text = glob("low", 1) + &glob("high", 2);
    check(&mapping(&[(Source::File, &text)]), &[("quay.io/x", "rewritten high#g high.example/x")]);
}

#[test]
fn the_maps_of_a_layer_form_one_table() {
    // Kinds come before priority, and so does the longer prefix.
    let wide = "priority: 5\nrules:\n- {name: wide, prefix: quay.io, to: w.example}";
    let narrow = "rules:\n- {name: narrow, prefix: quay.io/a, to: n.example}\n\
                  - {name: exact, exact: quay.io/b, to: e.example/b}";
    let text = cluster_map("wide", wide) + &cluster_map("narrow", narrow);
    check(
        &mapping(&[(Source::File, &text)]),
        &[
            ("quay.io/a/x", "rewritten narrow#narrow n.example/x"),
            ("quay.io/b", "rewritten narrow#exact e.example/b"),
            ("quay.io/c", "rewritten wide#wide w.example/c"),
        ],
    );
}

#[test]
fn a_default_is_asked_after_all_rules_of_all_layers() {
    let with_default =
        "rules:\n- {name: r, prefix: gcr.io, to: g.example}\ndefault: {to: d.example}";
    let mapping = mapping(&[
        (Source::Api, &cluster_map("first", with_default)),
        (Source::Harbor, &cluster("last", "")),
    ]);
    check(
        &mapping,
        &[
            ("quay.io/x", "rewritten last#r last.example/x"),
            ("gcr.io/x", "rewritten first#r g.example/x"),
            ("nginx", "rewritten first#default d.example/library/nginx"),
        ],
    );
}

#[test]
fn defaults_are_asked_in_the_order_of_layers_and_priority() {
    let default = |name: &str, more: &str| {
        cluster_map(name, &format!("{more}\ndefault: {{to: {name}.example}}"))
    };
    let own = image_map("web", "own", "default: {keep: true}");
    let file = default("file", "") + &default("high", "priority: 1");
    let both = mapping(&[(Source::File, &file), (Source::Api, &own)]);
    check_for(&both, &pod_in("web"), &[("a/b", "keep ImageMap/web/own#default -")]);
    check_for(&both, &pod_in("ops"), &[("a/b", "rewritten high#default high.example/a/b")]);
    let two = mapping(&[(Source::File, &file), (Source::ConfigMap, &default("later", ""))]);
    check(&two, &[("a/b", "rewritten high#default high.example/a/b")]);
    let text = default("final", "final: true");
    let all = mapping(&[(Source::File, &text), (Source::Api, &own)]);
    check(&all, &[("a/b", "rewritten final#default final.example/a/b")]);
}

#[test]
fn without_a_rule_and_a_default_the_image_is_kept() {
    check(&mapping(&[]), &[("nginx", "no-rule - -")]);
    check(&mapping(&[(Source::File, &cluster("m", ""))]), &[("nginx", "no-rule - -")]);
}
