//! The pull secrets that a pod got when it was new and that an update lacks.

use detour::mapping::reason::Reason;
use serde_json::{Value, json};

use super::pull_secrets::{private, secrets};
use super::support::{admit_twice, create, left_alone, mapping, pod, review, update, with};

/// Secrets of maps that are in force in `shop`, and of others.
const SCOPED: &str = "
apiVersion: detour.dev/v1alpha1
kind: ClusterImageMap
metadata: {name: private}
spec:
  imagePullSecrets: [first, second]
  podSelector: {matchLabels: {team: a}}
  rules: [{prefix: docker.io, to: private.example.com/hub}]
---
apiVersion: detour.dev/v1alpha1
kind: ImageMap
metadata: {name: own, namespace: shop}
spec: {imagePullSecrets: [of-shop], rules: [{prefix: quay.io, to: private.example.com/quay}]}
---
apiVersion: detour.dev/v1alpha1
kind: ImageMap
metadata: {name: own, namespace: bank}
spec: {imagePullSecrets: [of-bank], rules: [{prefix: quay.io, to: private.example.com/quay}]}
---
apiVersion: detour.dev/v1alpha1
kind: ClusterImageMap
metadata: {name: bank}
spec: {imagePullSecrets: [for-bank], namespaces: [bank], rules: [{prefix: a.io, to: b.io}]}
---
apiVersion: detour.dev/v1alpha1
kind: ClusterImageMap
metadata: {name: planned}
spec: {imagePullSecrets: [planned], mode: Observe, rules: [{prefix: c.io, to: d.io}]}
";

/// An update of a pod in `shop` with these lists of pull secrets, and nothing
/// else.
fn secrets_updated(new: &Value, old: &Value) -> Value {
    let pod = |list: &Value| with(pod(&["nginx"]), "/spec/imagePullSecrets", list.clone());
    update(&pod(new), &pod(old))
}

#[test]
fn an_update_gets_the_secrets_back_that_maps_in_force_gave() {
    for (new, lost) in [
        (&["own"][..], &["first"][..]),
        (&["own", "other"], &["first", "second"]),
        (&["own", "own"], &["of-shop", "second"]),
        (&["own", "first"], &["second"]),
        (&[], &["second", "first", "of-shop"]),
    ] {
        let old = [new, lost].concat();
        let sent = secrets_updated(&secrets(new), &secrets(&old));
        let answer = admit_twice(&sent, &mapping(SCOPED));
        assert_eq!(answer.after["spec"]["imagePullSecrets"], secrets(&old), "{sent:#}");
        assert_eq!(answer.outcome.pull_secrets, *lost);
        assert_eq!(answer.patch.len(), lost.len());
    }
}

#[test]
fn an_update_without_a_list_gets_the_secrets_back_as_one() {
    let old = secrets(&["second", "first"]);
    let null = secrets_updated(&Value::Null, &old);
    let mut absent = null.clone();
    absent["request"]["object"]["spec"]
        .as_object_mut()
        .expect("an object")
        .remove("imagePullSecrets");
    for sent in [null, absent] {
        let answer = admit_twice(&sent, &mapping(SCOPED));
        let all = json!({"op": "add", "path": "/spec/imagePullSecrets", "value": old});
        assert_eq!(answer.patch, [all]);
    }
}

#[test]
fn a_manifest_that_replaces_its_pod_gets_image_and_secret_back() {
    let written = pod(&["nginx"]);
    let stored = admit_twice(&create(&written), &private()).after;
    let answer = admit_twice(&update(&written, &stored), &private());
    assert_eq!(answer.reasons(), [Reason::Restored]);
    assert_eq!(answer.after, stored);
}

#[test]
fn a_secret_that_no_map_in_force_gave_does_not_come_back() {
    for lost in [
        &["stranger"][..],
        &["of-bank"],
        &["for-bank"],
        &["planned"],
        &[""],
        &["first", "stranger"],
        &["stranger", "first"],
        &["first", "of-bank"],
    ] {
        for new in [json!([]), Value::Null] {
            left_alone(&secrets_updated(&new, &secrets(lost)), &mapping(SCOPED));
        }
    }
}

#[test]
fn an_update_gets_the_secrets_back_of_its_own_namespace() {
    let in_bank = |lost: &str| {
        let sent = secrets_updated(&secrets(&["own"]), &secrets(&["own", lost]));
        with(sent, "/request/namespace", json!("bank"))
    };
    for lost in ["first", "of-bank", "for-bank"] {
        let answer = admit_twice(&in_bank(lost), &mapping(SCOPED));
        assert_eq!(answer.after["spec"]["imagePullSecrets"], secrets(&["own", lost]));
    }
    left_alone(&in_bank("of-shop"), &mapping(SCOPED));
}

#[test]
fn an_update_that_changes_the_other_secrets_gets_none_back() {
    for (new, old) in [
        (&["other"][..], &["own", "first"][..]),
        (&["own"], &["first", "own"]),
        (&["second"], &["first", "second"]),
        (&["own", "second"], &["own", "first", "second"]),
        (&["first"], &["first", "first"]),
        (&["own"], &["own", "first", "first"]),
        (&["first"], &["first", "second", "first"]),
        (&["own", "first", "other"], &["own", "first"]),
        (&["own", "first"], &["own", "first"]),
        (&["first"], &[]),
    ] {
        left_alone(&secrets_updated(&secrets(new), &secrets(old)), &mapping(SCOPED));
    }
    let nameless = |name: &str| json!([{}, {"name": name}]);
    left_alone(&secrets_updated(&json!([{}]), &secrets(&["first"])), &mapping(SCOPED));
    let answer = admit_twice(&secrets_updated(&json!([{}]), &nameless("first")), &mapping(SCOPED));
    assert_eq!(answer.after["spec"]["imagePullSecrets"], nameless("first"));
}

#[test]
fn a_pod_that_is_exempt_by_now_gets_its_secrets_back() {
    let sent = secrets_updated(&Value::Null, &secrets(&["first"]));
    let labels = json!({"detour.dev/rewrite": "disabled"});
    let answer =
        admit_twice(&with(sent, "/request/object/metadata/labels", labels), &mapping(SCOPED));
    assert_eq!(answer.after["spec"]["imagePullSecrets"], secrets(&["first"]));
}

#[test]
fn only_an_update_of_a_pod_itself_gets_secrets_back() {
    let sent = secrets_updated(&Value::Null, &secrets(&["first", "second"]));
    let ephemeral = json!([{"name": "debug", "image": "ghcr.io/a/b"}]);
    let sent = with(sent, "/request/object/spec/ephemeralContainers", ephemeral);
    assert_eq!(admit_twice(&sent, &private()).patch.len(), 1);
    for other in ["ephemeralcontainers", "status", "resize"] {
        let answer =
            admit_twice(&with(sent.clone(), "/request/subResource", json!(other)), &private());
        assert_eq!(answer.after["spec"]["imagePullSecrets"], Value::Null, "{other}");
        assert_eq!(answer.outcome.pull_secrets, [] as [String; 0]);
    }
    let [new, old] = ["object", "oldObject"]
        .map(|key| with(json!({}), "/spec/template/spec", sent["request"][key]["spec"].clone()));
    left_alone(&review("UPDATE", "apps/Deployment", &new, &old), &private());
}
