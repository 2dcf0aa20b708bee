//! `--label`: on new pods that are patched.

use detour::mapping::Mapping;
use detour::mapping::policy::Policy;
use serde_json::{Value, json};

use super::support::{
    HUB, MIRRORED, admit_twice, create, left_alone, pod, review, update, with, with_originals,
    with_policy,
};

const KEY: &str = "example.com/patched~by";

fn labelling() -> Mapping {
    let label = Some((KEY.to_owned(), "detour".to_owned()));
    with_policy(HUB, Policy { label, ..Policy::default() })
}

#[test]
fn a_pod_that_is_patched_gets_the_label() {
    let spec = pod(&["nginx"])["spec"].clone();
    for metadata in [
        Value::Null,
        json!({}),
        json!({"labels": null}),
        json!({"labels": {}}),
        json!({"labels": {"a": "b"}}),
        json!({"labels": null, "annotations": {"a": "b"}}),
    ] {
        let object = json!({"metadata": metadata, "spec": spec});
        let answer = admit_twice(&create(&object), &labelling());
        assert_eq!(answer.after["metadata"]["labels"][KEY], "detour", "{metadata}");
        assert_eq!(answer.originals(), json!({"containers/c0": "nginx"}));
    }
}

#[test]
fn a_pod_that_is_not_patched_gets_no_label() {
    left_alone(&create(&pod(&["quay.io/a", MIRRORED])), &labelling());
    let forged = with_originals(pod(&["quay.io/a"]), &json!({"containers/c0": "nginx"}));
    let answer = admit_twice(&create(&forged), &labelling());
    assert_eq!(answer.after["metadata"].get("labels"), None, "nothing of ours is on it");
}

#[test]
fn a_label_of_that_key_is_never_overwritten() {
    for value in [json!("theirs"), json!(""), Value::Null] {
        let labels = json!({KEY: value});
        let answer =
            admit_twice(&create(&with(pod(&["nginx"]), "/metadata/labels", labels)), &labelling());
        assert_eq!((answer.image(0), &answer.after["metadata"]["labels"][KEY]), (MIRRORED, &value));
    }
}

#[test]
fn updates_and_templates_get_no_label() {
    let template =
        with(json!({"metadata": {}}), "/spec/template/spec", pod(&["nginx"])["spec"].clone());
    let old = with(template.clone(), "/spec/template/spec/containers/0/image", json!("redis"));
    for review in [
        update(&pod(&["nginx"]), &pod(&["redis"])),
        review("CREATE", "apps/Deployment", &template, &Value::Null),
        review("UPDATE", "apps/Deployment", &template, &old),
    ] {
        let answer = admit_twice(&review, &labelling());
        assert_eq!(answer.patch.len(), 2);
        assert_eq!(answer.after["metadata"].get("labels"), None);
    }
}
