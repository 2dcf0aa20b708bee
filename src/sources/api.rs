//! Rules from the API server: `ImageMap` and `ClusterImageMap` objects.
//!
//! An object is read by the same reader as a document in a file. One that is
//! wrong is out of force by itself, on every replica alike, whatever it was
//! before; the others stay. An object that is being deleted counts until it is
//! gone, as everything else in the cluster does.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;
use serde_json::value::RawValue;

use super::board::Place;
use super::compiled::told;
use super::concerns;
use super::state::{Content, Update};
use super::verdict::{MESSAGE_BYTES_MAX, Reason, bounded};
use crate::kube::limits::WatchLimits;
use crate::kube::path::{Collection, Resource, Selection};
use crate::kube::watch::{self, Observer, Stop};
use crate::kube::{Api, ApiError, ErrorKind, Key, Metadata, Object, Objects};
use crate::rules::fault::{Fault, FaultKind};
use crate::rules::{self, API_GROUP, API_VERSION, ImageMap, Kind, MapId, Source, Text};

/// So many answers in a row that there is no such kind make it true for an
/// instance that has objects of it; one that has none believes the first.
const ABSENCES_MIN: u32 = 3;

/// The objects of a kind, as paths of the API name them.
pub const fn resource(kind: Kind) -> Resource {
    let plural = match kind {
        Kind::ClusterImageMap => "clusterimagemaps",
        Kind::ImageMap => "imagemaps",
    };
    Resource { group: API_GROUP, version: API_VERSION, plural }
}

/// The source's name on the board.
pub fn name(kind: Kind) -> String {
    format!("api/{}", resource(kind).plural)
}

/// An object, read and checked.
#[derive(Debug)]
pub struct Checked {
    /// As faults name it: `ImageMap NAMESPACE/NAME`.
    pub(super) name: String,
    pub(super) id: MapId,
    pub(super) uid: String,
    pub(super) generation: i64,
    pub(super) rules: usize,
    pub(super) outcome: Result<ImageMap, Faulty>,
    pub(super) warnings: Vec<Fault>,
}

/// Why an object is out of force whatever the others say.
#[derive(Debug)]
pub(super) struct Faulty {
    pub(super) reason: Reason,
    pub(super) message: String,
}

impl Checked {
    /// The map, unless it has a fault.
    pub fn map(&self) -> Option<&ImageMap> {
        self.outcome.as_ref().ok()
    }

    /// Reads an object and checks it.
    pub fn new(kind: Kind, object: &Object) -> Self {
        let Metadata { namespace, name, uid, generation, .. } = &object.metadata;
        let id = MapId { kind, namespace: namespace.clone(), name: name.clone() };
        let name = match kind {
            Kind::ClusterImageMap => format!("{} {name}", kind.as_str()),
            Kind::ImageMap => format!("{} {namespace}/{name}", kind.as_str()),
        };
        let text = Text { name: name.clone(), content: document(kind, object) };
        let mut loaded = rules::load(Source::Api, &[text]);
        let report = &mut loaded.report;
        report.faults.iter_mut().chain(&mut report.warnings).for_each(without_lines);
        let outcome = match (loaded.maps.pop(), report.faults.is_empty()) {
            (Some(mut map), true) => {
                without_lines(&mut map.place);
                let rules = Arc::get_mut(&mut map.rules).into_iter().flatten();
                rules.for_each(|rule| rule.line = 0);
                Ok(map)
            }
            _ => Err(faulty(&report.faults)),
        };
        let rules = match &outcome {
            Ok(map) => map.rules.len(),
            Err(_) => count(object),
        };
        let warnings = loaded.report.warnings;
        let (uid, generation) = (uid.clone(), generation.unwrap_or_default());
        Self { name, id, uid, generation, rules, outcome, warnings }
    }
}

/// The object as the document that a file would hold: what an object's
/// metadata and status hold besides is of no concern here.
fn document(kind: Kind, object: &Object) -> String {
    let Metadata { namespace, name, creation_timestamp, .. } = &object.metadata;
    let namespace = Some(namespace).filter(|namespace| !namespace.is_empty());
    let metadata =
        json!({"name": name, "namespace": namespace, "creationTimestamp": creation_timestamp});
    format!(
        r#"{{"apiVersion": "{API_GROUP}/{API_VERSION}", "kind": "{}", "metadata": {metadata}, "spec": {}}}"#,
        kind.as_str(),
        spec(object).unwrap_or("null")
    )
}

#[derive(Deserialize)]
struct OnlySpec<'o> {
    #[serde(borrow)]
    spec: Option<&'o RawValue>,
}

