//! What an object says of itself: read as far as the status needs it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::kube::{Object, Objects};
use crate::rules::{Kind, MapId};

/// The type of the one condition.
pub const READY: &str = "Ready";

/// An object as it was last seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Present {
    /// Its uid.
    pub uid: String,
    /// Its version.
    pub version: String,
    /// The generation of its specification.
    pub generation: i64,
    /// Whether its mode is Observe.
    pub observes: bool,
    /// Its status; none when it has none, or a part of one only.
    pub status: Option<Status>,
}

/// A status, all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The generation that it is about; also that of the condition.
    pub generation: i64,
    /// How many rules there are.
    pub rules: i64,
    /// The condition `Ready`.
    pub ready: Ready,
}

/// The condition `Ready`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ready {
    /// `True` or `False`; what somebody else wrote may be another word.
    pub status: String,
    /// One word.
    pub reason: String,
    /// For people.
    pub message: String,
    /// Since when the status is that.
    pub since: String,
}

impl Status {
    /// As it stands in an object.
    pub fn json(&self) -> Value {
        let Ready { status, reason, message, since } = &self.ready;
        json!({
            "observedGeneration": self.generation,
            "rules": self.rules,
            "conditions": [{
                "type": READY,
                "status": status,
                "observedGeneration": self.generation,
                "lastTransitionTime": since,
                "reason": reason,
                "message": message,
            }],
        })
    }
}

#[derive(Deserialize)]
struct Wire {
    #[serde(default)]
    spec: SpecWire,
    #[serde(default)]
    status: StatusWire,
}

#[derive(Default, Deserialize)]
struct SpecWire {
    mode: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct StatusWire {
    observed_generation: Option<i64>,
    rules: Option<i64>,
    conditions: Vec<ConditionWire>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ConditionWire {
    #[serde(rename = "type")]
    kind: String,
    status: String,
    observed_generation: Option<i64>,
    last_transition_time: String,
    reason: String,
    message: String,
}

impl Present {
    /// Reads an object. What is not as it should be counts as not there.
    pub fn read(object: &Object) -> Self {
        let wire: Option<Wire> = object.decode().ok();
        let observes =
            wire.as_ref().is_some_and(|wire| wire.spec.mode.as_deref() == Some("Observe"));
        Self {
            uid: object.metadata.uid.clone(),
            version: object.metadata.resource_version.clone(),
            generation: object.metadata.generation.unwrap_or_default(),
            observes,
            status: wire.and_then(|wire| wire.status.whole()),
        }
    }

    /// Whether this is at least as new as that version of the object. Versions
    /// are numbers that grow, as Kubernetes promises since 1.35; of any others
    /// the one that was seen counts.
    pub fn is_as_new_as(&self, version: &str) -> bool {
        let number = |text: &str| text.parse::<u64>().ok();
        number(&self.version).is_none_or(|own| number(version).is_none_or(|other| own >= other))
    }
}

impl StatusWire {
    fn whole(self) -> Option<Status> {
        let ready = self.conditions.into_iter().find(|condition| condition.kind == READY)?;
        let generation = self.observed_generation?;
        // A condition about another generation is not one that we wrote.
        ready.observed_generation.filter(|observed| *observed == generation)?;
        Some(Status {
            generation,
            rules: self.rules?,
            ready: Ready {
                status: ready.status,
                reason: ready.reason,
                message: ready.message,
                since: ready.last_transition_time,
            },
        })
    }
}

/// All objects, each read once for each version.
#[derive(Debug, Default)]
pub struct Presence {
    known: BTreeMap<MapId, (Arc<Object>, Present)>,
}

impl Presence {
    /// The objects of that kind are now these.
    pub fn update(&mut self, kind: Kind, objects: &Objects) {
        let (mut others, mut former): (BTreeMap<_, _>, BTreeMap<_, _>) =
            std::mem::take(&mut self.known).into_iter().partition(|(id, _)| id.kind != kind);
        for (key, object) in objects {
            let id = MapId { kind, namespace: key.namespace.clone(), name: key.name.clone() };
            let known = former.remove(&id).filter(|(known, _)| Arc::ptr_eq(known, object));
            let read = known.unwrap_or_else(|| (Arc::clone(object), Present::read(object)));
            others.insert(id, read);
        }
        self.known = others;
    }

    /// The object of that name, if it is there.
    pub fn get(&self, id: &MapId) -> Option<&Present> {
        self.known.get(id).map(|(_, present)| present)
    }
}
