//! Certificates of a minute, under load.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::Replicas;
use crate::control_plane::shared;
use crate::long::lasting;
use crate::wait::{Together, tell};

/// Certificates after the first one, at least, and at length: one each half
/// minute or so.
const ROTATIONS: (usize, usize) = (5, 20);
/// Clients that all create a pod at the same moment: more than the API server
/// keeps connections, so that every time some are new.
const CLIENTS: usize = 32;
/// From one such moment to the next.
const PACE: Duration = Duration::from_secs(1);
/// Certificates and authorities live this long at most, and a rotation may
/// have to wait for a busy machine.
const TIME_MAX: (Duration, Duration) = (Duration::from_secs(600), Duration::from_secs(1_800));

#[test]
fn certificates_of_a_minute_are_rotated_without_a_failed_call() {
    let Some(cluster) = shared() else { return };
    let replicas = Replicas::started(cluster, "rotated", &["--tls-leaf-life=1m"]);
    let rotations_min = lasting(ROTATIONS.0, ROTATIONS.1);
    let time_max = lasting(TIME_MAX.0, TIME_MAX.1);
    let before = replicas.registration.calls();
    let begin = Instant::now();
    let (created, rotations) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let together = Together::default();
    let is_over = || together.has_failed() || rotations.load(Ordering::Relaxed) >= rotations_min;
    let mut authorities = BTreeSet::new();
    thread::scope(|scope| {
        let _part = together.part();
        for client in 0..CLIENTS {
            let (created, is_over, part) = (&created, &is_over, together.part());
            let replicas = &replicas;
            scope.spawn(move || {
                let _part = part;
                let api = cluster.api();
                for number in 1.. {
                    if is_over() {
                        break;
                    }
                    assert!(replicas.rewrites(&api, &format!("pod-{client}-{number}")));
                    created.fetch_add(1, Ordering::Relaxed);
                    thread::sleep((PACE * number).saturating_sub(begin.elapsed()));
                }
            });
        }
        let mut leaves = BTreeSet::new();
        while !is_over() {
            assert!(begin.elapsed() < time_max, "{} certificates", leaves.len());
            leaves.insert(replicas.data("tls.crt"));
            authorities.extend(replicas.bundle().split_inclusive("-----END").map(str::to_owned));
            rotations.store(leaves.len() - 1, Ordering::Relaxed);
            thread::sleep(PACE);
        }
    });
    let seconds = begin.elapsed().as_secs_f64();
    let created = created.into_inner();
    let calls = replicas.registration.calls();
    tell(&format!(
        "{created} creates in {seconds:.0} s over {rotations_min} rotations and {} authorities: \
         {} calls answered, {} failed open, {} rejected",
        authorities.len(),
        calls.answered - before.answered,
        calls.failed_open - before.failed_open,
        calls.rejections - before.rejections
    ));
    replicas.assert_no_failure_since(before);
    assert!(created as f64 / seconds >= 20.0, "{created} creates in {seconds} s");
    let served = replicas.metric("detour_certificate_failures_total");
    assert_eq!(served, 0.0, "no attempt failed");
}
