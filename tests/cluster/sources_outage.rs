//! The API server goes away for a while, under load and with many rules.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::control_plane::{ControlPlane, shared};
use crate::detour::Instance;
use crate::fixture::is_rewritten;
use crate::kube::own_plane::OwnPlane;
use crate::maps::{Maps, define, to};
use crate::objects::pod;
use crate::registration::{Registration, Webhook};
use crate::wait::{Together, tell, wait_until};

const MAPS: usize = 5;
const RULES_OF_MAP: usize = 4_000;
const CLIENTS: usize = 3;
/// Pods that are created at least before the outage, and after it.
const PODS: usize = 100;
/// How long a client pauses after a pod that was not stored.
const RETRY: Duration = Duration::from_millis(20);
/// How long the API server is away.
const OUTAGE: Duration = Duration::from_secs(5);

/// Creates pods until `is_over`; counts those that were stored. A pod that
/// was stored was rewritten; without an API server there is none.
fn create_pods(
    cluster: &ControlPlane,
    client: usize,
    stored: &AtomicUsize,
    is_over: impl Fn() -> bool,
) {
    let api = cluster.api();
    for number in 0.. {
        if is_over() {
            return;
        }
        let pod = pod(&format!("pod-{client}-{number}"), "upstream.example/web:1").to_string();
        let path = "/api/v1/namespaces/default/pods";
        match api.0.send("POST", path, "application/json", pod.as_bytes()) {
            Ok(answer) if answer.status == 201 => {
                let stored_pod: Value = answer.json();
                assert!(is_rewritten(&stored_pod), "{stored_pod}");
                stored.fetch_add(1, Ordering::Relaxed);
            }
            // Away, or not ready yet.
            Ok(_) | Err(_) => thread::sleep(RETRY),
        }
    }
}

#[test]
fn rules_outlive_the_api_server() {
    if shared().is_none() {
        return;
    }
    let Some(mut plane) = OwnPlane::start() else { return };
    let cluster = plane.cluster;
    define(cluster);
    let detour = Instance::start_asking(cluster, &["--source=api"]);
    let maps = Maps::within(cluster, "default");
    let begin = Instant::now();
    for map in 0..MAPS {
        let rule = |rule| {
            json!({"prefix": format!("registry-{map}.example/team-{rule}"),
                   "to": format!("mirror.example/{map}/team-{rule}")})
        };
        maps.create(&format!("map-{map}"), &(0..RULES_OF_MAP).map(rule).collect());
    }
    maps.create("upstream", &to("mirror.example/up"));
    wait_until("all rules are in force", || {
        detour.metric("detour_rules ") == (MAPS * RULES_OF_MAP + 1) as u64
    });
    let taken = begin.elapsed();
    let webhook = Webhook {
        name: "outage",
        url: &detour.url(),
        namespaces: &["default"],
        timeout_seconds: 10,
        never_fails: true,
    };
    let registration = Registration::new(cluster, &webhook, is_rewritten);
    let (stored, is_done, together) =
        (AtomicUsize::new(0), AtomicBool::new(false), Together::default());
    thread::scope(|scope| {
        let _part = together.part();
        for client in 0..CLIENTS {
            let (stored, is_done, together) = (&stored, &is_done, &together);
            scope.spawn(move || {
                let _part = together.part();
                let is_over = || is_done.load(Ordering::Relaxed) || together.has_failed();
                create_pods(cluster, client, stored, is_over);
            });
        }
        let _done = Done(&is_done);
        let so_far = || stored.load(Ordering::Relaxed);
        let enough = |count: usize| {
            wait_until("pods are created", || so_far() >= count || together.has_failed());
        };
        enough(PODS);
        plane.stop_api_server();
        let away = Instant::now();
        wait_until("it is missed", || detour.metric("detour_source_failing{") == 2);
        wait_until("the outage is over", || away.elapsed() >= OUTAGE);
        let (status, text) = detour.readiness();
        assert_eq!(status, 200, "{text}");
        assert!(text.contains("fault: source api/imagemaps: "), "{text}");
        assert_eq!(detour.metric("detour_rules "), (MAPS * RULES_OF_MAP + 1) as u64);
        plane.start_api_server();
        enough(so_far() + PODS);
        wait_until("Detour has caught up", || detour.metric("detour_source_failing{") == 0);
        // On a new connection.
        let maps = Maps::within(cluster, "default");
        maps.change("upstream", &to("mirror.example/new"));
        maps.delete("map-0");
        wait_until("what was changed since is in force", || {
            detour.metric("detour_rules ") == ((MAPS - 1) * RULES_OF_MAP + 1) as u64
        });
    });
    drop(registration);
    tell(&format!(
        "{} rules of {MAPS} maps in force after {:.1} s; {} pods, all rewritten, around {OUTAGE:?} without an API server",
        MAPS * RULES_OF_MAP,
        taken.as_secs_f32(),
        stored.load(Ordering::Relaxed)
    ));
}

/// Ends the load, also when the test fails.
struct Done<'d>(&'d AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