fn spec(object: &Object) -> Option<&str> {
    object.decode::<OnlySpec<'_>>().ok()?.spec.map(RawValue::get)
}

/// The rules of an object that is wrong, as far as they can be counted.
fn count(object: &Object) -> usize {
    #[derive(Deserialize)]
    struct Rules {
        #[serde(default)]
        rules: Vec<IgnoredAny>,
        default: Option<IgnoredAny>,
    }
    let rules = spec(object).and_then(|spec| serde_json::from_str(spec).ok());
    rules.map_or(0, |Rules { rules, default }| rules.len() + usize::from(default.is_some()))
}

/// An object has neither lines nor a number, and its name is said already.
fn without_lines(fault: &mut Fault) {
    fault.line = 0;
    fault.document = 0;
    fault.map = None;
}

fn faulty(faults: &[Fault]) -> Faulty {
    let has = |kind| faults.iter().any(|fault| fault.kind == kind);
    let reason = match (has(FaultKind::Invalid), has(FaultKind::Chain), has(FaultKind::Limit)) {
        (false, true, _) => Reason::Chain,
        (false, false, true) => Reason::Limit,
        _ => Reason::Invalid,
    };
    let message = faults.iter().map(told).collect::<Vec<_>>().join(" | ");
    Faulty { reason, message: bounded(message, MESSAGE_BYTES_MAX) }
}

/// Keeps the board informed of the objects of one kind, for ever: the body of
/// a vital thread.
pub fn run(api: &Api, kind: Kind, limits: WatchLimits, place: Place) {
    let selection = Selection::all(Collection::everywhere(resource(kind)));
    watch::run(api, &selection, limits, &Stop::default(), &mut Watched::new(kind, place));
}

/// An object, and what came of it.
type Known = (Arc<Object>, Arc<Checked>);

/// The objects of one kind, as the board was told.
pub struct Watched {
    kind: Kind,
    place: Place,
    known: Option<BTreeMap<Key, Known>>,
    /// In a row.
    absences: u32,
}

impl Watched {
    /// Tells nothing before the first list.
    pub fn new(kind: Kind, place: Place) -> Self {
        Self { kind, place, known: None, absences: 0 }
    }

    /// The object as it was checked before, if nothing changed that counts:
    /// a status is written after each change.
    fn checked(&self, key: &Key, object: &Arc<Object>) -> Arc<Checked> {
        let known = self.known.as_ref().and_then(|known| known.get(key));
        let same = known.filter(|(former, _)| {
            let (one, other) = (&former.metadata, &object.metadata);
            one.uid == other.uid
                && one.generation == other.generation
                && one.creation_timestamp == other.creation_timestamp
                && spec(former) == spec(object)
        });
        match same {
            Some((_, checked)) => Arc::clone(checked),
            None => Arc::new(Checked::new(self.kind, object)),
        }
    }

    fn is_absent(&self) -> bool {
        let needed = if self.known.is_some() { ABSENCES_MIN } else { 1 };
        self.absences >= needed
    }

    fn tell(&self) {
        let Some(known) = &self.known else { return };
        let objects = known.values().map(|(_, checked)| Arc::clone(checked)).collect();
        self.place.update(Update::Read(Content::Objects(objects)));
    }
}

impl Observer for Watched {
    fn changed(&mut self, objects: &Objects) {
        // Before the verdicts on them.
        self.place.seen(self.kind, objects);
        let checked = |(key, object): (&Key, &Arc<Object>)| {
            (key.clone(), (Arc::clone(object), self.checked(key, object)))
        };
        let new: BTreeMap<Key, Known> = objects.iter().map(checked).collect();
        let is_same = self.known.as_ref().is_some_and(|known| {
            known.keys().eq(new.keys())
                && known
                    .values()
                    .zip(new.values())
                    .all(|(one, other)| Arc::ptr_eq(&one.1, &other.1))
        });
        self.known = Some(new);
        if is_same {
            self.place.update(Update::InTouch);
        } else {
            self.tell();
        }
    }

    fn in_touch(&mut self) {
        let was_absent = self.is_absent();
        self.absences = 0;
        if was_absent {
            // A list that is as before tells no change.
            self.tell();
        }
        self.place.update(Update::InTouch);
    }

    fn failed(&mut self, error: ApiError, _: Duration) {
        if let ErrorKind::NotFound(_) = error.kind {
            self.absences = self.absences.saturating_add(1);
            if self.is_absent() {
                let why = format!("there is no kind {} in this cluster", self.kind.as_str());
                return self.place.update(Update::Absent(why));
            }
        }
        if concerns(&error.kind) {
            self.place.update(Update::Failed(error.to_string()));
        }
    }
}
