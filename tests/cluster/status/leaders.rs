//! One of several instances writes, and another one when it is gone.

use std::time::{Duration, Instant};

use detour::client::Limits;
use detour::kube::ErrorKind;
use detour::kube::lease::elector::Timing;
use detour::kube::path::{Collection, LEASES};
use serde_json::Value;

use super::Bed;
use super::instance::{Instance, LEASE};
use crate::control_plane::undisturbed;
use crate::wait::{tell, wait_until};

fn holder(bed: &Bed) -> Value {
    let path = format!("/apis/coordination.k8s.io/v1/namespaces/{}/leases/{LEASE}", bed.namespace);
    bed.api.get(&path)["spec"]["holderIdentity"].clone()
}

#[test]
fn another_writes_when_the_leader_is_gone() {
    let Some(cluster) = undisturbed() else { return };
    let bed = Bed::new(cluster, "leaders");
    let instances = [Instance::start(&bed.account), Instance::start(&bed.account)];
    bed.create("first", "mirror.example/first");
    let first = bed.wait_for("first", "True", "InForce");
    let managers: Vec<&str> = first["metadata"]["managedFields"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["subresource"] == "status")
        .map(|entry| entry["manager"].as_str().unwrap())
        .collect();
    assert_eq!(managers, ["detour-status"]);

    let leading = instances.iter().position(Instance::leads).unwrap();
    let (leader, other) = (&instances[leading], &instances[1 - leading]);
    assert!(!other.leads());
    assert_eq!(holder(&bed), leader.identity.as_str());
    leader.kill();
    let begin = Instant::now();
    bed.create("second", "mirror.example/first");
    bed.wait_for("second", "True", "InForce");
    let took = begin.elapsed();
    tell(&format!("a dead leader was succeeded after {:.1} s", took.as_secs_f32()));
    // The lease, a retry with its jitter, and what the machine takes.
    let Timing { lease, retry, .. } = Timing::STANDARD;
    assert!(took < lease + retry.mul_f64(1.2) + Duration::from_secs(8), "{took:?}");
    assert!(other.leads() && !leader.leads());
    assert_eq!(holder(&bed), other.identity.as_str());
    // It wrote what was new, and nothing else.
    assert_eq!(
        bed.get("first")["metadata"]["resourceVersion"],
        first["metadata"]["resourceVersion"]
    );
    wait_until("the audit log has both", || bed.writes() >= 2);
    assert_eq!(bed.writes(), 2);

    // Told to end, it leaves the Lease to whoever wants it.
    let third = Instance::start(&bed.account);
    other.write_back.release();
    assert!(!other.leads());
    let begin = Instant::now();
    bed.create("third", "mirror.example/first");
    bed.wait_for("third", "True", "InForce");
    let took = begin.elapsed();
    tell(&format!("a leader that left was succeeded after {:.1} s", took.as_secs_f32()));
    assert!(took < Timing::STANDARD.lease, "{took:?}");
    assert!(third.leads());
}

#[test]
fn the_rights_are_no_more_than_is_needed() {
    let Some(cluster) = undisturbed() else { return };
    let bed = Bed::new(cluster, "rights-status");
    let instance = Instance::start(&bed.account);
    wait_until("it leads", || instance.leads());
    let outdated = "detour_crd_outdated{definition=\"imagemaps.detour.dev\"}";
    wait_until("the definitions were read", || instance.metric(outdated) == Some(0));
    assert_eq!(instance.write_back.notices.lines(), [""; 0]);
    let api = bed.account.api(Limits::standard());
    let other = Collection::within(LEASES, bed.namespace.clone()).object("other");
    let error = api.get(&other).unwrap_err();
    assert!(matches!(error.kind, ErrorKind::Forbidden(_)), "{error:?}");
}
