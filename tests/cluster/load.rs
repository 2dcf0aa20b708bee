//! Pods that are created all the time while something else happens.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::control_plane::ControlPlane;
use crate::fixture::is_rewritten;
use crate::objects::pod;
use crate::wait::{Together, wait_until};

/// Clients that create pods at the same time.
pub(crate) const CLIENTS: usize = 3;
/// From one pod of a client to the next.
const PACE: Duration = Duration::from_millis(100);

/// What became of the pods.
#[derive(Default)]
pub(crate) struct Load {
    rewritten: AtomicUsize,
    unchanged: AtomicUsize,
    is_over: AtomicBool,
}

/// What a load amounts to in the end.
pub(crate) struct Total {
    /// Pods that were rewritten.
    pub(crate) rewritten: usize,
    /// Pods that were admitted as they were written.
    pub(crate) unchanged: usize,
    /// How many were created in a second.
    pub(crate) rate: f64,
}

impl Load {
    /// Waits until so many pods more were created.
    pub(crate) fn wait_for(&self, pods: usize) {
        let enough = self.created() + pods;
        wait_until("pods are created", || self.created() >= enough);
    }

    fn created(&self) -> usize {
        self.rewritten.load(Ordering::Relaxed) + self.unchanged.load(Ordering::Relaxed)
    }

    fn create(&self, cluster: &ControlPlane, namespace: &str, is_over: impl Fn() -> bool) {
        let api = cluster.api();
        let path = format!("/api/v1/namespaces/{namespace}/pods?dryRun=All");
        let pod = pod("load", "upstream.example/web:1");
        let begin = Instant::now();
        for number in 1.. {
            if is_over() {
                return;
            }
            let stored: Value = api.create(&path, &pod);
            let count = if is_rewritten(&stored) { &self.rewritten } else { &self.unchanged };
            count.fetch_add(1, Ordering::Relaxed);
            thread::sleep((PACE * number).saturating_sub(begin.elapsed()));
        }
    }
}

/// Creates pods in the namespace until `scenario` is over; every one has to be
/// admitted. They are not stored: only admission is of interest.
pub(crate) fn under_load(
    cluster: &ControlPlane,
    namespace: &str,
    scenario: impl FnOnce(&Load),
) -> Total {
    let (load, together, begin) = (Load::default(), Together::default(), Instant::now());
    thread::scope(|scope| {
        let _part = together.part();
        for _ in 0..CLIENTS {
            let (load, together) = (&load, &together);
            scope.spawn(move || {
                let _part = together.part();
                let is_over = || load.is_over.load(Ordering::Relaxed) || together.has_failed();
                load.create(cluster, namespace, is_over);
            });
        }
        scenario(&load);
        load.is_over.store(true, Ordering::Relaxed);
    });
    let rate = load.created() as f64 / begin.elapsed().as_secs_f64();
    let Load { rewritten, unchanged, .. } = load;
    Total { rewritten: rewritten.into_inner(), unchanged: unchanged.into_inner(), rate }
}
