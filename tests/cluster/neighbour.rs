//! Other servers that the API server calls: webhooks that patch
//! pods too, and a relay that shares calls out among instances of Detour.

use bumpalo::Bump;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use detour::server::{
    self, Answer, Head, Limits, Server, Service, Status, TlsSlot, Transport, served,
};
use detour::supervise;
use serde_json::{Value, json};

use crate::client::Client;
use crate::control_plane::ControlPlane;
use crate::detour::Instance;

const JSON: &str = "application/json";

/// Starts a server that runs as long as this process; gives its URL.
pub(crate) fn serve(cluster: &ControlPlane, service: impl Service) -> String {
    let (chain, key) = cluster.pki.server().parsed();
    let slot = Arc::new(TlsSlot::empty());
    slot.set(served(chain, key).unwrap());
    let socket = server::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let (supervisor, _events) = supervise::supervisor();
    let (transport, limits) = (Transport::Tls(slot), Limits::admission());
    let server =
        Server::start("neighbour", socket, transport, limits, Arc::new(service), &supervisor);
    format!("https://{}/mutate", server.unwrap().address())
}

/// Where an injector puts its container.
#[derive(Clone, Copy)]
pub(crate) enum Place {
    /// Before all containers.
    First,
    /// After all containers.
    Last,
    /// A native sidecar before all init containers, as service meshes do.
    Sidecar,
}

/// A webhook that patches what it is asked about.
pub(crate) struct Patcher<F>(pub(crate) F);

/// The patch that adds a container named `injected` to a new pod.
pub(crate) fn inject(request: &Value, place: Place, image: &str) -> Value {
    let spec = &request["object"]["spec"];
    let container = json!({"name": "injected", "image": image});
    let sidecar = json!({"name": "injected", "image": image, "restartPolicy": "Always"});
    let (list, path, value) = match place {
        Place::First => ("containers", "/spec/containers/0", container),
        Place::Last => ("containers", "/spec/containers/-", container),
        Place::Sidecar if spec["initContainers"].is_array() => {
            ("initContainers", "/spec/initContainers/0", sidecar)
        }
        Place::Sidecar => ("initContainers", "/spec/initContainers", json!([sidecar])),
    };
    let mut there = spec[list].as_array().into_iter().flatten();
    match there.any(|container| container["name"] == "injected") {
        true => json!([]),
        false => json!([{"op": "add", "path": path, "value": value}]),
    }
}

/// The patch that gives a pod a label which differs from call to call.
pub(crate) fn label(request: &Value) -> Value {
    let labels = json!({"seen": request["uid"]});
    json!([{"op": "add", "path": "/metadata/labels", "value": labels}])
}

impl<F: Fn(&Value) -> Value + Send + Sync + 'static> Service for Patcher<F> {
    fn check(&self, _head: &Head<'_>) -> Result<(), Answer> {
        Ok(())
    }

    fn answer(&self, _head: &Head<'_>, body: &[u8], _arena: &Bump) -> Answer {
        let review: Value = serde_json::from_slice(body).unwrap();
        let patch = (self.0)(&review["request"]);
        let answer = json!({
            "apiVersion": review["apiVersion"], "kind": review["kind"],
            "response": {
                "uid": review["request"]["uid"], "allowed": true,
                "patchType": "JSONPatch", "patch": STANDARD.encode(patch.to_string()),
            },
        });
        Answer::new(Status::Ok, JSON, answer.to_string().into_bytes())
    }

    fn panicked(&self, _head: &Head<'_>, _body: &[u8]) -> Answer {
        Answer::refusal(Status::InternalServerError)
    }
}

/// Passes each call on to the next of some instances, in turn.
pub(crate) struct Relay {
    instances: Vec<Client>,
    next: AtomicUsize,
}

impl Relay {
    pub(crate) fn new(cluster: &ControlPlane, instances: &[&Instance]) -> Self {
        let client = |instance: &&Instance| {
            Client::new(instance.admission, Some(cluster.pki.client_config(None)))
        };
        Self { instances: instances.iter().map(client).collect(), next: AtomicUsize::new(0) }
    }
}

impl Service for Relay {
    fn check(&self, _head: &Head<'_>) -> Result<(), Answer> {
        Ok(())
    }

    fn answer(&self, _head: &Head<'_>, body: &[u8], _arena: &Bump) -> Answer {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let instance = &self.instances[turn % self.instances.len()];
        let response = instance.send("POST", "/mutate", JSON, body).unwrap();
        assert_eq!(response.status, 200);
        Answer::new(Status::Ok, JSON, response.body)
    }

    fn panicked(&self, _head: &Head<'_>, _body: &[u8]) -> Answer {
        Answer::refusal(Status::InternalServerError)
    }
}
