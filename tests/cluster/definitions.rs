//! The custom resource definitions on a real API server.

use detour::rules::schema::{definition, definition_name, plural};
use detour::rules::{Kind, Loaded, Source, Text, load};
use serde_json::{Value, json};

use crate::client::Api;
use crate::control_plane::{ControlPlane, shared};
use crate::fixture::namespace;
use crate::wait::wait_until;

pub(crate) const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const KINDS: [Kind; 2] = [Kind::ClusterImageMap, Kind::ImageMap];

/// Makes both definitions, unless they are there, and waits until they are
/// served.
pub(crate) fn define(cluster: &ControlPlane) {
    let api = cluster.api();
    for kind in KINDS {
        let (status, answer) =
            api.request("POST", DEFINITIONS, "application/json", &definition(kind));
        assert!([201, 409].contains(&status), "{answer}");
        let collection = format!("/apis/detour.dev/v1alpha1/{}", plural(kind));
        wait_until("the definition is served", || {
            api.request("GET", &collection, "application/json", &Value::Null).0 == 200
        });
    }
}

fn map(name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "detour.dev/v1alpha1", "kind": "ImageMap",
        "metadata": {"name": name}, "spec": spec,
    })
}

fn collection(namespace: &str) -> String {
    format!("/apis/detour.dev/v1alpha1/namespaces/{namespace}/imagemaps")
}

/// What the API server says of a map under strict field validation.
fn refusal(api: &Api, namespace: &str, spec: &Value) -> Option<String> {
    let path = format!("{}?dryRun=All&fieldValidation=Strict", collection(namespace));
    let (status, answer) = api.request("POST", &path, "application/json", &map("refused", spec));
    (status != 201).then(|| answer["message"].as_str().unwrap().to_owned())
}

fn read(object: &Value) -> Loaded {
    load(Source::Api, &[Text { name: "the API server".to_owned(), content: object.to_string() }])
}

#[test]
fn the_definitions_are_structural_and_named() {
    let Some(cluster) = shared() else { return };
    define(cluster);
    let api = cluster.api();
    for kind in KINDS {
        let stored = api.get(&format!("{DEFINITIONS}/{}", definition_name(kind)));
        let conditions = stored["status"]["conditions"].as_array().unwrap();
        let is = |name: &str, status: &str| {
            conditions
                .iter()
                .any(|condition| condition["type"] == name && condition["status"] == status)
        };
        assert!(is("Established", "True"), "{conditions:?}");
        assert!(!is("NonStructuralSchema", "True"), "{conditions:?}");
        // By which an older definition in a cluster is told from this one.
        let version = &stored["spec"]["versions"][0];
        assert_eq!(version["schema"], definition(kind)["spec"]["versions"][0]["schema"]);
    }
    let discovered = api.get("/apis/detour.dev/v1alpha1");
    let names: Vec<(&str, &Value)> = discovered["resources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|resource| (resource["name"].as_str().unwrap(), &resource["shortNames"]))
        .collect();
    assert!(names.contains(&("imagemaps", &json!(["im"]))), "{names:?}");
    assert!(names.contains(&("clusterimagemaps", &json!(["cim"]))), "{names:?}");
    assert!(names.contains(&("imagemaps/status", &Value::Null)), "{names:?}");
}

#[test]
fn what_the_reader_takes_is_stored_and_read_again() {
    let Some(cluster) = shared() else { return };
    define(cluster);
    let (api, namespace) = (cluster.api(), namespace(cluster, "definitions"));
    let digest = format!("sha256:{}", "0".repeat(64));
    let spec = json!({
        "mode": "Observe", "priority": -7, "rollout": {"percent": 12.5},
        "excludeOwners": ["postgresql.cnpg.io/*"], "imagePullSecrets": ["mirror"],
        "podSelector": {
            "matchLabels": {"app": "web"},
            "matchExpressions": [{"key": "tier", "operator": "In", "values": ["a", "b"]}],
        },
        "rules": [
            {"name": "hub", "prefix": "docker.io", "to": "mirror.example/hub"},
            {"exact": format!("docker.io/library/redis@{digest}"), "keep": true},
            {"glob": "quay.io/**/debug-*", "on": "reference", "to": ["a.example/x", "b.example/y"]},
            {"regex": "^(?<project>[^./]+)\\.gcr\\.io/(?<path>.+)$",
             "to": "mirror.example/gcr-{project}/{path}"},
        ],
        "default": {"to": "mirror.example/{registry}/{repository}"},
    });
    let stored = api.create(&collection(&namespace), &map("all", &spec));
    assert_eq!(stored["spec"], spec, "nothing is pruned or changed");
    let loaded = read(&stored);
    assert_eq!(loaded.report.faults, []);
    assert_eq!(loaded.maps[0].rules.len(), 5, "the default is the last one");

    let rule = |number: usize| {
        let exact = format!("docker.io/library/image-{number}");
        json!({"exact": exact, "to": format!("mirror.example/image-{number}")})
    };
    let most: Vec<Value> = (0..8192).map(rule).collect();
    let stored = api.create(&collection(&namespace), &map("most", &json!({"rules": most})));
    assert_eq!(read(&stored).maps[0].rules.len(), 8192);
    let defaults = (&stored["spec"]["mode"], &stored["spec"]["priority"]);
    assert_eq!(defaults, (&json!("Enforce"), &json!(0)));
}

#[test]
fn what_is_wrong_in_one_rule_is_refused_by_the_api_server() {
    let Some(cluster) = shared() else { return };
    define(cluster);
    let (api, namespace) = (cluster.api(), namespace(cluster, "definitions"));
    let rules = |rule: Value| json!({"rules": [rule]});
    let cases = [
        (rules(json!({"prefix": "a.io"})), "one and only one schema (oneOf)"),
        (
            rules(json!({"prefix": "a.io", "to": "b.io/c", "keep": true})),
            "one and only one schema (oneOf)",
        ),
        (rules(json!({"prefix": "a.io", "keep": false})), "Unsupported value"),
        (rules(json!({"to": "b.io/c"})), "exactly one of exact, glob, regex and prefix"),
        (rules(json!({"prefix": "a.io", "glob": "a.io/*", "keep": true})), "exactly one of"),
        (rules(json!({"prefix": "a.io", "on": "reference", "keep": true})), "on has a meaning"),
        (rules(json!({"prefix": "a".repeat(513), "keep": true})), "may not be more than 512"),
        (rules(json!({"prefix": "a.io", "target": "b.io"})), "unknown field"),
        (json!({"mode": "enforce"}), "Unsupported value"),
        (json!({"rollout": {"percent": 101}}), "less than or equal to 100"),
        (json!({"final": true}), "unknown field"),
        (json!({"namespaces": ["*"]}), "unknown field"),
    ];
    for (spec, part) in cases {
        let refusal = refusal(&api, &namespace, &spec).unwrap_or_else(|| panic!("{spec} is taken"));
        assert!(refusal.contains(part), "{part:?} is not in {refusal:?}");
    }
}
