//! What a ConfigMap holds: documents, and pairs of a registry and its mirror.

use std::sync::Arc;
use std::time::Duration;

use detour::client::Method;
use detour::kube::watch::Observer;
use detour::kube::{ApiError, ErrorKind, Object, Objects};
use detour::rules::Loaded;
use detour::sources::config_map::{Data, Name, Watched, load};
use serde_json::{Value, json};

use super::{Served, objects};

fn name() -> Name {
    Name { namespace: "detour".to_owned(), name: "mirrors".to_owned() }
}

fn loaded(data: &Value) -> Loaded {
    let data: Data = serde_json::from_value(json!({"data": data})).unwrap();
    load(&name(), &data)
}

fn faults(data: &Value) -> Vec<String> {
    loaded(data).report.faults.iter().map(ToString::to_string).collect()
}

fn document(name: &str) -> String {
    format!(
        "apiVersion: detour.dev/v1alpha1\nkind: ClusterImageMap\nmetadata: {{name: {name}}}\n\
         spec: {{rules: [{{prefix: {name}.io, to: mirror.example.com/{name}}}]}}\n"
    )
}

fn config_map(data: &Value) -> Objects {
    let object = json!({
        "metadata": {"namespace": "detour", "name": "mirrors", "resourceVersion": "1"}, "data": data,
    });
    objects([Object::parse(object.to_string().as_bytes()).unwrap()])
}

#[test]
fn pairs_are_prefix_rules_of_one_map() {
    // The ConfigMap of kubernetes-mimic's manifests, and what its users wrote.
    let loaded = loaded(&json!({
        "some.upstream.server": "our.internal.mirror.hostname",
        "docker.io": " harbor.example.com/dockerhub\n",
        "localhost": "mirror.example.com:5000/local",
    }));
    assert_eq!(loaded.report.faults, []);
    assert_eq!(loaded.maps.len(), 1);
    let map = &loaded.maps[0];
    assert_eq!(map.id.to_string(), "ClusterImageMap/mirrors");
    let rule = |rule: &detour::rules::Rule| {
        format!("{}: {} -> {}", rule.name, rule.matcher, rule.action.target().unwrap())
    };
    let rules: Vec<String> = map.rules.iter().map(rule).collect();
    assert_eq!(
        rules,
        [
            "docker.io: prefix docker.io -> harbor.example.com/dockerhub",
            "localhost: prefix localhost -> mirror.example.com:5000/local",
            "some.upstream.server: prefix some.upstream.server -> our.internal.mirror.hostname",
        ]
    );
}

#[test]
fn documents_come_before_pairs_and_in_the_order_of_their_keys() {
    let json = r#"{"apiVersion":"detour.dev/v1alpha1","kind":"ClusterImageMap","metadata":{"name":"j"},"spec":{"default":{"keep":true}}}"#;
    let data = json!({"z.yaml": document("z"), "docker.io": "a.example", "a.yml": document("a"),
                      "b.json": json});
    let names: Vec<String> = loaded(&data).maps.into_iter().map(|map| map.id.name).collect();
    assert_eq!(names, ["a", "j", "z", "mirrors"]);
}

#[test]
fn faults_name_the_key() {
    let data = json!({
        "rules.yaml": "spec: {}", "quay.io": "https://mirror.example.com", "ghcr": "a.example",
        "-x.io": "mirror",
    });
    let faults = faults(&data);
    for begin in [
        "configmap:detour/mirrors, key rules.yaml:1: document 1: ",
        "configmap:detour/mirrors, key quay.io: ",
        "configmap:detour/mirrors, key ghcr: prefix \"ghcr\" does not start with a registry",
        "configmap:detour/mirrors, key -x.io: ",
    ] {
        assert!(faults.iter().any(|fault| fault.starts_with(begin)), "{begin}: {faults:#?}");
    }
}

#[test]
fn what_two_keys_say_together_may_be_wrong() {
    let chain = faults(&json!({"a.io": "b.io/x", "b.io": "c.io"}));
    assert!(chain[0].starts_with("configmap:detour/mirrors, key a.io: the target"), "{chain:?}");
    let twice = faults(&json!({"mirrors.yaml": document("mirrors"), "docker.io": "a.example"}));
    assert!(twice[0].contains("the map is already in"), "{twice:?}");
    let same = faults(&json!({"docker.io": "a.example", "index.docker.io": "b.example"}));
    assert!(same[0].contains("key index.docker.io: prefix docker.io is already"), "{same:?}");
}

#[test]
fn a_config_map_without_rules_is_none() {
    assert_eq!(faults(&json!({})).len(), 1);
    assert_eq!(faults(&json!({"rules.yaml": ""})), [""; 0]);
    let data: Data = serde_json::from_value(json!({"binaryData": {"rules.yaml": "AAAA"}})).unwrap();
    let faults = load(&name(), &data).report.faults;
    let binary = "configmap:detour/mirrors, key rules.yaml: is binary, and not read";
    assert!(faults.iter().any(|fault| fault.to_string().starts_with(binary)), "{faults:?}");
}

#[test]
fn wrong_or_gone_it_leaves_the_last_good_rules() {
    let (served, mut places) = Served::new(&["configmap:detour/mirrors"]);
    let mut watched = Watched::new(name(), places.remove(0));
    let state = || {
        let snapshot = served.published.load();
        let fault = snapshot.faults.first().cloned().unwrap_or_default();
        (served.rules().len(), snapshot.missing.len(), fault)
    };
    let gone = "configmap:detour/mirrors: there is no such ConfigMap";
    watched.in_touch();
    watched.changed(&Objects::new());
    assert_eq!(state(), (0, 1, gone.to_owned()), "it never was there");
    watched.changed(&config_map(&json!({"docker.io": "a.example"})));
    assert_eq!(state(), (1, 0, String::new()));
    let before = served.published.load();
    watched.changed(&config_map(&json!({"docker.io": "a.example"})));
    assert!(Arc::ptr_eq(&before.mapping, &served.published.load().mapping), "no rule changed");
    watched
        .changed(&config_map(&json!({"docker.io": "a.example", "x": "y", "quay.io": "b.example"})));
    let (rules, missing, fault) = state();
    assert_eq!((rules, missing), (1, 0), "refused whole");
    assert!(fault.contains("key x: "), "{fault}");
    watched.in_touch();
    assert_eq!(served.metric("detour_source_failing{"), "1", "being in touch mends nothing");
    watched.changed(&config_map(&json!({"docker.io": "a.example", "quay.io": "b.example"})));
    assert_eq!(state(), (2, 0, String::new()));
    watched.changed(&Objects::new());
    assert_eq!(state(), (2, 0, gone.to_owned()));
    let error = ApiError {
        method: Method::GET,
        path: "/api".into(),
        kind: ErrorKind::Forbidden("no".to_owned()),
    };
    watched.failed(error, Duration::ZERO);
    assert_eq!(served.published.load().faults.len(), 2, "both are told");
    watched.in_touch();
    watched.changed(&config_map(&json!({"docker.io": "c.example"})));
    assert_eq!(state(), (1, 0, String::new()));
    assert_eq!(served.metric("detour_source_failing{"), "0");
}
