//! The names of pull secrets that a map gives to pods on its targets.

use detour::mapping::Mapping;
use detour::mapping::reason::Reason;
use serde_json::{Value, json};

use super::support::{admit_twice, create, left_alone, mapping, pod, review, update, with};

const PRIVATE: &str = "
apiVersion: detour.dev/v1alpha1
kind: ClusterImageMap
metadata: {name: private}
spec:
  imagePullSecrets: [first, second]
  rules:
    - {prefix: docker.io, to: private.example.com/hub}
    - {prefix: docker.io/kept, keep: true}
---
apiVersion: detour.dev/v1alpha1
kind: ClusterImageMap
metadata: {name: other}
spec:
  imagePullSecrets: [second, third]
  podSelector: {matchLabels: {team: a}}
  rules:
    - {prefix: quay.io, to: private.example.com/quay}
---
apiVersion: detour.dev/v1alpha1
kind: ClusterImageMap
metadata: {name: open}
spec:
  rules:
    - {prefix: ghcr.io, to: open.example.com/ghcr}
";

pub(super) fn private() -> Mapping {
    mapping(PRIVATE)
}

pub(super) fn secrets(names: &[&str]) -> Value {
    names.iter().map(|name| json!({ "name": name })).collect()
}

fn after(object: &Value) -> Value {
    admit_twice(&create(object), &private()).after["spec"]["imagePullSecrets"].clone()
}

#[test]
fn the_names_are_appended_to_those_that_are_there() {
    for (before, expected) in [
        (None, secrets(&["first", "second"])),
        (Some(Value::Null), secrets(&["first", "second"])),
        (Some(json!([])), secrets(&["first", "second"])),
        (Some(secrets(&["own"])), secrets(&["own", "first", "second"])),
        (Some(secrets(&["second"])), secrets(&["second", "first"])),
        (Some(secrets(&["second", "first"])), secrets(&["second", "first"])),
        (
            Some(json!([null, {}, {"name": null}])),
            json!([null, {}, {"name": null}, {"name": "first"}, {"name": "second"}]),
        ),
    ] {
        let mut object = pod(&["nginx", "redis"]);
        if let Some(before) = before {
            object["spec"]["imagePullSecrets"] = before;
        }
        assert_eq!(after(&object), expected, "{object}");
    }
}

#[test]
fn several_maps_give_each_name_once() {
    let object = with(pod(&["quay.io/a", "nginx"]), "/metadata/labels", json!({"team": "a"}));
    assert_eq!(after(&object), secrets(&["second", "third", "first"]));
    let outcome = admit_twice(&create(&object), &private()).outcome;
    assert_eq!(outcome.pull_secrets, ["second", "third", "first"]);
}

#[test]
fn an_image_that_is_already_there_needs_the_secret_as_well() {
    let answer = admit_twice(&create(&pod(&["private.example.com/hub/a"])), &private());
    assert_eq!(answer.patch.len(), 1);
    assert_eq!(answer.after["spec"]["imagePullSecrets"], secrets(&["first", "second"]));
}

#[test]
fn a_rewritten_image_needs_the_secrets_that_its_new_place_needs() {
    let rules = "
apiVersion: detour.dev/v1alpha1
kind: ClusterImageMap
metadata: {name: open}
spec:
  imagePullSecrets: [own]
  rules:
    - {glob: '*/a/b', to: 'mirror.example.com/at-{1}/b'}
---
apiVersion: detour.dev/v1alpha1
kind: ClusterImageMap
metadata: {name: registry}
spec:
  priority: 1
  imagePullSecrets: [mirror]
  default: {to: 'mirror.example.com/{registry}/{repository}'}
";
    let answer = admit_twice(&create(&pod(&["a/b"])), &mapping(rules));
    assert_eq!(answer.image(0), "mirror.example.com/at-docker.io/b");
    assert_eq!(answer.after["spec"]["imagePullSecrets"], secrets(&["own", "mirror"]));
}

#[test]
fn an_image_that_is_kept_needs_no_secret() {
    left_alone(&create(&pod(&["docker.io/kept/a"])), &private());
    assert_eq!(after(&pod(&["ghcr.io/a/b"])), Value::Null);
}

#[test]
fn a_map_that_is_not_for_this_pod_gives_none() {
    left_alone(&create(&pod(&["private.example.com/quay/a"])), &private());
    let theirs = with(pod(&["private.example.com/quay/a"]), "/metadata/labels/team", json!("a"));
    assert_eq!(after(&theirs), secrets(&["second", "third"]));
}

#[test]
fn only_new_pods_get_secrets() {
    let answer = admit_twice(&update(&pod(&["nginx"]), &pod(&["redis"])), &private());
    assert_eq!(answer.after["spec"].get("imagePullSecrets"), None);
    assert_eq!(answer.outcome.pull_secrets, [] as [String; 0]);
    let template = with(json!({}), "/spec/template/spec", pod(&["nginx"])["spec"].clone());
    let answer = admit_twice(&review("CREATE", "batch/Job", &template, &Value::Null), &private());
    assert_eq!(answer.after.pointer("/spec/template/spec/imagePullSecrets"), None);
    assert_eq!(answer.outcome.pull_secrets, [] as [String; 0]);
}

#[test]
fn a_mirror_pod_gets_no_secret() {
    let annotation = json!({"kubernetes.io/config.mirror": "hash"});
    let object = with(pod(&["nginx"]), "/metadata/annotations", annotation);
    assert_eq!(left_alone(&create(&object), &private()).outcome.pull_secrets, [] as [String; 0]);
}

fn debugged(image: &str, own: &[&str]) -> Value {
    let old = with(pod(&["nginx"]), "/spec/imagePullSecrets", secrets(own));
    let ephemeral = json!([{"name": "debug", "image": image}]);
    let review = update(&with(old.clone(), "/spec/ephemeralContainers", ephemeral), &old);
    with(review, "/request/subResource", json!("ephemeralcontainers"))
}

#[test]
fn an_ephemeral_container_that_lacks_the_secret_is_left_alone() {
    for own in [&[][..], &["first"], &["other"]] {
        let answer = left_alone(&debugged("busybox", own), &private());
        assert_eq!(answer.reasons(), [Reason::NoPullSecret], "{own:?}");
        let rule = answer.outcome.images[0].rule.as_deref();
        assert_eq!(rule, Some("ClusterImageMap/private#rules[0]"));
    }
    for (image, own) in [("busybox", &["second", "x", "first"][..]), ("ghcr.io/a/b", &[])] {
        let answer = admit_twice(&debugged(image, own), &private());
        assert_eq!((answer.reasons(), answer.patch.len()), (vec![Reason::Rewritten], 1));
    }
}

#[test]
fn an_ephemeral_container_that_is_kept_says_why_it_is() {
    let answer = left_alone(&debugged("private.example.com/hub/a", &[]), &private());
    assert_eq!(answer.reasons(), [Reason::AlreadyThere]);
}
