//! Whether a definition is that of this version.

use detour::rules::Kind;
use detour::rules::schema::definition;
use detour::status::definitions::{Finding, compare};
use serde_json::json;

#[test]
fn the_own_definition_is_current_as_a_server_stores_it() {
    for kind in [Kind::ClusterImageMap, Kind::ImageMap] {
        let mut stored = definition(kind);
        stored["status"] = json!({"conditions": []});
        stored["metadata"]["uid"] = "x".into();
        stored["spec"]["conversion"] = json!({"strategy": "None"});
        // A later version beside ours does not matter.
        let mut versions = stored["spec"]["versions"].as_array().unwrap().clone();
        versions.insert(0, json!({"name": "v1beta1", "schema": {}}));
        stored["spec"]["versions"] = versions.into();
        assert_eq!(compare(&stored, kind), Finding::Current);
    }
}

#[test]
fn whatever_decides_what_is_stored_and_shown_is_compared() {
    let version = "/spec/versions/0";
    let cases = [
        (
            "/schema/openAPIV3Schema/properties/spec/properties/mode/default",
            "schema.openAPIV3Schema.properties.spec.properties.mode.default",
        ),
        ("/schema/openAPIV3Schema/required/0", "schema.openAPIV3Schema.required[0]"),
        ("/subresources/status", "subresources.status"),
        ("/served", "served"),
        ("/additionalPrinterColumns/0/jsonPath", "additionalPrinterColumns[0].jsonPath"),
    ];
    for (pointer, path) in cases {
        let mut stored = definition(Kind::ImageMap);
        *stored.pointer_mut(&format!("{version}{pointer}")).unwrap() = json!("another");
        let expected = Finding::Outdated(format!("it differs in {path}"));
        assert_eq!(compare(&stored, Kind::ImageMap), expected);
    }
    let mut stored = definition(Kind::ImageMap);
    let spec = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties";
    stored.pointer_mut(spec).unwrap().as_object_mut().unwrap().remove("rollout").unwrap();
    let path = "schema.openAPIV3Schema.properties.spec.properties.rollout";
    let expected = Finding::Outdated(format!("it differs in {path}"));
    assert_eq!(compare(&stored, Kind::ImageMap), expected);
    let mut stored = definition(Kind::ImageMap);
    stored["spec"]["versions"][0]["name"] = "v1alpha0".into();
    let expected = Finding::Outdated("it has no version v1alpha1".to_owned());
    assert_eq!(compare(&stored, Kind::ImageMap), expected);
    assert_ne!(compare(&definition(Kind::ClusterImageMap), Kind::ImageMap), Finding::Current);
    assert_ne!(compare(&json!([]), Kind::ImageMap), Finding::Current);
}
