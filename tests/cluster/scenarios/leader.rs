//! The instance that writes the statuses is killed.

use std::time::Instant;

use serde_json::json;

use super::Replicas;
use crate::control_plane::shared;
use crate::definitions::define;
use crate::detour::Instance;
use crate::kube::own_plane::OwnPlane;
use crate::load::{CLIENTS, under_load};
use crate::maps::{Maps, to};
use crate::wait::{tell, wait_for};

fn leads(instance: &Instance) -> bool {
    instance.metric("detour_leader") == 1
}

#[test]
fn another_instance_writes_when_the_leader_was_killed() {
    if shared().is_none() {
        return;
    }
    // Of its own: no other instance writes the statuses.
    let Some(plane) = OwnPlane::start() else { return };
    let cluster = plane.cluster;
    define(cluster);
    let maps = Maps::within(cluster, "default");
    maps.create("upstream", &to("mirror.example/up"));
    let kubeconfig = format!("--kubeconfig={}", cluster.kubeconfig.display());
    let mut replicas = Replicas::start(cluster, &["--source=api", &kubeconfig]);
    replicas.wait_until_ready();
    replicas.register(cluster, "default", false);
    let leader = wait_for("one leads", || replicas.instances.iter().position(leads));
    maps.wait_for("upstream", "True", "InForce");
    let mut took = None;
    let total = under_load(cluster, "default", |load| {
        load.wait_for(20);
        let mut leader = replicas.instances.remove(leader);
        // As the node's Service does as soon as it knows.
        replicas.service.remove(&leader);
        let killed = Instant::now();
        leader.kill();
        maps.create("another", &json!([{"prefix": "another.example", "to": "mirror.example/o"}]));
        maps.wait_for("another", "True", "InForce");
        took = Some(killed.elapsed());
        load.wait_for(20);
    });
    assert_eq!(replicas.instances.iter().filter(|instance| leads(instance)).count(), 1);
    let calls = replicas.registration.as_ref().unwrap().calls();
    tell(&format!(
        "the leader was killed: its successor wrote after {:.1} s; of {} pods at {:.0}/s {} were \
         in its hands and admitted unchanged; {} calls failed open, {} rejected",
        took.unwrap_or_default().as_secs_f32(),
        total.rewritten + total.unchanged,
        total.rate,
        total.unchanged,
        calls.failed_open,
        calls.rejections,
    ));
    assert!(total.unchanged <= CLIENTS, "{}", total.unchanged);
    assert_eq!((calls.failed_open, calls.rejections), (total.unchanged as u64, 0));
}
