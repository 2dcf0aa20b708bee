//! `ImageMap` and `ClusterImageMap` objects, and their definitions.

use serde_json::{Value, json};

use crate::client::Api;
use crate::control_plane::ControlPlane;
use crate::wait::wait_until;

const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const GROUP: &str = "/apis/detour.dev/v1alpha1";

/// The definitions, as lax as can be: what is wrong reaches Detour.
fn definition(kind: &str, plural: &str, scope: &str) -> Value {
    let open = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.detour.dev")},
        "spec": {
            "group": "detour.dev", "scope": scope,
            "names": {"kind": kind, "plural": plural},
            "versions": [{
                "name": "v1alpha1", "served": true, "storage": true,
                "subresources": {"status": {}}, "schema": {"openAPIV3Schema": open},
            }],
        },
    })
}

/// Makes both definitions where they are not there, and waits until they are
/// served.
pub(crate) fn define(cluster: &ControlPlane) {
    let api = cluster.api();
    let kinds = [
        ("ClusterImageMap", "clusterimagemaps", "Cluster"),
        ("ImageMap", "imagemaps", "Namespaced"),
    ];
    for (kind, plural, scope) in kinds {
        let definition = definition(kind, plural, scope);
        let (status, answer) = api.request("POST", DEFINITIONS, "application/json", &definition);
        assert!([201, 409].contains(&status), "{answer}");
        wait_until("the definition is served", || {
            let path = format!("{GROUP}/{plural}");
            api.request("GET", &path, "application/json", &Value::Null).0 == 200
        });
    }
}

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

    pub(crate) fn delete(&self, name: &str) {
        self.api.delete(&format!("{}/{}", self.collection, self.name(name)));
    }
}

/// One rule that sends a registry elsewhere.
pub(crate) fn to(target: &str) -> Value {
    json!([{"name": "upstream", "prefix": "upstream.example", "to": target}])
}
