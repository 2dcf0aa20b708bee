//! The annotation with the images as they were written.

use detour::admission::{ANNOTATION_BYTES_MAX, ORIGINALS_ANNOTATION, Recorded};
use serde_json::{Value, json};

use super::support::{
    MIRRORED, ORIGINALS_POINTER, admit, admit_twice, create, hub, left_alone, pod, update, with,
    with_originals,
};

#[test]
fn parents_are_made_where_they_are_missing() {
    let spec = pod(&["nginx"])["spec"].clone();
    for metadata in [
        None,
        Some(Value::Null),
        Some(json!({})),
        Some(json!({"annotations": null})),
        Some(json!({"annotations": {}})),
        Some(json!({"annotations": {"a": "b", "n": null}})),
    ] {
        let mut object = json!({"spec": spec});
        if let Some(metadata) = metadata {
            object["metadata"] = metadata;
        }
        let answer = admit_twice(&create(&object), &hub());
        assert_eq!(answer.originals(), json!({"containers/c0": "nginx"}), "{object}");
        assert_eq!(answer.outcome.recorded, Recorded::Written);
    }
}

#[test]
fn only_changed_images_are_recorded() {
    let answer = admit_twice(&create(&pod(&["kept", "nginx", "quay.io/a"])), &hub());
    assert_eq!(answer.originals(), json!({"containers/c1": "nginx"}));
    assert_eq!(left_alone(&create(&pod(&["kept"])), &hub()).outcome.recorded, Recorded::Unchanged);
}

#[test]
fn a_second_round_adds_to_what_the_first_recorded() {
    let first = admit(&create(&pod(&["nginx"])), &hub());
    let mut injected = first.after.clone();
    let containers = injected["spec"]["containers"].as_array_mut().expect("a list");
    containers.insert(0, json!({"name": "proxy", "image": "envoy"}));
    let second = admit_twice(&create(&injected), &hub());
    let both = json!({"containers/c0": "nginx", "containers/proxy": "envoy"});
    assert_eq!(second.originals(), both);
}

#[test]
fn what_a_new_pod_says_of_images_that_are_elsewhere_is_not_believed() {
    let stale = json!({"containers/c0": "a", "containers/gone": "b", "volumes/v": "c"});
    let answer = admit_twice(&create(&with_originals(pod(&["nginx"]), &stale)), &hub());
    assert_eq!(answer.originals(), json!({"containers/c0": "nginx"}));
    let answer = admit_twice(&create(&with_originals(pod(&[MIRRORED]), &stale)), &hub());
    assert_eq!(answer.originals(), json!({"containers/c0": "a"}));
    let answer = admit_twice(&create(&with_originals(pod(&["quay.io/a"]), &stale)), &hub());
    assert_eq!(answer.outcome.recorded, Recorded::Removed);
    assert_eq!(answer.after["metadata"]["annotations"], json!({}));
}

#[test]
fn our_own_annotation_never_suppresses_rewriting() {
    let claims = json!({"containers/c0": "nginx"});
    let answer = admit_twice(&create(&with_originals(pod(&["nginx"]), &claims)), &hub());
    assert_eq!(answer.image(0), MIRRORED);
}

#[test]
fn garbage_in_the_annotation_is_replaced_when_there_is_something_to_tell() {
    for garbage in ["", "{", "null", "[]", "5", "{\"containers/c0\": 5}", "\u{0}", "{}x"] {
        let object = |image| with(pod(&[image]), ORIGINALS_POINTER, json!(garbage));
        let answer = admit_twice(&create(&object("nginx")), &hub());
        assert_eq!(answer.originals(), json!({"containers/c0": "nginx"}), "{garbage}");
        left_alone(&create(&object("quay.io/a")), &hub());
        let answer = admit_twice(&update(&object("nginx"), &object("redis")), &hub());
        assert_eq!(answer.originals(), json!({"containers/c0": "nginx"}), "{garbage}");
    }
    let deep = format!("{}{}", "[".repeat(9_000), "]".repeat(9_000));
    left_alone(&create(&with(pod(&["quay.io/a"]), ORIGINALS_POINTER, json!(deep))), &hub());
    let null = with(pod(&["nginx"]), ORIGINALS_POINTER, Value::Null);
    assert_eq!(admit_twice(&create(&null), &hub()).image(0), MIRRORED);
}

