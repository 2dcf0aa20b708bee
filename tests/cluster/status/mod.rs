//! What is written back: statuses, events, leadership, on a real API server.
//!
//! Instances run in this process, as a service account with exactly the rights
//! of `rights.yaml`.

mod conflicts;
mod instance;
mod leaders;
mod process;

use serde_json::{Value, json};

use crate::client::Api;
use crate::control_plane::ControlPlane;
use crate::definitions::define;
use crate::fixture::namespace;
use crate::maps::says;
use crate::wait::wait_for;
use instance::Account;

/// A namespace of its own, where an instance's Lease and the maps are.
struct Bed {
    cluster: &'static ControlPlane,
    api: Api,
    namespace: String,
    account: Account,
}

impl Bed {
    fn new(cluster: &'static ControlPlane, name: &str) -> Self {
        define(cluster);
        let namespace = namespace(cluster, name);
        let account = Account::new(cluster, &namespace);
        Self { cluster, api: cluster.api(), namespace, account }
    }

    fn maps(&self) -> String {
        format!("/apis/detour.dev/v1alpha1/namespaces/{}/imagemaps", self.namespace)
    }

    fn create(&self, name: &str, to: &str) -> Value {
        self.api.create(&self.maps(), &map("ImageMap", name, to))
    }

    /// Where the images of `docker.io` go from now on.
    fn edit(&self, name: &str, to: &str) {
        let patch = json!({"spec": {"rules": [rule(to)]}});
        self.api.patch(&format!("{}/{name}", self.maps()), &patch);
    }

    fn delete(&self, name: &str) {
        self.api.delete(&format!("{}/{name}", self.maps()));
    }

    fn get(&self, name: &str) -> Value {
        self.api.get(&format!("{}/{name}", self.maps()))
    }

    /// Waits for a condition of these words about the newest specification.
    fn wait_for(&self, name: &str, status: &str, reason: &str) -> Value {
        wait_for(&format!("{name} is {status}, {reason}"), || {
            let object = self.get(name);
            says(&object, status, reason).then_some(object)
        })
    }

    /// Reason, type and note of the events of a map, in the order of time.
    fn events(&self, name: &str) -> Vec<(String, String, String)> {
        let path = format!("/apis/events.k8s.io/v1/namespaces/{}/events", self.namespace);
        let list = self.api.get(&path);
        let mut events: Vec<&Value> = list["items"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|event| event["regarding"]["name"] == name)
            .collect();
        events.sort_by_key(|event| event["eventTime"].as_str().unwrap().to_owned());
        let text = |event: &Value, field: &str| event[field].as_str().unwrap().to_owned();
        events
            .iter()
            .map(|event| (text(event, "reason"), text(event, "type"), text(event, "note")))
            .collect()
    }

    /// Requests for a status in this namespace, by the audit log: also those
    /// that changed nothing.
    fn writes(&self) -> usize {
        let is_one = |event: &Value| {
            event["objectRef"]["apiGroup"] == "detour.dev"
                && event["objectRef"]["subresource"] == "status"
                && event["objectRef"]["namespace"] == self.namespace.as_str()
        };
        self.cluster.audit_events().iter().filter(|event| is_one(event)).count()
    }
}

fn rule(to: &str) -> Value {
    json!({"name": "hub", "prefix": "docker.io", "to": to})
}

fn map(kind: &str, name: &str, to: &str) -> Value {
    json!({
        "apiVersion": "detour.dev/v1alpha1", "kind": kind,
        "metadata": {"name": name, "labels": {"test": "status"}}, "spec": {"rules": [rule(to)]},
    })
}
