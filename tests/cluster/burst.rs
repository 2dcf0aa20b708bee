//! More calls at once than Detour takes connections.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::control_plane::shared;
use crate::fixture::{Fixture, is_rewritten};
use crate::objects::pod;

const CONNECTIONS_MAX: usize = 64;
/// Requests that the API server has in hand at once; it keeps 25 idle
/// connections and closes the others after one call.
const CLIENTS: usize = 150;
const PODS_EACH: usize = 10;

#[test]
fn a_burst_of_more_calls_than_connections_loses_none() {
    let Some(cluster) = shared() else { return };
    let flag = format!("--max-connections={CONNECTIONS_MAX}");
    let fixture = Fixture::unregistered(cluster, "burst", &[&flag]).registered();
    let pods = fixture.path("pods");
    let rewritten = AtomicUsize::new(0);
    thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (pods, rewritten) = (&pods, &rewritten);
            scope.spawn(move || {
                let api = cluster.api();
                for number in 0..PODS_EACH {
                    let name = format!("pod-{client}-{number}");
                    let stored = api.create(pods, &pod(&name, "upstream.example/web:1"));
                    rewritten.fetch_add(is_rewritten(&stored).into(), Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(rewritten.into_inner(), CLIENTS * PODS_EACH);
}
