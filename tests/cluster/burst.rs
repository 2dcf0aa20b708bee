//! More calls at once than Detour takes connections.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::control_plane::shared;
use crate::detour::{Instance, rules};
use crate::fixture::{MIRROR, is_rewritten, namespace};
use crate::objects::pod;
use crate::registration::{Registration, Webhook};

const CONNECTIONS_MAX: usize = 64;
/// Requests that the API server has in hand at once; it keeps 25 idle
/// connections and closes the others after one call.
const CLIENTS: usize = 150;
const PODS_EACH: usize = 10;

#[test]
fn a_burst_of_more_calls_than_connections_loses_none() {
    let Some(cluster) = shared() else { return };
    let namespace = namespace(cluster, "burst");
    let flag = format!("--max-connections={CONNECTIONS_MAX}");
    let detour = Instance::start(cluster, &rules(MIRROR), &[&flag]);
    let webhook = Webhook {
        name: &format!("a-{namespace}"),
        url: &detour.url(),
        namespaces: &[&namespace],
        timeout_seconds: 10,
        never_fails: true,
    };
    let _registration = Registration::new(cluster, &webhook, is_rewritten);
    let rewritten = AtomicUsize::new(0);
    thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (namespace, rewritten) = (&namespace, &rewritten);
            scope.spawn(move || {
                let api = cluster.api();
                let pods = format!("/api/v1/namespaces/{namespace}/pods");
                for number in 0..PODS_EACH {
                    let name = format!("pod-{client}-{number}");
                    let stored = api.create(&pods, &pod(&name, "upstream.example/web:1"));
                    rewritten.fetch_add(is_rewritten(&stored).into(), Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(rewritten.into_inner(), CLIENTS * PODS_EACH);
}
