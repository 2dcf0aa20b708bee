//! The client of the API server against one that follows a script.

mod account;
mod calls;
mod connection;
mod events;
mod followed;
mod kubeconfig;
mod lease;
mod lists;
mod model;
mod properties;
mod proxied;
mod reflect;
pub(crate) mod script;
mod statuses;
mod watches;

use std::path::Path;
use std::time::{Duration, Instant};

use detour::client::Limits;
use detour::kube::path::{CONFIG_MAPS, Collection, ObjectPath, Selection};
use detour::kube::{Api, CredentialError};
use serde_json::{Value, json};

use crate::directory::Directory;
use script::Server;

/// Ends a test that hangs; no test passes by waiting for it.
const GUARD: Duration = Duration::from_secs(20);

/// Limits that no test reaches unless it shortens one.
pub(crate) const LIMITS: Limits = Limits {
    resolve: GUARD,
    connect: GUARD,
    handshake: GUARD,
    send: GUARD,
    head: GUARD,
    body: GUARD,
    ..Limits::standard()
};

/// A service account's files, as the kubelet mounts them.
pub(crate) struct Account(Directory);

impl Account {
    pub(crate) fn new(authority: &str) -> Self {
        let account = Self(Directory::new());
        account.write("ca.crt", authority);
        account.write("token", "first\n");
        account.write("namespace", "detour\n");
        account
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path().join(name), text).unwrap();
    }

    fn path(&self) -> &Path {
        &self.0
    }

    /// As the pod of this account, with the server at that host.
    fn api_at(&self, host: &str, port: u16, limits: Limits) -> Result<Api, CredentialError> {
        let variable = |name: &str| match name {
            "KUBERNETES_SERVICE_HOST" => Some(host.to_owned()),
            "KUBERNETES_SERVICE_PORT" => Some(port.to_string()),
            _ => None,
        };
        Api::in_cluster(variable, self.path(), limits)
    }

    pub(crate) fn api(&self, server: &Server, limits: Limits) -> Api {
        self.api_at("127.0.0.1", server.address.port(), limits).unwrap()
    }
}

fn config_maps() -> Collection {
    Collection::within(CONFIG_MAPS, "a")
}

fn all() -> Selection {
    Selection::all(config_maps())
}

fn named(name: &str) -> ObjectPath {
    config_maps().object(name)
}

/// Waits until something holds, which it does soon.
fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < GUARD, "not yet: {what}");
        std::thread::yield_now();
    }
}

/// A ConfigMap in the namespace `a`, of the uid `NAME-uid`.
fn config_map(name: &str, version: u64) -> Value {
    json!({"metadata": {
        "namespace": "a", "name": name, "uid": format!("{name}-uid"),
        "resourceVersion": version.to_string(), "creationTimestamp": "2026-01-01T00:00:00Z",
    }, "data": {"version": version.to_string()}})
}

/// A whole list.
fn list(version: u64, items: &[Value]) -> Value {
    json!({"kind": "ConfigMapList", "apiVersion": "v1",
           "metadata": {"resourceVersion": version.to_string()}, "items": items})
}

/// A line of a watch.
fn event(kind: &str, object: &Value) -> String {
    format!("{}\n", json!({"type": kind, "object": object}))
}

fn bookmark(version: u64) -> String {
    let metadata = json!({"resourceVersion": version.to_string(), "creationTimestamp": null});
    event("BOOKMARK", &json!({"kind": "ConfigMap", "apiVersion": "v1", "metadata": metadata}))
}

/// What the API server answers instead of an object.
pub(crate) fn status(code: u16, reason: &str, message: &str) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
           "message": message, "reason": reason, "code": code})
}
