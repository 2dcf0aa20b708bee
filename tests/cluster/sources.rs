//! Rules from objects: created, in conflict, mended and deleted in odd orders.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use serde_json::json;

use crate::control_plane::{ControlPlane, shared};
use crate::definitions::define;
use crate::detour::Instance;
use crate::fixture::{Fixture, image, namespace};
use crate::forwarder;
use crate::kube::own_plane::OwnPlane;
use crate::maps::{Maps, to};
use crate::wait::{wait_for, wait_until};

fn wait_for_image(cluster: &ControlPlane, namespace: &str, image_of: &str) {
    let expected = format!("{image_of}/web:1");
    wait_until(&format!("pods of {namespace} get {expected}"), || {
        image(cluster, namespace) == expected
    });
}

/// An instance that asks for objects, registered for these namespaces.
fn serving(cluster: &'static ControlPlane, namespace: &str, others: &[&str]) -> Fixture {
    let detour = Instance::start_asking(cluster, &["--source=api"]);
    let mut fixture = Fixture::with(cluster, namespace.to_owned(), detour);
    // Its first call shows; there may be no rule yet.
    fixture.register_for(others, |detour, _| detour.metric("detour_admissions_total{") > 0);
    fixture
}

/// Objects of one second have no age among them but their names.
fn a_second_later() {
    let second = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let before = second();
    wait_until("the next second", || second() > before);
}

#[test]
fn the_older_map_wins_and_the_other_follows_when_it_goes() {
    let Some(cluster) = shared() else { return };
    define(cluster);
    let namespace = namespace(cluster, "conflict");
    let maps = Maps::of_cluster(cluster, &namespace);
    let Fixture { detour, .. } = &serving(cluster, &namespace, &[]);
    maps.create("z-old", &to("old.example"));
    wait_for_image(cluster, &namespace, "old.example");
    a_second_later();
    maps.create("a-young", &to("young.example"));
    let conflict = format!(
        "ClusterImageMap {namespace}-a-young: the map is out of force, Conflict: rule upstream \
         conflicts with rule upstream of ClusterImageMap/{namespace}-z-old, which is older"
    );
    wait_until("the conflict is told", || detour.readiness().1.contains(&conflict));
    assert_eq!(image(cluster, &namespace), "old.example/web:1");
    let fresh = Instance::start_asking(cluster, &["--source=api"]);
    assert!(fresh.readiness().1.contains(&conflict), "every replica says the same");
    maps.change("a-young", &json!([{"prefix": "other.example", "to": "young.example"}]));
    wait_until("they agree", || !detour.readiness().1.contains(&namespace));
    maps.change("a-young", &to("young.example"));
    wait_until("they conflict again", || detour.readiness().1.contains(&conflict));
    maps.delete("z-old");
    wait_for_image(cluster, &namespace, "young.example");
    maps.create("z-old", &to("old.example"));
    let other = format!("ClusterImageMap {namespace}-z-old: the map is out of force, Conflict");
    wait_until("the new one is the younger", || detour.readiness().1.contains(&other));
    assert_eq!(image(cluster, &namespace), "young.example/web:1");
    maps.delete("a-young");
    wait_for_image(cluster, &namespace, "old.example");
    maps.delete("z-old");
    wait_for_image(cluster, &namespace, "upstream.example");
    assert!(detour.metrics().contains("detour_panics_total 0\n"));
}

#[test]
fn an_image_map_is_for_its_own_namespace_and_wrong_by_itself() {
    let Some(cluster) = shared() else { return };
    define(cluster);
    let (own, other) = (namespace(cluster, "own"), namespace(cluster, "other"));
    let Fixture { detour, .. } = &serving(cluster, &own, &[&other]);
    let (own_maps, other_maps) = (Maps::within(cluster, &own), Maps::within(cluster, &other));
    own_maps.create("web", &to("own.example"));
    wait_for_image(cluster, &own, "own.example");
    assert_eq!(image(cluster, &other), "upstream.example/web:1");
    other_maps.create("web", &to("other.example"));
    wait_for_image(cluster, &other, "other.example");
    assert_eq!(image(cluster, &own), "own.example/web:1");
    own_maps.change("web", &to("nowhere"));
    wait_for_image(cluster, &own, "upstream.example");
    let (status, text) = detour.readiness();
    assert_eq!(status, 200, "{text}");
    let begin =
        format!("fault: ImageMap {own}/web: the map is out of force, Invalid: rule upstream: ");
    assert!(text.contains(&begin), "{text}");
    assert_eq!(image(cluster, &other), "other.example/web:1", "the others stay");
    own_maps.change("web", &to("mended.example"));
    wait_for_image(cluster, &own, "mended.example");
    own_maps.delete("web");
    wait_for_image(cluster, &own, "upstream.example");
    other_maps.delete("web");
    wait_for_image(cluster, &other, "upstream.example");
}

#[test]
fn a_replica_is_not_ready_before_it_has_synced() {
    let Some(cluster) = shared() else { return };
    define(cluster);
    let namespace = namespace(cluster, "fresh");
    let maps = Maps::of_cluster(cluster, &namespace);
    maps.create("one", &to("fresh.example"));
    let is_open = Arc::new(AtomicBool::new(false));
    let (address, gate) = (cluster.address(), Arc::clone(&is_open));
    let way =
        forwarder::start(Duration::ZERO, move || gate.load(Ordering::Relaxed).then_some(address));
    let flag = format!("--kubeconfig={}", cluster.kubeconfig_of(way).display());
    let detour = Instance::start_unready(cluster, &["--source=api", &flag]);
    let text = wait_for("it has tried", || {
        let (status, text) = detour.readiness();
        assert_eq!(status, 503, "{text}");
        text.contains("fault: source api/imagemaps: ").then_some(text)
    });
    assert!(text.contains("missing: source api/clusterimagemaps\n"), "{text}");
    assert!(text.contains("source: api/imagemaps: not synced yet, for "), "{text}");
    is_open.store(true, Ordering::Relaxed);
    wait_until("it is ready", || detour.readiness().0 == 200);
    let (_, text) = detour.readiness();
    assert!(!text.contains("missing: "), "{text}");
    assert!(detour.metric("detour_source_rules{source=\"api/clusterimagemaps\"}") > 0);
    maps.delete("one");
}

#[test]
fn definitions_may_come_later() {
    if shared().is_none() {
        return;
    }
    let Some(plane) = OwnPlane::start() else { return };
    let detour = Instance::start_asking(plane.cluster, &["--source=api"]);
    let (_, text) = detour.readiness();
    assert!(text.contains("there is no kind ImageMap in this cluster"), "{text}");
    define(plane.cluster);
    Maps::within(plane.cluster, "default").create("web", &to("later.example"));
    wait_until("the rule is in force", || detour.metric("detour_rules ") == 1);
    wait_until("both kinds are seen", || !detour.readiness().1.contains("there is no kind"));
}
