//! Changes maps on the API server, whatever is there.

use serde_json::{Value, json};

use super::makers::{Change, Random, spec};
use crate::client::Api;

const GROUP: &str = "/apis/detour.dev/v1alpha1";
/// Names of one kind in one namespace: few, so that they come again.
const NAMES: [&str; 4] = ["d", "c", "b", "a"];

pub(super) struct Driver {
    pub(super) api: Api,
    pub(super) namespaces: Vec<String>,
    pub(super) random: Random,
    /// What was done, for the report of a failure.
    pub(super) history: Vec<String>,
}

/// Where a map may be.
struct Slot {
    kind: &'static str,
    collection: String,
    name: &'static str,
}

impl Slot {
    fn path(&self) -> String {
        format!("{}/{}", self.collection, self.name)
    }

    fn object(&self, spec: &Value) -> Value {
        json!({"apiVersion": "detour.dev/v1alpha1", "kind": self.kind,
               "metadata": {"name": self.name}, "spec": spec})
    }
}

impl Driver {
    /// All maps that there are.
    pub(super) fn list(&self) -> Vec<Value> {
        let of_kind = |plural: &str, kind: &str| {
            let mut list = self.api.get(&format!("{GROUP}/{plural}"));
            let mut items = std::mem::take(list["items"].as_array_mut().unwrap());
            items.iter_mut().for_each(|item| item["kind"] = kind.into());
            items
        };
        let mut all = of_kind("imagemaps", "ImageMap");
        all.extend(of_kind("clusterimagemaps", "ClusterImageMap"));
        all
    }

    /// Does one thing.
    pub(super) fn step(&mut self) {
        let slot = self.slot();
        let (status, present) = self.api.request("GET", &slot.path(), JSON, &Value::Null);
        if status == 404 {
            let object = slot.object(&self.spec(&slot));
            self.note(&slot, "create", &object["spec"]);
            self.api.create(&slot.collection, &object);
        } else if present["metadata"]["deletionTimestamp"].is_string() {
            self.note(&slot, "let go", &Value::Null);
            self.api.patch(&slot.path(), &json!({"metadata": {"finalizers": null}}));
        } else {
            let change = Change::any(&mut self.random);
            self.change(change, &slot, present);
        }
    }

    /// Deletes everything.
    pub(super) fn clear(&mut self) {
        self.history.clear();
        for map in self.list() {
            let path = map["metadata"]["name"].as_str().unwrap();
            let path = match map["metadata"]["namespace"].as_str() {
                None => format!("{GROUP}/clusterimagemaps/{path}"),
                Some(namespace) => format!("{GROUP}/namespaces/{namespace}/imagemaps/{path}"),
            };
            let is_going = map["metadata"]["deletionTimestamp"].is_string();
            self.api.patch(&path, &json!({"metadata": {"finalizers": null}}));
            if !is_going {
                self.api.delete(&path);
            }
        }
    }

    fn slot(&mut self) -> Slot {
        let name = *self.random.of(&NAMES);
        match self.random.below(self.namespaces.len() + 2) {
            index if index < self.namespaces.len() => {
                let collection = format!("{GROUP}/namespaces/{}/imagemaps", self.namespaces[index]);
                Slot { kind: "ImageMap", collection, name }
            }
            _ => {
                let collection = format!("{GROUP}/clusterimagemaps");
                Slot { kind: "ClusterImageMap", collection, name }
            }
        }
    }

    fn spec(&mut self, slot: &Slot) -> Value {
        spec(&mut self.random, slot.kind, &self.namespaces)
    }

    fn note(&mut self, slot: &Slot, what: &str, spec: &Value) {
        self.history.push(format!("{what} {} {spec}", slot.path()));
    }

    fn change(&mut self, change: Change, slot: &Slot, present: Value) {
        let new = self.spec(slot);
        let told = if change.is_of_spec() { &new } else { &Value::Null };
        self.note(slot, &format!("{change:?}"), told);
        let path = slot.path();
        match change {
            Change::Replace => self.replace(&path, present, &new),
            Change::Patch => {
                let patch = json!([{"op": "replace", "path": "/spec", "value": new}]);
                self.send("PATCH", &path, "application/json-patch+json", &patch);
            }
            Change::Apply => {
                let path = format!("{path}?fieldManager=driver&force=true");
                self.send("PATCH", &path, "application/apply-patch+yaml", &slot.object(&new));
            }
            Change::Delete => drop(self.api.delete(&path)),
            Change::MakeAnew => {
                self.api.delete(&path);
                self.api.create(&slot.collection, &slot.object(&new));
            }
            Change::Label => {
                let label = self.random.below(1_000).to_string();
                self.api.patch(&path, &json!({"metadata": {"labels": {"some": label}}}));
            }
            Change::Forge => self.forge(&path),
            Change::Hold => {
                let finalizers = json!(["tests.detour.dev/hold"]);
                self.api.patch(&path, &json!({"metadata": {"finalizers": finalizers}}));
                self.api.delete(&path);
            }
        }
    }

    /// Again when the status was written meanwhile.
    fn replace(&self, path: &str, mut object: Value, spec: &Value) {
        loop {
            object["spec"] = spec.clone();
            match self.api.request("PUT", path, JSON, &object) {
                (200, _) => return,
                (409, _) => object = self.api.get(path),
                (status, answer) => panic!("PUT {path}: {status} {answer}"),
            }
        }
    }

    fn forge(&mut self, path: &str) {
        let word = *self.random.of(&["True", "False", "Unknown"]);
        let condition = json!({
            "type": "Ready", "status": word, "reason": "Forged", "message": "not so",
            "lastTransitionTime": "2020-01-01T00:00:00Z",
        });
        let status = json!({"rules": 77, "conditions": [condition]});
        self.api.patch(&format!("{path}/status"), &json!({"status": status}));
    }

    fn send(&self, method: &str, path: &str, media_type: &str, body: &Value) {
        let (status, answer) = self.api.request(method, path, media_type, body);
        assert_eq!(status, 200, "{method} {path}: {answer}");
    }
}

const JSON: &str = "application/json";
