//! Objects of the API server: each is read as a file's document would be.

use std::time::Duration;

use detour::client::Method;
use detour::kube::watch::Observer;
use detour::kube::{ApiError, ErrorKind, Objects};
use detour::rules::{Kind, Matcher};
use detour::sources::api::{Checked, Watched};
use serde_json::json;

use super::{Served, object, objects, prefixes};

const SOURCE: &str = "api/clusterimagemaps";

fn error(kind: ErrorKind) -> ApiError {
    ApiError { method: Method::GET, path: "/apis/detour.dev".into(), kind }
}

fn absent() -> ApiError {
    error(ErrorKind::NotFound("no such kind".to_owned()))
}

fn watched() -> (Served, Watched) {
    let (served, mut places) = Served::new(&[SOURCE]);
    (served, Watched::new(Kind::ClusterImageMap, places.remove(0)))
}

fn two() -> Objects {
    objects([
        object("ClusterImageMap", "a", 1, &prefixes(&[("docker.io", "a.example")])),
        object("ClusterImageMap", "b", 2, &prefixes(&[("quay.io", "a.example")])),
    ])
}

#[test]
fn an_object_is_read_as_a_document_is() {
    // As the API server writes JSON: one line, and < and > escaped.
    let spec = json!({
        "mode": "Enforce", "priority": 7, "rollout": {"percent": 12.5},
        "rules": [
            {"name": "gcr", "regex": "^(?<project>[^./]+)\\.gcr\\.io/(?<path>.+)$",
             "to": "mirror.example.com/gcr-{project}/{path}"},
            {"exact": "docker.io/library/busybox:1", "to": ["a.example/b:1", "b.example/b:1"]},
        ],
        "default": {"keep": true},
    });
    let object = object("ImageMap", "shop/web", 5, &spec);
    let escaped = object.json().replace('<', "\\u003c").replace('>', "\\u003e");
    let object = detour::kube::Object::parse(escaped.as_bytes()).unwrap();
    let checked = Checked::new(Kind::ImageMap, &object);
    let map = checked.map().expect("no fault");
    assert_eq!(map.id.to_string(), "ImageMap/shop/web");
    assert_eq!((map.age.created.as_str(), map.age.order), ("2026-01-01T00:00:05Z", 0));
    assert_eq!((map.rules.len(), map.priority), (3, 7));
    assert_eq!(map.rules[2].matcher, Matcher::All);
    assert_eq!(map.namespaces.sources().collect::<Vec<_>>(), ["shop"]);
    assert_eq!(map.rules[1].action.targets().len(), 2);
}

#[test]
fn a_wrong_object_is_out_of_force_and_the_others_stay() {
    let (served, mut watched) = watched();
    let mut all = two();
    watched.changed(&all);
    assert_eq!(served.rules().len(), 2);
    let wrong = object("ClusterImageMap", "a", 1, &json!({"rules": [{"prefix": "nowhere"}]}));
    all.extend(objects([wrong]));
    watched.changed(&all);
    assert_eq!(served.rules(), ["ClusterImageMap/b#rules[0] prefix quay.io a.example"]);
    let snapshot = served.published.load();
    assert!(snapshot.missing.is_empty(), "it is ready all the same");
    let begin = "ClusterImageMap a: the map is out of force, Invalid: rule rules[0]: ";
    assert!(snapshot.faults[0].starts_with(begin), "{:?}", snapshot.faults);
    assert_eq!(served.metric("detour_source_maps_out_of_force{"), "1");
    assert_eq!(served.metric("detour_source_rules{"), "1");
    watched.changed(&two());
    assert_eq!(served.rules().len(), 2, "mended");
}

