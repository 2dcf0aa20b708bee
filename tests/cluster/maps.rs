//! `ImageMap` and `ClusterImageMap` objects.

use serde_json::{Value, json};

use crate::client::Api;
use crate::control_plane::ControlPlane;
use crate::wait::wait_for;

const GROUP: &str = "/apis/detour.dev/v1alpha1";

/// The maps of a namespace, or the cluster's.
pub(crate) struct Maps<'c> {
    api: Api,
    kind: &'static str,
    collection: String,
    /// The only namespace of a `ClusterImageMap`.
    namespace: &'c str,
}

impl<'c> Maps<'c> {
    /// `ImageMap`s.
    pub(crate) fn within(cluster: &ControlPlane, namespace: &'c str) -> Self {
        let collection = format!("{GROUP}/namespaces/{namespace}/imagemaps");
        Self { api: cluster.api(), kind: "ImageMap", collection, namespace }
    }

    /// `ClusterImageMap`s for one namespace; their names begin with its name.
    pub(crate) fn of_cluster(cluster: &ControlPlane, namespace: &'c str) -> Self {
        let collection = format!("{GROUP}/clusterimagemaps");
        Self { api: cluster.api(), kind: "ClusterImageMap", collection, namespace }
    }

    fn name(&self, name: &str) -> String {
        match self.kind {
            "ImageMap" => name.to_owned(),
            _ => format!("{}-{name}", self.namespace),
        }
    }

    fn spec(&self, rules: &Value) -> Value {
        match self.kind {
            "ImageMap" => json!({"rules": rules}),
            _ => json!({"rules": rules, "namespaces": [self.namespace]}),
        }
    }

    pub(crate) fn create(&self, name: &str, rules: &Value) -> Value {
        let object = json!({
            "apiVersion": "detour.dev/v1alpha1", "kind": self.kind,
            "metadata": {"name": self.name(name)}, "spec": self.spec(rules),
        });
        self.api.create(&self.collection, &object)
    }

    pub(crate) fn change(&self, name: &str, rules: &Value) {
        let path = format!("{}/{}", self.collection, self.name(name));
        self.api.patch(&path, &json!({"spec": self.spec(rules)}));
    }

    /// Waits for a condition of these words about the newest specification.
    pub(crate) fn wait_for(&self, name: &str, status: &str, reason: &str) -> Value {
        let path = format!("{}/{}", self.collection, self.name(name));
        wait_for(&format!("{path} is {status}, {reason}"), || {
            let object = self.api.get(&path);
            says(&object, status, reason).then_some(object)
        })
    }

    pub(crate) fn delete(&self, name: &str) {
        self.api.delete(&format!("{}/{}", self.collection, self.name(name)));
    }
}

/// Whether a map says this of its newest specification.
pub(crate) fn says(map: &Value, status: &str, reason: &str) -> bool {
    let ready = &map["status"]["conditions"][0];
    let generation = &map["metadata"]["generation"];
    ready["status"] == status
        && ready["reason"] == reason
        && ready["observedGeneration"] == *generation
        && map["status"]["observedGeneration"] == *generation
}

/// One rule that sends a registry elsewhere.
pub(crate) fn to(target: &str) -> Value {
    json!([{"name": "upstream", "prefix": "upstream.example", "to": target}])
}
