//! A rollout takes a workload as a whole: its template, what is made from it,
//! and its pods, this time and the next.

use serde_json::{Value, json};

use super::support::{hub, left_alone, mapping, pod, review, update, with};
use crate::oracle;

const HALF: &str = "
apiVersion: detour.dev/v1alpha1
kind: ClusterImageMap
metadata: {name: canary}
spec:
  rollout: {percent: 50}
  rules:
    - {prefix: docker.io, to: mirror.example.com/hub}
";

fn spec() -> Value {
    pod(&["nginx"])["spec"].clone()
}

fn owned(metadata: Value, kind: &str, name: &str) -> Value {
    let owner = json!({"apiVersion": "x/v1", "kind": kind, "name": name, "controller": true});
    with(metadata, "/ownerReferences", json!([{"kind": "Other", "name": "other"}, owner]))
}

fn created(kind: &str, path: &str, metadata: &Value) -> Value {
    let object = with(json!({ "metadata": metadata }), path, spec());
    review("CREATE", kind, &object, &Value::Null)
}

/// Whether all of these, or none of them, are rewritten.
fn together(reviews: &[Value]) -> bool {
    let mapping = mapping(HALF);
    let is_rewritten = |review: &Value| {
        let answer = oracle::answer(review.to_string().as_bytes(), review, &mapping);
        !answer.expect("a review").patch.is_empty()
    };
    let first = is_rewritten(&reviews[0]);
    for review in reviews {
        assert_eq!(is_rewritten(review), first, "{review:#} and {:#}", reviews[0]);
    }
    first
}

/// Checks twenty names, of which some are in the rollout and some are not.
fn each_together(reviews_of: impl Fn(&str) -> Vec<Value>) {
    let names = (0..20).map(|number| format!("web-{number}"));
    let taken = names.filter(|name| together(&reviews_of(name))).count();
    assert!((1..20).contains(&taken), "{taken} of 20");
}

#[test]
fn a_deployment_counts_as_its_pods_do() {
    each_together(|name| {
        let of_hash = |hash: &str| {
            let replica_set = format!("{name}-{hash}");
            let labels = json!({"pod-template-hash": hash});
            let set = json!({"name": replica_set, "labels": labels});
            let pod = json!({"generateName": format!("{replica_set}-"), "labels": labels});
            [
                created("apps/ReplicaSet", "/spec/template/spec", &owned(set, "Deployment", name)),
                created("Pod", "/spec", &owned(pod, "ReplicaSet", &replica_set)),
            ]
        };
        let deployment =
            created("apps/Deployment", "/spec/template/spec", &json!({ "name": name }));
        [deployment].into_iter().chain(of_hash("6c8b655648")).chain(of_hash("abc")).collect()
    });
}

#[test]
fn a_cron_job_counts_as_its_pods_do() {
    let cron = "/spec/jobTemplate/spec/template/spec";
    each_together(|name| {
        let run = format!("{name}-29920859");
        let job = owned(json!({ "name": run }), "CronJob", name);
        vec![
            created("batch/CronJob", cron, &json!({ "name": name })),
            created("batch/Job", "/spec/template/spec", &job),
            created("Pod", "/spec", &owned(json!({"generateName": "x"}), "Job", &run)),
        ]
    });
}

#[test]
fn other_workloads_count_as_their_pods_do() {
    for kind in ["apps/StatefulSet", "apps/DaemonSet", "ReplicationController"] {
        each_together(|name| {
            let owner = kind.rsplit('/').next().expect("a kind");
            vec![
                created(kind, "/spec/template/spec", &json!({ "name": name })),
                created("Pod", "/spec", &owned(json!({"name": "x"}), owner, name)),
            ]
        });
    }
}

#[test]
fn a_pod_without_a_controller_counts_as_its_generate_name_else_its_name() {
    let pod = |metadata: Value| created("Pod", "/spec", &metadata);
    each_together(|name| {
        vec![
            pod(json!({ "name": name })),
            pod(json!({"name": name, "generateName": ""})),
            pod(json!({"generateName": name})),
            pod(json!({"generateName": name, "name": format!("{name}-x7k2p")})),
        ]
    });
}

#[test]
fn of_two_old_containers_with_one_name_the_first_counts() {
    let old = json!({"spec": {"containers": [
        {"name": "a", "image": "nginx"}, {"name": "a", "image": "redis"},
    ]}});
    let new = json!({"spec": {"containers": [{"name": "a", "image": "nginx"}]}});
    left_alone(&update(&new, &old), &hub());
}