#[test]
fn a_change_that_does_not_count_compiles_nothing() {
    let (served, mut watched) = watched();
    watched.changed(&two());
    let before = served.published.load();
    let status = |object: &detour::kube::Object| {
        let mut value: serde_json::Value = object.decode().unwrap();
        value["metadata"]["resourceVersion"] = "9".into();
        value["status"] = json!({"rules": 1});
        detour::kube::Object::parse(value.to_string().as_bytes()).unwrap()
    };
    watched.changed(&objects(two().values().map(|object| status(object))));
    let number = served.verdicts.latest().number;
    assert!(std::sync::Arc::ptr_eq(&before.mapping, &served.published.load().mapping));
    assert_eq!(number, 1, "nothing new to say");
    watched.changed(&Objects::new());
    assert_eq!((served.rules().len(), served.verdicts.latest().number), (0, 2));
}

#[test]
fn a_kind_that_does_not_exist_is_empty_and_told() {
    let (served, mut watched) = watched();
    assert_eq!(served.published.load().missing, [format!("source {SOURCE}")]);
    watched.failed(absent(), Duration::ZERO);
    let snapshot = served.published.load();
    assert!(snapshot.missing.is_empty() && snapshot.faults.is_empty());
    let note = "there is no kind ClusterImageMap in this cluster";
    assert_eq!(snapshot.sources[0].note.as_deref(), Some(note));
    watched.in_touch();
    watched.changed(&two());
    assert_eq!(served.rules().len(), 2, "it was installed");
    assert_eq!(served.published.load().sources[0].note, None);
}

#[test]
fn a_kind_that_seems_gone_takes_its_rules_along_after_a_while() {
    let (served, mut watched) = watched();
    watched.changed(&two());
    for rules in [2, 2, 0, 0] {
        watched.failed(absent(), Duration::ZERO);
        assert_eq!(served.rules().len(), rules);
    }
    // The list is as it was before: no change is told.
    watched.in_touch();
    assert_eq!(served.rules().len(), 2);
    watched.failed(absent(), Duration::ZERO);
    assert_eq!(served.rules().len(), 2, "counted anew");
}

#[test]
fn a_server_that_cannot_be_asked_leaves_the_rules() {
    let (served, mut watched) = watched();
    watched.failed(error(ErrorKind::Forbidden("no".to_owned())), Duration::ZERO);
    assert_eq!(served.published.load().missing.len(), 1, "nothing is known yet");
    watched.in_touch();
    watched.changed(&two());
    for kind in [
        ErrorKind::Forbidden("no".to_owned()),
        ErrorKind::Unauthorized("who".to_owned()),
        ErrorKind::Unavailable { status: 503, retry_after: None, message: String::new() },
        ErrorKind::Malformed("what".to_owned()),
    ] {
        watched.failed(error(kind), Duration::ZERO);
        let snapshot = served.published.load();
        assert_eq!((snapshot.missing.len(), snapshot.faults.len()), (0, 1));
        assert_eq!(
            (served.rules().len(), served.metric("detour_source_failing{")),
            (2, "1".into())
        );
    }
    watched.in_touch();
    assert!(served.published.load().faults.is_empty());
    watched.failed(error(ErrorKind::Gone("too old".to_owned())), Duration::ZERO);
    assert!(served.published.load().faults.is_empty(), "a watch lists anew");
}

#[test]
fn an_object_made_anew_is_read_anew() {
    let (served, mut watched) = watched();
    let spec = prefixes(&[("docker.io", "a.example")]);
    let with = |field: &str, value: serde_json::Value| {
        let mut changed: serde_json::Value =
            object("ClusterImageMap", "a", 1, &spec).decode().unwrap();
        changed["metadata"][field] = value;
        detour::kube::Object::parse(changed.to_string().as_bytes()).unwrap()
    };
    watched.changed(&objects([object("ClusterImageMap", "a", 1, &spec)]));
    for (number, (field, value)) in [
        ("uid", json!("another")),
        ("generation", json!(2)),
        ("creationTimestamp", json!("2026-02-01T00:00:00Z")),
    ]
    .into_iter()
    .enumerate()
    {
        watched.changed(&objects([with(field, value)]));
        let latest = served.verdicts.latest();
        assert_eq!(latest.number, 2 * number as u64 + 2, "{field}");
        watched.changed(&objects([object("ClusterImageMap", "a", 1, &spec)]));
    }
}
