//! Globs on names and selectors on labels: what cannot be used.

use super::{cluster_map, faults, refuses};

fn with(field: &str) -> String {
    cluster_map("m", &format!("{field}\nrules:\n- {{prefix: quay.io, to: m.example}}"))
}

#[test]
fn a_glob_on_names_must_compile() {
    for field in ["namespaces", "excludeNamespaces", "excludeOwners"] {
        let text = with(&format!("{field}: [web, \"team-[a\"]"));
        refuses(&text, &["rules.yaml:6:", field, "\"team-[a\" cannot be used: a [ has no"]);
        refuses(&with(&format!("{field}: [\"\"]")), &["the pattern is empty"]);
    }
}

#[test]
fn an_expression_has_a_key_and_a_fitting_operator() {
    let cases = [
        ("{key: app, operator: In}", "operator \"In\" cannot be used so"),
        ("{key: app, operator: In, values: []}", "operator \"In\" cannot be used so"),
        ("{key: app, operator: NotIn}", "operator \"NotIn\" cannot be used so"),
        ("{key: app, operator: Exists, values: [a]}", "operator \"Exists\" cannot be used so"),
        ("{key: app, operator: DoesNotExist, values: [a]}", "\"DoesNotExist\" cannot be used so"),
        ("{key: app, operator: exists}", "operator \"exists\" cannot be used so"),
        ("{key: app}", "operator \"\" cannot be used so"),
        ("{operator: Exists}", "the expression has no key"),
        ("{key: \"\", operator: Exists}", "\"\" cannot be the key of a label"),
        ("{key: a/b/c, operator: Exists}", "\"a/b/c\" cannot be the key of a label"),
        ("{key: app, operator: In, values: [a b]}", "\"a b\" cannot be the value of a label"),
        ("{key: app, operator: In, values: [1]}", "values must be text"),
        ("app", "matchExpressions must be a table, not text"),
    ];
    for (expression, what) in cases {
        let text = with(&format!("podSelector: {{matchExpressions: [{expression}]}}"));
        let faults = faults(&text);
        assert!(faults.iter().any(|fault| fault.contains(what)), "{expression}: {faults:#?}");
    }
    refuses(&with("podSelector: {matchExpressions: {}}"), &["must be a list, not a table"]);
}

#[test]
fn a_label_to_match_is_text() {
    refuses(&with("podSelector: {matchLabels: {app: 1}}"), &["a label's value must be text"]);
    refuses(&with("podSelector: {matchLabels: {app: null}}"), &["a label's value must be text"]);
    refuses(&with("podSelector: {matchLabels: [app]}"), &["matchLabels must be a table"]);
}
