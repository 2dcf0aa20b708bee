//! What the API server refuses is what callers branch on.

use detour::kube::path::{Collection, Resource};
use detour::kube::{ApiError, ErrorKind};
use serde_json::json;

use crate::control_plane::shared;
use crate::fixture::namespace;

use super::{LIMITS, api, config_map, config_maps, watching};
use detour::kube::path::Selection;

const ABSENT: Resource = Resource { group: "example.com", version: "v1", plural: "absents" };

#[test]
fn what_is_not_there_is_not_found() {
    let Some(cluster) = shared() else { return };
    let namespace = namespace(cluster, "absent");
    let api = api(cluster);
    let is_absent = |error: ApiError| {
        assert!(matches!(error.kind, ErrorKind::NotFound(_)), "{error:?}");
        error.to_string()
    };
    let path = config_maps(&namespace).object("absent");
    assert_eq!(
        is_absent(api.get(&path).unwrap_err()),
        format!("GET {path}: not found: configmaps \"absent\" not found")
    );
    is_absent(api.merge_patch(&path, &json!({})).unwrap_err());
    let absents = Collection::everywhere(ABSENT);
    is_absent(api.list(&Selection::all(absents.clone()), 1, None).unwrap_err());
    is_absent(api.create(&absents, &json!({})).unwrap_err());
    let nowhere = config_maps("no-such-namespace");
    is_absent(api.create(&nowhere, &config_map("x", "x")).unwrap_err());
}

#[test]
fn what_is_not_valid_is_told() {
    let Some(cluster) = shared() else { return };
    let namespace = namespace(cluster, "invalid");
    let (api, maps) = (api(cluster), config_maps(&namespace));
    let refusals = [
        config_map("Not A Name", "x"),
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x"}}),
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": 1}),
    ];
    for object in refusals {
        let error = api.create(&maps, &object).unwrap_err();
        assert!(matches!(error.kind, ErrorKind::Invalid(_)), "{error:?}");
    }
    let large = config_map("large", &"x".repeat(2 * 1024 * 1024));
    let error = api.create(&maps, &large).unwrap_err();
    assert!(matches!(error.kind, ErrorKind::Invalid(_)), "{error:?}");
    let larger = config_map("large", &"x".repeat(4 * 1024 * 1024));
    let error = api.create(&maps, &larger).unwrap_err();
    assert!(matches!(error.kind, ErrorKind::Refused { status: 413, .. }), "{error:?}");
}

#[test]
fn a_kind_is_watched_from_when_it_is_installed_on() {
    let Some(cluster) = shared() else { return };
    let resource = Resource { plural: "laters", ..ABSENT };
    let selection = Selection::all(Collection::everywhere(resource));
    let (administrator, client) = (api(cluster), api(cluster));
    watching(&client, &selection, LIMITS, |known| {
        crate::wait::wait_until("it is missed", || !known.failures().is_empty());
        assert_eq!(known.objects(), None);
        let schema = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
        let definition = json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": "laters.example.com"},
            "spec": {
                "group": "example.com", "scope": "Cluster",
                "names": {"plural": "laters", "kind": "Later"},
                "versions": [{"name": "v1", "served": true, "storage": true,
                              "schema": {"openAPIV3Schema": schema}}],
            },
        });
        let definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
        cluster.api().create(definitions, &definition);
        crate::wait::wait_until("it is empty", || known.objects() == Some(vec![]));
        let object = json!({"apiVersion": "example.com/v1", "kind": "Later",
                            "metadata": {"name": "first"}});
        administrator.create(&Collection::everywhere(resource), &object).unwrap();
        known.wait_for_all(&administrator, &selection);
        cluster.api().delete(&format!("{definitions}/laters.example.com"));
        let failures = known.failures().len();
        crate::wait::wait_until("it is missed again", || known.failures().len() > failures);
    });
}
