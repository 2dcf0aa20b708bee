//! Updates: only what this very update changed.

use detour::admission::{Handling, IMAGES_MAX};
use detour::mapping::reason::Reason;
use serde_json::{Value, json};

use super::support::{
    MIRRORED, admit, admit_twice, hub, left_alone, pod, review, update, with, with_originals,
};
use crate::oracle;

#[test]
fn an_image_that_this_update_did_not_change_is_left_alone() {
    let labelled = with(pod(&["nginx"]), "/metadata/labels", json!({"a": "b"}));
    let answer = left_alone(&update(&labelled, &pod(&["nginx"])), &hub());
    assert_eq!(answer.reasons(), [Reason::Unchanged]);
}

#[test]
fn an_image_that_this_update_changed_is_rewritten() {
    let answer = admit_twice(&update(&pod(&["nginx"]), &pod(&["redis"])), &hub());
    assert_eq!(answer.image(0), MIRRORED);
    assert_eq!(answer.originals(), json!({"containers/c0": "nginx"}));
}

#[test]
fn containers_are_compared_by_list_and_name() {
    let mut new = pod(&["nginx", "redis"]);
    new["spec"]["containers"].as_array_mut().expect("a list").reverse();
    left_alone(&update(&new, &pod(&["nginx", "redis"])), &hub());

    let as_init = json!({"spec": {"initContainers": [{"name": "c0", "image": "nginx"}]}});
    let answer = admit_twice(&update(&as_init, &pod(&["nginx"])), &hub());
    assert_eq!(answer.text("/spec/initContainers/0/image"), MIRRORED);
}

#[test]
fn volumes_of_a_pod_that_exists_are_left_alone() {
    let volume = |image: &str| json!([{"name": "v", "image": {"reference": image}}]);
    let new = with(pod(&["a"]), "/spec/volumes", volume("nginx"));
    let old = with(pod(&["a"]), "/spec/volumes", volume("redis"));
    left_alone(&update(&new, &old), &hub());
}

#[test]
fn an_annotation_that_says_an_image_was_no_text_restores_nothing() {
    let volume = |image: Value| json!([{"name": "v", "image": image}]);
    let old = with(pod(&["a"]), "/spec/volumes", volume(json!({"reference": "nginx"})));
    let old = with_originals(old, &json!({"volumes/v": ""}));
    for empty in [json!({}), json!({"reference": ""})] {
        left_alone(&update(&with(old.clone(), "/spec/volumes", volume(empty)), &old), &hub());
    }
}

#[test]
fn an_image_volume_becomes_again_what_is_in_force_even_of_an_exempt_pod() {
    let volume = |image: &str| json!([{"name": "v", "image": {"reference": image}}]);
    let originals = json!({"volumes/v": "nginx"});
    let in_force = "old-mirror.example.com/nginx";
    for labels in [json!({}), json!({"detour.dev/rewrite": "disabled"})] {
        let labelled = with(pod(&["a"]), "/metadata/labels", labels);
        let old = with_originals(with(labelled, "/spec/volumes", volume(in_force)), &originals);
        let new = with(old.clone(), "/spec/volumes", volume("nginx"));
        let answer = admit_twice(&update(&new, &old), &hub());
        assert_eq!(answer.text("/spec/volumes/0/image/reference"), in_force);
        assert_eq!(answer.originals(), originals);
        // Anything else is for the API server to refuse.
        let other = with(old.clone(), "/spec/volumes", volume("redis"));
        left_alone(&update(&other, &old), &hub());
    }
}

#[test]
fn ephemeral_containers_are_left_to_their_subresource() {
    let new = with(pod(&["a"]), "/spec/ephemeralContainers", json!([{"name": "e", "image": "b"}]));
    left_alone(&update(&new, &pod(&["a"])), &hub());
}

#[test]
fn an_update_without_the_old_object_is_left_alone() {
    let answer = left_alone(&update(&pod(&["nginx"]), &Value::Null), &hub());
    assert_eq!(answer.outcome.handling, Handling::NotHandled);
}

#[test]
fn the_original_of_an_image_in_force_becomes_it_again() {
    let in_force = "old-mirror.example.com/nginx:1";
    let originals = json!({"containers/c0": "nginx:1"});
    let old = with_originals(pod(&[in_force]), &originals);
    let answer = admit_twice(&update(&pod(&["nginx:1"]), &old), &hub());
    assert_eq!((answer.image(0), answer.reasons()), (in_force, vec![Reason::Restored]));
    assert_eq!(answer.originals(), originals, "the manifest dropped it, and it is still so");

    let same = with_originals(pod(&["nginx:1"]), &originals);
    assert_eq!(admit_twice(&update(&same, &old), &hub()).patch.len(), 1);
}

#[test]
fn an_original_counts_for_its_own_container_only() {
    let originals = json!({"containers/c1": "nginx", "initContainers/c0": "nginx"});
    let old = with_originals(pod(&["old.example.com/a", "old.example.com/b"]), &originals);
    let answer = admit_twice(&update(&pod(&["nginx", "old.example.com/b"]), &old), &hub());
    assert_eq!(answer.image(0), MIRRORED);
}

