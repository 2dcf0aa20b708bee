//! With `failurePolicy: Ignore` no failure of Detour keeps a pod out.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use crate::control_plane::{ControlPlane, free_port, shared};
use crate::detour::{Instance, rules};
use crate::fixture::{MIRROR, is_rewritten, namespace};
use crate::forwarder;
use crate::objects::{images, pod};
use crate::registration::{Registration, Webhook};
use crate::wait::{Together, tell, wait_until};

/// Pods that are created during each outage.
const PODS: usize = 8;
/// Pods that are created at least while an instance is killed repeatedly.
const PODS_UNDER_LOAD: usize = 300;
const KILLS: usize = 5;

/// Registers a webhook that may fail.
fn register(cluster: &'static ControlPlane, namespace: &str, url: &str) -> Registration {
    let webhook = Webhook {
        name: &format!("a-{namespace}"),
        url,
        namespaces: &[namespace],
        timeout_seconds: 1,
        never_fails: false,
    };
    Registration::new(cluster, &webhook, is_rewritten)
}

/// Creates a pod, which has to be admitted; says whether it was rewritten.
fn admitted(cluster: &ControlPlane, namespace: &str, name: &str) -> bool {
    let pods = format!("/api/v1/namespaces/{namespace}/pods");
    let stored = cluster.api().create(&pods, &pod(name, "upstream.example/web:1"));
    let images = images(&stored);
    assert!([["upstream.example/web:1"], ["mirror.example/up/web:1"]].contains(&[images[0]]));
    is_rewritten(&stored)
}

/// Creates pods at once; every one is admitted as it was written.
fn assert_admitted_unchanged(
    cluster: &'static ControlPlane,
    namespace: &str,
    registration: &Registration,
) {
    let before = registration.calls();
    thread::scope(|scope| {
        for number in 0..PODS {
            let name = format!("unchanged-{number}");
            scope.spawn(move || assert!(!admitted(cluster, namespace, &name)));
        }
    });
    let after = registration.calls();
    assert_eq!(after.failed_open - before.failed_open, PODS as u64);
    assert_eq!(after.rejections, 0);
}

#[test]
fn pods_are_admitted_while_detour_is_stopped() {
    let Some(cluster) = shared() else { return };
    let namespace = namespace(cluster, "stopped");
    let detour = Instance::start(cluster, &rules(MIRROR), &["--drain=0"]);
    let registration = register(cluster, &namespace, &detour.url());
    let address = detour.admission;
    detour.terminate();
    assert_admitted_unchanged(cluster, &namespace, &registration);
    let _again = Instance::start_at(cluster, address, &rules(MIRROR), &[]);
    assert!(admitted(cluster, &namespace, "afterwards"), "at once");
}

#[test]
fn pods_are_admitted_while_detour_is_frozen() {
    let Some(cluster) = shared() else { return };
    let namespace = namespace(cluster, "frozen");
    let detour = Instance::start(cluster, &rules(MIRROR), &[]);
    let registration = register(cluster, &namespace, &detour.url());
    detour.signal(Signal::STOP);
    assert_admitted_unchanged(cluster, &namespace, &registration);
    detour.signal(Signal::CONT);
    assert!(admitted(cluster, &namespace, "afterwards"), "at once");
    assert!(detour.metrics().contains("detour_panics_total 0\n"));
}

#[test]
fn pods_are_admitted_while_detour_answers_too_slowly() {
    let Some(cluster) = shared() else { return };
    let namespace = namespace(cluster, "slow");
    let detour = Instance::start(cluster, &rules(MIRROR), &[]);
    let admission = detour.admission;
    let slow = forwarder::start(Duration::from_millis(1_500), move || Some(admission));
    let webhook = Webhook {
        name: &format!("a-{namespace}"),
        url: &format!("https://{slow}/mutate"),
        namespaces: &[&namespace],
        timeout_seconds: 1,
        never_fails: false,
    };
    let registration = Registration::new(cluster, &webhook, |_| true);
    wait_until("calls go the slow way", || {
        admitted(cluster, &namespace, &format!("probe-{}", free_port().port()));
        registration.calls().failed_open > 0
    });
    assert_admitted_unchanged(cluster, &namespace, &registration);
}

#[test]
fn pods_are_admitted_while_detour_is_killed_again_and_again() {
    let Some(cluster) = shared() else { return };
    let namespace = namespace(cluster, "killed");
    let address = free_port();
    let mut detour = Instance::start_at(cluster, address, &rules(MIRROR), &[]);
    let registration = register(cluster, &namespace, &detour.url());
    let (kills, created, rewritten) =
        (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    let together = Together::default();
    let is_over = || {
        let enough = created.load(Ordering::Relaxed) >= PODS_UNDER_LOAD;
        together.has_failed() || enough && kills.load(Ordering::Relaxed) >= KILLS
    };
    thread::scope(|scope| {
        let _part = together.part();
        for client in 0..4 {
            let (namespace, created, rewritten) = (&namespace, &created, &rewritten);
            let (is_over, part) = (&is_over, together.part());
            scope.spawn(move || {
                let _part = part;
                let mut number = 0;
                while !is_over() {
                    let name = format!("pod-{client}-{number}");
                    let done = usize::from(admitted(cluster, namespace, &name));
                    rewritten.fetch_add(done, Ordering::Relaxed);
                    created.fetch_add(1, Ordering::Relaxed);
                    number += 1;
                }
            });
        }
        for kill in 1..=KILLS {
            let enough = PODS_UNDER_LOAD / (KILLS + 1) * kill;
            wait_until("some pods more", || created.load(Ordering::Relaxed) >= enough);
            detour.kill();
            detour = Instance::start_at(cluster, address, &rules(MIRROR), &[]);
            kills.store(kill, Ordering::Relaxed);
        }
    });
    assert!(admitted(cluster, &namespace, "afterwards"));
    let calls = registration.calls();
    assert_eq!(calls.rejections, 0);
    tell(&format!(
        "killed {KILLS} times during {} creates: all admitted, {} rewritten, {} failed open",
        created.load(Ordering::Relaxed),
        rewritten.load(Ordering::Relaxed),
        calls.failed_open
    ));
}
