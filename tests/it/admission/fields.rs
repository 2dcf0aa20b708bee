//! Which fields of which kinds hold images, and in which requests.

use detour::admission::Handling;
use serde_json::{Value, json};

use super::support::{MIRRORED, admit_twice, create, hub, left_alone, pod, review, update, with};

/// The kinds with a pod template, and where its spec is.
const TEMPLATES: [(&str, &str); 8] = [
    ("PodTemplate", "/template/spec"),
    ("ReplicationController", "/spec/template/spec"),
    ("apps/DaemonSet", "/spec/template/spec"),
    ("apps/Deployment", "/spec/template/spec"),
    ("apps/ReplicaSet", "/spec/template/spec"),
    ("apps/StatefulSet", "/spec/template/spec"),
    ("batch/CronJob", "/spec/jobTemplate/spec/template/spec"),
    ("batch/Job", "/spec/template/spec"),
];

fn full_spec() -> Value {
    json!({
        "containers": [{"name": "a", "image": "nginx"}],
        "initContainers": [{"name": "b", "image": "nginx", "restartPolicy": "Always"}],
        "volumes": [{"name": "c", "image": {"reference": "nginx", "pullPolicy": "Always"}}],
    })
}

#[test]
fn a_new_pod_has_images_in_containers_init_containers_and_volumes() {
    let object = json!({"metadata": {"name": "web"}, "spec": full_spec()});
    let answer = admit_twice(&create(&object), &hub());
    for pointer in [
        "/spec/containers/0/image",
        "/spec/initContainers/0/image",
        "/spec/volumes/0/image/reference",
    ] {
        assert_eq!(answer.text(pointer), MIRRORED, "{pointer}");
    }
    let originals =
        json!({"containers/a": "nginx", "initContainers/b": "nginx", "volumes/c": "nginx"});
    assert_eq!(answer.originals(), originals);
}

#[test]
fn a_native_sidecar_keeps_every_other_field() {
    let sidecar = json!({
        "name": "s", "image": "nginx", "restartPolicy": "Always", "startupProbe": {"exec": {}},
        "restartPolicyRules": [{"action": "Restart"}], "unknown": null,
    });
    let object = with(pod(&[]), "/spec/initContainers", json!([sidecar]));
    let answer = admit_twice(&create(&object), &hub());
    let expected = with(sidecar, "/image", json!(MIRRORED));
    assert_eq!(answer.after["spec"]["initContainers"][0], expected);
}

#[test]
fn the_image_of_a_ceph_volume_is_none() {
    let rbd = json!([{"name": "v", "rbd": {"image": "nginx", "monitors": ["nginx"]}}]);
    left_alone(&create(&with(pod(&[]), "/spec/volumes", rbd)), &hub());
}

#[test]
fn ephemeral_containers_of_a_new_pod_are_not_looked_at() {
    let object = with(pod(&[]), "/spec/ephemeralContainers", json!([{"name": "d", "image": "a"}]));
    assert_eq!(left_alone(&create(&object), &hub()).outcome.images, []);
}

#[test]
fn every_kind_with_a_pod_template_is_patched_in_its_template() {
    for (kind, path) in TEMPLATES {
        let object = with(json!({"metadata": {"name": "web"}}), path, full_spec());
        let answer = admit_twice(&review("CREATE", kind, &object, &Value::Null), &hub());
        for field in ["containers/0/image", "initContainers/0/image", "volumes/0/image/reference"] {
            assert_eq!(answer.text(&format!("{path}/{field}")), MIRRORED, "{kind} {field}");
        }
        let inner = format!("{}/metadata", path.strip_suffix("/spec").expect("a spec"));
        assert_eq!(answer.after.pointer(&inner), None, "{kind}: its pods may be recorded apart");
        assert_eq!(answer.originals()["containers/a"], "nginx", "{kind}");
    }
}

