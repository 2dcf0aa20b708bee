//! The API server that Detour asks goes away for a while, under load and with
//! many rules; another one goes on calling it.

use std::thread;
use std::time::{Duration, Instant, UNIX_EPOCH};

use serde_json::{Value, json};

use super::Replicas;
use crate::control_plane::{ControlPlane, shared};
use crate::definitions::define;
use crate::detour::Instance;
use crate::fixture::image;
use crate::kube::own_plane::OwnPlane;
use crate::load::under_load;
use crate::long::lasting;
use crate::maps::{Maps, to};
use crate::wait::{tell, wait_until};

const MAPS: usize = 5;
const RULES_OF_MAP: usize = 4_000;
const RULES: u64 = (MAPS * RULES_OF_MAP) as u64;
/// How long the API server is away.
const OUTAGE: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(120));
/// How often it is looked at what is in force meanwhile.
const LOOK: Duration = Duration::from_millis(100);
/// Pods that are created at least before the outage, and after it.
const PODS: usize = 40;

/// Maps with many rules; the last two are the cluster's.
fn create_many(cluster: &ControlPlane) {
    let of_namespace = Maps::within(cluster, "default");
    let of_cluster = Maps::of_cluster(cluster, "default");
    for map in 0..MAPS {
        let rule = |rule| {
            json!({"prefix": format!("registry-{map}.example/team-{rule}"),
                   "to": format!("mirror.example/{map}/team-{rule}")})
        };
        let maps = if map < MAPS - 2 { &of_namespace } else { &of_cluster };
        maps.create(&format!("map-{map}"), &(0..RULES_OF_MAP).map(rule).collect());
    }
}

/// What every map says of itself: how often each word, and the rules of all.
fn said(cluster: &ControlPlane) -> (Vec<String>, u64) {
    let output = cluster.kubectl(&["get", "im,cim", "--all-namespaces", "--output=json"], "");
    let list: Value = serde_json::from_slice(&output.stdout).unwrap();
    let items = list["items"].as_array().unwrap();
    let word = |item: &Value| {
        let ready = &item["status"]["conditions"][0];
        let is_new = item["status"]["observedGeneration"] == item["metadata"]["generation"];
        if is_new { ready["status"].to_string() } else { String::new() }
    };
    let rules = items.iter().filter_map(|item| item["status"]["rules"].as_u64()).sum();
    (items.iter().map(word).collect(), rules)
}

fn last_sync(instance: &Instance) -> u64 {
    let metrics = instance.metrics();
    let begin = "detour_source_last_sync_timestamp_seconds{";
    let values = metrics.lines().filter(|line| line.starts_with(begin));
    values.map(|line| line.rsplit(' ').next().unwrap().parse().unwrap()).min().unwrap()
}

fn now() -> u64 {
    UNIX_EPOCH.elapsed().unwrap().as_secs()
}

/// Nothing is forgotten while the API server is away, nor made up.
fn watch_outage(cluster: &ControlPlane, replicas: &Replicas, outage: Duration) {
    let away = Instant::now();
    let missing = "detour_source_failing{";
    replicas.wait_until("it is missed", |instance| instance.metric(missing) == 2);
    // They cannot know it: it is in force when they can.
    Maps::within(cluster, "default").change("upstream", &to("mirror.example/new"));
    while away.elapsed() < outage {
        assert_eq!(image(cluster, "default"), "mirror.example/up/web:1");
        thread::sleep(LOOK);
    }
    for instance in &replicas.instances {
        let (status, text) = instance.readiness();
        assert_eq!(status, 200, "{text}");
        assert!(text.contains("fault: source api/imagemaps: "), "{text}");
        assert_eq!(instance.metric("detour_rules "), RULES + 1);
        assert!(now() - last_sync(instance) >= outage.as_secs() - 1, "the age tells it");
    }
}

#[test]
fn rules_outlive_the_api_server() {
    if shared().is_none() {
        return;
    }
    let Some(plane) = OwnPlane::start() else { return };
    let cluster = plane.cluster;
    define(cluster);
    let mut asked = plane.another_api_server();
    let kubeconfig = format!("--kubeconfig={}", cluster.kubeconfig_of(asked.address).display());
    let mut replicas = Replicas::start(cluster, &["--source=api", &kubeconfig]);
    replicas.wait_until_ready();
    let maps = Maps::within(cluster, "default");
    let (empty, begin) = (replicas.instances[0].resident_mebibytes(), Instant::now());
    create_many(cluster);
    maps.create("upstream", &to("mirror.example/up"));
    replicas
        .wait_until("all is in force", |instance| instance.metric("detour_rules ") == RULES + 1);
    let in_force = begin.elapsed();
    let all_true = |count: usize| (vec!["\"True\"".to_owned(); count], RULES + 1);
    wait_until("every map says so", || said(cluster) == all_true(MAPS + 1));
    tell(&format!(
        "{RULES} rules of {MAPS} maps in force on 3 replicas {:.1} s after the first was sent, \
         told after {:.1} s; {empty} MiB resident before, {:?} after",
        in_force.as_secs_f32(),
        begin.elapsed().as_secs_f32(),
        replicas.instances.iter().map(Instance::resident_mebibytes).collect::<Vec<_>>(),
    ));
    replicas.register(cluster, "default", true);
    let outage = lasting(OUTAGE.0, OUTAGE.1);
    let mut recovered = [Duration::ZERO; 3];
    let total = under_load(cluster, "default", |load| {
        load.wait_for(PODS);
        asked.stop();
        watch_outage(cluster, &replicas, outage);
        asked.start();
        let back = (Instant::now(), now());
        replicas.wait_until("it has caught up", |instance| {
            instance.metric("detour_source_failing{") == 0 && last_sync(instance) >= back.1
        });
        recovered[0] = back.0.elapsed();
        wait_until("what was changed meanwhile is in force", || {
            (0..2 * replicas.instances.len())
                .all(|_| image(cluster, "default") == "mirror.example/new/web:1")
        });
        recovered[1] = back.0.elapsed();
        maps.wait_for("upstream", "True", "InForce");
        recovered[2] = back.0.elapsed();
        maps.delete("map-0");
        let left = RULES + 1 - RULES_OF_MAP as u64;
        replicas.wait_until("a map is gone", |instance| instance.metric("detour_rules ") == left);
        load.wait_for(PODS);
    });
    assert_eq!(total.unchanged, 0);
    tell(&format!(
        "{outage:?} without the API server: {} pods at {:.0}/s, all rewritten by the last good \
         rules; after its return all had synced within {:.1?}, used what had changed within \
         {:.1?}, and its status was written within {:.1?}",
        total.rewritten, total.rate, recovered[0], recovered[1], recovered[2],
    ));
}
