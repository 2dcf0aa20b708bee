//! Texts of a source: YAML, JSON, several documents, several files, and all
//! faults at once.

use detour::rules::{Source, load, unreadable};

use super::{cluster_map, faults, load_file, named, refuses};

const RULES: &str = "rules:\n- {prefix: quay.io, to: m.example}";

#[test]
fn several_documents_of_several_files_are_read_in_their_order() {
    let texts = [
        named("b.yaml", &(cluster_map("one", RULES) + &cluster_map("two", RULES))),
        named("a.yaml", &cluster_map("three", RULES)),
    ];
    let loaded = load(Source::File, &texts);
    assert_eq!(loaded.report.faults, []);
    let seen: Vec<(&str, &str, usize)> = loaded
        .maps
        .iter()
        .map(|map| (map.id.name.as_str(), map.place.file.as_str(), map.place.document))
        .collect();
    assert_eq!(seen, [("one", "b.yaml", 1), ("two", "b.yaml", 2), ("three", "a.yaml", 1)]);
    assert!(loaded.maps.is_sorted_by_key(|map| map.age.order));
}

#[test]
fn empty_texts_and_documents_are_no_faults() {
    for text in ["", "\n", "# a comment\n", "---\n---\n", "--- ~\n"] {
        assert_eq!(faults(text), Vec::<String>::new(), "{text:?}");
        assert_eq!(load_file(text).maps, []);
    }
}

#[test]
fn json_is_read_as_yaml_is() {
    let text = "{\n\t\"apiVersion\": \"detour.dev/v1alpha1\", \"kind\": \"ClusterImageMap\",\n\
                \t\"metadata\": {\"name\": \"json\"},\n\t\"spec\": {\"rules\": [\n\
                \t\t{\"prefix\": \"quay.io\", \"to\": \"m.example\"},\n\
                \t\t{\"prefix\": \"gcr.io\", \"to\": \"m\"}]}\n}\n";
    refuses(text, &["rules.yaml:6: document 1, ClusterImageMap/json, rule rules[1]:"]);
    assert_eq!(faults(&text.replace("\"m\"", "\"n.example\"")), Vec::<String>::new());
    let pretty = text.replace("\"m\"", "\"m\\u002eexample\\/x\"");
    let loaded = load_file(&pretty);
    let target = loaded.maps[0].rules[1].action.target().unwrap();
    assert_eq!(target.to_string(), "m.example/x");
}

#[test]
fn a_field_is_the_same_however_its_name_is_written() {
    let text = cluster_map("one", RULES);
    for name in ["\"spec\"", "'spec'", "\"sp\\u0065c\"", "? spec\n", "!!str spec"] {
        let loaded = load_file(&text.replace("spec:", &format!("{name}:")));
        assert_eq!(loaded.report.faults, [], "{name}");
        assert_eq!(loaded.maps[0].rules.len(), 1, "{name}");
    }
}

#[test]
fn a_fault_names_file_line_document_map_rule_and_what_to_write() {
    let broken =
        "rules:\n- {prefix: quay.io, to: m.example}\n- {name: hub, prefix: docker.io, to: mirror}";
    let text = cluster_map("one", RULES) + &cluster_map("two", broken);
    let expected = "rules.yaml:15: document 2, ClusterImageMap/two, rule hub: target \"mirror\" \
                    does not start with a registry; write docker.io/library/mirror if Docker Hub \
                    is meant";
    assert_eq!(faults(&text), [expected]);
}

#[test]
fn all_faults_of_all_files_are_reported_at_once() {
    let first = "mode: On\nrules:\n- {name: a, prefix: quay.io, to: m}\n- {name: b, prefix: gcr.io}\n\
                 - {name: c, glob: \"x[\", to: m.example}\ndefault: {to: https://m.example}";
    let second = "extra: 1\nrules:\n- {exact: nginx, to: m.example/nginx}";
    let texts = [
        named("one.yaml", &(cluster_map("one", first) + &cluster_map("two", second))),
        named("two.yaml", "a: b: c\n"),
        named("three.yaml", &cluster_map("three", "final: 1")),
        named("four.yaml", &cluster_map("four", RULES)),
    ];
    let loaded = load(Source::File, &texts);
    let faults: Vec<String> = loaded.report.faults.iter().map(ToString::to_string).collect();
    let expected = [
        "one.yaml:6: document 1, ClusterImageMap/one: mode cannot be",
        "one.yaml:8: document 1, ClusterImageMap/one, rule a: target \"m\"",
        "one.yaml:9: document 1, ClusterImageMap/one, rule b: the rule does not say",
        "one.yaml:10: document 1, ClusterImageMap/one, rule c: the pattern \"x[\"",
        "one.yaml:11: document 1, ClusterImageMap/one, rule default: target \"https://m.example\"",
        "one.yaml:17: document 2, ClusterImageMap/two: unknown field \"extra\"",
        "one.yaml:19: document 2, ClusterImageMap/two, rule rules[0]: exact \"nginx\"",
        "three.yaml:6: document 1, ClusterImageMap/three: final must be",
        "two.yaml:1: ",
    ];
    assert_eq!(faults.len(), expected.len(), "{faults:#?}");
    for (fault, start) in faults.iter().zip(expected) {
        assert!(fault.starts_with(start), "{fault:?} does not start with {start:?}");
    }
    for fault in &loaded.report.faults {
        assert!(!fault.hint.is_empty(), "{fault}");
    }
    let names: Vec<&str> = loaded.maps.iter().map(|map| map.id.name.as_str()).collect();
    assert_eq!(names, ["four"]);
}

#[test]
fn several_faults_of_one_rule_are_all_reported() {
    let rule = "rules:\n- {name: \"a b\", glob: \"x[\", exact: y, to: z, keep: true, on: tag}";
    let faults = faults(&cluster_map("m", rule));
    let expected = ["cannot name a rule", "has exact and glob", "has both to and keep"];
    assert_eq!(faults.len(), expected.len(), "{faults:#?}");
    for what in expected {
        assert!(faults.iter().any(|fault| fault.contains(what)), "{what}: {faults:#?}");
    }
}

#[test]
fn text_that_is_no_yaml_is_refused_with_its_line() {
    let cases = [
        (cluster_map("m", RULES) + "---\na: [1\nb: 2\n", "rules.yaml:10:"),
        ("a: 1\na: 2\n".to_owned(), "rules.yaml:2:"),
        ("kind: \"x\n".to_owned(), "rules.yaml:"),
        ("[".repeat(100) + &"]".repeat(100), "rules.yaml:1:"),
        ("a: &a [x, x]\nb: *c\n".to_owned(), "rules.yaml:2:"),
    ];
    for (text, place) in cases {
        refuses(&text, &[place, "mend the text; the rest of the file was not read"]);
        assert_eq!(load_file(&text).maps, [], "{text}");
    }
}

#[test]
fn a_fault_is_one_line_without_control_characters() {
    let rule = "rules:\n- {prefix: \"a\\n\\u001b[31mb\", to: m.example}";
    for fault in faults(&cluster_map("m", rule)) {
        assert!(!fault.contains(char::is_control), "{fault:?}");
    }
    let unread = unreadable("rules/", "no such\nfile", "mount it").to_string();
    assert_eq!(unread, "rules/: no such file; mount it");
}