#[test]
fn an_annotation_that_says_the_same_otherwise_stays_as_it_is() {
    let spaced = json!("{ \"containers/c0\" :\"nginx\"}");
    left_alone(&create(&with(pod(&[MIRRORED]), ORIGINALS_POINTER, spaced)), &hub());
}

#[test]
fn an_update_removes_the_entry_of_an_image_that_the_user_changed_and_that_is_kept() {
    let originals = json!({"containers/c0": "nginx", "containers/c1": "redis"});
    let old = with_originals(pod(&[MIRRORED, "mirror.example.com/hub/library/redis"]), &originals);
    let new = with(old.clone(), "/spec/containers/0/image", json!("quay.io/a"));
    let answer = admit_twice(&update(&new, &old), &hub());
    assert_eq!(answer.originals(), json!({"containers/c1": "redis"}));
    let new = with(new, "/spec/containers/1/image", json!("kept"));
    let answer = admit_twice(&update(&new, &old), &hub());
    assert_eq!(answer.outcome.recorded, Recorded::Removed);
    assert_eq!(answer.originals(), Value::Null);
}

#[test]
fn an_update_keeps_the_entries_of_images_that_it_did_not_change() {
    let originals = json!({"containers/c0": "nginx", "containers/gone": "x", "foreign": "y"});
    let old = with_originals(pod(&[MIRRORED, "redis"]), &originals);
    let new = with(old.clone(), "/spec/containers/1/image", json!("nginx"));
    let answer = admit_twice(&update(&new, &old), &hub());
    let mut expected = originals;
    expected["containers/c1"] = json!("nginx");
    assert_eq!(answer.originals(), expected);
}

/// Annotations that with ours, for `nginx` in `c0`, have this many bytes.
fn annotations(bytes: usize) -> Value {
    let ours = ORIGINALS_ANNOTATION.len() + r#"{"containers/c0":"nginx"}"#.len();
    json!({"ü": "ä", "a": "x".repeat(bytes - ours - "üäa".len())})
}

#[test]
fn the_annotation_is_left_out_beyond_the_limit_of_all_annotations() {
    assert_eq!(ANNOTATION_BYTES_MAX, 262_144);
    for (bytes, recorded) in [
        (262_143, Recorded::Written),
        (262_144, Recorded::Written),
        (262_145, Recorded::AnnotationTooLarge),
    ] {
        let object = with(pod(&["nginx"]), "/metadata/annotations", annotations(bytes));
        let answer = admit_twice(&create(&object), &hub());
        assert_eq!((answer.image(0), answer.outcome.recorded), (MIRRORED, recorded), "{bytes}");
        assert_eq!(answer.originals().is_null(), recorded != Recorded::Written, "{bytes}");
    }
}

#[test]
fn our_own_old_value_does_not_count_towards_the_limit() {
    let object = with(pod(&["nginx"]), "/metadata/annotations", annotations(262_144));
    let object = with_originals(object, &json!({"containers/c0": "y".repeat(1_000)}));
    let answer = admit_twice(&create(&object), &hub());
    assert_eq!(answer.originals(), json!({"containers/c0": "nginx"}));
}

#[test]
fn what_is_no_longer_true_goes_even_when_the_truth_is_too_large() {
    let old = with(pod(&[MIRRORED]), "/metadata/annotations", annotations(262_144));
    let old = with_originals(old, &json!({"containers/c0": "nginx"}));
    let new = with(old.clone(), "/spec/containers/0/image", json!("nginx-longer"));
    let answer = admit_twice(&update(&new, &old), &hub());
    assert_eq!(answer.outcome.recorded, Recorded::AnnotationTooLarge);
    assert_eq!(answer.originals(), Value::Null, "nginx would bring nginx-longer back");
}
