//! Creating and changing objects, together with others.

use detour::kube::path::{Collection, LEASES};
use detour::kube::{Conflicts, ErrorKind, Object};
use serde_json::{Value, json};

use crate::control_plane::shared;
use crate::fixture::namespace;

use super::{api, config_map, config_maps};

fn value(object: &Object) -> Value {
    object.decode().unwrap()
}

#[test]
fn an_update_needs_the_version_that_was_read() {
    let Some(cluster) = shared() else { return };
    let namespace = namespace(cluster, "update");
    let api = api(cluster);
    let leases = Collection::within(LEASES, &namespace);
    let lease = |holder: &str| {
        json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
               "metadata": {"name": "leader"},
               "spec": {"holderIdentity": holder, "leaseDurationSeconds": 15}})
    };
    let path = leases.object("leader");
    let created = api.create(&leases, &lease("one")).unwrap();
    let error = api.create(&leases, &lease("two")).unwrap_err();
    assert!(matches!(error.kind, ErrorKind::AlreadyExists(_)), "{error:?}");
    let version = created.metadata.resource_version;
    let updated = api.update(&path, lease("two"), &version).unwrap();
    assert_eq!(value(&updated)["spec"]["holderIdentity"], "two");
    let error = api.update(&path, lease("three"), &version).unwrap_err();
    assert!(matches!(error.kind, ErrorKind::Conflict(_)), "{error:?}");
    assert_eq!(value(&api.get(&path).unwrap())["spec"]["holderIdentity"], "two");
    let absent = leases.object("absent");
    let error = api.update(&absent, lease("x"), &version).unwrap_err();
    // Its name is not that of the path.
    assert!(matches!(error.kind, ErrorKind::Invalid(_)), "{error:?}");
}

#[test]
fn applied_fields_have_owners() {
    let Some(cluster) = shared() else { return };
    let namespace = namespace(cluster, "apply");
    let api = api(cluster);
    let path = config_maps(&namespace).object("applied");
    let data = |data: Value| {
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "applied"},
               "data": data})
    };
    let apply = |manager: &str, fields: Value, conflicts| {
        api.apply(&path, &data(fields), manager, conflicts)
    };
    apply("one", json!({"a": "1", "b": "1"}), Conflicts::Report).unwrap();
    apply("two", json!({"c": "2"}), Conflicts::Report).unwrap();
    let error = apply("two", json!({"a": "2"}), Conflicts::Report).unwrap_err();
    let ErrorKind::Conflict(message) = &error.kind else { panic!("{error:?}") };
    assert!(message.contains("\"one\"") && message.contains(".data.a"), "{message}");
    let before = api.get(&path).unwrap();
    assert_eq!(value(&before)["data"], json!({"a": "1", "b": "1", "c": "2"}));
    let after = apply("two", json!({"a": "2"}), Conflicts::Force).unwrap();
    assert_eq!(value(&after)["data"], json!({"a": "2", "b": "1"}), "c was left out");
    let same = apply("two", json!({"a": "2"}), Conflicts::Force).unwrap();
    assert_eq!(after.metadata.resource_version, same.metadata.resource_version, "no write");
    let mut stale = data(json!({"a": "3"}));
    stale["metadata"]["resourceVersion"] = before.metadata.resource_version.into();
    let error = api.apply(&path, &stale, "two", Conflicts::Force).unwrap_err();
    assert!(matches!(error.kind, ErrorKind::Conflict(_)), "{error:?}");
}

#[test]
fn patches_change_what_they_name() {
    let Some(cluster) = shared() else { return };
    let namespace = namespace(cluster, "patch");
    let (api, maps) = (api(cluster), config_maps(&namespace));
    let path = maps.object("patched");
    let created = api.create(&maps, &config_map("patched", "old")).unwrap();
    let patch = |expected: &str| {
        json!([{"op": "test", "path": "/data/text", "value": expected},
               {"op": "replace", "path": "/data/text", "value": "new"}])
    };
    let patched = api.json_patch(&path, &patch("old")).unwrap();
    assert_eq!(value(&patched)["data"]["text"], "new");
    let error = api.json_patch(&path, &patch("old")).unwrap_err();
    assert!(matches!(error.kind, ErrorKind::Invalid(_)), "{error:?}");
    let merged = api.merge_patch(&path, &json!({"data": {"text": null, "more": "x"}})).unwrap();
    assert_eq!(value(&merged)["data"], json!({"more": "x"}));
    let version = created.metadata.resource_version;
    let stale = json!({"metadata": {"resourceVersion": version}, "data": {"more": "y"}});
    let error = api.merge_patch(&path, &stale).unwrap_err();
    assert!(matches!(error.kind, ErrorKind::Conflict(_)), "{error:?}");
    assert_eq!(merged.metadata.uid, created.metadata.uid);
}
