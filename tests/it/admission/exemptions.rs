//! Pods that are left alone as a whole.

use detour::mapping::Mapping;
use detour::mapping::policy::{OptOut, Policy};
use detour::mapping::reason::Reason;
use serde_json::{Value, json};

use super::support::{
    HUB, MIRRORED, admit_twice, create, globs, left_alone, pod, review, update, with,
    with_originals, with_policy,
};

fn exempting() -> Mapping {
    let policy = Policy {
        exempt_namespaces: globs(&["kube-*", "detour"]),
        exempt_owners: globs(&["postgresql.cnpg.io/*", "core/ReplicationController"]),
        opt_outs: vec![OptOut {
            key: "sidecar.example.com/images".to_owned(),
            value: "disabled".to_owned(),
        }],
        label: Some(("patched".to_owned(), "yes".to_owned())),
        warnings: true,
    };
    with_policy(HUB, policy)
}

fn is_left_alone(review: &Value, reason: Reason) {
    let answer = left_alone(review, &exempting());
    assert_eq!(answer.reasons(), [reason], "{review}");
    assert_eq!(answer.review["response"].as_object().map(serde_json::Map::len), Some(2));
}

fn is_rewritten(review: &Value) {
    assert_eq!(admit_twice(review, &exempting()).reasons(), [Reason::Rewritten], "{review}");
}

fn deployment() -> Value {
    let spec = pod(&["nginx"])["spec"].clone();
    with(json!({"metadata": {"name": "web"}}), "/spec/template/spec", spec)
}

fn create_deployment(deployment: &Value) -> Value {
    review("CREATE", "apps/Deployment", deployment, &Value::Null)
}

#[test]
fn a_pod_opts_out_by_label_or_annotation() {
    for table in ["labels", "annotations"] {
        for key in ["detour.dev/rewrite", "sidecar.example.com/images"] {
            let pod = |value: &str| {
                with(pod(&["nginx"]), &format!("/metadata/{table}"), json!({key: value}))
            };
            is_left_alone(&create(&pod("disabled")), Reason::OptedOut);
            for value in ["enabled", "Disabled", "true", "", "disabled "] {
                is_rewritten(&create(&pod(value)));
            }
        }
        let other = json!({"detour.dev/rewrites": "disabled"});
        is_rewritten(&create(&with(pod(&["nginx"]), &format!("/metadata/{table}"), other)));
    }
}

#[test]
fn a_workload_opts_out_by_its_own_metadata_or_its_templates() {
    let opt_out = json!({"detour.dev/rewrite": "disabled"});
    for pointer in [
        "/metadata/labels",
        "/metadata/annotations",
        "/spec/template/metadata/labels",
        "/spec/template/metadata/annotations",
    ] {
        let object = with(deployment(), pointer, opt_out.clone());
        is_left_alone(&create_deployment(&object), Reason::OptedOut);
    }
    is_rewritten(&create_deployment(&deployment()));
}

#[test]
fn a_mirror_pod_is_left_alone() {
    let annotation = |key: &str| with(pod(&["nginx"]), "/metadata/annotations", json!({key: ""}));
    is_left_alone(&create(&annotation("kubernetes.io/config.mirror")), Reason::MirrorPod);
    is_rewritten(&create(&annotation("kubernetes.io/config.source")));
}

#[test]
fn a_pod_of_an_exempt_owner_is_left_alone() {
    let owned = |api_version: &str, kind: &str, controller: Value| {
        let owner =
            json!({"apiVersion": api_version, "kind": kind, "name": "x", "controller": controller});
        let owners = json!([null, {"kind": "Other"}, owner]);
        create(&with(pod(&["nginx"]), "/metadata/ownerReferences", owners))
    };
    for controller in [json!(true), json!(false), Value::Null] {
        let review = owned("postgresql.cnpg.io/v1", "Cluster", controller);
        is_left_alone(&review, Reason::ExemptOwner);
    }
    is_left_alone(&owned("v1", "ReplicationController", json!(true)), Reason::ExemptOwner);
    is_rewritten(&owned("apps/v1", "ReplicationController", json!(true)));
    is_rewritten(&owned("postgresql.cnpg.io", "Cluster", json!(true)));
    is_rewritten(&owned("apps/v1", "ReplicaSet", json!(true)));
    let owners = json!([{"apiVersion": "postgresql.cnpg.io/v1", "kind": "Pooler", "name": "x"}]);
    let pooler = with(deployment(), "/metadata/ownerReferences", owners);
    is_left_alone(&create_deployment(&pooler), Reason::ExemptOwner);
}

#[test]
fn an_exempt_namespace_is_left_alone() {
    let within =
        |namespace: &str| with(create(&pod(&["nginx"])), "/request/namespace", json!(namespace));
    for namespace in ["kube-system", "kube-", "detour"] {
        is_left_alone(&within(namespace), Reason::ExemptNamespace);
    }
    for namespace in ["detour-2", "kube", "shop"] {
        is_rewritten(&within(namespace));
    }
}

#[test]
fn the_requests_namespace_counts_and_not_what_the_object_says() {
    let lying = with(pod(&["nginx"]), "/metadata/namespace", json!("kube-system"));
    is_rewritten(&create(&lying));
    let mut review = create(&lying);
    review["request"].as_object_mut().expect("an object").remove("namespace");
    is_left_alone(&review, Reason::ExemptNamespace);
}

#[test]
fn what_is_left_alone_keeps_even_our_own_annotation() {
    let originals = json!({"containers/c0": "nginx", "containers/gone": "x"});
    let exempt = |image: &str| {
        let object =
            with(pod(&[image]), "/metadata/labels", json!({"detour.dev/rewrite": "disabled"}));
        with_originals(object, &originals)
    };
    is_left_alone(&create(&exempt("quay.io/a")), Reason::OptedOut);
    is_left_alone(&create(&exempt(MIRRORED)), Reason::OptedOut);
    let not_yet = with_originals(pod(&[MIRRORED]), &originals);
    is_left_alone(&update(&exempt(MIRRORED), &not_yet), Reason::OptedOut);
}

#[test]
fn an_exempt_pods_entry_goes_when_the_user_changes_the_image() {
    let exempt = |image: &str| {
        with(pod(&[image, "x"]), "/metadata/labels", json!({"detour.dev/rewrite": "disabled"}))
    };
    let originals = json!({"containers/c0": "nginx", "containers/c1": "y"});
    let old = with_originals(exempt(MIRRORED), &originals);
    let new = with_originals(exempt("nginx:2"), &originals);
    let answer = admit_twice(&update(&new, &old), &exempting());
    assert_eq!(answer.reasons(), [Reason::OptedOut, Reason::OptedOut]);
    assert_eq!(answer.originals(), json!({"containers/c1": "y"}));
}

#[test]
fn an_exemption_counts_in_every_request() {
    let label = json!({"detour.dev/rewrite": "disabled"});
    let exempt = |image: &str| with(pod(&[image]), "/metadata/labels", label.clone());
    is_left_alone(&update(&exempt("nginx"), &exempt("redis")), Reason::OptedOut);
    let debug = json!([{"name": "debug", "image": "nginx"}]);
    let debugged = update(&with(exempt("a"), "/spec/ephemeralContainers", debug), &exempt("a"));
    let debugged = with(debugged, "/request/subResource", json!("ephemeralcontainers"));
    is_left_alone(&debugged, Reason::OptedOut);
}
