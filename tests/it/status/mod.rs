//! What is written back to the cluster, without one.

mod candidate;
mod changes;
mod definitions;
mod election;
mod planner;

use std::collections::BTreeMap;
use std::sync::Arc;

use detour::kube::{Key, Object, Objects};
use detour::rules::{Kind, MapId};
use detour::sources::verdict::{Reason, State, Verdict};
use detour::status::present::{Presence, Present};
use serde_json::{Value, json};

fn id(name: &str) -> MapId {
    MapId { kind: Kind::ImageMap, namespace: "a".to_owned(), name: name.to_owned() }
}

fn in_force(name: &str, generation: i64) -> Verdict {
    Verdict {
        id: id(name),
        uid: format!("{name}-uid"),
        generation,
        rules: 3,
        state: State::InForce,
        warnings: Vec::new(),
    }
}

fn conflict(name: &str, generation: i64, others: &[&str]) -> Verdict {
    let state = State::OutOfForce {
        reason: Reason::Conflict,
        message: "rule x conflicts".to_owned(),
        others: others.iter().map(|name| id(name)).collect(),
    };
    Verdict { state, ..in_force(name, generation) }
}

fn object(name: &str, version: u64, generation: i64, status: &Value) -> Object {
    let object = json!({
        "metadata": {"namespace": "a", "name": name, "uid": format!("{name}-uid"),
                     "resourceVersion": version.to_string(), "generation": generation},
        "spec": {"mode": "Enforce", "rules": []}, "status": status,
    });
    Object::parse(object.to_string().as_bytes()).unwrap()
}

fn present(object: &Object) -> Present {
    Present::read(object)
}

fn presence(objects: Vec<Object>) -> Presence {
    let objects: Objects = objects
        .into_iter()
        .map(|object| (object.key(), Arc::new(object)))
        .collect::<BTreeMap<Key, _>>();
    let mut presence = Presence::default();
    presence.update(Kind::ImageMap, &objects);
    presence
}