#[test]
fn only_the_old_objects_annotation_restores_an_image() {
    let new = with_originals(pod(&["nginx"]), &json!({"containers/c0": "nginx"}));
    let answer = admit_twice(&update(&new, &pod(&["old.example.com/a"])), &hub());
    assert_eq!((answer.image(0), answer.reasons()), (MIRRORED, vec![Reason::Rewritten]));
}

#[test]
fn a_record_that_became_untrue_while_nobody_watched_restores_nothing() {
    let originals = json!({"containers/c0": "nginx:1"});
    let digest = format!("nginx:1@sha256:{}", "0".repeat(64));
    for in_force in ["nginx:2", "a.example.com/nginx", "a.example.com/apache:1", &digest, "Not:One"]
    {
        let old = with_originals(pod(&[in_force]), &originals);
        let answer = admit_twice(&update(&pod(&["nginx:1"]), &old), &hub());
        let rolled_back = "mirror.example.com/hub/library/nginx:1";
        assert_eq!((answer.image(0), answer.reasons()), (rolled_back, vec![Reason::Rewritten]));
    }
}

#[test]
fn nothing_is_restored_into_or_from_an_empty_text() {
    let originals = json!({"containers/c0": ""});
    let old = with_originals(pod(&["old.example.com/a"]), &originals);
    let without = json!({"metadata": {}, "spec": {"containers": [{"name": "c0"}]}});
    assert_eq!(left_alone(&update(&without, &old), &hub()).reasons(), [Reason::Empty]);

    let old = with_originals(without, &json!({"containers/c0": "nginx"}));
    assert_eq!(admit_twice(&update(&pod(&["nginx"]), &old), &hub()).image(0), MIRRORED);
}

#[test]
fn templates_are_updated_like_pods() {
    let deployment = |image: &str, volume: &str| {
        let spec = json!({
            "containers": [{"name": "a", "image": image}],
            "volumes": [{"name": "v", "image": {"reference": volume}}],
        });
        with(json!({"metadata": {"name": "web"}}), "/spec/template/spec", spec)
    };
    let old = with_originals(
        deployment("old.example.com/a:1", "old.example.com/v"),
        &json!({"containers/a": "a:1", "volumes/v": "v"}),
    );
    let scaled = with(old.clone(), "/spec/replicas", json!(3));
    for kind in ["apps/Deployment", "apps/ReplicaSet", "batch/Job"] {
        left_alone(&review("UPDATE", kind, &scaled, &old), &hub());
        let applied = review("UPDATE", kind, &deployment("a:1", "nginx"), &old);
        let answer = admit_twice(&applied, &hub());
        assert_eq!(answer.text("/spec/template/spec/containers/0/image"), "old.example.com/a:1");
        assert_eq!(answer.text("/spec/template/spec/volumes/0/image/reference"), MIRRORED);
        let originals = json!({"containers/a": "a:1", "volumes/v": "nginx"});
        assert_eq!(answer.originals(), originals);
    }
}

#[test]
fn an_update_that_is_asked_again_keeps_what_it_recorded() {
    for (images, old) in [
        (vec!["nginx"], pod(&["redis"])),
        (vec!["nginx"], with_originals(pod(&["a.example.com/a"]), &json!({"containers/c0": "a"}))),
        (vec!["nginx", "redis"], pod(&["nginx", "nginx"])),
    ] {
        let new =
            with(pod(&images), "/metadata/annotations", old["metadata"]["annotations"].clone());
        let answer = admit(&update(&new, &old), &hub());
        let again = admit(&update(&answer.after, &old), &hub());
        assert_eq!(again.originals(), answer.originals());
        assert_ne!(again.originals(), Value::Null);
    }
}

#[test]
fn a_container_that_comes_back_keeps_its_original() {
    let template = |images: &[&str]| {
        let object = with(json!({}), "/spec/template/spec", pod(images)["spec"].clone());
        with_originals(object, &json!({"containers/c1": "nginx"}))
    };
    let (old, new) = (template(&["kept"]), template(&["kept", "nginx"]));
    let answer = admit_twice(&review("UPDATE", "apps/Deployment", &new, &old), &hub());
    assert_eq!(answer.originals(), json!({"containers/c1": "nginx"}));
}

#[test]
fn a_mirrored_image_that_the_user_writes_has_no_original() {
    let old = with_originals(pod(&["a.example.com/a:1"]), &json!({"containers/c0": "a:1"}));
    let new = with_originals(pod(&[MIRRORED]), &json!({"containers/c0": "a:1"}));
    let answer = admit_twice(&update(&new, &old), &hub());
    assert_eq!((answer.image(0), answer.originals()), (MIRRORED, Value::Null));
}

#[test]
fn answering_takes_time_in_proportion_to_the_objects_size() {
    let names = |image: &str, count: usize| -> Value {
        let container = |n: usize| json!({"name": format!("container-{n}"), "image": image});
        json!({"spec": {"containers": (0..count).map(container).collect::<Vec<Value>>()}})
    };
    let body = update(&names("x/z", IMAGES_MAX), &names("x/y", 60_000)).to_string();
    let start = std::time::Instant::now();
    let admitted = oracle::told(body.as_bytes(), &hub()).expect("a review");
    assert_eq!(admitted.images.len(), IMAGES_MAX);
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
}
