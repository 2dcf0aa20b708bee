//! Two instances behind one address are replaced one after the other while
//! pods are created: not one call fails.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::control_plane::{ControlPlane, shared};
use crate::detour::{Instance, get, rules};
use crate::fixture::{MIRROR, is_rewritten, namespace};
use crate::forwarder;
use crate::objects::pod;
use crate::registration::{Registration, Webhook};
use crate::wait::{Together, tell, wait_until};

/// Pods that are created at least.
const CREATES: usize = 5_000;
/// Instances that are replaced at least.
const REPLACEMENTS: usize = 6;
const CLIENTS: usize = 8;
/// Pods that a client creates in a row, and how long it pauses then.
const BURST: usize = 100;
const PAUSE: Duration = Duration::from_millis(300);
/// How late the forwarder learns that an instance is ready, or no longer.
const LAG: Duration = Duration::from_millis(500);

/// The endpoints of a Service, as kube-proxy sees them.
#[derive(Default)]
struct Endpoints {
    /// Admission and operations address of each instance.
    known: Mutex<Vec<[SocketAddr; 2]>>,
    ready: Mutex<Vec<SocketAddr>>,
    turn: AtomicUsize,
}

impl Endpoints {
    /// Probes all instances from now on, as long as this process runs.
    fn start() -> Arc<Self> {
        let endpoints = Arc::new(Self::default());
        let probed = Arc::clone(&endpoints);
        thread::spawn(move || {
            loop {
                let known = probed.known.lock().unwrap().clone();
                let is_ready = |operations| {
                    get(operations, "/readyz").is_ok_and(|response| response.status == 200)
                };
                let ready = known.into_iter().filter(|[_, operations]| is_ready(*operations));
                *probed.ready.lock().unwrap() = ready.map(|[admission, _]| admission).collect();
                thread::sleep(LAG);
            }
        });
        endpoints
    }

    fn add(&self, instance: &Instance) {
        self.known.lock().unwrap().push([instance.admission, instance.operations]);
        wait_until("the instance is an endpoint", || {
            self.ready.lock().unwrap().contains(&instance.admission)
        });
    }

    fn next(&self) -> Option<SocketAddr> {
        let ready = self.ready.lock().unwrap();
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        ready.get(turn % ready.len().max(1)).copied()
    }
}

/// Replaces the older instance until `is_over`; counts in `replaced`.
fn roll(
    cluster: &'static ControlPlane,
    endpoints: &Endpoints,
    instances: &Mutex<VecDeque<Instance>>,
    (replaced, is_over): (&AtomicUsize, impl Fn() -> bool),
) {
    let start = || {
        let instance = Instance::start(cluster, &rules(MIRROR), &["--drain=3"]);
        endpoints.add(&instance);
        instance
    };
    instances.lock().unwrap().extend([start(), start()]);
    while !is_over() {
        let newest = start();
        instances.lock().unwrap().push_back(newest);
        let oldest = instances.lock().unwrap().pop_front();
        oldest.unwrap().terminate();
        replaced.fetch_add(1, Ordering::Relaxed);
    }
}

/// Creates pods, each of which has to be rewritten, until `is_over`.
fn create(
    cluster: &ControlPlane,
    namespace: &str,
    client: usize,
    (created, is_over): (&AtomicUsize, impl Fn() -> bool),
) {
    let api = cluster.api();
    let pods = format!("/api/v1/namespaces/{namespace}/pods");
    let mut number = 0;
    while !is_over() {
        let name = format!("pod-{client}-{number}");
        let stored = api.create(&pods, &pod(&name, "upstream.example/web:1"));
        assert!(is_rewritten(&stored), "{stored}");
        created.fetch_add(1, Ordering::Relaxed);
        number += 1;
        if number % BURST == 0 {
            // Meanwhile the API server keeps connections that nothing is sent on.
            thread::sleep(PAUSE);
        }
    }
}

#[test]
fn no_call_fails_while_two_instances_are_replaced_under_load() {
    let Some(cluster) = shared() else { return };
    let namespace = namespace(cluster, "rolling");
    let endpoints = Endpoints::start();
    let chosen = Arc::clone(&endpoints);
    let address = forwarder::start(Duration::ZERO, move || chosen.next());
    // Dropped after the registration: they must not be missed.
    let instances = Mutex::default();
    let (created, replaced) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let together = Together::default();
    let is_over = || {
        let enough = created.load(Ordering::Relaxed) >= CREATES;
        together.has_failed() || enough && replaced.load(Ordering::Relaxed) >= REPLACEMENTS
    };
    let mut begin = Instant::now();
    let registration = thread::scope(|scope| {
        let _part = together.part();
        scope.spawn(|| {
            let _part = together.part();
            roll(cluster, &endpoints, &instances, (&replaced, is_over));
        });
        wait_until("there is an endpoint", || endpoints.next().is_some());
        let webhook = Webhook {
            name: &format!("a-{namespace}"),
            url: &format!("https://{address}/mutate"),
            namespaces: &[&namespace],
            timeout_seconds: 10,
            never_fails: true,
        };
        let registration = Registration::new(cluster, &webhook, is_rewritten);
        begin = Instant::now();
        for client in 0..CLIENTS {
            let (created, namespace, is_over) = (&created, &namespace, &is_over);
            let part = together.part();
            scope.spawn(move || {
                let _part = part;
                create(cluster, namespace, client, (created, is_over));
            });
        }
        registration
    });
    let calls = registration.calls();
    tell(&format!(
        "{} creates in {:.1} s during {} replacements: {} calls answered, {} failed open, {} rejected",
        created.load(Ordering::Relaxed),
        begin.elapsed().as_secs_f32(),
        replaced.load(Ordering::Relaxed),
        calls.answered,
        calls.failed_open,
        calls.rejections
    ));
    assert_eq!((calls.failed_open, calls.rejections), (0, 0));
}