#[test]
fn a_kind_counts_in_its_own_group_only() {
    let object = with(json!({}), "/spec/template/spec", full_spec());
    let object = with(object, "/spec/containers", json!([{"name": "a", "image": "nginx"}]));
    for kind in [
        "extensions/Deployment",
        "Deployment",
        "Job",
        "apps/Job",
        "apps/Pod",
        "example.com/Pod",
        "batch/Deployment",
        "apps/PodTemplate",
        "apps/Scale",
        "serving.knative.dev/Service",
        "",
    ] {
        let answer = left_alone(&review("CREATE", kind, &object, &Value::Null), &hub());
        assert_eq!(answer.outcome.handling, Handling::NotHandled, "{kind}");
    }
}

#[test]
fn an_object_without_its_template_is_left_alone() {
    for (kind, path) in TEMPLATES {
        for pointer in ["", "/spec", "/template", "/spec/template", "/spec/jobTemplate", path] {
            if path.starts_with(pointer) {
                let object = with(json!({"metadata": {}}), pointer, Value::Null);
                let answer = left_alone(&review("CREATE", kind, &object, &Value::Null), &hub());
                assert_eq!(answer.outcome.handling, Handling::NotHandled, "{kind} {pointer}");
            }
        }
    }
}

#[test]
fn other_operations_are_left_alone() {
    let object = pod(&["nginx"]);
    for operation in ["DELETE", "CONNECT", "PATCH", "create", ""] {
        for (object, old) in [(&object, &Value::Null), (&Value::Null, &object)] {
            let answer = left_alone(&review(operation, "Pod", object, old), &hub());
            assert_eq!(answer.outcome.handling, Handling::NotHandled, "{operation}");
            assert_eq!(answer.outcome.images, []);
        }
    }
}

#[test]
fn other_subresources_are_left_alone() {
    let (new, old) = (pod(&["nginx"]), pod(&["redis"]));
    for sub_resource in ["status", "resize", "binding", "eviction", "exec", "Ephemeralcontainers"] {
        for review in [update(&new, &old), create(&new)] {
            let review = with(review, "/request/subResource", json!(sub_resource));
            let answer = left_alone(&review, &hub());
            assert_eq!(answer.outcome.handling, Handling::NotHandled, "{sub_resource}");
        }
    }
    let created = with(create(&new), "/request/subResource", json!("ephemeralcontainers"));
    left_alone(&created, &hub());
    let template = with(json!({}), "/spec/template/spec", full_spec());
    let scaled = review("UPDATE", "apps/Deployment", &template, &json!({}));
    left_alone(&with(scaled, "/request/subResource", json!("scale")), &hub());
}

#[test]
fn an_empty_subresource_is_none() {
    let review = with(create(&pod(&["nginx"])), "/request/subResource", json!(""));
    assert_eq!(admit_twice(&review, &hub()).image(0), MIRRORED);
}

fn debugged(containers: &Value, old: &Value) -> Value {
    let with = |list: &Value| with(pod(&["redis"]), "/spec/ephemeralContainers", list.clone());
    let review = update(&with(containers), &with(old));
    super::support::with(review, "/request/subResource", json!("ephemeralcontainers"))
}

#[test]
fn only_ephemeral_containers_that_are_new_are_rewritten() {
    let old = json!([{"name": "old", "image": "nginx"}]);
    let new = json!([{"name": "old", "image": "nginx"}, {"name": "new", "image": "nginx"}]);
    let answer = admit_twice(&debugged(&new, &old), &hub());
    let operation =
        json!({"op": "replace", "path": "/spec/ephemeralContainers/1/image", "value": MIRRORED});
    assert_eq!(answer.patch, [operation], "no annotation: the API server would drop it");
    let changed = json!([{"name": "old", "image": "redis"}]);
    left_alone(&debugged(&changed, &old), &hub());
    assert_eq!(admit_twice(&debugged(&new, &Value::Null), &hub()).patch.len(), 2);
}

#[test]
fn ephemeral_containers_get_no_label() {
    let policy = detour::mapping::policy::Policy {
        label: Some(("a".to_owned(), "b".to_owned())),
        ..Default::default()
    };
    let mapping = super::support::with_policy(super::support::HUB, policy);
    let new = json!([{"name": "new", "image": "nginx"}]);
    assert_eq!(admit_twice(&debugged(&new, &Value::Null), &mapping).patch.len(), 1);
}
